//! The AUTH line and the messages of PLAIN and LOGIN, parsed into types that cannot be wrong.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::{BufMut, BytesMut};
use data_encoding::{BASE64, Encoding};
use zeroize::Zeroizing;

use super::super::tab;
use crate::gate::address::parse_address;
use crate::gate::login::{Attempt, Origin, Presented};
use crate::gate::name::Protocol;
use crate::gate::question::{Coded, Question, Unread};
use crate::gate::secret::{SECRET_BYTES_MAX, Secret};

/// `AUTH <id> <mechanism> <params> [resp=<base64>]`
pub(super) struct AuthLine<'a> {
    pub(super) id: u32,
    /// In capitals; Postfix passes on what its client typed.
    pub(super) mechanism: Cow<'static, str>,
    pub(super) origin: Origin,
    /// No mail process will claim the login.
    pub(super) nologin: bool,
    /// The initial response, still in base64.
    pub(super) initial: Option<&'a [u8]>,
}

impl<'a> AuthLine<'a> {
    /// Parses a line from a client of minor version `minor`; an error closes the connection.
    /// `held`: refusals are held back here.
    pub(super) fn parse(line: &'a [u8], minor: u32, held: bool) -> Result<Self, &'static str> {
        let mut fields = line.split(|byte| *byte == b'\t').skip(1);
        let id = fields.next().and_then(tab::number).filter(|&id| id != 0).ok_or("AUTH has no id")?;
        let mechanism = fields.next().and_then(|name| std::str::from_utf8(name).ok());
        let mechanism = in_capitals(mechanism.ok_or("AUTH has no mechanism")?);
        let (mut protocol, mut initial, mut nologin) = (None, None, false);
        let (mut address, mut proxy) = (None, None);
        let mut params = BytesMut::with_capacity(line.len());
        for field in fields {
            if initial.is_some() {
                return Err("fields after resp");
            }
            let (key, value) = tab::key_value(field);
            match (key, value) {
                (b"resp", Some(value)) => {
                    initial = Some(value);
                    continue;
                }
                (b"service" | b"protocol", Some(name)) => {
                    let name = std::str::from_utf8(name).ok().and_then(|name| Protocol::parse(name).ok());
                    protocol = Some(name.ok_or("AUTH has an unusable service")?);
                }
                (b"rip", Some(rip)) => address = std::str::from_utf8(rip).ok().and_then(parse_address),
                (b"real_rip", Some(rip)) => {
                    proxy = Some(std::str::from_utf8(rip).ok().and_then(parse_address))
                }
                (b"nologin", None) => {
                    nologin = true;
                    // A bridge to Dovecot's passdbs says so too, and is not the client's own door.
                    if !held {
                        continue;
                    }
                }
                // Ours alone to decide, or of no use to the upstream.
                (b"no-penalty" | b"debug", None) => continue,
                _ => {}
            }
            if !params.is_empty() {
                params.put_u8(b'\t');
            }
            params.put_slice(field);
        }
        let protocol = protocol.ok_or("AUTH has no service")?;
        let initial = match initial {
            // Exim and Postfix write an empty field for none at all.
            Some(b"") if minor < 2 => None,
            // What Postfix makes of `AUTH PLAIN =`: an empty response.
            Some(b"=") => Some(&b""[..]),
            initial => initial,
        };
        let origin =
            Origin { address, host: proxy.unwrap_or(address), protocol, params: params.freeze(), held };
        Ok(Self { id, mechanism, origin, nologin, initial })
    }
}

/// A mechanism's name. The usual ones cost nothing.
fn in_capitals(name: &str) -> Cow<'static, str> {
    let ours = ["PLAIN", "LOGIN"].into_iter().find(|ours| ours.eq_ignore_ascii_case(name));
    ours.map_or_else(|| name.to_ascii_uppercase().into(), Cow::Borrowed)
}

/// Base64 in which the last letter may have bits that stand for nothing.
static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
    let mut form = BASE64.specification();
    form.check_trailing_bits = false;
    form.encoding().unwrap_or(BASE64)
});

/// Takes base64 apart as Dovecot 2.3's own auth process does: blanks, tabs and ends of lines are skipped wherever they
/// stand, padding has to be there and ends it. `tests/real` asks both the same.
pub(super) fn decode(data: &[u8]) -> Result<Secret, Coded> {
    let mut letters = Zeroizing::new(Vec::with_capacity(data.len()));
    letters.extend(data.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')));
    let body = letters.iter().position(|byte| *byte == b'=').unwrap_or(letters.len());
    // The library takes several messages on end, each with its padding.
    if letters[body..].iter().any(|byte| *byte != b'=') {
        return Err(Coded::InvalidBase64);
    }
    LENIENT.decode(&letters).map(Secret::new).map_err(|_| Coded::InvalidBase64)
}

/// A secret that is not too long to be looked at.
pub(super) fn bounded(secret: Secret) -> Result<Secret, Coded> {
    if secret.reveal().len() > SECRET_BYTES_MAX { Err(Coded::Malformed) } else { Ok(secret) }
}

/// A LOGIN user name.
pub(super) fn name_of(data: &[u8]) -> Result<String, Coded> {
    String::from_utf8(decode(data)?.reveal().to_vec()).map_err(|_| Coded::Malformed)
}

/// A PLAIN message (RFC 4616): `authzid NUL authcid NUL password`.
pub(super) fn plain_question(data: &[u8], origin: Origin) -> Question {
    let mut typed = None;
    let (acting_for, secret) = match plain(data, &mut typed) {
        Ok(read) => read,
        Err(coded) => return Question::Unreadable(Unread { coded, typed, origin }),
    };
    let secret = Presented::Whole(secret);
    let attempt = Attempt { typed: typed.unwrap_or_default(), secret, mechanism: "PLAIN", origin };
    match acting_for {
        Some(other) if other != attempt.typed => Question::ActingFor(other, attempt),
        _ => Question::Login(attempt),
    }
}

/// For whom the client wants to act, if it says so, and its secret; who it is goes to `typed`.
fn plain(data: &[u8], typed: &mut Option<String>) -> Result<(Option<String>, Secret), Coded> {
    let message = decode(data)?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Coded::Malformed);
    let mut parts = message.reveal().split(|byte| *byte == 0);
    let (Some(acting_for), Some(name), Some(secret), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Coded::Malformed);
    };
    *typed = Some(text(name)?);
    let acting_for = if acting_for.is_empty() { None } else { Some(text(acting_for)?) };
    let before = message.reveal().len() - secret.len();
    Ok((acting_for, bounded(message.without_front(before))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, minor: u32) -> Result<AuthLine<'_>, &'static str> {
        AuthLine::parse(text.as_bytes(), minor, true)
    }

    #[test]
    fn both_names_of_the_service_and_parameters_in_any_order() {
        for text in [
            "AUTH\t7\tplain\tservice=imap\trip=::ffff:192.0.2.7\tsecured\tresp=AA==",
            "AUTH\t7\tPLAIN\tsecured\tnew-in-2.9=x\trip=192.0.2.7\tprotocol=IMAP\tresp=AA==",
        ] {
            let line = line(text, 2).unwrap();
            assert_eq!((line.id, line.mechanism.as_ref()), (7, "PLAIN"));
            assert_eq!(line.origin.protocol.as_str(), "imap");
            assert_eq!(line.origin.address, "192.0.2.7".parse().ok());
        }
    }

    #[test]
    fn an_empty_resp_means_none_to_old_clients_only() {
        let initial = |text: &str, minor| {
            let text = format!("AUTH\t1\tPLAIN\tservice=smtp{text}");
            let line = line(&text, minor).unwrap();
            line.initial.map(<[u8]>::len)
        };
        assert_eq!(initial("\tresp=", 0), None);
        assert_eq!(initial("\tresp=", 1), None);
        assert_eq!(initial("\tresp=", 2), Some(0));
        assert_eq!(initial("\tresp==", 0), Some(0));
        assert_eq!(initial("", 2), None);
    }

    #[test]
    fn what_closes() {
        for bad in [
            "AUTH",
            "AUTH\t0\tPLAIN\tservice=imap",
            "AUTH\t4294967296\tPLAIN\tservice=imap",
            "AUTH\tx\tPLAIN\tservice=imap",
            "AUTH\t1",
            "AUTH\t1\tPLAIN",
            "AUTH\t1\tPLAIN\trip=192.0.2.7",
            "AUTH\t1\tPLAIN\tservice=im ap",
            "AUTH\t1\tPLAIN\tservice=imap\tresp=AA==\trip=192.0.2.7",
        ] {
            assert!(line(bad, 2).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unusable_address_is_an_unknown_one() {
        for rip in ["", "unknown", "192.0.2"] {
            let text = format!("AUTH\t1\tPLAIN\tservice=smtp\trip={rip}");
            let line = line(&text, 0).unwrap();
            assert_eq!(line.origin.address, None);
        }
    }

    #[test]
    fn a_webmail_that_tells_its_users_addresses_stays_the_host() {
        let origin = |params: &str| line(&format!("AUTH\t1\tPLAIN\tservice=imap{params}"), 2).unwrap().origin;
        let both = |params: &str| (origin(params).address, origin(params).host);
        let (user, webmail) = ("192.0.2.7".parse().ok(), "198.51.100.1".parse().ok());
        assert_eq!(both("\trip=192.0.2.7"), (user, user));
        assert_eq!(both("\trip=192.0.2.7\treal_rip=198.51.100.1"), (user, webmail));
        assert_eq!(both("\treal_rip=198.51.100.1\trip=192.0.2.7"), (user, webmail));
        assert_eq!(both("\trip=192.0.2.7\treal_rip=?"), (user, None), "whoever that is, it is not the user");
    }

    #[test]
    fn the_secret_and_our_own_flags_are_not_handed_on() {
        let text = b"AUTH\t1\tPLAIN\tservice=imap\tno-penalty\tdebug\tnologin\trip=192.0.2.7\tresp=c2VjcmV0";
        let bridge = AuthLine::parse(text, 2, false).unwrap();
        assert!(bridge.nologin && bridge.origin.may_be_asked_twice());
        assert_eq!(&bridge.origin.params[..], b"service=imap\trip=192.0.2.7");
        let mail_server = AuthLine::parse(text, 2, true).unwrap();
        assert!(mail_server.nologin && !mail_server.origin.may_be_asked_twice());
        assert_eq!(&mail_server.origin.params[..], b"service=imap\tnologin\trip=192.0.2.7");
    }

    #[test]
    fn plain_messages() {
        let check = |message: &[u8]| {
            let mut typed = None;
            plain(BASE64.encode(message).as_bytes(), &mut typed).map(|(other, _)| (other, typed))
        };
        let read = |other: Option<&str>, typed: &str| Ok((other.map(str::to_owned), Some(typed.to_owned())));
        assert_eq!(check(b"\0ann@example.org\0secret"), read(None, "ann@example.org"));
        assert_eq!(check(b"bob\0ann\0secret"), read(Some("bob"), "ann"));
        for bad in [&b""[..], b"ann", b"\0ann", b"\0ann\0secret\0", b"\0\xff\0secret", b"\xff\0ann\0secret"] {
            assert_eq!(check(bad), Err(Coded::Malformed), "{bad:?}");
        }
        let long = |bytes: usize| check(&[b"\0ann\0".to_vec(), vec![b'x'; bytes]].concat());
        assert_eq!(long(SECRET_BYTES_MAX), read(None, "ann"));
        assert_eq!(long(SECRET_BYTES_MAX + 1), Err(Coded::Malformed));
        assert_eq!(plain(b"!!!", &mut None).map(|(other, _)| other), Err(Coded::InvalidBase64));
    }

    /// What Dovecot 2.3.19 said of each; `tests/real` asks it again.
    #[test]
    fn base64_is_read_as_dovecot_reads_it() {
        for (data, taken) in [
            ("YW5u", true),
            ("YW5u ", true),
            (" YW5u", true),
            ("Y W5u\r", true),
            ("YW5u\r\n\t ", true),
            ("YW5uZQ==", true),
            ("YW5uZQ =\r= ", true),
            ("YW5uZR==", true),
            ("YW5uZXM=", true),
            ("", true),
            (" ", true),
            ("YW5uZQ", false),
            ("YW5uZQ=", false),
            ("YW5uZQ===", false),
            ("YW5uZXM", false),
            ("YW5u=", false),
            ("YW5u==", false),
            ("YW5uZQ==YW5u", false),
            ("YW5uZXM= YW5u", false),
            ("YW5u\u{b}", false),
            ("YW5u\u{c}", false),
            ("YW5u-", false),
            ("YW_u", false),
            ("YW5u!", false),
            ("=", false),
            ("==", false),
            ("====", false),
            ("Y", false),
        ] {
            assert_eq!(decode(data.as_bytes()).is_ok(), taken, "{data:?}");
        }
        assert_eq!(decode(b"YW5u\xa0").map(|_| ()), Err(Coded::InvalidBase64));
        assert_eq!(decode(b" YW\r5uZR = =").unwrap().reveal(), b"anne");
    }
}
