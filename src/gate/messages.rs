//! Texts that a mail program shows to a person, in Chinese and English.
//!
//! Every wrong secret reads the same, known account or not; a block names its end.

mod header;
mod sending;
mod told;

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::config::template::{Marks, fill};
use crate::config::{Language, Telling};

pub(crate) use told::{Codes, LATER, WRONG};

/// The texts of one site.
#[derive(Clone, Debug)]
pub struct Messages {
    /// For a wrong secret; `None`: the mail server's own words, which mail programs know best.
    wrong: Option<String>,
    /// For a block, with `{until}` and perhaps `{portal}`.
    blocked: String,
    tell_wrong: Telling,
    tell_blocked: Telling,
    language: Language,
    portal: String,
    zone: TimeZone,
}

impl Messages {
    /// Chooses the texts: the site's own, or those of its language. Without a portal to name, a
    /// wrong secret has nothing to say beyond what the mail server says itself.
    #[must_use]
    pub fn new(
        language: Language,
        portal: Option<&str>,
        wrong: Option<&str>,
        blocked: Option<&str>,
        zone: TimeZone,
    ) -> Self {
        let shipped_wrong = match language {
            Language::En => {
                "Wrong address or password. Mail programs need a client password, made at {portal}"
            }
            Language::ZhCn => "帐号或密码错误。邮件客户端须使用客户端专用密码，请在 {portal} 生成",
        };
        let shipped_blocked = match (language, portal) {
            (Language::En, None) => "Too many failed logins from your address. Try again after {until}",
            (Language::En, Some(_)) => {
                "Too many failed logins from your address. Try again after {until}, or see {portal}"
            }
            (Language::ZhCn, None) => "您的地址登录失败次数过多，请在 {until} 之后重试",
            (Language::ZhCn, Some(_)) => "您的地址登录失败次数过多，请在 {until} 之后重试，或访问 {portal}",
        };
        Self {
            language,
            wrong: wrong.or(portal.map(|_| shipped_wrong)).map(str::to_owned),
            blocked: blocked.unwrap_or(shipped_blocked).to_owned(),
            tell_wrong: Telling::WRONG,
            tell_blocked: Telling::BLOCKED,
            portal: portal.unwrap_or_default().to_owned(),
            zone,
        }
    }

    /// What anybody is told when the trouble is ours, where the mail server has no words of its own.
    #[must_use]
    pub fn later(&self) -> &'static str {
        self.pick("This cannot be decided at the moment. Try again later", "暂时无法处理登录，请稍后重试")
    }

    fn pick(&self, en: &'static str, zh: &'static str) -> &'static str {
        match self.language {
            Language::En => en,
            Language::ZhCn => zh,
        }
    }

    fn time(&self, time: Timestamp) -> String {
        shown(time, &self.zone)
    }

    /// What a wrong secret is told.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        self.wrong.as_ref().map(|text| fill(text, Marks::Braces, &[("portal", &self.portal)]))
    }

    /// What a blocked source is told.
    #[must_use]
    pub fn blocked(&self, until: Timestamp) -> String {
        let until = self.time(until);
        fill(&self.blocked, Marks::Braces, &[("portal", &self.portal), ("until", &until)])
    }
}

/// The most bytes of an address that a text shows: two of them must fit into one line of SMTP.
const ADDRESS_BYTES_MAX: usize = 100;

/// An address as a text shows it.
fn cut(address: &str) -> String {
    match address.floor_char_boundary(ADDRESS_BYTES_MAX) {
        whole if whole == address.len() => address.to_owned(),
        cut => format!("{}...", &address[..cut]),
    }
}

/// A time for people, with the name of its zone.
pub(crate) fn shown(time: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_second(time.0) {
        Ok(known) => known.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Postfix puts a text into one SMTP line of 512 bytes.
    const TEXT_BYTES_MAX: usize = 400;

    fn messages(language: Language, portal: Option<&str>) -> Messages {
        Messages::new(language, portal, None, None, TimeZone::UTC)
    }

    #[test]
    fn a_block_names_its_end_in_both_languages() {
        for language in [Language::En, Language::ZhCn] {
            for portal in [None, Some("https://mail.example.org")] {
                let text = messages(language, portal).blocked(Timestamp(1_800_000_000));
                assert!(text.contains("2027-01-15 08:00:00 UTC"), "{text}");
                assert_eq!(text.contains("https://mail.example.org"), portal.is_some());
                assert!(text.len() <= TEXT_BYTES_MAX);
            }
        }
    }

    #[test]
    fn a_wrong_secret_is_told_the_portal_or_nothing() {
        for language in [Language::En, Language::ZhCn] {
            assert_eq!(messages(language, None).wrong(), None);
            let text = messages(language, Some("https://mail.example.org")).wrong().unwrap();
            assert!(text.contains("https://mail.example.org") && text.len() <= TEXT_BYTES_MAX);
        }
        let own = Messages::new(Language::En, None, Some("No."), None, TimeZone::UTC);
        assert_eq!(own.wrong().as_deref(), Some("No."));
    }
}
