//! Commands of sending: groups, aliases, delegations, limits.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::Switch;
use crate::api::{LimitValue, LimitWord};
use crate::gate::delegation::Right;
use crate::gate::limits::{LIMIT_MAX, Per};

/// What to change of an account: at least one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Changes {
    /// Whether mail clients get in with client passwords only
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    pub two_factor: Option<Switch>,
    /// The group whose sending limits it has
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,
    /// Take it out of its group
    #[arg(long, conflicts_with = "group")]
    pub no_group: bool,
}

/// Aliases.
#[derive(Debug, Subcommand)]
pub enum Alias {
    /// Give an account a further address, or a domain another name
    ///
    /// An account's alias may be an address, which several accounts may share, or a whole @domain: every address there
    /// that nobody else has. A domain's alias is another @domain, where the same names are the same accounts. Whose an
    /// address is decides who may send under it.
    #[command(after_help = "\
Examples:
  sidegate alias add ann@example.org info@example.org
  sidegate alias add ann@example.org @example.net
  sidegate alias add @example.org @example.com")]
    Add {
        /// Whose: a full mail address, or @domain for every account there
        #[arg(value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
        of: String,
        /// The further address, or @domain
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        alias: String,
    },
    /// Take a further address away
    #[command(after_help = "\
Examples:
  sidegate alias remove info@example.org
  sidegate alias remove info@example.org --of ann@example.org")]
    Remove {
        /// The further address, or @domain
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        alias: String,
        /// From whom, where several share it
        #[arg(long, value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
        of: Option<String>,
    },
    /// List the further addresses
    #[command(after_help = "\
Examples:
  sidegate alias list
  sidegate alias list ann@example.org
  sidegate alias list @example.org")]
    List {
        /// Only those of this account or @domain [default: all]
        #[arg(value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
        of: Option<String>,
    },
}

/// Delegations.
#[derive(Debug, Subcommand)]
pub enum Delegation {
    /// Let somebody read a mailbox, and send for its owner
    ///
    /// It takes the place of what was granted to the same delegate before.
    #[command(after_help = "\
Examples:
  sidegate delegation grant ann@example.org bob@example.org --right read
  sidegate delegation grant ann@example.org bob@example.org --right send-as")]
    Grant(NewRight),
    /// Take that back
    #[command(after_help = "\
Example:
  sidegate delegation revoke ann@example.org bob@example.org")]
    Revoke {
        /// Whose mailbox
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        owner: String,
        /// Who may no longer
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        delegate: String,
    },
    /// List who may do what
    #[command(after_help = "\
Examples:
  sidegate delegation list
  sidegate delegation list ann@example.org")]
    List {
        /// Only what this account grants or was granted [default: all]
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        address: Option<String>,
    },
}

/// A delegation to be made.
#[derive(Debug, Args)]
pub struct NewRight {
    /// Whose mailbox
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub owner: String,
    /// Who may
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub delegate: String,
    /// Read it; send on its owner's behalf too; or send as if the owner had
    #[arg(long, value_name = "read|on-behalf|send-as", value_parser = right)]
    pub right: Right,
}

/// Limits.
#[derive(Debug, Subcommand)]
pub enum Limits {
    /// Show every limit that is set, or what is in force for an account and how much of it is used
    #[command(after_help = "\
Examples:
  sidegate limits show
  sidegate limits show ann@example.org")]
    Show {
        /// What is in force for this account and its client passwords
        #[arg(value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
        account: Option<String>,
    },
    /// Set limits for an account, a group or everybody; the others stay as they are
    ///
    /// An account's own limits win over its group's, and those over the default. N is a number, `unlimited` (no
    /// limit, whatever the group or the default says) or `inherit` (what the group or the default says).
    #[command(
        override_usage = "sidegate limits set <ACCOUNT | --group NAME | --default> [--per WHAT] <LIMITS>",
        after_help = "\
Examples:
  sidegate limits set --default --messages-per-hour 100 --recipients-per-day 1000
  sidegate limits set --group staff --messages-per-hour 500 --recipients-per-day unlimited
  sidegate limits set ann@example.org --messages-per-hour inherit
  sidegate limits set --default --per client-password --messages-per-hour 50
  sidegate limits set --default --per address --recipients-per-hour 300"
    )]
    Set(SetLimits),
}

/// Limits to be set.
#[derive(Debug, Args)]
pub struct SetLimits {
    /// For whom
    #[command(flatten)]
    pub whose: Whose,
    /// What they count for: all that an account sends, what it sends with one client password, or what anybody
    /// sends from one address (only with --default)
    #[arg(long, value_name = "account|client-password|address", default_value = "account", value_parser = per)]
    pub per: Per,
    /// Which
    #[command(flatten)]
    pub figures: Figures,
}

/// For whom limits are: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// This account
    #[arg(value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
    pub account: Option<String>,
    /// Everybody in this group
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,
    /// Everybody
    #[arg(long)]
    pub default: bool,
}

/// The limits: at least one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Figures {
    /// Messages in an hour
    #[arg(long, value_name = "N", value_parser = limit)]
    pub messages_per_hour: Option<LimitValue>,
    /// Recipients in an hour
    #[arg(long, value_name = "N", value_parser = limit)]
    pub recipients_per_hour: Option<LimitValue>,
    /// Messages in a day
    #[arg(long, value_name = "N", value_parser = limit)]
    pub messages_per_day: Option<LimitValue>,
    /// Recipients in a day
    #[arg(long, value_name = "N", value_parser = limit)]
    pub recipients_per_day: Option<LimitValue>,
}

fn right(text: &str) -> Result<Right, String> {
    Right::from_word(text).ok_or_else(|| "the rights are read, on-behalf and send-as".into())
}

fn per(text: &str) -> Result<Per, String> {
    Per::from_word(text).ok_or_else(|| "limits count per account, client-password or address".into())
}

/// A number, or a word in its place.
fn limit(text: &str) -> Result<LimitValue, String> {
    match text {
        "unlimited" => Ok(LimitValue::Word(LimitWord::Unlimited)),
        "inherit" => Ok(LimitValue::Word(LimitWord::Inherit)),
        _ => match text.parse() {
            Ok(number) if number <= LIMIT_MAX => Ok(LimitValue::AtMost(number)),
            _ => Err(format!("a limit is a number up to {LIMIT_MAX}, `unlimited` or `inherit`")),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use super::*;
    use crate::cli::commands::Cli;

    fn parse(line: &[&str]) -> Result<(), ErrorKind> {
        Cli::try_parse_from([&["sidegate"], line].concat()).map(|_| ()).map_err(|error| error.kind())
    }

    fn check_rest(line: &[&str], cases: &[(&[&str], Result<(), ErrorKind>)]) {
        for (rest, expected) in cases {
            assert_eq!(parse(&[line, rest].concat()), *expected, "{rest:?}");
        }
    }

    #[test]
    fn an_account_changes_in_at_least_one_way() {
        check_rest(
            &["account", "set", "ann@example.org"],
            &[
                (&[], Err(ErrorKind::MissingRequiredArgument)),
                (&["--group", "staff"], Ok(())),
                (&["--no-group", "--two-factor", "on"], Ok(())),
                (&["--no-group", "--group", "staff"], Err(ErrorKind::ArgumentConflict)),
                (&["--group", ""], Err(ErrorKind::InvalidValue)),
            ],
        );
    }

    #[test]
    fn limits_are_for_somebody_and_at_least_one() {
        let one = ["--messages-per-day", "5"];
        check_rest(
            &["limits", "set"],
            &[
                (&one, Err(ErrorKind::MissingRequiredArgument)),
                (&["--default"], Err(ErrorKind::MissingRequiredArgument)),
                (&[&["--default"][..], &one].concat(), Ok(())),
                (&[&["--group", "staff"][..], &one].concat(), Ok(())),
                (&[&["ann@example.org"][..], &one].concat(), Ok(())),
                (&[&["ann@example.org", "--default"][..], &one].concat(), Err(ErrorKind::ArgumentConflict)),
                (&[&["--group", "x", "--default"][..], &one].concat(), Err(ErrorKind::ArgumentConflict)),
                (&[&["--default", "--per", "group"][..], &one].concat(), Err(ErrorKind::ValueValidation)),
            ],
        );
    }

    #[test]
    fn a_limit_is_a_number_or_a_word() {
        assert_eq!(limit("0"), Ok(LimitValue::AtMost(0)));
        assert_eq!(limit(&LIMIT_MAX.to_string()), Ok(LimitValue::AtMost(LIMIT_MAX)));
        assert_eq!(limit("unlimited"), Ok(LimitValue::Word(LimitWord::Unlimited)));
        assert_eq!(limit("inherit"), Ok(LimitValue::Word(LimitWord::Inherit)));
        for bad in ["", "-1", "1.5", "none", &(LIMIT_MAX + 1).to_string(), "5000000000"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_right_can_be_granted() {
        for word in Right::ALL.map(Right::word) {
            assert_eq!(parse(&["delegation", "grant", "a@b.c", "d@e.f", "--right", word]), Ok(()));
        }
        let grant = |rest: &[&str]| parse(&[&["delegation", "grant", "a@b.c", "d@e.f"], rest].concat());
        assert_eq!(grant(&["--right", "write"]), Err(ErrorKind::ValueValidation));
        assert_eq!(grant(&[]), Err(ErrorKind::MissingRequiredArgument));
    }
}
