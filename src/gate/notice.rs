//! Notices: what an owner and an administrator are told when an account reaches a limit, and an owner of second factors
//! and passwords (`people`), and of who else may use the mailbox (`delegation`).
//!
//! A [`Notice`] is facts. It waits in the store as JSON until every [`Channel`] has taken it, and becomes
//! text only when it is sent. The same JSON goes to webhooks and commands, so that its names are stable.

mod delegation;
mod people;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::domain;
use super::event::{Event, Kind, TOLD};
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
    /// The limit that was reached; none for a notice about second factors and passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
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
    /// The kind of second factor, the browser, the reason of a reset, or the right that was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who did it, where that was not the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Of a delegation: whom it is about beside the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
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
    /// Somebody knew the main password and was stopped at the second factor.
    StoppedAtFactor,
    /// A second factor was bound.
    FactorAdded,
    /// Another phone, address or device came in a second factor's place.
    FactorChanged,
    /// A second factor was unbound.
    FactorRemoved,
    /// An administrator took all second factors away.
    FactorsReset,
    /// An administrator forgot wrong codes.
    FactorsUnlocked,
    /// New recovery codes were made.
    RecoveryCodesMade,
    /// Two-factor was turned off.
    TwoFactorOff,
    /// A browser is let in without a second factor for some days.
    DeviceTrusted,
    /// An administrator set the main password.
    MainPasswordSet,
    /// The owner, or somebody in the owner's session, made a client password.
    PasswordAdded,
    /// Somebody else may use the mailbox.
    DelegationGranted,
    /// Somebody else may no longer.
    DelegationRevoked,
    /// The account may use somebody else's mailbox.
    DelegationReceived,
    /// The account may no longer.
    DelegationLost,
}

impl NoticeKind {
    /// What the owner is told of an event, if anything.
    fn of(event: &Event) -> Option<Self> {
        let own = event.account.as_deref() == Some(&event.actor);
        Some(match event.kind {
            Kind::StoppedAtFactor if event.verdict.as_deref() == Some(TOLD) => Self::StoppedAtFactor,
            Kind::FactorAdded => Self::FactorAdded,
            Kind::FactorChanged => Self::FactorChanged,
            Kind::FactorRemoved => Self::FactorRemoved,
            Kind::FactorsReset => Self::FactorsReset,
            Kind::FactorsUnlocked => Self::FactorsUnlocked,
            Kind::RecoveryCodesMade => Self::RecoveryCodesMade,
            Kind::TwoFactorOff => Self::TwoFactorOff,
            Kind::DeviceTrusted => Self::DeviceTrusted,
            Kind::MainPasswordSet => Self::MainPasswordSet,
            // Those that administrators make are handed over by them.
            Kind::PasswordAdded if own => Self::PasswordAdded,
            // Of a delegation owner and delegate are told: `delegation`.
            _ => return None,
        })
    }
}

/// Events that owners may be told of.
pub const OWNERS_KINDS: [Kind; 13] = [
    Kind::StoppedAtFactor,
    Kind::FactorAdded,
    Kind::FactorChanged,
    Kind::FactorRemoved,
    Kind::FactorsReset,
    Kind::FactorsUnlocked,
    Kind::RecoveryCodesMade,
    Kind::TwoFactorOff,
    Kind::DeviceTrusted,
    Kind::MainPasswordSet,
    Kind::PasswordAdded,
    Kind::DelegationGranted,
    Kind::DelegationRevoked,
];

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
    /// What a delegate is told of an event, if anything.
    #[must_use]
    pub fn of_delegate(event: &Event) -> Option<Self> {
        delegation::of(event).map(|[_, to_delegate]| to_delegate)
    }

    /// What the owner of an account is told of an event, if anything.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        if let Some([to_owner, _]) = delegation::of(event) {
            return Some(to_owner);
        }
        let kind = NoticeKind::of(event)?;
        let account = event.account.clone()?;
        // It is not by the daemon that somebody was stopped.
        let actor = Some(event.actor.clone())
            .filter(|actor| *actor != account && kind != NoticeKind::StoppedAtFactor);
        Some(Self {
            id: 0,
            time: event.time,
            kind,
            account,
            limit: None,
            until: None,
            address: event.address.clone(),
            password: event.password_id.zip(event.password_name.clone()),
            revoked: false,
            detail: event.reason.clone(),
            actor,
            other: None,
        })
    }

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
        let people = people::Words::of(self, language);
        let account = one_line(&self.account);
        let other = self.other.as_deref().map(one_line).unwrap_or_default();
        let named = |text: &str| text.replace("{other}", &other).replace("{account}", &account);
        let (subject, opening) = match &people {
            Some(people) => (people.subject, people.opening(reader)),
            None => (words.subject, words.opening(reader)),
        };
        let mut paragraphs = vec![named(opening), self.facts(&words, people.as_ref(), zone)];
        if self.revoked {
            paragraphs.push(words.revoked.to_owned());
        }
        if reader == Reader::Owner {
            paragraphs.push(match (&people, portal) {
                (Some(people), _) => named(&people.act(language, portal)),
                (None, Some(portal)) => words.act_at_portal.replace("{portal}", portal),
                (None, None) => words.act.to_owned(),
            });
        }
        (named(subject), format!("{}\n", paragraphs.join("\n\n")))
    }

    /// What is known, a line each.
    fn facts(&self, words: &Words, people: Option<&people::Words>, zone: &TimeZone) -> String {
        let password = self.password.as_ref().map(|(id, name)| format!("{} (#{id})", one_line(name)));
        let detail =
            self.detail.as_deref().filter(|_| people.is_some_and(|people| !people.detail.is_empty()));
        let detail = detail.map(|detail| people::in_words(&one_line(detail), words.language).to_owned());
        let time = if people.is_some() { words.at } else { words.time };
        let lines = [
            (words.limit, self.limit.map(|limit| limit.on.in_words(limit.at_most, words.language))),
            (people.map_or("", |people| people.detail), detail),
            (time, Some(shown(self.time, zone))),
            (words.actor, self.actor.as_deref().map(one_line)),
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
    at: &'static str,
    actor: &'static str,
    until: &'static str,
    password: &'static str,
    address: &'static str,
    revoked: &'static str,
    act_at_portal: &'static str,
    act: &'static str,
}

impl Words {
    fn opening(&self, reader: Reader) -> &'static str {
        match reader {
            Reader::Owner => self.owner,
            Reader::Administrator => self.administrator,
        }
    }

    fn of(language: Language) -> Self {
        match language {
            Language::En => Self {
                language,
                subject: "Sending limit reached: {account}",
                owner: "Your account {account} has reached its sending limit. It cannot send more mail for now.",
                administrator: "The account {account} has reached its sending limit. It cannot send more mail for now.",
                limit: "Limit: ",
                time: "Reached: ",
                at: "Time: ",
                actor: "By: ",
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
                subject: "已达到发信限额：{account}",
                owner: "您的帐号 {account} 已达到发信限额，暂时不能继续发信。",
                administrator: "帐号 {account} 已达到发信限额，暂时不能继续发信。",
                limit: "限额：",
                time: "达到时间：",
                at: "时间：",
                actor: "操作者：",
                until: "恢复发信时间：",
                password: "客户端专用密码：",
                address: "客户端地址：",
                revoked: "该客户端专用密码已被移除，使用它的设备无法再登录。",
                act_at_portal: "如果这些邮件不是您发送的，您的密码可能已经泄露。请移除该客户端专用密码：{portal}",
                act: "如果这些邮件不是您发送的，您的密码可能已经泄露。请联系管理员。",
            },
        }
    }
}

/// What somebody wrote, as part of a line: domains in Unicode, without control characters, and without the marks that end a
/// line or turn its direction.
fn one_line(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    domain::shown(text).chars().filter(|c| !c.is_control() && !turns(*c)).take(FACT_CHARS_MAX).collect()
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
mod tests;
