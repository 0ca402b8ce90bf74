//! Who is trying: the name as typed, the account it means, and the one whose mailbox opened.

use std::net::IpAddr;
use std::sync::OnceLock;

use super::{Rules, Service};
use crate::gate::address::Key;
use crate::gate::identity::Whose;
use crate::gate::key::AccountTag;
use crate::gate::login::{Origin, Verdict};
use crate::gate::name::AccountName;

/// The name behind an attempt, and whose it is once that was looked up.
#[derive(Debug)]
pub(super) struct Who<'a> {
    typed: &'a str,
    /// Its normal form, if it can be an account's name.
    name: Option<AccountName>,
    whose: Option<Whose>,
    /// The mark of what it is called: each costs an HMAC, and nearly every name is the account's own.
    tag: OnceLock<AccountTag>,
}

impl<'a> Who<'a> {
    pub(super) fn new(typed: &'a str, rules: &Rules) -> Self {
        let name = AccountName::parse(typed, rules.default_domain.as_deref()).ok();
        Self { typed, name, whose: None, tag: OnceLock::new() }
    }

    /// What it is called: the account's name, else the normal form, else what was typed.
    pub(super) fn shown(&self) -> &str {
        self.whose.as_ref().map_or_else(|| self.typed(), |whose| whose.name().as_str())
    }

    /// What was typed, in normal form if it has one.
    fn typed(&self) -> &str {
        self.name.as_ref().map_or(self.typed, AccountName::as_str)
    }

    /// Whose it is; `None`: it can be nobody's, or was not looked up.
    pub(super) fn whose(&self) -> Option<&Whose> {
        self.whose.as_ref()
    }

    /// Its normal form.
    pub(super) fn name(&self) -> Option<&AccountName> {
        self.name.as_ref()
    }
}

/// Who is trying, from where.
#[derive(Clone, Copy)]
pub(super) struct Trier<'a> {
    /// The account's name, or what stands for it.
    pub(super) shown: &'a str,
    /// What was typed, where that is something else.
    pub(super) typed: Option<&'a str>,
    pub(super) tag: AccountTag,
    /// Under which failures were counted while only the name was known, where that is another one.
    pub(super) before: Option<AccountTag>,
    pub(super) source: Key,
    /// `lockout.exempt`: nothing is counted.
    pub(super) exempt: bool,
    /// Dovecot's auth policy asked about it, without a session: its seat is kept there.
    pub(super) asked: bool,
    pub(super) origin: &'a Origin,
}

impl<'a> Trier<'a> {
    /// The same attempt, now that it is known whose it is.
    pub(super) fn known_as(self, service: &Service, shown: &'a str) -> Self {
        if shown == self.shown {
            return self;
        }
        let tag = service.account_tag(shown);
        let typed =
            Some(self.typed.unwrap_or(self.shown)).filter(|typed| !typed.is_empty() && *typed != shown);
        Self { shown, typed, tag, before: Some(self.tag), ..self }
    }
}

impl Service {
    /// Looks up whose a name is.
    pub(super) async fn look_up(&self, who: &mut Who<'_>) -> Result<(), Verdict> {
        if let (Some(name), None) = (&who.name, &who.whose) {
            let whose = self.whose(name).await?;
            if whose.name() != name {
                who.tag = OnceLock::new();
            }
            who.whose = Some(whose);
        }
        Ok(())
    }

    /// Who is trying, by a name that may have been looked up.
    pub(super) fn trier<'a>(&self, who: &'a Who<'_>, origin: &'a Origin, rules: &Rules) -> Trier<'a> {
        let typed = Some(who.typed()).filter(|typed| *typed != who.shown());
        let tag = *who.tag.get_or_init(|| self.account_tag(who.shown()));
        Trier { typed, ..self.trier_tagged(who.shown(), tag, origin, rules) }
    }

    /// The same of a name that needs no looking up.
    pub(super) fn trier_named<'a>(&self, shown: &'a str, origin: &'a Origin, rules: &Rules) -> Trier<'a> {
        self.trier_tagged(shown, self.account_tag(shown), origin, rules)
    }

    fn trier_tagged<'a>(
        &self,
        shown: &'a str,
        tag: AccountTag,
        origin: &'a Origin,
        rules: &Rules,
    ) -> Trier<'a> {
        let by_account = counts_by_account(origin, rules);
        let address = origin.address.filter(|_| !by_account);
        let source =
            address.and_then(|address| Key::of(address, &rules.prefixes)).unwrap_or(Key::NoAddress(tag));
        // Whoever speaks for many people must not try passwords without end.
        let exempt = address.is_some_and(|address| rules.exempts_at(&origin.protocol, address));
        Trier { shown, typed: None, tag, before: None, source, exempt, asked: false, origin }
    }

    /// The mark of an account's name, or of what stands in its place.
    pub(super) fn account_tag(&self, shown: &str) -> AccountTag {
        self.key.account_tag(shown.as_bytes())
    }
}

/// Whether failures count for the account: where no address was told, and where the address is that of a webmail which
/// passes main passwords on and tells nobody else's.
pub(super) fn counts_by_account(origin: &Origin, rules: &Rules) -> bool {
    let webmail = |address: IpAddr| origin.host == Some(address) && rules.policy.trusts(address);
    origin.address.is_none_or(webmail)
}
