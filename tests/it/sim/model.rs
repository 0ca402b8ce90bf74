//! What must be so, in plain lists, beside the real thing. It shares no rule with the program.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sidegate::gate;
use sidegate::gate::key::{AccountTag, StoreKey};

use super::script::{ADDRESSES, DAY, KNOWN, Limits, NAMES, Secret, Settings};

/// The most client passwords of an account.
pub(super) const SIX: usize = 6;

/// What failures are counted by: the source's network, or the account where no address is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// 192.0.2.7
    First,
    /// 192.0.2.8
    Second,
    /// 2001:db8::/64
    Third,
    /// 198.51.100.7
    Exempt,
    Account(usize),
}

impl Source {
    pub(super) fn of(from: usize, who: usize) -> Self {
        match from {
            0 | 1 => Self::First,
            2 => Self::Second,
            3 | 4 => Self::Third,
            5 => Self::Exempt,
            _ => Self::Account(who),
        }
    }

    /// One of its addresses.
    pub(super) fn address(self) -> Option<IpAddr> {
        let from = match self {
            Self::First => 0,
            Self::Second => 2,
            Self::Third => 4,
            Self::Exempt => 5,
            Self::Account(_) => return None,
        };
        ADDRESSES[from].parse().ok()
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::ADDRESSED.into_iter().chain((0..=KNOWN).map(Self::Account))
    }

    pub(super) const ADDRESSED: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::Exempt];
}

/// One failure: whose, and the mark of the secret, where that matters.
pub(super) type Failure = (usize, u64);

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Clear,
    Run { failures: Vec<Failure>, last: i64 },
    Blocked { since: i64, until: i64 },
}

impl Record {
    /// What holds of it at a time.
    pub(super) fn at(&self, now: i64) -> Self {
        match self {
            Self::Run { last, .. } if now >= last + DAY => Self::Clear,
            Self::Blocked { until, .. } if now >= *until => Self::Clear,
            other => other.clone(),
        }
    }

    pub(super) fn failures(&self) -> &[Failure] {
        match self {
            Self::Run { failures, .. } => failures,
            Self::Clear | Self::Blocked { .. } => &[],
        }
    }

    /// As it is after the wall clock was set back before a start: a block lasts no longer than it was to last.
    fn clamped(&self, now: i64) -> Self {
        match *self {
            Self::Blocked { since, until } => {
                let step = (since - now).max(0);
                Self::Blocked { since: since - step, until: until - step }
            }
            ref other => other.clone(),
        }
    }
}

/// A client password that there is, or was.
#[derive(Clone, Debug)]
pub(super) struct Password {
    pub(super) id: i64,
    pub(super) slot: u64,
    /// None: it was made, and nobody heard of it.
    pub(super) secret: Option<String>,
    pub(super) living: bool,
    pub(super) expires: Option<i64>,
    pub(super) limits: Limits,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) exists: bool,
    pub(super) enabled: bool,
    pub(super) passwords: Vec<Password>,
}

impl Account {
    pub(super) fn living(&self) -> impl Iterator<Item = &Password> {
        self.passwords.iter().filter(|password| password.living)
    }
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) settings: Settings,
    /// Makes the marks in the store.
    key: StoreKey,
    /// Those of the accounts.
    tags: [AccountTag; KNOWN + 1],
    pub(super) now: i64,
    pub(super) accounts: Vec<Account>,
    sources: BTreeMap<Source, Record>,
}

/// The time between which something is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Whether a secret is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Good {
    Yes,
    No,
    /// It changes meanwhile.
    Maybe,
}

impl Model {
    pub(super) fn new(settings: Settings, key: StoreKey, now: i64) -> Self {
        let accounts = vec![Account::default(); KNOWN + 1];
        let tags = NAMES.map(|name| key.account_tag(name.as_bytes()));
        Self { settings, key, tags, now, accounts, sources: BTreeMap::new() }
    }

    /// Failures are marked by their account and by the secret: in full only where repeats count once.
    pub(super) fn failure(&self, who: usize, secret: &str) -> Failure {
        let digest = gate::secret::Secret::new(secret).digest();
        let tag = self.key.secret_tag(self.tags[who], &digest);
        (who, if self.settings.once { tag } else { tag.coarse() }.0)
    }

    /// Whose mark it is.
    pub(super) fn whose(&self, tag: AccountTag) -> usize {
        self.tags.iter().position(|known| *known == tag).expect("a mark of somebody")
    }

    pub(super) fn record(&self, source: Source) -> Record {
        self.record_at(source, self.now)
    }

    pub(super) fn record_at(&self, source: Source, now: i64) -> Record {
        self.sources.get(&source).map_or(Record::Clear, |record| record.at(now))
    }

    pub(super) fn set_record(&mut self, source: Source, record: Record) {
        self.sources.insert(source, record);
    }

    /// The wall clock has stepped before a start. What was over, and was not swept, may hold again.
    pub(super) fn restart(&mut self, now: i64, on_disk: impl Fn(Source) -> Record) {
        for source in Source::all() {
            let kept = on_disk(source);
            assert_eq!(kept.at(self.now), self.record(source), "{source:?} at the end of a life");
            self.sources.insert(source, kept.clamped(now));
        }
        self.now = now;
    }

    /// The text of a secret.
    pub(super) fn secret(&self, who: usize, secret: Secret) -> String {
        let (who, slot, newest) = match secret {
            Secret::Newest(slot) => (who, slot, true),
            Secret::Oldest(slot) => (who, slot, false),
            Secret::Neighbours(slot) => ((who + 1) % KNOWN, slot, true),
            Secret::Wrong(n) => return format!("wrong {n}"),
        };
        let mut known = self.accounts[who].passwords.iter().filter(|password| password.slot == slot);
        let found = if newest { known.next_back() } else { known.next() };
        found.and_then(|password| password.secret.clone()).unwrap_or_else(|| format!("never made {slot}"))
    }

    /// The client password of an account that a secret is.
    pub(super) fn password(&self, who: usize, secret: &str) -> Option<&Password> {
        self.accounts[who].passwords.iter().find(|password| password.secret.as_deref() == Some(secret))
    }

    /// Whether a secret is right, as things stand. `enabled`: whether the account is taken for enabled.
    pub(super) fn good(
        &self,
        who: usize,
        secret: &str,
        from: usize,
        protocol: &str,
        span: Span,
        enabled: bool,
    ) -> Good {
        let account = &self.accounts[who];
        let Some(password) = self.password(who, secret).filter(|password| password.living) else {
            return Good::No;
        };
        let fits = match password.limits {
            Limits::None | Limits::Expires(_) => true,
            Limits::Protocol => protocol == "imap",
            Limits::Network => from < 3,
        };
        match password.expires {
            _ if !(account.exists && enabled && fits) => Good::No,
            Some(end) if end <= span.from => Good::No,
            Some(end) if end <= span.to => Good::Maybe,
            _ => Good::Yes,
        }
    }
}

pub(super) fn expiry(limits: Limits, now: i64) -> Option<i64> {
    match limits {
        Limits::Expires(secs) => Some(now + secs),
        Limits::None | Limits::Protocol | Limits::Network => None,
    }
}
