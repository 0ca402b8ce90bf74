//! A profile for iPhone, iPad and Mac (`.mobileconfig`): mail is set up by opening one file, and nobody types sixteen
//! characters on glass. It carries a client password that was made for it alone.
//!
//! Apple's Device Management documents, payload `com.apple.mail.managed`. The profile is not signed, and the device says
//! so before it asks whether to install it. It is never kept: whoever sends it says `Cache-Control: no-store`.
//!
//! Not in it: contacts and calendars, S/MIME, POP3.

use askama::Template;
use data_encoding::HEXLOWER;
use jiff::Timestamp as Instant;
use zeroize::Zeroizing;

use super::autoconfig::MailSite;
use super::pages::Frame;
use crate::api::portal::Hidden;
use crate::clock::Timestamp;
use crate::config::portal::{MailProtocol, MailServer};
use crate::entropy::Entropy;

/// What a profile is (`Content-Type`).
pub const PROFILE: &str = "application/x-apple-aspen-config";
/// The end of its file's name.
const ENDING: &str = ".mobileconfig";
/// The longest name of a file before its ending, in bytes: some file systems take 255 with it.
const FILE_NAME_BYTES_MAX: usize = 100;

/// What stands in a profile.
#[derive(Clone, Debug)]
pub struct Profile<'a> {
    /// The site.
    pub site: &'a MailSite,
    /// The account, in normal form.
    pub account: &'a str,
    /// The name of the client password.
    pub name: &'a str,
    /// The client password.
    pub password: &'a Hidden,
    /// When it ends: then the device removes the profile by itself.
    pub expires: Option<Timestamp>,
}

/// The document: a property list of Apple's.
#[derive(Template)]
#[template(
    ext = "xml",
    source = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadType</key><string>Configuration</string>
	<key>PayloadVersion</key><integer>1</integer>
	<key>PayloadIdentifier</key><string>{{ identifier }}</string>
	<key>PayloadUUID</key><string>{{ uuids[0] }}</string>
	<key>PayloadDisplayName</key><string>{{ title }}</string>
	<key>PayloadDescription</key><string>{{ description }}</string>
	<key>PayloadOrganization</key><string>{{ site }}</string>
	<key>PayloadRemovalDisallowed</key><false/>
{%- if let Some(ends) = ends %}
	<key>RemovalDate</key><date>{{ ends }}</date>
{%- endif %}
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadType</key><string>com.apple.mail.managed</string>
			<key>PayloadVersion</key><integer>1</integer>
			<key>PayloadIdentifier</key><string>{{ identifier }}.account</string>
			<key>PayloadUUID</key><string>{{ uuids[1] }}</string>
			<key>PayloadDisplayName</key><string>{{ title }}</string>
			<key>EmailAccountDescription</key><string>{{ account }}</string>
			<key>EmailAccountType</key><string>EmailTypeIMAP</string>
			<key>EmailAddress</key><string>{{ account }}</string>
			<key>IncomingMailServerAuthentication</key><string>EmailAuthPassword</string>
			<key>IncomingMailServerHostName</key><string>{{ imap.host }}</string>
			<key>IncomingMailServerPortNumber</key><integer>{{ imap.port }}</integer>
			<key>IncomingMailServerUseSSL</key><true/>
			<key>IncomingMailServerUsername</key><string>{{ account }}</string>
			<key>IncomingPassword</key><string>{{ password }}</string>
			<key>OutgoingMailServerAuthentication</key><string>EmailAuthPassword</string>
			<key>OutgoingMailServerHostName</key><string>{{ smtp.host }}</string>
			<key>OutgoingMailServerPortNumber</key><integer>{{ smtp.port }}</integer>
			<key>OutgoingMailServerUseSSL</key><true/>
			<key>OutgoingMailServerUsername</key><string>{{ account }}</string>
			<key>OutgoingPasswordSameAsIncomingPassword</key><true/>
		</dict>
	</array>
</dict>
</plist>
"#
)]
struct Document<'a> {
    identifier: String,
    uuids: [String; 2],
    title: String,
    description: String,
    site: &'a str,
    ends: Option<String>,
    account: &'a str,
    imap: &'a MailServer,
    smtp: &'a MailServer,
    password: &'a str,
}

/// Whether there can be profiles for a site: where people may read by IMAP and send by SMTP.
#[must_use]
pub fn is_possible(site: &MailSite) -> bool {
    first(site, MailProtocol::Imap).is_some() && first(site, MailProtocol::Submission).is_some()
}

fn first(site: &MailSite, protocol: MailProtocol) -> Option<&MailServer> {
    site.servers.iter().find(|server| server.protocol == protocol)
}

impl Profile<'_> {
    /// The file, in the language of the page that asked for it; `None`: not for this site.
    #[must_use]
    pub fn document(&self, f: &Frame, entropy: &Entropy) -> Option<Zeroizing<String>> {
        let name = allowed(self.name);
        let description =
            f.t3("profile-description", [("account", self.account), ("name", &name), ("site", &f.site)]);
        let document = Document {
            identifier: identifier(self.account),
            uuids: [uuid(entropy), uuid(entropy)],
            title: f.t1("profile-name", "account", self.account),
            description,
            site: &self.site.name,
            ends: self.expires.and_then(date),
            account: self.account,
            imap: first(self.site, MailProtocol::Imap)?,
            smtp: first(self.site, MailProtocol::Submission)?,
            password: self.password.reveal(),
        };
        document.render().ok().map(Zeroizing::new)
    }

    /// What the file is to be called: letters, digits and `.-_@`, so that it needs no quoting anywhere.
    #[must_use]
    pub fn file_name(&self) -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_@".contains(byte);
        let name: String =
            self.account.bytes().filter(plain).take(FILE_NAME_BYTES_MAX).map(char::from).collect();
        let name = name.trim_start_matches('.');
        format!("{}{ENDING}", if name.is_empty() { "mail" } else { name })
    }
}

/// One for each account: a device that gets another profile of the same account replaces the first.
fn identifier(account: &str) -> String {
    let (local, domain) = account.rsplit_once('@').unwrap_or((account, ""));
    let reversed: Vec<&str> = domain.rsplit('.').collect();
    let mut identifier = String::new();
    for byte in format!("{}.mail.{local}", reversed.join(".")).bytes() {
        match byte {
            b'.' | b'-' => identifier.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => identifier.push(char::from(byte)),
            byte => identifier.extend(["_", &HEXLOWER.encode(&[byte])]),
        }
    }
    identifier
}

/// A random UUID (RFC 9562, version 4), as Apple writes it.
fn uuid(entropy: &Entropy) -> String {
    let mut bytes: [u8; 16] = entropy.bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXUPPER.encode(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A time as property lists have it.
fn date(at: Timestamp) -> Option<String> {
    Instant::from_second(at.0).ok().map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Without the characters that no document of XML 1.0 may have, not even escaped.
fn allowed(text: &str) -> String {
    text.chars()
        .filter(|&character| {
            matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
                || character >= '\u{10000}'
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use plist::{Dictionary, Value};

    use super::*;
    use crate::config::Language;
    use crate::config::portal::Security;

    const PASSWORD: &str = "ABCDefgh2345mnpq";

    fn site() -> MailSite {
        let server =
            |protocol, host: &str, port, security| MailServer { protocol, host: host.into(), port, security };
        MailSite {
            name: "Example <Mail>".into(),
            domains: vec!["example.org".into()],
            servers: vec![
                server(MailProtocol::Pop3, "pop.example.org", 995, Security::Tls),
                server(MailProtocol::Imap, "imap.example.org", 993, Security::Tls),
                server(MailProtocol::Submission, "smtp.example.org", 587, Security::Starttls),
                server(MailProtocol::Submission, "other.example.org", 465, Security::Tls),
            ],
            portal: "https://portal.example.org".into(),
        }
    }

    fn frame(language: Language) -> Frame {
        Frame { language, site: "Example <Mail>".into(), ..Frame::default() }
    }

    fn read(document: &str) -> Dictionary {
        Value::from_reader_xml(document.as_bytes())
            .expect("a property list")
            .into_dictionary()
            .expect("of keys")
    }

    fn text<'a>(dictionary: &'a Dictionary, key: &str) -> &'a str {
        dictionary.get(key).and_then(Value::as_string).unwrap_or_else(|| panic!("{key}"))
    }

    fn number(dictionary: &Dictionary, key: &str) -> Option<u64> {
        dictionary.get(key).and_then(Value::as_unsigned_integer)
    }

    fn yes(dictionary: &Dictionary, key: &str) -> bool {
        dictionary.get(key).and_then(Value::as_boolean).unwrap_or_else(|| panic!("{key}"))
    }

    #[test]
    fn a_profile_sets_up_one_account_with_its_own_password() {
        let (site, password) = (site(), Hidden::new(PASSWORD));
        let profile = Profile {
            site: &site,
            account: "ann@example.org",
            name: "Ann's <iPhone> & \u{fffe}more",
            password: &password,
            expires: None,
        };
        let entropy = Entropy::from_seed(1);
        let document = profile.document(&frame(Language::En), &entropy).expect("a document");
        let outer = read(&document);
        assert_eq!(text(&outer, "PayloadType"), "Configuration");
        assert_eq!(number(&outer, "PayloadVersion"), Some(1));
        assert_eq!(text(&outer, "PayloadIdentifier"), "org.example.mail.ann");
        assert_eq!(text(&outer, "PayloadOrganization"), "Example <Mail>");
        assert_eq!(text(&outer, "PayloadDisplayName"), "Mail for ann@example.org");
        assert!(text(&outer, "PayloadDescription").contains("“Ann's <iPhone> & more”"));
        assert!(!yes(&outer, "PayloadRemovalDisallowed") && !outer.contains_key("RemovalDate"));
        let content = outer.get("PayloadContent").and_then(Value::as_array).expect("payloads");
        assert_eq!(content.len(), 1);
        let mail = content[0].as_dictionary().expect("a payload");
        for (key, value) in [
            ("PayloadType", "com.apple.mail.managed"),
            ("PayloadIdentifier", "org.example.mail.ann.account"),
            ("EmailAccountType", "EmailTypeIMAP"),
            ("EmailAddress", "ann@example.org"),
            ("IncomingMailServerAuthentication", "EmailAuthPassword"),
            ("IncomingMailServerHostName", "imap.example.org"),
            ("IncomingMailServerUsername", "ann@example.org"),
            ("IncomingPassword", PASSWORD),
            ("OutgoingMailServerAuthentication", "EmailAuthPassword"),
            ("OutgoingMailServerHostName", "smtp.example.org"),
            ("OutgoingMailServerUsername", "ann@example.org"),
        ] {
            assert_eq!(text(mail, key), value, "{key}");
        }
        assert_eq!(number(mail, "IncomingMailServerPortNumber"), Some(993));
        assert_eq!(number(mail, "OutgoingMailServerPortNumber"), Some(587));
        for key in
            ["IncomingMailServerUseSSL", "OutgoingMailServerUseSSL", "OutgoingPasswordSameAsIncomingPassword"]
        {
            assert!(yes(mail, key), "{key}");
        }
        assert_eq!(document.matches(PASSWORD).count(), 1);
        assert_ne!(text(mail, "PayloadUUID"), text(&outer, "PayloadUUID"));
        let chinese = read(&profile.document(&frame(Language::ZhCn), &entropy).expect("a document"));
        assert_eq!(text(&chinese, "PayloadDisplayName"), "ann@example.org 的邮箱");
        assert_ne!(text(&chinese, "PayloadUUID"), text(&outer, "PayloadUUID"));
        assert!(!format!("{profile:?}").contains(PASSWORD));
    }

    #[test]
    fn the_profile_of_a_password_that_ends_ends_with_it() {
        let (site, password) = (site(), Hidden::new(PASSWORD));
        let expires = Some(Timestamp(1_800_000_000));
        let profile =
            Profile { site: &site, account: "ann@example.org", name: "Pad", password: &password, expires };
        let document = profile.document(&frame(Language::En), &Entropy::from_seed(1)).expect("a document");
        let ends = read(&document).get("RemovalDate").and_then(Value::as_date).expect("a date");
        assert_eq!(ends.to_xml_format(), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn a_site_needs_a_server_for_each_way() {
        let password = Hidden::new(PASSWORD);
        for protocol in [MailProtocol::Imap, MailProtocol::Submission] {
            let mut site = site();
            assert!(is_possible(&site));
            site.servers.retain(|server| server.protocol != protocol);
            assert!(!is_possible(&site));
            let profile = Profile {
                site: &site,
                account: "ann@example.org",
                name: "Pad",
                password: &password,
                expires: None,
            };
            assert!(profile.document(&frame(Language::En), &Entropy::from_seed(1)).is_none());
        }
    }

    #[test]
    fn an_uuid_is_random_and_says_so() {
        let first = uuid(&Entropy::from_seed(1));
        assert_eq!(first.len(), 36);
        assert_eq!(first.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(first.as_bytes()[14] == b'4' && b"89AB".contains(&first.as_bytes()[19]), "{first}");
        assert_ne!(first, uuid(&Entropy::from_seed(2)));
    }

    #[test]
    fn names_of_files_and_profiles_are_plain() {
        let (site, password) = (site(), Hidden::new(PASSWORD));
        let file = |account: &str| {
            Profile { site: &site, account, name: "Pad", password: &password, expires: None }.file_name()
        };
        assert_eq!(file("ann+x@example.org"), "annx@example.org.mobileconfig");
        assert_eq!(file("../\"\r\nx@例子.cn"), "x@.cn.mobileconfig");
        assert_eq!(file("例子"), "mail.mobileconfig");
        assert_eq!(file(&"a".repeat(FILE_NAME_BYTES_MAX)).len(), FILE_NAME_BYTES_MAX + ENDING.len());
        assert_eq!(file(&"a".repeat(FILE_NAME_BYTES_MAX + 1)).len(), FILE_NAME_BYTES_MAX + ENDING.len());
        let different =
            ["a_2b@example.org", "a+@example.org", "a@b.example.org", "a.b@example.org", "a_@example.org"];
        let identifiers: std::collections::BTreeSet<String> =
            different.iter().map(|one| identifier(one)).collect();
        assert_eq!(identifiers.len(), different.len());
        assert_eq!(identifier("änn@example.org"), "org.example.mail._c3_a4nn");
    }
}
