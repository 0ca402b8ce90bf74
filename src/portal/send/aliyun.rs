//! Aliyun: `SendSms` of 2017-05-25, signed with ACS3-HMAC-SHA256.
//!
//! The parameters stand in the query, the body is empty.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ask::{Asker, Base, Reach, SetupError, query};
use super::template::Template;
use super::text::Text;
use super::{Refusal, SendError, read};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::secret::Secret;

/// Where Aliyun takes messages, unless a setting says something else.
pub const BASE_URL: &str = "https://dysmsapi.aliyuncs.com";
/// The headers that are signed, as they are sorted.
const SIGNED: &str = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const ACTION: &str = "SendSms";
const VERSION: &str = "2017-05-25";
/// What is wrong when too much is sent: `isv.BUSINESS_LIMIT_CONTROL`, `isv.DAY_LIMIT_CONTROL`, `Throttling.User`.
/// By `isv.BLACK_KEY_CONTROL_LIMIT` a word of the text is refused, which is no limit.
const LIMITS: [&str; 3] = ["LIMIT_CONTROL", "BUSINESS_LIMIT", "Throttling"];
const GOOD: &str = "OK";

/// The settings of Aliyun.
#[derive(Clone, Debug)]
pub struct AliyunSettings {
    /// Where it is asked.
    pub base: Base,
    /// `AccessKeyId`.
    pub key_id: String,
    /// `AccessKeySecret`.
    pub secret: Secret,
    /// The approved signature, `SignName`.
    pub sign_name: String,
    /// The variables of the template and what they are, like `code` and `{code}`.
    pub parameters: Vec<(String, String)>,
    /// How it is reached.
    pub reach: Reach,
}

/// Aliyun.
pub struct Aliyun {
    asker: Asker,
    settings: AliyunSettings,
    parameters: Vec<(String, Template)>,
}

impl fmt::Debug for Aliyun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aliyun").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What it answers. Its `Message` repeats what it was sent, and is not read.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "Code")]
    code: String,
}

impl Aliyun {
    /// Takes the templates apart and reads the authorities.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &AliyunSettings) -> Result<Self, SetupError> {
        let parameter = |(name, value): &(String, String)| Ok((name.clone(), Template::parse(value)?));
        let parameters: Result<_, _> = settings.parameters.iter().map(parameter).collect();
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
    pub async fn send(&self, text: &Text, now: Timestamp, entropy: &Entropy) -> Result<(), SendError> {
        // Aliyun wants Chinese numbers as they are dialled there, and others without the sign.
        let phone = text.phone.in_china().unwrap_or(text.phone.digits());
        let filled = self.parameters.iter().map(|(name, value)| {
            // A number would be refused: every value is a string.
            (name.clone(), Value::String(value.fill(text).to_string()))
        });
        let filled = Value::Object(filled.collect()).to_string();
        // Sorted by name, as they are signed.
        let parameters = [
            ("OutId", text.request_id.as_str()),
            ("PhoneNumbers", phone),
            ("SignName", &self.settings.sign_name),
            ("TemplateCode", text.template.as_str()),
            ("TemplateParam", &filled),
        ];
        let url = self.settings.base.below("/", &parameters);
        let (host, date) = (self.settings.base.host(), now.to_string());
        let nonce = HEXLOWER.encode(&entropy.bytes::<16>());
        let request = Acs3 {
            method: "POST",
            path: url.path(),
            query: &query(&parameters),
            host: &host,
            action: ACTION,
            version: VERSION,
            date: &date,
            nonce: &nonce,
            body: b"",
        };
        let authorization = request.authorization(&self.settings.key_id, &self.settings.secret);
        let question = self
            .asker
            .client()
            .post(url.clone())
            .header("x-acs-action", ACTION)
            .header("x-acs-version", VERSION)
            .header("x-acs-date", &date)
            .header("x-acs-signature-nonce", &nonce)
            .header("x-acs-content-sha256", request.body_hash())
            .header("authorization", authorization);
        let answer = self.asker.ask(question).await?;
        let said: Said = read(&answer)?;
        match said.code.as_str() {
            GOOD if answer.status == 200 => Ok(()),
            GOOD => Err(SendError::status(&answer)),
            code if LIMITS.iter().any(|limit| code.contains(limit)) => {
                Err(SendError::Limited(Refusal::new(code, text)))
            }
            code => Err(SendError::Refused(Refusal::new(code, text))),
        }
    }
}

/// A request as ACS3-HMAC-SHA256 signs it.
#[derive(Clone, Copy, Debug)]
pub struct Acs3<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, encoded.
    pub path: &'a str,
    /// The query, encoded and sorted by name.
    pub query: &'a str,
    /// The header `host`.
    pub host: &'a str,
    /// What is to be done.
    pub action: &'a str,
    /// The version of the interface.
    pub version: &'a str,
    /// When, as RFC 3339 writes it in UTC.
    pub date: &'a str,
    /// Something that never comes again.
    pub nonce: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Acs3<'_> {
    /// The header `x-acs-content-sha256`.
    #[must_use]
    pub fn body_hash(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.body))
    }

    /// The header `authorization`.
    #[must_use]
    pub fn authorization(&self, key_id: &str, secret: &Secret) -> String {
        let Self { method, path, query, host, action, version, date, nonce, .. } = self;
        let hash = self.body_hash();
        let headers = format!(
            "host:{host}\nx-acs-action:{action}\nx-acs-content-sha256:{hash}\nx-acs-date:{date}\n\
             x-acs-signature-nonce:{nonce}\nx-acs-version:{version}\n"
        );
        let request = format!("{method}\n{path}\n{query}\n{headers}\n{SIGNED}\n{hash}");
        let to_sign = format!("{ALGORITHM}\n{}", HEXLOWER.encode(&Sha256::digest(request)));
        let mut keyed =
            Hmac::<Sha256>::new_from_slice(secret.reveal()).expect("HMAC takes a key of any length");
        keyed.update(to_sign.as_bytes());
        let signature = HEXLOWER.encode(&keyed.finalize().into_bytes());
        format!("{ALGORITHM} Credential={key_id},SignedHeaders={SIGNED},Signature={signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example with fixed parameters of "V3 request structure and signature" at
    /// help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature.
    #[test]
    fn a_signature_is_that_of_the_documentation() {
        let request = Acs3 {
            method: "POST",
            path: "/",
            query: "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
            host: "ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            date: &Timestamp(1_698_315_752).to_string(),
            nonce: "3156853299f313e23d1673dc12e1703d",
            body: b"",
        };
        let authorization = request.authorization("YourAccessKeyId", &Secret::new("YourAccessKeySecret"));
        let expected = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;\
            x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,\
            Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0";
        assert_eq!(authorization, expected);
    }
}
