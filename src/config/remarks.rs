//! What is no mistake and yet probably not meant: told by `--check`, at the start and by `sidegate doctor`.

use std::fmt;

use ipnet::IpNet;

use super::{CheckedBy, Config, MailClients};

/// Something to think about, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What is so.
    pub problem: String,
    /// What to do about it.
    pub cure: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.cure)
    }
}

impl Config {
    /// What stands there and does not mean what it seems to.
    #[must_use]
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks: Vec<_> = self.webmails_among(&self.lockout.exempt).map(|(webmail, exempt)| Remark {
            problem: format!(
                "{webmail} in main_password.allowed_from and {exempt} in lockout.exempt are one host: failures of a \
                 webmail that tells no user's address count for the account and are slowed, exempt or not"
            ),
            cure: "let the webmail tell its users' addresses (Dovecot: login_trusted_networks): then those are blocked"
                .to_owned(),
        }).collect();
        let hands_on = self.main_password.mail_clients == MailClients::UntilTwoFactor
            || !self.main_password.allowed_from.is_empty();
        let checked = self.upstream.is_some() || self.main_password.checked_by == CheckedBy::NextPassdb;
        let unnamed = self.accounts.domains.is_none()
            && self.accounts.default_domain.is_none()
            && self.people.domains.is_empty();
        if hands_on && checked && unnamed {
            remarks.push(Remark {
                problem: "no setting names a domain of this site: main passwords of people who have no account here \
                          are refused, but for those in the domain of a known account"
                    .to_owned(),
                cure: "accounts.domains = [\"example.org\"]".to_owned(),
            });
        }
        remarks
    }

    /// Hosts in `main_password.allowed_from` that are in other networks too, with those.
    pub fn webmails_among<'a>(&'a self, networks: &'a [IpNet]) -> impl Iterator<Item = (IpNet, IpNet)> + 'a {
        let webmails = self.main_password.allowed_from.iter();
        webmails.flat_map(|webmail| {
            let meets = move |other: &&IpNet| other.contains(webmail) || webmail.contains(*other);
            networks.iter().filter(meets).map(|other| (*webmail, *other))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn remarks(settings: &str) -> Vec<String> {
        let listener = "[[listen]]\nprotocol = \"auth-client\"\npath = \"/run/a\"\n";
        let upstream = "[upstream]\nauth = \"/run/b\"\nuserdb = \"/run/c\"\n";
        let source = Source { name: "test".into(), text: format!("{settings}\n{listener}{upstream}") };
        let config = Config::from_sources(&[source]).unwrap();
        config.remarks().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_host_in_two_lists_is_named() {
        let domain = "accounts.default_domain = \"example.org\"\n";
        assert_eq!(remarks(""), [""; 0]);
        assert_eq!(remarks(&format!("{domain}main_password.allowed_from = [\"192.0.2.9/32\"]")), [""; 0]);
        let told = remarks(&format!("{domain}main_password.allowed_from = [\"127.0.0.1/32\"]"));
        assert!(told.len() == 1 && told[0].contains("127.0.0.1/32 in lockout.exempt"), "{told:?}");
        let told = remarks(&format!(
            "{domain}main_password.allowed_from = [\"192.0.2.9/32\"]\nlockout.exempt = [\"192.0.2.0/24\"]"
        ));
        assert!(told.len() == 1 && told[0].contains("login_trusted_networks"), "{told:?}");
    }

    #[test]
    fn a_site_without_a_domain_is_told_before_people_are_refused() {
        let told = remarks("main_password.mail_clients = \"until-two-factor\"");
        assert!(told.len() == 1 && told[0].contains("accounts.domains"), "{told:?}");
        for named in ["accounts.domains = [\"example.org\"]", "portal.domains = [\"example.org\"]"] {
            let settings = format!("main_password.mail_clients = \"until-two-factor\"\n{named}");
            assert_eq!(remarks(&settings), [""; 0], "{named}");
        }
    }
}
