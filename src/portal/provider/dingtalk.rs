//! DingTalk: the person is a `unionId`; if the settings say so, only a member of the organisation.

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::app_token::{AppToken, Trouble};
use super::{
    Base, Identity, Kind, ProviderError, Reach, SetupError, State, Token, ask_errcode, expect_success, name,
    read, subject,
};
use crate::gate::secret::Secret;
use crate::portal::send::ask::{Answer, Asker};

/// Where browsers go, unless a setting says something else.
pub const LOGIN_URL: &str = "https://login.dingtalk.com";
/// Where DingTalk is asked, unless a setting says something else.
pub const API_URL: &str = "https://api.dingtalk.com";
/// Where DingTalk is asked for members, unless a setting says something else.
pub const MEMBERS_URL: &str = "https://oapi.dingtalk.com";
/// There is no such member.
const NO_MEMBER: i64 = 60121;
/// The application's token is wrong, or too old.
const BAD_TOKEN: [i64; 2] = [40014, 42001];
/// The longest code of a refusal that is kept.
const REFUSAL_CHARS_MAX: usize = 64;

/// The settings of DingTalk.
#[derive(Clone, Debug)]
pub struct DingTalkSettings {
    /// Where browsers go.
    pub login: Base,
    /// Where DingTalk is asked.
    pub api: Base,
    /// Where it is asked whether somebody is a member of the organisation; absent takes everybody.
    pub members: Option<Base>,
    /// The application, `client_id`.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
    /// How DingTalk is reached.
    pub reach: Reach,
}

/// DingTalk.
#[derive(Debug)]
pub struct DingTalk {
    asker: Asker,
    settings: DingTalkSettings,
    token: AppToken,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WantedPerson<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    code: &'a str,
    grant_type: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WantedApp<'a> {
    app_key: &'a str,
    app_secret: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    access_token: Token,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    access_token: Token,
    expire_in: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    union_id: String,
    nick: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    code: String,
}

/// Nothing is asked of the answer but that it is no error.
#[derive(Deserialize)]
struct Member {}

impl DingTalk {
    /// Reads the authorities.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &DingTalkSettings) -> Result<Self, SetupError> {
        let https = settings.api.is_https() || settings.members.as_ref().is_some_and(Base::is_https);
        let asker = Asker::new(&settings.reach, https)?;
        Ok(Self { asker, settings: settings.clone(), token: AppToken::default() })
    }

    pub(super) fn authorise_url(&self, state: &State, redirect: &Url) -> Url {
        let parameters = [
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("response_type", "code"),
            ("scope", "openid"),
            ("prompt", "consent"),
            ("state", &state.text()),
        ];
        self.settings.login.below("/oauth2/auth", &parameters)
    }

    pub(super) async fn identify(&self, code: &str) -> Result<Identity, ProviderError> {
        let secret = String::from_utf8_lossy(self.settings.secret.reveal());
        let wanted = WantedPerson {
            client_id: &self.settings.client_id,
            client_secret: &secret,
            code,
            grant_type: "authorization_code",
        };
        let answer = self.post("/v1.0/oauth2/userAccessToken", &wanted).await?;
        // What is wrong with the question is wrong with the code: all else stood there yesterday.
        let tokens: Tokens = accepted(&answer, |code| {
            if code.contains("authCode") { ProviderError::Code } else { ProviderError::Refused(code) }
        })?;
        let question = self.settings.api.below("/v1.0/contact/users/me", &[]);
        let question = self.asker.client().get(question);
        let question = question.header("x-acs-dingtalk-access-token", &tokens.access_token.0);
        let answer = self.asker.ask(question).await?;
        drop(tokens);
        let person: Person = accepted(&answer, ProviderError::Refused)?;
        let known = subject(&person.union_id)?;
        if let Some(members) = &self.settings.members {
            self.expect_member(members, &known).await?;
        }
        Ok(Identity {
            provider: Kind::DingTalk,
            app: self.settings.client_id.clone(),
            subject: known,
            display_name: name(person.nick),
        })
    }

    async fn expect_member(&self, members: &Base, union_id: &str) -> Result<(), ProviderError> {
        let token = self.token.get(self.grant()).await?;
        match self.member(members, &token, union_id).await {
            Err(Trouble::Token) => {
                self.token.drop_if(&token).await;
                let token = self.token.get(self.grant()).await?;
                Ok(self.member(members, &token, union_id).await?)
            }
            told => Ok(told?),
        }
    }

    async fn member(&self, members: &Base, token: &Token, union_id: &str) -> Result<(), Trouble> {
        let question = members.below("/topapi/user/getbyunionid", &[("access_token", &token.0)]);
        let body = serde_json::json!({ "unionid": union_id }).to_string();
        let question =
            self.asker.client().post(question).header("content-type", "application/json").body(body);
        let refusal = |code: i64| match code {
            code if BAD_TOKEN.contains(&code) => Trouble::Token,
            NO_MEMBER => Trouble::Other(ProviderError::Outsider),
            code => Trouble::Other(ProviderError::Refused(code.to_string())),
        };
        ask_errcode(&self.asker, question, refusal).await.map(|Member {}| ())
    }

    async fn grant(&self) -> Result<(Token, u64), ProviderError> {
        let secret = String::from_utf8_lossy(self.settings.secret.reveal());
        let wanted = WantedApp { app_key: &self.settings.client_id, app_secret: &secret };
        let answer = self.post("/v1.0/oauth2/accessToken", &wanted).await?;
        let granted: Granted = accepted(&answer, ProviderError::Refused)?;
        Ok((granted.access_token, granted.expire_in))
    }

    async fn post(&self, path: &str, wanted: &impl Serialize) -> Result<Answer, ProviderError> {
        let body =
            serde_json::to_vec(wanted).map_err(|_| ProviderError::Unreadable("the question is no JSON"))?;
        let question = self.asker.client().post(self.settings.api.below(path, &[]));
        Ok(self.asker.ask(question.header("content-type", "application/json").body(body)).await?)
    }
}

/// An answer of the newer half of DingTalk: a refusal has a status of its own, and a code.
fn accepted<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    refusal: impl Fn(String) -> ProviderError,
) -> Result<T, ProviderError> {
    if (400..=499).contains(&answer.status)
        && let Ok(refused) = read::<Refused>(answer)
    {
        let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        return Err(refusal(refused.code.chars().filter(good).take(REFUSAL_CHARS_MAX).collect()));
    }
    expect_success(answer)?;
    read(answer)
}
