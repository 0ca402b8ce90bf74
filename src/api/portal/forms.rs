//! Forms that are sent twice: what the portal, of which there may be several, leaves with the daemon and asks it for.

use serde::{Deserialize, Serialize};

use super::Hidden;

/// A form was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormSent {
    /// A digest of all that was sent: 32 bytes in base64url. The daemon is told nothing else of it.
    pub form: String,
    /// It acts, unless it was sent before. Without this, it is only asked whether it was.
    pub acts: bool,
}

/// How far a form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormState {
    /// It was not sent before.
    New,
    /// It was sent, and is being answered.
    UnderWay,
    /// It was answered.
    Answered,
}

/// What is known of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormKnown {
    /// How far it is.
    pub state: FormState,
    /// What the portal left as its answer, sealed for nobody but itself; absent: too long to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Hidden>,
}

/// A form was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormAnswered {
    /// The digest.
    pub form: String,
    /// The answer, sealed, in base64url; empty: too long to be kept; absent: it did nothing, and the next one acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Hidden>,
}
