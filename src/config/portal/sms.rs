//! `[sms]`: who carries codes to phones. Exactly one of `gateway`, `command`, `aliyun` and `tencent`.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::super::complaint::Fault;
use super::super::notices::{Command, is_loopback};
use super::super::section::Section;
use super::super::tree::{Node, Value};
use super::super::value::{Parsed, command, line, list, time, word};
use super::super::{Choice, text};
use super::settings::WAITS;
pub use crate::portal::send::Reach;
pub use crate::portal::send::gateway::Verb;
use crate::portal::send::text::Word;
use crate::portal::send::{
    Base, JsonTemplate, TIMEOUT, Template, UrlTemplate, aliyun as a, json_with_secret, tencent as t,
    with_secret,
};

/// The longest text in these sections that goes to somebody else: names, numbers of applications, signatures.
const PLAIN_CHARS_MAX: usize = 200;
/// What a status can be.
const STATUSES: RangeInclusive<u16> = 100..=599;
/// Stands for the secret while a template is only looked at.
const SECRET: &str = "secret";
const ACCEPT_DEFAULT: RangeInclusive<u16> = 200..=299;

/// `[sms]`
#[derive(Clone, Debug, PartialEq)]
pub struct Sms {
    /// Who carries the message.
    pub by: SmsBy,
    /// The provider's name for the words around the code.
    pub template: String,
    /// The same for people who read English.
    pub template_en: String,
    /// How the provider is reached.
    pub reach: Reach,
}

/// Who carries a message.
#[derive(Clone, Debug, PartialEq)]
pub enum SmsBy {
    /// `[sms.gateway]`: a request that the settings describe.
    Gateway(Gateway),
    /// `command`: a program on this host.
    Command(Command),
    /// `[sms.aliyun]`
    Aliyun(Aliyun),
    /// `[sms.tencent]`
    Tencent(Tencent),
}

/// `[sms.gateway]`. Texts are templates with `{phone}`, `{code}`, `{minutes}`, `{locale}`, `{template}`,
/// `{request_id}`, and `{secret}` where there is one.
#[derive(Clone, PartialEq)]
pub struct Gateway {
    /// How it is asked.
    pub verb: Verb,
    /// Where.
    pub url: String,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: GatewayBody,
    /// The file with what stands for `{secret}`.
    pub secret_file: Option<PathBuf>,
    /// The statuses that mean success.
    pub accept: RangeInclusive<u16>,
    /// What has to stand in the answer besides.
    pub expect: Option<Expected>,
    /// A signature over the body.
    pub sign: Option<Sign>,
}

/// Without what may hold a key.
impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("verb", &self.verb)
            .field("accept", &self.accept)
            .finish_non_exhaustive()
    }
}

impl Choice for Verb {
    const WORDS: &'static [(&'static str, Self)] =
        &[("get", Self::Get), ("post", Self::Post), ("put", Self::Put)];
}

/// What is sent to a gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum GatewayBody {
    /// Nothing.
    #[default]
    None,
    /// A document of JSON, each string in which is a template.
    Json(Json),
    /// Fields of a form.
    Form(Vec<(String, String)>),
}

/// What has to stand in the answer of a gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Where (RFC 6901).
    pub at: String,
    /// What.
    pub value: Json,
}

/// A signature over the body: HMAC-SHA256 in lower-case hex.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// The header that carries it.
    pub header: String,
    /// The file with the key.
    pub key_file: PathBuf,
}

/// `[sms.aliyun]`
#[derive(Clone, Debug, PartialEq)]
pub struct Aliyun {
    /// Where it is asked.
    pub url: String,
    /// `AccessKeyId`.
    pub key_id: String,
    /// The file with `AccessKeySecret`.
    pub secret_file: PathBuf,
    /// `SignName`.
    pub sign_name: String,
    /// The variables of the template and what they are.
    pub parameters: Vec<(String, String)>,
}

/// `[sms.tencent]`
#[derive(Clone, Debug, PartialEq)]
pub struct Tencent {
    /// Where it is asked.
    pub url: String,
    /// `SecretId`.
    pub key_id: String,
    /// The file with `SecretKey`.
    pub secret_file: PathBuf,
    /// Where the service is.
    pub region: String,
    /// `SmsSdkAppId`.
    pub app_id: String,
    /// `SignName`.
    pub sign_name: String,
    /// What the template has at its places.
    pub parameters: Vec<String>,
}

const WAYS: [&str; 4] = ["gateway", "command", "aliyun", "tencent"];

pub(super) fn sms(mut section: Section<'_, '_>) -> Option<Sms> {
    let command = section.get("command", command).map(SmsBy::Command);
    let gateway = section.optional("gateway").and_then(gateway).map(SmsBy::Gateway);
    let aliyun = section.optional("aliyun").and_then(aliyun).map(SmsBy::Aliyun);
    let tencent = section.optional("tencent").and_then(tencent).map(SmsBy::Tencent);
    let reach = reach(&mut section);
    let there: Vec<&str> = WAYS.into_iter().filter(|way| section.has(way)).collect();
    let cloud = section.has("aliyun") || section.has("tencent");
    let template = if cloud {
        section.need("template", line(word_of_provider), "\"SMS_154950909\"")
    } else {
        Some(section.get_or("template", line(word_of_provider), "code".into()))
    };
    let template_en = section.get("template_en", line(word_of_provider));
    match there[..] {
        [] => {
            let cure = "add one of command, [sms.gateway], [sms.aliyun] and [sms.tencent], or take [sms] out";
            section.lacking("gateway", Fault::new("nobody is there to send messages", cure));
        }
        [_] => {}
        [first, .., last] => {
            section.complain(last, Fault::new(format!("stands beside {first}"), "keep one of them"));
        }
    }
    for key in ["ca_file", "proxy"] {
        if there == ["command"] && section.has(key) {
            section.complain(key, Fault::new("is of no use for a program on this host", "take it out"));
        }
    }
    let by = command.or(gateway).or(aliyun).or(tencent);
    let template = template?;
    Some(Sms { by: by?, template_en: template_en.unwrap_or_else(|| template.clone()), template, reach })
}

/// What every server elsewhere has.
pub(super) fn reach(section: &mut Section<'_, '_>) -> Reach {
    Reach {
        timeout: section.get_or("timeout", time(WAITS), TIMEOUT),
        ca_file: section.get("ca_file", line(text::path)),
        proxy: section.get("proxy", line(proxy)),
    }
}

fn gateway(mut section: Section<'_, '_>) -> Option<Gateway> {
    let verb = section.get_or("method", word, Verb::default());
    let url = section.need("url", line(url), "\"https://sms.example.org/send?to={phone}&text={code}\"");
    let headers = section.get_or("headers", list(line(header)), Vec::new());
    let json = section.get("json", line(json)).map(GatewayBody::Json);
    let form = section.get("form", list(line(|text| pair(text, '=')))).map(GatewayBody::Form);
    let secret_file = section.get("secret_file", line(text::secret_file));
    let accept = section.get_or("accept", line(accept), ACCEPT_DEFAULT);
    let expect_at = section.get("expect_at", line(pointer));
    let expect = section.get("expect", scalar);
    let sign_header = section.get("sign_header", line(header_name));
    let sign_key_file = section.get("sign_key_file", line(text::secret_file));
    for (key, other) in [
        ("expect_at", "expect"),
        ("expect", "expect_at"),
        ("sign_header", "sign_key_file"),
        ("sign_key_file", "sign_header"),
    ] {
        if section.has(key) && !section.has(other) {
            section.lacking(key, Fault::new(format!("stands without {other}"), format!("add {other}")));
        }
    }
    let has_body = section.has("json") || section.has("form");
    if section.has("json") && section.has("form") {
        section.complain("form", Fault::new("stands beside json", "keep one of them"));
    } else if has_body && verb == Verb::Get {
        let key = if section.has("json") { "json" } else { "form" };
        section.complain(key, Fault::new("a request with GET carries none", "write method = \"post\""));
    }
    if section.has("sign_header") && !has_body {
        section
            .complain("sign_header", Fault::new("there is no body that could be signed", "add json or form"));
    }
    let gateway = Gateway {
        verb,
        url: url?,
        headers,
        body: json.or(form).unwrap_or_default(),
        secret_file,
        accept,
        expect: expect_at.zip(expect).map(|(at, value)| Expected { at, value }),
        sign: sign_header.zip(sign_key_file).map(|(header, key_file)| Sign { header, key_file }),
    };
    match (gateway.names_secret(), section.has("secret_file")) {
        (true, false) => {
            section.lacking(
                "secret_file",
                Fault::new("{secret} has no value", "add secret_file, or take {secret} out"),
            );
        }
        (false, true) => {
            let cure = "write {secret} where it belongs, or take this line out";
            section.complain("secret_file", Fault::new("its secret is used nowhere", cure));
        }
        _ => {}
    }
    Some(gateway)
}

impl Gateway {
    /// `{secret}` stands in one of its texts.
    fn names_secret(&self) -> bool {
        let inside = |text: &str| *with_secret(text, SECRET) != *text;
        let body = match &self.body {
            GatewayBody::None => false,
            GatewayBody::Json(document) => inside_json(document, &inside),
            GatewayBody::Form(fields) => fields.iter().any(|(_, value)| inside(value)),
        };
        body || inside(&self.url) || self.headers.iter().any(|(_, value)| inside(value))
    }
}

fn inside_json(document: &Json, inside: &dyn Fn(&str) -> bool) -> bool {
    match document {
        Json::String(text) => inside(text),
        Json::Array(values) => values.iter().any(|value| inside_json(value, inside)),
        Json::Object(members) => members.values().any(|value| inside_json(value, inside)),
        _ => false,
    }
}

fn aliyun(mut section: Section<'_, '_>) -> Option<Aliyun> {
    let url = section.get_or("url", line(base), a::BASE_URL.into());
    let key_id = section.need("key_id", line(plain), "\"LTAI0123456789abcdef\"");
    let secret_file = section.need("secret_file", line(text::secret_file), "\"/etc/sidegate/sms.secret\"");
    let sign_name = section.need("sign_name", line(plain), "\"Example\"");
    let code = || vec![("code".to_owned(), "{code}".to_owned())];
    let parameters = section.get("parameters", list(line(|text| pair(text, '=')))).unwrap_or_else(code);
    Some(Aliyun { url, key_id: key_id?, secret_file: secret_file?, sign_name: sign_name?, parameters })
}

fn tencent(mut section: Section<'_, '_>) -> Option<Tencent> {
    let url = section.get_or("url", line(base), t::BASE_URL.into());
    let key_id = section.need("key_id", line(plain), "\"AKID0123456789abcdef\"");
    let secret_file = section.need("secret_file", line(text::secret_file), "\"/etc/sidegate/sms.secret\"");
    let region = section.get_or("region", line(plain), "ap-guangzhou".into());
    let app_id = section.need("app_id", line(plain), "\"1400000000\"");
    let sign_name = section.need("sign_name", line(plain), "\"Example\"");
    let code = || vec!["{code}".to_owned()];
    let parameters = section.get("parameters", list(line(template))).unwrap_or_else(code);
    Some(Tencent {
        url,
        key_id: key_id?,
        secret_file: secret_file?,
        region,
        app_id: app_id?,
        sign_name: sign_name?,
        parameters,
    })
}

/// Text that stands in requests as it is.
pub(super) fn plain(text: &str) -> Result<String, Fault> {
    let chars = text.chars().count();
    if chars > PLAIN_CHARS_MAX {
        let problem = format!("has {chars} characters, more than {PLAIN_CHARS_MAX}");
        return Err(Fault::new(problem, "check that it is what the provider gave you"));
    }
    Ok(text.to_owned())
}

/// Where a provider's interface begins. What is wrong with it is told without it: it may hold a key.
pub(super) fn base(text: &str) -> Result<String, Fault> {
    let wrong = "is no address of a provider: https://, or this host, without name, query and fragment";
    Base::parse(text).map_err(|_| Fault::new(wrong, "write it as \"https://api.example.org\""))?;
    Ok(text.to_owned())
}

fn proxy(text: &str) -> Result<String, Fault> {
    let good =
        reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let cure = "write it as \"http://proxy.example.org:3128\"";
    if good { Ok(text.to_owned()) } else { Err(Fault::new("is no address of a proxy", cure)) }
}

fn word_of_provider(text: &str) -> Result<String, Fault> {
    let word =
        Word::new(text).map_err(|error| Fault::new(error.to_string(), "copy it from the provider's page"))?;
    Ok(word.as_str().to_owned())
}

/// A template that may name the secret too.
fn template(text: &str) -> Result<String, Fault> {
    let read = Template::parse(&with_secret(text, SECRET));
    read.map_err(|error| Fault::new(error.to_string(), "look at the examples in conf/portal.toml"))?;
    Ok(text.to_owned())
}

/// Secrets are sent there: encrypted, or on this host.
fn url(text: &str) -> Result<String, Fault> {
    let cure = "write it as \"https://sms.example.org/send?to={phone}&text={code}\"";
    let filled = with_secret(text, SECRET);
    UrlTemplate::parse(&filled).map_err(|error| Fault::new(error.to_string(), cure))?;
    let sample = filled.replace(['{', '}'], "");
    let url = reqwest::Url::parse(&sample).map_err(|_| Fault::new("is no address of a web server", cure))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if url.scheme() != "https" && !is_loopback(host) {
        return Err(Fault::new(format!("codes would go to {host} unencrypted"), "begin it with https://"));
    }
    Ok(text.to_owned())
}

fn pair(text: &str, between: char) -> Result<(String, String), Fault> {
    let cure = format!("write name{between}value");
    let none = || Fault::new(format!("has no {between} between a name and a value"), &cure);
    let (name, value) = text.split_once(between).ok_or_else(none)?;
    if name.trim().is_empty() {
        return Err(none());
    }
    Ok((name.trim().to_owned(), template(value.trim())?))
}

fn header(text: &str) -> Result<(String, String), Fault> {
    let (name, value) = pair(text, ':')?;
    Ok((header_name(&name)?, value))
}

fn header_name(text: &str) -> Result<String, Fault> {
    let good = reqwest::header::HeaderName::from_bytes(text.as_bytes()).is_ok();
    let fault = || Fault::new(format!("\"{text}\" is no name of a header"), "write it as \"X-Api-Key\"");
    if good { Ok(text.to_owned()) } else { Err(fault()) }
}

fn json(text: &str) -> Result<Json, Fault> {
    let cure = r#"write it as '{"to":"{phone}","text":"{code}"}'"#;
    let document: Json = serde_json::from_str(text).map_err(|error| {
        Fault::new(format!("is no JSON: line {}, column {}", error.line(), error.column()), cure)
    })?;
    let filled = json_with_secret(&document, SECRET);
    JsonTemplate::new(&filled).map_err(|error| Fault::new(error.to_string(), cure))?;
    Ok(document)
}

/// Statuses of HTTP: `200`, or `200-204`.
fn accept(text: &str) -> Result<RangeInclusive<u16>, Fault> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.trim().parse().ok().filter(|status| STATUSES.contains(status));
    match status(first).zip(status(last)) {
        Some((first, last)) if first <= last => Ok(first..=last),
        _ => Err(Fault::new(format!("\"{text}\" is no status of HTTP"), "write \"200\" or \"200-299\"")),
    }
}

fn pointer(text: &str) -> Result<String, Fault> {
    let fault =
        || Fault::new(format!("\"{text}\" is no place in a document"), "begin it with a slash: \"/code\"");
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err(fault()) }
}

/// Text, a number, or true or false.
fn scalar(node: &Node) -> Parsed<Json> {
    let odd =
        || Fault::new(format!("must be a value, not {}", node.kind()), "write \"OK\", 0, true or false");
    match &node.value {
        Value::Text(text) => Ok(Json::String(text.clone())),
        Value::Truth(truth) => Ok(Json::Bool(*truth)),
        Value::Number(number) => match i64::try_from(*number) {
            Ok(number) => Ok(number.into()),
            Err(_) => Err(vec![(node.place, Fault::new("is too large", "choose a smaller number"))]),
        },
        Value::Broken => Err(Vec::new()),
        _ => Err(vec![(node.place, odd())]),
    }
}
