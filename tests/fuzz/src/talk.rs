//! A connection without a socket: a protocol, what has arrived, and what was said.

use bytes::BytesMut;
use sidegate::clock::Timestamp;
use sidegate::gate::login::{Attempt, Presented};
use sidegate::gate::question::{Answer, Question};
use sidegate::proto::{Notice, Protocol, Reply, Step, Ticket};

use crate::gate;

/// When everything happens.
pub const NOW: Timestamp = Timestamp(1_800_000_000);
/// Longer dialogues are not also fed byte by byte.
const BYTE_BY_BYTE_MAX: usize = 512;

/// What a protocol promises to hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that wait for the rest of their message.
    pub input: usize,
    /// Questions that are being decided.
    pub asked: usize,
}

/// One connection.
#[derive(Debug)]
pub struct Talk<P> {
    /// Its rules.
    pub protocol: P,
    /// What has arrived and was not dealt with.
    pub input: BytesMut,
    /// What was said.
    pub out: BytesMut,
    /// Questions that are still to be answered.
    pub asked: Vec<(Ticket, Question)>,
    /// Every question that was asked, in words.
    pub questions: Vec<String>,
    /// Why it is over.
    pub closed: Option<&'static str>,
    limits: Limits,
}

/// Everything that can be seen of a dialogue.
pub type Dialogue = (BytesMut, Vec<String>, Option<&'static str>);

impl<P: Protocol> Talk<P> {
    /// A connection on which nothing was said.
    pub fn new(protocol: P, limits: Limits) -> Self {
        let (input, out) = (BytesMut::new(), BytesMut::new());
        Self { protocol, input, out, asked: Vec::new(), questions: Vec::new(), closed: None, limits }
    }

    /// Whether the peer would be read from.
    pub fn listens(&self) -> bool {
        self.closed.is_none() && self.protocol.ready()
    }

    /// One message, if there is a whole one; false where there is nothing to deal with.
    pub fn step(&mut self, now: Timestamp) -> bool {
        if !self.listens() {
            return false;
        }
        let (input, out) = (self.input.len(), self.out.len());
        match self.protocol.step(&mut self.input, &mut self.out, now) {
            Step::Wait => {
                assert!(self.out.len() == out, "half a message is not answered");
                assert!(self.input.len() <= self.limits.input, "{} bytes wait", self.input.len());
                return false;
            }
            Step::Next => assert!(self.input.len() < input, "a message has bytes"),
            Step::Tell(Notice::Introduced { .. } | Notice::Granted(..) | Notice::Cancelled(_)) => {}
            Step::Close(why) => self.closed = Some(why),
            Step::End => self.closed = Some("all was said"),
            Step::Ask(ticket, question) => {
                assert!(self.out.len() == out, "what is asked is not answered yet");
                self.questions.push(in_words(&question));
                self.asked.push((ticket, question));
                assert!(self.asked.len() <= self.limits.asked, "{} are being decided", self.asked.len());
            }
        }
        true
    }

    /// Deals with whatever can be dealt with, each question answered before the next message.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.input.extend_from_slice(chunk);
        while self.step(NOW) {
            if let Some((ticket, question)) = self.asked.pop() {
                let which = self.questions.last().map_or(0, |words| words.bytes().fold(0, u8::wrapping_add));
                self.answer(ticket, gate::answer(question, which));
            }
        }
    }

    /// Words an answer.
    pub fn answer(&mut self, ticket: Ticket, answer: Answer) {
        match self.protocol.answer(ticket, answer, &mut self.out) {
            Reply::Done | Reply::Tell(_) => {}
            Reply::End => self.closed = Some("all was said"),
            Reply::Close => self.closed = Some("trouble"),
        }
    }

    /// The daemon stops: everything that was said, to the last word.
    pub fn end(mut self) -> Dialogue {
        if self.closed.is_none() {
            self.protocol.stop(&mut self.out);
        }
        (self.out, self.questions, self.closed)
    }
}

/// A question with its secret.
fn in_words(question: &Question) -> String {
    let secret = match question {
        Question::Login(Attempt { secret: Presented::Whole(secret), .. }) | Question::RelayOn(_, secret) => {
            Some(secret)
        }
        Question::Relay { initial, .. } => initial.as_ref(),
        _ => None,
    };
    format!("{question:?} {:?}", secret.map(|secret| secret.reveal()))
}

/// The dialogue that these bytes make. It is the same wherever they are cut.
///
/// # Panics
/// It is not.
pub fn cut_anywhere<P: Protocol>(new: impl Fn() -> P, limits: Limits, bytes: &[u8]) -> Dialogue {
    let said = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut talk = Talk::new(new(), limits);
        chunks.for_each(|chunk| talk.feed(chunk));
        talk.end()
    };
    let whole = said(&mut std::iter::once(bytes));
    if bytes.len() <= BYTE_BY_BYTE_MAX {
        assert_eq!(said(&mut bytes.chunks(1)), whole, "byte by byte");
    }
    // Wherever the bytes themselves say.
    let (mut rest, mut chunks) = (bytes, Vec::new());
    while let Some(&first) = rest.first() {
        let (chunk, left) = rest.split_at(rest.len().min(1 + usize::from(first % 64)));
        chunks.push(chunk);
        rest = left;
    }
    assert_eq!(said(&mut chunks.into_iter()), whole, "cut");
    whole
}
