//! Dovecot's dict protocol, server side, for the passdb and userdb `dict` of Dovecot 2.3 (protocol
//! 3.2; Dovecot 2.4 has no such passdb any more).
//!
//! Client: the auth worker, as root, one question at a time.
//!
//! ```text
//! C: H3 2 0 <empty> sidegate                                   no answer
//! C: Lshared/auth/<protocol>/<rip>/<sha256 of the password, hex>[/<session>]  <user>
//! S: O{"nopassword": true, ...}   right          O{"password": "{PLAIN}<random>"}   wrong
//! S: O{"nopassword": true, "noauthenticate": true}   not ours: Dovecot's next passdb decides
//! S: F<text>   a temporary failure                N   no such user
//! C: Lshared/user  <user>                          S: O{"uid": 5000, ...}  or N
//! ```
//!
//! The password comes as `%{sha256:password}`, because Dovecot writes keys into its log. A `/` may
//! be in the session only, which therefore stands last. White space that people type between
//! groups of a client password, or paste along with it, is part of the digest here, and makes it wrong. So does every client password of another
//! system, until it was used once by another door: its hash is of the password itself.
//!
//! The digest of nothing is an empty password, a lookup without one (`doveadm auth lookup`, a proxy), or a
//! mechanism that proves a main password without sending it (CRAM-MD5). It is refused and not
//! counted, and it never gets past two-factor: its answer is a password that nobody knows.
//!
//! `nopassword` must never be cached (`auth_cache_size = 0`): a cached yes is never asked again, so
//! a revoke would not hold.

use bytes::{BufMut, Bytes, BytesMut};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde_json::{Map, Value, json};

use super::{Agreed, Keep, Protocol, Reply, Step, Ticket, tab, take_line};
use crate::clock::Timestamp;
use crate::gate::address::parse_address;
use crate::gate::login::{Attempt, Origin, Presented, Verdict};
use crate::gate::name::Protocol as MailProtocol;
use crate::gate::question::{Answer, Found, LoginAnswer, Lookup, Question};
use crate::gate::secret::{Digest, Secret};

/// The longest line, with its end.
pub const LINE_BYTES_MAX: usize = 8_192;

/// What a wrong password is answered with: a password that nobody knows. "Not found" would be
/// logged as an unknown user.
const NOBODY_KNOWS_BYTES: usize = 16;

/// One connection.
#[derive(Debug)]
pub struct Dict {
    shaken: bool,
    open: Option<(Ticket, Kind)>,
    serial: u64,
    /// Random, per connection.
    nobody_knows: Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Password,
    User,
}

impl Dict {
    /// A connection that has said nothing yet. `nobody_knows` is random.
    #[must_use]
    pub fn new(nobody_knows: [u8; NOBODY_KNOWS_BYTES]) -> Self {
        Self { shaken: false, open: None, serial: 0, nobody_knows: Secret::new(nobody_knows) }
    }

    /// Goes on with a connection that another image, or process, accepted.
    #[must_use]
    pub fn resumed(nobody_knows: [u8; NOBODY_KNOWS_BYTES], shaken: bool) -> Self {
        Self { shaken, ..Self::new(nobody_knows) }
    }

    fn command(&mut self, line: &[u8], out: &mut BytesMut) -> Step {
        match (line.split_first(), self.shaken) {
            (Some((b'H', hello)), false) => match hello.split(|byte| *byte == b'\t').next() {
                Some(b"3") => {
                    self.shaken = true;
                    Step::Next
                }
                _ => Step::Close("another major version of the dict protocol"),
            },
            (Some((b'L', lookup)), true) => self.lookup(lookup, out),
            (_, false) => Step::Close("the first line is no dict hello"),
            (_, true) => Step::Close("unknown dict command"),
        }
    }

    fn lookup(&mut self, lookup: &[u8], out: &mut BytesMut) -> Step {
        let mut fields = lookup.splitn(2, |byte| *byte == b'\t');
        let (Some(key), Some(user)) = (fields.next(), fields.next()) else {
            return Step::Close("a dict lookup without user");
        };
        let (key, user) = (tab::unescape(key), tab::unescape(user));
        let Ok(user) = String::from_utf8(user.into_owned()) else {
            out.put_slice(b"N\n");
            return Step::Next;
        };
        let (kind, question) = match key.strip_prefix(b"shared/") {
            Some(b"user") => {
                let params = Bytes::from_static(b"service=dict");
                (Kind::User, Question::User(Lookup { name: user, params }))
            }
            Some(rest) => match rest.strip_prefix(b"auth/").and_then(|rest| attempt(rest, user)) {
                Some(attempt) if is_lookup(&attempt) => {
                    object(out, self.wrong());
                    return Step::Next;
                }
                Some(attempt) => (Kind::Password, Question::Login(attempt)),
                None => return Step::Close("a dict key that is none of ours"),
            },
            None => return Step::Close("a dict key that is none of ours"),
        };
        self.serial += 1;
        let ticket = Ticket { id: 0, serial: self.serial };
        self.open = Some((ticket, kind));
        Step::Ask(ticket, question)
    }

    fn found(&self, found: Found, out: &mut BytesMut) {
        match found {
            Found::User(_, fields) => object(out, fields_json(&fields, "")),
            Found::Nobody => out.put_slice(b"N\n"),
            Found::Fail(reason) => failure(out, reason.as_deref().unwrap_or("the user database is away")),
        }
    }

    fn login(&self, answer: &LoginAnswer, out: &mut BytesMut) {
        let fields = match &answer.verdict {
            Verdict::Accept(grant) => {
                let mut fields = Map::new();
                fields.insert("nopassword".into(), json!(true));
                fields.insert("user".into(), json!(grant.account.as_str()));
                fields
            }
            Verdict::Elsewhere => {
                let fields = [("nopassword", json!(true)), ("noauthenticate", json!(true))];
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }
            Verdict::Refuse(_) => self.wrong(),
            Verdict::Defer(why) => return failure(out, why),
        };
        object(out, fields);
    }

    /// A password that nobody knows.
    fn wrong(&self) -> Map<String, Value> {
        let password = format!("{{PLAIN}}{}", HEXLOWER.encode(self.nobody_knows.reveal()));
        Map::from_iter([("password".to_owned(), json!(password))])
    }
}

impl Protocol for Dict {
    fn greet(&mut self, _out: &mut BytesMut) {}

    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, _now: Timestamp) -> Step {
        match take_line(input, LINE_BYTES_MAX) {
            Ok(Some(line)) => self.command(&line, out),
            Ok(None) => Step::Wait,
            Err(why) => Step::Close(why),
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        let Some((_, kind)) = self.open.take_if(|(open, _)| *open == ticket) else { return Reply::Done };
        match (kind, answer) {
            (Kind::User, Answer::Found(found)) => self.found(found, out),
            (Kind::Password, Answer::Login(answer)) => self.login(&answer, out),
            _ => failure(out, "internal failure"),
        }
        Reply::Done
    }

    fn ready(&self) -> bool {
        self.open.is_none()
    }

    fn keep(&self) -> Keep {
        match self.open {
            Some(_) => Keep::AfterUs,
            None => Keep::Now(Agreed::Dict { shaken: self.shaken }),
        }
    }

    fn outlives(&self) -> bool {
        true
    }

    fn stop(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            failure(out, "stopping, try again");
        }
    }
}

/// `<protocol>/<rip>/<digest>[/<session>]`
fn attempt(key: &[u8], typed: String) -> Option<Attempt> {
    let mut parts = std::str::from_utf8(key).ok()?.splitn(4, '/');
    let protocol = MailProtocol::parse(parts.next()?).ok()?;
    let address = parse_address(parts.next()?);
    let mut digest = [0; 32];
    let hex = parts.next().filter(|hex| hex.len() == 64)?;
    HEXLOWER_PERMISSIVE.decode_mut(hex.as_bytes(), &mut digest).ok()?;
    let session = parts.next().unwrap_or_default();
    let mut params = BytesMut::from(format!("service={protocol}").as_bytes());
    if let Some(address) = address {
        params.put_slice(format!("\trip={address}").as_bytes());
    }
    if !session.is_empty() {
        params.put_slice(b"\tsession=");
        tab::escape_into(&mut params, session.as_bytes());
    }
    // Dovecot holds failures back itself, and each answer that is awaited holds one of its workers.
    let origin = Origin { address, host: address, protocol, params: params.freeze(), held: false };
    Some(Attempt { typed, secret: Presented::Digest(Digest(digest)), mechanism: "PLAIN", origin })
}

/// Whether nobody logs in: Dovecot itself asks, of a mail that is delivered, or for an administrator.
fn is_lookup(attempt: &Attempt) -> bool {
    let origin = &attempt.origin;
    attempt.secret.is_empty(false) && (origin.address.is_none() || origin.protocol.as_str() == "lmtp")
}

/// Fields of a user database as a flat JSON object.
fn fields_json(fields: &[u8], prefix: &str) -> Map<String, Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&tab::unescape(bytes)).into_owned();
    let fields = fields.split(|byte| *byte == b'\t').filter(|field| !field.is_empty());
    let value = |field| match tab::key_value(field) {
        (key, Some(value)) => (format!("{prefix}{}", text(key)), json!(text(value))),
        (key, None) => (format!("{prefix}{}", text(key)), json!(true)),
    };
    fields.map(value).collect()
}

fn object(out: &mut BytesMut, fields: Map<String, Value>) {
    out.put_u8(b'O');
    tab::escape_into(out, Value::Object(fields).to_string().as_bytes());
    out.put_u8(b'\n');
}

fn failure(out: &mut BytesMut, why: &str) {
    out.put_u8(b'F');
    tab::escape_into(out, why.as_bytes());
    out.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::login::{Grant, Reason};
    use crate::gate::name::AccountName;

    const RIGHT: &str = "f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf";

    fn feed(dict: &mut Dict, text: &str) -> (Step, String) {
        let (mut input, mut out) = (BytesMut::from(text.as_bytes()), BytesMut::new());
        let step = dict.step(&mut input, &mut out, Timestamp(0));
        (step, String::from_utf8(out.to_vec()).unwrap())
    }

    fn shaken() -> Dict {
        let mut dict = Dict::new([7; 16]);
        assert!(matches!(feed(&mut dict, "H3\t2\t0\t\tsidegate\n").0, Step::Next));
        dict
    }

    fn asked(key: &str) -> Option<Attempt> {
        match feed(&mut shaken(), &format!("L{key}\talice@example.test\n")).0 {
            Step::Ask(_, Question::Login(attempt)) => Some(attempt),
            _ => None,
        }
    }

    fn answered(verdict: Verdict) -> String {
        let mut dict = shaken();
        let line = format!("Lshared/auth/imap/192.0.2.7/{RIGHT}\talice@example.test\n");
        let (Step::Ask(ticket, _), _) = feed(&mut dict, &line) else { panic!("no question") };
        assert!(!dict.ready());
        let mut out = BytesMut::new();
        let fields = Bytes::new();
        let answer = LoginAnswer { verdict, user: None, text: None, fields, login: None };
        dict.answer(ticket, Answer::Login(answer), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn the_key_carries_protocol_address_digest_and_session() {
        let attempt = asked(&format!("shared/auth/imap/192.0.2.7/{RIGHT}/a/b+c")).unwrap();
        assert_eq!(attempt.origin.address, "192.0.2.7".parse().ok());
        assert_eq!(&attempt.origin.params[..], b"service=imap\trip=192.0.2.7\tsession=a/b+c");
        let Presented::Digest(digest) = attempt.secret else { panic!("a digest") };
        assert_eq!(digest, Secret::new(*b"abcdefghijklmnop").digest());
    }

    #[test]
    fn a_password_in_the_clear_is_no_key_of_ours() {
        for key in [
            "shared/auth/imap/192.0.2.7/abcdefghijklmnop",
            "shared/auth/imap/192.0.2.7",
            &format!("shared/auth/im ap/192.0.2.7/{RIGHT}"),
            "shared/quota",
            "priv/auth",
        ] {
            assert!(asked(key).is_none(), "{key}");
        }
    }

    #[test]
    fn the_digest_of_nothing_is_an_empty_password_of_a_client_or_a_lookup_of_nobody() {
        let nothing = HEXLOWER.encode(&Secret::new(*b"").digest().0);
        let attempt = asked(&format!("shared/auth/imap/192.0.2.7/{nothing}/")).unwrap();
        assert!(attempt.secret.is_empty(false));
        for lookup in ["lmtp/192.0.2.7", "imap/"] {
            let line = format!("Lshared/auth/{lookup}/{nothing}/\talice@example.test\n");
            let (step, said) = feed(&mut shaken(), &line);
            assert!(matches!(step, Step::Next), "{lookup}");
            assert_eq!(said, "O{\"password\":\"{PLAIN}07070707070707070707070707070707\"}\n");
        }
    }

    #[test]
    fn every_verdict_has_its_form() {
        let account = AccountName::parse("alice@example.test", None).unwrap();
        let accept = Verdict::Accept(Grant { account, password: None });
        assert_eq!(answered(accept), "O{\"nopassword\":true,\"user\":\"alice@example.test\"}\n");
        let wrong = "O{\"password\":\"{PLAIN}07070707070707070707070707070707\"}\n";
        assert_eq!(answered(Verdict::Refuse(Reason::WrongPassword)), wrong);
        assert_eq!(answered(Verdict::Refuse(Reason::UnknownAccount)), wrong);
        assert_eq!(answered(Verdict::Refuse(Reason::EmptyPassword)), wrong);
        assert_eq!(answered(Verdict::Elsewhere), "O{\"noauthenticate\":true,\"nopassword\":true}\n");
        assert_eq!(answered(Verdict::Defer("trouble")), "Ftrouble\n");
    }

    #[test]
    fn what_closes() {
        assert!(matches!(feed(&mut Dict::new([0; 16]), "Lshared/user\tx\n").0, Step::Close(_)));
        assert!(matches!(feed(&mut Dict::new([0; 16]), "H4\t0\t0\t\tx\n").0, Step::Close(_)));
        assert!(matches!(feed(&mut shaken(), "B1\n").0, Step::Close(_)));
        let long = format!("Lshared/user\t{}", "x".repeat(LINE_BYTES_MAX));
        assert!(matches!(feed(&mut shaken(), &long).0, Step::Close(_)));
    }
}
