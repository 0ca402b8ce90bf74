//! The form in which a mail program is told a text.
//!
//! Mail programs go by the code before a text and not by the text (RFC 5530 and RFC 9051 for IMAP, RFC 3206 for POP3).
//! Dovecot 2.3 and 2.4 put one of their own before a reason, which on IMAP is `[ALERT]`, unless the reason begins with a
//! bracket: then it goes as it stands. So the code is written here. nginx adds none, and hands on what it gets. On SMTP the
//! code is a number, which is the mail server's to say; ManageSieve has none that a reason could carry.

use super::Messages;
use crate::config::{Tell, Telling};
use crate::gate::name::Protocol;

/// What stands before a text for a wrong secret.
pub(crate) const WRONG: Codes = Codes { imap: "[AUTHENTICATIONFAILED] ", pop3: "[AUTH] " };
/// The same for a block: neither is the secret wrong, nor is the server.
const BLOCKED: Codes = Codes { imap: "[UNAVAILABLE] ", pop3: "[SYS/TEMP] " };
/// And for trouble of our own.
pub(crate) const LATER: Codes = Codes { imap: "[UNAVAILABLE] ", pop3: "[SYS/TEMP] " };
/// Programs must show it.
const ALERT: &str = "[ALERT] ";

/// The codes of one case.
pub(crate) struct Codes {
    imap: &'static str,
    pop3: &'static str,
}

impl Codes {
    /// A text with its code. One that brings a code goes as it is.
    pub(crate) fn before(&self, text: String, protocol: &Protocol) -> String {
        let code = match protocol.as_str() {
            "imap" => self.imap,
            "pop3" => self.pop3,
            _ => "",
        };
        if text.starts_with('[') { text } else { format!("{code}{text}") }
    }
}

impl Messages {
    /// Sets how texts are told.
    #[must_use]
    pub fn telling(self, tell_wrong: Telling, tell_blocked: Telling) -> Self {
        Self { tell_wrong, tell_blocked, ..self }
    }

    /// What a wrong secret is told on a protocol; `None`: the mail server's own words.
    #[must_use]
    pub fn wrong_on(&self, protocol: &Protocol) -> Option<String> {
        told(self.tell_wrong, &WRONG, protocol, || self.wrong())
    }

    /// What a blocked source is told on a protocol, which is `text` in its form; `None`: the mail server's own words.
    #[must_use]
    pub fn blocked_on(&self, protocol: &Protocol, text: impl FnOnce() -> String) -> Option<String> {
        told(self.tell_blocked, &BLOCKED, protocol, || Some(text()))
    }
}

fn told(
    telling: Telling,
    codes: &Codes,
    protocol: &Protocol,
    text: impl FnOnce() -> Option<String>,
) -> Option<String> {
    match of(telling, protocol) {
        Tell::Nothing => None,
        Tell::Text => text().map(|text| codes.before(text, protocol)),
        Tell::Alert => text().map(|text| Codes { imap: ALERT, ..*codes }.before(text, protocol)),
    }
}

fn of(telling: Telling, protocol: &Protocol) -> Tell {
    match protocol.as_str() {
        "imap" => telling.imap,
        "pop3" => telling.pop3,
        "smtp" | "submission" => telling.smtp,
        "sieve" | "managesieve" => telling.sieve,
        _ => Tell::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Language;
    use jiff::tz::TimeZone;

    fn on(name: &str) -> Protocol {
        Protocol::parse(name).unwrap()
    }

    fn messages(wrong: &str) -> Messages {
        Messages::new(Language::En, None, Some(wrong), None, TimeZone::UTC)
    }

    #[test]
    fn programs_hear_what_it_is_and_people_why() {
        let messages = messages("Wrong.");
        let told = |name| {
            let blocked = messages.blocked_on(&on(name), || "Blocked.".to_owned());
            (messages.wrong_on(&on(name)).unwrap(), blocked.unwrap())
        };
        let check = |name, wrong: &str, blocked: &str| assert_eq!(told(name), (wrong.into(), blocked.into()));
        check("imap", "[AUTHENTICATIONFAILED] Wrong.", "[ALERT] Blocked.");
        check("pop3", "[AUTH] Wrong.", "[SYS/TEMP] Blocked.");
        for plain in ["smtp", "submission", "sieve", "managesieve", "xmpp"] {
            check(plain, "Wrong.", "Blocked.");
        }
    }

    #[test]
    fn a_site_chooses_for_each_protocol() {
        let nothing = |imap| Telling { imap, pop3: Tell::Nothing, smtp: Tell::Nothing, sieve: Tell::Nothing };
        let messages = messages("Wrong.").telling(nothing(Tell::Alert), nothing(Tell::Text));
        assert_eq!(messages.wrong_on(&on("imap")).as_deref(), Some("[ALERT] Wrong."));
        let blocked = messages.blocked_on(&on("imap"), || "Blocked.".to_owned());
        assert_eq!(blocked.as_deref(), Some("[UNAVAILABLE] Blocked."));
        for silent in ["pop3", "smtp", "submission", "sieve"] {
            assert_eq!(messages.wrong_on(&on(silent)), None, "{silent}");
            assert_eq!(messages.blocked_on(&on(silent), || unreachable!()), None, "{silent}");
        }
        assert!(messages.wrong_on(&on("xmpp")).is_some(), "no code, no choice");
    }

    #[test]
    fn a_text_of_the_sites_own_may_bring_its_code() {
        let messages = messages("[EXPIRED] Make a client password.");
        assert_eq!(messages.wrong_on(&on("imap")).as_deref(), Some("[EXPIRED] Make a client password."));
    }
}
