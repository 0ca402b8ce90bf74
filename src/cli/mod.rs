//! The administrator's command line: talk to the control socket, print, choose the exit status.
//!
//! - [`commands`]: what can be typed; `ask`, `sending`, `password`, `factor`, `import`, `export`, `key`, `events`,
//!   `rollout`, `backup`, `configuration`, `doctor`: what is then done; [`explain`]: the story of an address or an account,
//!   in English and Chinese
//! - [`top`]: the daemon at work, second by second
//! - [`answers`], [`verdict`]: what each answer looks like; [`output`], [`times`]: tables, colours, JSON, times
//!
//! It decides nothing: the daemon judges names, addresses and who may do what. It opens no other
//! file than the one a backup goes to, the one an import comes from and the configuration that it is told to check; `doctor` looks around.

pub mod answers;
mod ask;
mod backup;
pub mod commands;
mod configuration;
mod doctor;
mod events;
pub mod explain;
mod export;
mod factor;
pub mod import;
mod key;
pub mod output;
mod password;
mod progress;
mod rollout;
mod sending;
pub mod times;
pub mod top;
pub mod verdict;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::api::client::{Client, ClientError};
use commands::{Cli, Command};
use output::{Out, Style, visible};

/// Done.
const DONE: u8 = 0;
/// Refused, not found, or failed on the way.
const REFUSED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// The daemon cannot be reached, or makes no sense.
const UNREACHABLE: u8 = 3;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The daemon refused, or is away.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// Standard output is closed or full.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// Something else, in words.
    #[error("{0}")]
    Said(String),
    /// The input makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The answer is no, and was printed.
    #[error("no")]
    Told,
    /// The daemon is away, and that was printed.
    #[error("sidegated cannot be reached")]
    ToldUnreachable,
}

impl Failure {
    /// The exit status, as `--help` lists them.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            // Who reads the output has seen enough: `sidegate events | head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
            Self::Client(ClientError::Unreachable(_) | ClientError::Broken(_)) | Self::ToldUnreachable => {
                UNREACHABLE
            }
            Self::Client(_) | Self::Output(_) | Self::Said(_) | Self::Told => REFUSED,
            Self::Usage(_) => USAGE,
        }
    }

    /// What to tell on standard error; nothing where all is told.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Told | Self::ToldUnreachable => None,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            _ => Some(format!("sidegate: {}", visible(&self.to_string()))),
        }
    }
}

/// The program `sidegate`.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { DONE });
        }
    };
    let style = Style::of_stdout(cli.json);
    let mut out = Out::new(Box::new(io::stdout().lock()), style);
    match run(cli, &mut out) {
        Ok(()) => ExitCode::from(DONE),
        Err(failure) => {
            if let Some(words) = failure.words() {
                note(&words);
            }
            ExitCode::from(failure.status())
        }
    }
}

/// Carries out one command.
///
/// # Errors
/// Whatever kept it from being done.
pub fn run(cli: Cli, out: &mut Out) -> Result<(), Failure> {
    let client = || Client::new(&cli.socket);
    match cli.command {
        Command::Account(command) => ask::account(command, &client()?, out),
        Command::Factor(command) => factor::factor(command, &client()?, out),
        Command::Password(command) => password::password(command, &client()?, out),
        Command::Import(command) => import::import(&command, &client()?, out),
        Command::Export(command) => export::export(&command, &client()?, out),
        Command::Alias(command) => sending::alias(command, &client()?, out),
        Command::Delegation(command) => sending::delegation(command, &client()?, out),
        Command::Limits(command) => sending::limits(command, &client()?, out),
        Command::Block(command) => ask::block(command, &client()?, out),
        Command::Check(command) => password::check(command, &client()?, out),
        Command::Explain(command) => explain::explain(&command, &client()?, out),
        Command::Events(command) => events::events(&command, &client()?, out),
        Command::Rollout(command) => rollout::rollout(&command, &client()?, out),
        Command::Status => ask::status(&client()?, out),
        Command::Doctor(command) => doctor::doctor(&command, &cli.socket, out),
        Command::Top(command) => top::top(&command, &client()?, out),
        Command::Key(command) => key::key(&command, &client()?, out),
        Command::Backup(command) => backup::backup(&command.file, &client()?, out),
        Command::Config(commands::Config::Check { file }) => configuration::check(&file, out),
    }
}

/// A line on standard error. Nobody can be told if that is closed.
fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests;
