//! Names that an older version kept in another spelling: brought to the one form at a start, and told where that cannot be.

use tracing::warn;

use super::Service;
use crate::store::names::{self, Kept};
use crate::store::{StoreError, StoreHandle};

/// Brings what the store keeps to the form that is looked for, before anybody asks.
pub(super) async fn bring(store: &StoreHandle) -> Result<(), StoreError> {
    let mut next = Some(names::Cursor::default());
    while let Some(from) = next {
        next = store.write(move |tables| names::fold(tables, &from), |_| ()).await?;
    }
    for left in store.read(|tables| names::left(tables)).await? {
        warn!(
            "{left}; nothing was merged, and nobody can use the older one; sidegate doctor says what to do"
        );
    }
    Ok(())
}

impl Service {
    /// Names in the store that nobody can use, in words.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn names_left(&self) -> Result<Vec<String>, StoreError> {
        let left = self.store.read(|tables| names::left(tables)).await?;
        Ok(left.iter().map(ToString::to_string).collect())
    }

    /// Whether the store keeps a name just as it was typed, which is not its normal form.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn keeps_older(&self, kept: Kept, typed: &str) -> Result<bool, StoreError> {
        let typed = typed.to_owned();
        self.store.read(move |tables| names::keeps_older(tables, kept, &typed)).await
    }
}
