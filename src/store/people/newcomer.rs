//! Accounts that are made for whoever has a mailbox: at the first sign-in, or when a colleague shares one with them.

use super::senders;
use crate::clock::Timestamp;
use crate::gate::identity::Whose;
use crate::gate::key::MailboxMark;
use crate::gate::name::AccountName;
use crate::gate::people::PeopleRules;
use crate::store::{StoreError, Tables};

/// Why no account is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum NotMade {
    /// The site makes none of that name, or the name is another account's.
    Name,
    /// The mailbox is another account's.
    OthersMailbox,
}

/// Makes the account of a name that is none yet. `mailbox`: the marks of where its mail lives, the current key's first.
pub(in crate::store) fn make(
    tables: &mut dyn Tables,
    rules: &PeopleRules,
    name: &AccountName,
    mailbox: &[MailboxMark],
    now: Timestamp,
) -> Result<Result<(), NotMade>, StoreError> {
    if !rules.makes(name) || is_anothers(tables, name)? {
        return Ok(Err(NotMade::Name));
    }
    if !tables.holders(mailbox, 1)?.is_empty() {
        return Ok(Err(NotMade::OthersMailbox));
    }
    tables.add_account(name, now)?;
    if let Some(mark) = mailbox.first() {
        tables.set_mailbox(name, Some(*mark), now)?;
    }
    Ok(Ok(()))
}

/// Whether a name is no account's own: odd, or an account's by an alias, a tag or its domain.
fn is_anothers(tables: &mut dyn Tables, name: &AccountName) -> Result<bool, StoreError> {
    let whose = senders::whose(tables, name)?;
    Ok(name.is_odd() || !matches!(whose, Whose::Unknown(form) if form == *name))
}
