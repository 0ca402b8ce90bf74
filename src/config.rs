//! The settings: what an administrator may choose, as types that cannot hold a wrong choice.
//!
//! This file is the list of settings with their defaults. How they are read stands beside it, in `config/`:
//!
//! - `files`: the main file and `conf.d/*.toml` beside it, with limits on size and number
//! - `syntax`: the text of one file becomes a tree whose every value knows its line and column
//! - `tree`: the values, and how a later file overrides an earlier one
//! - `settings`: section by section, key by key, with the limits of each; `checks`: rules between settings
//! - `section`: asking the tree for settings, collecting complaints; `unknown`: keys that nobody asks for
//! - [`portal`]: the settings of the portal, which have a file of their own
//! - `listener`: the types of `[[listen]]`; `notices`, `rollout`, `sending`: those of their sections; `people`: `[portal]`,
//!   with how it is read
//! - `value`, `text`, `remote`: one value becomes a number, a path, a mail address…, or a fault with its cure
//! - [`duration`], [`template`], `spelling`, [`complaint`]: the small ideas the others stand on
//!
//! All mistakes are told at once, each with its place and its cure. There are no secrets in the
//! configuration: keys and passwords stand in files of their own. Names of users and groups are looked up when a
//! socket is made, not here, so that a configuration can be checked on another machine.

mod checks;
pub mod complaint;
pub mod duration;
mod files;
mod listener;
mod notices;
mod passwords;
mod peer;
mod people;
pub mod portal;
mod remarks;
mod remote;
mod rollout;
mod section;
mod sending;
mod settings;
pub(crate) mod spelling;
mod syntax;
mod telling;
pub mod template;
mod text;
mod translators;
mod tree;
mod unknown;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use ipnet::{IpNet, Ipv6Net};
use sha2::{Digest, Sha256};

use crate::gate::sharing::Prefix;

pub use complaint::{Complaint, ConfigError, Fault};
pub use listener::{Backends, Endpoint, ListenProtocol, Listener, OnTrouble, Refusals};
pub use notices::{Command, Mail, Notices, Server, Smtp, SmtpLogin, SmtpTls, Webhook};
pub use passwords::{Argon2, AtWebmail, CheckedBy, ClientPasswords, MailClients, MainPassword};
pub use peer::{Peer, PeerError};
pub use people::{Mandatory, People, host_of};
pub use remarks::Remark;
pub use rollout::{Mode, Rollout};
pub use sending::{NullSender, OnLimit, Sending};
pub use telling::{Tell, Telling};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The whole configuration. `Default` is what holds where the files are silent; only a listener has to be
/// added to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `[store]`
    pub store: Store,
    /// `[control]`
    pub control: Control,
    /// `[log]`
    pub log: Log,
    /// `[[listen]]`, at least one
    pub listen: Vec<Listener>,
    /// `[accounts]`
    pub accounts: Accounts,
    /// `[client_passwords]`
    pub client_passwords: ClientPasswords,
    /// `[main_password]`
    pub main_password: MainPassword,
    /// `[lockout]`
    pub lockout: Lockout,
    /// `[upstream]`; absent where no auth process of Dovecot stands behind us
    pub upstream: Option<Upstream>,
    /// `[userdb]`; absent where userdb questions go to the upstream, or nobody asks them
    pub userdb: Option<Userdb>,
    /// `[messages]`
    pub messages: Messages,
    /// `[portal]`
    pub people: People,
    /// `[events]`
    pub events: Events,
    /// `[sending]`
    pub sending: Sending,
    /// `[sharing]`; absent where Dovecot is not told of delegations
    pub sharing: Option<Sharing>,
    /// `[notices]`
    pub notices: Notices,
    /// `[rollout]`
    pub rollout: Rollout,
}

impl Config {
    /// Reads `path`, then `conf.d/*.toml` beside it in name order.
    ///
    /// # Errors
    /// Everything that is wrong in any of the files, at once.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Config::from_sources(&files::read(path, "conf.d")?)
    }

    /// The configuration that these texts give. Later texts override single settings of earlier ones; their
    /// `[[listen]]` entries are added, other lists are replaced.
    ///
    /// # Errors
    /// Everything that is wrong in any of the texts, at once.
    pub fn from_sources(sources: &[Source]) -> Result<Config, ConfigError> {
        settings::read(sources)
    }

    /// The same for equal configurations of one version of Sidegate, and different for others.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = format!("{self:?}");
        HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
    }

    /// Every key that the reader asks for, as `section.key`, in alphabetical order.
    #[must_use]
    pub fn known_keys() -> Vec<String> {
        settings::known_keys()
    }
}

/// The text of one configuration file.
#[derive(Clone, Debug)]
pub struct Source {
    /// What complaints call it: the path of the file.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// A setting that is one of a few words.
pub trait Choice: Copy + PartialEq + 'static {
    /// The words as the file has them, each with its meaning.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for this choice.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }
}

/// `[store]`: where everything that must survive is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// The SQLite database.
    pub path: PathBuf,
    /// The key of the selectors, outside the database and made at first start.
    pub key_file: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Store { path: "/var/lib/sidegate/sidegate.db".into(), key_file: "/var/lib/sidegate/store.key".into() }
    }
}

/// `[control]`: the socket of the command line and the portal.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// The socket.
    pub path: PathBuf,
    /// Members of this group are administrators, beside root and the daemon's own user.
    pub group: Option<String>,
    /// Users who may only read: status, lists, events.
    pub readers: Vec<Peer>,
    /// Users that the portal runs as: they may ask what the portal asks, and nothing else.
    pub portal: Vec<Peer>,
}

impl Default for Control {
    fn default() -> Self {
        Control { path: "/run/sidegate/control".into(), group: None, readers: Vec::new(), portal: Vec::new() }
    }
}

/// `[log]`: how much is logged, and in which form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// The least important level that is written. The variable `RUST_LOG` wins over it.
    pub level: Level,
    /// The form of a line.
    pub format: LogFormat,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What keeps us from doing our work.
    Error,
    /// What an administrator should look at.
    Warn,
    /// Every decision and every change.
    #[default]
    Info,
    /// What led to a decision.
    Debug,
    /// What was on the wire, without secrets.
    Trace,
}

impl Choice for Level {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// The journal when started by systemd, text on a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// Lines for people.
    Text,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)];
}

/// `[accounts]`: how names are completed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accounts {
    /// The site's own domains, in normal form; absent: those of known accounts, of `default_domain` and of the portal.
    pub domains: Option<Vec<String>>,
    /// Added, lower-cased, to a name without `@`.
    pub default_domain: Option<String>,
}

/// `[lockout]`: when an address is blocked, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Lockout {
    /// Failures in a row that block an address.
    pub failures: u32,
    /// How long a block lasts.
    pub block_for: Duration,
    /// How long the answer to a failure is held back.
    pub failure_delay: Duration,
    /// What counts as a failure when the same wrong secret comes again.
    pub repeats: Repeats,
    /// How long after its last failure a run is forgotten.
    pub forget_after: Duration,
    /// How much of an IPv4 address makes the key.
    pub ipv4_prefix: u8,
    /// How much of an IPv6 address makes the key.
    pub ipv6_prefix: u8,
    /// Prefixes of the site's own translators (RFC 6052).
    pub nat64_prefixes: Vec<Ipv6Net>,
    /// Networks that are never blocked.
    pub exempt: Vec<IpNet>,
    /// How many addresses are remembered at once.
    pub addresses_max: usize,
}

impl Default for Lockout {
    fn default() -> Self {
        let loopback = [
            IpNet::from(std::net::IpAddr::from([127, 0, 0, 1])),
            IpNet::from(std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
        ];
        Lockout {
            failures: 10,
            block_for: HOUR,
            failure_delay: 2 * SECOND,
            repeats: Repeats::Count,
            forget_after: DAY,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
            nat64_prefixes: Vec::new(),
            exempt: loopback.to_vec(),
            addresses_max: 1_000_000,
        }
    }
}

/// What counts as a failure when the same wrong secret comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeats {
    /// Each wrong attempt is one.
    #[default]
    Count,
    /// The same wrong secret for the same account from the same key counts once.
    Once,
}

impl Choice for Repeats {
    const WORDS: &'static [(&'static str, Self)] = &[("count", Repeats::Count), ("once", Repeats::Once)];
}

/// `[upstream]`: Dovecot's own auth process behind us.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Its auth-client socket.
    pub auth: PathBuf,
    /// Its userdb socket.
    pub userdb: PathBuf,
    /// How long an answer may take before the login becomes a temporary failure.
    pub timeout: Duration,
}

impl Upstream {
    /// The wait where the file names none.
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
}

/// `[userdb]`: one answer for every account of ours. With an upstream beside it, other accounts are looked
/// up there.
#[derive(Clone, Debug, PartialEq)]
pub struct Userdb {
    /// The user mail processes run as.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
    /// The home, with `%{user}`, `%{username}` and `%{domain}`; see [`Userdb::home_of`].
    pub home: String,
}

impl Userdb {
    /// The home of an account. `None` when a part of its name cannot stand in a path: a name with a slash
    /// in it must not lead out of the mail store.
    #[must_use]
    pub fn home_of(&self, account: &str) -> Option<PathBuf> {
        template::home(&self.home, account)
    }
}

/// `[messages]`: what people read when a login is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// The language of the shipped texts.
    pub language: Language,
    /// The address of the portal's page.
    pub portal_url: Option<String>,
    /// Instead of the shipped text for a wrong secret; may hold `{portal}`.
    pub wrong: Option<String>,
    /// Instead of the shipped text for a blocked address; may hold `{portal}` and `{until}`.
    pub blocked: Option<String>,
    /// How a wrong secret is told.
    pub tell_wrong: Telling,
    /// How a block is told.
    pub tell_blocked: Telling,
}

/// The language of texts for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    ZhCn,
}

impl Choice for Language {
    const WORDS: &'static [(&'static str, Self)] = &[("en", Language::En), ("zh-CN", Language::ZhCn)];
}

/// `[events]`: the audit log in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// How long an event is kept.
    pub keep: Duration,
}

impl Default for Events {
    fn default() -> Self {
        Events { keep: 90 * DAY }
    }
}

/// `[sharing]`: the files in which Dovecot reads who shares a mailbox with whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Sharing {
    /// Where they are.
    pub folder: PathBuf,
    /// Under which name delegates find the mailboxes of an owner.
    pub prefix: Prefix,
}
