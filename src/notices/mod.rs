//! Notices on their way out: by mail, to a webhook, to a program on this host.
//!
//! ```text
//! Notice ──► text for the owner          ──► mail.rs     SMTP, by lettre
//!        ──► text for the administrator  ──► mail.rs
//!        ──► JSON, with that text in it  ──► webhook.rs  POST, by reqwest
//!                                        ──► command.rs  standard input
//! authorities.rs: whose certificates are good · wire.rs: the bytes below SMTP
//!
//! The portal sends its codes with the same tools: smtp.rs, web.rs (the client for HTTP), program.rs
//! ```
//!
//! [`Notices::deliver`] tries the channels that a notice still owes and says which of them failed; keeping
//! the rest for later is the caller's. A delivery may be cut off after the other side took it, so that a
//! notice can arrive twice: mail then has the same `Message-ID`, and the JSON the same `id`.
//!
//! Limits: each try ends at `notices.timeout`; what a peer says is read up to a limit or not at all. There
//! are no redirects and no proxies. TLS is rustls with ring for all of them.

mod authorities;
mod command;
mod mail;
pub(crate) mod program;
pub(crate) mod smtp;
pub(crate) mod web;
mod webhook;
mod wire;

use std::time::Duration;

use futures_util::future::join_all;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::time::timeout;

use crate::api::EventView;
use crate::config::{self, Language};
use crate::gate::event::{Event, Kind};
pub use crate::gate::notice::Channel;
use crate::gate::notice::{Notice, Reader};
use crate::secret_file::SecretFileError;
pub use authorities::AuthoritiesError;
use command::Command;
use mail::Mail;
use webhook::Webhook;
pub use webhook::{SIGNATURE_HEADER, TIME_HEADER};

/// The longest reason for a failure, in characters. Some of it are the words of a peer.
const REASON_CHARS_MAX: usize = 300;

/// Why notices cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum NoticesError {
    /// A secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// No certificate could be checked.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    /// A setting that the configuration let through is none to a library.
    #[error("`{setting}`: {problem}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Why.
        problem: String,
    },
}

/// All configured ways.
#[derive(Debug)]
pub struct Notices {
    language: Language,
    zone: TimeZone,
    portal: Option<String>,
    timeout: Duration,
    mail: Option<Mail>,
    webhook: Option<Webhook>,
    command: Option<Command>,
    events: Vec<Kind>,
}

/// What webhooks and commands get: the notice, and what it says in words.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    notice: &'a Notice,
    text: String,
}

impl Notices {
    /// Reads the secrets and the authorities.
    ///
    /// # Errors
    /// One of the files cannot be used.
    pub fn new(
        settings: &config::Notices,
        language: Language,
        zone: TimeZone,
        portal: Option<&str>,
    ) -> Result<Self, NoticesError> {
        Ok(Self {
            language,
            zone,
            portal: portal.map(str::to_owned),
            timeout: settings.timeout,
            mail: settings.mail.as_ref().map(Mail::new).transpose()?,
            webhook: settings.webhook.as_ref().map(Webhook::new).transpose()?,
            command: settings.command.as_ref().map(Command::new),
            events: settings.events.clone(),
        })
    }

    /// The ways that a new notice owes. Empty: nobody is told.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let mail = self.mail.as_ref();
        let ways = [
            (Channel::OwnerMail, mail.is_some_and(Mail::to_owner)),
            (Channel::AdministratorMail, mail.is_some_and(|mail| mail.administrator().is_some())),
            (Channel::Webhook, self.webhook.is_some()),
            (Channel::Command, self.command.is_some()),
        ];
        ways.into_iter().filter(|(_, is_set)| *is_set).map(|(way, _)| way).collect()
    }

    /// Tries the channels that are `owed`, all at once, and returns those that failed, each with the reason
    /// in one line. A channel that is no longer configured owes nothing.
    #[must_use]
    pub async fn deliver(&self, notice: &Notice, owed: &[Channel]) -> Vec<(Channel, String)> {
        let tries = owed.iter().map(async |channel| {
            let tried = timeout(self.timeout, self.try_by(*channel, notice)).await;
            let late = |_| Err(format!("no end within {:?}", self.timeout));
            tried.unwrap_or_else(late).err().map(|reason| (*channel, one_line(&reason)))
        });
        join_all(tries).await.into_iter().flatten().collect()
    }

    /// Events that webhook and command are told of.
    #[must_use]
    pub fn events(&self) -> &[Kind] {
        &self.events
    }

    /// Tells webhook and command of an event, as the control API has it.
    ///
    /// # Errors
    /// One of them did not take it, with the reason in one line; the other one may have.
    pub async fn deliver_event(&self, id: i64, event: &Event) -> Result<(), String> {
        let view = EventView { id, event: event.clone() };
        let json = serde_json::to_string(&view).map_err(|error| error.to_string())?;
        let told = async {
            if let Some(webhook) = &self.webhook {
                webhook.send(json.clone()).await?;
            }
            match &self.command {
                Some(command) => command.run(&json).await,
                None => Ok(()),
            }
        };
        let late = |_| Err(format!("no end within {:?}", self.timeout));
        timeout(self.timeout, told).await.unwrap_or_else(late).map_err(|reason: String| one_line(&reason))
    }

    async fn try_by(&self, channel: Channel, notice: &Notice) -> Result<(), String> {
        match (channel, &self.mail, &self.webhook, &self.command) {
            (Channel::OwnerMail, Some(mail), ..) if mail.to_owner() => {
                mail.send(notice, channel, &notice.account, self.text(notice, Reader::Owner)).await
            }
            (Channel::AdministratorMail, Some(mail), ..) => match mail.administrator() {
                Some(to) => mail.send(notice, channel, to, self.text(notice, Reader::Administrator)).await,
                None => Ok(()),
            },
            (Channel::Webhook, _, Some(webhook), _) => webhook.send(self.json(notice)?).await,
            (Channel::Command, .., Some(command)) => command.run(&self.json(notice)?).await,
            _ => Ok(()),
        }
    }

    fn text(&self, notice: &Notice, reader: Reader) -> (String, String) {
        notice.text(reader, self.language, &self.zone, self.portal.as_deref())
    }

    fn json(&self, notice: &Notice) -> Result<String, String> {
        let (subject, body) = self.text(notice, Reader::Administrator);
        let told = Told { notice, text: format!("{subject}\n\n{body}") };
        serde_json::to_string(&told).map_err(|error| error.to_string())
    }
}

/// A reason for the log, whatever a peer wrote into it.
fn one_line(reason: &str) -> String {
    let words = reason.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_nobody_is_told() {
        let none = Notices::new(&config::Notices::default(), Language::En, TimeZone::UTC, None).unwrap();
        assert!(none.channels().is_empty());
    }

    #[test]
    fn a_reason_is_one_bounded_line() {
        assert_eq!(one_line("450 4.7.1\r\n\u{1b}[2Jtry  later\n"), "450 4.7.1 [2Jtry later");
        assert_eq!(one_line(&"x".repeat(1000)).len(), REASON_CHARS_MAX);
    }
}
