//! Mail to an address elsewhere, a code or word of a change: subject and body in the language of the person, as text and
//! as HTML.
//!
//! It says what the code is for, and when, from where and with what it was asked for, so that a person who did not ask
//! sees that somebody knows the password; a stranger whose address was mistyped is accused of nothing. The envelope has no sender: nobody bounces it or answers it (RFC 3834, 3.3).

mod words;

use std::time::Duration;

use jiff::tz::TimeZone;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use tokio::time::timeout;

use super::ask::SetupError;
use super::text::{Word, one_line};
use crate::clock::Timestamp;
use crate::config::{self, Language};
use crate::gate::code::Code;
use crate::notices::smtp::{Smtp, SmtpError, SmtpSettings, date};
use crate::store::people::masked_address;
use words::Words;

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
    /// Where that is.
    pub place: Option<String>,
    /// The language of the person.
    pub language: Language,
    /// The number of the request; the message is named after it.
    pub request_id: Word,
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To bind the address that it is sent to.
    Bind,
    /// To add, change or remove a second factor.
    Factors,
    /// To change something else.
    Change,
}

/// A code for whoever asked for it.
#[derive(Clone, Debug)]
pub struct CodeMail {
    /// The code.
    pub code: Code,
    /// How long it is good, in minutes.
    pub minutes: u32,
    /// What it is for.
    pub purpose: Purpose,
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
    /// What the mail of that site says. Times are shown in `zone`.
    #[must_use]
    pub fn letter(&self, site: &str, zone: &TimeZone) -> Letter {
        let words = Words::of(self.occasion.language);
        let reason = words.reason(self.purpose);
        let code = self.code.reveal();
        let code = code.as_str();
        // Whoever reads it may be a stranger: the address was mistyped.
        let account = fact(&masked_address(&self.occasion.account));
        let filled = |text: &str| text.replace("{site}", &fact(site)).replace("{account}", &account);
        let (subject, opening) = (filled(reason.subject), filled(reason.opening));
        let valid = words.valid.replace("{minutes}", &self.minutes.to_string());
        let lines = self.occasion.lines(&words, zone);
        let text =
            format!("{opening}\n\n    {code}\n\n{valid}\n\n{}\n\n{}\n", lines.join("\n"), reason.not_you);
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n\
             <p>{}</p>\n<p style=\"font-size:1.6em;letter-spacing:.15em\"><b>{}</b></p>\n<p>{}</p>\n<p>{}</p>\n\
             <p>{}</p>\n</body></html>\n",
            super::text::locale(self.occasion.language),
            escape(&subject),
            escape(&opening),
            escape(code),
            escape(&valid),
            lines.join("<br>\n"),
            escape(reason.not_you),
        );
        Letter { subject, text, html }
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
    /// What the mail of that site says. Times are shown in `zone`.
    #[must_use]
    pub fn letter(&self, site: &str, zone: &TimeZone) -> Letter {
        let words = Words::of(self.occasion.language);
        let (subject, opening, done) = match self.change {
            Change::Added => (words.change_subject, words.changed, words.added),
            Change::Changed => (words.change_subject, words.changed, words.replaced),
            Change::Removed => (words.change_subject, words.changed, words.removed),
            Change::Granted => (words.granted_subject, words.granted, ""),
        };
        let subject = subject.replace("{site}", &fact(site));
        let opening = opening.replace("{account}", &fact(&self.occasion.account));
        let done = format!("{done}{}", fact(&self.factor));
        let lines = self.occasion.lines(&words, zone);
        let text = format!("{opening}\n\n    {done}\n\n{}\n\n{}\n", lines.join("\n"), words.not_your_change);
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n\
             <p>{}</p>\n<p><b>{}</b></p>\n<p>{}</p>\n<p>{}</p>\n</body></html>\n",
            super::text::locale(self.occasion.language),
            escape(&subject),
            escape(&opening),
            escape(&done),
            lines.join("<br>\n"),
            escape(words.not_your_change),
        );
        Letter { subject, text, html }
    }
}

impl Occasion {
    /// What is known of it, a line each.
    fn lines(&self, words: &Words, zone: &TimeZone) -> Vec<String> {
        let known = |told: &Option<String>| told.as_deref().map(fact).unwrap_or_default();
        let facts = [
            (words.time, shown(self.time, zone)),
            (words.place, known(&self.place)),
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
    from: Mailbox,
    site: String,
    smtp: Smtp,
    zone: TimeZone,
    timeout: Duration,
}

impl Courier {
    /// Reads the password and the authorities. `from` is the address in the header, `site` the name before it.
    ///
    /// # Errors
    /// A setting or a file cannot be used.
    pub fn new(
        from: &str,
        site: &str,
        smtp: &config::Smtp,
        zone: TimeZone,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let address = from.parse().map_err(|error| SetupError::new("from", format!("{error}")))?;
        let from = Mailbox::new(Some(fact(site)).filter(|site| !site.is_empty()), address);
        Ok(Self { from, site: site.to_owned(), smtp: Smtp::new(smtp, SETTINGS)?, zone, timeout })
    }

    /// Sends a code to an address.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn send(&self, to: &str, mail: &CodeMail) -> Result<(), MailError> {
        let letter = mail.letter(&self.site, &self.zone);
        self.post(self.message(to, letter, &mail.occasion)?).await
    }

    /// Sends word of a change to an address.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn tell(&self, to: &str, mail: &ChangeMail) -> Result<(), MailError> {
        let letter = mail.letter(&self.site, &self.zone);
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
            .from(self.from.clone())
            .to(to.into())
            .subject(letter.subject)
            .date(date(about.time))
            .message_id(Some(format!("<{}@{}>", about.request_id.as_str(), self.from.email.domain())))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0)
            .envelope(envelope)
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
            .map_err(|_| MailError::Address)
    }
}

/// A time with its distance from UTC: the names of zones mean several.
fn shown(time: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_second(time.0) {
        Ok(known) => known.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M (UTC%:z)").to_string(),
        Err(_) => time.to_string(),
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
mod tests;
