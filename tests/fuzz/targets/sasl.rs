//! PLAIN and LOGIN: what was encoded is what is asked about, and no refusal and no log tells it.
#![no_main]

use arbitrary::Arbitrary;
use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;
use sidegate::config::OnTrouble;
use sidegate::gate::login::{Attempt, Presented, Reason, Verdict};
use sidegate::gate::question::{Answer, Coded, LoginAnswer, Question};
use sidegate::gate::secret::SECRET_BYTES_MAX;
use sidegate::proto::auth_client::{AuthClient, LINE_BYTES_MAX};
use sidegate_fuzz::auth_client;
use sidegate_fuzz::talk::{Limits, NOW, Talk};

/// Every secret begins so: it is in no word of the protocol.
const MARK: &str = "S3cr&t!";

#[derive(Arbitrary, Debug)]
enum Way {
    Plain,
    PlainPrompted,
    Login,
    LoginPrompted,
}

#[derive(Arbitrary, Debug)]
struct Message<'a> {
    way: Way,
    /// Who is acted for.
    other: Option<&'a [u8]>,
    user: &'a [u8],
    secret: &'a [u8],
    /// Bytes that are no base64, put at this place.
    broken: Option<(u8, u8)>,
}

fn say(talk: &mut Talk<AuthClient>, text: &str) {
    talk.input.extend_from_slice(text.as_bytes());
    while talk.step(NOW) {}
}

/// What base64 it is on the wire.
fn coded(bytes: &[u8], broken: Option<(u8, u8)>) -> String {
    let mut text = BASE64.encode(bytes);
    if let Some((place, byte)) = broken {
        let byte = [b'!', b'=', b'.', b'-', b'_', 0x7f][usize::from(byte) % 6];
        text.insert(usize::from(place) % (text.len() + 1), char::from(byte));
    }
    text
}

fuzz_target!(|message: Message<'_>| {
    let secret = [MARK.as_bytes(), message.secret].concat();
    let (user, other) = (message.user, message.other.unwrap_or_default());
    let plain = coded(&[other, user, &secret].join(&0), message.broken);
    let (name, password) = (coded(user, None), coded(&secret, message.broken));
    // An empty name in front is none: it is asked for.
    let none = user.is_empty() && matches!(message.way, Way::Login);
    if none || 2 * (plain.len() + name.len()) > LINE_BYTES_MAX {
        return;
    }
    let mut talk = Talk::new(auth_client(OnTrouble::Auto), Limits { input: LINE_BYTES_MAX, asked: 1 });
    say(&mut talk, "VERSION\t1\t2\nCPID\t7\n");
    match message.way {
        Way::Plain => say(&mut talk, &format!("AUTH\t1\tPLAIN\tservice=imap\tresp={plain}\n")),
        Way::PlainPrompted => say(&mut talk, &format!("AUTH\t1\tPLAIN\tservice=imap\nCONT\t1\t{plain}\n")),
        Way::Login => {
            say(&mut talk, &format!("AUTH\t1\tLOGIN\tservice=imap\tresp={name}\nCONT\t1\t{password}\n"))
        }
        Way::LoginPrompted => {
            say(&mut talk, &format!("AUTH\t1\tLOGIN\tservice=imap\nCONT\t1\t{name}\nCONT\t1\t{password}\n"));
        }
    }
    let (ticket, question) =
        talk.asked.pop().unwrap_or_else(|| panic!("nothing is asked: {:?}", talk.closed));
    let debugged = format!("{question:?}");
    let is_plain = matches!(message.way, Way::Plain | Way::PlainPrompted);
    let one_line = [other, user, &secret].iter().all(|part| !part.contains(&0));
    let answer = match question {
        Question::Login(Attempt { typed, secret: Presented::Whole(told), mechanism, .. }) => {
            assert!(message.broken.is_none(), "what is no base64 is no attempt");
            assert_eq!((typed.as_bytes(), told.reveal()), (user, &secret[..]));
            assert_eq!(mechanism, if is_plain { "PLAIN" } else { "LOGIN" });
            assert!(
                !is_plain || ((other.is_empty() || other == user) && one_line),
                "an attempt for {other:?}"
            );
            let verdict = Verdict::Refuse(Reason::WrongPassword);
            Answer::Login(LoginAnswer {
                verdict,
                user: None,
                text: None,
                fields: bytes::Bytes::new(),
                login: None,
            })
        }
        Question::ActingFor(asked, attempt) => {
            assert!(is_plain && one_line && message.broken.is_none() && other != user);
            assert_eq!((asked.as_bytes(), attempt.typed.as_bytes()), (other, user));
            Answer::Coded(Coded::Authorization)
        }
        Question::Unreadable(unread) => {
            let text = |bytes| std::str::from_utf8(bytes).is_ok();
            let readable = text(user) && (one_line && text(other) || !is_plain);
            let fits = secret.len() <= SECRET_BYTES_MAX;
            assert!(message.broken.is_some() || !fits || !readable, "{unread:?}, but it can be read");
            Answer::Coded(unread.coded)
        }
        question => panic!("{question:?}"),
    };
    talk.answer(ticket, answer);
    let said = String::from_utf8_lossy(&talk.out);
    // A name may be anything, a secret too; so may the one that somebody asks to be.
    let tells = |text: &str| [MARK, &password, &plain].iter().any(|secret| text.contains(secret));
    if ![user, other].iter().any(|name| tells(&String::from_utf8_lossy(name))) {
        assert!(!tells(&debugged) && !tells(&said), "{debugged}: {said}");
    }
});
