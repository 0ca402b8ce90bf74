//! Notices: what an owner and an administrator are told when an account reaches a limit.
//!
//! A [`Notice`] is facts. It waits in the store as JSON until every [`Channel`] has taken it, and becomes
//! text only when it is sent. The same JSON goes to webhooks and commands, so that its names are stable.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::limits::{Limited, Per};
use super::messages::shown;
use super::name::ACCOUNT_NAME_BYTES_MAX;
use crate::clock::Timestamp;
use crate::config::Language;

/// The most characters of one fact in a text: no fact is longer than the name of an account.
const FACT_CHARS_MAX: usize = ACCOUNT_NAME_BYTES_MAX;

/// Something that an owner and an administrator have to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its number. A notice that is sent twice has the same number twice.
    pub id: i64,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub kind: NoticeKind,
    /// Whose account.
    pub account: String,
    /// The limit that was reached.
    pub limit: Limit,
    /// When the account may send again, where that is known.
    pub until: Option<Timestamp>,
    /// Where the client was.
    pub address: Option<String>,
    /// Number and name of the client password that was used. In JSON: `{"id": 3, "name": "phone"}`.
    #[serde(with = "password", default)]
    pub password: Option<(i64, String)>,
    /// Whether that client password was revoked.
    #[serde(default)]
    pub revoked: bool,
}

/// A sending limit, as a notice tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What it is on.
    pub on: Limited,
    /// How many it allows.
    pub at_most: u32,
    /// What it counts for.
    pub per: Per,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The account reached a sending limit.
    SendingLimit,
}

/// A way by which a notice leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Mail to the account itself.
    OwnerMail,
    /// Mail to the administrator.
    AdministratorMail,
    /// A request to somebody else's program.
    Webhook,
    /// A program on this host.
    Command,
}

impl Channel {
    /// The name in logs and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::OwnerMail => "owner-mail",
            Self::AdministratorMail => "administrator-mail",
            Self::Webhook => "webhook",
            Self::Command => "command",
        }
    }
}

/// Who reads a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The person whose account it is.
    Owner,
    /// Whoever runs the mail server.
    Administrator,
}

impl Notice {
    /// Subject and body of the plain text for a reader. Each fact stays in its line, whatever somebody
    /// wrote into a name; the subject is one line.
    #[must_use]
    pub fn text(
        &self,
        reader: Reader,
        language: Language,
        zone: &TimeZone,
        portal: Option<&str>,
    ) -> (String, String) {
        let words = Words::of(language);
        let account = one_line(&self.account);
        let opening = match reader {
            Reader::Owner => words.owner,
            Reader::Administrator => words.administrator,
        };
        let mut paragraphs = vec![opening.replace("{account}", &account), self.facts(&words, zone)];
        if self.revoked {
            paragraphs.push(words.revoked.to_owned());
        }
        if reader == Reader::Owner {
            paragraphs.push(match portal {
                Some(portal) => words.act_at_portal.replace("{portal}", portal),
                None => words.act.to_owned(),
            });
        }
        let subject = words.subject.replace("{account}", &account);
        (subject, format!("{}\n", paragraphs.join("\n\n")))
    }

    /// What is known, a line each.
    fn facts(&self, words: &Words, zone: &TimeZone) -> String {
        let password = self.password.as_ref().map(|(id, name)| format!("{} (#{id})", one_line(name)));
        let lines = [
            (words.limit, Some(self.limit.on.in_words(self.limit.at_most, words.language))),
            (words.time, Some(shown(self.time, zone))),
            (words.until, self.until.map(|until| shown(until, zone))),
            (words.password, password),
            (words.address, self.address.as_deref().map(one_line)),
        ];
        let known = lines.into_iter().filter_map(|(label, fact)| Some(format!("{label}{}", fact?)));
        known.collect::<Vec<_>>().join("\n")
    }
}

/// The texts of one language.
struct Words {
    language: Language,
    subject: &'static str,
    owner: &'static str,
    administrator: &'static str,
    limit: &'static str,
    time: &'static str,
    until: &'static str,
    password: &'static str,
    address: &'static str,
    revoked: &'static str,
    act_at_portal: &'static str,
    act: &'static str,
}

impl Words {
    fn of(language: Language) -> Self {
        match language {
            Language::En => Self {
                language,
                subject: "Sending limit reached: {account}",
                owner: "Your account {account} has reached its sending limit. It cannot send more mail for now.",
                administrator: "The account {account} has reached its sending limit. It cannot send more mail for now.",
                limit: "Limit: ",
                time: "Reached: ",
                until: "Can send again: ",
                password: "Client password: ",
                address: "Address of the client: ",
                revoked: "This client password was revoked. The device that used it can no longer log in.",
                act_at_portal: "If you did not send this mail, somebody else may know one of your passwords. Remove the \
                                client password at {portal}",
                act: "If you did not send this mail, somebody else may know one of your passwords. Tell your \
                      administrator.",
            },
            Language::ZhCn => Self {
                language,
                subject: "已达到发信限额:{account}",
                owner: "您的帐号 {account} 已达到发信限额,暂时不能继续发信。",
                administrator: "帐号 {account} 已达到发信限额,暂时不能继续发信。",
                limit: "限额:",
                time: "达到时间:",
                until: "恢复发信时间:",
                password: "客户端专用密码:",
                address: "客户端地址:",
                revoked: "该客户端专用密码已被撤销,使用它的设备无法再登录。",
                act_at_portal: "如果这些邮件不是您发送的,您的密码可能已经泄露。请删除该客户端专用密码:{portal}",
                act: "如果这些邮件不是您发送的,您的密码可能已经泄露。请联系管理员。",
            },
        }
    }
}

/// What somebody wrote, as part of a line: without control characters, and without the marks that end a
/// line or turn its direction.
fn one_line(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(FACT_CHARS_MAX).collect()
}

/// The JSON of [`Notice::password`]: a number and a name that say which is which.
mod password {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Named<T> {
        id: i64,
        name: T,
    }

    pub(super) fn serialize<S: Serializer>(
        password: &Option<(i64, String)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        password.as_ref().map(|(id, name)| Named { id: *id, name }).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(i64, String)>, D::Error> {
        let named = Option::<Named<String>>::deserialize(deserializer)?;
        Ok(named.map(|Named { id, name }| (id, name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const PORTAL: Option<&str> = Some("https://mail.example.org/portal");

    fn notice() -> Notice {
        Notice {
            id: 7,
            time: Timestamp(1_800_000_000),
            kind: NoticeKind::SendingLimit,
            account: "ann@example.org".into(),
            limit: Limit { on: Limited::RecipientsPerHour, at_most: 50, per: Per::Account },
            until: Some(Timestamp(1_800_003_600)),
            address: Some("192.0.2.7".into()),
            password: Some((3, "phone".into())),
            revoked: true,
        }
    }

    fn text(notice: &Notice, reader: Reader, language: Language, portal: Option<&str>) -> (String, String) {
        notice.text(reader, language, &TimeZone::UTC, portal)
    }

    #[test]
    fn the_owner_is_told_the_facts_and_what_to_do() {
        let (subject, body) = text(&notice(), Reader::Owner, Language::En, PORTAL);
        assert_eq!(subject, "Sending limit reached: ann@example.org");
        let expected = "\
Your account ann@example.org has reached its sending limit. It cannot send more mail for now.

Limit: 50 recipients per hour
Reached: 2027-01-15 08:00:00 UTC
Can send again: 2027-01-15 09:00:00 UTC
Client password: phone (#3)
Address of the client: 192.0.2.7

This client password was revoked. The device that used it can no longer log in.

If you did not send this mail, somebody else may know one of your passwords. Remove the client password at https://mail.example.org/portal
";
        assert_eq!(body, expected);
        let (_, body) = text(&notice(), Reader::Owner, Language::En, None);
        assert!(body.ends_with("Tell your administrator.\n"), "{body}");
    }

    #[test]
    fn the_administrator_is_told_the_facts() {
        let (_, body) = text(&notice(), Reader::Administrator, Language::En, PORTAL);
        assert!(body.starts_with("The account ann@example.org has reached"), "{body}");
        assert!(body.contains("was revoked") && !body.contains("If you did not"), "{body}");
    }

    #[test]
    fn both_languages_tell_every_fact() {
        for language in [Language::En, Language::ZhCn] {
            for reader in [Reader::Owner, Reader::Administrator] {
                let (subject, body) = text(&notice(), reader, language, PORTAL);
                assert!(subject.contains("ann@example.org"), "{subject}");
                let facts = ["50", "08:00:00 UTC", "09:00:00 UTC", "phone (#3)", "192.0.2.7"];
                assert!(facts.iter().all(|fact| body.contains(fact)), "{body}");
                assert!(!body.contains(['{', '}']), "{body}");
                assert_eq!(body.contains("https://mail.example.org/portal"), reader == Reader::Owner);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let bare = Notice { until: None, address: None, password: None, revoked: false, ..notice() };
        let (_, body) = text(&bare, Reader::Administrator, Language::En, None);
        assert_eq!(body.lines().count(), 4, "{body}");
    }

    #[test]
    fn names_add_no_lines_and_turn_no_text_around() {
        let evil = "a\r\nBcc: all@example.org\u{2028}\u{202e}x\u{7}\u{85}";
        let odd = Notice {
            account: evil.into(),
            address: Some(evil.into()),
            password: Some((3, evil.into())),
            ..notice()
        };
        let lines = |notice: &Notice| text(notice, Reader::Owner, Language::En, PORTAL).1.lines().count();
        assert_eq!(lines(&odd), lines(&notice()));
        let (subject, body) = text(&odd, Reader::Owner, Language::En, PORTAL);
        assert_eq!(subject, "Sending limit reached: aBcc: all@example.orgx");
        assert!(!body.contains(['\r', '\u{2028}', '\u{202e}', '\u{7}', '\u{85}']), "{body:?}");
    }

    #[test]
    fn the_json_has_stable_names() {
        let expected = json!({
            "id": 7, "time": 1_800_000_000, "kind": "sending-limit", "account": "ann@example.org",
            "limit": { "on": "recipients-per-hour", "at_most": 50, "per": "account" }, "until": 1_800_003_600, "address": "192.0.2.7",
            "password": { "id": 3, "name": "phone" }, "revoked": true,
        });
        assert_eq!(serde_json::to_value(notice()).unwrap(), expected);
        let limit = &expected["limit"];
        let bare = json!({ "id": 1, "time": 2, "kind": "sending-limit", "account": "a@b", "limit": limit });
        let read: Notice = serde_json::from_value(bare).unwrap();
        assert_eq!((read.password, read.until, read.revoked), (None, None, false));
    }

    #[test]
    fn every_channel_is_called_the_same_in_json_and_in_logs() {
        use Channel::{AdministratorMail, Command, OwnerMail, Webhook};
        for channel in [OwnerMail, AdministratorMail, Webhook, Command] {
            assert_eq!(serde_json::to_value(channel).unwrap(), channel.word());
        }
    }

    proptest! {
        #[test]
        fn json_comes_back_as_it_was(account in ".*", name in ".*", id in any::<i64>(), known in any::<bool>()) {
            let notice = Notice { account, password: known.then_some((id, name)), ..notice() };
            let json = serde_json::to_string(&notice).unwrap();
            prop_assert_eq!(serde_json::from_str::<Notice>(&json).unwrap(), notice);
        }

        #[test]
        fn subjects_are_one_bounded_line(account in "[\\PC\r\n\u{85}]{0,400}") {
            let (subject, _) = text(&Notice { account, ..notice() }, Reader::Owner, Language::ZhCn, None);
            prop_assert!(!subject.contains(char::is_control));
            prop_assert!(subject.chars().count() <= FACT_CHARS_MAX + 20);
        }
    }
}
