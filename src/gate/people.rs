//! What a site allows its people in the portal.

use std::time::Duration;

use super::account::Account;
use super::codes_sent::SentLimits;
use super::factor::FactorKind;
use super::mandatory::{MandatoryRule, duty};
use super::name::{AccountName, GroupName};
use super::phone::{CountryCode, Phone};
use super::session::Owner;
use crate::clock::Timestamp;

/// The settings for people, in the form that deciding needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleRules {
    /// What authenticator apps and passkeys call this site.
    pub issuer: String,
    /// The address of the portal as browsers have it, without a path; `None`: there are no passkeys.
    pub origin: Option<String>,
    /// The domain that passkeys are bound to.
    pub relying_party: Option<String>,
    /// Accounts of these domains are made at their first sign-in.
    pub domains: Vec<String>,
    /// The group whose accounts see the administrator's pages.
    pub administrators: Option<GroupName>,
    /// The kinds of factors that may be bound, strongest first.
    pub kinds: Vec<FactorKind>,
    /// How long a browser is trusted; zero: never.
    pub trust_for: Duration,
    /// The countries whose phones get codes.
    pub sms_countries: Vec<CountryCode>,
    /// How many codes are sent.
    pub codes: SentLimits,
    /// Who must have two-factor.
    pub mandatory: Vec<MandatoryRule>,
    /// After a reset a set-up code has to be given before a factor is bound.
    pub set_up_code: bool,
}

impl PeopleRules {
    /// Whether an account is made at its first sign-in.
    #[must_use]
    pub fn makes(&self, account: &AccountName) -> bool {
        self.domains.iter().any(|domain| domain == account.parts().1)
    }

    /// Whether a phone gets codes: numbers elsewhere, of satellites and with premium rates have to be named.
    #[must_use]
    pub fn reaches(&self, phone: &Phone) -> bool {
        self.sms_countries.iter().any(|country| country.has(phone))
    }

    /// What is true of an account at this moment, for what a session of it may do. `coded`: the store has a set-up code of
    /// it.
    #[must_use]
    pub fn owner(&self, account: &Account, bound: bool, coded: bool, now: Timestamp) -> Owner {
        Owner {
            enabled: account.enabled,
            bound,
            two_factor: account.two_factor,
            duty: duty(&self.mandatory, account, now),
            administers: self.administrators.is_some() && self.administrators == account.group,
            awaits_code: self.set_up_code && coded && !bound,
        }
    }
}
