//! A program on this host that sends a message: the code on its standard input, the rest in its environment.
//!
//! `SIDEGATE_PHONE`, `SIDEGATE_MINUTES`, `SIDEGATE_LOCALE`, `SIDEGATE_TEMPLATE` and `SIDEGATE_REQUEST_ID`, and
//! `PATH`. The code is in neither of the two places that other users of a host may read. Status 0 is success;
//! 69 and 75 (`EX_UNAVAILABLE`, `EX_TEMPFAIL`) mean that the provider was not reached; what the program writes is
//! not kept, for it may repeat the code.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;
use zeroize::Zeroizing;

use super::ask::{SetupError, TIMEOUT};
use super::text::{Text, locale};
use super::{Refusal, SendError};
use crate::notices::program::{Failed, Program, ending};

/// The statuses of `sysexits.h` that say nothing against the message.
const UNREACHABLE: [i32; 2] = [69, 75];

/// The settings of a program.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// The program, from the root on.
    pub program: PathBuf,
    /// What stands behind it. There is no shell, and there are no variables: other users see a command line.
    pub arguments: Vec<String>,
    /// How long it may run before it is killed with everything that it started.
    pub timeout: Duration,
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self { program: PathBuf::new(), arguments: Vec::new(), timeout: TIMEOUT }
    }
}

/// A program.
#[derive(Debug)]
pub struct Command(CommandSettings);

impl Command {
    /// Takes the settings.
    ///
    /// # Errors
    /// The program is not named from the root on.
    pub fn new(settings: &CommandSettings) -> Result<Self, SetupError> {
        if !settings.program.is_absolute() {
            return Err(SetupError::new(
                "command",
                "name the program from the root on, like /usr/local/bin/sms",
            ));
        }
        Ok(Self(settings.clone()))
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It was not sent, or nobody knows.
    pub async fn send(&self, text: &Text) -> Result<(), SendError> {
        let minutes = text.minutes.to_string();
        let variables = [
            ("SIDEGATE_PHONE", text.phone.reveal()),
            ("SIDEGATE_MINUTES", &minutes),
            ("SIDEGATE_LOCALE", locale(text.locale)),
            ("SIDEGATE_TEMPLATE", text.template.as_str()),
            ("SIDEGATE_REQUEST_ID", text.request_id.as_str()),
        ];
        let input = Zeroizing::new(format!("{}\n", text.code.reveal().as_str()));
        let program = Program { program: &self.0.program, arguments: &self.0.arguments };
        let run = timeout(self.0.timeout, program.run(&variables, input.as_bytes())).await;
        match run.map_err(|_| SendError::Timeout(self.0.timeout))? {
            Ok(()) => Ok(()),
            Err(Failed::Trouble(reason)) => Err(SendError::Unreachable(reason)),
            Err(Failed::Ended { status, .. }) => Err(match status.code() {
                Some(code) if UNREACHABLE.contains(&code) => SendError::Unreachable(ending(status)),
                Some(code) => SendError::Refused(Refusal::new(&format!("status-{code}"), text)),
                None => SendError::Refused(Refusal::new("killed", text)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_from_the_root_on() {
        let of =
            |program: &str| Command::new(&CommandSettings { program: program.into(), ..Default::default() });
        assert!(of("/bin/true").is_ok());
        assert!(of("true").is_err() && of("").is_err());
    }
}
