//! Commands for whoever watches and helps: `explain`, `rollout`, `top`.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::config::{Choice, Language};

/// Whose story.
#[derive(Debug, Args)]
pub struct Explain {
    /// An IP address, or the address of an account or an alias
    #[arg(value_name = "ADDRESS|IP", value_parser = NonEmptyStringValueParser::new())]
    pub subject: String,
    /// In which language: en, zh-CN or zh [default: the environment's]
    #[arg(long, value_name = "LANG", value_parser = language)]
    pub lang: Option<Language>,
}

/// How far back.
#[derive(Debug, Args)]
pub struct Rollout {
    /// Look at logins of the last time
    #[arg(long, value_name = "7d", default_value = "7d", value_parser = super::span)]
    pub since: Duration,
}

/// How to watch.
#[derive(Debug, Args)]
pub struct Top {
    /// One look over one second, then end
    #[arg(long)]
    pub once: bool,
}

/// A language, as the configuration names it, or `zh` for short.
fn language(text: &str) -> Result<Language, String> {
    let text = if text.eq_ignore_ascii_case("zh") { "zh-CN" } else { text };
    let known = Language::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    known.map(|(_, language)| *language).ok_or_else(|| "the languages are en and zh-CN".into())
}
