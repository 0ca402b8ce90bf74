//! Signing in: main password, second factor, and the set-up that a site may demand.

use super::factors::Kind;
use super::problem::Problem;
use super::proof::{Choice, Proof};
use super::routes;
use crate::clock::Timestamp;

/// The form for address and main password.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// What was typed before.
    pub address: String,
    /// A code is asked for beside the password: the visitor's address is blocked, or one would have to wait.
    pub with_code: bool,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(SignIn, "sign_in.html");

impl SignIn {
    /// Without the code nothing is looked at.
    fn needs_code(&self) -> bool {
        matches!(self.problem, Some(Problem::Blocked(_)))
    }

    /// What the code is good for.
    fn code_hint(&self) -> &'static str {
        match self.problem {
            Some(Problem::Blocked(_)) => "sign-in-code-hint",
            Some(Problem::WaitToSignIn(_)) => "sign-in-code-no-wait",
            _ => "sign-in-code-together",
        }
    }
}

/// Choosing among several second factors.
#[derive(Clone, Debug)]
pub struct ChooseFactor {
    /// Whose: the main password was theirs.
    pub account: String,
    /// Those of the account.
    pub factors: Vec<Choice>,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(ChooseFactor, "choose_factor.html");

/// Proving a second factor.
#[derive(Clone, Debug)]
pub struct EnterCode {
    /// Whose: the main password was theirs.
    pub account: String,
    /// Which, and how.
    pub proof: Proof,
    /// For how many days this browser may be trusted; `None`: not offered.
    pub trust_days: Option<usize>,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(EnterCode, "enter_code.html");

/// Two-factor is wanted of this account.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// What may be bound.
    pub kinds: Vec<Kind>,
    /// Something is bound already: it only has to be turned on.
    pub bound: bool,
    /// It may wait until then; `None`: there is nothing else to go to.
    pub until: Option<Timestamp>,
}

page!(SetUp, "set_up.html");

/// The set-up code of a reset is wanted before anything is set up.
#[derive(Clone, Debug)]
pub struct EnterSetUpCode {
    /// It ended: an administrator has to make another one.
    pub over: bool,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(EnterSetUpCode, "set_up_code.html");
