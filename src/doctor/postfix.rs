//! What `postconf -n`, `-M` and `-P` print: settings, services and their own settings.

use std::collections::BTreeMap;

/// Postfix, as it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Postfix {
    settings: BTreeMap<String, String>,
    /// Services of `master.cf`, in its order.
    pub services: Vec<Service>,
}

/// A service of `master.cf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its first column: a port, perhaps with an address.
    pub name: String,
    /// Its second: `inet`, `unix`, `pass`…
    pub kind: String,
    /// Whether it sees its queue directory only.
    pub chroot: bool,
    /// The program.
    pub program: String,
    own: BTreeMap<String, String>,
}

/// What Postfix does where `main.cf` is silent: `postconf -n` does not tell it.
const DEFAULTS: [(&str, &str); 7] = [
    ("queue_directory", "/var/spool/postfix"),
    ("smtpd_sasl_type", "cyrus"),
    ("smtpd_sasl_path", "smtpd"),
    ("smtpd_sasl_auth_enable", "no"),
    ("smtpd_delay_reject", "yes"),
    ("smtpd_tls_auth_only", "no"),
    ("smtpd_policy_service_default_action", "451 4.3.5 Server configuration problem"),
];

/// A setting in a setting in a setting; deeper is a mistake.
const DEPTH_MAX: u32 = 8;

impl Postfix {
    /// From what `postconf -n`, `postconf -M` and `postconf -P` printed.
    #[must_use]
    pub fn parse(main: &str, master: &str, own: &str) -> Self {
        let settings = main.lines().filter_map(pair).collect();
        let mut services: Vec<Service> = master.lines().filter_map(service).collect();
        for (name, value) in own.lines().filter_map(pair) {
            // submission/inet/smtpd_sasl_auth_enable; an address has no slash in it, a socket's path may.
            let mut parts = name.rsplitn(3, '/');
            let (setting, kind, of) = (parts.next(), parts.next(), parts.next());
            let meant = |service: &&mut Service| of == Some(&service.name) && kind == Some(&service.kind);
            if let (Some(setting), Some(service)) = (setting, services.iter_mut().find(meant)) {
                service.own.insert(setting.to_owned(), value);
            }
        }
        Self { settings, services }
    }

    /// A setting of `main.cf`, or its default, with settings that stand in it filled in.
    #[must_use]
    pub fn get(&self, name: &str) -> String {
        self.expand(self.settings.get(name).map_or_else(|| default_of(name), String::as_str), DEPTH_MAX)
    }

    /// A setting as a service has it.
    #[must_use]
    pub fn of(&self, service: &Service, name: &str) -> String {
        match service.own.get(name) {
            Some(value) => self.expand(value, DEPTH_MAX),
            None => self.get(name),
        }
    }

    /// Whether a service has a setting on.
    #[must_use]
    pub fn is_on(&self, service: &Service, name: &str) -> bool {
        self.of(service, name) == "yes"
    }

    /// The services that talk SMTP to clients.
    pub fn smtpd(&self) -> impl Iterator<Item = &Service> {
        let talks = |service: &&Service| matches!(service.kind.as_str(), "inet" | "pass");
        self.services.iter().filter(talks).filter(|service| service.program == "smtpd")
    }

    /// A path as seen from outside the chroot.
    #[must_use]
    pub fn outside(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}/{path}", self.get("queue_directory"))
        }
    }

    /// `$name`, `${name}` and `$(name)`; conditions (`${name?text}`) are left as they stand.
    fn expand(&self, text: &str, depth: u32) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (name, left) = reference(after);
            match depth {
                _ if name.is_empty() => out.push('$'),
                0 => {}
                _ => {
                    let value = self.settings.get(name).map_or_else(|| default_of(name), String::as_str);
                    out.push_str(&self.expand(value, depth - 1));
                }
            }
            rest = left;
        }
        out + rest
    }
}

/// The name that a `$` refers to, and what follows it.
fn reference(text: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (opens, closes) in [('{', '}'), ('(', ')')] {
        if let Some((name, rest)) = text.strip_prefix(opens).and_then(|text| text.split_once(closes)) {
            return if name.chars().all(is_name) { (name, rest) } else { ("", text) };
        }
    }
    text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()))
}

fn default_of(name: &str) -> &'static str {
    DEFAULTS.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// One line of `postconf -M`: name, type, private, unprivileged, chroot, wakeup, limit, program.
fn service(line: &str) -> Option<Service> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [name, kind, _, _, chroot, _, _, program, ..] = columns.as_slice() else { return None };
    Some(Service {
        name: (*name).to_owned(),
        kind: (*kind).to_owned(),
        // Since Postfix 3 the dash means no.
        chroot: *chroot == "y",
        program: (*program).to_owned(),
        own: BTreeMap::new(),
    })
}

impl Service {
    /// Its port as a word or a number.
    #[must_use]
    pub fn port(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or(&self.name)
    }

    /// It takes mail from everywhere: port 25, alone or behind postscreen.
    #[must_use]
    pub fn is_port_25(&self) -> bool {
        matches!(self.port(), "25" | "smtp") || self.kind == "pass"
    }

    /// It is called what services are called through which people send.
    #[must_use]
    pub fn is_submission(&self) -> bool {
        matches!(self.port(), "587" | "465" | "submission" | "submissions" | "smtps")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_of_services_win_and_are_filled_in() {
        let main = "queue_directory = /q\nhook = check_policy_service $where\nwhere = unix:sidegate/policy\n";
        let master = "submission inet n - y - - smtpd -o a=$hook\nsmtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\n";
        let own = "submission/inet/a = ${hook}\nsubmission/inet/smtpd_sasl_auth_enable = yes\n";
        let postfix = Postfix::parse(main, master, own);
        let service = postfix.smtpd().next().unwrap();
        assert_eq!(postfix.of(service, "a"), "check_policy_service unix:sidegate/policy");
        assert!(
            service.is_submission() && service.chroot && postfix.is_on(service, "smtpd_sasl_auth_enable")
        );
        assert_eq!(postfix.smtpd().filter(|service| service.is_port_25()).count(), 1);
        assert_eq!(postfix.get("smtpd_sasl_type"), "cyrus");
        assert_eq!(postfix.outside("sidegate/auth"), "/q/sidegate/auth");
        assert_eq!(postfix.get("nothing"), "");
    }

    #[test]
    fn a_setting_in_itself_ends() {
        let postfix = Postfix::parse("a = $a$a\nb = ${c?d} $\n", "", "");
        assert_eq!(postfix.get("a"), "");
        assert_eq!(postfix.get("b"), "${c?d} $");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-c$({})=/ \n]{0,60}") {
            let postfix = Postfix::parse(&text, &text, &text);
            let _ = (postfix.get("a"), postfix.smtpd().count());
        }
    }
}
