//! One line of text becomes a path, a network, a domain…, or a fault with its cure.

use std::net::{IpAddr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use ipnet::{IpNet, Ipv4Net};

use super::complaint::Fault;
use super::template::{self, Marks};
use crate::gate::domain::normal;
use crate::gate::event::Kind;

/// The longest path of a Unix socket; the kernel has room for 108 bytes with the one that ends it.
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The longest path of a file, as the kernel has it.
pub(super) const PATH_BYTES_MAX: usize = 4095;

/// The longest name of a user or group.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// The longest domain (RFC 1035) and the longest of its parts.
pub(super) const DOMAIN_BYTES_MAX: usize = 253;
pub(super) const LABEL_BYTES_MAX: usize = 63;

/// The longest address of the portal: it has to fit into a line of SMTP beside the text.
pub(super) const URL_BYTES_MAX: usize = 200;

/// The longest text of a message: it goes into one line of SMTP, which ends at 512 bytes (RFC 5321,
/// 4.5.3.1.5) and begins with two codes.
pub(super) const MESSAGE_BYTES_MAX: usize = 400;

/// The name of a user or group.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let odd = |c: char| c.is_whitespace() || matches!(c, ':' | '/' | ',');
    if text.contains(odd) || text.len() > NAME_BYTES_MAX {
        let cure = "write it as in /etc/passwd or /etc/group";
        return Err(Fault::new(format!("\"{text}\" is no name of a user or group"), cure));
    }
    Ok(text.to_owned())
}

/// The whole path of a file.
pub(super) fn path(text: &str) -> Result<PathBuf, Fault> {
    let path = Path::new(text);
    let fault = |problem: &str, cure| Err(Fault::new(format!("\"{text}\" {problem}"), cure));
    if !text.starts_with('/') {
        fault("is no whole path", "write it from the first / on")
    } else if path.components().any(|part| part == Component::ParentDir) {
        fault("goes up with ..", "write the path without ..")
    } else if text.ends_with('/') {
        fault("is a folder", "add the name of the file")
    } else if text.len() > PATH_BYTES_MAX {
        Err(Fault::new(format!("is longer than {PATH_BYTES_MAX} bytes"), "choose a shorter path"))
    } else {
        Ok(path.to_owned())
    }
}

/// A file with a secret in it: its whole path, or the name under which systemd passes it as a credential.
pub(super) fn secret_file(text: &str) -> Result<PathBuf, Fault> {
    if !text.contains('/') && !text.starts_with('.') && text.len() <= NAME_BYTES_MAX {
        return Ok(text.into());
    }
    path(text)
}

/// An event's name that somebody may be told of. Logins and messages are too many, and a limit is told anyway.
pub(super) fn event(text: &str) -> Result<Kind, Fault> {
    let told = |kind: &Kind| {
        let too_many = matches!(kind, Kind::Login | Kind::FactorTried | Kind::CodeSent | Kind::Sending);
        !too_many && *kind != Kind::LimitReached
    };
    match Kind::from_word(text).filter(told) {
        Some(kind) => Ok(kind),
        None => {
            let all: Vec<&str> = Kind::ALL.iter().filter(|kind| told(kind)).map(|kind| kind.word()).collect();
            let cure = format!("choose from {}", all.join(", "));
            Err(Fault::new(format!("\"{text}\" is no event to be told of"), cure))
        }
    }
}

/// A folder.
pub(super) fn folder(text: &str) -> Result<PathBuf, Fault> {
    // A slash at the end says that it is one, and means nothing else.
    path(text.strip_suffix('/').filter(|text| !text.is_empty()).unwrap_or(text))
}

/// The whole path of a socket.
pub(super) fn socket_path(text: &str) -> Result<PathBuf, Fault> {
    if text.len() > SOCKET_PATH_BYTES_MAX {
        let problem = format!("is longer than {SOCKET_PATH_BYTES_MAX} bytes, the most for a socket");
        return Err(Fault::new(problem, "choose a shorter path"));
    }
    path(text)
}

/// An address and port of this host that only this host reaches.
pub(super) fn loopback(text: &str) -> Result<SocketAddr, Fault> {
    let address = backend(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let problem = format!("{} can be reached from other hosts, and HTTP is not encrypted", address.ip());
    Err(Fault::new(problem, format!("write \"127.0.0.1:{}\", or a path", address.port())))
}

/// An address and port.
pub(super) fn backend(text: &str) -> Result<SocketAddr, Fault> {
    let usable = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    let cure = "write it as \"127.0.0.1:143\" or \"[::1]:143\"";
    usable.ok_or_else(|| Fault::new(format!("\"{text}\" is no IP address and port"), cure))
}

/// A network in CIDR form, exactly as addresses will be compared with it.
pub(super) fn network(text: &str) -> Result<IpNet, Fault> {
    if let Ok(address) = text.parse::<IpAddr>() {
        let network = folded(IpNet::from(address));
        return Err(Fault::new(
            format!("{text} is an address, not a network"),
            format!("write \"{network}\""),
        ));
    }
    let Ok(network) = text.parse::<IpNet>() else {
        let cure = "write it as \"192.0.2.0/24\" or \"2001:db8::/32\"";
        return Err(Fault::new(format!("\"{text}\" is no network"), cure));
    };
    let cure = format!("write \"{}\"", folded(network.trunc()));
    if network != network.trunc() {
        Err(Fault::new(format!("{text} has bits set behind its prefix"), cure))
    } else if network != folded(network) {
        Err(Fault::new(format!("{text} is an IPv4 network written as IPv6"), cure))
    } else {
        Ok(network)
    }
}

/// IPv4-mapped networks as IPv4, since client addresses are folded in the same way before they are compared.
fn folded(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let v4 = v6.network().to_ipv4_mapped();
    let prefix = v6.prefix_len().checked_sub(96);
    v4.zip(prefix).and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

/// A network that is not the whole internet.
pub(super) fn narrow_network(text: &str) -> Result<IpNet, Fault> {
    match network(text) {
        Ok(network) if network.prefix_len() == 0 => {
            Err(Fault::new(format!("{text} is every address there is"), "name the hosts that are meant"))
        }
        result => result,
    }
}

/// A domain in its one form: ASCII, in lower case. People may write it in Unicode.
pub(super) fn domain(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new(format!("\"{text}\" is no domain"), "write it as \"example.org\"");
    let label_ok = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let domain = normal(text).ok_or_else(fault)?;
    let numeric =
        domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if domain.len() > DOMAIN_BYTES_MAX || numeric || !domain.split('.').all(label_ok) {
        return Err(fault());
    }
    Ok(domain)
}

/// The address of a page.
pub(super) fn url(text: &str) -> Result<String, Fault> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let odd = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\' | '{' | '}');
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || text.contains(odd) {
        let cure = "write it as \"https://mail.example.org/portal\"";
        return Err(Fault::new(format!("\"{text}\" is no address of a page"), cure));
    }
    if text.len() > URL_BYTES_MAX {
        return Err(Fault::new(format!("is longer than {URL_BYTES_MAX} bytes"), "choose a shorter address"));
    }
    Ok(text.to_owned())
}

/// The template of a home, whole and different for every account.
pub(super) fn home(text: &str) -> Result<String, Fault> {
    path(text.trim_end_matches('/'))?;
    template::check(text, Marks::Percent, template::IN_HOME)?;
    let personal = ["user", "username"];
    if !personal.iter().any(|name| template::holds(text, Marks::Percent, name)) {
        let problem = "is the same home for every account";
        return Err(Fault::new(problem, "add %{user}, or %{domain} and %{username}"));
    }
    Ok(text.to_owned())
}

/// A message with placeholders, short enough with the portal's address filled in.
pub(super) fn message(text: &str, placeholders: &[&str], portal: &str) -> Result<String, Fault> {
    template::check(text, Marks::Braces, placeholders)?;
    let bytes = text.replace("{portal}", portal).len();
    if bytes > MESSAGE_BYTES_MAX {
        let problem = format!("has {bytes} bytes, more than {MESSAGE_BYTES_MAX}");
        return Err(Fault::new(problem, "shorten it; Postfix puts it into one line"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a parser says: its value, or the fault in one line.
    fn told<T: ToString>(result: Result<T, Fault>) -> String {
        result.map_or_else(|fault| fault.to_string(), |value| value.to_string())
    }

    #[track_caller]
    fn check_network(text: &str, expected: &str) {
        assert_eq!(told(network(text)), expected);
    }

    #[test]
    fn networks_are_corrected_in_the_cure() {
        check_network("192.0.2.0/24", "192.0.2.0/24");
        check_network("::1/128", "::1/128");
        check_network("::/0", "::/0");
        check_network("192.0.2.7/24", "192.0.2.7/24 has bits set behind its prefix; write \"192.0.2.0/24\"");
        check_network("2001:db8::7", "2001:db8::7 is an address, not a network; write \"2001:db8::7/128\"");
        check_network(
            "::ffff:192.0.2.0/120",
            "::ffff:192.0.2.0/120 is an IPv4 network written as IPv6; write \"192.0.2.0/24\"",
        );
        check_network(
            "::ffff:192.0.2.7",
            "::ffff:192.0.2.7 is an address, not a network; write \"192.0.2.7/32\"",
        );
        check_network(
            "localhost",
            "\"localhost\" is no network; write it as \"192.0.2.0/24\" or \"2001:db8::/32\"",
        );
    }

    #[test]
    fn main_passwords_are_not_allowed_from_everywhere() {
        assert!(narrow_network("192.0.2.0/24").is_ok());
        assert!(narrow_network("0.0.0.0/0").is_err());
        assert!(narrow_network("::/0").is_err());
    }

    #[track_caller]
    fn check_path(text: &str, problem: Option<&str>) {
        assert_eq!(path(text).err().map(|fault| fault.problem), problem.map(Into::into));
    }

    #[test]
    fn paths_are_whole() {
        check_path("/var/lib/x.db", None);
        check_path("/var/lib/..x.db", None);
        check_path("x.db", Some("\"x.db\" is no whole path"));
        check_path("~/x.db", Some("\"~/x.db\" is no whole path"));
        check_path("/a/../x.db", Some("\"/a/../x.db\" goes up with .."));
        check_path("/var/lib/", Some("\"/var/lib/\" is a folder"));
    }

    #[test]
    fn a_secret_has_a_whole_path_or_the_name_of_a_credential() {
        for right in ["/etc/sidegate/sms.secret", "sms.secret"] {
            assert_eq!(secret_file(right), Ok(right.into()));
        }
        for wrong in ["secrets/sms", "../sms.secret", ".sms", "..", &"a".repeat(NAME_BYTES_MAX + 1)] {
            assert!(secret_file(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_have_a_longest_length() {
        let long = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert!(socket_path(&long(SOCKET_PATH_BYTES_MAX)).is_ok());
        assert!(socket_path(&long(SOCKET_PATH_BYTES_MAX + 1)).is_err());
        assert!(path(&long(PATH_BYTES_MAX)).is_ok());
        assert!(path(&long(PATH_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn names_of_users_have_no_spaces_and_a_longest_length() {
        assert_eq!(name("_dovecot-1$"), Ok("_dovecot-1$".into()));
        for wrong in ["a b", "a:b", "a/b", "a,b"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        assert!(name(&"a".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(name(&"a".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn domains_are_names_of_hosts() {
        assert_eq!(domain("Example.ORG"), Ok("example.org".into()));
        assert_eq!(domain("intranet"), Ok("intranet".into()));
        for written in ["例子.中国", "例子。中国", "xn--fsqu00a.XN--FIQS8S"] {
            assert_eq!(domain(written), Ok("xn--fsqu00a.xn--fiqs8s".into()), "{written}");
        }
        for wrong in
            ["@a.example", "a..b", "a.example.", ".a", "-a.b", "a-.b", "a_b.c", "a b", "192.0.2.7", "xn--a"]
        {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn domains_have_a_longest_length() {
        let label = "a".repeat(LABEL_BYTES_MAX);
        let full = [&label[..], &label, &label, &label[..DOMAIN_BYTES_MAX - 3 * (LABEL_BYTES_MAX + 1)]];
        let full = full.join(".");
        assert_eq!(full.len(), DOMAIN_BYTES_MAX);
        assert!(domain(&full).is_ok());
        assert!(domain(&format!("{full}a")).is_err());
        assert!(domain(&format!("{label}a.org")).is_err());
    }

    #[test]
    fn the_portal_is_a_page_with_a_host() {
        for right in ["https://mail.example.org", "http://127.0.0.1:8080/portal?a=b#c", "https://例子.中国/"]
        {
            assert_eq!(url(right), Ok(right.into()));
        }
        for wrong in
            ["mail.example.org", "ftp://a.example", "https://", "https:///x", "https://a b", "https://a/\""]
        {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        let long = |bytes: usize| format!("https://{}", "a".repeat(bytes - 8));
        assert!(url(&long(URL_BYTES_MAX)).is_ok());
        assert!(url(&long(URL_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_home_is_whole_and_personal() {
        assert!(home("/srv/mail/%{user}").is_ok());
        assert!(home("/srv/mail/%{domain}/%{username}/").is_ok());
        for wrong in
            ["/srv/mail", "/srv/%{domain}", "mail/%{user}", "/srv/%{home}/%{user}", "/srv/%u", "/../%{user}"]
        {
            assert!(home(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_message_fits_into_a_line_with_the_portal_filled_in() {
        let portal = "https://mail.example.org";
        let check = |bytes: usize| {
            let text = format!("{{portal}}{}", "a".repeat(bytes - portal.len()));
            message(&text, &["portal"], portal)
        };
        assert!(check(MESSAGE_BYTES_MAX).is_ok());
        assert!(check(MESSAGE_BYTES_MAX + 1).is_err());
    }

    proptest! {
        #[test]
        fn the_cure_of_a_network_is_a_network(address in any::<IpAddr>(), prefix in 0u8..=128) {
            for text in [address.to_string(), format!("{address}/{prefix}")] {
                let Err(fault) = network(&text) else { continue };
                let Some(cure) = fault.cure.strip_prefix("write \"") else { continue };
                let cured = cure.trim_end_matches('"');
                prop_assert_eq!(network(cured).map(|network| network.to_string()), Ok(cured.to_owned()));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = (network(&text), socket_path(&text), domain(&text), url(&text), home(&text), name(&text));
        }
    }
}
