//! Tencent Cloud: `SendSms` of 2021-01-11, signed with TC3-HMAC-SHA256.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ask::{Asker, Base, Reach, SetupError};
use super::template::Template;
use super::text::Text;
use super::{Refusal, SendError, read};
use crate::clock::Timestamp;
use crate::gate::secret::Secret;

/// Where Tencent takes messages, unless a setting says something else.
pub const BASE_URL: &str = "https://sms.tencentcloudapi.com";
const ALGORITHM: &str = "TC3-HMAC-SHA256";
const SERVICE: &str = "sms";
const ACTION: &str = "SendSms";
/// The action as the signature has it: in small letters.
const ACTION_SIGNED: &str = "sendsms";
const VERSION: &str = "2021-01-11";
const JSON: &str = "application/json; charset=utf-8";
/// What is wrong when too much is sent: `LimitExceeded.PhoneNumberDailyLimit`, `RequestLimitExceeded`.
const LIMIT: &str = "LimitExceeded";
const GOOD: &str = "Ok";

/// The settings of Tencent Cloud.
#[derive(Clone, Debug)]
pub struct TencentSettings {
    /// Where it is asked.
    pub base: Base,
    /// `SecretId`.
    pub key_id: String,
    /// `SecretKey`.
    pub secret: Secret,
    /// Where the service is, like `ap-guangzhou`.
    pub region: String,
    /// The application, `SmsSdkAppId`.
    pub app_id: String,
    /// The approved signature, `SignName`.
    pub sign_name: String,
    /// What the template has at its places, in their order, like `{code}`.
    pub parameters: Vec<String>,
    /// How it is reached.
    pub reach: Reach,
}

/// Tencent Cloud.
pub struct Tencent {
    asker: Asker,
    settings: TencentSettings,
    parameters: Vec<Template>,
}

impl fmt::Debug for Tencent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tencent").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted<'a> {
    phone_number_set: [&'a str; 1],
    session_context: &'a str,
    sign_name: &'a str,
    sms_sdk_app_id: &'a str,
    template_id: &'a str,
    template_param_set: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    response: Inner,
}

/// Either an error of the whole, or what became of each number.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inner {
    error: Option<Status>,
    #[serde(default)]
    send_status_set: Vec<Status>,
}

/// Its `Message` may repeat what it was sent, and is not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    code: String,
}

impl Tencent {
    /// Takes the templates apart and reads the authorities.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &TencentSettings) -> Result<Self, SetupError> {
        let parameters: Result<_, _> = settings.parameters.iter().map(|text| Template::parse(text)).collect();
        Ok(Self {
            asker: Asker::new(&settings.reach, settings.base.is_https())?,
            parameters: parameters.map_err(SetupError::template("parameters"))?,
            settings: settings.clone(),
        })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn send(&self, text: &Text, now: Timestamp) -> Result<(), SendError> {
        let settings = &self.settings;
        let filled: Vec<Zeroizing<String>> = self.parameters.iter().map(|value| value.fill(text)).collect();
        let wanted = Wanted {
            phone_number_set: [text.phone.reveal()],
            session_context: text.request_id.as_str(),
            sign_name: &settings.sign_name,
            sms_sdk_app_id: &settings.app_id,
            template_id: text.template.as_str(),
            template_param_set: filled.iter().map(|value| value.as_str()).collect(),
        };
        let body =
            serde_json::to_vec(&wanted).map_err(|_| SendError::Unreadable("the question is no JSON"))?;
        let body = Zeroizing::new(body);
        let (url, host) = (settings.base.below("/", &[]), settings.base.host());
        let request = Tc3 {
            method: "POST",
            path: url.path(),
            query: "",
            headers: &[("content-type", JSON), ("host", &host), ("x-tc-action", ACTION_SIGNED)],
            body: &body,
            service: SERVICE,
            time: now,
        };
        let authorization = request.authorization(&settings.key_id, &settings.secret);
        let question = self
            .asker
            .client()
            .post(url.clone())
            .header(CONTENT_TYPE, JSON)
            .header("x-tc-action", ACTION)
            .header("x-tc-version", VERSION)
            .header("x-tc-region", &settings.region)
            .header("x-tc-timestamp", now.0)
            .header("authorization", authorization)
            .body(body.to_vec());
        let answer = self.asker.ask(question).await?;
        let said: Said = read(&answer)?;
        // One number was named, so that there is one status.
        let failed = said.response.error.is_some();
        let status = said.response.error.or_else(|| said.response.send_status_set.into_iter().next());
        match status.map(|status| status.code).as_deref() {
            Some(GOOD) if answer.status == 200 && !failed => Ok(()),
            Some(GOOD) if !failed => Err(SendError::status(&answer)),
            Some(code) if code.contains(LIMIT) => Err(SendError::Limited(Refusal::new(code, text))),
            Some(code) => Err(SendError::Refused(Refusal::new(code, text))),
            None => Err(SendError::Unreadable("it says nothing of the number")),
        }
    }
}

/// A request as TC3-HMAC-SHA256 signs it.
#[derive(Clone, Copy, Debug)]
pub struct Tc3<'a> {
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The query, encoded.
    pub query: &'a str,
    /// The headers that are signed, in small letters, sorted by name.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The service.
    pub service: &'a str,
    /// When.
    pub time: Timestamp,
}

impl Tc3<'_> {
    /// The header `authorization`.
    #[must_use]
    pub fn authorization(&self, key_id: &str, secret: &Secret) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let signed = self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let body = HEXLOWER.encode(&Sha256::digest(self.body));
        let request = format!("{}\n{}\n{}\n{headers}\n{signed}\n{body}", self.method, self.path, self.query);
        let time = self.time.to_string();
        // The day in UTC: what stands before the `T`.
        let day = time.split('T').next().unwrap_or_default();
        let scope = format!("{day}/{}/tc3_request", self.service);
        let to_sign =
            format!("{ALGORITHM}\n{}\n{scope}\n{}", self.time.0, HEXLOWER.encode(&Sha256::digest(request)));
        let key = Zeroizing::new([b"TC3", secret.reveal()].concat());
        let key = keyed(&key, day.as_bytes());
        let key = keyed(&*key, self.service.as_bytes());
        let key = keyed(&*key, b"tc3_request");
        let signature = HEXLOWER.encode(&*keyed(&*key, to_sign.as_bytes()));
        format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}")
    }
}

fn keyed(key: &[u8], text: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    keyed.update(text);
    Zeroizing::new(keyed.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of "Signature v3" at cloud.tencent.com/document/api/213/30654, with its masked key as it stands
    /// there: the published signature is that of the masked key.
    #[test]
    fn a_signature_is_that_of_the_documentation() {
        let request = Tc3 {
            method: "POST",
            path: "/",
            query: "",
            headers: &[("content-type", JSON), ("host", "cvm.tencentcloudapi.com")],
            body:
                br#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#,
            service: "cvm",
            time: Timestamp(1_551_113_065),
        };
        let secret = Secret::new("Gu5t9xGARNpq86cd98joQYCN3*******");
        let expected = "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/2019-02-25/cvm/tc3_request, \
            SignedHeaders=content-type;host, \
            Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c";
        assert_eq!(request.authorization("AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", &secret), expected);
    }
}
