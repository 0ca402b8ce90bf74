//! Names in requests: in their normal form, unless the store still keeps one just as it was typed.

use super::{Api, ApiError};
use crate::gate::alias::Place;
use crate::gate::name::AccountName;
use crate::store::names::Kept;

impl Api {
    /// A name, in its normal form.
    pub(super) fn name(&self, typed: &str) -> Result<AccountName, ApiError> {
        Ok(AccountName::parse(typed, self.service.rules().default_domain.as_deref())?)
    }

    /// A full address, in its normal form.
    pub(super) fn address(&self, typed: &str) -> Result<AccountName, ApiError> {
        Ok(AccountName::parse_address(typed, self.service.rules().default_domain.as_deref())?)
    }

    /// An address or a `@domain`, in its normal form.
    pub(super) fn place(&self, typed: &str) -> Result<Place, ApiError> {
        Ok(Place::parse(typed, self.service.rules().default_domain.as_deref())?)
    }

    /// As [`Api::name`], for an order that takes something away: an older spelling that stayed beside the normal form is
    /// itself, or nobody could get rid of it.
    pub(super) async fn name_as_kept(&self, kept: Kept, typed: &str) -> Result<AccountName, ApiError> {
        match self.service.keeps_older(kept, typed).await? {
            true => Ok(AccountName::stored(typed)),
            false => self.name(typed),
        }
    }

    /// As [`Api::place`], likewise.
    pub(super) async fn place_as_kept(&self, kept: Kept, typed: &str) -> Result<Place, ApiError> {
        match self.service.keeps_older(kept, typed).await? {
            true => Ok(Place::stored(typed)),
            false => self.place(typed),
        }
    }
}
