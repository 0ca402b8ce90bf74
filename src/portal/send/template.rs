//! Templates: text with variables, in which no value can become anything but a value.
//!
//! A template is taken apart once, when it is read. What is filled in later is encoded for the place where it
//! stands: in a document of JSON it is a string, in an address it is percent-encoded, in a form it is a field.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde_json::Value;
use zeroize::Zeroizing;

use super::text::{Text, locale};

/// What stands unencoded in an address (RFC 3986, 2.3).
pub(in crate::portal) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a template is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Between braces stands something else.
    #[error("`{{{0}}}` is no variable; there are phone, code, minutes, locale, template and request_id")]
    Unknown(String),
    /// A brace without its other half.
    #[error("a brace stands alone; write {{{{ or }}}} for the character itself")]
    Brace,
    /// No address of a web server.
    #[error("no address of a web server, beginning with https:// or http://, without user name and fragment")]
    Url,
    /// A variable says which server is asked.
    #[error("a variable may stand in the path and behind it, not in the name of the server")]
    Server,
}

/// What is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Phone,
    Code,
    Minutes,
    Locale,
    Template,
    RequestId,
}

impl Variable {
    fn named(name: &str) -> Result<Self, TemplateError> {
        Ok(match name {
            "phone" => Self::Phone,
            "code" => Self::Code,
            "minutes" => Self::Minutes,
            "locale" => Self::Locale,
            "template" => Self::Template,
            "request_id" => Self::RequestId,
            other => return Err(TemplateError::Unknown(other.to_owned())),
        })
    }

    fn value(self, text: &Text) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Phone => text.phone.reveal().to_owned(),
            Self::Code => text.code.reveal().to_string(),
            Self::Minutes => text.minutes.to_string(),
            Self::Locale => locale(text.locale).to_owned(),
            Self::Template => text.template.as_str().to_owned(),
            Self::RequestId => text.request_id.as_str().to_owned(),
        })
    }
}

/// Text with variables: `{phone}`, `{code}`, `{minutes}`, `{locale}`, `{template}`, `{request_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Variable(Variable),
}

impl Template {
    /// Takes a template apart. `{{` and `}}` are the braces themselves.
    ///
    /// # Errors
    /// A brace stands alone, or between two stands no variable.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let inner = brace.strip_prefix('{').ok_or(TemplateError::Brace)?;
                let (name, after) = inner.split_once('}').ok_or(TemplateError::Brace)?;
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                pieces.push(Piece::Variable(Variable::named(name)?));
                rest = after;
            }
        }
        pieces.push(Piece::Plain(plain + rest));
        Ok(Self(pieces))
    }

    /// The text with its variables.
    pub(super) fn fill(&self, text: &Text) -> Zeroizing<String> {
        self.with(|variable| variable.value(text))
    }

    /// The text with something for each variable. It is sized first: a string that grows leaves copies behind.
    fn with(&self, value: impl Fn(Variable) -> Zeroizing<String>) -> Zeroizing<String> {
        let value = |piece: &Piece| match piece {
            Piece::Plain(plain) => Zeroizing::new(plain.clone()),
            Piece::Variable(variable) => value(*variable),
        };
        let values: Vec<Zeroizing<String>> = self.0.iter().map(value).collect();
        let mut filled = Zeroizing::new(String::with_capacity(values.iter().map(|value| value.len()).sum()));
        values.iter().for_each(|value| filled.push_str(value));
        filled
    }
}

/// A template with a secret in the place of `{secret}`, before it is taken apart: no variable can stand in the secret.
#[must_use]
pub fn with_secret(template: &str, secret: &str) -> Zeroizing<String> {
    const MARK: &str = "{secret}";
    let secret = Zeroizing::new(secret.replace('{', "{{").replace('}', "}}"));
    let most = template.len() + template.matches(MARK).count() * secret.len();
    let mut filled = Zeroizing::new(String::with_capacity(most));
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, brace) = rest.split_at(at);
        filled.push_str(before);
        // Two of them are the brace itself.
        let after = if let Some(after) = brace.strip_prefix("{{") {
            filled.push_str("{{");
            after
        } else if let Some(after) = brace.strip_prefix(MARK) {
            filled.push_str(&secret);
            after
        } else {
            filled.push('{');
            &brace[1..]
        };
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The same for each string of a document.
#[must_use]
pub fn json_with_secret(document: &Value, secret: &str) -> Value {
    let with = |value: &Value| json_with_secret(value, secret);
    match document {
        Value::String(text) => Value::String(with_secret(text, secret).to_string()),
        Value::Array(values) => values.iter().map(with).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), with(value))).collect(),
        plain => plain.clone(),
    }
}

/// A document of JSON, each string in which is a template. The names of members are not.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonTemplate(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(Template),
    List(Vec<Node>),
    Members(Vec<(String, Node)>),
    Plain(Value),
}

impl JsonTemplate {
    /// Takes a document apart.
    ///
    /// # Errors
    /// One of its strings is no template.
    pub fn new(document: &Value) -> Result<Self, TemplateError> {
        Ok(Self(Node::new(document)?))
    }

    /// The document with its variables.
    pub(super) fn fill(&self, text: &Text) -> Value {
        self.0.fill(text)
    }
}

impl Node {
    fn new(value: &Value) -> Result<Self, TemplateError> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Array(values) => Self::List(values.iter().map(Self::new).collect::<Result<_, _>>()?),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| Ok((name.clone(), Self::new(value)?));
                Self::Members(members.iter().map(member).collect::<Result<_, TemplateError>>()?)
            }
            plain => Self::Plain(plain.clone()),
        })
    }

    fn fill(&self, text: &Text) -> Value {
        match self {
            Self::Text(template) => Value::String(template.fill(text).to_string()),
            Self::List(nodes) => nodes.iter().map(|node| node.fill(text)).collect(),
            Self::Members(members) => {
                members.iter().map(|(name, node)| (name.clone(), node.fill(text))).collect()
            }
            Self::Plain(value) => value.clone(),
        }
    }
}

/// The address of a web server, with variables in its path and its query.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate(Template);

/// Without the address, which may hold a key.
impl std::fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UrlTemplate(..)")
    }
}

impl UrlTemplate {
    /// Takes an address apart.
    ///
    /// # Errors
    /// It is no address of a web server, or a variable says which.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Template::parse(text)?;
        let sample = |value: &str| {
            let filled = template.with(|_| Zeroizing::new(value.to_owned()));
            Url::parse(&filled).ok().filter(plain)
        };
        // Whatever the variables are, it is the same server.
        match (sample("1"), sample("2")) {
            (Some(one), Some(two)) if one.origin() == two.origin() => Ok(Self(template)),
            (Some(_), _) | (_, Some(_)) => Err(TemplateError::Server),
            (None, None) => Err(TemplateError::Url),
        }
    }

    /// Whether a certificate is asked for.
    pub(super) fn is_https(&self) -> bool {
        matches!(self.0.0.first(), Some(Piece::Plain(plain)) if plain.to_ascii_lowercase().starts_with("https:"))
    }

    /// The address with its variables.
    pub(super) fn fill(&self, text: &Text) -> Option<Url> {
        let encode = |variable: Variable| {
            Zeroizing::new(utf8_percent_encode(&variable.value(text), UNRESERVED).to_string())
        };
        Url::parse(&self.0.with(encode)).ok()
    }
}

/// Whether an address is one of a web server, without a login and a fragment in it.
pub(super) fn plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Language;
    use crate::gate::code::Code;
    use crate::portal::send::text::{Phone, Word};
    use proptest::prelude::*;
    use serde_json::json;

    fn text() -> Text {
        Text {
            phone: Phone::parse("13812341234", "86").unwrap(),
            code: Code::parse("735519").unwrap(),
            minutes: 5,
            locale: Language::ZhCn,
            template: Word::new("sign-in").unwrap(),
            request_id: Word::new("r_7").unwrap(),
        }
    }

    #[test]
    fn every_variable_is_filled_in() {
        let template = Template::parse("{phone} {code} {minutes} {locale} {template} {request_id} {{code}}");
        assert_eq!(*template.unwrap().fill(&text()), "+8613812341234 735519 5 zh-CN sign-in r_7 {code}");
        assert_eq!(*Template::parse("").unwrap().fill(&text()), "");
    }

    #[test]
    fn a_secret_is_no_template() {
        let filled = with_secret("a={secret}&b={{secret}}&c={code}{{{secret}", "x{code}}{");
        assert_eq!(*filled, "a=x{{code}}}}{{&b={{secret}}&c={code}{{x{{code}}}}{{");
        let template = Template::parse(&filled).unwrap();
        assert_eq!(*template.fill(&text()), "a=x{code}}{&b={secret}&c=735519{x{code}}{");
        for whole in ["", "{secret", "{", "secret}", "{secrets}"] {
            assert_eq!(*with_secret(whole, "x"), whole);
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        assert_eq!(Template::parse("{codes}"), Err(TemplateError::Unknown("codes".into())));
        for wrong in ["{", "}", "{code", "code}", "{{code}", "{ code"] {
            assert_eq!(Template::parse(wrong), Err(TemplateError::Brace), "{wrong}");
        }
    }

    #[test]
    fn in_json_a_value_is_a_string_whatever_is_around_it() {
        let document =
            json!({ "to": ["{phone}"], "note": "a \"quote\" \\ {code}\n", "{code}": 1, "yes": true });
        let filled = JsonTemplate::new(&document).unwrap().fill(&text());
        let expected =
            json!({ "to": ["+8613812341234"], "note": "a \"quote\" \\ 735519\n", "{code}": 1, "yes": true });
        assert_eq!(filled, expected);
        assert!(JsonTemplate::new(&json!({ "a": [{ "b": "{c}" }] })).is_err());
    }

    #[test]
    fn in_an_address_a_value_is_encoded() {
        let url = UrlTemplate::parse("https://sms.example.org/{template}/send?to={phone}&c={code}").unwrap();
        let filled = url.fill(&text()).unwrap();
        assert_eq!(filled.as_str(), "https://sms.example.org/sign-in/send?to=%2B8613812341234&c=735519");
        assert!(url.is_https() && !UrlTemplate::parse("http://sms.example.org/").unwrap().is_https());
    }

    #[test]
    fn no_variable_says_which_server_is_asked() {
        for wrong in [
            "https://{template}.example.org/",
            "https://sms.example.org:{minutes}/",
            "https://sms.example.org{code}/",
            "https://{code}/",
        ] {
            assert_eq!(UrlTemplate::parse(wrong), Err(TemplateError::Server), "{wrong}");
        }
        for wrong in
            ["", "sms.example.org", "file:///etc/passwd", "https://me:pw@a.org/", "https://a.org/#{code}"]
        {
            assert_eq!(UrlTemplate::parse(wrong), Err(TemplateError::Url), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn plain_text_stays_as_it_is(plain in "[^{}]*") {
            prop_assert_eq!(&**Template::parse(&plain).unwrap().fill(&text()), plain.as_str());
        }

        #[test]
        fn no_text_makes_it_panic(any in ".*") {
            let _ = Template::parse(&any);
            let _ = UrlTemplate::parse(&format!("https://a.org/{any}"));
        }
    }
}
