//! What every request for a page goes through, before and after its handler.
//!
//! Before: whose it is, whether it comes too often, and of a form, whether it is one of ours. No handler sees a form that
//! was not looked at here. After: the headers of every answer.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ipnet::IpNet;
use tokio::time::timeout;
use tracing::warn;
use zeroize::Zeroizing;

use super::forwarded::{Peer, client, unheard};
use super::repeat::{self, Sent};
use super::{Context, Form, Shared, forgery};
use crate::gate::translated::{Nat64, fold};
use crate::portal::pages::error::Trouble;
use crate::portal::pages::routes;

/// The longest form, in bytes. What a browser answers for a passkey is its longest field by far.
pub(crate) const BODY_BYTES_MAX: usize = 65_536;
/// How long a form may take to arrive.
pub(crate) const BODY_WAIT: Duration = Duration::from_secs(20);
/// How long a request may take. The daemon is asked at most for a minute at once.
pub(crate) const REQUEST_WAIT: Duration = Duration::from_secs(120);
/// Forms that an address may send in a minute. Thousands of people may share one.
pub(crate) const FORMS_A_MINUTE: NonZeroU32 = NonZeroU32::new(600).unwrap();
/// Sign-ins among them. Guessing is ended by the daemon much sooner; this is for machines that run wild.
pub(crate) const SIGN_INS_A_MINUTE: NonZeroU32 = NonZeroU32::new(120).unwrap();

const FORM: &str = "application/x-www-form-urlencoded";
/// Of IPv6 a network is one customer.
const CUSTOMER_PREFIX: u8 = 64;

/// Who is counted together: an address, or an IPv6 network; `None`: whoever has none.
pub(crate) type Source = Option<IpAddr>;

/// Whose burst it is.
fn source(address: Option<IpAddr>) -> Source {
    address.map(|address| match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(_) => {
            IpNet::new(address, CUSTOMER_PREFIX).map_or(address, |network| network.trunc().network())
        }
    })
}

/// The address of the browser.
pub(super) fn address(shared: &Shared, peer: Option<Peer>, headers: &HeaderMap) -> Option<IpAddr> {
    let listen = &shared.settings.listen;
    // Nobody says who connected: a mistake of ours, and nobody is believed.
    let peer = peer?;
    if unheard(peer, headers, &listen.trusted_proxies) && shared.unheard_once() {
        warn!(
            ?peer,
            "somebody passes requests on and is not in listen.trusted_proxies: what it says is not believed, and \
             everybody behind it has its address"
        );
    }
    let address = client(peer, headers, listen.proxy_header, &listen.trusted_proxies);
    // The site's own translators are known to the daemon only, which folds once more.
    address.and_then(|address| fold(address, &Nat64::NONE))
}

/// Around every page.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let address = address(&shared, peer, request.headers());
    let path = request.uri().path().to_owned();
    let mut context = Context::new(&shared, address, request.method(), &path, request.headers());
    let answered = timeout(REQUEST_WAIT, pass(&shared, &mut context, request, next)).await;
    answered.unwrap_or_else(|_| {
        warn!(path, "a request took too long");
        context.trouble(Trouble::Unavailable)
    })
}

async fn pass(shared: &Arc<Shared>, context: &mut Context, mut request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads {
        request.extensions_mut().insert(context.clone());
        return next.run(request).await;
    }
    let from = source(context.visitor.address);
    let signs_in = context.path == routes::SIGN_IN;
    if !shared.forms.allows(&from, Some(FORMS_A_MINUTE))
        || (signs_in && !shared.sign_ins.allows(&from, Some(SIGN_INS_A_MINUTE)))
    {
        return context.trouble(Trouble::TooMany);
    }
    let (mut parts, body) = request.into_parts();
    let (form, sent) = match form(context, &parts.headers, body).await {
        Ok(read) => read,
        Err(trouble) => return context.trouble(trouble),
    };
    if let Err(refused) = is_ours(shared, context, &parts.headers, &form) {
        let ours = forgery::from_our_site(&parts.headers, &shared.settings.site.url);
        return match sent.filter(|_| ours) {
            Some(sent) => repeat::taken_in(shared, context, &sent).await.unwrap_or(*refused),
            None => *refused,
        };
    }
    if let Some(sent) = &sent
        && let Some(answer) = repeat::answered(shared, context, sent).await
    {
        return answer;
    }
    parts.extensions.insert(context.clone());
    parts.extensions.insert(form);
    let request = Request::from_parts(parts, axum::body::Body::empty());
    match sent {
        Some(sent) => repeat::act(shared, context, sent, request, next).await,
        None => next.run(request).await,
    }
}

/// Whether a form was sent from a page of ours to this browser; else the answer to it.
fn is_ours(
    shared: &Shared,
    context: &mut Context,
    headers: &HeaderMap,
    form: &Form,
) -> Result<(), Box<Response>> {
    let url = &shared.settings.site.url;
    let has_token = context.is_form_token(form.get("csrf"));
    let from_our_site = forgery::from_our_site(headers, url);
    let other = forgery::under_another_name(headers, url, has_token);
    if let Some(came) = other.as_deref().filter(|_| shared.astray_once()) {
        warn!(
            came,
            expected = url.as_str(),
            "browsers reach the portal under another address than site.url: forms of some are refused, and links and \
             passkeys are for the other address"
        );
    }
    match (from_our_site, has_token, other) {
        (true, true, _) => Ok(()),
        // A second tap, or a page that lay open while somebody signed in elsewhere: led on, and nothing is looked at.
        (true, false, _) if context.path == routes::SIGN_IN && context.has_session() => {
            Err(Box::new(context.go(routes::HOME)))
        }
        (false, _, Some(_)) => Err(Box::new(context.trouble(Trouble::Address))),
        _ => Err(Box::new(context.trouble(Trouble::Form))),
    }
}

/// The fields of a request's body; and what it is known by if it is sent again, where that would do anything.
async fn form(
    context: &Context,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<(Form, Option<Sent>), Trouble> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(FORM) {
        return Err(Trouble::Form);
    }
    let whole = Limited::new(body, BODY_BYTES_MAX).collect();
    let body = match timeout(BODY_WAIT, whole).await {
        Ok(Ok(body)) => Zeroizing::new(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Trouble::TooLarge),
        Ok(Err(_)) | Err(_) => return Err(Trouble::Form),
    };
    let form = Form::read(&body).ok_or(Trouble::TooLarge)?;
    let sent = Some(&context.path).filter(|path| *path != routes::LANGUAGE);
    let sent = sent.and_then(|path| Sent::of(path, &form, &body));
    Ok((form, sent))
}

/// Around every answer, pages or not.
pub(super) async fn dress(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    shared.headers.add(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_with_ipv6_has_a_network() {
        let of = |text: &str| source(text.parse().ok()).unwrap().to_string();
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(source(None), None);
    }
}
