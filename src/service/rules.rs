//! The settings in the form that deciding needs; replaced as a whole when they are read again.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::config::{CheckedBy, Config, MailClients, Mode, NullSender, OnLimit, Repeats, Userdb};
use crate::gate::address::{Key, Prefixes};
use crate::gate::login::Policy;
use crate::gate::messages::Messages;
use crate::gate::record::LockoutRules;
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
    /// Nothing is refused, only put down (`service/observe.rs`).
    pub observe: bool,
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
    /// Whether an address is never blocked.
    #[must_use]
    pub fn exempts(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&address))
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
            prefixes: Prefixes { ipv4: lockout.ipv4_prefix, ipv6: lockout.ipv6_prefix },
            exempt: lockout.exempt.clone(),
            failure_delay: lockout.failure_delay,
            policy: Policy {
                until_two_factor: config.main_password.mail_clients == MailClients::UntilTwoFactor,
                allowed_from: config.main_password.allowed_from.clone(),
                elsewhere: config.main_password.checked_by == CheckedBy::NextPassdb,
            },
            messages: Messages::new(
                messages.language,
                messages.portal_url.as_deref(),
                messages.wrong.as_deref(),
                messages.blocked.as_deref(),
                TimeZone::system(),
            ),
            default_domain: config.accounts.default_domain.clone(),
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
            observe: config.rollout.mode == Mode::Observe,
        }
    }
}
