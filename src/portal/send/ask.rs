//! One question to a web server: its time, how much of the answer is read, and what an error may say.
//!
//! Providers want secrets in the query of an address. No error names an address.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use reqwest::header::CONNECTION;
use reqwest::{Client, Proxy, RequestBuilder, Response, Url};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::template::{TemplateError, UNRESERVED, plain};
use crate::config::Server;
use crate::log::chain;
use crate::notices::NoticesError;
use crate::notices::web::{self, Trust, WebError};

/// The most that an answer may be long, in bytes. Real ones have a few hundred.
pub const ANSWER_BYTES_MAX: usize = 65_536;
/// How long a question may take, unless a setting says something else.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How a server elsewhere is reached: `timeout`, `ca_file`, `proxy`.
#[derive(Clone, PartialEq)]
pub struct Reach {
    /// How long a question may take, from the name of the server to the end of the answer.
    pub timeout: Duration,
    /// The authorities that may have signed its certificate; absent trusts those that this host trusts.
    pub ca_file: Option<PathBuf>,
    /// The proxy that is asked instead, `http://` or `https://`. The environment names none.
    pub proxy: Option<String>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { timeout: TIMEOUT, ca_file: None, proxy: None }
    }
}

/// Without the proxy, which may hold a password.
impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("timeout", &self.timeout)
            .field("ca_file", &self.ca_file)
            .field("proxy", &self.proxy.is_some())
            .finish()
    }
}

/// Why nothing can be sent or asked with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A setting is none.
    #[error("`{setting}`: {problem}")]
    Setting {
        /// Which, without the section it stands in.
        setting: &'static str,
        /// Why.
        problem: String,
    },
    /// A template is none.
    #[error("`{setting}`: {problem}")]
    Template {
        /// The setting.
        setting: &'static str,
        /// Why.
        problem: TemplateError,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] NoticesError),
}

impl SetupError {
    pub(in crate::portal) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self::Setting { setting, problem: problem.into() }
    }

    pub(super) fn template(setting: &'static str) -> impl Fn(TemplateError) -> Self {
        move |problem| Self::Template { setting, problem }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::portal) enum AskError {
    /// The server was not reached, or left in the middle.
    Unreachable(String),
    /// It took too long.
    Timeout(Duration),
    /// It said too much.
    TooLong,
}

/// What a server said. It may hold a token, and is wiped.
pub(in crate::portal) struct Answer {
    pub(in crate::portal) status: u16,
    pub(in crate::portal) body: Zeroizing<Vec<u8>>,
}

/// Who asks.
#[derive(Clone)]
pub(in crate::portal) struct Asker {
    client: Client,
    timeout: Duration,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Asker {
    /// A client for one server.
    pub(in crate::portal) fn new(reach: &Reach, https: bool) -> Result<Self, SetupError> {
        let proxy = match &reach.proxy {
            None => None,
            Some(text) => {
                let good = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                let wrong = || SetupError::new("proxy", "no address beginning with http:// or https://");
                Some(good.ok_or_else(wrong)?)
            }
        };
        let tls = https || proxy.as_ref().is_some_and(|url| url.scheme() == "https");
        let trust = if tls { Trust::Authorities(reach.ca_file.as_deref(), "ca_file") } else { Trust::Nobody };
        // The library's words may repeat the address, and the password in it.
        let unusable = |_| SetupError::new("proxy", "cannot be used");
        let proxy = proxy.map(Proxy::all).transpose().map_err(unusable)?;
        let client = web::client(trust, proxy).map_err(|error| match error {
            WebError::Authorities(error) => SetupError::File(error.into()),
            WebError::Library(problem) => SetupError::new("ca_file", problem),
        })?;
        Ok(Self { client, timeout: reach.timeout })
    }

    /// The client that a question is written with.
    pub(in crate::portal) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks once.
    pub(in crate::portal) async fn ask(&self, question: RequestBuilder) -> Result<Answer, AskError> {
        let asked = async {
            let response =
                question.header(CONNECTION, "close").send().await.map_err(|error| self.told(error))?;
            let status = response.status().as_u16();
            let body = self.read(response).await?;
            Ok(Answer { status, body })
        };
        timeout(self.timeout, asked).await.unwrap_or(Err(AskError::Timeout(self.timeout)))
    }

    async fn read(&self, mut response: Response) -> Result<Zeroizing<Vec<u8>>, AskError> {
        let promised = response.content_length().unwrap_or_default();
        if promised > ANSWER_BYTES_MAX as u64 {
            return Err(AskError::TooLong);
        }
        let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX));
        while let Some(piece) = response.chunk().await.map_err(|error| self.told(error))? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(AskError::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn told(&self, error: reqwest::Error) -> AskError {
        if error.is_timeout() {
            return AskError::Timeout(self.timeout);
        }
        AskError::Unreachable(chain(&error.without_url()))
    }
}

/// Where a provider's interface begins. Secrets go there: encrypted, or not off this host.
#[derive(Clone)]
pub struct Base(Url);

/// Only the server: an address may hold a key.
impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base({})", self.host())
    }
}

impl Base {
    /// Reads an address like `https://api.weixin.qq.com`.
    ///
    /// # Errors
    /// It is none, has more than a path, or is not `https://` and another host's.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let wrong = |problem: &str| SetupError::new("base_url", problem);
        let none = || wrong("no address like https://api.example.org, without user name, query and fragment");
        let url = Url::parse(text).ok().filter(|url| plain(url) && url.query().is_none()).ok_or_else(none)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if url.scheme() != "https" && !(Server { host, port: 0 }).is_loopback() {
            return Err(wrong("secrets are sent there: it has to begin with https://"));
        }
        Ok(Self(url))
    }

    pub(in crate::portal) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The `Host` of a request to it.
    pub(in crate::portal) fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The address of something below it. `path` begins with a slash and is ours.
    pub(in crate::portal) fn below(&self, path: &str, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        if !parameters.is_empty() {
            url.set_query(Some(&query(parameters)));
        }
        url
    }
}

/// Parameters in this order, encoded as RFC 3986 has it: a space is `%20`, which every server reads alike.
pub(in crate::portal) fn query(parameters: &[(&str, &str)]) -> Zeroizing<String> {
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    Zeroizing::new(pairs.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_order_and_cannot_become_others() {
        let parameters = [("b", "a&c=d"), ("a", "x y+z"), ("名", "~-._*'")];
        assert_eq!(*query(&parameters), "b=a%26c%3Dd&a=x%20y%2Bz&%E5%90%8D=~-._%2A%27");
    }

    #[test]
    fn secrets_leave_this_host_encrypted() {
        for good in
            ["https://a.example.org", "https://a.example.org:8443/x/", "http://127.0.0.1:1", "http://[::1]:1"]
        {
            assert!(Base::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://a.example.org", "ftp://a", "", "https://a?b=c", "https://a#b", "https://me:pw@a"]
        {
            assert!(Base::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_below_a_base_keeps_its_path() {
        let below = |base: &str| Base::parse(base).unwrap().below("/x/y", &[("k", "v")]).to_string();
        assert_eq!(below("https://a.org"), "https://a.org/x/y?k=v");
        assert_eq!(below("https://a.org:444/relay/"), "https://a.org:444/relay/x/y?k=v");
        assert_eq!(Base::parse("https://a.org:444/relay/").unwrap().host(), "a.org:444");
        assert_eq!(Base::parse("https://a.org:443").unwrap().host(), "a.org");
    }

    #[test]
    fn a_proxy_is_not_shown_and_has_to_be_one() {
        let reach = |proxy: &str| Reach { proxy: Some(proxy.into()), ..Reach::default() };
        assert!(!format!("{:?}", reach("http://me:hidden@proxy:3128")).contains("hidden"));
        assert!(Asker::new(&reach("http://me:hidden@127.0.0.1:3128"), false).is_ok());
        for wrong in ["proxy:3128", "socks5://proxy:1080", ""] {
            assert!(Asker::new(&reach(wrong), false).is_err(), "{wrong}");
        }
    }
}
