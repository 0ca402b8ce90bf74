//! WeChat, as an application for websites: `snsapi_login`, the person is a `unionid`.

use reqwest::Url;
use serde::Deserialize;

use super::{
    Base, Identity, Kind, ProviderError, Reach, SetupError, State, Token, ask_errcode, name, subject,
};
use crate::gate::secret::Secret;
use crate::portal::send::ask::Asker;

/// Where browsers go, unless a setting says something else.
pub const LOGIN_URL: &str = "https://open.weixin.qq.com";
/// Where WeChat is asked, unless a setting says something else.
pub const API_URL: &str = "https://api.weixin.qq.com";
/// The code is wrong or too old; it is empty; it was used before.
const BAD_CODE: [i64; 3] = [40029, 41008, 40163];

/// The settings of WeChat.
#[derive(Clone, Debug)]
pub struct WeChatSettings {
    /// Where browsers go.
    pub login: Base,
    /// Where WeChat is asked.
    pub api: Base,
    /// The application, `appid`.
    pub app_id: String,
    /// Its secret.
    pub secret: Secret,
    /// How WeChat is reached.
    pub reach: Reach,
}

/// WeChat.
#[derive(Debug)]
pub struct WeChat {
    asker: Asker,
    settings: WeChatSettings,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: Token,
    openid: String,
    unionid: Option<String>,
}

#[derive(Deserialize)]
struct Person {
    nickname: Option<String>,
    unionid: Option<String>,
}

impl WeChat {
    /// Reads the authorities.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &WeChatSettings) -> Result<Self, SetupError> {
        Ok(Self { asker: Asker::new(&settings.reach, settings.api.is_https())?, settings: settings.clone() })
    }

    pub(super) fn authorise_url(&self, state: &State, redirect: &Url) -> Url {
        let parameters = [
            ("appid", self.settings.app_id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("response_type", "code"),
            ("scope", "snsapi_login"),
            ("state", &state.text()),
        ];
        let mut url = self.settings.login.below("/connect/qrconnect", &parameters);
        url.set_fragment(Some("wechat_redirect"));
        url
    }

    pub(super) async fn identify(&self, code: &str) -> Result<Identity, ProviderError> {
        let secret = String::from_utf8_lossy(self.settings.secret.reveal());
        let parameters = [
            ("appid", self.settings.app_id.as_str()),
            ("secret", &secret),
            ("code", code),
            ("grant_type", "authorization_code"),
        ];
        let question = self.settings.api.below("/sns/oauth2/access_token", &parameters);
        let tokens: Tokens = ask_errcode(&self.asker, self.asker.client().get(question), refusal).await?;
        let person = self.person(&tokens).await;
        let known = match (&tokens.unionid, person.as_ref().map(|person| &person.unionid)) {
            (Some(one), Ok(Some(other))) if one != other => {
                return Err(ProviderError::Unreadable("it names two people"));
            }
            (Some(known), _) | (None, Ok(Some(known))) => subject(known)?,
            (None, Ok(None)) => return Err(ProviderError::NoUnionId),
            (None, Err(_)) => return Err(person.err().unwrap_or(ProviderError::NoUnionId)),
        };
        // Without a name it is the same person.
        let display_name = person.ok().and_then(|person| name(person.nickname));
        Ok(Identity {
            provider: Kind::WeChat,
            app: self.settings.app_id.clone(),
            subject: known,
            display_name,
        })
    }

    async fn person(&self, tokens: &Tokens) -> Result<Person, ProviderError> {
        let parameters = [("access_token", tokens.access_token.0.as_str()), ("openid", &tokens.openid)];
        let question = self.settings.api.below("/sns/userinfo", &parameters);
        ask_errcode(&self.asker, self.asker.client().get(question), refusal).await
    }
}

fn refusal(code: i64) -> ProviderError {
    if BAD_CODE.contains(&code) { ProviderError::Code } else { ProviderError::Refused(code.to_string()) }
}
