//! Postfix policy delegation, server side (`SMTPD_POLICY_README`, Postfix 3.7 to 3.12): `name=value` lines,
//! an empty line, and one answer.
//!
//! ```text
//! C: request=smtpd_access_policy        S: action=DUNNO
//! C: protocol_state=MAIL                S:
//! C: sasl_username=ann@example.org
//! C: sender=ann@example.org
//! C:
//! ```
//!
//! - Exactly one answer to each request, whatever is missing in it; Postfix asks one thing at a time and
//!   goes on with the list at DUNNO. Attributes that we do not know are skipped, of one that comes twice
//!   the first counts, and a line that is no attribute is none.
//! - `XCLIENT` is a state too: the client list is asked again for another client. `client_address=unknown`
//!   is no address.
//! - A peer that has said all it has to say (Exim's `readsocket`) still gets its answer.
//! - At stop nothing is said: Postfix asks again a second later, of the daemon that comes next.

use bytes::{BufMut, BytesMut};

use super::{Agreed, Keep, Protocol, Reply, Step, Ticket, take_line};
use crate::clock::Timestamp;
use crate::gate::address::parse_address;
use crate::gate::question::{Answer, Question};
use crate::gate::sending::{Sending, State, Told};

/// The longest line. Postfix cuts its own values long before.
pub const LINE_BYTES_MAX: usize = 16_384;
/// The longest request.
pub const REQUEST_BYTES_MAX: usize = 65_536;
/// The longest reply that fits with its code into the 510 bytes that Postfix hands on.
const TEXT_BYTES_MAX: usize = 400;
/// The longest name of a message that is believed. Postfix's have some 25 bytes.
const INSTANCE_BYTES_MAX: usize = 128;

/// One connection.
#[derive(Debug, Default)]
pub struct Policy {
    request: Request,
    request_bytes: usize,
    open: Option<Ticket>,
    serial: u64,
}

/// What of a request concerns us.
#[derive(Debug, Default)]
struct Request {
    state: Option<Vec<u8>>,
    address: Option<Vec<u8>>,
    port: Option<Vec<u8>>,
    login: Option<Vec<u8>>,
    sender: Option<Vec<u8>>,
    recipients: Option<Vec<u8>>,
    instance: Option<Vec<u8>>,
}

impl Request {
    fn take(&mut self, line: &[u8]) {
        let Some(equals) = line.iter().position(|byte| *byte == b'=') else { return };
        let (name, value) = (&line[..equals], &line[equals + 1..]);
        let place = match name {
            b"protocol_state" => &mut self.state,
            b"client_address" => &mut self.address,
            b"client_port" => &mut self.port,
            b"sasl_username" => &mut self.login,
            b"sender" => &mut self.sender,
            b"recipient_count" => &mut self.recipients,
            b"instance" => &mut self.instance,
            _ => return,
        };
        place.get_or_insert_with(|| value.to_vec());
    }

    fn read(self) -> Sending {
        // What is no text is nobody's address and nobody's name, and must still be shown somehow.
        let text = |value: Option<Vec<u8>>| {
            value.map(|value| String::from_utf8_lossy(&value).into_owned()).unwrap_or_default()
        };
        let state = match self.state.as_deref().unwrap_or_default() {
            b"CONNECT" | b"HELO" | b"EHLO" | b"XCLIENT" => State::Greeting,
            b"MAIL" => State::Mail,
            b"RCPT" => State::Recipient,
            b"DATA" => State::Data,
            b"END-OF-MESSAGE" => State::EndOfMessage,
            _ => State::Other,
        };
        let mut instance = text(self.instance);
        instance.truncate(instance.floor_char_boundary(INSTANCE_BYTES_MAX));
        Sending {
            state,
            address: parse_address(&text(self.address)),
            port: text(self.port).parse().ok().filter(|port| *port != 0),
            login: Some(text(self.login)).filter(|login| !login.is_empty()),
            sender: text(self.sender),
            recipients: text(self.recipients).parse().unwrap_or(0),
            instance,
        }
    }
}

impl Protocol for Policy {
    fn greet(&mut self, _out: &mut BytesMut) {}

    fn step(&mut self, input: &mut BytesMut, _out: &mut BytesMut, _now: Timestamp) -> Step {
        loop {
            let line = match take_line(input, LINE_BYTES_MAX) {
                Ok(Some(line)) => line,
                Ok(None) => return Step::Wait,
                Err(why) => return Step::Close(why),
            };
            if line.is_empty() {
                break;
            }
            self.request_bytes += line.len() + 1;
            if self.request_bytes > REQUEST_BYTES_MAX {
                return Step::Close("request too long");
            }
            self.request.take(&line);
        }
        self.request_bytes = 0;
        self.serial += 1;
        let ticket = Ticket { id: 0, serial: self.serial };
        self.open = Some(ticket);
        Step::Ask(ticket, Question::Sending(std::mem::take(&mut self.request).read()))
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        if self.open.take_if(|open| *open == ticket).is_none() {
            return Reply::Done;
        }
        let (code, text) = match answer {
            Answer::Sending(Told::Fine) => ("DUNNO", String::new()),
            Answer::Sending(Told::HangUp(text)) => ("421 4.7.0 ", text),
            Answer::Sending(Told::NotYours(text)) => ("553 5.7.1 ", text),
            Answer::Sending(Told::NotNow(text)) => ("450 4.7.1 ", text),
            Answer::Sending(Told::Never(text)) => ("554 5.7.1 ", text),
            Answer::Sending(Told::Later(text)) => ("451 4.3.0 ", text),
            _ => return Reply::Close,
        };
        out.put_slice(b"action=");
        out.put_slice(code.as_bytes());
        out.put_slice(in_one_line(&text).as_bytes());
        out.put_slice(b"\n\n");
        Reply::Done
    }

    fn ready(&self) -> bool {
        self.open.is_none()
    }

    /// smtpd notices the end of its connection, and asks again a second later: a second that its client waits.
    fn keep(&self) -> Keep {
        match self.open {
            Some(_) => Keep::AfterUs,
            None if self.request_bytes > 0 => Keep::AfterPeer,
            None => Keep::Now(Agreed::Policy),
        }
    }

    fn outlives(&self) -> bool {
        true
    }

    fn stop(&mut self, _out: &mut BytesMut) {
        self.open = None;
    }
}

/// A text that ends no line early and is not cut within a character.
fn in_one_line(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control(), " ");
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAIL: &str = "request=smtpd_access_policy\nprotocol_state=MAIL\nclient_address=192.0.2.7\n\
                        client_port=43726\nsasl_username=ann@example.org\nsender=a b=c\"d@example.org\n\
                        recipient_count=0\ninstance=\n\n";

    /// Every request in `wire`, answered with DUNNO, and all that was said.
    fn asked(wire: &[u8]) -> (Vec<Sending>, String, Option<&'static str>) {
        let (mut policy, mut out) = (Policy::default(), BytesMut::new());
        let (mut input, mut asked, mut closed) = (BytesMut::from(wire), Vec::new(), None);
        loop {
            match policy.step(&mut input, &mut out, Timestamp(0)) {
                Step::Ask(ticket, Question::Sending(sending)) => {
                    assert!(!policy.ready(), "one at a time");
                    asked.push(sending);
                    policy.answer(ticket, Answer::Sending(Told::Fine), &mut out);
                    assert!(policy.ready());
                }
                Step::Close(why) => {
                    closed = Some(why);
                    break;
                }
                _ => break,
            }
        }
        (asked, String::from_utf8(out.to_vec()).unwrap(), closed)
    }

    fn one(wire: &str) -> Sending {
        let (mut asked, _, _) = asked(wire.as_bytes());
        assert_eq!(asked.len(), 1);
        asked.remove(0)
    }

    fn said(told: Told) -> String {
        let (mut policy, mut out) = (Policy::default(), BytesMut::new());
        let Step::Ask(ticket, _) = policy.step(&mut BytesMut::from("\n"), &mut out, Timestamp(0)) else {
            panic!("an empty request is one")
        };
        policy.answer(ticket, Answer::Sending(told), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_connection_goes_on_elsewhere_between_requests_only() {
        let (mut policy, mut out) = (Policy::default(), BytesMut::new());
        assert_eq!(policy.keep(), Keep::Now(Agreed::Policy));
        let mut input = BytesMut::from("protocol_state=MAIL\n");
        assert!(matches!(policy.step(&mut input, &mut out, Timestamp(0)), Step::Wait));
        assert_eq!(policy.keep(), Keep::AfterPeer, "half a request is known here only");
        let Step::Ask(ticket, _) = policy.step(&mut BytesMut::from("\n"), &mut out, Timestamp(0)) else {
            panic!("a request")
        };
        assert_eq!(policy.keep(), Keep::AfterUs);
        policy.answer(ticket, Answer::Sending(Told::Fine), &mut out);
        assert_eq!(policy.keep(), Keep::Now(Agreed::Policy));
    }

    #[test]
    fn a_request_is_read_up_to_its_empty_line() {
        let sending = one(MAIL);
        assert_eq!(sending.state, State::Mail);
        assert_eq!(sending.address, "192.0.2.7".parse().ok());
        assert_eq!(sending.port, Some(43726));
        assert_eq!(sending.login.as_deref(), Some("ann@example.org"));
        assert_eq!(sending.sender, "a b=c\"d@example.org", "split at the first equals sign");
        let (requests, said, _) = asked(MAIL.repeat(3).as_bytes());
        assert_eq!((requests.len(), said.as_str()), (3, "action=DUNNO\n\naction=DUNNO\n\naction=DUNNO\n\n"));
    }

    #[test]
    fn what_is_missing_unknown_doubled_or_broken_is_borne() {
        let nothing = one("\n");
        assert_eq!((nothing.state, nothing.address, nothing.login), (State::Other, None, None));
        let odd = one("sasl_username=ann\nsasl_username=eve\nno attribute\n=x\nfuture=1\n\
                       client_address=unknown\nclient_port=99999\nrecipient_count=-1\n\
                       protocol_state=XCLIENT\n\n");
        assert_eq!((odd.login.as_deref(), odd.address, odd.port), (Some("ann"), None, None));
        assert_eq!((odd.state, odd.recipients), (State::Greeting, 0));
        assert_eq!(one("sasl_username=\n\n").login, None);
        assert_eq!(one("client_address=::ffff:192.0.2.7\n\n").address, "192.0.2.7".parse().ok());
        let (requests, _, _) = asked(b"sender=\xff@example.org\n\n");
        assert_eq!(requests[0].sender, "\u{fffd}@example.org");
    }

    #[test]
    fn at_the_limits_and_past_them() {
        let line = |bytes: usize| format!("a={}\n\n", "x".repeat(bytes - 3));
        assert_eq!(asked(line(LINE_BYTES_MAX).as_bytes()).0.len(), 1);
        assert_eq!(asked(line(LINE_BYTES_MAX + 1).as_bytes()).2, Some("line too long"));
        let many = |bytes: usize| format!("{}\n", "a=234567890abcde\n".repeat(bytes / 17));
        assert_eq!(asked(many(REQUEST_BYTES_MAX).as_bytes()).0.len(), 1);
        assert_eq!(asked(many(REQUEST_BYTES_MAX + 17).as_bytes()).2, Some("request too long"));
        assert_eq!(one(&format!("instance={}\n\n", "i".repeat(1000))).instance.len(), INSTANCE_BYTES_MAX);
    }

    #[test]
    fn every_answer_has_its_code_in_one_line() {
        let text = || "line\r\nx".to_owned();
        assert_eq!(said(Told::Fine), "action=DUNNO\n\n");
        for (told, code) in [
            (Told::HangUp(text()), "421 4.7.0"),
            (Told::NotYours(text()), "553 5.7.1"),
            (Told::NotNow(text()), "450 4.7.1"),
            (Told::Never(text()), "554 5.7.1"),
            (Told::Later(text()), "451 4.3.0"),
        ] {
            assert_eq!(said(told), format!("action={code} line  x\n\n"));
        }
        assert!(said(Told::Never("字".repeat(1000))).len() <= 510);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(cut in 0..MAIL.len(), rest in 0..MAIL.len()) {
            let (mut policy, mut out, mut input) = (Policy::default(), BytesMut::new(), BytesMut::new());
            let (first, last) = (cut.min(rest), cut.max(rest));
            let mut asked = Vec::new();
            for part in [&MAIL[..first], &MAIL[first..last], &MAIL[last..]] {
                input.put_slice(part.as_bytes());
                if let Step::Ask(_, Question::Sending(sending)) =
                    policy.step(&mut input, &mut out, Timestamp(0))
                {
                    asked.push(sending);
                }
            }
            prop_assert_eq!(asked, vec![one(MAIL)]);
        }

        #[test]
        fn whatever_comes_is_answered_once_for_each_empty_line(wire: Vec<u8>) {
            let (requests, said, closed) = asked(&wire);
            prop_assert_eq!(said, "action=DUNNO\n\n".repeat(requests.len()));
            prop_assert!(closed.is_none());
        }
    }
}
