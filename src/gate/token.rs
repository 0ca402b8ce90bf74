//! What a client's message of XOAUTH2 or OAUTHBEARER (RFC 7628) says, as far as it can be told without the upstream:
//! whose name, and whether there is a token in it at all.
//!
//! ```text
//! XOAUTH2       user=ann@example.org ^A auth=Bearer <token> ^A ^A
//! OAUTHBEARER   n,a=ann@example.org, ^A host=… ^A port=… ^A auth=Bearer <token> ^A ^A
//! ```

use data_encoding::BASE64_NOPAD;
use zeroize::Zeroizing;

use super::secret::Secret;

/// Between the fields.
const BETWEEN: u8 = 1;

/// Whether a message, in base64, carries a token and that is empty. Such a proof is none, whoever might take it.
#[must_use]
pub fn is_empty(mechanism: &str, message: &Secret) -> bool {
    let Some(plain) = plain(mechanism, message) else { return false };
    let auth = plain.split(|byte| *byte == BETWEEN).filter_map(|field| field.strip_prefix(b"auth="));
    let token = |auth: &[u8]| {
        let mut words = auth.split(|byte| byte.is_ascii_whitespace() || *byte == 0);
        // The first is the scheme.
        words.next();
        words.any(|word| !word.is_empty())
    };
    auth.map(token).any(|token| !token)
}

/// The name that a message, in base64, is said to be of.
#[must_use]
pub fn name(mechanism: &str, message: &Secret) -> Option<String> {
    let plain = plain(mechanism, message)?;
    let head = plain.split(|byte| *byte == BETWEEN).next()?;
    let name = match head.strip_prefix(b"user=") {
        Some(name) => name,
        None => head.split(|byte| *byte == b',').find_map(|part| part.strip_prefix(b"a="))?,
    };
    // As RFC 5801 writes them in it.
    let name = std::str::from_utf8(name).ok()?;
    Some(name.replace("=2C", ",").replace("=3D", "="))
}

fn plain(mechanism: &str, message: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    if !matches!(mechanism, "XOAUTH2" | "OAUTHBEARER") {
        return None;
    }
    // The upstream may take what is not written by the book.
    let is_code = |byte: &&u8| !byte.is_ascii_whitespace() && **byte != b'=';
    let code: Zeroizing<Vec<u8>> = Zeroizing::new(message.reveal().iter().filter(is_code).copied().collect());
    BASE64_NOPAD.decode(&code).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    fn coded(message: &str) -> Secret {
        Secret::new(BASE64.encode(message.as_bytes()))
    }

    #[test]
    fn a_token_is_empty_where_nothing_follows_its_scheme() {
        for (message, empty) in [
            ("user=ann@example.org\x01auth=Bearer tok\x01\x01", false),
            ("user=ann@example.org\x01auth=Bearer \x01\x01", true),
            ("user=ann@example.org\x01auth=bearer\x01\x01", true),
            ("user=ann@example.org\x01auth=\x01\x01", true),
            ("user=ann@example.org\x01auth=Bearer \t \0\x01\x01", true),
            ("user=ann@example.org\x01auth=Bearer tok\x01auth=Bearer \x01\x01", true),
            ("n,a=ann@example.org,\x01host=h\x01port=143\x01auth=Bearer tok\x01\x01", false),
            ("n,a=ann@example.org,\x01host=h\x01port=143\x01auth=Bearer  \x01\x01", true),
            // What a client answers when it was told why its token is not taken; and what is no message at all.
            ("", false),
            ("\x01", false),
            ("user=ann@example.org\x01\x01", false),
        ] {
            for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
                assert_eq!(is_empty(mechanism, &coded(message)), empty, "{message:?}");
            }
            assert!(!is_empty("SCRAM-SHA-256", &coded(message)), "{message:?}");
        }
        let code = BASE64.encode(b"user=ann@example.org\x01auth=Bearer \x01\x01");
        let spread = format!(" {}\r\n{} ", &code[..9], code[9..].trim_end_matches('='));
        assert!(is_empty("XOAUTH2", &Secret::new(spread)));
        assert!(!is_empty("XOAUTH2", &Secret::new(*b"!!!")));
    }

    #[test]
    fn the_name_is_told_by_both() {
        let of = |message: &str| name("OAUTHBEARER", &coded(message));
        let ann = Some("ann@example.org".to_owned());
        assert_eq!(of("user=ann@example.org\x01auth=Bearer \x01\x01"), ann);
        assert_eq!(of("n,a=ann@example.org,\x01auth=Bearer \x01\x01"), ann);
        assert_eq!(of("n,a=a=2Cb=3D,\x01auth=Bearer \x01\x01").as_deref(), Some("a,b="));
        assert_eq!(of("n,,\x01auth=Bearer \x01\x01"), None);
        assert_eq!(name("NTLM", &coded("user=ann@example.org\x01\x01")), None);
    }
}
