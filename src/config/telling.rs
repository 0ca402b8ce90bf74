//! `messages.tell_wrong` and `messages.tell_blocked`: how a refusal is told on each protocol.

use super::complaint::Fault;
use super::section::Section;
use super::value::word;
use super::{Choice, Language, Messages};

/// How something is told. Mail programs go by the code beside a text, so the two are chosen together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The text, beside the code that says what it is.
    Text,
    /// IMAP: the text as an alert, which programs must show, and which says nothing else to them.
    Alert,
    /// The mail server's own words.
    Nothing,
}

impl Choice for Tell {
    const WORDS: &'static [(&'static str, Self)] =
        &[("text", Tell::Text), ("alert", Tell::Alert), ("nothing", Tell::Nothing)];
}

/// How something is told on each protocol. All others have no codes; there it is the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telling {
    /// On IMAP.
    pub imap: Tell,
    /// On POP3.
    pub pop3: Tell,
    /// On SMTP, submission included.
    pub smtp: Tell,
    /// On ManageSieve.
    pub sieve: Tell,
}

impl Telling {
    /// For a wrong secret. Phones notice, and ask for another, where the code says what it is.
    pub const WRONG: Telling =
        Telling { imap: Tell::Text, pop3: Tell::Text, smtp: Tell::Text, sieve: Tell::Text };
    /// For a block. A secret that is right must not be asked for again, and people must learn why they are kept out.
    pub const BLOCKED: Telling =
        Telling { imap: Tell::Alert, pop3: Tell::Text, smtp: Tell::Text, sieve: Tell::Text };
}

impl Default for Messages {
    fn default() -> Self {
        Messages {
            language: Language::default(),
            portal_url: None,
            wrong: None,
            blocked: None,
            tell_wrong: Telling::WRONG,
            tell_blocked: Telling::BLOCKED,
        }
    }
}

/// Reads one of the two.
pub(super) fn telling(mut section: Section<'_, '_>, default: Telling) -> Telling {
    let imap = section.get_or("imap", word, default.imap);
    let mut other = |protocol: &str, default| {
        let tell = section.get_or(protocol, word, default);
        if tell == Tell::Alert {
            let cure = "write \"text\" or \"nothing\"";
            section.complain(protocol, Fault::new("has no alerts: they are of IMAP only", cure));
        }
        tell
    };
    Telling {
        imap,
        pop3: other("pop3", default.pop3),
        smtp: other("smtp", default.smtp),
        sieve: other("sieve", default.sieve),
    }
}
