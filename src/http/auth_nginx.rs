//! nginx's mail proxy, `auth_http` (ngx_mail_auth_http_module, 1.22): is this login right, and where to?
//!
//! ```text
//! GET /auth HTTP/1.0
//! Auth-Method: plain          also for LOGIN; every other method is refused
//! Auth-User, Auth-Pass        percent-encoded: `%XX` is decoded, `+` stays
//! Auth-Protocol: imap         or pop3 or smtp
//! Client-IP: 192.0.2.7        Proxy-Protocol-Addr goes before it
//!
//! Auth-Status: OK             Auth-Server, Auth-Port from `backends`; Auth-User in its normal form
//! Auth-Status: <text>         refused: Auth-Wait is the last second of the failure delay, which nginx keeps; the rest is
//!                             kept here, from the question on, so that how long looking took tells nothing; for SMTP
//!                             Auth-Error-Code: 535 5.7.8
//! Auth-Status: <text>         blocked: no Auth-Wait; for SMTP Auth-Error-Code: 421 4.7.0, as Postfix says
//! Auth-Status: <text>         trouble of our own: no Auth-Wait; for SMTP Auth-Error-Code: 454 4.7.0
//! ```
//!
//! nginx writes the status behind `NO ` and `-ERR ` and adds no code, so it begins with one there. Without Auth-Wait it
//! hangs up after the answer. The status line is always 200: nginx reads headers only. nginx hands the client's own password on to the
//! backend, so the backend has to ask Sidegate too, or to trust nginx.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::{Instant, sleep_until};
use tracing::warn;
use zeroize::Zeroizing;

use super::Shared;
use crate::config::Backends;
use crate::gate::address::parse_address;
use crate::gate::login::{Attempt, Origin, Presented, Reason, Verdict};
use crate::gate::messages::{Codes, LATER, WRONG as WRONG_CODES};
use crate::gate::name::Protocol;
use crate::gate::question::{Answer, LoginAnswer, Question};
use crate::gate::secret::Secret;
use crate::service::Service;

/// What a wrong secret is told where the site has no words of its own.
const WRONG: &str = "Authentication failed";
/// SMTP: this service is not for you now, and the connection ends (RFC 5321); no program takes it for a wrong password.
const CODE_BLOCKED: &str = "421 4.7.0";
/// SMTP: wrong credentials (RFC 4954).
const CODE_WRONG: &str = "535 5.7.8";
/// SMTP: a temporary failure (RFC 4954).
const CODE_LATER: &str = "454 4.7.0";

/// What nginx is told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Ok { user: String, backend: SocketAddr },
    Refused { text: String, wait_secs: u64 },
    Blocked { text: String },
    Later { text: String },
}

pub(super) async fn auth(State(shared): State<Shared>, headers: HeaderMap) -> HeaderMap {
    let protocol = header(&headers, "auth-protocol").and_then(|name| Protocol::parse(name).ok());
    words(&told(shared, &headers).await, protocol.as_ref())
}

async fn told(shared: Shared, headers: &HeaderMap) -> Told {
    let rules = shared.service.rules();
    let later = || Told::Later { text: rules.messages.later().to_owned() };
    let attempt = match attempt(headers) {
        Ok(attempt) => attempt,
        Err(why) => return Told::Refused { text: why.to_owned(), wait_secs: 0 },
    };
    let Some(backend) = backend(&shared.http.backends, &attempt.origin.protocol) else {
        warn!(protocol = %attempt.origin.protocol, "nginx asks about a protocol that has no backend");
        return later();
    };
    let asked_at = Instant::now();
    // In a task of its own: what is counted is counted, also where nginx waits no longer.
    let service = Arc::clone(&shared.service);
    let asked = tokio::spawn(Service::ask(service, Question::Login(attempt))).await;
    let Ok(Answer::Login(LoginAnswer { verdict, user, text, .. })) = asked else { return later() };
    match verdict {
        Verdict::Accept(grant) => {
            Told::Ok { user: user.as_deref().unwrap_or_else(|| grant.account.as_str()).to_owned(), backend }
        }
        // The block's own text; it is not worth waiting for.
        Verdict::Refuse(Reason::Blocked(_)) => {
            Told::Blocked { text: text.unwrap_or_else(|| WRONG.to_owned()) }
        }
        // Elsewhere: behind nginx nobody else is asked.
        Verdict::Refuse(_) | Verdict::Elsewhere => {
            let (ours, wait_secs) = shares(rules.failure_delay);
            sleep_until(asked_at + ours).await;
            Told::Refused { text: text.unwrap_or_else(|| WRONG.to_owned()), wait_secs }
        }
        Verdict::Defer(_) => later(),
    }
}

/// What of the failure delay is kept here, and the seconds that nginx keeps: it knows whole ones only.
fn shares(delay: Duration) -> (Duration, u64) {
    let theirs = u64::from(!delay.is_zero());
    (delay.saturating_sub(Duration::from_secs(theirs)), theirs)
}

fn words(told: &Told, protocol: Option<&Protocol>) -> HeaderMap {
    let smtp = protocol.is_some_and(|protocol| protocol.as_str() == "smtp");
    let coded = |text: &String, codes: &Codes| match protocol {
        Some(protocol) => codes.before(text.clone(), protocol),
        None => text.clone(),
    };
    let mut headers = HeaderMap::new();
    let mut say = |name: &'static str, value: &str| {
        // No setting and no name lets a line break through; if one did, nginx would find no status, and refuse.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    match told {
        Told::Ok { user, backend } => {
            say("auth-status", "OK");
            say("auth-server", &backend.ip().to_string());
            say("auth-port", &backend.port().to_string());
            say("auth-user", user);
        }
        Told::Refused { text, wait_secs } => {
            say("auth-status", &coded(text, &WRONG_CODES));
            if *wait_secs > 0 {
                say("auth-wait", &wait_secs.to_string());
            }
            if smtp {
                say("auth-error-code", CODE_WRONG);
            }
        }
        Told::Blocked { text } => {
            say("auth-status", &coded(text, &WRONG_CODES));
            if smtp {
                say("auth-error-code", CODE_BLOCKED);
            }
        }
        Told::Later { text } => {
            say("auth-status", &coded(text, &LATER));
            if smtp {
                say("auth-error-code", CODE_LATER);
            }
        }
    }
    headers
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

fn backend(backends: &Backends, protocol: &Protocol) -> Option<SocketAddr> {
    match protocol.as_str() {
        "imap" => backends.imap,
        "pop3" => backends.pop3,
        "smtp" => backends.smtp,
        _ => None,
    }
}

/// The attempt.
///
/// # Errors
/// What to say to a client that cannot be asked about.
pub fn attempt(headers: &HeaderMap) -> Result<Attempt, &'static str> {
    if header(headers, "auth-method") != Some("plain") {
        return Err("Only the mechanisms PLAIN and LOGIN are possible here");
    }
    let protocol = header(headers, "auth-protocol").and_then(|name| Protocol::parse(name).ok());
    let protocol = protocol.ok_or("No protocol")?;
    let coded = |name: &str| headers.get(name).map(|value| value.as_bytes()).unwrap_or_default();
    let name = decode(coded("auth-user")).ok_or(WRONG)?;
    let typed = std::str::from_utf8(&name).map_err(|_| WRONG)?.to_owned();
    let secret = decode(coded("auth-pass")).ok_or(WRONG)?;
    let host = header(headers, "client-ip").and_then(parse_address);
    let told = header(headers, "proxy-protocol-addr").and_then(parse_address);
    let address = told.or(host);
    // nginx holds a refusal back itself.
    let origin = Origin { address, host, params: params(&protocol, address), protocol, held: false };
    let secret = Presented::Whole(Secret::presented(secret.to_vec()).ok_or(WRONG)?);
    Ok(Attempt { typed, secret, mechanism: "PLAIN", origin })
}

/// For the upstream. Nothing in it needs escaping.
fn params(protocol: &Protocol, address: Option<std::net::IpAddr>) -> Bytes {
    let mut params = BytesMut::from(format!("nologin\tservice={protocol}").as_bytes());
    if let Some(address) = address {
        params.put_slice(format!("\trip={address}").as_bytes());
    }
    params.freeze()
}

/// Undoes `%XX`, and nothing else. nginx leaves no other `%`.
fn decode(coded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(coded.len()));
    let mut rest = coded.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let mut digit = || char::from(*rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit()?, digit()?);
        plain.push(high << 4 | low);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_and_plus_signs_stay() {
        let check = |coded: &str, plain: Option<&[u8]>| {
            assert_eq!(decode(coded.as_bytes()).as_ref().map(|plain| plain.as_slice()), plain, "{coded}");
        };
        check("a+b%20c%25d%00%e4%E4", Some(b"a+b c%d\0\xe4\xe4"));
        check("", Some(b""));
        for bad in ["%", "%2", "%2x", "%+1", "100%"] {
            check(bad, None);
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    const PLAIN: [(&str, &str); 4] = [
        ("auth-method", "plain"),
        ("auth-user", "ann@example.org"),
        ("auth-pass", "a%20+%25"),
        ("auth-protocol", "imap"),
    ];

    #[test]
    fn an_attempt_has_the_clients_address_and_the_password_as_typed() {
        let of = |more: &[(&'static str, &str)]| attempt(&headers(&[&PLAIN, more].concat())).unwrap();
        let attempt = of(&[("client-ip", "192.0.2.7")]);
        assert_eq!(attempt.origin.address, "192.0.2.7".parse().ok());
        assert!(!attempt.origin.held);
        let Presented::Whole(secret) = &attempt.secret else { panic!("no secret") };
        assert_eq!(secret.reveal(), b"a +%");
        let proxied = of(&[("client-ip", "10.0.0.1"), ("proxy-protocol-addr", "2001:db8::7")]).origin;
        assert_eq!(proxied.address, "2001:db8::7".parse().ok());
        assert_eq!(proxied.host, "10.0.0.1".parse().ok());
        assert_eq!(&proxied.params[..], b"nologin\tservice=imap\trip=2001:db8::7");
    }

    #[test]
    fn other_methods_are_refused_in_words() {
        for method in ["cram-md5", "apop", "external", "none", ""] {
            let mut headers = headers(&PLAIN);
            headers.insert("auth-method", HeaderValue::from_str(method).unwrap());
            assert!(attempt(&headers).unwrap_err().contains("PLAIN and LOGIN"), "{method}");
        }
    }

    #[test]
    fn the_failure_delay_is_kept_here_but_for_its_last_second() {
        let millis = |delay| {
            let (ours, theirs) = shares(Duration::from_millis(delay));
            (ours.as_millis(), theirs)
        };
        assert_eq!([millis(2_000), millis(1_500)], [(1_000, 1), (500, 1)]);
        assert_eq!([millis(400), millis(0)], [(0, 1), (0, 0)]);
    }

    #[test]
    fn only_a_refusal_waits_and_each_protocol_has_its_codes() {
        let show = |told: &Told, protocol: &str| {
            let words = words(told, Protocol::parse(protocol).ok().as_ref());
            let get = |name| header(&words, name).unwrap_or("-").to_owned();
            [get("auth-status"), get("auth-wait"), get("auth-error-code")].join("|")
        };
        let refused = Told::Refused { text: "不行".into(), wait_secs: 2 };
        assert_eq!(show(&refused, "smtp"), "不行|2|535 5.7.8");
        assert_eq!(show(&refused, "imap"), "[AUTHENTICATIONFAILED] 不行|2|-");
        assert_eq!(show(&refused, "pop3"), "[AUTH] 不行|2|-");
        let blocked = Told::Blocked { text: "[ALERT] until".into() };
        assert_eq!(show(&blocked, "imap"), "[ALERT] until|-|-");
        assert_eq!(show(&Told::Blocked { text: "until".into() }, "smtp"), "until|-|421 4.7.0");
        let later = Told::Later { text: "later".into() };
        assert_eq!(show(&later, "smtp"), "later|-|454 4.7.0");
        assert_eq!(show(&later, "imap"), "[UNAVAILABLE] later|-|-");
        assert_eq!(show(&later, "pop3"), "[SYS/TEMP] later|-|-");
        let ok = Told::Ok { user: "ann@example.org".into(), backend: "[::1]:143".parse().unwrap() };
        assert_eq!(show(&ok, "smtp"), "OK|-|-");
        assert_eq!(header(&words(&ok, None), "auth-server"), Some("::1"));
    }
}
