//! A form that is sent twice acts once, and both are answered alike: see [`crate::gate::repeats`].
//!
//! The portal keeps nothing: of several portals behind one address each may get one of two taps. So the daemon is asked
//! whether a form is a repeat, and keeps the answer, which only the form itself can open: its key is made of the random
//! number in it ([`NUMBER`]), which the daemon is not told.
//!
//! What a repeat may get: the answer to the very same fields from the same session. So whoever has a token that was
//! rotated away, and no more than that, gets nothing, and acts on nothing: the number was in a page that only the browser
//! saw. The new token in the answer is the one that the first tap was given, good or ended as it is by then; none is made
//! for a repeat. A browser that took the first answer in already shows the new token, or none after signing out, and is
//! told the same once more; one that shows any other session is not made to go back to an older one.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use super::guard::REQUEST_WAIT;
use super::{Context, Form, Shared, cookies};
use crate::api::Nothing;
use crate::api::portal::{FormAnswered, FormKnown, FormSent, FormState, Hidden, PortalError};
use crate::entropy::Entropy;
use crate::gate::seal::NONCE_BYTES;
use crate::portal::control::target;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::routes;

/// The field with a page's number.
pub(crate) const NUMBER: &str = "once";
/// Random bytes of it.
const NUMBER_BYTES: usize = 16;
/// How often a repeat asks whether the first one is answered.
const ASKED_AGAIN: Duration = Duration::from_millis(100);
/// How long it does; then it is led on.
const PATIENCE: Duration = Duration::from_secs(60);

/// A number for the forms of a page that is made now.
pub(super) fn number(entropy: &Entropy) -> String {
    BASE64URL_NOPAD.encode(&entropy.bytes::<NUMBER_BYTES>())
}

/// A form that was sent: what the daemon knows it by, and what seals its answer.
pub(super) struct Sent {
    tag: String,
    key: Zeroizing<[u8; 32]>,
}

/// An answer as it was given.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    /// `None`: it has no number of ours, from a page of an older version or from a program, and acts each time.
    pub(super) fn of(path: &str, form: &Form, body: &[u8]) -> Option<Self> {
        let number = BASE64URL_NOPAD.decode(form.get(NUMBER).as_bytes()).ok()?;
        if number.len() != NUMBER_BYTES {
            return None;
        }
        // The number is in the body, with the token of the session.
        let digest = |label: &str| -> [u8; 32] {
            let length = (path.len() as u64).to_be_bytes();
            Sha256::new()
                .chain_update(label)
                .chain_update(length)
                .chain_update(path)
                .chain_update(body)
                .finalize()
                .into()
        };
        let key = Zeroizing::new(digest("sidegate-portal answer to a form\0"));
        Some(Self { tag: BASE64URL_NOPAD.encode(&digest("sidegate-portal form that was sent\0")), key })
    }

    fn seal(&self, kept: &Kept, entropy: &Entropy) -> Option<Hidden> {
        let plain = Zeroizing::new(serde_json::to_vec(kept).ok()?);
        let nonce: [u8; NONCE_BYTES] = entropy.bytes();
        let sealed =
            XChaCha20Poly1305::new((&*self.key).into()).encrypt(&XNonce::from(nonce), &**plain).ok()?;
        Some(Hidden::new(BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat())))
    }

    fn open(&self, sealed: &Hidden) -> Option<Kept> {
        let bytes = BASE64URL_NOPAD.decode(sealed.reveal().as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let plain =
            XChaCha20Poly1305::new((&*self.key).into()).decrypt(&XNonce::from(*nonce), sealed).ok()?;
        serde_json::from_slice(&Zeroizing::new(plain)).ok()
    }
}

impl Kept {
    fn of(response: &axum::http::response::Parts, body: &[u8]) -> Option<Self> {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        Some(Self {
            status: response.status.as_u16(),
            headers: response.headers.iter().map(header).collect::<Option<_>>()?,
            body: std::str::from_utf8(body).ok()?.to_owned(),
        })
    }

    /// What it made of the session: the new token, empty for none; `None`: it left it as it was.
    fn session(&self) -> Option<&str> {
        // The last one counts, as it does for the browser.
        let lines = self.headers.iter().rev().filter(|(name, _)| name == SET_COOKIE.as_str());
        let mut pairs = lines.filter_map(|(_, line)| line.split(';').next()?.split_once('='));
        pairs.find(|(name, _)| *name == cookies::SESSION).map(|(_, value)| value)
    }

    fn response(self) -> Option<Response> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).ok()?;
        for (name, value) in self.headers {
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(name == SET_COOKIE.as_str());
            response.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
        }
        Some(response)
    }
}

async fn ask(shared: &Shared, context: &Context, sent: &Sent, acts: bool) -> Result<FormKnown, PortalError> {
    let asked = FormSent { form: sent.tag.clone(), acts };
    shared.control.ask(context.asking(), Method::POST, &target(&["forms"]), Some(&asked)).await
}

/// What is known of a form once it is not under way any more.
async fn settled(
    shared: &Shared,
    context: &Context,
    sent: &Sent,
    acts: bool,
) -> Result<FormKnown, PortalError> {
    let began = Instant::now();
    loop {
        let known = ask(shared, context, sent, acts).await?;
        if known.state != FormState::UnderWay || began.elapsed() >= PATIENCE {
            return Ok(known);
        }
        sleep(ASKED_AGAIN).await;
    }
}

/// The answer to a form that carries the right token, if it was sent before; `None`: it is for this one to act.
pub(super) async fn answered(shared: &Shared, context: &mut Context, sent: &Sent) -> Option<Response> {
    // Where the daemon cannot be asked, whoever acts says so in the words of its page.
    let known =
        settled(shared, context, sent, true).await.ok().filter(|known| known.state != FormState::New)?;
    let kept = known.answer.and_then(|answer| sent.open(&answer)).and_then(Kept::response);
    // Too long to be kept, or still under way: the page shows what became of it.
    Some(kept.unwrap_or_else(|| {
        let path = context.path.clone();
        context.go(if routes::shown(&path) { &path } else { routes::HOME })
    }))
}

/// The answer to a form whose token is good no more because the answer to the first one was taken in already.
pub(super) async fn taken_in(shared: &Shared, context: &Context, sent: &Sent) -> Option<Response> {
    let answer = settled(shared, context, sent, false).await.ok()?.answer?;
    let kept = sent.open(&answer)?;
    kept.session().is_some_and(|session| context.is_session(session)).then(|| kept.response())?
}

/// Lets a form act, and leaves its answer for a repeat. What was begun is done though nobody waits for it any more: a
/// browser drops its connection as it sends the form again.
pub(super) async fn act(
    shared: &Arc<Shared>,
    context: &mut Context,
    sent: Sent,
    request: Request,
    next: Next,
) -> Response {
    let (shared, mut inside) = (Arc::clone(shared), context.clone());
    let acted = tokio::spawn(async move {
        let answered = timeout(REQUEST_WAIT, next.run(request)).await;
        let response = answered.unwrap_or_else(|_| inside.trouble(Trouble::Unavailable));
        left(&shared, &mut inside, &sent, response).await
    });
    acted.await.unwrap_or_else(|_| context.trouble(Trouble::Unavailable))
}

/// Leaves an answer with the daemon. Of our own trouble nothing is left: that is tried again.
async fn left(shared: &Shared, context: &mut Context, sent: &Sent, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return context.trouble(Trouble::Unavailable) };
    let answer = (!parts.status.is_server_error()).then(|| {
        let kept = Kept::of(&parts, &body).and_then(|kept| sent.seal(&kept, &shared.entropy));
        kept.filter(|kept| kept.reveal().len() <= SEALED_CHARS_MAX).unwrap_or_default()
    });
    let answered = FormAnswered { form: sent.tag.clone(), answer };
    let told: Result<Nothing, PortalError> =
        shared.control.ask(context.asking(), Method::PUT, &target(&["forms"]), Some(&answered)).await;
    // It is in the log; this one is answered all the same.
    drop(told);
    Response::from_parts(parts, Body::from(body))
}

/// The longest sealed answer in base64url.
const SEALED_CHARS_MAX: usize = crate::gate::repeats::ANSWER_BYTES_MAX * 4 / 3;
const _: () = assert!(SEALED_CHARS_MAX + 1_000 < crate::api::BODY_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::LOCATION;

    fn sent(path: &str, body: &str) -> Option<Sent> {
        Sent::of(path, &Form::read(body.as_bytes()).expect("a form"), body.as_bytes())
    }

    fn body(entropy: &Entropy) -> String {
        format!("csrf=abc&once={}&name=Phone", number(entropy))
    }

    fn kept(lines: &[&str]) -> Kept {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/passwords"));
        for line in lines {
            response.headers_mut().append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
        }
        Kept::of(&response.into_parts().0, "ß".as_bytes()).unwrap()
    }

    #[test]
    fn the_same_fields_at_the_same_path_are_a_repeat_and_nothing_else_is() {
        let entropy = Entropy::from_seed(1);
        let (body, other) = (body(&entropy), body(&entropy));
        let one = sent("/passwords/new", &body).unwrap();
        assert_eq!(one.tag, sent("/passwords/new", &body).unwrap().tag);
        for (path, body) in [
            ("/passwords/profile", body.clone()),
            ("/passwords/new", body.replace("Phone", "Tablet")),
            ("/passwords/new", body.replace("csrf=abc", "csrf=abd")),
            ("/passwords/new", other),
        ] {
            let other = sent(path, &body).unwrap();
            assert_ne!(other.tag, one.tag, "{path} {body}");
            assert!(other.open(&one.seal(&kept(&[]), &entropy).unwrap()).is_none(), "{path} {body}");
        }
        for wrong in ["", "once=", "once=abc", "once=a%20b", &format!("once={}", "A".repeat(23))] {
            assert!(sent("/passwords/new", wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_was_and_is_sealed_until_then() {
        let entropy = Entropy::from_seed(2);
        let one = sent("/sign-in/code", &body(&entropy)).unwrap();
        let set = "__Host-sidegate=t0ken; Path=/; Secure";
        let sealed = one.seal(&kept(&[set, "__Host-sidegate-said=a.b; Path=/"]), &entropy).unwrap();
        let bytes = BASE64URL_NOPAD.decode(sealed.reveal().as_bytes()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"t0ken"));
        let response = one.open(&sealed).unwrap().response().unwrap();
        assert!(response.status() == StatusCode::SEE_OTHER && response.headers()[LOCATION] == "/passwords");
        let set: Vec<&HeaderValue> = response.headers().get_all(SET_COOKIE).iter().collect();
        assert!(set.len() == 2 && set.iter().all(|value| value.is_sensitive()));
        assert!(one.open(&Hidden::new(sealed.reveal().replace(|c: char| c.is_ascii_digit(), "A"))).is_none());
    }

    #[test]
    fn it_is_known_what_an_answer_made_of_the_session() {
        assert_eq!(kept(&[]).session(), None);
        assert_eq!(kept(&["__Host-sidegate-said=a.b; Path=/"]).session(), None);
        assert_eq!(kept(&["__Host-sidegate=abc; Path=/", "x=y"]).session(), Some("abc"));
        assert_eq!(kept(&["__Host-sidegate=; Path=/; Max-Age=0"]).session(), Some(""));
        assert_eq!(kept(&["__Host-sidegate=abc; Path=/", "__Host-sidegate=; Max-Age=0"]).session(), Some(""));
    }
}
