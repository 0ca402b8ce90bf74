//! What the HTTP listener reads: Dovecot's auth policy requests, and the headers of nginx's questions.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use sidegate::gate::login::Presented;
use sidegate::http::{auth_nginx, auth_policy};

const HEADERS: [&str; 6] =
    ["auth-method", "auth-protocol", "auth-user", "auth-pass", "client-ip", "proxy-protocol-addr"];

/// As nginx does it: `%XX` for what may not stand in a header, and for `%`.
fn percent(bytes: &[u8]) -> String {
    let coded = |byte: &u8| match byte {
        b'!'..=b'$' | b'&'..=b'~' => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(coded).collect()
}

fn nginx(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS.iter().zip(bytes.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if let Ok(attempt) = auth_nginx::attempt(&headers) {
        assert!(!attempt.origin.params.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0 | 1)));
        let password = headers.get("auth-pass").map(|value| value.as_bytes()).unwrap_or_default();
        assert!(
            matches!(&attempt.secret, Presented::Whole(secret) if secret.reveal().len() <= password.len())
        );
    }
    // Whatever name and secret a client has, they arrive.
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (user, secret) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    let (user_coded, secret_coded) = (percent(user), percent(secret));
    for (name, value) in HEADERS.iter().zip(["plain", "imap", &user_coded, &secret_coded, "192.0.2.7"]) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("printable"));
    }
    match (auth_nginx::attempt(&headers), std::str::from_utf8(user)) {
        (Ok(attempt), Ok(user)) => {
            assert_eq!(attempt.typed, user);
            assert!(matches!(&attempt.secret, Presented::Whole(whole) if whole.reveal() == secret));
            // Upstreams are not told the first: it says who asks.
            assert_eq!(&attempt.origin.params[..], b"nologin\tservice=imap\trip=192.0.2.7");
        }
        (Err(_), Err(_)) => {}
        (attempt, user) => panic!("{attempt:?} of {user:?}"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    nginx(bytes);
    match auth_policy::read(bytes) {
        Ok((attempt, _)) => {
            // What is of no interest may be anything.
            let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
            assert_eq!(json["login"], attempt.login.as_str());
            assert!(attempt.remote.is_none() || json["remote"].is_string());
        }
        Err(why) => assert!(!why.is_empty()),
    }
});
