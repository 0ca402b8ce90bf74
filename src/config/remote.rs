//! One line of text becomes a place that notices go to: a server, a mail address, a webhook; or a fault
//! with its cure.

use super::complaint::Fault;
use super::notices::{Server, is_loopback};
use super::text::{backend, domain};

/// The longest part of a mail address before its `@` (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

/// The longest address of a webhook. Some carry long tokens.
const WEBHOOK_BYTES_MAX: usize = 2000;

/// A host and a port. Names become plain ASCII, as the resolver takes them.
pub(super) fn server(text: &str) -> Result<Server, Fault> {
    if let Ok(address) = backend(text) {
        return Ok(Server { host: address.ip().to_string(), port: address.port() });
    }
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let host = domain(host).ok();
    let port = port.parse().ok().filter(|port| *port != 0);
    host.zip(port).map(|(host, port)| Server { host, port }).ok_or_else(|| {
        let cure = "write it as \"127.0.0.1:25\" or \"mail.example.org:587\"";
        Fault::new(format!("\"{text}\" is no host and port"), cure)
    })
}

/// The address of a person or a program that gets or sends mail.
pub(super) fn mail_address(text: &str) -> Result<String, Fault> {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let (local, host) = text.rsplit_once('@').unwrap_or_default();
    let plain = local.len() <= LOCAL_BYTES_MAX
        && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    match domain(host) {
        Ok(host) if plain => Ok(format!("{local}@{host}")),
        _ => {
            let cure = "write it as \"postmaster@example.org\"";
            Err(Fault::new(format!("\"{text}\" is no mail address"), cure))
        }
    }
}

/// The address that a webhook is sent to: encrypted, or on this host. It may hold a secret: no complaint
/// repeats it. In the parser's own form, so that what was checked is what is connected to.
pub(super) fn webhook(text: &str) -> Result<String, Fault> {
    let fault = |problem: &str, cure: &str| Err(Fault::new(problem, cure));
    let cure = "write it as \"https://chat.example.org/hooks/7\"";
    if text.len() > WEBHOOK_BYTES_MAX {
        return fault(&format!("is longer than {WEBHOOK_BYTES_MAX} bytes"), "choose a shorter address");
    }
    let Ok(url) = reqwest::Url::parse(text) else { return fault("is no address of a webhook", cure) };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match url.scheme() {
        "https" | "http" if !url.username().is_empty() || url.password().is_some() => {
            fault("has a name or password in it", "take it out, and sign requests with key_file")
        }
        "https" => Ok(url.into()),
        "http" if is_loopback(host) => Ok(url.into()),
        "http" => fault(&format!("goes to {host} unencrypted"), "begin it with https://"),
        _ => fault("is no address of a webhook", cure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        for right in ["127.0.0.1:25", "[::1]:25", "mail.example.org:587", "localhost:25"] {
            assert_eq!(server(right).map(|server| server.to_string()), Ok(right.into()));
        }
        for wrong in ["127.0.0.1", "127.0.0.1:0", "::1:25:", "mail.example.org:", "mail:65536", ":25"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
        let idn = server("例子.中国:25").map(|server| server.to_string());
        assert_eq!(idn, Ok("xn--fsqu00a.xn--fiqs8s:25".into()));
        let is_loopback = |text| server(text).is_ok_and(|server| server.is_loopback());
        assert!(["127.0.0.2:25", "[::1]:25", "localhost:25"].into_iter().all(is_loopback));
        assert!(!["192.0.2.7:25", "localhost.example.org:25"].into_iter().any(is_loopback));
    }

    #[test]
    fn a_mail_address_is_one_that_mail_can_be_sent_to() {
        for right in ["postmaster@example.org", "a.b+c@xn--fsqu00a.xn--fiqs8s", "a@intranet"] {
            assert_eq!(mail_address(right), Ok(right.into()));
            assert!(right.parse::<lettre::Address>().is_ok(), "{right}");
        }
        assert_eq!(mail_address("Ann@Example.ORG"), Ok("Ann@example.org".into()));
        assert_eq!(mail_address("a@例子.中国"), Ok("a@xn--fsqu00a.xn--fiqs8s".into()));
        for wrong in
            ["ann", "@a.example", "ann@", "a b@c.d", "a..b@c.d", ".a@c.d", "a@[192.0.2.7]", "<a@c.d>"]
        {
            assert!(mail_address(wrong).is_err(), "{wrong}");
        }
        let local = "a".repeat(LOCAL_BYTES_MAX);
        assert!(mail_address(&format!("{local}@b.c")).is_ok());
        assert!(mail_address(&format!("{local}a@b.c")).is_err());
    }

    #[test]
    fn a_webhook_is_encrypted_or_on_this_host() {
        for right in [
            "https://chat.example.org/hooks/7?a=b",
            "http://127.0.0.1:8080/x",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert_eq!(webhook(right), Ok(right.into()));
        }
        assert_eq!(webhook("HTTP://127.1"), Ok("http://127.0.0.1/".into()));
        for wrong in [
            "http://chat.example.org/hook",
            "http://localhost.example.org/",
            "https://user:pass@chat.example.org/",
            "http://user@localhost/",
            "ftp://a.example/",
            "chat.example.org",
            "https://",
        ] {
            assert!(webhook(wrong).is_err(), "{wrong}");
        }
        let long = |bytes: usize| format!("https://a/{}", "a".repeat(bytes - 10));
        assert!(webhook(&long(WEBHOOK_BYTES_MAX)).is_ok());
        assert!(webhook(&long(WEBHOOK_BYTES_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = (server(&text), mail_address(&text), webhook(&text), webhook(&format!("http://{text}")));
        }

        #[test]
        fn mail_takes_every_address_that_the_configuration_takes(text in "[a-z.!{+-]{1,9}@[a-z中.-]{1,9}") {
            if let Ok(address) = mail_address(&text) {
                prop_assert!(address.parse::<lettre::Address>().is_ok());
            }
        }
    }
}
