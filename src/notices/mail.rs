//! Mail: one message, one connection.
//!
//! The envelope has no sender (RFC 3834, 3.3): nobody bounces a notice or answers it. `Message-ID` and
//! `Date` come from the notice, so that a second try is recognised as the same message.

use data_encoding::HEXLOWER;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::{Address, Message};
use sha2::{Digest, Sha256};

use super::NoticesError;
use super::smtp::{Smtp, SmtpSettings, date};
use crate::config;
use crate::gate::notice::{Channel, Notice};
use crate::log::chain;

/// What errors call the settings of the server.
const SETTINGS: SmtpSettings = SmtpSettings {
    server: "notices.smtp.server",
    password_file: "notices.smtp.password_file",
    ca_file: "notices.smtp.ca_file",
};

/// Who gets mail, and the server that takes it.
#[derive(Debug)]
pub(super) struct Mail {
    owner: bool,
    administrator: Option<String>,
    from: Address,
    smtp: Smtp,
}

impl Mail {
    pub(super) fn new(settings: &config::Mail) -> Result<Self, NoticesError> {
        let fail = |setting, problem| NoticesError::Setting { setting, problem };
        let from = settings.from.parse().map_err(|error| fail("notices.from", format!("{error}")))?;
        let smtp = Smtp::new(&settings.smtp, SETTINGS)?;
        Ok(Self { owner: settings.owner, administrator: settings.administrator.clone(), from, smtp })
    }

    /// Whether owners get mail.
    pub(super) fn to_owner(&self) -> bool {
        self.owner
    }

    /// Who else does.
    pub(super) fn administrator(&self) -> Option<&str> {
        self.administrator.as_deref()
    }

    /// Sends one message to one address.
    pub(super) async fn send(
        &self,
        notice: &Notice,
        channel: Channel,
        to: &str,
        text: (String, String),
    ) -> Result<(), String> {
        let message = self.message(notice, channel, to, text)?;
        self.smtp.send(&message).await.map_err(|error| error.to_string())
    }

    fn message(
        &self,
        notice: &Notice,
        channel: Channel,
        to: &str,
        (subject, body): (String, String),
    ) -> Result<Message, String> {
        let to: Address = to.parse().map_err(|error| format!("no mail can be sent to {to}: {error}"))?;
        let envelope = Envelope::new(None, vec![to.clone()]).map_err(|error| chain(&error))?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone().into())
            .to(to.into())
            .subject(subject)
            .date(date(notice.time))
            .message_id(Some(self.message_id(notice, channel)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .envelope(envelope)
            .body(body)
            .map_err(|error| chain(&error))
    }

    /// The same for every try of the same notice, and no other's.
    fn message_id(&self, notice: &Notice, channel: Channel) -> String {
        let limit = notice.limit.map_or("", |limit| limit.on.word());
        let facts = format!("{}\0{}\0{:?}\0{limit}", notice.time, notice.account, notice.kind);
        let digest = HEXLOWER.encode(&Sha256::digest(facts)[..8]);
        format!("<{}.{digest}.{}@{}>", notice.id, channel.word(), self.from.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::config::{Server, SmtpTls};
    use crate::gate::limits::{Limited, Per};
    use crate::gate::notice::Limit;
    use crate::gate::notice::NoticeKind;
    use crate::notices::smtp::LAST_DATE;

    fn mail() -> Mail {
        let server = Server { host: "localhost".into(), port: 25 };
        let smtp = config::Smtp { server, tls: SmtpTls::None, login: None, ca_file: None };
        Mail {
            owner: true,
            administrator: None,
            from: "sidegate@example.org".parse().unwrap(),
            smtp: Smtp::new(&smtp, SETTINGS).unwrap(),
        }
    }

    fn notice(time: i64) -> Notice {
        Notice {
            id: 7,
            time: Timestamp(time),
            kind: NoticeKind::SendingLimit,
            account: "ann@example.org".into(),
            limit: Some(Limit { on: Limited::RecipientsPerHour, at_most: 50, per: Per::Account }),
            until: None,
            address: None,
            password: None,
            revoked: false,
            detail: None,
            actor: None,
            other: None,
        }
    }

    fn written(notice: &Notice, to: &str, subject: &str, body: &str) -> String {
        let message = mail().message(notice, Channel::OwnerMail, to, (subject.into(), body.into())).unwrap();
        assert_eq!(message.envelope().from(), None);
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_message_has_the_headers_of_an_automatic_one() {
        let text = written(&notice(1_800_000_000), "ann@example.org", "Limit", "One.\nTwo.\n");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: sidegate@example.org",
            "To: ann@example.org",
            "Subject: Limit",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} in {head}");
        }
        assert!(head.contains("Message-ID: <7.") && head.contains(".owner-mail@example.org>"), "{head}");
        assert_eq!(body, "One.\r\nTwo.\r\n");
    }

    #[test]
    fn a_second_try_is_the_same_message_and_another_notice_is_not() {
        let text = |notice: &Notice| written(notice, "ann@example.org", "s", "b");
        assert_eq!(text(&notice(1)), text(&notice(1)));
        assert_ne!(
            mail().message_id(&notice(1), Channel::OwnerMail),
            mail().message_id(&notice(2), Channel::OwnerMail)
        );
        let other = mail().message_id(&notice(1), Channel::AdministratorMail);
        assert_ne!(mail().message_id(&notice(1), Channel::OwnerMail), other);
    }

    #[test]
    fn a_subject_adds_no_header_and_other_scripts_are_encoded() {
        let text = written(&notice(1), "ann@example.org", "限额\r\nBcc: all@example.org", "您的帐号\n");
        assert!(text.is_ascii() && !text.contains("\nBcc:"), "{text}");
    }

    #[test]
    fn only_an_address_gets_mail() {
        for to in ["ann", "a@b.c\r\nBcc: d@e.f", "a@b.c, d@e.f", "<a@b.c>", ""] {
            let message = mail().message(&notice(1), Channel::OwnerMail, to, ("s".into(), "b".into()));
            assert!(message.is_err(), "{to}");
        }
    }

    #[test]
    fn no_time_is_too_odd_for_a_date() {
        for time in [i64::MIN, -1, 0, LAST_DATE, LAST_DATE + 1, i64::MAX] {
            written(&notice(time), "ann@example.org", "s", "b");
        }
    }
}
