//! What mail programs ask when an account is set up: Thunderbird's autoconfig (`config-v1.1.xml`) and Outlook's
//! autodiscover (MS-OXDSCLI: the XML of POX, and of JSON only where that is).
//!
//! The answers hold the site's servers and nothing that is not on the portal's pages anyway: no password, and not
//! whether an account exists. They are for the site's own domains; about others nothing is known here.
//!
//! Not in it: Exchange's protocols, Outlook's mobile schema (ActiveSync), SOAP.

use askama::Template;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use serde_json::{Value, json};

use super::pages::routes;
use crate::clock::Timestamp;
use crate::config::portal::{MailProtocol, MailServer, Portal, Security};
use crate::gate::name::AccountName;

/// Where Thunderbird asks, at `autoconfig.DOMAIN`.
pub const THUNDERBIRD: &str = "/mail/config-v1.1.xml";
/// Where Thunderbird asks, at the domain itself.
pub const THUNDERBIRD_WELL_KNOWN: &str = "/.well-known/autoconfig/mail/config-v1.1.xml";
/// Where Outlook asks, at `autodiscover.DOMAIN` or at the domain itself.
pub const OUTLOOK: &str = "/autodiscover/autodiscover.xml";
/// Where newer ones ask first where that is.
pub const OUTLOOK_JSON: &str = "/autodiscover/autodiscover.json";
/// What these answers are.
pub const XML: &str = "application/xml; charset=utf-8";
/// The longest question of Outlook, in bytes. It sends 400.
pub const QUESTION_BYTES_MAX: usize = 8_192;

/// The schema in which Outlook wants its answer.
const OUTLOOK_SCHEMA: &str =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// Whether that is one of Outlook's paths, which it writes in several ways.
#[must_use]
pub fn is_outlook(path: &str) -> bool {
    path.eq_ignore_ascii_case(OUTLOOK)
}

/// The same for [`OUTLOOK_JSON`], and the address if it stands behind (`…/v1.0/ADDRESS`).
#[must_use]
pub fn outlook_json_path(path: &str) -> Option<&str> {
    let (head, rest) = path.split_at_checked(OUTLOOK_JSON.len())?;
    if !head.eq_ignore_ascii_case(OUTLOOK_JSON) {
        return None;
    }
    match rest {
        "" => Some(rest),
        rest => rest.strip_prefix("/v1.0/"),
    }
}

/// What mail programs may know of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSite {
    /// What it calls itself.
    pub name: String,
    /// The domains of its accounts, in lower case.
    pub domains: Vec<String>,
    /// Its servers: those for reading first, and the best first.
    pub servers: Vec<MailServer>,
    /// The portal's origin, `https://portal.example.org`.
    pub portal: String,
}

impl From<&Portal> for MailSite {
    /// Rules for arriving mail are no mail program's own business: Sieve is left out.
    fn from(settings: &Portal) -> Self {
        let told = |server: &&MailServer| server.protocol != MailProtocol::Sieve;
        Self {
            name: settings.site.called().to_owned(),
            domains: settings.site.domains.clone(),
            servers: settings.servers.iter().filter(told).cloned().collect(),
            portal: settings.site.url.to_string(),
        }
    }
}

impl MailSite {
    /// The address, if it is of the site.
    fn own(&self, address: &str) -> Option<AccountName> {
        let address = AccountName::parse_address(address, None).ok()?;
        self.domains.iter().any(|domain| domain == address.parts().1).then_some(address)
    }

    fn fetching(&self) -> impl Iterator<Item = &MailServer> {
        self.servers.iter().filter(|server| server.protocol != MailProtocol::Submission)
    }

    fn sending(&self) -> impl Iterator<Item = &MailServer> {
        self.servers.iter().filter(|server| server.protocol == MailProtocol::Submission)
    }
}

/// What a server speaks, in the programs' words.
fn kind(server: &MailServer) -> &'static str {
    match server.protocol {
        MailProtocol::Imap => "IMAP",
        MailProtocol::Pop3 => "POP3",
        MailProtocol::Submission => "SMTP",
        MailProtocol::Sieve => "SIEVE",
    }
}

/// Encrypted from the first byte.
fn is_tls(server: &MailServer) -> bool {
    server.security == Security::Tls
}

/// Thunderbird's document.
#[derive(Template)]
#[template(
    ext = "xml",
    source = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="{{ domain }}">
    <domain>{{ domain }}</domain>
    <displayName>{{ site.name }}</displayName>
    <displayShortName>{{ site.name }}</displayShortName>
{%- for server in site.fetching() %}
    <incomingServer type="{{ self::kind(server)|lower }}">
      <hostname>{{ server.host }}</hostname>
      <port>{{ server.port }}</port>
      <socketType>{% if self::is_tls(server) %}SSL{% else %}STARTTLS{% endif %}</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </incomingServer>
{%- endfor %}
{%- for server in site.sending() %}
    <outgoingServer type="{{ self::kind(server)|lower }}">
      <hostname>{{ server.host }}</hostname>
      <port>{{ server.port }}</port>
      <socketType>{% if self::is_tls(server) %}SSL{% else %}STARTTLS{% endif %}</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </outgoingServer>
{%- endfor %}
    <documentation url="{{ help }}">
      <descr lang="en">Setting up with a client password</descr>
      <descr lang="zh-CN">使用客户端专用密码进行设置</descr>
    </documentation>
  </emailProvider>
</clientConfig>
"#
)]
struct ClientConfig<'a> {
    site: &'a MailSite,
    domain: &'a str,
    help: String,
}

/// What Thunderbird is told; `None`: not about that domain.
///
/// `host` is the name it asked under (with or without a port), `address` the parameter `emailaddress`.
#[must_use]
pub fn thunderbird(site: &MailSite, host: Option<&str>, address: Option<&str>) -> Option<String> {
    let domain = match address {
        Some(address) => site.own(address)?.parts().1.to_owned(),
        None => {
            let host = host?.to_ascii_lowercase();
            let name = host.rsplit_once(':').map_or(&*host, |(name, _port)| name);
            let name = name.strip_prefix("autoconfig.").unwrap_or(name);
            site.domains.iter().find(|domain| *domain == name)?.clone()
        }
    };
    let help = format!("{}{}", site.portal, routes::help("thunderbird"));
    ClientConfig { site, domain: &domain, help }.render().ok()
}

/// Outlook's document.
#[derive(Template)]
#[template(
    ext = "xml",
    source = r#"<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="{{ OUTLOOK_SCHEMA }}">
    <User>
      <DisplayName>{{ address }}</DisplayName>
    </User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
{%- for server in site.servers %}
      <Protocol>
        <Type>{{ self::kind(server) }}</Type>
        <Server>{{ server.host }}</Server>
        <Port>{{ server.port }}</Port>
        <DomainRequired>off</DomainRequired>
        <LoginName>{{ address }}</LoginName>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>{% if self::is_tls(server) %}SSL{% else %}TLS{% endif %}</Encryption>
        <AuthRequired>on</AuthRequired>
{%- if self::kind(server) == "SMTP" %}
        <UsePOPAuth>on</UsePOPAuth>
        <SMTPLast>off</SMTPLast>
{%- endif %}
      </Protocol>
{%- endfor %}
    </Account>
  </Response>
</Autodiscover>
"#
)]
struct Autodiscover<'a> {
    site: &'a MailSite,
    address: AccountName,
}

/// Why Outlook gets no servers, in the numbers of MS-OXDSCLI 2.2.4.1.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoAnswer {
    /// Not about an address of this site.
    Address,
    /// Not a question of its schema.
    Question,
    /// An answer in another schema, as phones want it.
    Schema,
}

impl NoAnswer {
    fn code(self) -> u16 {
        match self {
            Self::Address => 500,
            Self::Question => 600,
            Self::Schema => 601,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Address => "The email address can't be found.",
            Self::Question => "Invalid Request",
            Self::Schema => "Provider is not available",
        }
    }
}

/// The document that says no.
#[derive(Template)]
#[template(
    ext = "xml",
    source = r#"<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response>
    <Error Time="{{ time }}" Id="{{ why.code() }}">
      <ErrorCode>{{ why.code() }}</ErrorCode>
      <Message>{{ why.text() }}</Message>
      <DebugData />
    </Error>
  </Response>
</Autodiscover>
"#
)]
struct AutodiscoverError {
    why: NoAnswer,
    time: String,
}

/// What Outlook is told, to the question that it posted: always a document, with status 200.
#[must_use]
pub fn outlook(site: &MailSite, question: &[u8], now: Timestamp) -> String {
    let answer = address_in(question)
        .and_then(|address| site.own(&address).ok_or(NoAnswer::Address))
        .map(|address| Autodiscover { site, address }.render());
    let document = answer.unwrap_or_else(|why| {
        let second = now.0.rem_euclid(86_400);
        let time = format!("{:02}:{:02}:{:02}.0000000", second / 3_600, second / 60 % 60, second % 60);
        AutodiscoverError { why, time }.render()
    });
    document.expect("a template fails only where writing into a string does")
}

/// What newer Outlooks are told: where the XML is. `Err`: the same form, for a status of 400.
///
/// # Errors
/// When it is not about an address of the site, or not about this protocol.
pub fn outlook_json(site: &MailSite, address: &str, protocol: &str) -> Result<Value, Value> {
    if site.own(address).is_none() {
        return Err(
            json!({ "ErrorCode": "InvalidRequest", "ErrorMessage": "The email address can't be found." }),
        );
    }
    if !protocol.eq_ignore_ascii_case("AutodiscoverV1") {
        let message = "The protocol is not supported. Supported values are 'AutodiscoverV1'.";
        return Err(json!({ "ErrorCode": "ProtocolNotSupported", "ErrorMessage": message }));
    }
    Ok(json!({ "Protocol": "AutodiscoverV1", "Url": format!("{}{OUTLOOK}", site.portal) }))
}

/// The address that a question is about.
fn address_in(question: &[u8]) -> Result<String, NoAnswer> {
    if question.len() > QUESTION_BYTES_MAX {
        return Err(NoAnswer::Question);
    }
    // Outlook sends UTF-8, at times with a mark before it.
    let text = std::str::from_utf8(question).map_err(|_| NoAnswer::Question)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut path: Vec<String> = Vec::new();
    let (mut address, mut schema) = (None::<String>, None::<String>);
    loop {
        let event = reader.read_event().map_err(|_| NoAnswer::Question)?;
        let piece = match &event {
            Event::Start(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                continue;
            }
            Event::End(_) => {
                path.pop();
                continue;
            }
            Event::Text(text) => text.xml_content(XmlVersion::Implicit1_0).into_owned(),
            Event::CData(text) => text.xml_content(XmlVersion::Implicit1_0).into_owned(),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|_| NoAnswer::Question)?;
                let named = quick_xml::escape::resolve_xml_entity(reference.as_ref());
                match (character, named) {
                    (Some(character), _) => character.to_string(),
                    (None, Some(text)) => text.to_owned(),
                    (None, None) => return Err(NoAnswer::Question),
                }
            }
            // Nobody who only asks for servers defines entities of his own.
            Event::DocType(_) => return Err(NoAnswer::Question),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            Event::Eof => break,
        };
        let into = if path == ["Autodiscover", "Request", "EMailAddress"] {
            &mut address
        } else if path == ["Autodiscover", "Request", "AcceptableResponseSchema"] {
            &mut schema
        } else {
            continue;
        };
        into.get_or_insert_default().push_str(&piece);
    }
    if schema.is_some_and(|schema| schema.trim() != OUTLOOK_SCHEMA) {
        return Err(NoAnswer::Schema);
    }
    address.ok_or(NoAnswer::Question)
}

#[cfg(test)]
#[path = "autoconfig/tests.rs"]
mod tests;
