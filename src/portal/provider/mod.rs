//! Sign-in providers: who somebody is to WeChat, WeCom or DingTalk.
//!
//! ```text
//! page ──► authorise_url(state, redirect) ──► browser ──► provider
//! page ◄── code, state ◄───────────────────── browser ◄── provider
//! page ──► identify(code) ──► Identity
//! ```
//!
//! None of them is standard OAuth 2 or OpenID Connect, and none has PKCE: that the answer belongs to the question
//! is known by [`State`] alone. What is kept of an answer is who it is; tokens are wiped as soon as that was read.
//! Providers want secrets in the query of an address: no error names an address, and no words of theirs.

mod app_token;
pub mod dingtalk;
pub mod state;
pub mod wechat;
pub mod wecom;

use std::time::Duration;

use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::send::ask::{Answer, AskError, Asker};
use super::send::text::one_line;
pub use super::send::{Base, Reach, SetupError};
pub use state::State;

/// The longest code that is passed on, in bytes.
pub const CODE_BYTES_MAX: usize = 512;
/// The longest subject, in bytes. WeCom's `userid` has at most 64.
pub const SUBJECT_BYTES_MAX: usize = 128;
/// The most characters of a name.
pub const NAME_CHARS_MAX: usize = 64;

/// Which provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// WeChat, as an application for websites.
    WeChat,
    /// WeCom, as an internal application.
    WeCom,
    /// DingTalk.
    DingTalk,
}

impl Kind {
    /// The name in logs, addresses and the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WeChat => "wechat",
            Self::WeCom => "wecom",
            Self::DingTalk => "dingtalk",
        }
    }

    /// The parameter in which the code comes back. Who refuses comes back without it.
    #[must_use]
    pub fn code_parameter(self) -> &'static str {
        match self {
            Self::WeChat | Self::WeCom => "code",
            Self::DingTalk => "authCode",
        }
    }
}

/// Who somebody is. `provider`, `app` and `subject` together are one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// To whom.
    pub provider: Kind,
    /// The application that asked: WeChat's `appid`, WeCom's `corpid`, DingTalk's `client_id`.
    pub app: String,
    /// WeChat's `unionid`, WeCom's `userid`, DingTalk's `unionId`.
    pub subject: String,
    /// A name to show beside it, where the provider tells one. People choose it themselves.
    pub display_name: Option<String>,
}

/// Why nobody knows who it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The code is wrong, too old or was used before: the person begins again.
    #[error("the code is not, or no longer, good")]
    Code,
    /// Somebody who does not belong to the organisation.
    #[error("this person is no member of the organisation")]
    Outsider,
    /// WeChat tells no `unionid`: the application is not bound to an account of the open platform.
    #[error("WeChat tells no unionid; bind the application to an account of its open platform")]
    NoUnionId,
    /// The provider does not want to: its code.
    #[error("the provider refused with {0}")]
    Refused(String),
    /// Nobody was reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer of the provider within {0:?}")]
    Timeout(Duration),
    /// The answer is none.
    #[error("the provider's answer cannot be read: {0}")]
    Unreadable(&'static str),
}

impl From<AskError> for ProviderError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unreachable(reason) => Self::Unreachable(reason),
            AskError::Timeout(limit) => Self::Timeout(limit),
            AskError::TooLong => Self::Unreadable("it is too long"),
        }
    }
}

/// A provider.
#[derive(Debug)]
pub enum Provider {
    /// WeChat.
    WeChat(wechat::WeChat),
    /// WeCom.
    WeCom(wecom::WeCom),
    /// DingTalk.
    DingTalk(dingtalk::DingTalk),
}

impl Provider {
    /// Which.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::WeChat(_) => Kind::WeChat,
            Self::WeCom(_) => Kind::WeCom,
            Self::DingTalk(_) => Kind::DingTalk,
        }
    }

    /// Where a browser goes to say who its person is. It comes back to `redirect`.
    #[must_use]
    pub fn authorise_url(&self, state: &State, redirect: &Url) -> Url {
        match self {
            Self::WeChat(wechat) => wechat.authorise_url(state, redirect),
            Self::WeCom(wecom) => wecom.authorise_url(state, redirect),
            Self::DingTalk(dingtalk) => dingtalk.authorise_url(state, redirect),
        }
    }

    /// Who the person is that a code came back with. The state was looked at before.
    ///
    /// # Errors
    /// Nobody knows.
    pub async fn identify(&self, code: &str) -> Result<Identity, ProviderError> {
        if code.is_empty() || code.len() > CODE_BYTES_MAX || code.contains(char::is_control) {
            return Err(ProviderError::Code);
        }
        match self {
            Self::WeChat(wechat) => wechat.identify(code).await,
            Self::WeCom(wecom) => wecom.identify(code).await,
            Self::DingTalk(dingtalk) => dingtalk.identify(code).await,
        }
    }
}

/// A token of somebody, or of the application. It is not shown, and wiped.
#[derive(Clone, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Token(String);

/// What WeChat, WeCom and DingTalk's older half answer: an error is in the document, whatever the status says.
#[derive(Deserialize)]
struct Errcode {
    #[serde(default)]
    errcode: i64,
}

/// A question whose errors are in the document.
async fn ask_errcode<T: DeserializeOwned, E: From<ProviderError>>(
    asker: &Asker,
    question: RequestBuilder,
    refusal: impl Fn(i64) -> E,
) -> Result<T, E> {
    let answer = asker.ask(question).await.map_err(ProviderError::from)?;
    expect_success(&answer)?;
    match read::<Errcode>(&answer)?.errcode {
        0 => Ok(read(&answer)?),
        code => Err(refusal(code)),
    }
}

/// An answer of the right status.
fn expect_success(answer: &Answer) -> Result<(), ProviderError> {
    match answer.status {
        200 => Ok(()),
        300..=399 => Err(ProviderError::Unreadable("it is a redirect, and those are not followed")),
        status @ 500..=599 => Err(ProviderError::Unreachable(format!("it answered {status}"))),
        status => Err(ProviderError::Refused(format!("status {status}"))),
    }
}

/// An answer in its form.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    // The library's words may repeat a part of the answer.
    serde_json::from_slice(&answer.body)
        .map_err(|_| ProviderError::Unreadable("it is no document of the form that was agreed on"))
}

/// A subject as it can be kept and compared.
fn subject(said: &str) -> Result<String, ProviderError> {
    let good = !said.is_empty()
        && said.len() <= SUBJECT_BYTES_MAX
        && said.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| said.to_owned()).ok_or(ProviderError::Unreadable("it names nobody"))
}

/// A name as a page can show it: one line, without the marks that turn its direction.
fn name(said: Option<String>) -> Option<String> {
    let kept = one_line(&said?, NAME_CHARS_MAX);
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_kept_whole_or_not_at_all() {
        assert_eq!(subject("o6_bmasdasdsad6_2sgVt7hMZOPfL").as_deref(), Ok("o6_bmasdasdsad6_2sgVt7hMZOPfL"));
        assert!(subject(&"u".repeat(SUBJECT_BYTES_MAX)).is_ok());
        for wrong in ["", "a b", "a\n", "张", &"u".repeat(SUBJECT_BYTES_MAX + 1)] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_one_bounded_line() {
        assert_eq!(name(Some(" 张\r\n三\u{202e} ".into())).as_deref(), Some("张三"));
        assert_eq!((name(None), name(Some("\n".into()))), (None, None));
        assert_eq!(name(Some("n".repeat(NAME_CHARS_MAX))), name(Some("n".repeat(NAME_CHARS_MAX + 1))));
    }

    #[test]
    fn words_are_stable() {
        let words =
            [Kind::WeChat, Kind::WeCom, Kind::DingTalk].map(|kind| (kind.word(), kind.code_parameter()));
        assert_eq!(words, [("wechat", "code"), ("wecom", "code"), ("dingtalk", "authCode")]);
    }
}
