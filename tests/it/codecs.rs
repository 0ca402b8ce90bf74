//! The protocols alone: however their bytes arrive, and whatever bytes they are.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sidegate::config::OnTrouble;
use sidegate::gate::login::{Attempt, Grant, Presented, Reason, Verdict};
use sidegate::gate::name::AccountName;
use sidegate::gate::question::{Answer, Found, HeaderVerdict, LoginAnswer, Question, Relay};
use sidegate::gate::secret::Cookie;
use sidegate::gate::sending::Told;
use sidegate::proto::auth_client::{self, AuthClient, DIALOGUES_MAX, Greeting, Mechanism, OPEN_MAX};
use sidegate::proto::auth_master::{self, AuthMaster};
use sidegate::proto::dict::Dict;
use sidegate::proto::{Protocol, Reply, Step, Ticket};

use crate::transcripts::{Speech, client_sides};
use crate::world::START;

/// Lines longer than this are not cut at every byte.
const CUT_BYTES_MAX: usize = 2_000;

/// A protocol with what has arrived and what was said.
struct Talk<P> {
    protocol: P,
    input: BytesMut,
    out: BytesMut,
    /// Questions that are still to be answered.
    asked: Vec<(Ticket, Question)>,
    closed: Option<&'static str>,
}

impl<P: Protocol> Talk<P> {
    fn new(protocol: P) -> Self {
        Self { protocol, input: BytesMut::new(), out: BytesMut::new(), asked: Vec::new(), closed: None }
    }

    /// Deals with whatever can be dealt with; `at_once` answers each question before the next one.
    fn feed(&mut self, chunk: &[u8], at_once: bool) {
        self.input.extend_from_slice(chunk);
        while self.closed.is_none() && self.protocol.ready() {
            match self.protocol.step(&mut self.input, &mut self.out, START) {
                Step::Wait => return,
                Step::Next | Step::Tell(_) => {}
                Step::Close(why) => self.closed = Some(why),
                Step::End => self.closed = Some("all was said"),
                Step::Ask(ticket, question) => {
                    self.asked.push((ticket, question));
                    if at_once {
                        self.answer(0);
                    }
                }
            }
        }
    }

    /// Answers one of the open questions.
    fn answer(&mut self, which: usize) {
        if self.asked.is_empty() {
            return;
        }
        let (ticket, question) = self.asked.swap_remove(which % self.asked.len());
        match self.protocol.answer(ticket, decide(question), &mut self.out) {
            Reply::Done | Reply::Tell(_) => {}
            Reply::End => self.closed = Some("all was said"),
            Reply::Close => self.closed = Some("trouble"),
        }
    }

    /// All that was said, to the last word, and why it closed.
    fn end(mut self) -> (String, Option<&'static str>) {
        self.protocol.stop(&mut self.out);
        (String::from_utf8_lossy(&self.out).into_owned(), self.closed)
    }
}

/// A gate that lets everybody in whose secret has 16 bytes.
fn decide(question: Question) -> Answer {
    let login = |verdict| {
        let (user, text) = (Some("ann\t@example.org".into()), None);
        Answer::Login(LoginAnswer { verdict, user, text, fields: Bytes::new(), login: None })
    };
    let account = AccountName::parse("ann@example.org", None).unwrap();
    match question {
        Question::Login(Attempt { secret: Presented::Whole(secret), .. }) if secret.reveal().len() == 16 => {
            login(Verdict::Accept(Grant { account, password: None }))
        }
        Question::Login(_) | Question::ActingFor(..) => login(Verdict::Refuse(Reason::WrongPassword)),
        Question::Unreadable(unread) => Answer::Coded(unread.coded),
        Question::Relay { mechanism, origin, .. } => {
            Answer::Challenge(Relay::new(1, mechanism, origin, |_| {}), Bytes::from_static(b"AAAA"))
        }
        Question::RelayOn(..) => login(Verdict::Defer("the upstream is away")),
        Question::Claim(_) => Answer::Found(Found::Nobody),
        Question::User(lookup) | Question::Pass(lookup) => {
            Answer::Found(Found::User(lookup.name, Bytes::from_static(b"uid=5000")))
        }
        Question::Owners(_) => Answer::Owners(None),
        Question::Sending(_) => Answer::Sending(Told::Fine),
        Question::Headers(_) => Answer::Headers(HeaderVerdict::Defer),
        Question::List(_) => Answer::List(Some(vec!["ann@example.org".to_owned()])),
    }
}

fn client() -> Talk<AuthClient> {
    let xoauth2 = Mechanism { name: "XOAUTH2".into(), flags: "plaintext".into() };
    let (relayed, on_trouble) = (Arc::from([xoauth2]), OnTrouble::Auto);
    Talk::new(AuthClient::new(Greeting {
        spid: 1,
        cuid: 1,
        cookie: Cookie([0; 16]),
        relayed,
        on_trouble,
        held: true,
    }))
}

fn master() -> Talk<AuthMaster> {
    Talk::new(AuthMaster::new(1, Some(2)))
}

/// What is said when the bytes arrive in these chunks.
fn said<'a>(speech: Speech, chunks: impl Iterator<Item = &'a [u8]>) -> (String, Option<&'static str>) {
    fn hear<'a, P: Protocol>(
        mut talk: Talk<P>,
        chunks: impl Iterator<Item = &'a [u8]>,
    ) -> (String, Option<&'static str>) {
        chunks.for_each(|chunk| talk.feed(chunk, true));
        talk.end()
    }
    match speech {
        Speech::Client => hear(client(), chunks),
        Speech::Master => hear(master(), chunks),
        Speech::Dict => hear(Talk::new(Dict::new([0; 16])), chunks),
    }
}

#[test]
fn a_dialogue_cut_at_any_byte_gets_the_same_answers() {
    let mut long = 0;
    for side in client_sides() {
        let whole = said(side.speech, std::iter::once(&side.bytes[..]));
        let bytes = &side.bytes[..];
        assert_eq!(said(side.speech, bytes.chunks(1)), whole, "{}: byte by byte", side.story);
        let step = if bytes.len() > CUT_BYTES_MAX { 499 } else { 1 };
        long += usize::from(step > 1);
        for cut in (0..=bytes.len()).step_by(step) {
            let (before, after) = bytes.split_at(cut);
            let cut_there = said(side.speech, [before, after].into_iter());
            assert_eq!(cut_there, whole, "{}: cut at byte {cut}", side.story);
        }
    }
    assert!(long < 10, "most dialogues are cut everywhere");
}

/// A piece of what a broken or hostile peer might send.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = select(
        &[
            "AUTH",
            "CONT",
            "CANCEL",
            "VERSION",
            "CPID",
            "REQUEST",
            "USER",
            "PASS",
            "LIST",
            "CACHE-FLUSH",
            "\t",
            "\n",
            "\t",
            "\n",
            "\t1",
            "\t2",
            "\t3",
            "\t0",
            "\tPLAIN",
            "\tlogin",
            "\tXOAUTH2",
            "\tservice=imap",
            "\tprotocol=smtp",
            "\tresp=",
            "\tresp=AGFubgBzZWNyZXQ=",
            "\tnologin",
            "\trip=192.0.2.7",
            "\x01",
            "\x01t",
            "=",
            "\tAAAA",
            "\t4294967295",
            "\tann@example.org",
            "\t00000000000000000000000000000000",
            "\nAUTH\t1\tPLAIN\tservice=imap\n",
            "\nAUTH\t2\tLOGIN\tservice=smtp\n",
            "\nAUTH\t3\tXOAUTH2\tservice=imap\n",
            "\nCONT\t1\tAGFubgBzZWNyZXQ=\n",
            "\nCONT\t2\tYW5u\n",
            "\nCANCEL\t1\n",
            "\nUSER\t1\tann\tservice=lmtp\n",
        ][..],
    );
    let long = (0..auth_client::LINE_BYTES_MAX + 2).prop_map(|length| vec![b'A'; length]);
    prop_oneof![
        20 => words.prop_map(|word| word.as_bytes().to_vec()),
        4 => vec(any::<u8>(), 0..40),
        1 => long,
    ]
}

/// What happens next to a connection.
#[derive(Clone, Debug)]
enum Happening {
    Arrives(Vec<u8>),
    Answered(usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => piece().prop_map(Happening::Arrives),
        1 => any::<usize>().prop_map(Happening::Answered),
    ];
    vec(one, 0..60)
}

/// Plays happenings and looks at what must always be so.
fn noise<P: Protocol>(mut talk: Talk<P>, hello: &str, happenings: Vec<Happening>, line_max: usize) -> String {
    talk.feed(hello.as_bytes(), false);
    for happening in happenings {
        match happening {
            // Whoever is not ready is not read from.
            Happening::Arrives(bytes) if talk.protocol.ready() => talk.feed(&bytes, false),
            Happening::Arrives(_) => {}
            Happening::Answered(which) => {
                talk.answer(which);
                talk.feed(b"", false);
            }
        }
        let idle = talk.closed.is_none() && talk.protocol.ready();
        assert!(!idle || talk.input.len() < line_max, "{} bytes wait", talk.input.len());
        assert!(talk.asked.len() <= OPEN_MAX + DIALOGUES_MAX);
    }
    let asked = talk.asked.len();
    let mut last = BytesMut::new();
    talk.protocol.stop(&mut last);
    let open = last.iter().filter(|byte| **byte == b'\n').count();
    assert!(open <= asked + DIALOGUES_MAX, "{open} were open, {asked} of them being decided");
    talk.out.extend_from_slice(&last);
    String::from_utf8_lossy(&talk.out).into_owned()
}

/// Every line has one of these words and then a number.
fn well_formed(said: &str, words: &[&str]) -> bool {
    let fits = |line: &str| {
        let mut fields = line.split('\t');
        fields.next().is_some_and(|word| words.contains(&word))
            && fields.next().is_some_and(|id| id.parse::<u32>().is_ok())
    };
    said.lines().all(fits) && (said.is_empty() || said.ends_with('\n'))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_breaks_auth_client(happenings in happenings(), minor in 0..5, shaken: bool) {
        let hello = if shaken { format!("VERSION\t1\t{minor}\nCPID\t1\n") } else { String::new() };
        let said = noise(client(), &hello, happenings, auth_client::LINE_BYTES_MAX);
        prop_assert!(well_formed(&said, &["OK", "FAIL", "CONT", "CANCELLED"]), "{:?}", said);
    }

    #[test]
    fn noise_never_breaks_auth_master(happenings in happenings(), shaken: bool) {
        let hello = if shaken { "VERSION\t1\t1\n" } else { "" };
        let said = noise(master(), hello, happenings, auth_master::LINE_BYTES_MAX);
        prop_assert!(well_formed(&said, &["USER", "PASS", "LIST", "DONE", "OK", "FAIL", "NOTFOUND"]), "{:?}", said);
    }
}
