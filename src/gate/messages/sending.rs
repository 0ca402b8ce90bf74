//! What somebody who sends is told.

use super::{Messages, cut};
use crate::clock::Timestamp;
use crate::config::Language;
use crate::gate::sending::Met;

impl Messages {
    /// The session began with a login that would no longer be let in.
    #[must_use]
    pub fn session_over(&self) -> &'static str {
        self.pick("This login is no longer good. Log in again", "登录已失效，请重新登录")
    }

    /// Our own trouble.
    #[must_use]
    pub fn sending_later(&self) -> &'static str {
        self.pick("This cannot be decided at the moment. Try again later", "暂时无法处理，请稍后重发")
    }

    /// The null sender, where it is not allowed.
    #[must_use]
    pub fn no_null_sender(&self) -> &'static str {
        self.pick("Mail without a sender address is not accepted here", "此处不接受没有发件人地址的邮件")
    }

    /// Too many messages at once.
    #[must_use]
    pub fn too_fast(&self) -> &'static str {
        self.pick("Too many messages in a short time. Try again in a minute", "发信过于频繁，请一分钟后重试")
    }

    /// A sender address that is not the login's to use.
    #[must_use]
    pub fn not_your_sender(&self, sender: &str, login: &str) -> String {
        let (sender, login) = (cut(sender), cut(login));
        match self.language {
            Language::En => format!(
                "{sender}: {login} may not send under this address; its owner can grant the right \
                 send-as or on-behalf"
            ),
            Language::ZhCn => format!(
                "{sender}: {login} 无权使用此发件地址，须由其所有者授予 send-as（代理发送）或 on-behalf（代表发送）权限"
            ),
        }
    }

    /// A limit that opens again.
    #[must_use]
    pub fn limit_reached(&self, met: &Met, opens: Timestamp) -> String {
        let (limit, opens) = (met.limited.in_words(met.limit, self.language), self.time(opens));
        match self.language {
            Language::En => format!("The limit of {limit} is reached. Try again after {opens}"),
            Language::ZhCn => format!("已达到{limit}的发信上限，请在 {opens} 之后重试"),
        }
    }

    /// A message that no waiting helps.
    #[must_use]
    pub fn past_limit(&self, met: &Met) -> String {
        if met.limit == 0 {
            return self.pick("Sending is not allowed here", "此帐号不允许发信").to_owned();
        }
        let limit = met.limited.in_words(met.limit, self.language);
        match self.language {
            Language::En => format!("This message alone is more than the limit of {limit}"),
            Language::ZhCn => format!("此邮件本身已超过{limit}的发信上限"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::limits::{Limited, Per};
    use jiff::tz::TimeZone;

    /// What Postfix puts into one line beside the code.
    const TEXT_BYTES_MAX: usize = 400;

    #[test]
    fn every_text_fits_into_a_line_and_says_what_is_missing() {
        for language in [Language::En, Language::ZhCn] {
            let messages = Messages::new(language, None, None, None, TimeZone::UTC);
            let long = "字".repeat(200);
            let text = messages.not_your_sender(&long, &long);
            assert!(text.len() <= TEXT_BYTES_MAX, "{}", text.len());
            let text = messages.not_your_sender("team@example.org", "ann@example.org");
            for word in ["team@example.org", "ann@example.org", "send-as", "on-behalf"] {
                assert!(text.contains(word), "{text}");
            }
            for limited in Limited::ALL {
                let met = Met { per: Per::Account, limited, limit: 4711, opens: None };
                let text = messages.limit_reached(&met, Timestamp(1_800_000_000));
                assert!(text.contains("4711") && text.contains("2027-01-15 08:00:00 UTC"), "{text}");
                assert!(messages.past_limit(&met).contains("4711"));
                assert!(!messages.past_limit(&Met { limit: 0, ..met }).contains('0'));
            }
        }
    }
}
