//! The one list of commands: parsing, `--help` and the manual page are made from it.

mod bulk;
mod people;
mod sending;
mod watching;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::api::ROWS_MAX;
use crate::config::duration;
use crate::gate::account::Lacks;
use crate::gate::event::Kind;
pub use bulk::{Export, Import, Key, Table};
pub use people::{Factor, MainPassword, ResetFactors};
pub use sending::{Alias, Changes, Delegation, Figures, Limits, NewRight, SetLimits, Whose};
pub use watching::{Explain, Rollout, Top};

const OVERVIEW: &str = "\
Examples:
  sidegate account add ann@example.org
  sidegate password new ann@example.org --name \"Ann's phone\"
  sidegate block lift 192.0.2.7
  sidegate events --since 1h --account ann@example.org

Exit status:
  0  done
  1  refused, not found, or failed on the way
  2  wrong usage
  3  sidegated cannot be reached

Durations are a number and a unit: 90s, 15m, 1h, 7d.
Whoever runs as root, as the daemon's own user, or in the group that [control] group names is an administrator.";

const GLOBAL: &str = "Options of every command";

/// The administrator's command line of Sidegate, the side gate of a mail server.
#[derive(Debug, Parser)]
#[command(name = "sidegate", version, after_help = OVERVIEW, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// The control socket of sidegated
    #[arg(
        long,
        global = true,
        env = "SIDEGATE_SOCKET",
        default_value = "/run/sidegate/control",
        value_name = "PATH",
        help_heading = GLOBAL
    )]
    pub socket: PathBuf,
    /// Print the answer as JSON: indented on a terminal, else in one line
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Accounts: who may have client passwords
    #[command(subcommand)]
    Account(Account),
    /// Second factors of people: list, reset
    #[command(subcommand)]
    Factor(Factor),
    /// Client passwords: make, list, revoke
    #[command(subcommand)]
    Password(Password),
    /// Take over accounts, and client passwords of another system, from CSV
    #[command(subcommand)]
    Import(Import),
    /// Print accounts or client passwords as CSV, without any secret
    #[command(subcommand)]
    Export(Export),
    /// Further addresses of accounts and domains: list, add, remove
    #[command(subcommand)]
    Alias(Alias),
    /// Who may read another's mailbox, and send for its owner: list, grant, revoke
    #[command(subcommand)]
    Delegation(Delegation),
    /// How much may be sent: show, set
    #[command(subcommand)]
    Limits(Limits),
    /// Blocked addresses: list, block, lift
    #[command(subcommand)]
    Block(Block),
    /// Say what would happen to a login, and why; it counts nothing
    ///
    /// The password is read from standard input, one line; on a terminal it is asked for. Exit status 0 if the
    /// login would be accepted, 1 if not.
    #[command(after_help = "\
Example:
  sidegate check ann@example.org --protocol imap --from 192.0.2.7 < password-file")]
    Check(Check),
    /// Tell why an address or account cannot get in, and what to tell whoever calls about it
    ///
    /// It looks at the last 7 days and at what holds now.
    #[command(after_help = "\
Examples:
  sidegate explain 192.0.2.7
  sidegate explain ann@example.org --lang zh-CN")]
    Explain(Explain),
    /// The audit log: every decision and every change
    ///
    /// Without --limit the newest 1000 are shown, oldest first; with --follow the newest 10, or all since --since.
    #[command(after_help = "\
Examples:
  sidegate events --since 1h --account ann@example.org
  sidegate events --follow --kind block-added,password-revoked
  sidegate events --follow --json | jq .kind")]
    Events(Events),
    /// Tell whom the rules meet, or would meet once they are enforced
    ///
    /// Accounts whose mail clients use the main password or, with rollout.mode = "observe", were let in and would have
    /// been refused; and whether they have client passwords already.
    #[command(after_help = "\
Examples:
  sidegate rollout
  sidegate rollout --since 30d --json | jq .accounts")]
    Rollout(Rollout),
    /// How the daemon is
    #[command(after_help = "\
Example:
  sidegate status")]
    Status,
    /// Say what is wrong with the mail server and Sidegate, and the cure of each
    ///
    /// Reads the configuration of Dovecot, Postfix and nginx's mail proxy, asks every socket one question that counts nothing, and asks the
    /// daemon how it is. Run it as root. Exit status 0 if nothing is bad, 1 if something is, 3 if the daemon cannot be
    /// reached; the rest is looked at even then.
    #[command(after_help = "\
Examples:
  sidegate doctor
  sidegate doctor --dovecot-conf /srv/test/dovecot.conf --postfix-dir /srv/test/postfix")]
    Doctor(Doctor),
    /// Watch the daemon at work, second by second, until q or Ctrl-C
    ///
    /// On a terminal it fills the screen, and says how many rows did not fit; elsewhere each second is one line.
    #[command(after_help = "\
Examples:
  sidegate top
  sidegate top --once
  sidegate top --json | jq .refused")]
    Top(Top),
    /// The keys that client passwords are found by: show, make a new one, forget an old one
    #[command(subcommand)]
    Key(Key),
    /// Copy the database, while the daemon works, into a file that does not exist yet
    ///
    /// The key file (store.key_file in the configuration) is not part of it: back it up too, in another place.
    #[command(after_help = "\
Example:
  sidegate backup /var/backups/sidegate-2026-11-20.db")]
    Backup(Backup),
    /// The configuration
    #[command(subcommand)]
    Config(Config),
}

/// The address that a command is about.
#[derive(Debug, Args)]
pub struct Address {
    /// A full mail address
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub address: String,
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Make an account
    #[command(after_help = "\
Example:
  sidegate account add ann@example.org")]
    Add(Address),
    /// List the accounts
    #[command(after_help = "\
Examples:
  sidegate account list --search example.org
  sidegate account list --only two-factor-off")]
    List {
        /// Only those with this text in their address
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        search: Option<String>,
        /// Only those that lack it
        #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(Lacks::ALL.map(Lacks::word)))]
        only: Option<String>,
    },
    /// Show an account with its client passwords
    #[command(after_help = "\
Example:
  sidegate account show ann@example.org")]
    Show(Address),
    /// Remove an account and all its client passwords
    #[command(after_help = "\
Example:
  sidegate account remove ann@example.org")]
    Remove(Address),
    /// Let an account in again
    #[command(after_help = "\
Example:
  sidegate account enable ann@example.org")]
    Enable(Address),
    /// Let an account in nowhere; its client passwords are kept
    #[command(after_help = "\
Example:
  sidegate account disable ann@example.org")]
    Disable(Address),
    /// Set the main password with which an account signs in to the portal, where no upstream knows any
    ///
    /// It is read from standard input, one line; on a terminal it is asked for twice. It has at least 8 characters. The
    /// account's sessions at the portal end. Mail clients never get in with it.
    #[command(after_help = "\
Examples:
  sidegate account main-password ann@example.org < password-file
  sidegate account main-password ann@example.org --remove")]
    MainPassword(MainPassword),
    /// End every session of an account at the portal, and all trust in browsers
    #[command(after_help = "\
Example:
  sidegate account sign-out ann@example.org")]
    SignOut(Address),
    /// Change an account
    #[command(after_help = "\
Examples:
  sidegate account set ann@example.org --two-factor on
  sidegate account set ann@example.org --group staff
  sidegate account set ann@example.org --no-group")]
    Set {
        /// Whose account
        #[command(flatten)]
        account: Address,
        /// What changes
        #[command(flatten)]
        changes: Changes,
    },
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Client passwords.
#[derive(Debug, Subcommand)]
pub enum Password {
    /// Make a client password and print its 16 characters, this once
    ///
    /// Standard output gets the 16 characters and a newline, nothing else.
    #[command(after_help = "\
Examples:
  sidegate password new ann@example.org --name \"Ann's phone\"
  sidegate password new ann@example.org --name scanner --protocols smtp --expires 90d --from 192.0.2.0/24")]
    New(NewPassword),
    /// List the client passwords of an account
    #[command(after_help = "\
Example:
  sidegate password list ann@example.org")]
    List(Address),
    /// Remove client passwords, at once
    #[command(
        override_usage = "sidegate password revoke ADDRESS <ID | --name NAME | --all>",
        after_help = "\
Examples:
  sidegate password revoke ann@example.org 3
  sidegate password revoke ann@example.org --name \"Ann's phone\"
  sidegate password revoke ann@example.org --all"
    )]
    Revoke(Revoke),
}

/// A client password to be made.
#[derive(Debug, Args)]
pub struct NewPassword {
    /// Whose account
    #[command(flatten)]
    pub account: Address,
    /// What its owner calls it, usually after the device
    #[arg(long)]
    pub name: String,
    /// The protocols it is good for, with commas between them [default: all]
    #[arg(long, value_name = "imap,smtp", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub protocols: Vec<String>,
    /// How long it is good [default: until it is revoked]
    #[arg(long, value_name = "90d", value_parser = seconds)]
    pub expires: Option<u32>,
    /// A network it may come from; may be given several times [default: any]
    #[arg(long, value_name = "NET", value_parser = network)]
    pub from: Vec<IpNet>,
}

/// Which client passwords to remove.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Whose account
    #[command(flatten)]
    pub account: Address,
    /// Which of its client passwords
    #[command(flatten)]
    pub which: Which,
}

/// Which client passwords: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The one with this number
    pub id: Option<i64>,
    /// The one with this name
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub name: Option<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
}

/// Blocked addresses.
#[derive(Debug, Subcommand)]
pub enum Block {
    /// List the blocked addresses and networks
    #[command(after_help = "\
Example:
  sidegate block list")]
    List,
    /// Block an address or a network
    ///
    /// An address is blocked with all that counts as one source with it, for IPv6 its /64; so is a network that is
    /// narrower than that. The widest networks are /8 of IPv4 and /16 of IPv6. lockout.exempt beats every block.
    #[command(after_help = "\
Examples:
  sidegate block add 192.0.2.7 --for 1h --reason \"guesses passwords\"
  sidegate block add 198.51.100.0/24 --for 7d")]
    Add {
        /// The address or network
        #[arg(value_name = "ADDR", value_parser = NonEmptyStringValueParser::new())]
        address: String,
        /// How long [default: lockout.block_for of the configuration]
        #[arg(long = "for", value_name = "1h", value_parser = seconds)]
        seconds: Option<u32>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let a blocked address or network in again
    ///
    /// The failures of an address are forgotten with its block. An address in a blocked network is let in by lifting the
    /// network, or by lockout.exempt.
    #[command(after_help = "\
Examples:
  sidegate block lift 192.0.2.7
  sidegate block lift 198.51.100.0/24")]
    Lift {
        /// The address or network, as `block list` shows it
        #[arg(value_name = "ADDR", value_parser = NonEmptyStringValueParser::new())]
        address: String,
    },
}

/// A login to be thought through.
#[derive(Debug, Args)]
pub struct Check {
    /// Whose login, as a mail client would write it
    #[command(flatten)]
    pub account: Address,
    /// What for: imap, pop3, smtp, submission, sieve
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub protocol: String,
    /// The client's address [default: one that the mail server does not tell]
    #[arg(long, value_name = "ADDR")]
    pub from: Option<IpAddr>,
}

/// Which events to show.
#[derive(Debug, Args)]
pub struct Events {
    /// Go on with new ones as they come
    #[arg(long)]
    pub follow: bool,
    /// Only those of the last time
    #[arg(long, value_name = "1h", value_parser = span)]
    pub since: Option<Duration>,
    /// Only those of this account
    #[arg(long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    pub account: Option<String>,
    /// Only those of this client address, or of this network for blocks
    #[arg(long, value_name = "ADDR", value_parser = NonEmptyStringValueParser::new())]
    pub from: Option<String>,
    /// Only those of this kind, or of these, with commas between them
    #[arg(long = "kind", value_name = "KIND,KIND", value_delimiter = ',', value_parser = kinds())]
    pub kinds: Vec<Kind>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ROWS_MAX)))]
    pub limit: Option<u32>,
}

/// What to examine.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The daemon's configuration [default: the one that it says it runs with]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Dovecot's configuration [default: its own]
    #[arg(long, value_name = "FILE")]
    pub dovecot_conf: Option<PathBuf>,
    /// The folder of Postfix's configuration [default: its own]
    #[arg(long, value_name = "DIR")]
    pub postfix_dir: Option<PathBuf>,
    /// nginx's configuration [default: its own]
    #[arg(long, value_name = "FILE")]
    pub nginx_conf: Option<PathBuf>,
    /// The portal's configuration [default: portal.toml beside the daemon's]
    #[arg(long, value_name = "FILE")]
    pub portal_conf: Option<PathBuf>,
    /// Only ask this socket and tell what came; doctor itself calls this
    #[arg(long, hide = true, num_args = 2, value_names = ["PROTOCOL", "PLACE"])]
    pub ask: Vec<String>,
    /// In the name of this user
    #[arg(long, hide = true, requires = "ask", value_name = "USER")]
    pub as_user: Option<String>,
}

/// Where the copy goes.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to be made; it must not exist
    pub file: PathBuf,
}

/// The configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Tell every mistake in a configuration file; needs no daemon
    #[command(after_help = "\
Example:
  sidegate config check ./sidegate.toml")]
    Check {
        /// The file; conf.d/*.toml beside it is read too
        #[arg(default_value = "/etc/sidegate/sidegate.toml")]
        file: PathBuf,
    },
}

/// A duration.
fn span(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|fault| fault.to_string())
}

/// A kind of event, with the list for completions and for whoever mistypes it.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::word)).try_map(|word| Kind::parse(&word))
}

/// A duration in whole seconds, at least one.
fn seconds(text: &str) -> Result<u32, String> {
    let span = span(text)?;
    if span.subsec_nanos() != 0 || span.is_zero() {
        return Err("one second is the shortest, and there are no fractions".into());
    }
    u32::try_from(span.as_secs()).map_err(|_| "that is more than a century; write a shorter time".into())
}

/// A network, or a single address as the smallest one.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        format!("`{}` is no network; write it like 192.0.2.0/24 or 2001:db8::/32", text.escape_debug())
    })
}

#[cfg(test)]
mod tests;
