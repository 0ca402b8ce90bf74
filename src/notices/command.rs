//! A program on this host gets the notice on its standard input.

use super::program::{Failed, Program, ending};
use crate::config;

/// One program.
#[derive(Debug)]
pub(super) struct Command(config::Command);

impl Command {
    pub(super) fn new(settings: &config::Command) -> Self {
        Self(settings.clone())
    }

    /// Runs the program once; when this is given up, it is killed.
    pub(super) async fn run(&self, input: &str) -> Result<(), String> {
        let program = Program { program: self.0.program.as_ref(), arguments: &self.0.arguments };
        program.run(&[], input.as_bytes()).await.map_err(|failed| match failed {
            Failed::Trouble(reason) => reason,
            Failed::Ended { status, complaint } => {
                let (ended, complaint) = (ending(status), String::from_utf8_lossy(&complaint));
                if complaint.trim().is_empty() { ended } else { format!("{ended}: {complaint}") }
            }
        })
    }
}
