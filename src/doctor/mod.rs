//! What may be wrong with a mail server and its Sidegate: facts in, findings out.
//!
//! Pure: the command `sidegate doctor` gathers the facts (`cli/doctor/`), here they are judged. Every finding that is
//! not fine names its cure.
//!
//! - [`tree`]: what `doveconf -n` prints, of both series; `dovecot`, `auth_process`, `passdb`: judged
//! - [`postfix`]: what `postconf` prints; `submission`: the services through which people send
//! - [`nginx`]: what `nginx -T` prints, and its mail proxy
//! - `portal`: the pages for people, and whether their settings fit those of the daemon
//! - `doors`: sockets and who lives behind them; `inside`: what the daemon says of itself, the store, the clock

mod auth_process;
mod doors;
mod dovecot;
mod inside;
pub mod nginx;
mod passdb;
mod portal;
pub mod postfix;
mod submission;
pub mod tree;

pub use passdb::dict_file;
use serde::{Deserialize, Serialize};

use crate::api::Diagnosis;
use crate::config::portal::Portal;
use crate::config::{Config, Endpoint, ListenProtocol, Listener};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Looked at, and as it should be.
    Ok,
    /// Could not be looked at.
    NotChecked,
    /// Something is not covered, or will hurt some day.
    Warn,
    /// Somebody gets past Sidegate, or nobody gets in.
    Bad,
}

impl Level {
    /// The word in the list for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotChecked => "not checked",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about: configuration, dovecot, postfix, nginx, portal, sockets, daemon, store, clock.
    pub area: String,
    /// What was found.
    pub what: String,
    /// What to do about it; empty where all is well.
    pub cure: String,
}

/// Findings of one area, as they are made.
#[derive(Debug)]
struct Findings {
    area: &'static str,
    list: Vec<Finding>,
}

impl Findings {
    fn of(area: &'static str) -> Self {
        Self { area, list: Vec::new() }
    }

    fn put(&mut self, level: Level, what: impl Into<String>, cure: impl Into<String>) {
        let (area, what, cure) = (self.area.to_owned(), what.into(), cure.into());
        let finding = Finding { level, area, what, cure };
        // Two services with the same mistake are two findings, the same words twice are one.
        if !self.list.contains(&finding) {
            self.list.push(finding);
        }
    }

    fn ok(&mut self, what: impl Into<String>) {
        self.put(Level::Ok, what, "");
    }

    fn not_checked(&mut self, what: impl Into<String>, cure: impl Into<String>) {
        self.put(Level::NotChecked, what, cure);
    }

    fn warn(&mut self, what: impl Into<String>, cure: impl Into<String>) {
        self.put(Level::Warn, what, cure);
    }

    fn bad(&mut self, what: impl Into<String>, cure: impl Into<String>) {
        self.put(Level::Bad, what, cure);
    }

    fn all_well(&self) -> bool {
        self.list.iter().all(|finding| finding.level < Level::Warn)
    }
}

/// What a program printed, or why it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// What it is.
    Is(T),
    /// The program is not on this machine.
    Absent,
    /// It failed, with its words.
    Failed(String),
}

/// A file or a socket, as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// It is a socket.
    #[serde(default)]
    pub socket: bool,
    /// Its permissions.
    pub mode: u32,
    /// Whose it is; a number where the number has no name.
    pub owner: String,
    /// Its group.
    pub group: String,
}

/// What became of a question to a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A proper answer, in short.
    Answered(String),
    /// The way to it is closed to this user: the socket's permissions or those of a folder above it.
    Denied,
    /// Nobody listens there any more.
    Refused,
    /// It was closed without an answer.
    Closed,
    /// No answer in time.
    Silent,
    /// An answer that makes no sense.
    Strange(String),
    /// Nobody could be asked in the name of this user.
    NotAsked(String),
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// As which user.
    pub user: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// One of our listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorFacts {
    /// A path, or an address and port.
    pub place: String,
    /// What lies at the path; absent: nothing, or no path.
    #[serde(default)]
    pub file: Option<FileFacts>,
    /// Questions, one for each user who may ask there.
    #[serde(default)]
    pub asked: Vec<Asked>,
}

/// A name in Dovecot's `base_dir` and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFacts {
    /// The name, below `base_dir`.
    pub name: String,
    /// The path that it is, without links; absent: there is no such name, or the link leads nowhere.
    #[serde(default)]
    pub leads_to: Option<String>,
}

/// What this machine says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Whether the clock is set by others; absent: nobody could tell.
    #[serde(default)]
    pub clock_synchronised: Option<bool>,
    /// The time here.
    #[serde(default)]
    pub now: Option<i64>,
    /// Bytes that are free where the store is.
    #[serde(default)]
    pub store_free: Option<u64>,
    /// The store's key.
    #[serde(default)]
    pub key_file: Option<FileFacts>,
    /// The file of Dovecot's passdb dict puts passwords as they are typed into the key.
    #[serde(default)]
    pub dict_key_has_password: bool,
    /// Whoever looked may look everywhere.
    #[serde(default)]
    pub root: bool,
    /// What the portal's users hear at the control socket.
    #[serde(default)]
    pub portal: Vec<Asked>,
}

/// Everything that is known.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The daemon's configuration, or its mistakes in words.
    pub config: Result<Config, String>,
    /// `doveconf -n`.
    pub dovecot: Seen<tree::Block>,
    /// `postconf`.
    pub postfix: Seen<postfix::Postfix>,
    /// `nginx -T`.
    pub nginx: Seen<nginx::Nginx>,
    /// The portal's settings, or their mistakes in words.
    pub portal: Seen<Portal>,
    /// Our listeners, in the order of the configuration.
    pub doors: Vec<DoorFacts>,
    /// Names in Dovecot's `base_dir`.
    pub links: Vec<LinkFacts>,
    /// What this machine says.
    pub host: Host,
    /// What the daemon says, or why it does not.
    pub daemon: Result<Diagnosis, String>,
}

/// Where Dovecot has its sockets if it is not told otherwise.
pub const BASE_DIR: &str = "/run/dovecot";

/// Judges everything. The order is that of the areas, and within one that of the settings.
#[must_use]
pub fn findings(examined: &Examined) -> Vec<Finding> {
    let mut all = inside::daemon(examined);
    match &examined.config {
        Err(mistakes) => {
            let mut here = Findings::of("configuration");
            here.bad(mistakes.clone(), "correct it; \"sidegate config check\" tells every mistake");
            here.not_checked("sockets, Dovecot and Postfix", "they are judged by the configuration");
            all.extend(here.list);
        }
        Ok(config) => {
            all.extend(inside::configuration(config, examined));
            all.extend(inside::store(config, examined));
            all.extend(inside::clock(examined));
            all.extend(doors::judge(config, examined));
            all.extend(dovecot::judge(config, examined));
            all.extend(submission::judge(config, examined));
            all.extend(nginx::judge(config, examined));
            all.extend(portal::judge(config, examined));
        }
    }
    all
}

/// Our listeners of a protocol that are Unix sockets.
fn listeners(config: &Config, protocol: ListenProtocol) -> impl Iterator<Item = (&Listener, String)> {
    config.listen.iter().filter(move |listener| listener.protocol == protocol).filter_map(|listener| {
        match &listener.place {
            Endpoint::Path(path) => Some((listener, path.display().to_string())),
            Endpoint::Address(_) => None,
        }
    })
}

/// Whether a path is that of one of our listeners of this protocol.
fn is_ours(config: &Config, protocol: ListenProtocol, path: &str) -> bool {
    listeners(config, protocol).any(|(_, ours)| ours == path)
}
