//! Proving again that it is oneself, before a change: with a second factor, or where there is none, the main password.

use super::problem::Problem;
use super::proof::{Choice, Proof};
use super::routes;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The main password: no factor is bound.
    Password,
    /// A factor, and those that could be asked for instead.
    Proof(Proof),
    /// One of several factors is chosen first.
    Choose(Vec<Choice>),
}

/// The page.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// The path that it leads to.
    pub next: String,
    /// The id of the factor that has to be proved; `None`: any.
    pub only: Option<i64>,
    /// What is asked for.
    pub by: By,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(Confirm, "confirm.html");

impl Confirm {
    /// The server's options, where the browser asks a passkey.
    #[must_use]
    pub fn options(&self) -> Option<&str> {
        match &self.by {
            By::Proof(proof) => proof.options(),
            By::Password | By::Choose(_) => None,
        }
    }
}
