//! Dovecot's auth-client protocol, server side (version 1.2, with 1.4's CANCELLED).
//!
//! Clients: the login processes of Dovecot 2.3 and 2.4, Postfix, Exim, chasquid, maddy, doveadm.
//!
//! ```text
//! S: VERSION 1 2 / MECH PLAIN plaintext / ... / SPID n / CUID n / COOKIE hex / DONE
//! C: VERSION 1 2 / CPID n
//! C: AUTH 1 PLAIN service=imap rip=192.0.2.7 resp=<base64>
//! S: OK 1 user=ann@example.org        | FAIL 1 user=... [code=...] [reason=...]
//! S: CONT 1 <base64>      C: CONT 1 <base64>      C: CANCEL 1      S: CANCELLED 1
//! ```
//!
//! The server's part is sent whole at accept: Exim before 4.99 writes nothing before DONE.
//! Closed for: another major version, an unknown command, an unknown mechanism, id 0, an id that
//! is open, AUTH without service, fields after `resp`, a line too long. Never for a wrong secret,
//! and as in a real Dovecot not for a CONT that comes late or out of turn.
//!
//! Peers' quirks: Postfix sends the mechanism in small letters if its client did, an empty `rip=`
//! if it knows none, and never cancels. Exim (minor 0) writes `resp=` for "no initial response".
//! 2.3's doveadm and chasquid repeat the name as authorisation id. chasquid and maddy set
//! `no-penalty` on everything, so it is ignored. Exim sees 16 fields of an OK line; maddy panics on
//! one without `=`: `user=` comes first, and there are no bare words of our own.

mod keep;
mod parse;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use data_encoding::HEXLOWER;
use zeroize::Zeroize;

pub use self::keep::Agreed;
use self::parse::{AuthLine, bounded, decode, name_of, plain_question};
use super::{Keep, Notice, Protocol, Reply, Step, Ticket, tab, take_line};
use crate::clock::Timestamp;
use crate::config::OnTrouble;
use crate::gate::login::{Attempt, Origin, Presented, Verdict};
use crate::gate::question::{Answer, Coded, LoginAnswer, Question, Relay, Unread};
use crate::gate::secret::{Cookie, Secret};

/// The longest line, with its end. A real Dovecot closes past it too.
pub const LINE_BYTES_MAX: usize = 16_384;
/// Requests of one connection that may be open at once, and decisions that may be under way for
/// it, wanted or cancelled. Past either, new requests get a temporary failure.
pub const OPEN_MAX: usize = 4_096;
/// A dialogue that is not over this long after it began is dropped when the client does not go on.
/// Postfix leaves one open for ever whenever its client gives up.
pub const DIALOGUE_SECS_MAX: i64 = 150;
/// Dialogues of one connection that wait for the client. Past it, the oldest is dropped.
pub const DIALOGUES_MAX: usize = 256;

/// What a bridge to Dovecot's passdbs reads as "go on to the next one"; everybody else reads it as
/// a refusal.
const NOT_OURS: &[u8] = b"\tcode=x_not_ours";

/// A mechanism and its flags, as they are offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// In capitals.
    pub name: String,
    /// As they follow the name, tab-separated.
    pub flags: String,
}

/// What a connection is told at accept.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Our pid; the same on every socket of one daemon.
    pub spid: u32,
    /// The connection's number.
    pub cuid: u64,
    /// Random, for claims.
    pub cookie: Cookie,
    /// What the upstream offers beside PLAIN and LOGIN.
    pub relayed: Arc<[Mechanism]>,
    /// What our own trouble looks like.
    pub on_trouble: OnTrouble,
    /// Refusals are held back here, and not by the mail server.
    pub held: bool,
}

/// One connection.
#[derive(Debug)]
pub struct AuthClient {
    greeting: Greeting,
    shaken: Shaken,
    /// The client's minor version.
    minor: u32,
    open: HashMap<u32, Open>,
    /// Requests that asked the client for more, oldest first; some may be over already.
    dialogues: VecDeque<Ticket>,
    /// Decisions under way, those that the client cancelled among them.
    deciding: usize,
    serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shaken {
    Nothing,
    Version,
    /// With the client's number.
    Whole(u32),
}

#[derive(Debug)]
struct Open {
    serial: u64,
    since: Timestamp,
    /// The client says `service=smtp`.
    smtp: bool,
    /// No mail process will claim the login.
    nologin: bool,
    /// It is among the dialogues.
    prompted: bool,
    /// The client has gone on with it: its last message came by CONT, not with AUTH.
    continued: bool,
    turn: Turn,
}

impl Open {
    fn waits(&self) -> bool {
        !matches!(self.turn, Turn::Deciding)
    }
}

/// Whose turn it is, and for what.
#[derive(Debug)]
enum Turn {
    Plain(Origin),
    LoginName(Origin),
    LoginPassword(Origin, String),
    Relayed(Relay),
    /// Ours: being decided.
    Deciding,
}

/// What follows a message of a client.
enum Next {
    Prompt(Turn),
    Ask(Question),
}

impl AuthClient {
    /// A connection that has said nothing yet.
    #[must_use]
    pub fn new(greeting: Greeting) -> Self {
        let (open, dialogues) = (HashMap::new(), VecDeque::new());
        Self { greeting, shaken: Shaken::Nothing, minor: 0, open, dialogues, deciding: 0, serial: 0 }
    }

    fn command(&mut self, line: &[u8], out: &mut BytesMut, now: Timestamp) -> Step {
        let mut fields = line.split(|byte| *byte == b'\t');
        let command = fields.next().unwrap_or_default();
        match (self.shaken, command) {
            (Shaken::Nothing, b"VERSION") => self.version(fields),
            (Shaken::Nothing, _) => Step::Close("the first line is not VERSION"),
            (Shaken::Version, b"CPID") => match fields.next().and_then(tab::number) {
                None | Some(0) => Step::Close("CPID is no number"),
                Some(cpid) => {
                    self.shaken = Shaken::Whole(cpid);
                    Step::Tell(Notice::Introduced { cpid })
                }
            },
            (Shaken::Version, _) => Step::Close("a command before CPID"),
            (Shaken::Whole(_), b"AUTH") => self.auth(line, out, now),
            (Shaken::Whole(_), b"CONT") => self.cont(fields, out),
            (Shaken::Whole(_), b"CANCEL") => self.cancel(fields, out),
            (Shaken::Whole(_), _) => Step::Close("unknown command"),
        }
    }

    fn version<'a>(&mut self, mut fields: impl Iterator<Item = &'a [u8]>) -> Step {
        let mut next = || fields.next().and_then(tab::number::<u32>);
        let (Some(major), Some(minor)) = (next(), next()) else {
            return Step::Close("VERSION has no numbers");
        };
        if major != 1 {
            return Step::Close("another major version");
        }
        (self.shaken, self.minor) = (Shaken::Version, minor);
        Step::Next
    }

    fn auth(&mut self, line: &[u8], out: &mut BytesMut, now: Timestamp) -> Step {
        let auth = match AuthLine::parse(line, self.minor, self.greeting.held) {
            Ok(auth) => auth,
            Err(why) => return Step::Close(why),
        };
        let (id, nologin) = (auth.id, auth.nologin);
        if self.open.contains_key(&id) {
            return Step::Close("an id that is open was used again");
        }
        self.forget_late(now);
        self.serial += 1;
        let smtp = auth.origin.protocol.as_str() == "smtp";
        if self.open.len().max(self.deciding) >= OPEN_MAX {
            return if self.trouble(id, smtp, out) {
                Step::Next
            } else {
                Step::Close("too many open requests")
            };
        }
        let Some(next) = self.begin(auth) else { return Step::Close("unknown mechanism") };
        let ticket = Ticket { id, serial: self.serial };
        let turn = Turn::Deciding;
        let open =
            Open { serial: self.serial, since: now, smtp, nologin, prompted: false, continued: false, turn };
        self.open.insert(id, open);
        self.follow(ticket, next, out)
    }

    /// The first turn of a mechanism; `None` if it was not offered.
    fn begin(&self, auth: AuthLine<'_>) -> Option<Next> {
        let AuthLine { mechanism, origin, initial, .. } = auth;
        Some(match (mechanism.as_ref(), initial) {
            ("PLAIN", None) => Next::Prompt(Turn::Plain(origin)),
            ("PLAIN", Some(initial)) => advance(Turn::Plain(origin), &tab::unescape(initial)),
            // An empty name is asked for, as a real Dovecot does.
            ("LOGIN", Some(initial)) if !initial.is_empty() => {
                advance(Turn::LoginName(origin), &tab::unescape(initial))
            }
            ("LOGIN", _) => Next::Prompt(Turn::LoginName(origin)),
            (name, initial) if self.greeting.relayed.iter().any(|known| known.name == name) => {
                Next::Ask(Question::Relay { mechanism, origin, initial: initial.map(Secret::new) })
            }
            _ => return None,
        })
    }

    fn cont<'a>(&mut self, mut fields: impl Iterator<Item = &'a [u8]>, out: &mut BytesMut) -> Step {
        let (Some(id), Some(data)) = (fields.next().and_then(tab::number), fields.next()) else {
            return Step::Close("CONT has no id or no data");
        };
        let Some(open) = self.open.get_mut(&id) else {
            line(out, "FAIL", id, b"\treason=Authentication request timed out");
            return Step::Next;
        };
        let ticket = Ticket { id, serial: open.serial };
        open.continued = true;
        match std::mem::replace(&mut open.turn, Turn::Deciding) {
            Turn::Deciding => {
                // As after CANCEL, what is being decided goes on and is counted.
                self.open.remove(&id);
                line(out, "FAIL", id, b"\treason=Unexpected continuation");
                Step::Next
            }
            turn => self.follow(ticket, advance(turn, data), out),
        }
    }

    fn follow(&mut self, ticket: Ticket, next: Next, out: &mut BytesMut) -> Step {
        match next {
            Next::Ask(question) => {
                self.deciding += 1;
                Step::Ask(ticket, question)
            }
            Next::Prompt(turn) => {
                let prompt: &[u8] = match turn {
                    Turn::LoginName(_) => b"\tVXNlcm5hbWU6",
                    Turn::LoginPassword(..) => b"\tUGFzc3dvcmQ6",
                    _ => b"\t",
                };
                line(out, "CONT", ticket.id, prompt);
                self.await_client(ticket, turn);
                Step::Next
            }
        }
    }

    /// It is the client's turn; of too many dialogues the oldest that waits is dropped.
    fn await_client(&mut self, ticket: Ticket, turn: Turn) {
        let Some(open) = self.open.get_mut(&ticket.id) else { return };
        open.turn = turn;
        if std::mem::replace(&mut open.prompted, true) {
            return;
        }
        self.dialogues.push_back(ticket);
        if self.dialogues.len() <= DIALOGUES_MAX {
            return;
        }
        let open = &self.open;
        self.dialogues.retain(|listed| find(open, *listed).is_some());
        if self.dialogues.len() > DIALOGUES_MAX
            && let Some(place) = self.dialogues.iter().position(|t| find(open, *t).is_some_and(Open::waits))
            && let Some(oldest) = self.dialogues.remove(place)
        {
            self.open.remove(&oldest.id);
        }
    }

    /// Drops dialogues that the client has left alone for too long.
    fn forget_late(&mut self, now: Timestamp) {
        while let Some(&oldest) = self.dialogues.front() {
            match find(&self.open, oldest) {
                None => {}
                Some(open) if open.waits() && now.0 >= open.since.0 + DIALOGUE_SECS_MAX => {
                    self.open.remove(&oldest.id);
                }
                Some(_) => break,
            }
            self.dialogues.pop_front();
        }
    }

    fn cancel<'a>(&mut self, mut fields: impl Iterator<Item = &'a [u8]>, out: &mut BytesMut) -> Step {
        let Some(id) = fields.next().and_then(tab::number) else { return Step::Close("CANCEL has no id") };
        // What is being decided goes on and is counted; only its answer is no longer wanted.
        self.open.remove(&id);
        if self.minor >= 4 {
            line(out, "CANCELLED", id, b"");
        }
        Step::Tell(Notice::Cancelled(id))
    }

    /// Says that we are in trouble; false if that can only be said by closing.
    fn trouble(&self, id: u32, smtp: bool, out: &mut BytesMut) -> bool {
        let close = match self.greeting.on_trouble {
            OnTrouble::Auto => smtp,
            OnTrouble::TempFail => false,
            OnTrouble::Close => true,
        };
        if !close {
            line(out, "FAIL", id, b"\tcode=temp_fail");
        }
        !close
    }

    fn login(&self, id: u32, smtp: bool, answer: LoginAnswer, out: &mut BytesMut) -> Reply {
        let LoginAnswer { verdict, user, text, fields, login } = answer;
        let word = match verdict {
            Verdict::Accept(_) => "OK",
            Verdict::Refuse(_) => "FAIL",
            Verdict::Elsewhere => {
                line(out, "FAIL", id, NOT_OURS);
                return Reply::Done;
            }
            Verdict::Defer(_) => return if self.trouble(id, smtp, out) { Reply::Done } else { Reply::Close },
        };
        begin_line(out, word, id);
        for (key, value) in [("\tuser=", user.as_deref()), ("\treason=", text.as_deref())] {
            if let Some(value) = value {
                out.put_slice(key.as_bytes());
                tab::escape_into(out, value.as_bytes());
            }
        }
        if !fields.is_empty() {
            out.put_u8(b'\t');
            out.put_slice(&fields);
        }
        out.put_u8(b'\n');
        login.map_or(Reply::Done, |login| Reply::Tell(Notice::Granted(id, login)))
    }
}

impl Protocol for AuthClient {
    fn greet(&mut self, out: &mut BytesMut) {
        out.put_slice(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n");
        for mechanism in self.greeting.relayed.iter() {
            let tab = if mechanism.flags.is_empty() { "" } else { "\t" };
            out.put_slice(format!("MECH\t{}{tab}{}\n", mechanism.name, mechanism.flags).as_bytes());
        }
        let Greeting { spid, cuid, cookie, .. } = &self.greeting;
        let cookie = HEXLOWER.encode(&cookie.0);
        out.put_slice(format!("SPID\t{spid}\nCUID\t{cuid}\nCOOKIE\t{cookie}\nDONE\n").as_bytes());
    }

    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, now: Timestamp) -> Step {
        let mut line = match take_line(input, LINE_BYTES_MAX) {
            Ok(Some(line)) => line,
            Ok(None) => return Step::Wait,
            Err(why) => return Step::Close(why),
        };
        let step = self.command(&line, out, now);
        line.zeroize();
        step
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        let id = ticket.id;
        self.deciding = self.deciding.saturating_sub(1);
        if find(&self.open, ticket).is_none() {
            return Reply::Done;
        }
        if let Answer::Challenge(relay, data) = answer {
            line(out, "CONT", id, &[b"\t", &data[..]].concat());
            self.await_client(ticket, Turn::Relayed(relay));
            return Reply::Done;
        }
        let Some(Open { smtp, nologin, continued, .. }) = self.open.remove(&id) else { return Reply::Done };
        match answer {
            Answer::Login(mut answer) => {
                answer.login.take_if(|_| nologin);
                return self.login(id, smtp, answer, out);
            }
            Answer::Coded(Coded::InvalidBase64) => {
                let which = if continued { "continued" } else { "initial" };
                let rest = format!("\tcode=invalid_base64\treason=Invalid base64 data in {which} response");
                line(out, "FAIL", id, rest.as_bytes());
            }
            Answer::Coded(Coded::Authorization) => line(out, "FAIL", id, b"\tcode=authz_fail"),
            Answer::Coded(Coded::Malformed) => line(out, "FAIL", id, b""),
            // Answers to questions that are not asked here.
            _ => {
                return if self.trouble(id, smtp, out) { Reply::Done } else { Reply::Close };
            }
        }
        Reply::Done
    }

    fn clings(&self) -> bool {
        // A login process of Dovecot, which is of minor version 2 or more; or a dialogue of any other.
        !matches!(self.shaken, Shaken::Whole(_)) || self.minor >= 2 || !self.open.is_empty()
    }

    fn keep(&self) -> Keep {
        self.keep_now()
    }

    // Not `outlives`: whoever stops for good would leave a login process with a question that nobody reads, and 2.3 calls
    // that a wrong password.

    fn stop(&mut self, out: &mut BytesMut) {
        // In the order of asking, so that the same dialogue always reads the same.
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|(_, open)| open.serial);
        for (id, mut open) in open {
            if let Turn::Relayed(relay) = &mut open.turn {
                relay.dropped_by_us();
            }
            self.trouble(id, open.smtp, out);
        }
    }
}

/// The request that a ticket belongs to, if it is still open.
fn find(open: &HashMap<u32, Open>, ticket: Ticket) -> Option<&Open> {
    open.get(&ticket.id).filter(|open| open.serial == ticket.serial)
}

/// What follows when the client has said `data`, in base64, in its turn.
fn advance(turn: Turn, data: &[u8]) -> Next {
    Next::Ask(match turn {
        Turn::Plain(origin) => plain_question(data, origin),
        Turn::LoginName(origin) => match name_of(data) {
            Ok(name) => return Next::Prompt(Turn::LoginPassword(origin, name)),
            Err(coded) => Question::Unreadable(Unread { coded, typed: None, origin }),
        },
        Turn::LoginPassword(origin, typed) => match decode(data).and_then(bounded) {
            Ok(secret) => Question::Login(Attempt {
                typed,
                secret: Presented::Whole(secret),
                mechanism: "LOGIN",
                origin,
            }),
            Err(coded) => Question::Unreadable(Unread { coded, typed: Some(typed), origin }),
        },
        Turn::Relayed(relay) => Question::RelayOn(relay, Secret::new(data)),
        // It is not the client's turn; whoever calls has seen to that.
        Turn::Deciding => return Next::Prompt(Turn::Deciding),
    })
}

fn begin_line(out: &mut BytesMut, word: &str, id: u32) {
    // Writing to memory does not fail.
    let _ = write!(out, "{word}\t{id}");
}

fn line(out: &mut BytesMut, word: &str, id: u32, rest: &[u8]) {
    begin_line(out, word, id);
    out.put_slice(rest);
    out.put_u8(b'\n');
}

#[cfg(test)]
mod tests;
