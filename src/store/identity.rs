//! What the store keeps so that one mailbox is one account.

use super::StoreError;
use crate::clock::Timestamp;
use crate::gate::key::MailboxMark;
use crate::gate::name::AccountName;

/// Which accounts' mailboxes are to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// Those that nobody may get around: disabled, or with two-factor.
    Strict,
    /// All.
    All,
    /// All, and those that were last asked for before then.
    OlderThan(Timestamp),
}

/// The part of [`Tables`](super::Tables) that says whose a mailbox is.
pub trait IdentityTables {
    /// Accounts whose mailbox has one of these marks; at most `limit`, oldest first.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn holders(&mut self, marks: &[MailboxMark], limit: u32) -> Result<Vec<AccountName>, StoreError>;
    /// Accounts whose mailbox is to be asked for; at most `limit`, those asked for longest ago first.
    fn unasked(&mut self, which: Unasked, limit: u32) -> Result<Vec<AccountName>, StoreError>;
    /// Puts down the mark of an account's mailbox and when it was asked for. `None`: none was found, and a mark that
    /// there is stays, as a mailbox is its owner's through an outage too. Nothing happens if the account is gone.
    fn set_mailbox(
        &mut self,
        account: &AccountName,
        mark: Option<MailboxMark>,
        asked: Timestamp,
    ) -> Result<(), StoreError>;
    /// All mailboxes are to be asked for anew: marks of a former key will not be known much longer.
    fn ask_anew(&mut self) -> Result<(), StoreError>;
    /// Whether an account is in this domain.
    fn has_domain(&mut self, domain: &str) -> Result<bool, StoreError>;
    /// Mailboxes that several accounts share, at most `limit`: the accounts of each.
    fn shared_mailboxes(&mut self, limit: u32) -> Result<Vec<Vec<String>>, StoreError>;
}
