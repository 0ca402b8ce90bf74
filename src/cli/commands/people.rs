//! Commands about people's second factors and main passwords.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::Address;

/// Second factors.
#[derive(Debug, Subcommand)]
pub enum Factor {
    /// List the second factors of an account, and how it fares with them
    #[command(after_help = "\
Example:
  sidegate factor list ann@example.org")]
    List(Address),
    /// Remove all second factors of an account, for an owner who lost them
    ///
    /// Recovery codes go too, sessions at the portal and all trust in browsers end, and wrong codes are forgotten. The
    /// owner is told, with the reason. Where two-factor is on it stays on: the next sign-in leads to setting it up, and
    /// mail programs go on with their client passwords. Make sure first whom you are talking to.
    ///
    /// Client passwords and delegations stay as they are; what is left is told. If somebody else may have been in the account,
    /// change the main password, remove all client passwords (sidegate password revoke --all) and the delegations that its
    /// owner does not know (sidegate delegation list).
    ///
    /// A set-up code is printed, this once: the next sign-in has to give it before a second factor is bound, so that
    /// nobody who merely knows the main password is quicker than the owner. Hand it to the owner in person, or over a
    /// line that you trust. It is good for three days; another reset makes another one, and ends it. None is made with
    /// --two-factor-off, unless two-factor is mandatory for the account by now, nor where the setting portal.set_up_code
    /// is false: have the owner change the main password first then.
    #[command(after_help = "\
Examples:
  sidegate factor reset ann@example.org --reason \"lost phone, seen in person\"
  sidegate factor reset ann@example.org --reason \"left the project\" --two-factor-off")]
    Reset(ResetFactors),
    /// Forget the wrong codes of an account, so that its codes are looked at again
    ///
    /// Wrong codes of apps, SMS and mail make an account wait, ever longer, and the hundredth in a row ends its codes.
    /// This clears the count and nothing else: second factors, sessions and trust stay. The owner is told. Whoever typed
    /// them knows the main password: have the owner change it.
    #[command(after_help = "\
Example:
  sidegate factor unlock ann@example.org")]
    Unlock(Address),
}

/// Whose second factors are removed, and why.
#[derive(Debug, Args)]
pub struct ResetFactors {
    /// Whose account
    #[command(flatten)]
    pub account: Address,
    /// Why; the owner reads it
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
    /// Turn two-factor off too: the main password is enough then
    #[arg(long)]
    pub two_factor_off: bool,
}

/// Whose main password is set.
#[derive(Debug, Args)]
pub struct MainPassword {
    /// Whose account
    #[command(flatten)]
    pub account: Address,
    /// Remove it: the account cannot sign in to the portal until there is another
    #[arg(long)]
    pub remove: bool,
}
