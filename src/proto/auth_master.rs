//! Dovecot's auth-master protocol, server side (version 1.1).
//!
//! Clients: imap, pop3, submission and managesieve (REQUEST), lmtp, doveadm and lda (the rest).
//!
//! ```text
//! S: VERSION 1 1 / SPID n          C: VERSION 1 1
//! C: REQUEST id cpid auth-id cookie session_pid=n     S: USER id name fields | NOTFOUND id | FAIL id [reason=]
//! C: USER id name service=lmtp ...                    S: USER id name fields | NOTFOUND id | FAIL id [reason=]
//! C: PASS id name service=...                         S: PASS id user=name fields | NOTFOUND id | FAIL id
//! C: LIST id [user=mask] service=...                  S: LIST id name ... DONE id [fail]
//! C: CACHE-FLUSH id [name ...]                        S: OK id count
//! ```
//!
//! Answers come in the order of the questions: lmtp asks one after the other and expects them so.
//! There is no cache here, so CACHE-FLUSH always counts 0.

use bytes::{BufMut, Bytes, BytesMut};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::{Agreed, Keep, Protocol, Reply, Step, Ticket, tab, take_line};
use crate::clock::Timestamp;
use crate::gate::question::{Answer, Claim, Found, Lookup, Question};
use crate::gate::secret::Cookie;

/// The longest request, with its end. The real server takes 1024; 8192 is what it writes itself.
pub const LINE_BYTES_MAX: usize = 8_192;

/// One connection.
#[derive(Debug)]
pub struct AuthMaster {
    spid: u32,
    /// The peer's pid, as the kernel says.
    peer_pid: Option<u32>,
    shaken: bool,
    /// The question that is owed an answer, and its kind.
    open: Option<(Ticket, Kind)>,
    serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Pass,
    List,
}

impl AuthMaster {
    /// A connection that has said nothing yet. `spid` is the same as on the auth-client sockets.
    #[must_use]
    pub fn new(spid: u32, peer_pid: Option<u32>) -> Self {
        Self { spid, peer_pid, shaken: false, open: None, serial: 0 }
    }

    /// Goes on with a connection that another image, or process, accepted; nothing is said again.
    #[must_use]
    pub fn resumed(spid: u32, peer_pid: Option<u32>, shaken: bool) -> Self {
        Self { shaken, ..Self::new(spid, peer_pid) }
    }

    fn command(&mut self, line: &[u8], out: &mut BytesMut) -> Step {
        let mut fields = line.split(|byte| *byte == b'\t');
        let command = fields.next().unwrap_or_default();
        if !self.shaken {
            return self.version(command, fields);
        }
        let Some(id) = fields.next().and_then(tab::number) else {
            return Step::Close("a command without id");
        };
        let (kind, question) = match command {
            b"REQUEST" => match self.claim(fields) {
                Some(claim) => (Kind::User, Question::Claim(claim)),
                None => return Step::Close("REQUEST is incomplete"),
            },
            b"USER" | b"PASS" => match lookup(fields) {
                Some(lookup) if command == b"USER" => (Kind::User, Question::User(lookup)),
                Some(lookup) => (Kind::Pass, Question::Pass(lookup)),
                None => return Step::Close("a lookup without name or service"),
            },
            b"LIST" => (Kind::List, Question::List(join(fields))),
            b"CACHE-FLUSH" => {
                out.put_slice(format!("OK\t{id}\t0\n").as_bytes());
                return Step::Next;
            }
            _ => return Step::Close("unknown command"),
        };
        self.serial += 1;
        let ticket = Ticket { id, serial: self.serial };
        self.open = Some((ticket, kind));
        Step::Ask(ticket, question)
    }

    fn version<'a>(&mut self, command: &[u8], mut fields: impl Iterator<Item = &'a [u8]>) -> Step {
        match (command, fields.next().and_then(tab::number::<u32>)) {
            (b"VERSION", Some(1)) => {
                self.shaken = true;
                Step::Next
            }
            (b"VERSION", _) => Step::Close("another major version"),
            _ => Step::Close("the first line is not VERSION"),
        }
    }

    fn claim<'a>(&self, mut fields: impl Iterator<Item = &'a [u8]>) -> Option<Claim> {
        let cpid = fields.next().and_then(tab::number)?;
        let auth_id = fields.next().and_then(tab::number)?;
        let mut cookie = [0; 16];
        let hex = fields.next().filter(|hex| hex.len() == 32)?;
        HEXLOWER_PERMISSIVE.decode_mut(hex, &mut cookie).ok()?;
        let session_pid = fields.find_map(|field| match tab::key_value(field) {
            (b"session_pid", Some(pid)) => tab::number(pid),
            _ => None,
        });
        Some(Claim { cpid, auth_id, cookie: Cookie(cookie), session_pid, peer_pid: self.peer_pid })
    }
}

/// `<name> <params>`, with a service among the params as a real server insists.
fn lookup<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<Lookup> {
    let name = String::from_utf8(tab::unescape(fields.next()?).into_owned()).ok()?;
    let params = join(fields);
    let mut fields = params.split(|byte| *byte == b'\t');
    let served = fields.any(|field| matches!(tab::key_value(field), (b"service" | b"protocol", Some(_))));
    served.then_some(Lookup { name, params })
}

fn join<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Bytes {
    fields.collect::<Vec<_>>().join(&b'\t').into()
}

impl Protocol for AuthMaster {
    fn greet(&mut self, out: &mut BytesMut) {
        out.put_slice(format!("VERSION\t1\t1\nSPID\t{}\n", self.spid).as_bytes());
    }

    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, _now: Timestamp) -> Step {
        match take_line(input, LINE_BYTES_MAX) {
            Ok(Some(line)) => self.command(&line, out),
            Ok(None) => Step::Wait,
            Err(why) => Step::Close(why),
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        let Some((_, kind)) = self.open.take_if(|(open, _)| *open == ticket) else { return Reply::Done };
        let id = ticket.id;
        match (kind, answer) {
            (Kind::List, Answer::List(Some(names))) => {
                for name in names {
                    out.put_slice(format!("LIST\t{id}\t").as_bytes());
                    tab::escape_into(out, name.as_bytes());
                    out.put_u8(b'\n');
                }
                out.put_slice(format!("DONE\t{id}\t\n").as_bytes());
            }
            (Kind::List, _) => out.put_slice(format!("DONE\t{id}\tfail\n").as_bytes()),
            (kind, Answer::Found(Found::User(name, fields))) => {
                let word = if kind == Kind::Pass { "PASS\t" } else { "USER\t" };
                let user = if kind == Kind::Pass { "user=" } else { "" };
                out.put_slice(format!("{word}{id}\t{user}").as_bytes());
                tab::escape_into(out, name.as_bytes());
                if !fields.is_empty() {
                    out.put_u8(b'\t');
                    out.put_slice(&fields);
                }
                out.put_u8(b'\n');
            }
            (_, Answer::Found(Found::Nobody)) => out.put_slice(format!("NOTFOUND\t{id}\n").as_bytes()),
            (_, Answer::Found(Found::Fail(Some(reason)))) => {
                out.put_slice(format!("FAIL\t{id}\treason=").as_bytes());
                tab::escape_into(out, reason.as_bytes());
                out.put_u8(b'\n');
            }
            _ => out.put_slice(format!("FAIL\t{id}\n").as_bytes()),
        }
        Reply::Done
    }

    fn ready(&self) -> bool {
        self.open.is_none()
    }

    /// lmtp of Dovecot 2.3 keeps its connection for a minute, and notices its end only when it asks the next time, for a
    /// mail that it then puts off. So does quota-status, of 2.4 too.
    fn keep(&self) -> Keep {
        match self.open {
            Some(_) => Keep::AfterUs,
            None => Keep::Now(Agreed::AuthMaster { shaken: self.shaken }),
        }
    }

    fn outlives(&self) -> bool {
        true
    }

    fn stop(&mut self, out: &mut BytesMut) {
        match self.open.take() {
            Some((ticket, Kind::List)) => out.put_slice(format!("DONE\t{}\tfail\n", ticket.id).as_bytes()),
            Some((ticket, _)) => out.put_slice(format!("FAIL\t{}\n", ticket.id).as_bytes()),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(protocol: &mut AuthMaster, text: &str) -> (Step, String) {
        let (mut input, mut out) = (BytesMut::from(text), BytesMut::new());
        let mut step = Step::Wait;
        while !input.is_empty() {
            step = protocol.step(&mut input, &mut out, Timestamp(0));
        }
        (step, String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn a_connection_goes_on_elsewhere_when_nothing_is_owed() {
        let mut old = AuthMaster::new(1, None);
        assert_eq!(old.keep(), Keep::Now(Agreed::AuthMaster { shaken: false }), "it has heard our words");
        let (step, _) = say(&mut old, "VERSION\t1\t0\nUSER\t1\tann@example.org\tservice=lmtp\n");
        let Step::Ask(ticket, _) = step else { panic!("{step:?}") };
        assert_eq!(old.keep(), Keep::AfterUs);
        old.answer(ticket, Answer::Found(Found::Nobody), &mut BytesMut::new());
        assert_eq!(old.keep(), Keep::Now(Agreed::AuthMaster { shaken: true }));

        let mut next = AuthMaster::resumed(2, None, true);
        let (step, _) = say(&mut next, "USER\t2\tann@example.org\tservice=lmtp\n");
        assert!(matches!(step, Step::Ask(..)), "{step:?}");
        let mut young = AuthMaster::resumed(2, None, false);
        assert!(matches!(say(&mut young, "VERSION\t1\t1\n").0, Step::Next));
        assert!(matches!(say(&mut AuthMaster::resumed(2, None, false), "USER\t2\tx\n").0, Step::Close(_)));
    }
}
