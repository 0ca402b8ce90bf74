//! The store's keys.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::{Answer, Api, ApiError, By, Params};
use crate::api::{KeyView, KeysView};
use crate::gate::key::KeyId;
use crate::service::{KeyError, KeyState, KeyUse};
use crate::store::key_file::is_credential;
use crate::store::keys::KeyCount;

pub(super) async fn show(State(api): State<Api>) -> Answer<KeysView> {
    let state = api.service.key_state().await?;
    Ok(Json(view(state, &api.in_force.key_file())))
}

pub(super) async fn rotate(State(api): State<Api>, by: By) -> Answer<KeysView> {
    let file = api.in_force.key_file();
    let state = api.service.rotate_key(file.clone(), &by.0.0).await?;
    Ok(Json(view(state, &file)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Meant {
    id: String,
    yes: bool,
}

pub(super) async fn forget(State(api): State<Api>, by: By, meant: Params<Meant>) -> Answer<KeyView> {
    let Meant { id, yes } = meant?.0;
    let bad = || ApiError::bad(format!("`{}` is no id of a key: 16 hex digits", id.escape_debug()));
    let id = KeyId::parse(&id).ok_or_else(bad)?;
    Ok(Json(used(api.service.forget_key(api.in_force.key_file(), id, yes, &by.0.0).await?)))
}

fn used(key: KeyUse) -> KeyView {
    let KeyUse { id, passwords, removed, factors, recovery_codes } = key;
    KeyView { id: id.to_string(), passwords, removed, factors, recovery_codes }
}

/// A key that the file does not have.
fn lost(count: KeyCount) -> Option<KeyView> {
    let KeyCount { key_id, passwords, removed, factors, recovery_codes } = count;
    Some(KeyView { id: key_id?.to_string(), passwords, removed, factors, recovery_codes })
}

fn view(state: KeyState, file: &Path) -> KeysView {
    KeysView {
        file: file.display().to_string(),
        credential: is_credential(file),
        keys: state.keys.into_iter().map(used).collect(),
        lost: state.lost.into_iter().filter_map(lost).collect(),
        imported: state.imported,
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::NoKey(_) => Self::not_found(error.to_string()),
            KeyError::File(_) | KeyError::Current(_) | KeyError::InUse(_) | KeyError::Factors(_) => {
                Self::new(StatusCode::CONFLICT, "refused", error.to_string())
            }
            KeyError::Stopping => Self::unavailable(error.to_string()),
        }
    }
}
