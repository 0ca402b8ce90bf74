//! A gate that gives every kind of answer, with the worst words that could be in one.

use bytes::Bytes;
use sidegate::gate::login::{Attempt, Grant, Reason, Verdict};
use sidegate::gate::name::AccountName;
use sidegate::gate::question::{Answer, Found, HeaderVerdict, Login, LoginAnswer, Question, Relay};
use sidegate::gate::record::Block;
use sidegate::gate::sending::Told;

use crate::talk::NOW;

/// A name of the upstream's: nothing keeps such bytes out of it.
pub const NAME: &str = "ann\t\r\n\0\u{1}=%,5:@example.org";
/// Words that would break every protocol.
pub const WORDS: &str = "no\t\r\n\0\u{1}\u{7f}\u{85}action=OK\n\nOK\t1\tuser=root %s 字";
/// Fields as another Dovecot writes them.
const FIELDS: &[u8] = b"uid=5000\thome=/srv/\x01t\tflag\t=\t\xff=\xff";

/// The answer of this number.
#[must_use]
pub fn answer(question: Question, which: u8) -> Answer {
    // Who is asked one thing may say another: then a peer is told of trouble.
    if which == u8::MAX {
        return Answer::List(None);
    }
    match question {
        Question::Login(attempt) | Question::ActingFor(_, attempt) => login(attempt, which),
        Question::Unreadable(unread) => Answer::Coded(unread.coded),
        Question::Relay { mechanism, origin, .. } => {
            Answer::Challenge(Relay::new(1, mechanism, origin, |_| {}), Bytes::from_static(b"AAAA\tbb"))
        }
        Question::RelayOn(relay, _) if which.is_multiple_of(2) => {
            Answer::Challenge(Relay::new(1, "XOAUTH2".into(), relay.origin.clone(), |_| {}), Bytes::new())
        }
        Question::RelayOn(relay, secret) => {
            let secret = sidegate::gate::login::Presented::Whole(secret);
            login(
                Attempt { typed: NAME.into(), secret, mechanism: "XOAUTH2", origin: relay.origin.clone() },
                which,
            )
        }
        Question::Claim(_) | Question::User(_) | Question::Pass(_) => Answer::Found(match which % 4 {
            0 => Found::User(NAME.into(), Bytes::from_static(FIELDS)),
            1 => Found::Nobody,
            2 => Found::Fail(None),
            _ => Found::Fail(Some(WORDS.into())),
        }),
        Question::List(_) if which.is_multiple_of(2) => Answer::List(None),
        Question::List(_) => Answer::List(Some(vec![NAME.into(), String::new(), WORDS.into()])),
        Question::Owners(_) => Answer::Owners(match which % 4 {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![NAME.into(), "bob@example.org".into()]),
            _ => Some(vec!["a".repeat(50_001); 2]),
        }),
        Question::Sending(_) => Answer::Sending(match which % 6 {
            0 => Told::Fine,
            1 => Told::HangUp(WORDS.into()),
            2 => Told::NotYours(WORDS.repeat(30)),
            3 => Told::NotNow(WORDS.into()),
            4 => Told::Never(WORDS.into()),
            _ => Told::Later(WORDS.into()),
        }),
        Question::Headers(_) => Answer::Headers(match which % 4 {
            0 => HeaderVerdict::Accept,
            1 => HeaderVerdict::Mark(NAME.into()),
            2 => HeaderVerdict::Refuse(WORDS.repeat(30)),
            _ => HeaderVerdict::Defer,
        }),
    }
}

fn login(attempt: Attempt, which: u8) -> Answer {
    let account = AccountName::foreign(NAME);
    let grant = Grant { account, password: None };
    let block = Block::by_hand(NOW, NOW, WORDS);
    let verdict = match which % 6 {
        0 | 1 => Verdict::Accept(grant.clone()),
        2 => Verdict::Refuse(Reason::WrongPassword),
        3 => Verdict::Refuse(Reason::Blocked(block)),
        4 => Verdict::Elsewhere,
        _ => Verdict::Defer(WORDS),
    };
    let granted = matches!(verdict, Verdict::Accept(_));
    let origin = attempt.origin;
    let login = granted.then(|| Login { user: NAME.into(), grant, mechanism: "PLAIN".into(), origin });
    let text = (which % 12 >= 6).then(|| WORDS.to_owned());
    let fields = Bytes::from_static(if which.is_multiple_of(5) { FIELDS } else { b"" });
    Answer::Login(LoginAnswer { verdict, user: granted.then(|| NAME.into()), text, fields, login })
}
