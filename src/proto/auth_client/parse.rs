//! The AUTH line and the messages of PLAIN and LOGIN, parsed into types that cannot be wrong.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use data_encoding::BASE64;

use super::super::tab;
use crate::gate::address::parse_address;
use crate::gate::login::{Attempt, Origin, Presented};
use crate::gate::name::Protocol;
use crate::gate::question::{Coded, Question};
use crate::gate::secret::Secret;

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

/// Takes strict base64 apart.
pub(super) fn decode(data: &[u8]) -> Result<Secret, Coded> {
    BASE64.decode(data).map(Secret::new).map_err(|_| Coded::InvalidBase64)
}

/// A LOGIN user name.
pub(super) fn name_of(data: &[u8]) -> Result<String, Coded> {
    String::from_utf8(decode(data)?.reveal().to_vec()).map_err(|_| Coded::Malformed)
}

/// A PLAIN message (RFC 4616): `authzid NUL authcid NUL password`.
pub(super) fn plain_question(data: &[u8], origin: Origin) -> Question {
    match plain(data, origin) {
        Ok(attempt) => Question::Login(attempt),
        Err(coded) => Question::Unreadable(coded),
    }
}

fn plain(data: &[u8], origin: Origin) -> Result<Attempt, Coded> {
    let message = decode(data)?;
    let mut parts = message.reveal().split(|byte| *byte == 0);
    let (Some(acting_for), Some(name), Some(secret), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Coded::Malformed);
    };
    if !acting_for.is_empty() && acting_for != name {
        return Err(Coded::Authorization);
    }
    let typed = std::str::from_utf8(name).map_err(|_| Coded::Malformed)?.to_owned();
    let before = message.reveal().len() - secret.len();
    let secret = Presented::Whole(message.without_front(before));
    Ok(Attempt { typed, secret, mechanism: "PLAIN", origin })
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
        let origin = || line("AUTH\t1\tPLAIN\tservice=imap", 2).unwrap().origin;
        let check = |message: &[u8]| plain(BASE64.encode(message).as_bytes(), origin()).map(|a| a.typed);
        assert_eq!(check(b"\0ann@example.org\0secret").as_deref(), Ok("ann@example.org"));
        assert_eq!(check(b"ann\0ann\0secret").as_deref(), Ok("ann"));
        assert_eq!(check(b"bob\0ann\0secret"), Err(Coded::Authorization));
        for bad in [&b""[..], b"ann", b"\0ann", b"\0ann\0secret\0", b"\0\xff\0secret"] {
            assert_eq!(check(bad), Err(Coded::Malformed), "{bad:?}");
        }
        assert_eq!(plain(b"!!!", origin()).map(|a| a.typed), Err(Coded::InvalidBase64));
    }
}
