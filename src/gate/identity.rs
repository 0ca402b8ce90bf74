//! One mailbox, one account: whoever's mailbox opens is who is judged.
//!
//! A name is a text here and a mailbox in Dovecot, which may ignore its domain, rename it, or know several of them for
//! one mailbox. So three things hold together:
//!
//! - a name is resolved through our own aliases, alias domains and tags first ([`Whose`]);
//! - only names of the site's own domains are ever handed on ([`Site`]);
//! - what a main password opened is compared: where the mail lives ([`Home`]) has a keyed mark, and each account keeps
//!   its own. Of all accounts that a login touches, the strictest one decides ([`strictest`]).

use std::sync::Arc;

use super::account::Account;
use super::key::{KeyRing, MailboxMark};
use super::name::AccountName;

/// The domain that nobody has (RFC 2606): whoever is found there is found by what stands before the `@` alone.
pub const NOBODYS_DOMAIN: &str = "sidegate.invalid";

/// Accounts that may share one mailbox and are still looked at one by one; more than that is no mailbox of a person.
pub const HOLDERS_MAX: u32 = 16;

/// Whose login a name is, by our own accounts, aliases, alias domains and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An account's: its own name, or another of its names.
    Account(Arc<Account>),
    /// Nobody's here; in this form, that of the domain that its domain is an alias of.
    Unknown(AccountName),
    /// Several accounts share the address: nobody logs in by it.
    Shared(AccountName),
}

impl Whose {
    /// The name that stands for it everywhere: in events and counts, and towards Dovecot.
    #[must_use]
    pub fn name(&self) -> &AccountName {
        match self {
            Self::Account(account) => &account.name,
            Self::Unknown(name) | Self::Shared(name) => name,
        }
    }

    /// The account, if it is one's.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Account(account) => Some(account),
            Self::Unknown(_) | Self::Shared(_) => None,
        }
    }
}

/// What becomes of names that are no account's and no alias's (`main_password.unknown_names`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownNames {
    /// Handed on, unless the upstream looks at the part before the `@` only.
    #[default]
    Auto,
    /// Handed on, whatever was found out about the upstream.
    HandOn,
    /// Never handed on.
    Refuse,
}

/// Which names are the site's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Its domains, in normal form (`accounts.domains`).
    pub domains: Vec<String>,
    /// Nothing was set: the domains of known accounts are its own as well.
    pub open: bool,
    /// What becomes of names that nobody here has.
    pub unknown_names: UnknownNames,
}

/// What is to be found out before a name that nobody here has is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOn {
    /// Nothing: it is not.
    No,
    /// Nothing: its domain is ours.
    Yes,
    /// Whether an account of ours is in its domain.
    IfDomainKnown,
}

impl Site {
    /// Whether a name that nobody here has may be handed on.
    #[must_use]
    pub fn hands_on(&self, name: &AccountName) -> HandOn {
        if self.unknown_names == UnknownNames::Refuse || name.is_odd() {
            return HandOn::No;
        }
        match self.domains.iter().any(|own| own == name.parts().1) {
            true => HandOn::Yes,
            false if self.open => HandOn::IfDomainKnown,
            false => HandOn::No,
        }
    }
}

/// Where somebody's mail lives, as the user database says: what two names of one mailbox have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Home {
    place: Vec<u8>,
    uid: Vec<u8>,
}

impl Home {
    /// From the user database's fields, unescaped: `home`, where the mail is, and the system user. Where the mail is
    /// counts most: a home may be everybody's. `None`: it says nothing of where the mail lives.
    #[must_use]
    pub fn new(home: Option<&[u8]>, mail: Option<&[u8]>, uid: Option<&[u8]>) -> Option<Self> {
        let home = home.unwrap_or_default();
        let place = mail.map_or_else(|| home.to_vec(), |mail| mail_path(home, mail));
        if place.is_empty() {
            return None;
        }
        // `/mail/ann`, `/mail//ann` and `/mail/ann/.` are one folder.
        let parts = place.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
        let place = parts.fold(Vec::new(), |mut path, part| {
            path.push(b'/');
            path.extend_from_slice(part);
            path
        });
        Some(Self { place, uid: uid.unwrap_or_default().to_vec() })
    }

    /// Its marks, under each key; the current key's first.
    #[must_use]
    pub fn marks(&self, keys: &KeyRing) -> Vec<MailboxMark> {
        keys.mailbox_marks(&self.place, &self.uid)
    }
}

/// The path of a mail location: `/mail/ann`, `~/Maildir`, or `maildir:~/Maildir:INDEX=/index/ann` (Dovecot 2.3).
fn mail_path(home: &[u8], mail: &[u8]) -> Vec<u8> {
    let mut parts = mail.split(|byte| *byte == b':');
    let first = parts.next().unwrap_or_default();
    let path = match parts.next() {
        Some(path) if !first.contains(&b'/') => path,
        _ => first,
    };
    match path {
        [b'/', ..] => path.to_vec(),
        // Without a `~` too, what does not begin at the root begins at home.
        [b'~', below @ ..] | below => [home, below].join(&b'/'),
    }
}

/// What the user database answered about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// Its name for it, and where the mail lives if it says that.
    At(String, Option<Home>),
    /// It knows nobody of that name.
    Nowhere,
}

/// Whether the user database finds an account of ours by the part before the `@` alone: it was asked for the account, and
/// for the same part in a domain that nobody has.
#[must_use]
pub fn ignores_domains(account: &Located, elsewhere: &Located) -> bool {
    match (account, elsewhere) {
        (Located::At(_, Some(home)), Located::At(_, Some(other))) => home == other,
        // Without homes to compare, that somebody was found has to do.
        (Located::At(..), Located::At(..)) => true,
        (Located::Nowhere, _) | (_, Located::Nowhere) => false,
    }
}

/// The account that decides, of those that a login touches: a disabled one, else one with two-factor, else the first.
/// `touched` begins with those whose mailbox it is.
#[must_use]
pub fn strictest(touched: &[Arc<Account>]) -> Option<&Arc<Account>> {
    let disabled = touched.iter().find(|account| !account.enabled);
    let two_factor = || touched.iter().find(|account| account.two_factor);
    disabled.or_else(two_factor).or_else(|| touched.first())
}

/// Whose a home is that an account has, by where a few others live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeOf {
    /// One person's: others live elsewhere.
    OnePerson,
    /// Everybody's: enough others were asked for, and all of them live there too.
    Everybody,
    /// There is nobody to compare with.
    Unclear,
}

/// Whose a home is. `others` are other people, as far as their names say.
#[must_use]
pub fn home_of(home: &Home, others: &[Located]) -> HomeOf {
    let homes = others.iter().filter_map(|other| match other {
        Located::At(_, home) => Some(home.as_ref()),
        Located::Nowhere => None,
    });
    let (there, elsewhere): (Vec<_>, Vec<_>) = homes.partition(|other| *other == Some(home));
    match (there.len(), elsewhere.len()) {
        (OTHERS_MIN.., 0) => HomeOf::Everybody,
        (_, 0) => HomeOf::Unclear,
        _ => HomeOf::OnePerson,
    }
}

/// Other people that are asked for to see whose a home is.
pub const OTHERS_ASKED: usize = 5;
/// Fewer of them tell nothing: two names of one mailbox may both have become accounts.
pub const OTHERS_MIN: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn name(text: &str) -> AccountName {
        AccountName::parse(text, None).unwrap()
    }

    fn account(id: i64, enabled: bool, two_factor: bool) -> Arc<Account> {
        Arc::new(Account {
            id,
            name: name(&format!("{id}@example.org")),
            enabled,
            two_factor,
            group: None,
            created: Timestamp(0),
            mailbox: None,
            passwords: Vec::new(),
            revoked: Vec::new(),
        })
    }

    fn home(path: &str) -> Option<Home> {
        Home::new(Some(path.as_bytes()), None, Some(b"5000"))
    }

    fn at(path: &str) -> Located {
        Located::At("ann@example.org".into(), home(path))
    }

    #[test]
    fn only_names_of_our_domains_are_handed_on() {
        let site = |domains: &[&str], open, unknown_names| Site {
            domains: domains.iter().map(ToString::to_string).collect(),
            open,
            unknown_names,
        };
        let set = site(&["example.org"], false, UnknownNames::Auto);
        assert_eq!(set.hands_on(&name("bob@example.org")), HandOn::Yes);
        for other in ["bob@example.net", "bob@sub.example.org", "bob", "bob@", "x@bob@example.org"] {
            assert_eq!(set.hands_on(&name(other)), HandOn::No, "{other}");
        }
        let open = site(&["example.org"], true, UnknownNames::HandOn);
        assert_eq!(open.hands_on(&name("bob@example.org")), HandOn::Yes);
        assert_eq!(open.hands_on(&name("bob@example.net")), HandOn::IfDomainKnown);
        assert_eq!(open.hands_on(&name("bob")), HandOn::No);
        let closed = site(&["example.org"], true, UnknownNames::Refuse);
        assert_eq!(closed.hands_on(&name("bob@example.org")), HandOn::No);
    }

    #[test]
    fn one_folder_has_one_mark_however_it_is_written() {
        assert_eq!(home("/mail/ann"), home("/mail//ann/"));
        assert_eq!(home("/mail/ann"), home("/mail/./ann/."));
        assert_ne!(home("/mail/ann"), home("/mail/bob"));
        assert_ne!(home("/mail/ann"), Home::new(Some(b"/mail/ann"), None, Some(b"5001")));
    }

    #[test]
    fn where_the_mail_is_counts_more_than_a_home() {
        let ann = Home::new(None, Some(b"/mail/ann"), None);
        for (home, mail) in [
            ("/var/vmail", "/mail/ann"),
            ("/var/vmail", "maildir:/mail/ann:INDEX=/index/ann"),
            ("/mail/ann", "~"),
            ("/mail/ann", ""),
            ("/mail", "~/ann"),
            ("/mail", "maildir:~/ann"),
            ("/mail", "ann"),
        ] {
            assert_eq!(Home::new(Some(home.as_bytes()), Some(mail.as_bytes()), None), ann, "{home} {mail}");
        }
        let of = |mail: &str| Home::new(Some(b"/var/vmail"), Some(mail.as_bytes()), Some(b"5000"));
        assert_ne!(of("/var/vmail/ann"), of("/var/vmail/bob"));
        assert_eq!((Home::new(None, None, Some(b"5000")), Home::new(Some(b""), None, None)), (None, None));
    }

    #[test]
    fn a_database_that_finds_an_account_in_nobodys_domain_looks_at_the_local_part_only() {
        assert!(ignores_domains(&at("/mail/ann"), &at("/mail/ann")));
        assert!(!ignores_domains(&at("/mail/ann"), &Located::Nowhere));
        assert!(!ignores_domains(&Located::Nowhere, &at("/mail/ann")), "it does not know the account itself");
        assert!(
            !ignores_domains(&at("/mail/example.org/ann"), &at("/mail/sidegate.invalid/ann")),
            "everybody is found, each in a mailbox of their own"
        );
        let nameless = Located::At("ann".into(), None);
        assert!(ignores_domains(&nameless, &nameless));
    }

    #[test]
    fn the_strictest_account_decides() {
        let (plain, strict, off) =
            (account(1, true, false), account(2, true, true), account(3, false, false));
        let decides = |touched: &[&Arc<Account>]| {
            let touched: Vec<_> = touched.iter().map(|account| Arc::clone(account)).collect();
            strictest(&touched).map(|account| account.id)
        };
        assert_eq!(decides(&[]), None);
        assert_eq!(decides(&[&plain, &account(4, true, false)]), Some(1));
        assert_eq!(decides(&[&plain, &strict]), Some(2));
        assert_eq!(decides(&[&plain, &strict, &off]), Some(3));
    }

    #[test]
    fn whose_a_home_is_shows_in_where_others_live() {
        let shared = home("/var/vmail").unwrap();
        let asked = |homes: &[&str]| home_of(&shared, &homes.iter().map(|home| at(home)).collect::<Vec<_>>());
        assert_eq!(asked(&["/var/vmail", "/var/vmail"]), HomeOf::Everybody);
        assert_eq!(asked(&["/var/vmail"]), HomeOf::Unclear, "it may be a second name of the same mailbox");
        assert_eq!(asked(&["/var/vmail", "/var/vmail", "/home/bob"]), HomeOf::OnePerson);
        assert_eq!(asked(&["/home/bob"]), HomeOf::OnePerson);
        assert_eq!(home_of(&shared, &[at("/var/vmail"), Located::Nowhere]), HomeOf::Unclear);
        assert_eq!(home_of(&shared, &[Located::At("bob".into(), None)]), HomeOf::OnePerson);
    }
}
