//! Whole connections of every protocol: messages cut anywhere, answers in any order, time that passes. The dialogue is
//! that of the same bytes uncut, every limit holds, and no request is answered twice.
#![no_main]

use std::collections::HashSet;

use arbitrary::Arbitrary;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sidegate::clock::Timestamp;
use sidegate::config::OnTrouble;
use sidegate::proto::auth_client::{self, DIALOGUES_MAX, OPEN_MAX};
use sidegate::proto::auth_master::{self, AuthMaster};
use sidegate::proto::dict::{self, Dict};
use sidegate::proto::milter::{self, Milter};
use sidegate::proto::policy::{self, Policy};
use sidegate::proto::socketmap::{self, Socketmap};
use sidegate::proto::{Keep, Protocol, tab};
use sidegate_fuzz::talk::{Dialogue, Limits, NOW, Talk};
use sidegate_fuzz::{auth_client as client, gate, wire};

/// As much of a message as tells its command and its number.
const HEAD_BYTES: usize = 40;

#[derive(Arbitrary, Debug)]
enum Door {
    Client { minor: u8, trouble: u8 },
    Master,
    Dict,
    Policy,
    Socketmap,
    Milter,
}

#[derive(Arbitrary, Debug)]
enum Happening<'a> {
    /// A message of the door's own, with a number in it.
    Says(u8, u8),
    /// The same one so often.
    Repeats(u8, u16),
    /// Anything.
    Noise(&'a [u8]),
    /// So many bytes of the same.
    Long(u8, u16),
    /// One of the open questions is answered.
    Answered(u16, u8),
    Passes(u16),
}

#[derive(Arbitrary, Debug)]
struct Scene<'a> {
    door: Door,
    shaken: bool,
    happenings: Vec<Happening<'a>>,
}

/// Messages of the line protocols; `#` is the number.
const CLIENT: &[&str] = &[
    "AUTH\t#\tPLAIN\tservice=imap\trip=192.0.2.7\tresp=AGFubgBzZWNyZXQ=\n",
    "AUTH\t#\tplain\tprotocol=smtp\tnologin\tresp=AGFubgBzZWNyZXQ=\n",
    "AUTH\t#\tPLAIN\tservice=imap\n",
    "AUTH\t#\tLOGIN\tservice=smtp\n",
    "AUTH\t#\tLOGIN\tservice=imap\tresp=YW5u\n",
    "AUTH\t#\tXOAUTH2\tservice=imap\n",
    "AUTH\t#\tPLAIN\tservice=imap\tresp=!\n",
    "CONT\t#\tAGFubgBzZWNyZXQ=\n",
    "CONT\t#\tYW5u\n",
    "CONT\t#\t!\n",
    "CANCEL\t#\n",
];
const MASTER: &[&str] = &[
    "USER\t#\tann@example.org\tservice=lmtp\n",
    "PASS\t#\ta\x01tb\tservice=imap\trip=192.0.2.7\n",
    "LIST\t#\tservice=doveadm\n",
    "CACHE-FLUSH\t#\n",
    "REQUEST\t#\t7\t1\t00000000000000000000000000000000\tsession_pid=9\n",
];
const DICT: &[&str] = &[
    "Lshared/auth/imap/192.0.2.7/f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf/#\tann\n",
    "Lshared/auth/imap//e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\tann\n",
    "Lshared/user\tann@example.org\n",
    "Lshared/user\t\u{fffd}\n",
];
const POLICY: &[&str] = &[
    "request=smtpd_access_policy\nprotocol_state=DATA\nsasl_username=ann\ninstance=#\n\n",
    "protocol_state=MAIL\n",
    "client_address=192.0.2.7\n",
    "\n",
];
const SOCKETMAP: &[&str] =
    &["28:sender-login ann@example.org,", "12:sender-login,", "9:virtual x,", "100000:", "28:"];
/// Commands of a milter; `#` is the number in front of their data.
const MILTER: &[(u8, &[u8])] = &[
    (b'O', b"\0\0\0\x06\0\0\x01\x11\0\0\x73\xff"),
    (b'C', b"host\x004\x12\x34192.0.2.7\0"),
    (b'D', b"M{auth_authen}\0ann@example.org\0i\0ABC\0"),
    (b'M', b"<ann@example.org>\0"),
    (b'L', b"From\0Ann <ann@example.org>\0"),
    (b'L', b"Sender\0bob@example.org\0"),
    (b'L', b"Subject\0a\rFrom: x\0"),
    (b'E', b""),
    (b'A', b""),
    (b'K', b""),
    (b'Q', b""),
];

impl Door {
    fn hello(&self) -> Vec<u8> {
        match self {
            Self::Client { minor, .. } => format!("VERSION\t1\t{}\nCPID\t7\n", minor % 5).into_bytes(),
            Self::Master => b"VERSION\t1\t1\n".to_vec(),
            Self::Dict => b"H3\t2\t0\t\tsidegate\n".to_vec(),
            Self::Milter => packet(MILTER[0]),
            Self::Policy | Self::Socketmap => Vec::new(),
        }
    }

    fn message(&self, which: u8, number: u16) -> Vec<u8> {
        let texts = match self {
            Self::Client { .. } => CLIENT,
            Self::Master => MASTER,
            Self::Dict => DICT,
            Self::Policy => POLICY,
            Self::Socketmap => SOCKETMAP,
            Self::Milter => return packet(MILTER[usize::from(which) % MILTER.len()]),
        };
        texts[usize::from(which) % texts.len()].replace('#', &number.to_string()).into_bytes()
    }
}

fn packet((command, data): (u8, &[u8])) -> Vec<u8> {
    let length = u32::try_from(1 + data.len()).expect("short");
    [&length.to_be_bytes()[..], &[command], data].concat()
}

/// What of a scene reaches the protocol.
enum Event {
    Arrives(Vec<u8>),
    Answered(u16, u8),
    Passes(u16),
}

fn events(scene: &Scene<'_>) -> Vec<Event> {
    let hello = if scene.shaken { scene.door.hello() } else { Vec::new() };
    let mut events = vec![Event::Arrives(hello)];
    for happening in scene.happenings.iter().take(32) {
        events.push(match *happening {
            Happening::Says(which, number) => Event::Arrives(scene.door.message(which, number.into())),
            Happening::Repeats(which, times) => {
                let messages = (1..=times % 512).map(|number| scene.door.message(which, number));
                Event::Arrives(messages.collect::<Vec<_>>().concat())
            }
            Happening::Noise(bytes) => Event::Arrives(bytes.to_vec()),
            Happening::Long(byte, times) => Event::Arrives(vec![byte; usize::from(times)]),
            Happening::Answered(which, how) => Event::Answered(which, how),
            Happening::Passes(seconds) => Event::Passes(seconds % 512),
        });
    }
    events
}

/// Takes every message that is whole.
fn deal<P: Protocol>(talk: &mut Talk<P>, now: Timestamp, watch: &mut dyn FnMut(Seen<'_>)) {
    loop {
        let first = talk.input.len().min(HEAD_BYTES);
        let (head, said) = (talk.input[..first].to_vec(), talk.out.len());
        if !talk.step(now) {
            return;
        }
        watch(Seen { head: &head, said: &talk.out[said..] });
    }
}

/// Plays a scene; `watch` sees the protocol after each message.
fn play<P: Protocol>(
    mut talk: Talk<P>,
    events: &[Event],
    chunk: usize,
    watch: &mut dyn FnMut(Seen<'_>),
) -> Dialogue {
    let mut now = NOW;
    for event in events {
        match *event {
            Event::Arrives(ref bytes) => {
                for chunk in bytes.chunks(chunk) {
                    talk.input.extend_from_slice(chunk);
                    deal(&mut talk, now, watch);
                }
            }
            Event::Answered(which, how) if !talk.asked.is_empty() && talk.closed.is_none() => {
                let which = usize::from(which) % talk.asked.len();
                let (ticket, question) = talk.asked.remove(which);
                let said = talk.out.len();
                talk.answer(ticket, gate::answer(question, how));
                watch(Seen { head: b"", said: &talk.out[said..] });
                deal(&mut talk, now, watch);
            }
            Event::Answered(..) => {}
            Event::Passes(seconds) => now = Timestamp(now.0 + i64::from(seconds)),
        }
        if let Keep::Now(_) = talk.protocol.keep() {
            assert!(talk.asked.is_empty(), "nobody is left behind with a question");
        }
    }
    talk.end()
}

/// What one message or answer led to.
struct Seen<'a> {
    /// The first bytes of the message, and maybe more.
    head: &'a [u8],
    said: &'a [u8],
}

/// Plays it whole and cut, and gives the dialogue.
fn both_ways<P: Protocol>(
    new: impl Fn() -> P,
    limits: Limits,
    events: &[Event],
    watch: &mut dyn FnMut(Seen<'_>),
) -> BytesMut {
    let whole = play(Talk::new(new(), limits), events, usize::MAX, watch);
    for chunk in [1, 13] {
        let long = events.iter().any(|event| matches!(event, Event::Arrives(bytes) if bytes.len() > 1_024));
        if !long || chunk > 1 {
            let cut = play(Talk::new(new(), limits), events, chunk, &mut |_| {});
            assert!(cut == whole, "cut in {chunk}: {cut:?}\nwhole: {whole:?}");
        }
    }
    whole.0
}

/// Requests that are open, as the peer sees it.
#[derive(Default)]
struct Requests {
    open: HashSet<u32>,
}

impl Requests {
    fn see(&mut self, seen: &Seen<'_>) {
        let fields = |line: &[u8]| {
            let mut fields = line.split(|byte| *byte == b'\t').map(<[u8]>::to_vec);
            (fields.next().unwrap_or_default(), fields.next().and_then(|id| tab::number::<u32>(&id)))
        };
        let (command, asked) = fields(seen.head.split(|byte| *byte == b'\n').next().unwrap_or_default());
        if let (b"AUTH", Some(id)) = (&command[..], asked) {
            self.open.insert(id);
        }
        for line in seen.said.split_inclusive(|byte| *byte == b'\n') {
            let (word, id) = fields(line.strip_suffix(b"\n").expect("whole lines"));
            let id = id.expect("a number");
            match &word[..] {
                // What comes late or out of turn is refused as such.
                b"OK" | b"FAIL" => {
                    let was_open = self.open.remove(&id);
                    assert!(was_open || (command == b"CONT" && asked == Some(id)), "{id} is answered twice");
                }
                b"CONT" => assert!(self.open.contains(&id), "{id} is asked for more"),
                _ => {}
            }
        }
        if let (b"CANCEL", Some(id)) = (&command[..], asked) {
            self.open.remove(&id);
        }
    }
}

fuzz_target!(|scene: Scene<'_>| {
    let events = events(&scene);
    let one = |input| Limits { input, asked: 1 };
    let mut nothing = |_: Seen<'_>| {};
    match scene.door {
        Door::Client { trouble, .. } => {
            let on_trouble =
                [OnTrouble::Auto, OnTrouble::TempFail, OnTrouble::Close][usize::from(trouble % 3)];
            let mut requests = Requests::default();
            let limits = Limits { input: auth_client::LINE_BYTES_MAX - 1, asked: OPEN_MAX + DIALOGUES_MAX };
            let said = both_ways(|| client(on_trouble), limits, &events, &mut |seen| requests.see(&seen));
            wire::numbered_lines(&said, &["OK", "FAIL", "CONT", "CANCELLED"]);
        }
        Door::Master => {
            let limits = one(auth_master::LINE_BYTES_MAX - 1);
            let said = both_ways(|| AuthMaster::new(1, None), limits, &events, &mut nothing);
            wire::numbered_lines(&said, &["USER", "PASS", "LIST", "DONE", "OK", "FAIL", "NOTFOUND"]);
        }
        Door::Dict => {
            let limits = one(dict::LINE_BYTES_MAX - 1);
            wire::dict_lines(&both_ways(|| Dict::new([0; 16]), limits, &events, &mut nothing));
        }
        Door::Policy => {
            let limits = one(policy::LINE_BYTES_MAX - 1);
            wire::policy_answers(&both_ways(Policy::default, limits, &events, &mut nothing));
        }
        Door::Socketmap => {
            let limits = one(7 + socketmap::REQUEST_BYTES_MAX);
            let said = both_ways(Socketmap::default, limits, &events, &mut nothing);
            wire::netstrings(&said, &["OK ", "NOTFOUND ", "TEMP ", "PERM "]);
        }
        Door::Milter => {
            let limits = one(4 + milter::PACKET_BYTES_MAX);
            wire::packets(&both_ways(Milter::default, limits, &events, &mut nothing));
        }
    }
});
