//! Commands about many accounts at once: import, export. And the store's key.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

/// What is read from a table.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Make and change accounts as a CSV file tells
    ///
    /// The first line names the columns: account, and any of group, two_factor (on or off), enabled (on or off),
    /// aliases (addresses, or @domain, with spaces between them). Of an account that is there already, the columns that
    /// are given are set and everything else stays; an empty cell changes nothing, and aliases are only added.
    ///
    /// Every mistake in the file is told with its line, its column and the cure, and then nothing is imported. Cells
    /// are read as `sidegate export accounts` writes them: a ' before = + - @ is taken away.
    #[command(after_help = "\
Examples:
  sidegate import accounts people.csv --dry-run
  sidegate import accounts people.csv
  sidegate export accounts | sidegate --socket /run/other/control import accounts -")]
    Accounts(Table),
    /// Take over client passwords of another system, from a CSV file with their hashes
    ///
    /// The first line names the columns: account, name, hash, and any of protocols, expires (2027-01-31T12:00:00Z, or a
    /// day, which means its beginning in UTC) and from (networks); several protocols or networks stand with spaces
    /// between them. The accounts must be there. Each counts as one of the client passwords that an account may have.
    ///
    /// A hash is Argon2 (at most 256 MiB, 16 passes, 16 lanes, and 1 GiB of memory times passes), bcrypt (cost at most
    /// 14) or SHA512-CRYPT (at most 1000000 rounds), with or without Dovecot's prefix: {ARGON2ID}, {BLF-CRYPT}, {SHA512-CRYPT}, {CRYPT}. At the
    /// first login with it, it is replaced by a hash of Sidegate's own.
    ///
    /// Until then a wrong password costs one hash for each of them that the account has (two if white space was typed:
    /// as it was typed, and without it); Dovecot's passdb dict, which
    /// hands over a digest only, refuses them as wrong; and one that is revoked before its first use leaves no mark by
    /// which later logins with it could be told apart from wrong ones.
    ///
    /// Never import main passwords: they would become client passwords, and get in past the second factor.
    ///
    /// Every mistake in the file is told with its line, its column and the cure, and then nothing is imported.
    #[command(after_help = "\
Examples:
  sidegate import passwords old-passwords.csv --dry-run
  sidegate import passwords old-passwords.csv")]
    Passwords(Table),
}

/// Where the table is.
#[derive(Debug, Args)]
pub struct Table {
    /// The CSV file, in UTF-8; - is standard input
    pub file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// What is written as a table.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Print all accounts as CSV, as `sidegate import accounts` reads them
    ///
    /// Aliases of a whole domain to another domain belong to no account and are not in it (sidegate alias list). So
    /// that no spreadsheet takes a cell for a formula, a ' stands before one that begins with = + - or @.
    #[command(after_help = "\
Example:
  sidegate export accounts > people.csv")]
    Accounts,
    /// Print what is known of all client passwords as CSV, without the passwords and without their hashes
    ///
    /// The columns: account, name, id, made, last_use, last_protocol, protocols, expires, from, imported (the scheme
    /// of an imported one that was not used yet). So that no spreadsheet takes a cell for a formula, a ' stands before
    /// one that begins with = + - or @.
    #[command(after_help = "\
Example:
  sidegate export passwords > passwords.csv")]
    Passwords,
}

/// The store's keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Show the keys, what is under each, and the file they are in
    #[command(after_help = "\
Example:
  sidegate key show")]
    Show,
    /// Make a new key, at once and without a restart
    ///
    /// What was made with the former keys stays good: they stay in the file, and each client password is put under the
    /// new key when it is next used. Back the file up again afterwards.
    ///
    /// Marks of names and of wrong passwords, by which failures are counted, are made with the oldest key in the file
    /// as of the daemon's start. After a theft of the file: rotate, wait, forget the stolen key, restart sidegated.
    #[command(after_help = "\
Example:
  sidegate key rotate")]
    Rotate,
    /// Forget a former key
    ///
    /// It is refused while client passwords, or marks of removed ones, are under it. With --yes it is done all the same:
    /// such a password is then tried with Argon2 until it is next used, at each password of the account that is not
    /// found otherwise; and what the marks were for, telling which device still uses a removed password, is lost. Backups
    /// of the database from before need the key, too: keep a copy of the file with them.
    #[command(after_help = "\
Examples:
  sidegate key forget 0123456789abcdef
  sidegate key forget 0123456789abcdef --yes")]
    Forget {
        /// Its id, as `sidegate key show` shows it
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        /// Even if something is still under it
        #[arg(long)]
        yes: bool,
    },
}
