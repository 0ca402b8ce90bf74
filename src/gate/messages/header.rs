//! What people are told whose mail is refused for its sender.

use super::{Messages, cut};
use crate::config::Language;
use crate::gate::header::{Header, Refusal};

impl Messages {
    /// Why a mail is refused whose sender headers are not the login's.
    #[must_use]
    pub fn sender_refused(&self, refusal: &Refusal, login: &str) -> String {
        match (refusal, self.language) {
            (Refusal::Forged(header, address), language) => {
                let (name, address, login) = (header.name(), cut(address), cut(login));
                let rights = match header {
                    Header::From | Header::Envelope => "on-behalf / send-as",
                    Header::Sender => "send-as",
                };
                match language {
                    Language::En => format!(
                        "{login} may not send mail with {name}: {address} (its owner would have to grant: {rights})"
                    ),
                    Language::ZhCn => {
                        format!("{login} 无权以 {name}: {address} 发信（须由该地址的所有者授权：{rights}）")
                    }
                }
            }
            (Refusal::Unreadable(header), Language::En) => {
                format!("The {}: header cannot be read as mail addresses", header.name())
            }
            (Refusal::Unreadable(header), Language::ZhCn) => {
                format!("邮件头 {}: 无法识别为邮件地址", header.name())
            }
            (Refusal::Several(header), Language::En) => {
                format!("The mail has more than one {}: header", header.name())
            }
            (Refusal::Several(header), Language::ZhCn) => format!("邮件含有多个 {}: 邮件头", header.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    /// Postfix puts a text into one SMTP line of 512 bytes.
    const TEXT_BYTES_MAX: usize = 400;

    fn messages(language: Language) -> Messages {
        Messages::new(language, None, None, None, TimeZone::UTC)
    }

    #[test]
    fn a_refused_mail_is_told_address_login_and_right() {
        for language in [Language::En, Language::ZhCn] {
            let told = |refusal| messages(language).sender_refused(&refusal, "ann@example.org");
            let forged = |header| told(Refusal::Forged(header, "boss@example.org".into()));
            for word in ["From:", "ann@example.org", "boss@example.org", "on-behalf", "send-as"] {
                assert!(forged(Header::From).contains(word), "{}", forged(Header::From));
            }
            assert!(!forged(Header::Sender).contains("on-behalf"));
            for header in [Header::From, Header::Sender, Header::Envelope] {
                assert!(told(Refusal::Unreadable(header)).contains(header.name()));
                assert!(told(Refusal::Several(header)).contains(header.name()));
            }
            let (login, address) = ("é".repeat(1_000), "a".repeat(10_000));
            let text = messages(language).sender_refused(&Refusal::Forged(Header::From, address), &login);
            assert!(text.len() <= TEXT_BYTES_MAX && text.contains("send-as"), "{text}");
        }
    }
}
