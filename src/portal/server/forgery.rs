//! Whether a form was sent from a page of ours: its token, and what the browser says of where it comes from.
//!
//! The token is derived from the session's, or before sign-in from a random cookie, and is good for nothing else. The
//! browser's word (Fetch Metadata, or `Origin`) is asked besides: a page of somebody else that learned a token has none.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::api::portal::Hidden;
use crate::config::portal::Origin;
use crate::gate::clean::clean;

const FETCH_SITE: &str = "sec-fetch-site";

/// What a token is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root<'a> {
    /// The session's token.
    Session(&'a Hidden),
    /// The random cookie of whoever has no session.
    Before(&'a Hidden),
}

/// The token of all forms of that browser.
pub(crate) fn token(root: Root<'_>) -> String {
    let (label, secret) = match root {
        Root::Session(secret) => ("sidegate-portal form of a session\0", secret),
        Root::Before(secret) => ("sidegate-portal form before sign-in\0", secret),
    };
    let digest = Sha256::new().chain_update(label).chain_update(secret.reveal()).finalize();
    BASE64URL_NOPAD.encode(&digest)
}

/// Whether this token came back, in constant time.
pub(crate) fn is_token(root: Root<'_>, came: &str) -> bool {
    token(root).as_bytes().ct_eq(came.as_bytes()).into()
}

/// Whether the browser says that a form was sent from our own site, or by its user alone. Browsers that say neither are
/// too old to keep our cookies from others.
pub(crate) fn from_our_site(headers: &HeaderMap, site: &Origin) -> bool {
    match only(headers, FETCH_SITE) {
        Some(said) => matches!(said, b"same-origin" | b"none"),
        None => only(headers, ORIGIN.as_str()) == Some(site.as_str().as_bytes()),
    }
}

/// The origin that a browser names, where it is our own page's under an address that the settings do not know: the form
/// has our token, the browser says that it is the same site, or that it asked for that very host. `None`: it is the one
/// in the settings, or may be somebody else's.
pub(crate) fn under_another_name(headers: &HeaderMap, site: &Origin, has_token: bool) -> Option<String> {
    let origin = std::str::from_utf8(only(headers, ORIGIN.as_str())?).ok()?;
    let authority = origin.split_once("://").map(|(_, authority)| authority)?;
    let here = match only(headers, FETCH_SITE) {
        Some(said) => said == b"same-origin",
        None => has_token || only(headers, HOST.as_str()) == Some(authority.as_bytes()),
    };
    (here && origin != site.as_str()).then(|| clean(origin).into_owned())
}

/// What a header says; two answers are none.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Some(b"") } else { first.map(|line| line.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use crate::config::portal::Portal;
    use axum::http::{HeaderName, HeaderValue};

    fn site() -> Origin {
        let text = "listen.path = '/run/x'\n[site]\nurl = 'https://account.example.org'".to_owned();
        Portal::from_sources(&[Source { name: String::new(), text }]).unwrap().site.url
    }

    fn ours(headers: &[(&str, &str)]) -> bool {
        let header = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(header) {
            map.append(name, value);
        }
        from_our_site(&map, &site())
    }

    #[test]
    fn a_token_belongs_to_its_session_and_says_nothing_of_it() {
        let (one, other) = (Hidden::new("one"), Hidden::new("other"));
        let text = token(Root::Session(&one));
        assert!(is_token(Root::Session(&one), &text) && !text.contains("one"));
        for wrong in [token(Root::Session(&other)), token(Root::Before(&one)), String::new(), "one".into()] {
            assert!(!is_token(Root::Session(&one), &wrong), "{wrong}");
        }
    }

    #[test]
    fn a_form_comes_from_our_site_or_not_at_all() {
        assert!(ours(&[("sec-fetch-site", "same-origin")]));
        assert!(ours(&[("sec-fetch-site", "none")]));
        assert!(ours(&[("origin", "https://account.example.org")]));
        for wrong in [
            &[("sec-fetch-site", "cross-site"), ("origin", "https://account.example.org")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://account.example.org")],
            &[("origin", "https://account.example.org.evil.example")],
            &[("origin", "https://account.example.org:444")],
            &[("origin", "null")],
            &[("referer", "https://account.example.org/")],
            &[],
        ] {
            assert!(!ours(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn our_own_page_under_another_address_is_told_from_somebody_else_s() {
        let site = site();
        let told = |lines: &[(&'static str, &str)], has_token| {
            let lines = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
            under_another_name(&lines.collect(), &site, has_token)
        };
        let other = ("origin", "https://portal.example.net");
        let some = Some("https://portal.example.net".to_owned());
        assert_eq!(told(&[other], true), some, "a form of ours");
        assert_eq!(
            told(&[other, ("host", "portal.example.net")], false),
            some,
            "the host that was asked for"
        );
        assert_eq!(told(&[other, ("sec-fetch-site", "same-origin")], false), some);
        for wrong in [
            &[other][..],
            &[other, ("host", "account.example.org")],
            &[other, ("sec-fetch-site", "cross-site"), ("host", "portal.example.net")],
            &[("origin", "null")],
            &[("origin", site.as_str()), ("host", "account.example.org")],
            &[],
        ] {
            assert_eq!(told(wrong, false), None, "{wrong:?}");
        }
        assert_eq!(told(&[other, ("sec-fetch-site", "cross-site")], true), None);
        assert_eq!(told(&[("origin", site.as_str())], true), None);
    }
}
