//! Names from before a domain had one spelling: brought to it at a start, where it is free.
//!
//! A store may hold `eve@münchen.example`, which nobody can ask for any more: what is typed becomes
//! `eve@xn--mnchen-3ya.example`. At a start each such name takes its normal form with all that is kept under it. Where
//! somebody has that form already, nothing is merged: which of the two is whose, only the administrator knows.
//! [`left`] tells what stayed. Events stay as they were written; whoever asks for an account's finds both spellings.

use super::{StoreError, Tables};
use crate::gate::domain;
use crate::gate::name::AccountName;

/// Names that are looked at in one transaction.
const NAMES_AT_ONCE: u32 = 1_000;
/// The most names that are told.
const TOLD_MAX: usize = 20;

/// Where a name is kept as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// An account's name.
    Account,
    /// A further address, or a domain of them.
    Alias,
    /// Whose that is.
    AliasOf,
    /// A sending limit of an account.
    Limit,
    /// What an account has sent of late, and what it was told of it.
    Sent,
}

impl Kept {
    const ALL: [Self; 5] = [Self::Account, Self::Alias, Self::AliasOf, Self::Limit, Self::Sent];
    /// Those that stay until somebody does something about them.
    const LASTING: [Self; 4] = [Self::Account, Self::Alias, Self::AliasOf, Self::Limit];

    fn words(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Alias => "alias",
            Self::AliasOf => "owner of an alias",
            Self::Limit | Self::Sent => "sending limit of",
        }
    }
}

/// Names as text.
pub trait NameTables {
    /// Names after `after` that may not be in normal form, each once, in order: anything but ASCII is in them, or
    /// `xn--`, a comma or a quotation mark.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn doubtful_names(&mut self, kept: Kept, after: &str, limit: u32) -> Result<Vec<String>, StoreError>;
    /// Whether a name is kept there just so.
    fn keeps(&mut self, kept: Kept, name: &str) -> Result<bool, StoreError>;
    /// Puts what is kept there under `from` under `to`. What was sent is added to what is there; of two equal aliases
    /// one stays.
    fn rename(&mut self, kept: Kept, from: &str, to: &str) -> Result<(), StoreError>;
}

/// A name that could not be brought to its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Where it is kept.
    pub kept: Kept,
    /// As it is kept.
    pub name: String,
    /// Its normal form, which somebody else has; `None`: it can be no name at all.
    pub normal: Option<String>,
}

/// In words for the log and for `sidegate doctor`.
impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (words, name) = (self.kept.words(), self.name.escape_debug());
        match &self.normal {
            Some(normal) => write!(f, "{words} {name}: {normal}, the same address, is kept beside it"),
            None => write!(f, "{words} {name}: no longer a name that anybody could have"),
        }
    }
}

/// Where the names of one page end, and whether there are more.
type Page = (String, bool);

/// Brings one page of names to their normal form, where it is free: one transaction.
fn page(tables: &mut dyn Tables, kept: Kept, after: &str) -> Result<Page, StoreError> {
    let names = tables.doubtful_names(kept, after, NAMES_AT_ONCE)?;
    for name in &names {
        if let Some(normal) = normal(name).filter(|normal| normal != name)
            && !taken(tables, kept, name, &normal)?
        {
            tables.rename(kept, name, &normal)?;
        }
    }
    let last = names.last().cloned().unwrap_or_default();
    Ok((last, names.len() == NAMES_AT_ONCE as usize))
}

/// A place among names, to go on from: what kind, after which.
pub type Cursor = (usize, String);

/// Brings the next names to their normal form; returns where to go on, `None` at the end. Each is a transaction of its
/// own and leaves a store that the next start goes on with.
///
/// # Errors
/// The store's own trouble.
pub fn fold(tables: &mut dyn Tables, from: &Cursor) -> Result<Option<Cursor>, StoreError> {
    let Some(kept) = Kept::ALL.get(from.0) else { return Ok(None) };
    let (last, more) = page(tables, *kept, &from.1)?;
    Ok(Some(if more { (from.0, last) } else { (from.0 + 1, String::new()) }))
}

/// The first names that are not in normal form, because somebody has that form already or there is none.
///
/// # Errors
/// The store's own trouble.
pub fn left(tables: &mut dyn Tables) -> Result<Vec<Left>, StoreError> {
    let mut left = Vec::new();
    for kept in Kept::LASTING {
        let mut after = String::new();
        while left.len() < TOLD_MAX {
            let names = tables.doubtful_names(kept, &after, NAMES_AT_ONCE)?;
            let Some(last) = names.last().cloned() else { break };
            after = last;
            let odd = |name: String| {
                let normal = normal(&name);
                (normal.as_ref() != Some(&name)).then_some(Left { kept, name, normal })
            };
            left.extend(names.into_iter().filter_map(odd));
        }
    }
    left.truncate(TOLD_MAX);
    Ok(left)
}

/// Whether the store keeps a name just as it was typed, which is not its normal form: of two that are told apart by their
/// spelling alone, an order is then about this one.
///
/// # Errors
/// The store's own trouble.
pub fn keeps_older(tables: &mut dyn Tables, kept: Kept, typed: &str) -> Result<bool, StoreError> {
    Ok(normal(typed).is_none_or(|normal| normal != typed) && tables.keeps(kept, typed)?)
}

/// The normal form of an address or a `@domain`.
fn normal(name: &str) -> Option<String> {
    match name.strip_prefix('@') {
        Some(domain) => domain::normal(domain).map(|domain| format!("@{domain}")),
        None => AccountName::parse(name, None).ok().map(|name| name.to_string()),
    }
}

/// Whether the normal form is somebody's: nobody gets what is another's because of a spelling.
fn taken(tables: &mut dyn Tables, kept: Kept, name: &str, normal: &str) -> Result<bool, StoreError> {
    Ok(match kept {
        Kept::Account | Kept::Alias => {
            tables.keeps(Kept::Account, normal)? || tables.keeps(Kept::Alias, normal)?
        }
        // It goes with its account.
        Kept::AliasOf | Kept::Sent => tables.keeps(Kept::Account, name)?,
        Kept::Limit => tables.keeps(Kept::Account, name)? || tables.keeps(Kept::Limit, normal)?,
    })
}
