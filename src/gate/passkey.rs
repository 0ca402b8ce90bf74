//! Passkeys and security keys (WebAuthn): what browsers are asked, and whether their answer is right.
//!
//! A passkey is bound to the domain of the site and answers nobody else: what a person can be talked into typing
//! elsewhere, it cannot be. The authenticator must have verified its user, by PIN, finger or face, so that a found key
//! opens nothing.
//!
//! webauthn-rs reads and verifies the answers; it also draws the challenges, from the operating system, and no test needs
//! them to repeat. What it has to remember between question and answer is a state, a text, good for one answer: it is kept
//! by the daemon, sealed, and never sent anywhere.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use webauthn_rs::prelude::{
    Passkey, PasskeyAuthentication, PasskeyRegistration, Url, Uuid, WebauthnError, WebauthnResult,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::people::PeopleRules;

#[cfg(test)]
pub(crate) mod tests;

/// The longest answer of a browser, in bytes. A key of RSA with a chain of certificates is well below it.
pub const ANSWER_BYTES_MAX: usize = 16_384;
/// The longest record of a passkey, in bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 6_000;
/// The longest records, all together, of the passkeys that one question is about, in bytes: what is remembered of it can be
/// sealed. As many of the usual ones as an account may have fit.
pub const ASKED_BYTES_MAX: usize = 20_000;
const _: () = assert!(CREDENTIAL_BYTES_MAX < ASKED_BYTES_MAX);

/// Why a passkey cannot be asked for or taken. Nobody who is not an administrator is told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The site's address and the domain of its passkeys do not fit.
    #[error("portal.origin and portal.relying_party do not go together")]
    Settings,
    /// What the store has of a passkey, or of a question, cannot be read.
    #[error("a passkey in the store cannot be read")]
    Record,
    /// More than [`ANSWER_BYTES_MAX`], or a passkey of more than [`CREDENTIAL_BYTES_MAX`].
    #[error("the browser's answer is too long")]
    TooLong,
    /// It is not what browsers answer.
    #[error("this is no answer of a browser about a passkey")]
    Malformed,
    /// It is the answer to another question: an old one, or one that was asked elsewhere.
    #[error("the answer is not to the question that was asked")]
    Challenge,
    /// It was given to another site.
    #[error("the answer was given to another site")]
    Site,
    /// Nobody verified the user.
    #[error("the authenticator did not verify its user")]
    Unverified,
    /// None of the account's passkeys gave it.
    #[error("the answer is of no passkey of this account")]
    Unknown,
    /// Its counter did not go on: there is a copy of it.
    #[error("the passkey's counter went back: somebody has a copy of it")]
    Copied,
    /// The signature, or something else in the answer, is wrong.
    #[error("the answer does not verify")]
    Wrong,
}

impl From<WebauthnError> for PasskeyError {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::Configuration => Self::Settings,
            WebauthnError::MismatchedChallenge => Self::Challenge,
            WebauthnError::InvalidRPOrigin
            | WebauthnError::InvalidRPIDHash
            | WebauthnError::CredentialCrossOrigin => Self::Site,
            WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => Self::Unverified,
            WebauthnError::CredentialNotFound => Self::Unknown,
            WebauthnError::CredentialPossibleCompromise => Self::Copied,
            WebauthnError::ParseBase64Failure(_)
            | WebauthnError::ParseCBORFailure(_)
            | WebauthnError::ParseJSONFailure(_)
            | WebauthnError::ParseNOMFailure
            | WebauthnError::ParseInsufficientBytesAvailable => Self::Malformed,
            // Of the rest nobody is told more: a hundred ways in which an answer can be wrong.
            _ => Self::Wrong,
        }
    }
}

/// A question to a browser, JSON for `navigator.credentials`, and the state by which one answer is judged.
type Asked = Result<(String, String), PasskeyError>;

/// The site that passkeys are bound to.
#[derive(Clone, Debug)]
pub struct Site(Webauthn);

impl Site {
    /// The site of these settings; `None`: it has no passkeys.
    #[must_use]
    pub fn of(rules: &PeopleRules) -> Option<Self> {
        let (origin, relying_party) = (rules.origin.as_deref()?, rules.relying_party.as_deref()?);
        Self::new(&rules.issuer, origin, relying_party).ok()
    }

    /// The site that browsers see at `origin`, under its name, with passkeys bound to `relying_party`.
    fn new(name: &str, origin: &str, relying_party: &str) -> Result<Self, PasskeyError> {
        let origin = Url::parse(origin).map_err(|_| PasskeyError::Settings)?;
        let site = WebauthnBuilder::new(relying_party, &origin)?.rp_name(name).build()?;
        Ok(Self(site))
    }
}

/// Asks a browser to make a passkey for an account, on an authenticator that has none of those that are bound.
/// Authenticators know the account by `handle`, which tells nobody who it is, and show its name.
///
/// # Errors
/// One of those that are bound cannot be read.
pub fn begin_registration(site: &Site, name: &str, handle: [u8; 16], bound: &[&[u8]]) -> Asked {
    let exclude = records(bound)?.iter().map(|passkey| passkey.cred_id().clone()).collect();
    asked(site.0.start_passkey_registration(Uuid::from_bytes(handle), name, name, Some(exclude)))
}

/// Takes the passkey that a browser made: its record, with which it can be verified and not used.
///
/// # Errors
/// The answer is wrong or too long.
pub fn finish_registration(site: &Site, state: &str, answer: &str) -> Result<Vec<u8>, PasskeyError> {
    let state: PasskeyRegistration = record(state.as_bytes())?;
    let fields = ["attestationObject", "clientDataJSON", "transports"];
    bytes(&site.0.finish_passkey_registration(&answered(answer, &fields)?, &state)?)
}

/// Asks a browser to prove one of these passkeys.
///
/// # Errors
/// One of them cannot be read, or there is none.
pub fn begin_authentication(site: &Site, bound: &[&[u8]]) -> Asked {
    let bound = records(bound)?;
    if bound.is_empty() {
        return Err(PasskeyError::Unknown);
    }
    asked(site.0.start_passkey_authentication(&bound))
}

/// Which of these passkeys, as they are bound now, a browser proved; and its record from now on, since its counter went on.
///
/// # Errors
/// The answer is wrong or too long, or its passkey is bound no more.
pub fn finish_authentication(
    site: &Site,
    state: &str,
    answer: &str,
    bound: &[&[u8]],
) -> Result<(usize, Vec<u8>), PasskeyError> {
    let state: PasskeyAuthentication = record(state.as_bytes())?;
    let fields = ["authenticatorData", "clientDataJSON", "signature", "userHandle"];
    let result = site.0.finish_passkey_authentication(&answered(answer, &fields)?, &state)?;
    let mut bound = records(bound)?;
    let found = bound.iter_mut().enumerate().find(|(_, passkey)| passkey.cred_id() == result.cred_id());
    let (index, passkey) = found.ok_or(PasskeyError::Unknown)?;
    // The state is from when it was asked: another answer may have come since.
    let before = counter(passkey)?;
    if (result.counter() > 0 || before > 0) && u64::from(result.counter()) <= before {
        return Err(PasskeyError::Copied);
    }
    passkey.update_credential(&result);
    Ok((index, bytes(passkey)?))
}

/// How often it was used, where it counts. The library has it, and shows it in the record only.
fn counter(passkey: &Passkey) -> Result<u64, PasskeyError> {
    let record = serde_json::to_value(passkey).map_err(|_| PasskeyError::Record)?;
    record["cred"]["counter"].as_u64().ok_or(PasskeyError::Record)
}

/// What browsers answer, without what nobody asks for: fields have come and gone, and each has a form of its own.
fn answered<T: DeserializeOwned>(answer: &str, fields: &[&str]) -> Result<T, PasskeyError> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(PasskeyError::TooLong);
    }
    let given: Value = serde_json::from_str(answer).map_err(|_| PasskeyError::Malformed)?;
    let response: Map<String, Value> =
        fields.iter().map(|field| ((*field).to_owned(), given["response"][*field].clone())).collect();
    let raw_id = &given["rawId"];
    // Browsers say the same twice; who does not may mean two passkeys.
    let id = raw_id.as_str().and_then(|id| BASE64URL_NOPAD.decode(id.as_bytes()).ok());
    if id.is_none() || given["id"] != *raw_id || given["type"] != "public-key" {
        return Err(PasskeyError::Malformed);
    }
    let known = json!({ "id": raw_id, "rawId": raw_id, "type": "public-key", "response": response });
    serde_json::from_value(known).map_err(|_| PasskeyError::Malformed)
}

fn asked<Q: Serialize, S: Serialize>(question: WebauthnResult<(Q, S)>) -> Asked {
    let (options, state) = question?;
    let options = serde_json::to_string(&options).map_err(|_| PasskeyError::Record)?;
    Ok((options, serde_json::to_string(&state).map_err(|_| PasskeyError::Record)?))
}

fn record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PasskeyError> {
    serde_json::from_slice(bytes).map_err(|_| PasskeyError::Record)
}

fn records(bound: &[&[u8]]) -> Result<Vec<Passkey>, PasskeyError> {
    bound.iter().map(|bytes| record(bytes)).collect()
}

fn bytes(passkey: &Passkey) -> Result<Vec<u8>, PasskeyError> {
    let bytes = serde_json::to_vec(passkey).map_err(|_| PasskeyError::Record)?;
    if bytes.len() > CREDENTIAL_BYTES_MAX { Err(PasskeyError::TooLong) } else { Ok(bytes) }
}
