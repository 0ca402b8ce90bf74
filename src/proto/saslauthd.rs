//! saslauthd's protocol, server side: for Cyrus SASL (Cyrus IMAP, Sendmail, OpenLDAP, Postfix with
//! `smtpd_sasl_type = cyrus`).
//!
//! ```text
//! C: four counted strings: user, password, service, realm     (16-bit big-endian lengths)
//! S: one counted string: "OK" or "NO", then both close
//! ```
//!
//! There is no client address in it (libsasl 2.1.28), so an address can neither be counted nor
//! blocked here: failures count per account and are slowed. A newer libsasl sends a fifth string,
//! `ip;port`, in the same write; it is used when it is there. A temporary failure can only be told
//! by closing.

use bytes::{Buf, BufMut, BytesMut};
use zeroize::Zeroize;

use super::{Protocol, Reply, Step, Ticket};
use crate::clock::Timestamp;
use crate::gate::address::parse_address;
use crate::gate::login::{Attempt, Origin, Presented, Verdict};
use crate::gate::name::{FULL_WIDTH_AT, Protocol as MailProtocol};
use crate::gate::question::{Answer, Question};
use crate::gate::secret::Secret;

/// The longest request: libsasl builds at most so much.
pub const REQUEST_BYTES_MAX: usize = 8_192;
/// Strings of a request: user, password, service, realm.
const STRINGS: usize = 4;

/// One connection: one question.
#[derive(Debug, Default)]
pub struct Saslauthd {
    asked: bool,
    open: bool,
}

const TICKET: Ticket = Ticket { id: 0, serial: 0 };

impl Protocol for Saslauthd {
    fn greet(&mut self, _out: &mut BytesMut) {}

    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, _now: Timestamp) -> Step {
        if self.asked {
            return Step::Close("more than one request");
        }
        if input.len() > REQUEST_BYTES_MAX {
            return Step::Close("request too long");
        }
        let strings = match take_strings(input) {
            Ok(Some(strings)) => strings,
            Ok(None) => return Step::Wait,
            Err(()) => return Step::Close("more than one request"),
        };
        self.asked = true;
        let Some(attempt) = attempt(&strings) else {
            say(out, "NO");
            return Step::End;
        };
        self.open = true;
        Step::Ask(TICKET, Question::Login(attempt))
    }

    fn answer(&mut self, _ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        self.open = false;
        match answer {
            Answer::Login(answer) => match answer.verdict {
                Verdict::Accept(_) => say(out, "OK"),
                Verdict::Refuse(_) | Verdict::Elsewhere => say(out, "NO"),
                Verdict::Defer(_) => return Reply::Close,
            },
            _ => return Reply::Close,
        }
        Reply::End
    }

    fn ready(&self) -> bool {
        !self.open
    }

    /// Closing says it: try again.
    fn stop(&mut self, _out: &mut BytesMut) {}
}

/// Takes the whole request, once all four strings are there. A fifth comes in the same write.
fn take_strings(input: &mut BytesMut) -> Result<Option<Vec<Secret>>, ()> {
    let mut rest = &input[..];
    let mut strings = Vec::new();
    while rest.len() >= 2 {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        if rest.len() < 2 + length {
            break;
        }
        strings.push(Secret::new(&rest[2..2 + length]));
        rest = &rest[2 + length..];
        if strings.len() > STRINGS {
            break;
        }
    }
    if strings.len() < STRINGS {
        return Ok(None);
    }
    if !rest.is_empty() {
        return Err(());
    }
    input.zeroize();
    input.advance(input.len());
    Ok(Some(strings))
}

fn attempt(strings: &[Secret]) -> Option<Attempt> {
    let text = |n: usize| strings.get(n).and_then(|string| std::str::from_utf8(string.reveal()).ok());
    let (user, service, realm) = (text(0)?, text(2)?, text(3)?);
    let secret = strings.get(1)?;
    if user.is_empty() {
        return None;
    }
    // libsasl splits a name at its last `@`. Where it was not told to, the realm is its host's, beside a whole name.
    let whole = realm.is_empty() || user.contains(['@', FULL_WIDTH_AT]);
    let typed = if whole { user.to_owned() } else { format!("{user}@{realm}") };
    // Cyrus says "pop" where everybody else says "pop3".
    let protocol = MailProtocol::parse(if service == "pop" { "pop3" } else { service }).ok()?;
    let address = text(4).and_then(|client| parse_address(client.split(';').next().unwrap_or_default()));
    let params = match address {
        Some(address) => format!("nologin\tservice={protocol}\trip={address}"),
        None => format!("nologin\tservice={protocol}"),
    };
    let origin = Origin { address, host: address, protocol, params: params.into(), held: true };
    let secret = Presented::Whole(Secret::presented(secret.reveal())?);
    Some(Attempt { typed, secret, mechanism: "PLAIN", origin })
}

fn say(out: &mut BytesMut, word: &str) {
    out.put_u16(u16::try_from(word.len()).unwrap_or_default());
    out.put_slice(word.as_bytes());
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::gate::login::{Grant, Reason};
    use crate::gate::name::AccountName;
    use crate::gate::question::LoginAnswer;

    fn request(strings: &[&str]) -> BytesMut {
        let mut wire = BytesMut::new();
        strings.iter().for_each(|string| say(&mut wire, string));
        wire
    }

    fn asked(strings: &[&str]) -> Option<(String, Option<String>, String)> {
        match Saslauthd::default().step(&mut request(strings), &mut BytesMut::new(), Timestamp(0)) {
            Step::Ask(_, Question::Login(attempt)) => {
                let address = attempt.origin.address.map(|address| address.to_string());
                Some((attempt.typed, address, attempt.origin.protocol.to_string()))
            }
            _ => None,
        }
    }

    #[test]
    fn the_name_is_put_together_again() {
        let whole = |typed: &str, protocol: &str| Some((typed.to_owned(), None, protocol.to_owned()));
        assert_eq!(asked(&["ann", "x", "smtp", "example.org"]), whole("ann@example.org", "smtp"));
        assert_eq!(asked(&["ann@example.org", "x", "pop", ""]), whole("ann@example.org", "pop3"));
        for (user, realm) in [
            ("ann@example.org", "example.org"),
            ("ann@example.org", "mail.example.net"),
            ("ann＠example.org", "example.org"),
        ] {
            assert_eq!(asked(&[user, "x", "smtp", realm]), whole(user, "smtp"), "{user} {realm}");
        }
    }

    #[test]
    fn a_fifth_string_is_the_address() {
        let (_, address, _) = asked(&["ann", "x", "imap", "example.org", "192.0.2.7;4711"]).unwrap();
        assert_eq!(address.as_deref(), Some("192.0.2.7"));
        assert_eq!(asked(&["ann", "x", "imap", "example.org", ""]).unwrap().1, None);
    }

    #[test]
    fn nothing_to_decide_is_no_and_half_a_request_waits() {
        for strings in [["", "x", "imap", ""], ["ann", "x", "im ap", ""]] {
            let mut out = BytesMut::new();
            let step = Saslauthd::default().step(&mut request(&strings), &mut out, Timestamp(0));
            assert!(matches!(step, Step::End) && &out[..] == b"\0\x02NO", "{strings:?}");
        }
        assert!(asked(&["ann", "", "imap", ""]).is_some(), "what is refused leaves an event");
        let whole = request(&["ann", "x", "imap", ""]);
        for end in 0..whole.len() {
            let mut half = BytesMut::from(&whole[..end]);
            let step = Saslauthd::default().step(&mut half, &mut BytesMut::new(), Timestamp(0));
            assert!(matches!(step, Step::Wait), "{end}");
        }
    }

    /// What is said to a whole request that is answered so; `None`: it can only be told by closing.
    fn told(answer: Answer) -> Option<Vec<u8>> {
        let (mut sasl, mut out) = (Saslauthd::default(), BytesMut::new());
        let mut input = request(&["ann", "x", "imap", ""]);
        let Step::Ask(ticket, _) = sasl.step(&mut input, &mut out, Timestamp(0)) else { panic!("asked") };
        assert!(!sasl.ready());
        let reply = sasl.answer(ticket, answer, &mut out);
        assert!(sasl.ready() && matches!(sasl.step(&mut input, &mut out, Timestamp(0)), Step::Close(_)));
        sasl.stop(&mut out);
        matches!(reply, Reply::End).then(|| out.to_vec())
    }

    #[test]
    fn yes_and_no_are_said_and_trouble_closes() {
        let login = |verdict| {
            Answer::Login(LoginAnswer { verdict, user: None, text: None, fields: Bytes::new(), login: None })
        };
        let account = AccountName::parse("ann@example.org", None).unwrap();
        let grant = Verdict::Accept(Grant { account, password: None });
        assert_eq!(told(login(grant)).as_deref(), Some(&b"\0\x02OK"[..]));
        for no in [Verdict::Refuse(Reason::Disabled), Verdict::Elsewhere] {
            assert_eq!(told(login(no)).as_deref(), Some(&b"\0\x02NO"[..]));
        }
        assert_eq!(told(login(Verdict::Defer("trouble"))), None);
        assert_eq!(told(Answer::Owners(None)), None);
    }

    #[test]
    fn a_request_past_the_limit_is_closed() {
        let mut endless = BytesMut::from(&vec![0xff; REQUEST_BYTES_MAX + 1][..]);
        let step = Saslauthd::default().step(&mut endless, &mut BytesMut::new(), Timestamp(0));
        assert!(matches!(step, Step::Close(_)));
        // Also where it comes whole.
        let whole = |bytes: usize| request(&["ann", &"x".repeat(bytes - 15), "imap", ""]);
        for (bytes, closes) in [(REQUEST_BYTES_MAX, false), (REQUEST_BYTES_MAX + 1, true)] {
            let mut request = whole(bytes);
            assert_eq!(request.len(), bytes);
            let step = Saslauthd::default().step(&mut request, &mut BytesMut::new(), Timestamp(0));
            assert_eq!(matches!(step, Step::Close(_)), closes, "{bytes}");
        }
    }
}
