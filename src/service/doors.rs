//! When each listener was last asked, as the store remembers it.

use super::Service;
use crate::store::{DoorTimes, StoreError};

impl Service {
    /// The listeners that there were.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn doors(&self) -> Result<Vec<DoorTimes>, StoreError> {
        self.store.read(|tables| tables.doors()).await
    }

    /// Puts down the listeners that there are.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn set_doors(&self, doors: Vec<DoorTimes>) -> Result<(), StoreError> {
        let written = self.store.write(move |tables| tables.set_doors(&doors), |()| ()).await;
        self.wrote(&written);
        written
    }
}
