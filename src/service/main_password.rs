//! Main passwords that an administrator sets, for sites where no upstream knows any.

use super::proof::deferral;
use super::{OrderError, Service};
use crate::gate::address::Key;
use crate::gate::login::{Reason, Verdict};
use crate::gate::main_password::{MainHash, MainPassword, digest};
use crate::gate::name::AccountName;
use crate::gate::order::{Done, Order, OrderRefused};
use crate::gate::secret::Secret;
use crate::hasher::SALT_BYTES;

impl Service {
    /// Sets the main password of an account. Its sessions at the portal end.
    ///
    /// # Errors
    /// There is no such account, the upstream knows main passwords here, or trouble.
    pub async fn set_main_password(
        &self,
        account: AccountName,
        password: &MainPassword,
        actor: &str,
    ) -> Result<Done, OrderError> {
        if self.upstream().is_some() {
            return Err(OrderRefused::MainPasswordElsewhere.into());
        }
        // No Argon2 for an account that is not there.
        if self.store.account(&account).await?.is_none() {
            return Err(OrderRefused::NoAccount(account).into());
        }
        let source = Key::NoAddress(self.key.tag_of(&account));
        let salt = self.entropy.bytes::<SALT_BYTES>();
        let phc = self.hasher.hash(source, password.digest(), self.rules().cost, salt).await?;
        self.carry_out(Order::SetMainPassword { account, hash: Some(MainHash::new(phc)) }, actor).await
    }

    /// Whether this is the main password that was set for an account. Where there is none, it costs the same.
    ///
    /// # Errors
    /// It is not, or trouble: then the verdict says which.
    pub(super) async fn weigh_own_main_password(
        &self,
        name: &AccountName,
        password: &Secret,
        source: Key,
    ) -> Result<AccountName, Verdict> {
        let wanted = name.clone();
        let find = move |tables: &mut dyn crate::store::Tables| match tables.account(&wanted)? {
            Some(account) => tables.main_password(account.id),
            None => Ok(None),
        };
        let Ok(hash) = self.store.read(find).await else {
            return Err(Verdict::Defer("the store cannot be read"));
        };
        let digest = digest(password);
        let same = match hash {
            Some(hash) => self.hasher.verify(source, digest, hash.reveal()).await,
            None => {
                let salt = self.entropy.bytes::<SALT_BYTES>();
                self.hasher.hash(source, digest, self.rules().cost, salt).await.map(|_| false)
            }
        };
        match same {
            Ok(true) => Ok(name.clone()),
            Ok(false) => Err(Verdict::Refuse(Reason::WrongPassword)),
            Err(error) => Err(Verdict::Defer(deferral(error))),
        }
    }
}
