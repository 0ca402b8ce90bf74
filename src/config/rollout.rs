//! `[rollout]`: from a mail server without a side gate to one with it.

use super::Choice;

/// Settings for the time before and after Sidegate begins to refuse.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollout {
    /// Whether what is decided is also done.
    pub mode: Mode,
}

/// Whether what is decided is also done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// Nothing is refused: what would be is put down, and left to whoever decided before.
    Observe,
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[("enforce", Mode::Enforce), ("observe", Mode::Observe)];
}
