//! Mail to an address elsewhere, a code or word of a change: subject and body in the language of the person, as text and
//! as HTML.
//!
//! It says when, from where and with what the code was asked for, so that a person who did not ask sees that
//! somebody knows the password. The envelope has no sender: nobody bounces it or answers it (RFC 3834, 3.3).

use std::time::Duration;

use jiff::tz::TimeZone;
use lettre::address::Envelope;
use lettre::message::MultiPart;
use lettre::message::header::{HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::{Address, Message};
use tokio::time::timeout;

use super::ask::SetupError;
use super::text::{Word, one_line};
use crate::clock::Timestamp;
use crate::config::{self, Language};
use crate::gate::code::Code;
use crate::gate::messages::shown;
use crate::notices::smtp::{Smtp, SmtpError, SmtpSettings, date};

/// The most characters of one fact: browsers say what they like.
pub const FACT_CHARS_MAX: usize = 100;

/// What errors call the settings of the server.
const SETTINGS: SmtpSettings =
    SmtpSettings { server: "smtp.server", password_file: "smtp.password_file", ca_file: "smtp.ca_file" };

/// Why a code mail was not sent, or perhaps not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// To such an address nothing can be sent.
    #[error("no mail can be sent to this address")]
    Address,
    /// The server does not take it: its code (RFC 5321, 4.2). Its words may repeat the message.
    #[error("the server refused the mail with {0}")]
    Refused(u16),
    /// There is no connection to the server, or none that we would use.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(String),
    /// It left in the middle, or said what is no SMTP. The mail may have been sent.
    #[error("the mail server did not say what became of the mail")]
    Unreadable,
    /// It took too long. The mail may have been sent.
    #[error("no end within {0:?}")]
    Timeout(Duration),
}

/// What a mail is about, and who asked for it.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// The account.
    pub account: String,
    /// When.
    pub time: Timestamp,
    /// The operating system that the browser names.
    pub system: Option<String>,
    /// The browser.
    pub browser: Option<String>,
    /// The address of the browser.
    pub address: Option<String>,
    /// The language of the person.
    pub language: Language,
    /// The number of the request; the message is named after it.
    pub request_id: Word,
}

/// A code for whoever asked for it.
#[derive(Clone, Debug)]
pub struct CodeMail {
    /// The code.
    pub code: Code,
    /// How long it is good, in minutes.
    pub minutes: u32,
    /// Who asked for it, and when.
    pub occasion: Occasion,
}

/// A mail before it has a header.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML, which loads nothing.
    pub html: String,
}

impl CodeMail {
    /// What the mail says. Times are shown in `zone`.
    #[must_use]
    pub fn letter(&self, zone: &TimeZone) -> Letter {
        let words = Words::of(self.occasion.language);
        let (account, code) = (fact(&self.occasion.account), self.code.reveal());
        let code = code.as_str();
        let opening = words.opening.replace("{account}", &account);
        let valid = words.valid.replace("{minutes}", &self.minutes.to_string());
        let lines = self.occasion.lines(&words, zone);
        let text =
            format!("{opening}\n\n    {code}\n\n{valid}\n\n{}\n\n{}\n", lines.join("\n"), words.not_you);
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n\
             <p>{}</p>\n<p style=\"font-size:1.6em;letter-spacing:.15em\"><b>{}</b></p>\n<p>{}</p>\n<p>{}</p>\n\
             <p>{}</p>\n</body></html>\n",
            super::text::locale(self.occasion.language),
            escape(words.subject),
            escape(&opening),
            escape(code),
            escape(&valid),
            lines.join("<br>\n"),
            escape(words.not_you),
        );
        // Without the code: a locked phone shows subjects.
        Letter { subject: words.subject.to_owned(), text, html }
    }
}

/// Word of a change of somebody's second factors, or of who may use the mailbox.
#[derive(Clone, Debug)]
pub struct ChangeMail {
    /// What was done.
    pub change: Change,
    /// To which factor, or whom and what, in the language of the person.
    pub factor: String,
    /// Who did it, and when.
    pub occasion: Occasion,
}

/// What was done to a second factor, or to the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It took the place of another.
    Changed,
    /// It is gone.
    Removed,
    /// Somebody else may use the mailbox.
    Granted,
}

impl ChangeMail {
    /// What the mail says. Times are shown in `zone`.
    #[must_use]
    pub fn letter(&self, zone: &TimeZone) -> Letter {
        let words = Words::of(self.occasion.language);
        let (subject, opening, done) = match self.change {
            Change::Added => (words.change_subject, words.changed, words.added),
            Change::Changed => (words.change_subject, words.changed, words.replaced),
            Change::Removed => (words.change_subject, words.changed, words.removed),
            Change::Granted => (words.granted_subject, words.granted, ""),
        };
        let opening = opening.replace("{account}", &fact(&self.occasion.account));
        let done = format!("{done}{}", fact(&self.factor));
        let lines = self.occasion.lines(&words, zone);
        let text = format!("{opening}\n\n    {done}\n\n{}\n\n{}\n", lines.join("\n"), words.not_your_change);
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n\
             <p>{}</p>\n<p><b>{}</b></p>\n<p>{}</p>\n<p>{}</p>\n</body></html>\n",
            super::text::locale(self.occasion.language),
            escape(subject),
            escape(&opening),
            escape(&done),
            lines.join("<br>\n"),
            escape(words.not_your_change),
        );
        Letter { subject: subject.to_owned(), text, html }
    }
}

impl Occasion {
    /// What is known of it, a line each.
    fn lines(&self, words: &Words, zone: &TimeZone) -> Vec<String> {
        let known = |told: &Option<String>| told.as_deref().map(fact).unwrap_or_default();
        let facts = [
            (words.time, shown(self.time, zone)),
            (words.system, known(&self.system)),
            (words.browser, known(&self.browser)),
            (words.address, known(&self.address)),
        ];
        let told = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
        told.map(|(label, fact)| format!("{label}{fact}")).collect()
    }
}

/// The server that takes mails, and who they are from.
#[derive(Debug)]
pub struct Courier {
    from: Address,
    smtp: Smtp,
    zone: TimeZone,
    timeout: Duration,
}

impl Courier {
    /// Reads the password and the authorities. `from` is the address in the header.
    ///
    /// # Errors
    /// A setting or a file cannot be used.
    pub fn new(
        from: &str,
        smtp: &config::Smtp,
        zone: TimeZone,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let from = from.parse().map_err(|error| SetupError::new("from", format!("{error}")))?;
        Ok(Self { from, smtp: Smtp::new(smtp, SETTINGS)?, zone, timeout })
    }

    /// Sends a code to an address.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn send(&self, to: &str, mail: &CodeMail) -> Result<(), MailError> {
        let letter = mail.letter(&self.zone);
        self.post(self.message(to, letter, &mail.occasion)?).await
    }

    /// Sends word of a change to an address.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn tell(&self, to: &str, mail: &ChangeMail) -> Result<(), MailError> {
        let letter = mail.letter(&self.zone);
        self.post(self.message(to, letter, &mail.occasion)?).await
    }

    async fn post(&self, message: Message) -> Result<(), MailError> {
        let sent = timeout(self.timeout, self.smtp.send(&message)).await;
        match sent.map_err(|_| MailError::Timeout(self.timeout))? {
            Ok(()) => Ok(()),
            Err(SmtpError::Connection(reason)) => Err(MailError::Unreachable(fact(&reason))),
            Err(SmtpError::Message(error)) => {
                Err(error.status().map_or(MailError::Unreadable, |code| MailError::Refused(code.into())))
            }
        }
    }

    fn message(&self, to: &str, letter: Letter, about: &Occasion) -> Result<Message, MailError> {
        let to: Address = to.parse().map_err(|_| MailError::Address)?;
        let envelope = Envelope::new(None, vec![to.clone()]).map_err(|_| MailError::Address)?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone().into())
            .to(to.into())
            .subject(letter.subject)
            .date(date(about.time))
            .message_id(Some(format!("<{}@{}>", about.request_id.as_str(), self.from.domain())))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0)
            .envelope(envelope)
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
            .map_err(|_| MailError::Address)
    }
}

/// The texts of one language.
struct Words {
    subject: &'static str,
    opening: &'static str,
    valid: &'static str,
    time: &'static str,
    system: &'static str,
    browser: &'static str,
    address: &'static str,
    not_you: &'static str,
    change_subject: &'static str,
    changed: &'static str,
    added: &'static str,
    replaced: &'static str,
    removed: &'static str,
    granted_subject: &'static str,
    granted: &'static str,
    not_your_change: &'static str,
}

impl Words {
    fn of(language: Language) -> Self {
        match language {
            Language::En => Self {
                subject: "Your verification code",
                opening: "This is the verification code for the account {account}:",
                valid: "The code is valid for {minutes} minutes. Tell it to nobody.",
                time: "Time: ",
                system: "System: ",
                browser: "Browser: ",
                address: "Address of the request: ",
                not_you: "If you did not ask for this code, somebody else knows your password. Change it, and tell your \
                          administrator.",
                change_subject: "Your second factors were changed",
                changed: "The second factors of the account {account} were changed:",
                added: "Added: ",
                replaced: "Changed: ",
                removed: "Removed: ",
                granted_subject: "Somebody else may use your mailbox",
                granted: "The owner of the account {account} granted a delegation:",
                not_your_change: "If this was not you, somebody else is in your account. Tell your administrator at once.",
            },
            Language::ZhCn => Self {
                subject: "您的验证码",
                opening: "帐号 {account} 的验证码：",
                valid: "验证码 {minutes} 分钟内有效，请勿告诉他人。",
                time: "时间：",
                system: "操作系统：",
                browser: "浏览器：",
                address: "请求地址：",
                not_you: "如果您没有请求此验证码，说明有人知道您的密码。请修改密码，并告知管理员。",
                change_subject: "您的二次验证方式已更改",
                changed: "帐号 {account} 的二次验证方式已更改：",
                added: "已添加：",
                replaced: "已更改：",
                removed: "已移除：",
                granted_subject: "您的邮箱已委托他人使用",
                granted: "帐号 {account} 已委托他人使用邮箱：",
                not_your_change: "如果不是您本人操作，说明有人进入了您的帐号。请立即告知管理员。",
            },
        }
    }
}

/// What somebody else wrote, as part of a line.
fn fact(text: &str) -> String {
    one_line(text, FACT_CHARS_MAX)
}

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, SmtpTls};

    fn occasion(language: Language) -> Occasion {
        Occasion {
            account: "ann@example.org".into(),
            time: Timestamp(1_800_000_000),
            system: Some("Windows 11".into()),
            browser: Some("Firefox 150".into()),
            address: Some("192.0.2.7".into()),
            language,
            request_id: Word::new("r7").unwrap(),
        }
    }

    fn mail_of(occasion: Occasion) -> CodeMail {
        CodeMail { code: Code::parse("735519").unwrap(), minutes: 5, occasion }
    }

    fn mail(language: Language) -> CodeMail {
        mail_of(occasion(language))
    }

    fn courier() -> Courier {
        let server = Server { host: "127.0.0.1".into(), port: 25 };
        let smtp = config::Smtp { server, tls: SmtpTls::None, login: None, ca_file: None };
        Courier::new("gate@example.org", &smtp, TimeZone::UTC, Duration::from_secs(1)).unwrap()
    }

    fn message(to: &str, mail: &CodeMail) -> Result<Message, MailError> {
        let courier = courier();
        courier.message(to, mail.letter(&courier.zone), &mail.occasion)
    }

    #[test]
    fn a_change_is_told_with_every_fact() {
        for (language, change, word) in [
            (Language::En, Change::Added, "Added: Passkey"),
            (Language::En, Change::Changed, "Changed: Passkey"),
            (Language::ZhCn, Change::Removed, "已移除：Passkey"),
            (Language::En, Change::Granted, "granted a delegation:\n\n    Passkey"),
            (Language::ZhCn, Change::Granted, "已委托他人使用邮箱：\n\n    Passkey"),
        ] {
            let occasion = Occasion { address: None, ..occasion(language) };
            let told = ChangeMail { change, factor: "Passkey: <Laptop>\r\n".into(), occasion };
            let Letter { text, html, .. } = told.letter(&TimeZone::UTC);
            let escaped = word.replace("Passkey", "Passkey: &lt;Laptop&gt;");
            assert!(
                text.contains(&format!("{word}: <Laptop>\n"))
                    && html.contains(escaped.rsplit("  ").next().unwrap()),
                "{text} {html}"
            );
            for fact in ["ann@example.org", "2027-01-15 08:00:00 UTC", "Windows", "Firefox"] {
                assert!(text.contains(fact) && html.contains(fact), "{fact}");
            }
            assert!(!text.contains("{") && !text.contains("Address"));
        }
    }

    #[test]
    fn both_languages_and_both_forms_tell_every_fact() {
        for language in [Language::En, Language::ZhCn] {
            let letter = mail(language).letter(&TimeZone::UTC);
            let facts = [
                "735519",
                "5",
                "ann@example.org",
                "2027-01-15 08:00:00 UTC",
                "Windows 11",
                "Firefox 150",
                "192.0.2.7",
            ];
            for body in [&letter.text, &letter.html] {
                assert!(facts.iter().all(|fact| body.contains(fact)) && !body.contains("{"), "{body}");
            }
            assert!(!letter.subject.contains("735519"), "{}", letter.subject);
        }
        let english = mail(Language::En).letter(&TimeZone::UTC).text;
        assert!(english.contains("valid for 5 minutes"), "{english}");
        assert!(mail(Language::ZhCn).letter(&TimeZone::UTC).text.contains("5 分钟内有效"));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let browser = Some("\u{202e}".into());
        let bare = Occasion { system: None, browser, address: None, ..occasion(Language::En) };
        let text = mail_of(bare).letter(&TimeZone::UTC).text;
        assert!(!text.contains("System") && !text.contains("Browser") && !text.contains("Address"), "{text}");
    }

    #[test]
    fn a_browser_adds_no_line_and_no_element() {
        let evil = "<img src=x>&\"'\r\n\r\nClick: http://evil\u{2028}\u{202e}".to_owned();
        let odd = Occasion { system: Some(evil.clone()), browser: Some(evil), ..occasion(Language::En) };
        let (letter, plain) =
            (mail_of(odd).letter(&TimeZone::UTC), mail(Language::En).letter(&TimeZone::UTC));
        assert_eq!(letter.text.lines().count(), plain.text.lines().count());
        assert_eq!(letter.html.lines().count(), plain.html.lines().count());
        assert_eq!(letter.html.matches('<').count(), plain.html.matches('<').count());
        assert!(
            letter.html.contains("&lt;img src=x&gt;&amp;&quot;&#39;Click: http://evil"),
            "{}",
            letter.html
        );
        let long = |chars| {
            let browser = Some("b".repeat(chars));
            mail_of(Occasion { browser, ..occasion(Language::En) }).letter(&TimeZone::UTC)
        };
        assert!(long(FACT_CHARS_MAX) == long(FACT_CHARS_MAX + 1), "a fact has an end");
        assert!(long(FACT_CHARS_MAX - 1) != long(FACT_CHARS_MAX));
    }

    #[test]
    fn a_message_has_the_headers_of_an_automatic_one_and_both_forms() {
        let message = message("ann@elsewhere.example", &mail(Language::ZhCn)).unwrap();
        assert_eq!(message.envelope().from(), None);
        let text = String::from_utf8(message.formatted()).unwrap();
        for part in [
            "From: gate@example.org\r\n",
            "To: ann@elsewhere.example\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
            "Message-ID: <r7@example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.is_ascii(), "other scripts are encoded");
    }

    #[test]
    fn only_an_address_gets_mail() {
        for to in ["ann", "a@b.c\r\nBcc: d@e.f", "a@b.c, d@e.f", "<a@b.c>", ""] {
            assert_eq!(message(to, &mail(Language::En)).unwrap_err(), MailError::Address, "{to}");
        }
    }
}
