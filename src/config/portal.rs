//! The settings of the portal: `portal.toml`, then `portal.d/*.toml` beside it.
//!
//! This file is the list with its defaults. `settings` reads it, `sms` and `providers` their sections with the types, `looks`
//! a colour and a logo.
//! Secrets stand in files of their own, which are read at the start: a whole path, or the bare name of a credential that
//! systemd passes. That a template or an address is one is checked here, so that `--check` tells it.

mod looks;
mod providers;
mod settings;
mod sms;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::{Choice, ConfigError, Control, Endpoint, Language, Log, Smtp, Source, files};

pub use looks::{CONTRAST_MIN, Colour, LOGO_BYTES_MAX, LOGO_SIDE_MAX, Logo, LogoError, LogoKind};
pub use providers::{DingTalk, WeChat, WeCom};
pub use sms::{Aliyun, Expected, Gateway, GatewayBody, Reach, Sign, Sms, SmsBy, Tencent, Verb};

/// The folder beside the main file.
const FOLDER: &str = "portal.d";
/// The section that is written with double brackets.
pub(super) const SERVERS: &str = "servers";

/// The whole configuration of the portal. `Default` is what holds where the files are silent; only `site.url` has to be
/// added to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Portal {
    /// `[control] path`: where the daemon is asked.
    pub control: PathBuf,
    /// `[log]`
    pub log: Log,
    /// `[listen]`
    pub listen: Listen,
    /// `[site]`
    pub site: Site,
    /// `[phone] country`: the country code of numbers without one.
    pub country: String,
    /// `[[servers]]`: what mail programs are told.
    pub servers: Vec<MailServer>,
    /// `[geoip] file`: where addresses are.
    pub geoip: Option<PathBuf>,
    /// `[sms]`; absent where no code is sent to phones
    pub sms: Option<Sms>,
    /// `[mail]`; absent where no mail is sent
    pub mail: Option<Mail>,
    /// `[wechat]`
    pub wechat: Option<WeChat>,
    /// `[wecom]`
    pub wecom: Option<WeCom>,
    /// `[dingtalk]`
    pub dingtalk: Option<DingTalk>,
}

impl Default for Portal {
    fn default() -> Self {
        Portal {
            control: Control::default().path,
            log: Log::default(),
            listen: Listen::default(),
            site: Site::default(),
            country: "86".into(),
            servers: Vec::new(),
            geoip: None,
            sms: None,
            mail: None,
            wechat: None,
            wecom: None,
            dingtalk: None,
        }
    }
}

impl Portal {
    /// Reads `path`, then `portal.d/*.toml` beside it in name order, and looks at the logo that they name.
    ///
    /// # Errors
    /// Everything that is wrong in any of the files, at once.
    pub fn load(path: &Path) -> Result<Portal, ConfigError> {
        settings::read(&files::read(path, FOLDER)?, settings::Named::LookedAt)
    }

    /// The configuration that these texts give. Later texts override single settings of earlier ones, and whole lists.
    ///
    /// # Errors
    /// Everything that is wrong in any of the texts, at once.
    pub fn from_sources(sources: &[Source]) -> Result<Portal, ConfigError> {
        settings::read(sources, settings::Named::Taken)
    }

    /// Every key that the reader asks for, as `section.key`, in alphabetical order.
    #[must_use]
    pub fn known_keys() -> Vec<String> {
        settings::known_keys()
    }
}

/// `[listen]`: where browsers, or the web server in front, connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// Where.
    pub place: Endpoint,
    /// The permissions of a Unix socket.
    pub mode: u32,
    /// The group of the socket; absent leaves the portal's own.
    pub group: Option<String>,
    /// Web servers in front, which are believed when they say whom they pass on.
    pub trusted_proxies: Vec<IpNet>,
    /// In which header they say it.
    pub proxy_header: ProxyHeader,
    /// `[listen.tls]`
    pub tls: Option<Tls>,
}

impl Listen {
    /// Permissions where the file names none: the owner and the group.
    pub const MODE_DEFAULT: u32 = 0o660;
}

impl Default for Listen {
    fn default() -> Self {
        Listen {
            place: Endpoint::Address(SocketAddr::from(([127, 0, 0, 1], 8025))),
            mode: Self::MODE_DEFAULT,
            group: None,
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::default(),
            tls: None,
        }
    }
}

/// The header in which a web server in front says whom it passes on. The other one is whatever the browser wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// As most web servers have it.
    #[default]
    XForwardedFor,
    /// The standard (RFC 7239).
    Forwarded,
}

impl Choice for ProxyHeader {
    const WORDS: &'static [(&'static str, Self)] =
        &[("x-forwarded-for", Self::XForwardedFor), ("forwarded", Self::Forwarded)];
}

/// `[listen.tls]`: a certificate of our own, where no web server stands in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those that signed it, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// `[site]`: what people see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// What the site calls itself; empty: the host of `url`.
    pub name: String,
    /// Beside the name, at the head of each page; absent: none.
    pub logo: Option<PathBuf>,
    /// Of links and buttons; absent: a blue of ours.
    pub colour: Option<Colour>,
    /// Where browsers find the portal.
    pub url: Origin,
    /// The language of whoever wants none of ours.
    pub language: Language,
    /// The zone of all times (IANA); absent: that of this host.
    pub time_zone: Option<String>,
    /// The domains of the accounts: mail programs that ask for their servers by themselves are told about these.
    pub domains: Vec<String>,
}

impl Site {
    /// What the site is called.
    #[must_use]
    pub fn called(&self) -> &str {
        if self.name.is_empty() { self.url.host() } else { &self.name }
    }
}

/// Scheme, host and port of a site, as browsers write them in `Origin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As in the header `Origin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Browsers reach it encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The host, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or("", |(_, rest)| rest);
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[[servers]]`: a server that mail programs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// What is spoken there.
    pub protocol: MailProtocol,
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is secured.
    pub security: Security,
}

/// What mail programs speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailProtocol {
    /// Reading mail.
    Imap,
    /// Fetching mail.
    Pop3,
    /// Sending mail.
    Submission,
    /// Rules for arriving mail.
    Sieve,
}

impl Choice for MailProtocol {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("imap", Self::Imap),
        ("pop3", Self::Pop3),
        ("submission", Self::Submission),
        ("sieve", Self::Sieve),
    ];
}

impl MailProtocol {
    /// The usual port; there is none for ManageSieve that is encrypted from its first byte.
    #[must_use]
    pub fn port(self, security: Security) -> Option<u16> {
        match (self, security) {
            (Self::Imap, Security::Tls) => Some(993),
            (Self::Imap, Security::Starttls) => Some(143),
            (Self::Pop3, Security::Tls) => Some(995),
            (Self::Pop3, Security::Starttls) => Some(110),
            (Self::Submission, Security::Tls) => Some(465),
            (Self::Submission, Security::Starttls) => Some(587),
            (Self::Sieve, Security::Starttls) => Some(4190),
            (Self::Sieve, Security::Tls) => None,
        }
    }
}

/// How a connection of mail programs is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// From its first byte (RFC 8314).
    #[default]
    Tls,
    /// After `STARTTLS`.
    Starttls,
}

impl Choice for Security {
    const WORDS: &'static [(&'static str, Self)] = &[("tls", Self::Tls), ("starttls", Self::Starttls)];
}

/// `[mail]`: codes and notices by mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// The address in `From`.
    pub from: String,
    /// How long one mail may take.
    pub timeout: Duration,
    /// `[mail.smtp]`: the server that takes them.
    pub smtp: Smtp,
}

impl Mail {
    /// The wait where the file names none: a person sits before the page.
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);
}
