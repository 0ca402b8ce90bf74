//! The text of a story, taken apart.
//!
//! Braces, on the wire's lines:
//!
//! ```text
//! {ann@example.org secret}        base64 of a PLAIN message: NUL name NUL secret
//! {bob ann secret}                the same with an authorisation id
//! {=text}                         base64 of a text (with escapes)
//! {300*A}                         300 times A
//! {sha256 secret}                 its SHA-256 in hexadecimal, as a dict's key has it
//! {in 1h}                         that time from now, as texts for people write it
//! {"...   {PLAIN}                 themselves, as dicts have them
//! {cookie}  {cookie 2}            a random value: noted where it is first heard, the same from then on.
//!                                 `{cpid}` and `{pid}` (this process) are known from the start
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use sidegate::gate::secret::Secret;

/// A line of a story.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) step: Step,
}

/// What happens on it.
#[derive(Debug)]
pub(super) enum Step {
    Scene(String),
    Enter(Entrance),
    Say(Vec<Piece>),
    Leave,
    Hear(Vec<Piece>),
    HearNothing,
    HearClosed,
    Pass(Duration),
    Stop,
    Start,
    UpstreamHears(Vec<Piece>),
    UpstreamSays(Vec<Piece>),
    UpstreamCloses,
    UpstreamGoes,
    UpstreamComes,
}

impl Step {
    /// The words of a scene; empty for anything else.
    pub(super) fn scene(&self) -> &str {
        if let Self::Scene(words) = self { words } else { "" }
    }
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Speech {
    /// auth-client
    #[default]
    Client,
    /// auth-master
    Master,
    /// dict
    Dict,
}

impl Speech {
    const WORDS: [(&str, Self); 3] =
        [("client", Self::Client), ("master", Self::Master), ("dict", Self::Dict)];

    /// What a story calls it; the socket has the same name.
    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, speech)| *speech == self).map_or("", |(word, _)| word)
    }
}

/// `@ [raw] client|master|dict [number] [1.minor]`
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    /// `client`, `client 2`, `master`.
    pub(super) label: String,
    pub(super) speech: Speech,
    pub(super) raw: bool,
    pub(super) minor: u32,
}

impl Entrance {
    /// The name of a random value of this connection.
    pub(super) fn own(&self, value: &str) -> String {
        match self.label.split_once(' ') {
            Some((_, number)) => format!("{value} {number}"),
            None => value.to_owned(),
        }
    }

    /// The client's part of the handshake.
    pub(super) fn hello(&self, cpid: u32) -> String {
        let minor = self.minor;
        match self.speech {
            Speech::Client => format!("VERSION\t1\t{minor}\nCPID\t{cpid}\n"),
            Speech::Master => format!("VERSION\t1\t{minor}\n"),
            Speech::Dict => "H3\t2\t0\t\tsidegate\n".to_owned(),
        }
    }
}

/// A piece of a line of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// A random value, by its name.
    Value(String),
    /// A time that far from now.
    In(Duration),
}

/// Takes a story apart; the error is a line's number and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Vec<Line>, (usize, String)> {
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let step = step(text).map_err(|why| (number, why))?;
        lines.push(Line { number, step });
    }
    Ok(lines)
}

fn step(text: &str) -> Result<Step, String> {
    let (mark, rest) = text.split_once(' ').ok_or("a line is a mark, a space and its words")?;
    Ok(match (mark, rest) {
        ("G:", words) => Step::Scene(words.to_owned()),
        ("@", words) => Step::Enter(entrance(words)?),
        ("C:", "(closes)") => Step::Leave,
        ("C:", line) => Step::Say(pieces(line)?),
        ("S:", "(closed)") => Step::HearClosed,
        ("S:", "(nothing)") => Step::HearNothing,
        ("S:", line) => Step::Hear(pieces(line)?),
        ("U>", line) => Step::UpstreamHears(pieces(line)?),
        ("U<", "(closed)") => Step::UpstreamCloses,
        ("U<", line) => Step::UpstreamSays(pieces(line)?),
        ("U:", "goes away") => Step::UpstreamGoes,
        ("U:", "comes back") => Step::UpstreamComes,
        ("T:", time) => Step::Pass(duration(time.trim_start_matches('+'))?),
        ("D:", "stops") => Step::Stop,
        ("D:", "starts") => Step::Start,
        _ => return Err(format!("`{text}` is no line of a transcript")),
    })
}

fn entrance(words: &str) -> Result<Entrance, String> {
    let mut words = words.split(' ').peekable();
    let raw = words.next_if_eq(&"raw").is_some();
    let speech = words.next().and_then(|word| Speech::WORDS.iter().find(|(known, _)| *known == word));
    let (word, speech) = *speech.ok_or("a connection is of a client, of a master or a dict")?;
    let mut label = word.to_owned();
    let mut minor = if speech == Speech::Master { 1 } else { 2 };
    for word in words {
        match word.split_once('.') {
            Some(("1", number)) => minor = number.parse().map_err(|_| "a minor version is a number")?,
            Some(_) => return Err("there is only major version 1".to_owned()),
            None => label = format!("{label} {word}"),
        }
    }
    Ok(Entrance { label, speech, raw, minor })
}

/// `1h`, `59m 59s`.
pub(super) fn duration(words: &str) -> Result<Duration, String> {
    let mut secs = 0;
    for word in words.split(' ') {
        let (number, unit) = word.split_at(word.len().saturating_sub(1));
        let number: u64 = number.parse().map_err(|_| format!("`{word}` is no time like 1h"))?;
        secs += number
            * match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                _ => return Err(format!("`{word}` is no time like 1h")),
            };
    }
    Ok(Duration::from_secs(secs))
}

/// A line of the wire with its end.
fn pieces(line: &str) -> Result<Vec<Piece>, String> {
    let (mut rest, end) = match line.strip_suffix("\\c") {
        Some(line) => (line, ""),
        None => (line, "\n"),
    };
    let mut pieces = Vec::new();
    while let Some((plain, braced)) = rest.split_once('{') {
        if braced.starts_with('"') {
            pieces.push(Piece::Bytes([unescape(plain)?, b"{".to_vec()].concat()));
            rest = braced;
            continue;
        }
        let (inside, after) = braced.split_once('}').ok_or("a brace is never closed")?;
        pieces.extend([Piece::Bytes(unescape(plain)?), brace(inside)?]);
        rest = after;
    }
    pieces.push(Piece::Bytes([unescape(rest)?, end.as_bytes().to_vec()].concat()));
    Ok(pieces)
}

fn brace(inside: &str) -> Result<Piece, String> {
    let encode = |parts: &[&str]| Piece::Bytes(BASE64.encode(parts.join("\0").as_bytes()).into_bytes());
    if let Some(text) = inside.strip_prefix('=') {
        return Ok(Piece::Bytes(BASE64.encode(&unescape(text)?).into_bytes()));
    }
    if let Some((count, what)) = inside.split_once('*') {
        let count = count.parse().map_err(|_| format!("`{count}` is no number"))?;
        return Ok(Piece::Bytes(what.as_bytes().repeat(count)));
    }
    let words: Vec<_> = inside.split(' ').collect();
    Ok(match words[..] {
        ["PLAIN"] => Piece::Bytes(b"{PLAIN}".to_vec()),
        ["sha256", secret] => {
            let digest = Secret::new(secret.to_owned()).digest();
            Piece::Bytes(HEXLOWER.encode(&digest.0).into_bytes())
        }
        ["in", time] => Piece::In(duration(time)?),
        [_] => Piece::Value(inside.to_owned()),
        [_, number] if number.parse::<u32>().is_ok() => Piece::Value(inside.to_owned()),
        [name, secret] => encode(&["", name, secret]),
        [acting_for, name, secret] => encode(&[acting_for, name, secret]),
        _ => return Err(format!("`{{{inside}}}` means nothing")),
    })
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = match escaped.as_bytes() {
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', _, _, ..] => {
                (u8::from_str_radix(&escaped[1..3], 16).map_err(|_| format!("`\\{escaped}`"))?, 3)
            }
            _ => return Err(format!("`\\{escaped}` is no escape")),
        };
        bytes.push(byte);
        rest = &escaped[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// What is said on each connection of a story, in bytes.
pub(super) fn client_bytes(lines: &[Line]) -> Vec<(Speech, Vec<u8>)> {
    let mut over = Vec::new();
    let mut open: BTreeMap<&str, (Speech, Vec<u8>)> = BTreeMap::new();
    let mut present = "";
    for line in lines {
        match &line.step {
            Step::Enter(entrance) => {
                present = &entrance.label;
                let hello = if entrance.raw { String::new() } else { entrance.hello(1) };
                open.entry(present).or_insert((entrance.speech, hello.into_bytes()));
            }
            Step::Say(pieces) => {
                let (_, bytes) = open.entry(present).or_default();
                pieces.iter().for_each(|piece| bytes.extend(without_values(piece)));
            }
            Step::Leave | Step::HearClosed => over.extend(open.remove(present)),
            Step::Start => over.extend(std::mem::take(&mut open).into_values()),
            _ => {}
        }
    }
    over.extend(open.into_values());
    over
}

fn without_values(piece: &Piece) -> Vec<u8> {
    match piece {
        Piece::Bytes(known) => known.clone(),
        Piece::Value(name) if name.starts_with("cookie") => vec![b'0'; 32],
        Piece::Value(_) | Piece::In(_) => vec![b'1'],
    }
}
