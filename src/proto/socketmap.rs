//! Postfix's socketmap, server side (socketmap_table(5)): `mapname SP key` in netstrings.
//!
//! Client: smtpd, for `smtpd_sender_login_maps = socketmap:unix:sidegate/map:sender-login`.
//!
//! ```text
//! C: 30:sender-login ann@example.org,        S: 18:OK ann@example.org,
//! C: 32:sender-login ghost@example.org,      S: 9:NOTFOUND ,
//! ```
//!
//! The space after OK and NOTFOUND must be there: a bare word means something else to every
//! release. Postfix asks for the whole address only, so `+tag` is ours to take off. TEMP is a
//! 451 at once; PERM would be a "server configuration error" and says so for a map that is none
//! of ours.

use bytes::BytesMut;

use super::netstring;
use super::{Agreed, Keep, Protocol, Reply, Step, Ticket};
use crate::clock::Timestamp;
use crate::gate::question::{Answer, Question};

/// The longest request and answer: Postfix's own limit.
pub const REQUEST_BYTES_MAX: usize = 100_000;
/// The longest answer: Postfix reads a netstring of so many bytes, and hangs up on a longer one.
pub const ANSWER_BYTES_MAX: usize = REQUEST_BYTES_MAX;
/// The map that tells who may use a sender address.
pub const SENDER_LOGIN: &[u8] = b"sender-login";

/// One connection.
#[derive(Debug, Default)]
pub struct Socketmap {
    open: Option<Ticket>,
    serial: u64,
}

impl Protocol for Socketmap {
    fn greet(&mut self, _out: &mut BytesMut) {}

    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, _now: Timestamp) -> Step {
        let request = match netstring::take(input, REQUEST_BYTES_MAX) {
            Ok(Some(request)) => request,
            Ok(None) => return Step::Wait,
            Err(why) => return Step::Close(why),
        };
        let mut parts = request.splitn(2, |byte| *byte == b' ');
        let (map, key) = (parts.next().unwrap_or_default(), parts.next());
        let Some(key) = key.filter(|_| map == SENDER_LOGIN) else {
            netstring::put(out, b"PERM this socket has one map, sender-login");
            return Step::Next;
        };
        // An address that is no text is nobody's.
        let Ok(address) = String::from_utf8(key.to_vec()) else {
            netstring::put(out, b"NOTFOUND ");
            return Step::Next;
        };
        self.serial += 1;
        let ticket = Ticket { id: 0, serial: self.serial };
        self.open = Some(ticket);
        Step::Ask(ticket, Question::Owners(address))
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        if self.open.take_if(|open| *open == ticket).is_none() {
            return Reply::Done;
        }
        match answer {
            Answer::Owners(Some(owners)) if owners.is_empty() => netstring::put(out, b"NOTFOUND "),
            Answer::Owners(Some(owners)) => {
                let answer = format!("OK {}", owners.join(","));
                if answer.len() > ANSWER_BYTES_MAX {
                    netstring::put(
                        out,
                        b"PERM too many logins may use this address; let Postfix ask by policy",
                    );
                } else {
                    netstring::put(out, answer.as_bytes());
                }
            }
            _ => netstring::put(out, b"TEMP the store cannot be read"),
        }
        Reply::Done
    }

    fn ready(&self) -> bool {
        self.open.is_none()
    }

    fn keep(&self) -> Keep {
        if self.open.is_some() { Keep::AfterUs } else { Keep::Now(Agreed::Socketmap) }
    }

    fn outlives(&self) -> bool {
        true
    }

    fn stop(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            netstring::put(out, b"TEMP stopping, try again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one request is answered with, if the answer is `owners`.
    fn told(request: &[u8], owners: Option<&[&str]>) -> String {
        let (mut map, mut input, mut out) = (Socketmap::default(), BytesMut::new(), BytesMut::new());
        netstring::put(&mut input, request);
        if let Step::Ask(ticket, _) = map.step(&mut input, &mut out, Timestamp(0)) {
            let owners = owners.map(|owners| owners.iter().map(ToString::to_string).collect());
            map.answer(ticket, Answer::Owners(owners), &mut out);
        }
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn answers_keep_their_space() {
        let ann = b"sender-login ann@example.org";
        assert_eq!(told(ann, Some(&["ann@example.org"])), "18:OK ann@example.org,");
        assert_eq!(told(ann, Some(&["a@x", "b@x"])), "10:OK a@x,b@x,");
        assert_eq!(told(ann, Some(&[])), "9:NOTFOUND ,");
        assert!(told(ann, None).contains(":TEMP "));
        let most = "a".repeat(ANSWER_BYTES_MAX - 3);
        assert!(told(ann, Some(&[&most])).starts_with("100000:OK a"));
        assert!(told(ann, Some(&[&most, ""])).contains(":PERM too many"));
    }

    #[test]
    fn one_question_at_a_time_and_a_stop_says_so() {
        let (mut map, mut input, mut out) = (Socketmap::default(), BytesMut::new(), BytesMut::new());
        netstring::put(&mut input, b"sender-login ann@example.org");
        let step = map.step(&mut input, &mut out, Timestamp(0));
        let Step::Ask(ticket, _) = step else { panic!("{step:?}") };
        assert!(!map.ready());
        assert_eq!(map.keep(), Keep::AfterUs);
        map.stop(&mut out);
        assert_eq!(&out[..], b"24:TEMP stopping, try again,");
        // Whoever was told to try again hears nothing more.
        assert!(map.ready() && matches!(map.answer(ticket, Answer::Owners(None), &mut out), Reply::Done));
        assert_eq!(&out[..], b"24:TEMP stopping, try again,");
    }

    #[test]
    fn another_map_and_what_is_no_text() {
        assert!(told(b"virtual ann@example.org", None).contains(":PERM "));
        assert!(told(b"sender-login", None).contains(":PERM "));
        assert_eq!(told(b"sender-login \xff", None), "9:NOTFOUND ,");
    }
}
