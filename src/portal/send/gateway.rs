//! A gateway for SMS that the settings describe: one request, and what of its answer means yes.

use std::fmt;
use std::ops::RangeInclusive;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::ask::{Answer, Asker, Reach, SetupError};
use super::template::{JsonTemplate, Template, UrlTemplate};
use super::text::Text;
use super::{Refusal, SendError, read};
use crate::gate::secret::Secret;

/// The status by which a server says that it is asked too often (RFC 6585, 4).
const TOO_MANY: u16 = 429;
/// What a status can be.
const STATUSES: RangeInclusive<u16> = 100..=599;

/// How a gateway is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Everything stands in the address and the headers.
    Get,
    /// With a body.
    #[default]
    Post,
    /// With a body.
    Put,
}

/// What a request carries. Each string is a [`Template`].
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// A document of JSON; see [`JsonTemplate`].
    Json(Value),
    /// Fields of a form, in this order.
    Form(Vec<(String, String)>),
}

/// A signature over the body: HMAC-SHA256 in lower-case hex.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The header that carries it.
    pub header: String,
    /// The key.
    pub secret: Secret,
}

/// The settings of a gateway.
#[derive(Clone)]
pub struct GatewaySettings {
    /// How it is asked.
    pub verb: Verb,
    /// Where: see [`UrlTemplate`].
    pub url: String,
    /// Headers, the value a [`Template`]. They may hold keys, and are not shown.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
    /// The statuses that mean success.
    pub accept: RangeInclusive<u16>,
    /// Where in a document of JSON (RFC 6901) which value has to stand besides.
    pub expect: Option<(String, Value)>,
    /// A signature, for gateways that ask for one.
    pub signing: Option<Signing>,
    /// How it is reached.
    pub reach: Reach,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            verb: Verb::Post,
            url: String::new(),
            headers: Vec::new(),
            body: Body::None,
            accept: 200..=299,
            expect: None,
            signing: None,
            reach: Reach::default(),
        }
    }
}

impl fmt::Debug for GatewaySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewaySettings")
            .field("verb", &self.verb)
            .field("accept", &self.accept)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// A gateway.
pub struct Gateway {
    asker: Asker,
    verb: Verb,
    url: UrlTemplate,
    headers: Vec<(HeaderName, Template)>,
    body: Form,
    accept: RangeInclusive<u16>,
    expect: Option<(String, Value)>,
    signing: Option<(HeaderName, Secret)>,
}

/// What is sent, taken apart.
enum Form {
    None,
    Json(JsonTemplate),
    Fields(Vec<(String, Template)>),
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("verb", &self.verb)
            .field("asker", &self.asker)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Takes the templates apart and reads the authorities.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &GatewaySettings) -> Result<Self, SetupError> {
        let url = UrlTemplate::parse(&settings.url).map_err(SetupError::template("url"))?;
        let body = Form::new(&settings.body)?;
        if settings.verb == Verb::Get && !matches!(body, Form::None) {
            return Err(SetupError::new("body", "a request with GET carries none"));
        }
        if settings.signing.is_some() && matches!(body, Form::None) {
            return Err(SetupError::new("signing", "there is no body that could be signed"));
        }
        let (first, last) = (settings.accept.start(), settings.accept.end());
        if first > last || !STATUSES.contains(first) || !STATUSES.contains(last) {
            return Err(SetupError::new("accept", "no statuses of HTTP"));
        }
        if settings.expect.as_ref().is_some_and(|(at, _)| !at.is_empty() && !at.starts_with('/')) {
            return Err(SetupError::new("expect", "a place in a document begins with a slash"));
        }
        let header = |(name, value): &(String, String)| {
            let value = Template::parse(value).map_err(SetupError::template("headers"))?;
            Ok((header_name(name, "headers")?, value))
        };
        let signing = match &settings.signing {
            Some(signing) => Some((header_name(&signing.header, "signing")?, signing.secret.clone())),
            None => None,
        };
        Ok(Self {
            asker: Asker::new(&settings.reach, url.is_https())?,
            verb: settings.verb,
            url,
            headers: settings.headers.iter().map(header).collect::<Result<_, SetupError>>()?,
            body,
            accept: settings.accept.clone(),
            expect: settings.expect.clone(),
            signing,
        })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn send(&self, text: &Text) -> Result<(), SendError> {
        let unwritable = || SendError::Unreadable("its address or a header cannot be written");
        let url = self.url.fill(text).ok_or_else(unwritable)?;
        let method = match self.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
        };
        let mut question = self.asker.client().request(method, url);
        if let Some((kind, body)) = self.body.fill(text) {
            question = question.header(CONTENT_TYPE, kind);
            if let Some((name, secret)) = &self.signing {
                question = question.header(name, sign(secret, body.as_bytes()));
            }
            question = question.body(body.as_bytes().to_vec());
        }
        for (name, value) in &self.headers {
            let value = HeaderValue::from_bytes(value.fill(text).as_bytes());
            let mut value = value.map_err(|_| unwritable())?;
            value.set_sensitive(true);
            question = question.header(name, value);
        }
        self.judge(&self.asker.ask(question).await?, text)
    }

    /// What an answer means.
    fn judge(&self, answer: &Answer, text: &Text) -> Result<(), SendError> {
        if !self.accept.contains(&answer.status) {
            return Err(match answer.status {
                TOO_MANY => SendError::Limited(Refusal::new("429", text)),
                status @ 400..=499 => SendError::Refused(Refusal::new(&status.to_string(), text)),
                _ => SendError::status(answer),
            });
        }
        let Some((at, expected)) = &self.expect else { return Ok(()) };
        let document: Value = read(answer)?;
        match document.pointer(at) {
            Some(found) if found == expected => Ok(()),
            Some(Value::String(found)) => Err(SendError::Refused(Refusal::new(found, text))),
            Some(found) => Err(SendError::Refused(Refusal::new(&found.to_string(), text))),
            None => Err(SendError::Unreadable("what would mean success is not in it")),
        }
    }
}

impl Form {
    fn new(body: &Body) -> Result<Self, SetupError> {
        let wrong = SetupError::template("body");
        Ok(match body {
            Body::None => Self::None,
            Body::Json(document) => Self::Json(JsonTemplate::new(document).map_err(wrong)?),
            Body::Form(fields) => {
                let field = |(name, value): &(String, String)| Ok((name.clone(), Template::parse(value)?));
                Self::Fields(fields.iter().map(field).collect::<Result<_, _>>().map_err(wrong)?)
            }
        })
    }

    /// The type and the body.
    fn fill(&self, text: &Text) -> Option<(&'static str, Zeroizing<String>)> {
        match self {
            Self::None => None,
            Self::Json(document) => {
                Some(("application/json", Zeroizing::new(document.fill(text).to_string())))
            }
            Self::Fields(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    form.append_pair(name, &value.fill(text));
                }
                Some(("application/x-www-form-urlencoded", Zeroizing::new(form.finish())))
            }
        }
    }
}

/// A header that is the gateway's business and not HTTP's.
fn header_name(name: &str, setting: &'static str) -> Result<HeaderName, SetupError> {
    let ours = [HOST, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];
    let name: Option<HeaderName> = name.parse().ok().filter(|name| !ours.contains(name));
    name.ok_or_else(|| SetupError::new(setting, "no name of a header, or one that is set by itself"))
}

fn sign(secret: &Secret, body: &[u8]) -> String {
    let mut keyed = Hmac::<Sha256>::new_from_slice(secret.reveal()).expect("HMAC takes a key of any length");
    keyed.update(body);
    HEXLOWER.encode(&keyed.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> GatewaySettings {
        GatewaySettings {
            url: "http://127.0.0.1:9/send".into(),
            body: Body::Json(json!({ "to": "{phone}" })),
            ..GatewaySettings::default()
        }
    }

    fn refused(change: impl FnOnce(&mut GatewaySettings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        Gateway::new(&settings).unwrap_err().to_string()
    }

    /// Computed with: printf '{"to":"+8613812341234"}' | openssl dgst -sha256 -hmac 0123456789abcdef
    #[test]
    fn a_signature_is_what_openssl_computes() {
        let signature = sign(&Secret::new("0123456789abcdef"), b"{\"to\":\"+8613812341234\"}");
        assert_eq!(signature, "2836d02b94f45e2dfc2c59c47d3a34e9507ed9f0b00767ce63a901d8df945eba");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        assert!(Gateway::new(&settings()).is_ok());
        assert!(refused(|settings| settings.verb = Verb::Get).starts_with("`body`"));
        assert!(refused(|settings| settings.url = "http://{code}/".into()).starts_with("`url`"));
        assert!(
            refused(|settings| settings.body = Body::Form(vec![("a".into(), "{b}".into())]))
                .starts_with("`body`")
        );
        assert!(refused(|settings| settings.accept = 99..=200).starts_with("`accept`"));
        assert!(refused(|settings| settings.accept = 200..=600).starts_with("`accept`"));
        assert!(
            refused(|settings| settings.expect = Some(("code".into(), json!(0)))).starts_with("`expect`")
        );
        for name in ["Host", "content-length", "a b", ""] {
            assert!(
                refused(|settings| settings.headers = vec![(name.into(), "x".into())])
                    .starts_with("`headers`")
            );
        }
        let signing = Signing { header: "X-Signature".into(), secret: Secret::new("k") };
        assert!(
            refused(|settings| (settings.body, settings.signing) = (Body::None, Some(signing)))
                .starts_with("`signing`")
        );
    }

    #[test]
    fn settings_and_gateway_show_no_key() {
        let mut settings = settings();
        settings.url = "http://127.0.0.1:9/send?key=hidden".into();
        settings.headers = vec![("Authorization".into(), "Bearer hidden".into())];
        settings.signing = Some(Signing { header: "X-S".into(), secret: Secret::new("hidden") });
        assert!(!format!("{settings:?} {:?}", Gateway::new(&settings).unwrap()).contains("hidden"));
    }
}
