//! What the store keeps for administrators who look after people.

use super::StoreError;
use crate::clock::Timestamp;
use crate::gate::main_password::MainHash;
use crate::gate::set_up_code::SetUpCode;

/// Addresses or accounts of a list of those with the most refused logins.
pub const TOP_MAX: u32 = 10;

/// Refused logins that are looked at for those with the most; of more, the newest.
pub const TOP_FROM: u32 = 200_000;

/// What happened within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hour {
    /// Its beginning.
    pub at: Timestamp,
    /// Refused logins.
    pub failures: u32,
    /// New blocks.
    pub blocks: u32,
}

/// By what refused logins are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The address they came from.
    Address,
    /// The account they were for, or what was typed in its place.
    Account,
}

/// The part of [`Tables`](super::Tables) that administrators use.
pub trait AdministrationTables {
    /// The hash of an account's own main password (Argon2id), where there is no upstream.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn main_password(&mut self, account_id: i64) -> Result<Option<MainHash>, StoreError>;
    /// Sets it, or takes it away. Returns whether there was one.
    fn set_main_password(
        &mut self,
        account_id: i64,
        hash: Option<&MainHash>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// The set-up code that an account waits for.
    fn set_up_code(&mut self, account_id: i64) -> Result<Option<SetUpCode>, StoreError>;
    /// Puts one in the place of any before; `None`: it waits for none.
    fn put_set_up_code(&mut self, account_id: i64, code: Option<&SetUpCode>) -> Result<(), StoreError>;
    /// When somebody last came in at the portal all the way; `None`: never, as far as is known.
    fn signed_in(&mut self, account_id: i64) -> Result<Option<Timestamp>, StoreError>;
    /// Notes that somebody did.
    fn set_signed_in(&mut self, account_id: i64, now: Timestamp) -> Result<(), StoreError>;
    /// Refused logins and new blocks since then, hour by hour, without hours in which nothing happened.
    fn hours(&mut self, since: Timestamp) -> Result<Vec<Hour>, StoreError>;
    /// Who has the most refused logins since then: at most [`TOP_MAX`], the most first. Of very many logins the newest
    /// [`TOP_FROM`] count.
    fn most_refused(&mut self, by: By, since: Timestamp) -> Result<Vec<(String, u32)>, StoreError>;
}
