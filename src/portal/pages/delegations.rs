//! Delegations: who else may use a mailbox.

use super::frame::Frame;
use super::problem::Problem;
use super::routes;
use crate::clock::Timestamp;
use crate::gate::delegation::Right;

/// A delegation, seen from one side.
#[derive(Clone, Debug)]
pub struct Delegation {
    /// The other side: the delegate of one granted, the owner of one received.
    pub other: String,
    /// What it allows.
    pub right: Right,
    /// Since when.
    pub since: Timestamp,
}

impl Delegation {
    /// The right in words.
    #[must_use]
    pub fn right(&self, f: &Frame) -> String {
        right(self.right, f)
    }
}

/// A right in words.
fn right(right: Right, f: &Frame) -> String {
    match right {
        Right::Read => f.t("right-read"),
        Right::OnBehalf => f.t("right-on-behalf"),
        Right::SendAs => f.t("right-send-as"),
    }
}

/// Both lists, and the form to grant one.
#[derive(Clone, Debug)]
pub struct Delegations {
    /// What the account granted.
    pub granted: Vec<Delegation>,
    /// What the account was granted.
    pub received: Vec<Delegation>,
    /// What was typed before.
    pub delegate: String,
    /// What was chosen before.
    pub right: Right,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(Delegations, "delegations.html");

impl Delegations {
    /// The rights to choose from: word, text, chosen.
    #[must_use]
    pub fn rights(&self, f: &Frame) -> Vec<(&'static str, String, bool)> {
        Right::ALL.map(|each| (each.word(), right(each, f), each == self.right)).into()
    }
}
