//! A code on its way to a person: by SMS, or by mail to an address elsewhere.
//!
//! ```text
//! Text ──► Sender ──► gateway.rs   a request that the settings describe
//!                 ──► command.rs   a program on this host
//!                 ──► aliyun.rs    SendSms, ACS3-HMAC-SHA256
//!                 ──► tencent.rs   SendSms, TC3-HMAC-SHA256
//! CodeMail ──► mail.rs
//! text.rs: phone and code · template.rs: values in documents and addresses · ask.rs: one question, its bounds
//! ```
//!
//! An error says who failed and how, never whom a message was for, what it carried or what we log in with. After
//! [`SendError::Timeout`] and [`SendError::Unreadable`] the message may have been sent all the same: it counts.

pub mod aliyun;
pub(in crate::portal) mod ask;
pub mod command;
pub mod gateway;
pub mod mail;
pub(in crate::portal) mod template;
pub mod tencent;
pub mod text;

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::entropy::Entropy;
pub use ask::{ANSWER_BYTES_MAX, Base, Reach, SetupError, TIMEOUT};
use ask::{Answer, AskError};
pub use mail::Courier;
pub use template::{JsonTemplate, Template, TemplateError, UrlTemplate, json_with_secret, with_secret};
use text::Text;

/// The most characters of a provider's code for its refusal.
pub const REFUSAL_CHARS_MAX: usize = 64;
/// As many digits in a row as these from the end of a number would tell whose it is.
const TELLING_DIGITS: usize = 7;

/// Why a message was not sent, or perhaps not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The provider does not want to.
    #[error("the provider refused the message: {0}")]
    Refused(Refusal),
    /// The provider's own limit is reached: for this phone, or for all.
    #[error("the provider's own limit is reached: {0}")]
    Limited(Refusal),
    /// Nobody was reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long. The message may have been sent.
    #[error("no answer of the provider within {0:?}")]
    Timeout(Duration),
    /// The answer is none. The message may have been sent.
    #[error("the provider's answer cannot be read: {0}")]
    Unreadable(&'static str),
}

impl From<AskError> for SendError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unreachable(reason) => Self::Unreachable(reason),
            AskError::Timeout(limit) => Self::Timeout(limit),
            AskError::TooLong => Self::Unreadable("it is too long"),
        }
    }
}

impl SendError {
    /// An answer that is neither a success nor a refusal in the provider's own form.
    fn status(answer: &Answer) -> Self {
        match answer.status {
            300..=399 => Self::Unreadable("it is a redirect, and those are not followed"),
            status @ 500..=599 => Self::Unreachable(format!("it answered {status}")),
            _ => Self::Unreadable("it is no document of the form that was agreed on"),
        }
    }
}

/// A provider's code for its refusal, like `isv.BUSINESS_LIMIT_CONTROL`: what a log may keep of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    /// Keeps what looks like a code. A provider that repeats what it was sent is not repeated.
    fn new(said: &str, text: &Text) -> Self {
        let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        let kept: String = said.chars().filter(good).take(REFUSAL_CHARS_MAX).collect();
        let phone = text.phone.digits();
        let code = text.code.reveal();
        let tells = [code.as_str(), &phone[phone.len() - TELLING_DIGITS..]];
        // What was cut off or dropped may have divided what must not be told.
        let digits: String = said.chars().filter(char::is_ascii_digit).collect();
        if tells.iter().any(|told| said.contains(told) || kept.contains(told) || digits.contains(told)) {
            return Self("(its words repeat the message)".to_owned());
        }
        Self(if kept.is_empty() { "(no code)".to_owned() } else { kept })
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider's answer in its form.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, SendError> {
    serde_json::from_slice(&answer.body).map_err(|_| SendError::status(answer))
}

/// Who sends messages to phones.
#[derive(Debug)]
pub enum Sender {
    /// A request that the settings describe.
    Gateway(Box<gateway::Gateway>),
    /// A program on this host.
    Command(command::Command),
    /// Aliyun.
    Aliyun(aliyun::Aliyun),
    /// Tencent Cloud.
    Tencent(tencent::Tencent),
}

impl Sender {
    /// Sends one message. Nothing is tried twice: a person who gets no code asks again.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn send(&self, text: &Text, now: Timestamp, entropy: &Entropy) -> Result<(), SendError> {
        match self {
            Self::Gateway(gateway) => gateway.send(text).await,
            Self::Command(command) => command.send(text).await,
            Self::Aliyun(aliyun) => aliyun.send(text, now, entropy).await,
            Self::Tencent(tencent) => tencent.send(text, now).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Language;
    use crate::gate::code::Code;
    use text::{Phone, Word};

    fn text() -> Text {
        Text {
            phone: Phone::parse("13812341234", "86").unwrap(),
            code: Code::parse("735519").unwrap(),
            minutes: 5,
            locale: Language::En,
            template: Word::new("t").unwrap(),
            request_id: Word::new("r").unwrap(),
        }
    }

    #[test]
    fn a_refusal_keeps_the_code_and_nothing_of_the_message() {
        let said = |said: &str| Refusal::new(said, &text()).to_string();
        assert_eq!(said("isv.BUSINESS_LIMIT_CONTROL"), "isv.BUSINESS_LIMIT_CONTROL");
        assert_eq!(said("bad\r\nthing <b>"), "badthingb");
        assert_eq!(said(""), "(no code)");
        for told in ["code 735519 is bad", "+8613812341234", "138-1234-1234", "73 55 19", "13812341234"] {
            assert!(!said(told).contains(|c: char| c.is_ascii_digit()), "{told}");
        }
        assert_eq!(said(&"x".repeat(REFUSAL_CHARS_MAX)).len(), REFUSAL_CHARS_MAX);
        assert_eq!(said(&"x".repeat(REFUSAL_CHARS_MAX + 1)).len(), REFUSAL_CHARS_MAX);
    }
}
