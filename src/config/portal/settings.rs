//! Reading the portal's settings: section by section, key by key, with the limits of each.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::super::complaint::{ConfigError, Fault};
use super::super::notices::is_loopback;
use super::super::section::{Notes, Section};
use super::super::settings::{about, grow, log, smtp};
use super::super::unknown::{self, Known};
use super::super::value::{line, list, mode, number, time, word};
use super::super::{Control, Endpoint, Source, remote, text};
use super::providers::{dingtalk, wechat, wecom};
use super::sms::sms;
use super::{
    Colour, Listen, Logo, Mail, MailProtocol, MailServer, Origin, Portal, SERVERS, Security, Site, Tls,
};

/// What mail programs are told fits on a page.
const SERVERS_MAX: usize = 16;
/// The most characters of a site's name.
const SITE_NAME_CHARS_MAX: usize = 64;
/// How long a question to somebody else may take. A person sits before the page.
pub(super) const WAITS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// The sections that mean something by being there.
const EVERY_SECTION: &str = "[listen.tls]\n[[servers]]\n[geoip]\n[sms.gateway]\n[sms.aliyun]\n[sms.tencent]\n\
     [mail.smtp]\n[wechat]\n[wecom]\n[dingtalk]\n";

/// What becomes of files that a setting names and that are checked by what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// They are looked at.
    LookedAt,
    /// The settings are read somewhere else.
    Taken,
}

/// Reads everything and tells every mistake.
pub(super) fn read(sources: &[Source], named: Named) -> Result<Portal, ConfigError> {
    let mut notes = about(sources);
    let tree = grow(sources, &mut notes);
    let portal = portal(Section::root(&tree, &mut notes), named);
    unknown::refuse(&tree, &Known { keys: &known_keys(), lists: &[SERVERS] }, &mut notes);
    notes.verdict(portal)
}

/// Every key there is: those that are asked for where each section exists.
pub(super) fn known_keys() -> Vec<String> {
    let every_section = Source { name: String::new(), text: EVERY_SECTION.into() };
    let mut notes = Notes::new(Vec::new());
    let tree = grow(&[every_section], &mut notes);
    portal(Section::root(&tree, &mut notes), Named::Taken);
    notes.keys.into_iter().collect()
}

fn portal(mut root: Section<'_, '_>, named: Named) -> Portal {
    let default = Portal::default();
    let site = site(root.section("site"), named);
    if site.url.is_https() && !root.has("listen") {
        let cure = "add [listen] with trusted_proxies = [\"127.0.0.1/32\"], or with [listen.tls]";
        let problem =
            "needs a web server in front, or a certificate here, and there is no [listen] that names one";
        root.section("site").lacking("url", Fault::new(problem, cure));
    }
    Portal {
        control: control(root.section("control")),
        log: log(root.section("log")),
        listen: listen(root.section("listen"), &site.url),
        country: root.section("phone").get_or("country", line(country), default.country),
        servers: servers(&mut root),
        geoip: root.optional("geoip").and_then(geoip),
        sms: root.optional("sms").and_then(sms),
        mail: root.optional("mail").and_then(mail),
        wechat: root.optional("wechat").and_then(wechat),
        wecom: root.optional("wecom").and_then(wecom),
        dingtalk: root.optional("dingtalk").and_then(dingtalk),
        site,
    }
}

fn control(mut section: Section<'_, '_>) -> PathBuf {
    section.get_or("path", line(text::socket_path), Control::default().path)
}

fn listen(mut section: Section<'_, '_>, url: &Origin) -> Listen {
    let default = Listen::default();
    let address = section.get("address", line(text::backend));
    let path = section.get("path", line(text::socket_path));
    let mode = section.get_or("mode", mode, default.mode);
    let group = section.get("group", line(text::name));
    let trusted_proxies = section.get_or("trusted_proxies", list(line(text::narrow_network)), Vec::new());
    let proxy_header = section.get_or("proxy_header", word, default.proxy_header);
    let has_tls = section.has("tls");
    let tls = section.optional("tls").and_then(tls);
    if section.has("address") && section.has("path") {
        section.complain("path", Fault::new("stands beside an address", "take one out"));
    }
    for key in ["mode", "group"] {
        if section.has(key) && !section.has("path") {
            let cure = "write path in place of address, or take it out";
            section.complain(key, Fault::new("is for a Unix socket only", cure));
        }
    }
    if section.has("path") && has_tls {
        section.complain("tls", Fault::new("is for an address only", "take it out, or write address"));
    }
    if let Some(address) = address.filter(|address| !address.ip().is_loopback() && !has_tls) {
        section.complain("address", open(address));
    }
    if has_tls && !url.as_str().is_empty() && !url.is_https() {
        let cure = "begin site.url with https://, or take this section out";
        section.complain("tls", Fault::new("stands beside a site.url without encryption", cure));
    }
    let place = path.map(Endpoint::Path).or(address.map(Endpoint::Address)).unwrap_or(default.place);
    if let (Endpoint::Address(address), true, false) = (&place, url.is_https(), has_tls) {
        let told = section.has("trusted_proxies") && trusted_proxies.is_empty();
        // Where the whole section is missing, the complaint stands at site.url.
        if section.is_there()
            && address.ip().is_loopback()
            && !trusted_proxies.iter().any(|network| meets(network, address.ip()))
        {
            section.lacking("trusted_proxies", undeclared(address.ip(), told || !trusted_proxies.is_empty()));
        }
    }
    Listen { place, mode, group, trusted_proxies, proxy_header, tls }
}

fn open(address: SocketAddr) -> Fault {
    let problem = format!("{} can be reached from other hosts, and nothing is encrypted", address.ip());
    let port = address.port();
    Fault::new(problem, format!("add [listen.tls], or write \"127.0.0.1:{port}\" with a web server in front"))
}

/// Whether hosts of a network may connect to a loopback address: 127.0.0.1 also from the rest of 127.0.0.0/8.
fn meets(network: &IpNet, loopback: IpAddr) -> bool {
    network.contains(&loopback)
        || (loopback.is_ipv4() && network.addr().is_loopback() && network.addr().is_ipv4())
}

/// Encrypted for browsers, and we do not encrypt: a web server of this host stands in front.
fn undeclared(address: IpAddr, written: bool) -> Fault {
    let problem = if written {
        format!("does not name the web server that must stand in front, which connects from {address}")
    } else {
        "is missing: behind the web server that must stand in front, everybody would have its address"
            .to_owned()
    };
    let network = IpNet::from(address);
    Fault::new(problem, format!("write trusted_proxies = [\"{network}\"], or encrypt here with [listen.tls]"))
}

fn tls(mut section: Section<'_, '_>) -> Option<Tls> {
    let cert = section.need("cert", line(text::path), "\"/etc/sidegate/portal.pem\"");
    let key = section.need("key", line(text::path), "\"/etc/sidegate/portal.key\"");
    Some(Tls { cert: cert?, key: key? })
}

fn site(mut section: Section<'_, '_>, named: Named) -> Site {
    let default = Site::default();
    let url = section.need("url", line(origin), "\"https://account.example.org\"");
    Site {
        name: section.get_or("name", line(site_name), default.name),
        logo: section.get("logo", line(|text: &str| logo(text, named))),
        colour: section.get("colour", line(Colour::parse)),
        url: url.unwrap_or_default(),
        language: section.get_or("language", word, default.language),
        time_zone: section.get("time_zone", line(time_zone)),
        domains: section.get_or("domains", list(line(text::domain)), default.domains),
    }
}

/// What the site calls itself, short enough for the head of a page.
fn site_name(text: &str) -> Result<String, Fault> {
    let chars = text.chars().count();
    if chars > SITE_NAME_CHARS_MAX {
        let problem = format!("has {chars} characters, more than {SITE_NAME_CHARS_MAX}");
        return Err(Fault::new(problem, "choose a shorter name"));
    }
    Ok(text.to_owned())
}

/// A file that every page shows.
fn logo(text: &str, named: Named) -> Result<PathBuf, Fault> {
    let path = text::path(text)?;
    if named == Named::LookedAt {
        Logo::read(&path).map_err(|error| Fault::new(format!("\"{text}\" {error}"), error.cure()))?;
    }
    Ok(path)
}

/// Scheme, host and port, as browsers say them.
fn origin(text: &str) -> Result<Origin, Fault> {
    let cure = "write it as \"https://account.example.org\"";
    let none = || Fault::new(format!("\"{text}\" is no address of a site"), cure);
    let url = reqwest::Url::parse(text).map_err(|_| none())?;
    let web =
        matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none();
    if !web || !text.contains("://") {
        return Err(none());
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let problem = format!("\"{text}\" has a path: the portal needs a host name of its own");
        return Err(Fault::new(problem, format!("write \"{}\"", url.origin().ascii_serialization())));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if url.scheme() == "http" && !is_loopback(host) {
        let problem = "browsers keep its cookies to encrypted pages, and passwords would be sent openly";
        return Err(Fault::new(problem, "begin it with https://"));
    }
    Ok(Origin(url.origin().ascii_serialization()))
}

/// A zone that this host knows.
fn time_zone(text: &str) -> Result<String, Fault> {
    match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            let cure = "write it as \"Asia/Shanghai\"; names are in /usr/share/zoneinfo (package tzdata)";
            Err(Fault::new(format!("this host knows no time zone \"{text}\""), cure))
        }
    }
}

/// A country code without its sign (E.164).
fn country(text: &str) -> Result<String, Fault> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (1..=3).contains(&text.len()) && !text.starts_with('0') {
        return Ok(text.to_owned());
    }
    let cure = "write its digits alone, such as \"86\" or \"49\"";
    Err(Fault::new(format!("\"{text}\" is no country code"), cure))
}

fn servers(root: &mut Section<'_, '_>) -> Vec<MailServer> {
    let servers = root.each(SERVERS, server);
    if servers.len() > SERVERS_MAX {
        let problem = format!("{} servers, more than {SERVERS_MAX}", servers.len());
        root.complain(SERVERS, Fault::new(problem, "name those that people need"));
    }
    servers
}

fn server(mut section: Section<'_, '_>) -> Option<MailServer> {
    let protocol: Option<MailProtocol> = section.need("protocol", word, "\"imap\"");
    let host = section.need("host", line(text::domain), "\"mail.example.org\"");
    let security = section.get_or("security", word, Security::default());
    let usual = protocol.and_then(|protocol| protocol.port(security));
    let port = section.get("port", number(1..=u32::from(u16::MAX)));
    if protocol.is_some() && usual.is_none() && !section.has("port") {
        let cure = "add port, or security = \"starttls\"";
        section.lacking("port", Fault::new("there is no usual port for this", cure));
    }
    Some(MailServer { protocol: protocol?, host: host?, port: port.or(usual)?, security })
}

fn geoip(mut section: Section<'_, '_>) -> Option<PathBuf> {
    section.need("file", line(text::path), "\"/usr/share/GeoIP/GeoLite2-City.mmdb\"")
}

fn mail(mut section: Section<'_, '_>) -> Option<Mail> {
    let from = section.need("from", line(remote::mail_address), "\"sidegate@example.org\"");
    let timeout = section.get_or("timeout", time(WAITS), Mail::TIMEOUT_DEFAULT);
    let Some(smtp) = section.optional("smtp").map(smtp) else {
        let cure = "add a section [mail.smtp] with server";
        section.lacking("smtp", Fault::new("no server is there to take mail", cure));
        return None;
    };
    Some(Mail { from: from?, timeout, smtp: smtp? })
}
