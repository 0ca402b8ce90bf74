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

/// A right to choose.
#[derive(Clone, Debug)]
pub struct RightChoice {
    /// The word for it.
    pub word: &'static str,
    /// What it is called.
    pub text: String,
    /// What it means.
    pub means: String,
    /// It is chosen.
    pub chosen: bool,
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
    /// The rights to choose from.
    #[must_use]
    pub fn rights(&self, f: &Frame) -> Vec<RightChoice> {
        let choice = |each: Right| RightChoice {
            word: each.word(),
            text: right(each, f),
            means: match each {
                Right::Read => f.t("right-read-means"),
                Right::OnBehalf => f.t("right-on-behalf-means"),
                Right::SendAs => f.t("right-send-as-means"),
            },
            chosen: each == self.right,
        };
        Right::ALL.map(choice).into()
    }
}
