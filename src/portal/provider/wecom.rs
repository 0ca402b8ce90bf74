//! WeCom, as an internal application: the person is a `userid` of the organisation. Outsiders are refused.

use reqwest::Url;
use serde::Deserialize;

use super::app_token::{AppToken, Trouble};
use super::{Base, Identity, Kind, ProviderError, Reach, SetupError, State, Token, ask_errcode, subject};
use crate::config::Language;
use crate::gate::secret::Secret;
use crate::portal::send::ask::Asker;

/// Where browsers go, unless a setting says something else.
pub const LOGIN_URL: &str = "https://login.work.weixin.qq.com";
/// Where WeCom is asked, unless a setting says something else.
pub const API_URL: &str = "https://qyapi.weixin.qq.com";
/// The code is wrong, too old, or was used before.
const BAD_CODE: [i64; 2] = [40029, 40163];
/// The application's token is wrong, or too old: a new one may be good.
const BAD_TOKEN: [i64; 3] = [40001, 40014, 42001];
/// There is no such member.
const NO_MEMBER: [i64; 2] = [60111, 60121];

/// The settings of WeCom.
#[derive(Clone, Debug)]
pub struct WeComSettings {
    /// Where browsers go.
    pub login: Base,
    /// Where WeCom is asked.
    pub api: Base,
    /// The organisation, `corpid`.
    pub corp_id: String,
    /// The application, `agentid`.
    pub agent_id: String,
    /// The application's secret, `corpsecret`.
    pub secret: Secret,
    /// The language of WeCom's page.
    pub language: Language,
    /// How WeCom is reached.
    pub reach: Reach,
}

/// WeCom.
#[derive(Debug)]
pub struct WeCom {
    asker: Asker,
    settings: WeComSettings,
    token: AppToken,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Token,
    expires_in: u64,
}

/// A member has a `userid`; somebody else has an `openid`.
#[derive(Deserialize)]
struct Person {
    #[serde(alias = "UserId")]
    userid: Option<String>,
}

impl WeCom {
    /// Reads the authorities.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &WeComSettings) -> Result<Self, SetupError> {
        let asker = Asker::new(&settings.reach, settings.api.is_https())?;
        Ok(Self { asker, settings: settings.clone(), token: AppToken::default() })
    }

    pub(super) fn authorise_url(&self, state: &State, redirect: &Url) -> Url {
        let language = match self.settings.language {
            Language::En => "en",
            Language::ZhCn => "zh",
        };
        let parameters = [
            ("login_type", "CorpApp"),
            ("appid", self.settings.corp_id.as_str()),
            ("agentid", &self.settings.agent_id),
            ("redirect_uri", redirect.as_str()),
            ("state", &state.text()),
            ("lang", language),
        ];
        self.settings.login.below("/wwlogin/sso/login", &parameters)
    }

    pub(super) async fn identify(&self, code: &str) -> Result<Identity, ProviderError> {
        let token = self.token.get(self.grant()).await?;
        let person = match self.person(&token, code).await {
            // A code is used up by an answer only: with a new token it is asked once more.
            Err(Trouble::Token) => {
                self.token.drop_if(&token).await;
                let token = self.token.get(self.grant()).await?;
                self.person(&token, code).await?
            }
            told => told?,
        };
        let userid = person.userid.filter(|userid| !userid.is_empty()).ok_or(ProviderError::Outsider)?;
        Ok(Identity {
            provider: Kind::WeCom,
            app: self.settings.corp_id.clone(),
            subject: subject(&userid)?,
            display_name: None,
        })
    }

    async fn grant(&self) -> Result<(Token, u64), ProviderError> {
        let secret = String::from_utf8_lossy(self.settings.secret.reveal());
        let parameters = [("corpid", self.settings.corp_id.as_str()), ("corpsecret", &secret)];
        let question = self.settings.api.below("/cgi-bin/gettoken", &parameters);
        let refused = |code: i64| ProviderError::Refused(code.to_string());
        let granted: Granted = ask_errcode(&self.asker, self.asker.client().get(question), refused).await?;
        Ok((granted.access_token, granted.expires_in))
    }

    async fn person(&self, token: &Token, code: &str) -> Result<Person, Trouble> {
        let parameters = [("access_token", token.0.as_str()), ("code", code)];
        let question = self.settings.api.below("/cgi-bin/auth/getuserinfo", &parameters);
        let refusal = |code: i64| {
            Trouble::Other(match code {
                code if BAD_TOKEN.contains(&code) => return Trouble::Token,
                code if BAD_CODE.contains(&code) => ProviderError::Code,
                code if NO_MEMBER.contains(&code) => ProviderError::Outsider,
                code => ProviderError::Refused(code.to_string()),
            })
        };
        ask_errcode(&self.asker, self.asker.client().get(question), refusal).await
    }
}
