//! Packets, limits and answers, as Postfix 3.7 and an older server would have them.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_000);
/// All that Postfix 3.7 offers.
const POSTFIX: (u32, u32, u32) = (6, 0x1ff, 0x1f_ffff);
/// A server of the time before anything could be left out or unanswered.
const ANCIENT: (u32, u32, u32) = (2, 0x1f, 0x7f);

fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put(&mut out, command, &[data]);
    out.to_vec()
}

fn negotiation((version, actions, steps): (u32, u32, u32)) -> Vec<u8> {
    packet(b'O', &[version, actions, steps].map(u32::to_be_bytes).concat())
}

fn header(name: &str, value: &str) -> Vec<u8> {
    packet(b'L', format!("{name}\0{value}\0").as_bytes())
}

fn mail(login: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = packet(b'D', format!("Mi\0NOQUEUE\0{{auth_authen}}\0{login}\0").as_bytes());
    bytes.extend(packet(b'M', b"<ann@x.test>\0"));
    headers.iter().for_each(|(name, value)| bytes.extend(header(name, value)));
    bytes.extend(packet(b'D', b"Ei\x004WXYZ\0"));
    bytes.extend(packet(b'E', b""));
    bytes
}

/// A connection with what has arrived, what was asked and what was said.
struct Talk {
    milter: Milter,
    input: BytesMut,
    out: BytesMut,
    asked: Vec<HeaderCheck>,
    closed: Option<&'static str>,
    verdict: HeaderVerdict,
}

impl Talk {
    fn new(verdict: HeaderVerdict) -> Self {
        let (input, out) = (BytesMut::new(), BytesMut::new());
        Self { milter: Milter::default(), input, out, asked: Vec::new(), closed: None, verdict }
    }

    /// Past the negotiation.
    fn with(server: (u32, u32, u32), verdict: HeaderVerdict) -> Self {
        let mut talk = Self::new(verdict);
        talk.hear(&negotiation(server));
        talk.out.clear();
        talk
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.closed.is_none() && self.milter.ready() {
            match self.milter.step(&mut self.input, &mut self.out, NOW) {
                Step::Wait => return,
                Step::Next => {}
                Step::End => self.closed = Some("the end"),
                Step::Close(why) => self.closed = Some(why),
                Step::Ask(ticket, Question::Headers(check)) => {
                    self.asked.push(check);
                    let answer = Answer::Headers(self.verdict.clone());
                    assert!(matches!(self.milter.answer(ticket, answer, &mut self.out), Reply::Done));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The packets that were said since the last time: command, then bytes.
    fn said(&mut self) -> Vec<(char, String)> {
        let mut said = Vec::new();
        while let Some(packet) = take_packet(&mut self.out).unwrap() {
            said.push((char::from(packet[0]), String::from_utf8_lossy(&packet[1..]).into_owned()));
        }
        said
    }

    fn commands(&mut self) -> String {
        self.said().into_iter().map(|(command, _)| command).collect()
    }
}

fn check_of(headers: &[(&str, &str)]) -> HeaderCheck {
    let mut talk = Talk::with(POSTFIX, HeaderVerdict::Accept);
    talk.hear(&mail("ann", headers));
    talk.asked.remove(0)
}

#[test]
fn nothing_is_asked_for_that_was_not_offered() {
    for (server, reply) in [
        (POSTFIX, [6, ADD_HEADERS | CHANGE_HEADERS | SET_SYMBOLS, STEPS]),
        (ANCIENT, [2, ADD_HEADERS | CHANGE_HEADERS, NO_HELO | NO_RCPT | NO_BODY | NO_EOH]),
        ((9, 0, 0), [6, 0, 0]),
    ] {
        let mut talk = Talk::new(HeaderVerdict::Accept);
        talk.hear(&negotiation(server));
        let said = take_packet(&mut talk.out).unwrap().unwrap();
        assert_eq!(said[1..13], reply.map(u32::to_be_bytes).concat());
        let symbols = b"\0\0\0\x02{auth_authen}\0\0\0\0\x05i\0";
        assert_eq!(&said[13..], if server == POSTFIX { &symbols[..] } else { b"" });
        assert!(talk.out.is_empty() && talk.closed.is_none());
    }
}

#[test]
fn what_is_no_negotiation_closes() {
    for bytes in [
        negotiation((1, 0x1ff, 0x1f_ffff)),
        packet(b'O', &[0; 11]),
        packet(b'M', b"<ann@x.test>\0"),
        [negotiation(POSTFIX), negotiation(POSTFIX)].concat(),
        [negotiation(POSTFIX), packet(b'z', b"")].concat(),
        [negotiation(POSTFIX), b"\0\0\0\0".to_vec()].concat(),
    ] {
        let mut talk = Talk::new(HeaderVerdict::Accept);
        talk.hear(&bytes);
        assert!(talk.closed.is_some(), "{bytes:?}");
    }
}

#[test]
fn a_mail_is_asked_about_with_what_is_needed() {
    let mut talk = Talk::with(POSTFIX, HeaderVerdict::Accept);
    talk.hear(&packet(b'C', b"client.test\x004\x30\x39192.0.2.7\0"));
    let headers = [("Subject", "x"), ("FROM", "Ann\n <ann@x.test>"), ("sender ", "bob@x.test"), ("To", "y")];
    talk.hear(&mail("ann@x.test", &headers));
    let check = &talk.asked[0];
    assert_eq!((&check.login[..], &check.queue_id[..], check.unreadable), ("ann@x.test", "4WXYZ", false));
    assert_eq!(check.envelope, b"<ann@x.test>");
    assert_eq!(check.from, [b"Ann\n <ann@x.test>".to_vec()]);
    assert_eq!(check.sender, [b"bob@x.test".to_vec()]);
    assert_eq!(check.address, "192.0.2.7".parse().ok());
    assert_eq!(talk.commands(), "c", "nothing but the end is answered");
}

#[test]
fn an_older_server_waits_for_a_reply_to_each_command() {
    let mut talk = Talk::with(ANCIENT, HeaderVerdict::Accept);
    for (command, replies) in [(b'C', "c"), (b'D', ""), (b'M', "c"), (b'L', "c"), (b'A', ""), (b'K', "")] {
        talk.hear(&packet(command, b"M\0\0"));
        assert_eq!(talk.commands(), replies, "{}", char::from(command));
    }
    let mut talk = Talk::with((4, 0x1f, 0), HeaderVerdict::Accept);
    for command in *b"HRTNBU" {
        talk.hear(&packet(command, b"x"));
        assert_eq!(talk.commands(), "c", "{}", char::from(command));
    }
}

#[test]
fn whoever_is_not_logged_in_is_not_asked_about() {
    let mut talk = Talk::with(POSTFIX, HeaderVerdict::Refuse("no".into()));
    talk.hear(&mail("", &[("From", "boss@x.test")]));
    talk.hear(&packet(b'M', b"<ann@x.test>\0"));
    talk.hear(&packet(b'E', b""));
    assert_eq!(talk.commands(), "cc");
    // A login is good for the next mail only, and not past the end of a session.
    talk.hear(&mail("ann", &[]));
    talk.hear(&packet(b'M', b"<ann@x.test>\0"));
    talk.hear(&packet(b'E', b""));
    for end in [b'A', b'K'] {
        talk.hear(&packet(b'D', b"M{auth_authen}\0ann\0"));
        talk.hear(&packet(end, b""));
        talk.hear(&packet(b'M', b"<ann@x.test>\0"));
        talk.hear(&packet(b'E', b""));
    }
    assert_eq!(talk.commands(), "yccc");
    assert_eq!(talk.asked.len(), 1);
}

#[test]
fn a_mail_that_was_given_up_leaves_nothing() {
    let mut talk = Talk::with(POSTFIX, HeaderVerdict::Accept);
    talk.hear(&packet(b'C', b"client.test\x006\x30\x39IPv6:2001:db8::1\0"));
    let begun = mail("ann", &[("From", "a@x"), ("Sender", "b@x")]);
    talk.hear(&begun[..begun.len() - 5]);
    talk.hear(&packet(b'A', b""));
    talk.hear(&mail("bob", &[("From", "b@x")]));
    assert_eq!((&talk.asked[0].login[..], &talk.asked[0].from[..]), ("bob", &[b"b@x".to_vec()][..]));
    assert!(talk.asked[0].sender.is_empty());
    assert_eq!(talk.asked[0].address, "2001:db8::1".parse().ok());
    talk.hear(&packet(b'K', b""));
    talk.hear(&mail("ann", &[]));
    assert_eq!(talk.asked[1].address, None);
    talk.hear(&packet(b'Q', b""));
    assert_eq!((talk.commands(), talk.closed), ("cc".into(), Some("the end")));
}

#[test]
fn clients_without_an_address() {
    for data in [
        &b""[..],
        b"x",
        b"x\0",
        b"x\0U",
        b"x\x004",
        b"x\x004\0\x19",
        b"x\x004\0\x19a.b\0",
        b"x\0L\0\0/run/x\0",
    ] {
        assert_eq!(client_address(data), None, "{data:?}");
    }
    assert_eq!(client_address(b"x\x004\0\x19192.0.2.7"), "192.0.2.7".parse().ok());
}

#[test]
fn each_verdict_has_its_words() {
    let said = |verdict, senders: usize| {
        let mut talk = Talk::with(POSTFIX, verdict);
        talk.hear(&mail("ann", &vec![("Sender", "bob@x"); senders]));
        talk.said()
    };
    let packet = |command, bytes: &str| (command, bytes.to_owned());
    assert_eq!(said(HeaderVerdict::Accept, 1), [packet('c', "")]);
    assert_eq!(said(HeaderVerdict::Defer, 1), [packet('t', "")]);
    let mark = HeaderVerdict::Mark("ann@x.test".into());
    let add = [packet('h', "Sender\0ann@x.test\0"), packet('c', "")];
    assert_eq!(said(mark.clone(), 0), add);
    let delete = |n: char| packet('m', &format!("\0\0\0{n}Sender\0\0"));
    assert_eq!(said(mark, 2), [&[delete('\x02'), delete('\x01')][..], &add].concat());
    let refusal = said(HeaderVerdict::Refuse("no: 100%\r\n250 yes\u{85}".into()), 0);
    assert_eq!(refusal, [packet('y', "550 5.7.1 no: 100%%250 yes\0")]);
    let long = said(HeaderVerdict::Refuse("é".repeat(TEXT_BYTES_MAX)), 0);
    assert_eq!(long[0].1.len(), "550 5.7.1 \0".len() + TEXT_BYTES_MAX);
}

#[test]
fn a_server_that_lets_nobody_change_headers_cannot_mark() {
    for actions in [0, ADD_HEADERS, CHANGE_HEADERS] {
        let mut talk = Talk::with((6, actions, 0x1f_ffff), HeaderVerdict::Mark("ann@x".into()));
        talk.hear(&mail("ann", &[]));
        assert_eq!(talk.commands(), "t");
    }
}

#[test]
fn a_stop_defers_the_mail_that_is_being_decided() {
    let mut milter = Milter::default();
    let mut input = BytesMut::from(&[negotiation(POSTFIX), mail("ann", &[])].concat()[..]);
    let mut out = BytesMut::new();
    let ticket = loop {
        match milter.step(&mut input, &mut out, NOW) {
            Step::Ask(ticket, _) => break ticket,
            step => assert!(matches!(step, Step::Next)),
        }
    };
    assert!(!milter.ready());
    out.clear();
    milter.stop(&mut out);
    assert_eq!(&out[..], packet(b't', b""));
    milter.stop(&mut out);
    milter.answer(ticket, Answer::Headers(HeaderVerdict::Accept), &mut out);
    assert_eq!(&out[..], packet(b't', b""), "nothing is said twice");
}

#[test]
fn a_packet_at_the_limit_and_past_it() {
    let mut talk = Talk::with(POSTFIX, HeaderVerdict::Accept);
    let mut longest = header("From", &"a".repeat(PACKET_BYTES_MAX - 1 - 6));
    assert_eq!(longest.len(), 4 + PACKET_BYTES_MAX);
    talk.hear(&longest);
    assert_eq!(talk.closed, None);
    longest = header("From", &"a".repeat(PACKET_BYTES_MAX - 6));
    talk.hear(&longest[..4]);
    assert!(talk.closed.is_some(), "before it has arrived");
}

#[test]
fn headers_past_a_limit_are_unreadable() {
    for name in ["From", "Sender"] {
        assert!(!check_of(&vec![(name, "a@x"); HEADERS_MAX]).unreadable);
        let past = check_of(&vec![(name, "a@x"); HEADERS_MAX + 1]);
        assert!(past.unreadable && past.from.len() + past.sender.len() == HEADERS_MAX);
        let half = "a".repeat(HEADER_BYTES_MAX / 2);
        assert!(!check_of(&[("From", &half), (name, &half)]).unreadable);
        assert!(check_of(&[("From", &half), (name, &half), ("Sender", "a")]).unreadable);
    }
    assert!(!check_of(&vec![("Subject", "a@x"); 1_000]).unreadable);
    let mut talk = Talk::with(POSTFIX, HeaderVerdict::Accept);
    talk.hear(&mail(&"a".repeat(MACRO_BYTES_MAX + 1), &[]));
    assert_eq!(talk.asked[0].login.len(), MACRO_BYTES_MAX);
    for (length, unreadable) in [(ENVELOPE_BYTES_MAX, false), (ENVELOPE_BYTES_MAX + 1, true)] {
        talk.hear(&packet(b'D', b"M{auth_authen}\0ann\0"));
        talk.hear(&packet(b'M', format!("{}\0SIZE=1\0", "a".repeat(length)).as_bytes()));
        talk.hear(&packet(b'E', b""));
        let check = talk.asked.pop().unwrap();
        assert_eq!((check.envelope.len(), check.unreadable), (ENVELOPE_BYTES_MAX, unreadable));
    }
}

#[test]
fn a_line_break_hides_no_sender() {
    for value in ["x\rFrom: boss@x", "x\r\nsender : boss@x", "x\nFROM:boss@x", "x\r\rfrom:", "\rFrom:x"] {
        assert!(check_of(&[("Subject", value)]).unreadable, "{value:?}");
    }
    for value in
        ["x\n From: boss@x", "x\r\n\tFrom: boss@x", "From: boss@x", "x\rfrom here", "x\rFromage: y", "x\r"]
    {
        assert!(!check_of(&[("Subject", value)]).unreadable, "{value:?}");
    }
}

/// A dialogue with everything in it.
fn dialogue() -> Vec<u8> {
    [
        negotiation(ANCIENT),
        packet(b'C', b"client.test\x004\x30\x39192.0.2.7\0"),
        mail("ann", &[("From", "a@x"), ("Subject", "y"), ("Sender", "b@x")]),
        packet(b'A', b""),
        mail("bob", &[("From", "b@x")]),
        packet(b'Q', b""),
    ]
    .concat()
}

#[test]
fn a_dialogue_cut_at_any_byte_gets_the_same_answers() {
    let told = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut talk = Talk::new(HeaderVerdict::Mark("ann@x".into()));
        chunks.for_each(|chunk| talk.hear(chunk));
        (talk.out.to_vec(), talk.asked, talk.closed)
    };
    let bytes = dialogue();
    let whole = told(&mut std::iter::once(&bytes[..]));
    assert_eq!(whole.1.len(), 2);
    assert_eq!(told(&mut bytes.chunks(1)), whole);
    for cut in 0..=bytes.len() {
        let (before, after) = bytes.split_at(cut);
        assert_eq!(told(&mut [before, after].into_iter()), whole, "cut at byte {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_breaks_it(packets in vec((any::<u8>(), vec(any::<u8>(), 0..60)), 0..40), raw: bool) {
        let mut talk = Talk::with(POSTFIX, HeaderVerdict::Refuse("no".into()));
        for (command, data) in packets {
            let command = b"CDMLAEQKHRTNBU"[usize::from(command) % 14];
            talk.hear(&if raw { data } else { packet(command, &data) });
            prop_assert!(talk.closed.is_some() || talk.input.len() < 4 + PACKET_BYTES_MAX);
        }
        // Whole packets and nothing else were said.
        prop_assert!(talk.said().iter().all(|(command, _)| "cy".contains(*command)) && talk.out.is_empty());
    }
}
