//! `[portal]` as the daemon has it: which second factors there are, for whom they are mandatory, and whose accounts are made.
//!
//! The portal's own settings, where it listens and by which way codes go, are in a file of its own: the daemon never reads
//! it, and what is decided never depends on it.

use std::time::Duration;

use jiff::civil::Date;

use super::complaint::Fault;
use super::section::Section;
use super::value::{line, list, number, time, truth};
use super::{DAY, duration, text};
use crate::gate::codes_sent::SentLimits;
use crate::gate::factor::FactorKind;
use crate::gate::mandatory::Whom;
use crate::gate::name::{AccountName, GroupName};
use crate::gate::phone::CountryCode;

/// The longest name in authenticator apps, in characters: they show it on one line.
const ISSUER_CHARS_MAX: usize = 64;

/// The longest trust in a browser. A trusted device is a second factor for whoever holds it.
const TRUST_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The longest time in which sign-in only reminds.
const GRACE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The most codes that a setting may allow a day: more than the largest university has people.
const CODES_MAX: u32 = 1_000_000;

/// `[portal]`: what people may do there.
#[derive(Clone, Debug, PartialEq)]
pub struct People {
    /// What authenticator apps and passkeys call this site.
    pub issuer: String,
    /// The address of the portal as browsers have it, without a path; absent: no passkeys.
    pub origin: Option<String>,
    /// The domain that passkeys are bound to, for ever; absent: the host of `origin`.
    pub relying_party: Option<String>,
    /// Accounts of these domains, in normal form, are made at their first sign-in.
    pub domains: Vec<String>,
    /// The group whose accounts see the administrator's pages.
    pub administrators: Option<GroupName>,
    /// The kinds of second factors that may be bound.
    pub factors: Vec<FactorKind>,
    /// How long a browser is trusted; zero: never.
    pub trust_for: Duration,
    /// The countries whose phones get codes.
    pub sms_countries: Vec<CountryCode>,
    /// `[portal.codes]`
    pub codes: SentLimits,
    /// After a reset a set-up code has to be given before a factor is bound.
    pub set_up_code: bool,
    /// `[[portal.mandatory]]`
    pub mandatory: Vec<Mandatory>,
}

impl Default for People {
    fn default() -> Self {
        People {
            issuer: "Sidegate".into(),
            origin: None,
            relying_party: None,
            domains: Vec::new(),
            administrators: None,
            factors: vec![FactorKind::Passkey, FactorKind::Totp],
            trust_for: 7 * DAY,
            sms_countries: vec![CountryCode::china()],
            codes: SentLimits::default(),
            set_up_code: true,
            mandatory: Vec::new(),
        }
    }
}

/// `[[portal.mandatory]]`: who must have two-factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Mandatory {
    /// For whom.
    pub whom: Whom,
    /// The first day; absent: never, in spite of rules for more people.
    pub from: Option<Date>,
    /// How long sign-in only reminds.
    pub grace: Duration,
}

impl Mandatory {
    /// The time of grace where the file names none.
    pub const GRACE_DEFAULT: Duration = Duration::from_secs(14 * 24 * 60 * 60);
}

pub(super) fn people(mut section: Section<'_, '_>) -> People {
    let default = People::default();
    let issuer = section.get_or("issuer", line(issuer), default.issuer);
    let origin = section.get("origin", line(origin));
    let relying_party = section.get("relying_party", line(relying_party));
    passkeys(&mut section, origin.as_deref(), relying_party.as_deref());
    let domains = section.get_or("domains", list(line(text::domain)), default.domains);
    let administrators = section.get("administrators", line(group));
    let factors = section.get_or("factors", list(line(kind)), default.factors);
    if factors.is_empty() {
        let cure = "name at least one, such as \"totp\", or take the line out";
        section.complain("factors", Fault::new("allows no second factor", cure));
    }
    if section.has("factors") && factors.contains(&FactorKind::Passkey) && !section.has("origin") {
        let cure = "add origin = \"https://mail.example.org\", or take \"passkey\" out";
        section.lacking("factors", Fault::new("passkeys need the address of the portal", cure));
    }
    let trust_for = section.get_or("trust_for", time(Duration::ZERO..=TRUST_MAX), default.trust_for);
    if !trust_for.is_zero() && trust_for < DAY {
        let problem = format!("{} is less than a day", duration::show(trust_for));
        section.complain("trust_for", Fault::new(problem, "write \"0s\" for never, or from 1d to 90d"));
    }
    let sms_countries = section.get_or("sms_countries", list(line(country_code)), default.sms_countries);
    if sms_countries.is_empty() {
        let cure = "name at least one, such as \"86\"; to send none, take \"sms\" out of factors";
        section.complain("sms_countries", Fault::new("names no country", cure));
    }
    let set_up_code = section.get_or("set_up_code", truth, default.set_up_code);
    let codes = codes(section.section("codes"), default.codes);
    let mandatory = section.each("mandatory", mandatory);
    People {
        issuer,
        origin,
        relying_party,
        domains,
        administrators,
        factors,
        trust_for,
        sms_countries,
        codes,
        set_up_code,
        mandatory,
    }
}

/// `[portal.codes]`: how many codes by SMS and mail are sent in a day.
fn codes(mut section: Section<'_, '_>, default: SentLimits) -> SentLimits {
    let most = || number(1..=CODES_MAX);
    SentLimits {
        per_number: section.get_or("per_number", most(), default.per_number),
        per_account: section.get_or("per_account", most(), default.per_account),
        per_address: section.get_or("per_address", most(), default.per_address),
        per_day: section.get_or("per_day", most(), default.per_day),
        ..default
    }
}

fn mandatory(mut section: Section<'_, '_>) -> Option<Mandatory> {
    let whom = section.need("whom", line(whom), "\"everybody\"");
    let from = section.need("from", line(day), "\"2027-01-31\", or \"never\"");
    let grace = section.get_or("grace", time(Duration::ZERO..=GRACE_MAX), Mandatory::GRACE_DEFAULT);
    Some(Mandatory { whom: whom?, from: from?, grace })
}

/// What is bound to a passkey must be what the browser sees.
fn passkeys(section: &mut Section<'_, '_>, origin: Option<&str>, relying_party: Option<&str>) {
    let Some(relying_party) = relying_party else { return };
    if !section.has("origin") {
        let cure = "add origin = \"https://mail.example.org\", or take this line out";
        section.lacking("relying_party", Fault::new("stands without origin", cure));
    }
    let Some(host) = origin.map(host_of) else { return };
    let parent = host.strip_suffix(relying_party).is_some_and(|rest| rest.ends_with('.'));
    // Whole registries are nobody's: browsers refuse them.
    if host != relying_party && !(parent && relying_party.contains('.')) {
        let problem = format!("\"{relying_party}\" is not {host}, nor a domain above it");
        section.complain("relying_party", Fault::new(problem, format!("write \"{host}\"")));
    }
}

/// The host of an origin in normal form.
#[must_use]
pub fn host_of(origin: &str) -> &str {
    let rest = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

fn issuer(text: &str) -> Result<String, Fault> {
    // Apps cut the issuer off at a colon.
    if text.chars().count() > ISSUER_CHARS_MAX || text.contains(':') {
        let cure = format!("write at most {ISSUER_CHARS_MAX} characters without a colon");
        return Err(Fault::new(format!("\"{text}\" is no name for authenticator apps"), cure));
    }
    Ok(text.trim().to_owned())
}

/// The address of the portal without a path, as browsers write it.
fn origin(text: &str) -> Result<String, Fault> {
    const CURE: &str = "write it as \"https://mail.example.org\"";
    let fault = |problem: &str| Err(Fault::new(format!("\"{text}\" {problem}"), CURE));
    let Ok(url) = reqwest::Url::parse(text) else { return fault("is no address of a site") };
    let plain = url.username().is_empty() && url.password().is_none();
    let whole = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    match (url.scheme(), url.domain()) {
        ("https" | "http", None) => fault("has no name but a number: browsers make no passkeys there"),
        ("https" | "http", _) if !plain || !whole => fault("has more in it than the name of a site"),
        ("http", Some(name)) if name != "localhost" => fault("is not encrypted"),
        ("https" | "http", Some(_)) => Ok(url.origin().ascii_serialization()),
        _ => fault("is no address of a site"),
    }
}

/// A domain as browsers write it.
fn relying_party(text: &str) -> Result<String, Fault> {
    let domain = text::domain(text)?;
    let url = reqwest::Url::parse(&format!("https://{domain}/")).ok();
    let no_domain = || Fault::new(format!("\"{text}\" is no domain"), "write it as \"example.org\"");
    url.and_then(|url| url.domain().map(str::to_owned)).ok_or_else(no_domain)
}

fn group(text: &str) -> Result<GroupName, Fault> {
    GroupName::parse(text)
        .map_err(|_| Fault::new(format!("\"{text}\" is no name of a group"), "write it as \"staff\""))
}

fn kind(text: &str) -> Result<FactorKind, Fault> {
    FactorKind::parse(text).ok_or_else(|| {
        let cure = format!("choose from {}", FactorKind::ALL.map(FactorKind::word).join(", "));
        Fault::new(format!("\"{text}\" is no second factor"), cure)
    })
}

fn country_code(text: &str) -> Result<CountryCode, Fault> {
    CountryCode::parse(text).ok_or_else(|| {
        let cure =
            "write the digits of a whole one, such as \"86\", \"1\" or \"852\", or of one with an area code";
        Fault::new(format!("\"{text}\" is no country code"), cure)
    })
}

fn whom(text: &str) -> Result<Whom, Fault> {
    if text == "everybody" {
        return Ok(Whom::Site);
    }
    if let Some(name) = text.strip_prefix('@') {
        return text::domain(name).map(Whom::Domain);
    }
    if let Some(name) = text.strip_prefix("group:") {
        return group(name).map(|name| Whom::Group(name.as_str().to_owned()));
    }
    match AccountName::parse_address(text, None) {
        Ok(name) => Ok(Whom::Account(name.as_str().to_owned())),
        Err(_) => {
            let cure = "write \"everybody\", \"@example.org\", \"group:staff\" or \"ann@example.org\"";
            Err(Fault::new(format!("\"{text}\" is nobody"), cure))
        }
    }
}

/// A day, or never.
fn day(text: &str) -> Result<Option<Date>, Fault> {
    if text == "never" {
        return Ok(None);
    }
    // The parser takes other forms too; there is one way to write a day.
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    day.map(Some).ok_or_else(|| {
        Fault::new(format!("\"{text}\" is no day"), "write it as \"2027-01-31\", or \"never\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_origin_is_a_site_that_browsers_make_passkeys_for() {
        for (written, expected) in [
            ("https://mail.example.org", "https://mail.example.org"),
            ("https://Mail.Example.ORG:443/", "https://mail.example.org"),
            ("https://mail.example.org:8443", "https://mail.example.org:8443"),
            ("http://localhost:8027", "http://localhost:8027"),
            ("http://localhost", "http://localhost"),
            ("https://邮件.例子.中国", "https://xn--5nq051n.xn--fsqu00a.xn--fiqs8s"),
        ] {
            assert_eq!(origin(written).as_deref(), Ok(expected), "{written}");
        }
        for wrong in [
            "mail.example.org",
            "http://mail.example.org",
            "http://127.0.0.1:8027",
            "https://192.0.2.7",
            "https://[2001:db8::7]",
            "https://mail.example.org/portal",
            "https://mail.example.org/?a",
            "https://ann@mail.example.org",
            "ftp://mail.example.org",
            "https://",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_issuer_has_a_longest_length_and_no_colon() {
        assert!(issuer(&"名".repeat(ISSUER_CHARS_MAX)).is_ok());
        assert!(issuer(&"名".repeat(ISSUER_CHARS_MAX + 1)).is_err());
        assert!(issuer("Mail: example").is_err());
    }

    #[test]
    fn rules_are_for_everybody_a_domain_a_group_or_an_account() {
        for (written, expected) in [
            ("everybody", Whom::Site),
            ("@Example.ORG", Whom::Domain("example.org".into())),
            ("@München.example", Whom::Domain("xn--mnchen-3ya.example".into())),
            ("eve@münchen.example", Whom::Account("eve@xn--mnchen-3ya.example".into())),
            ("group:Staff", Whom::Group("staff".into())),
            ("Ann@Example.ORG", Whom::Account("ann@example.org".into())),
        ] {
            assert_eq!(whom(written), Ok(expected), "{written}");
        }
        for wrong in ["nobody", "@", "@a b", "group:", "group:a b", "ann@", "Everybody"] {
            assert!(whom(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_day_is_written_in_one_way() {
        assert_eq!(day("2027-01-31"), Ok(Some(jiff::civil::date(2027, 1, 31))));
        assert_eq!(day("never"), Ok(None));
        for wrong in ["2027-02-29", "20270131", "2027-01-31T00:00", "31.01.2027", "2027-1-31", "today"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = (issuer(&text), origin(&text), relying_party(&text), text::domain(&text), group(&text));
            let _ = (kind(&text), whom(&text), day(&text), origin(&format!("https://{text}")));
        }
    }
}
