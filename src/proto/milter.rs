//! Sendmail's milter protocol, filter side, versions 2 to 6: the header check of mail that somebody
//! sends who is logged in. Client: smtpd and cleanup of Postfix, or sendmail.
//!
//! ```text
//! M: O version actions steps                    S: O version actions steps symbols
//! M: C client    D M {auth_authen}    M sender   S: nothing, as agreed
//! M: L From …    L Sender …    L …               S: nothing, as agreed
//! M: E                                           S: [m 1 Sender ""] [h Sender …] c   or y 550 …   or t
//! ```
//!
//! Each packet is a 4-byte length and so many bytes, the first of which is the command. A connection
//! carries one client's session with any number of mails; `A` forgets a mail and is not answered.
//!
//! All is decided at `E`, the end: only there may headers be changed, and Postfix has the whole mail
//! by then anyway. Bodies are not asked for.
//!
//! No crate does it: `indymilter` is GPL, `miltr-server` owns the socket and the loop, and its codec
//! alone, with ten more crates behind it, is no shorter than this and does not bound what is kept.
//!
//! Postfix tells smtpd's client 451 when a filter is away or hangs up (`milter_default_action =
//! tempfail`, also the default): whatever is broken here, no mail is lost and none goes unchecked.

use std::net::IpAddr;

use bytes::{Buf, BufMut, BytesMut};

use super::{Protocol, Reply, Step, Ticket};
use crate::clock::Timestamp;
use crate::gate::address::parse_address;
use crate::gate::question::{Answer, HeaderCheck, HeaderVerdict, Question};

/// The longest packet. Postfix cuts headers at 102400 bytes, and bodies come in 65535.
pub const PACKET_BYTES_MAX: usize = 262_144;
/// The most `From:` and `Sender:` headers of a mail, of either kind.
pub const HEADERS_MAX: usize = 16;
/// The most bytes of these headers together.
pub const HEADER_BYTES_MAX: usize = 32_768;
/// The longest value of a macro. Longer names are nobody's.
pub const MACRO_BYTES_MAX: usize = 1_024;
/// The longest envelope sender.
pub const ENVELOPE_BYTES_MAX: usize = 1_024;
/// The longest text of a refusal: it becomes one line of SMTP.
pub const TEXT_BYTES_MAX: usize = 400;

/// The oldest and the newest version that is spoken.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=6;

// What a filter may do (SMFIF).
const ADD_HEADERS: u32 = 0x01;
const CHANGE_HEADERS: u32 = 0x10;
const SET_SYMBOLS: u32 = 0x100;

// What the mail server shall leave out, and what it shall not wait for (SMFIP).
const NO_HELO: u32 = 0x02;
const NO_RCPT: u32 = 0x08;
const NO_BODY: u32 = 0x10;
const NO_EOH: u32 = 0x40;
const NO_UNKNOWN: u32 = 0x100;
const NO_DATA: u32 = 0x200;
const QUIET_HEADER: u32 = 0x80;
const QUIET_CONNECT: u32 = 0x1000;
const QUIET_MAIL: u32 = 0x4000;

const ACTIONS: u32 = ADD_HEADERS | CHANGE_HEADERS | SET_SYMBOLS;
const STEPS: u32 =
    NO_HELO | NO_RCPT | NO_BODY | NO_EOH | NO_UNKNOWN | NO_DATA | QUIET_HEADER | QUIET_CONNECT | QUIET_MAIL;

/// The macros that are needed at a stage, for servers that let filters choose (SMFIM).
const SYMBOLS: [(u32, &[u8]); 2] = [(2, b"{auth_authen}"), (5, b"i")];

/// One connection.
#[derive(Debug, Default)]
pub struct Milter {
    agreed: Option<Agreed>,
    address: Option<IpAddr>,
    /// Who is logged in, as told for the MAIL command that follows.
    login: Option<Vec<u8>>,
    mail: Mail,
    open: Option<Open>,
    serial: u64,
}

/// What both sides agreed on.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    actions: u32,
    steps: u32,
}

/// A mail that is being decided.
#[derive(Debug)]
struct Open {
    ticket: Ticket,
    /// How many `Sender:` headers it has.
    senders: u32,
}

/// What is kept of a mail.
#[derive(Debug, Default)]
struct Mail {
    login: Option<Vec<u8>>,
    envelope: Vec<u8>,
    queue_id: Vec<u8>,
    from: Vec<Vec<u8>>,
    sender: Vec<Vec<u8>>,
    bytes: usize,
    unreadable: bool,
}

impl Protocol for Milter {
    fn greet(&mut self, _out: &mut BytesMut) {}

    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, _now: Timestamp) -> Step {
        let packet = match take_packet(input) {
            Ok(Some(packet)) => packet,
            Ok(None) => return Step::Wait,
            Err(why) => return Step::Close(why),
        };
        let (command, data) = (packet[0], &packet[1..]);
        if command == b'O' {
            return self.agree(data, out);
        }
        let Some(agreed) = self.agreed else {
            return Step::Close("a command before the negotiation");
        };
        match command {
            b'C' => self.address = client_address(data),
            b'D' => self.define(data),
            b'M' => self.mail = Mail::begin(self.login.take(), data),
            b'L' => self.mail.header(data),
            b'A' => self.forget(),
            b'E' => return self.decide(out),
            b'Q' => return Step::End,
            // The next session of this connection begins.
            b'K' => {
                self.forget();
                self.address = None;
            }
            b'H' | b'R' | b'T' | b'N' | b'B' | b'U' => {}
            _ => return Step::Close("an unknown command"),
        }
        if agreed.awaits_reply(command) {
            put(out, b'c', &[]);
        }
        Step::Next
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply {
        let Some(open) = self.open.take_if(|open| open.ticket == ticket) else {
            return Reply::Done;
        };
        match answer {
            Answer::Headers(HeaderVerdict::Accept) => put(out, b'c', &[]),
            Answer::Headers(HeaderVerdict::Mark(address)) if self.may_mark() => {
                mark(out, open.senders, &address);
            }
            Answer::Headers(HeaderVerdict::Refuse(text)) => {
                put(out, b'y', &[b"550 5.7.1 ", wording(&text).as_bytes(), b"\0"]);
            }
            _ => put(out, b't', &[]),
        }
        Reply::Done
    }

    fn ready(&self) -> bool {
        self.open.is_none()
    }

    /// A mail that is being decided is told to come again. Others hear it from the closed connection.
    fn stop(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            put(out, b't', &[]);
        }
    }
}

impl Milter {
    fn agree(&mut self, mut data: &[u8], out: &mut BytesMut) -> Step {
        if data.len() < 12 || self.agreed.is_some() {
            return Step::Close("a broken negotiation");
        }
        let (version, actions, steps) = (data.get_u32(), data.get_u32(), data.get_u32());
        if version < *VERSIONS.start() {
            return Step::Close("too old a version of the protocol");
        }
        let agreed = Agreed { actions: actions & ACTIONS, steps: steps & STEPS };
        self.agreed = Some(agreed);
        let mut reply = BytesMut::new();
        reply.put_u32(version.min(*VERSIONS.end()));
        reply.put_u32(agreed.actions);
        reply.put_u32(agreed.steps);
        if agreed.actions & SET_SYMBOLS != 0 {
            for (stage, names) in SYMBOLS {
                reply.put_u32(stage);
                reply.put_slice(names);
                reply.put_u8(0);
            }
        }
        put(out, b'O', &[&reply]);
        Step::Next
    }

    /// Macros: the command they are for, then names and values.
    fn define(&mut self, data: &[u8]) {
        let Some((&command, pairs)) = data.split_first() else { return };
        if command == b'M' {
            self.login = None;
        }
        let mut texts = pairs.split(|byte| *byte == 0);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let value = &value[..value.len().min(MACRO_BYTES_MAX)];
            match name {
                b"{auth_authen}" if command == b'M' && !value.is_empty() => {
                    self.login = Some(value.to_vec());
                }
                b"i" => self.mail.queue_id = value.to_vec(),
                _ => {}
            }
        }
    }

    fn forget(&mut self) {
        (self.mail, self.login) = (Mail::default(), None);
    }

    fn decide(&mut self, out: &mut BytesMut) -> Step {
        let mail = std::mem::take(&mut self.mail);
        let Some(login) = mail.login else {
            put(out, b'c', &[]);
            return Step::Next;
        };
        self.serial += 1;
        let ticket = Ticket { id: 0, serial: self.serial };
        self.open = Some(Open { ticket, senders: u32::try_from(mail.sender.len()).unwrap_or_default() });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Step::Ask(
            ticket,
            Question::Headers(HeaderCheck {
                login: text(&login),
                envelope: mail.envelope,
                from: mail.from,
                sender: mail.sender,
                unreadable: mail.unreadable,
                address: self.address,
                queue_id: text(&mail.queue_id),
            }),
        )
    }

    fn may_mark(&self) -> bool {
        let needed = ADD_HEADERS | CHANGE_HEADERS;
        self.agreed.is_some_and(|agreed| agreed.actions & needed == needed)
    }
}

impl Agreed {
    fn awaits_reply(self, command: u8) -> bool {
        let quiet = match command {
            b'C' => QUIET_CONNECT,
            b'M' => QUIET_MAIL,
            b'L' => QUIET_HEADER,
            b'D' | b'A' | b'K' => return false,
            _ => 0,
        };
        self.steps & quiet == 0
    }
}

impl Mail {
    fn begin(login: Option<Vec<u8>>, data: &[u8]) -> Self {
        let envelope = data.split(|byte| *byte == 0).next().unwrap_or_default();
        let unreadable = envelope.len() > ENVELOPE_BYTES_MAX;
        let envelope = envelope[..envelope.len().min(ENVELOPE_BYTES_MAX)].to_vec();
        Self { login, envelope, unreadable, ..Self::default() }
    }

    /// Keeps a header, if it names a sender.
    fn header(&mut self, data: &[u8]) {
        let mut texts = data.splitn(3, |byte| *byte == 0);
        let (name, value) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
        if hides_header(value) {
            self.unreadable = true;
        }
        let kept = match name_of(name) {
            Some(Name::From) => &mut self.from,
            Some(Name::Sender) => &mut self.sender,
            None => return,
        };
        self.bytes = self.bytes.saturating_add(value.len());
        if kept.len() < HEADERS_MAX && self.bytes <= HEADER_BYTES_MAX {
            kept.push(value.to_vec());
        } else {
            self.unreadable = true;
        }
    }
}

enum Name {
    From,
    Sender,
}

fn name_of(name: &[u8]) -> Option<Name> {
    match name.trim_ascii() {
        name if name.eq_ignore_ascii_case(b"from") => Some(Name::From),
        name if name.eq_ignore_ascii_case(b"sender") => Some(Name::Sender),
        _ => None,
    }
}

/// Whether a line break within a header, such as a bare CR, is followed by a sender header: some
/// mail programs show that one.
fn hides_header(value: &[u8]) -> bool {
    let mut lines = value.split(|byte| matches!(byte, b'\r' | b'\n')).skip(1);
    lines.any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let folded = name.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        name.len() < line.len() && !folded && name_of(name).is_some()
    })
}

/// Takes a whole packet, at least its command, from the front of `input`.
fn take_packet(input: &mut BytesMut) -> Result<Option<BytesMut>, &'static str> {
    let Some(length) = input.first_chunk().map(|length| u32::from_be_bytes(*length)) else {
        return Ok(None);
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length == 0 || length > PACKET_BYTES_MAX {
        return Err("a packet that is empty or too long");
    }
    if input.len() < 4 + length {
        return Ok(None);
    }
    input.advance(4);
    Ok(Some(input.split_to(length)))
}

/// The address in a CONNECT packet: host name, family, port, address.
fn client_address(data: &[u8]) -> Option<IpAddr> {
    let end = data.iter().position(|byte| *byte == 0)?;
    let (family, rest) = data[end + 1..].split_first()?;
    let address = rest.get(2..)?.split(|byte| *byte == 0).next()?;
    let address = std::str::from_utf8(address).ok().filter(|_| matches!(family, b'4' | b'6'))?;
    // Sendmail writes it with its family before it.
    parse_address(address.strip_prefix("IPv6:").unwrap_or(address))
}

/// `Sender:` headers there may be are taken out, the last one first so that the numbers of the others
/// stay what they are, and one is put in.
fn mark(out: &mut BytesMut, senders: u32, address: &str) {
    for index in (1..=senders).rev() {
        put(out, b'm', &[&index.to_be_bytes(), b"Sender\0\0"]);
    }
    put(out, b'h', &[b"Sender\0", one_line(address).as_bytes(), b"\0"]);
    put(out, b'c', &[]);
}

/// The text of a reply. Sendmail makes it a format, so that `%` must be doubled; Postfix takes one
/// of two away again, and a single one altogether.
fn wording(text: &str) -> String {
    let text = one_line(text);
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].replace('%', "%%")
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn put(out: &mut BytesMut, command: u8, parts: &[&[u8]]) {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    out.put_u32(u32::try_from(length).unwrap_or_default());
    out.put_u8(command);
    parts.iter().for_each(|part| out.put_slice(part));
}

#[cfg(test)]
mod tests;
