//! Whose a sender address is: for Postfix's policy questions, its tables, and the header check.

use super::Service;
use crate::gate::name::{AccountName, is_one_in_lists};
use crate::gate::question::Found;
use crate::gate::sender::Standing;
use crate::store::{StoreError, senders};

impl Service {
    /// How a login stands to a sender address, as it stands in an envelope or a header.
    ///
    /// # Errors
    /// The store's own trouble.
    pub(super) async fn standing(&self, login: &AccountName, address: &str) -> Result<Standing, StoreError> {
        // An address that no account can have is nobody's.
        let Ok(address) = AccountName::parse(address, self.rules().default_domain.as_deref()) else {
            return Ok(Standing::Nobodys);
        };
        // Nearly everybody sends under his own address: nothing to look up.
        if address == *login {
            return Ok(Standing::Own);
        }
        let login = login.clone();
        self.store.read(move |tables| senders::standing(tables, &login, &address)).await
    }

    /// The accounts that an address belongs to.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn accounts_of(&self, address: AccountName) -> Result<Vec<AccountName>, StoreError> {
        self.store.read(move |tables| senders::owners(tables, &address)).await
    }

    /// Every login that may send under an address (socketmap); `None` in case of trouble.
    pub(super) async fn owners(&self, address: &str) -> Option<Vec<String>> {
        let Ok(address) = AccountName::parse(address, self.rules().default_domain.as_deref()) else {
            return Some(Vec::new());
        };
        let mut logins = self.store.logins(&address).await.ok()?;
        // Postfix cuts the list at commas: half of a name must not be a login.
        logins.retain(|login| is_one_in_lists(login));
        let Some(upstream) = self.upstream().filter(|_| logins.is_empty()) else { return Some(logins) };
        // Whom only the upstream knows owns the address that it is known by.
        for form in [Some(address.clone()), address.untagged()].into_iter().flatten() {
            match upstream.lookup("USER", form.as_str(), b"service=smtp").await {
                Ok(Found::User(name, _)) => {
                    return Some(vec![name].into_iter().filter(|name| is_one_in_lists(name)).collect());
                }
                Ok(Found::Nobody) => {}
                Ok(Found::Fail(_)) | Err(_) => return None,
            }
        }
        Some(Vec::new())
    }
}
