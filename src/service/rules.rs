//! The settings in the form that deciding needs; replaced as a whole when they are read again.

use std::borrow::Cow;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::config::{
    self, AtWebmail, CheckedBy, Config, ListenProtocol, Listener, MailClients, Mandatory, Mode, NullSender,
    OnLimit, People, Repeats, Userdb,
};
use crate::gate::account::Account;
use crate::gate::address::{Key, Prefixes};
use crate::gate::factor::FactorKind;
use crate::gate::identity::Site;
use crate::gate::login::Policy;
use crate::gate::mandatory::{MandatoryRule, duty_of};
use crate::gate::messages::Messages;
use crate::gate::name::{AccountName, Protocol};
use crate::gate::people::PeopleRules;
use crate::gate::record::LockoutRules;
use crate::gate::translated::Nat64;
use crate::hasher::Cost;

/// What every decision goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Failures and blocks.
    pub lockout: LockoutRules,
    /// What counts as one source.
    pub prefixes: Prefixes,
    /// Never blocked.
    pub exempt: Vec<IpNet>,
    /// How long the answer to a failure is held back.
    pub failure_delay: Duration,
    /// Who may use a main password.
    pub policy: Policy,
    /// Texts for people.
    pub messages: Messages,
    /// For names without `@`.
    pub default_domain: Option<String>,
    /// Which names are handed on to whoever knows main passwords.
    pub site: Site,
    /// What a new hash costs.
    pub cost: Cost,
    /// The most client passwords of an account.
    pub per_account: u32,
    /// The template for accounts of ours.
    pub userdb: Option<Userdb>,
    /// How long events are kept.
    pub events_keep: Duration,
    /// Who may send what.
    pub sending: SendingRules,
    /// What people may do in the portal.
    pub people: Arc<PeopleRules>,
    /// Logins are decided here, at some listener; without one, what is said of main passwords holds nobody.
    pub decides_logins: bool,
    /// Nothing is refused, only put down (`service/observe.rs`).
    pub observe: bool,
}

impl From<&People> for PeopleRules {
    fn from(people: &People) -> Self {
        let origin = people.origin.clone();
        let relying_party = origin
            .as_deref()
            .map(|origin| people.relying_party.clone().unwrap_or_else(|| config::host_of(origin).to_owned()));
        let allowed = |kind: &FactorKind| {
            people.factors.contains(kind) && (origin.is_some() || *kind != FactorKind::Passkey)
        };
        Self {
            issuer: people.issuer.clone(),
            relying_party,
            domains: people.domains.clone(),
            administrators: people.administrators.clone(),
            kinds: FactorKind::ALL.into_iter().filter(allowed).collect(),
            trust_for: people.trust_for,
            sms_countries: people.sms_countries.clone(),
            codes: people.codes,
            set_up_code: people.set_up_code,
            mandatory: people.mandatory.iter().map(|rule| mandatory(rule, &TimeZone::system())).collect(),
            origin,
        }
    }
}

/// A day begins when it begins here. One that is past all calendars never does.
fn mandatory(rule: &Mandatory, zone: &TimeZone) -> MandatoryRule {
    let begin =
        |day: Date| day.to_zoned(zone.clone()).map_or(i64::MAX, |begin| begin.timestamp().as_second());
    MandatoryRule { whom: rule.whom.clone(), from: rule.from.map(begin).map(Timestamp), grace: rule.grace }
}

/// Whether somebody asks at a listener for the verdict on a login to send.
fn decides_logins(listener: &Listener) -> bool {
    match listener.protocol {
        ListenProtocol::AuthClient | ListenProtocol::Dict | ListenProtocol::Saslauthd => true,
        ListenProtocol::Http => listener.backends.smtp.is_some(),
        ListenProtocol::AuthMaster
        | ListenProtocol::Policy
        | ListenProtocol::Socketmap
        | ListenProtocol::Milter => false,
    }
}

/// What decisions about sending go by.
#[derive(Clone, Debug)]
pub struct SendingRules {
    /// Whoever is logged in may use the null sender.
    pub null_sender: bool,
    /// At a limit, the client password that sent most is removed.
    pub revokes: bool,
    /// Messages that one connection may begin in a minute.
    pub per_connection: Option<NonZeroU32>,
    /// Messages that one source may begin in a minute.
    pub per_address: Option<NonZeroU32>,
}

impl Rules {
    /// What is admitted of whom this name is; without an account, of whoever has the name upstream.
    pub(super) fn policy_for(
        &self,
        name: &AccountName,
        account: Option<&Account>,
        now: Timestamp,
    ) -> Cow<'_, Policy> {
        let (name, group) = account.map_or((name, None), |known| (&known.name, known.group.as_ref()));
        self.policy.under(duty_of(&self.people.mandatory, name, group, now))
    }

    /// Whether an address is never blocked.
    #[must_use]
    pub fn exempts(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&address))
    }

    /// The same at one door. People come to the portal from elsewhere: a loopback address there is that of a web server
    /// in front which did not say whom it passed on, and stands for everybody.
    #[must_use]
    pub fn exempts_at(&self, protocol: &Protocol, address: IpAddr) -> bool {
        self.exempts(address) && !(*protocol == Protocol::PORTAL && address.is_loopback())
    }

    /// Whether all of a source is never blocked.
    #[must_use]
    pub fn exempts_key(&self, key: &Key) -> bool {
        key.network().is_some_and(|own| self.exempt.iter().any(|network| network.contains(&own)))
    }
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        let (lockout, messages) = (&config.lockout, &config.messages);
        let argon2 = &config.client_passwords.argon2;
        Self {
            lockout: LockoutRules {
                failures: lockout.failures,
                block_for: lockout.block_for,
                forget_after: lockout.forget_after,
                repeats_once: lockout.repeats == Repeats::Once,
            },
            prefixes: Prefixes {
                ipv4: lockout.ipv4_prefix,
                ipv6: lockout.ipv6_prefix,
                nat64: Nat64::new(&lockout.nat64_prefixes),
            },
            exempt: lockout.exempt.clone(),
            failure_delay: lockout.failure_delay,
            policy: Policy {
                until_two_factor: config.main_password.mail_clients == MailClients::UntilTwoFactor,
                allowed_from: config.main_password.allowed_from.clone(),
                elsewhere: config.main_password.checked_by == CheckedBy::NextPassdb,
                client_passwords_at_webmail: config.client_passwords.at_webmail == AtWebmail::Allow,
            },
            messages: Messages::new(
                messages.language,
                messages.portal_url.as_deref(),
                messages.wrong.as_deref(),
                messages.blocked.as_deref(),
                TimeZone::system(),
            )
            .telling(messages.tell_wrong, messages.tell_blocked),
            default_domain: config.accounts.default_domain.clone(),
            site: site(config),
            cost: Cost { memory_kib: argon2.memory_kib, passes: argon2.passes },
            per_account: config.client_passwords.per_account,
            userdb: config.userdb.clone(),
            events_keep: config.events.keep,
            sending: SendingRules {
                null_sender: config.sending.null_sender == NullSender::Allow,
                revokes: config.sending.on_limit == OnLimit::RevokeClientPassword,
                per_connection: NonZeroU32::new(config.sending.burst_per_connection),
                per_address: NonZeroU32::new(config.sending.burst_per_address),
            },
            people: Arc::new(PeopleRules::from(&config.people)),
            decides_logins: config.listen.iter().any(decides_logins),
            observe: config.rollout.mode == Mode::Observe,
        }
    }
}

/// Without `accounts.domains`, whatever else says that a domain is ours.
fn site(config: &Config) -> Site {
    let unknown_names = config.main_password.unknown_names;
    match &config.accounts.domains {
        Some(domains) => Site { domains: domains.clone(), open: false, unknown_names },
        None => {
            let domains = config.accounts.default_domain.iter().chain(&config.people.domains);
            Site { domains: domains.cloned().collect(), open: true, unknown_names }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::mandatory::Whom;

    fn rules(people: People) -> PeopleRules {
        PeopleRules::from(&people)
    }

    #[test]
    fn passkeys_are_offered_where_the_site_has_an_address() {
        let without = rules(People::default());
        assert_eq!((without.kinds, without.relying_party), (vec![FactorKind::Totp], None));
        let origin = Some("https://mail.example.org:8443".to_owned());
        let with = rules(People { origin: origin.clone(), ..People::default() });
        assert_eq!(with.kinds, [FactorKind::Passkey, FactorKind::Totp]);
        assert_eq!(with.relying_party.as_deref(), Some("mail.example.org"));
        let relying_party = Some("example.org".to_owned());
        let wide = rules(People { origin, relying_party, ..People::default() });
        assert_eq!(wide.relying_party.as_deref(), Some("example.org"));
    }

    #[test]
    fn kinds_are_offered_once_and_the_stronger_ones_first() {
        let factors = vec![FactorKind::Mail, FactorKind::Totp, FactorKind::Mail];
        assert_eq!(
            rules(People { factors, ..People::default() }).kinds,
            [FactorKind::Totp, FactorKind::Mail]
        );
    }

    #[test]
    fn a_day_begins_where_the_host_is() {
        let rule = |from| Mandatory { whom: Whom::Site, from, grace: Mandatory::GRACE_DEFAULT };
        let from = |day, zone: &TimeZone| mandatory(&rule(day), zone).from;
        let day = Some(jiff::civil::date(2027, 1, 31));
        let shanghai = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(from(day, &TimeZone::UTC), Some(Timestamp(1_801_353_600)));
        assert_eq!(from(day, &shanghai), Some(Timestamp(1_801_353_600 - 8 * 3600)));
        assert_eq!(from(Some(Date::MAX), &TimeZone::fixed(jiff::tz::offset(-12))), Some(Timestamp(i64::MAX)));
        assert_eq!(from(None, &TimeZone::UTC), None);
    }
}
