//! `[client_passwords]` and `[main_password]`: what each of the two is good for.

use std::time::Duration;

use ipnet::IpNet;

use super::{Choice, SECOND};

use crate::gate::identity::UnknownNames;

/// `[client_passwords]`: how many, and how they are hashed.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientPasswords {
    /// The most an account may have.
    pub per_account: u32,
    /// Whether they are good at the hosts in `main_password.allowed_from`.
    pub at_webmail: AtWebmail,
    /// `[client_passwords.argon2]`
    pub argon2: Argon2,
}

impl Default for ClientPasswords {
    fn default() -> Self {
        ClientPasswords { per_account: 6, at_webmail: AtWebmail::default(), argon2: Argon2::default() }
    }
}

/// Whether a client password opens the webmail, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtWebmail {
    /// Mail programs only: a webmail has settings, filters and the second factor.
    #[default]
    Refuse,
    /// It does.
    Allow,
}

impl Choice for AtWebmail {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", AtWebmail::Refuse), ("allow", AtWebmail::Allow)];
}

/// `[client_passwords.argon2]`: the cost of a hash, and how many may be computed at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Argon2 {
    /// Memory of one computation.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Computations at once; absent is the number of processors.
    pub seats: Option<usize>,
    /// How long a login waits for a seat before it becomes a temporary failure.
    pub wait: Duration,
    /// How many logins may wait for a seat.
    pub queue: usize,
}

impl Default for Argon2 {
    fn default() -> Self {
        Argon2 { memory_kib: 19_456, passes: 2, seats: None, wait: 5 * SECOND, queue: 1000 }
    }
}

/// `[main_password]`: where the password of the web page still opens a mailbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MainPassword {
    /// Whether mail clients may use it.
    pub mail_clients: MailClients,
    /// Webmail hosts that ask for the second factor themselves and may pass main passwords on.
    pub allowed_from: Vec<IpNet>,
    /// Who checks it.
    pub checked_by: CheckedBy,
    /// What becomes of names that nobody here has.
    pub unknown_names: UnknownNames,
}

impl Choice for UnknownNames {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", UnknownNames::Auto), ("hand-on", UnknownNames::HandOn), ("refuse", UnknownNames::Refuse)];
}

/// Who checks a main password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckedBy {
    /// Dovecot's auth process behind us: `[upstream]`.
    #[default]
    Upstream,
    /// Dovecot's next passdb, after it has asked us as its first (Lua or dict).
    NextPassdb,
}

impl Choice for CheckedBy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("upstream", CheckedBy::Upstream), ("next-passdb", CheckedBy::NextPassdb)];
}

/// Whether mail clients may use the main password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailClients {
    /// A client password and nothing else.
    #[default]
    Never,
    /// The main password too, as long as the account has no second factor.
    UntilTwoFactor,
}

impl Choice for MailClients {
    const WORDS: &'static [(&'static str, Self)] =
        &[("never", MailClients::Never), ("until-two-factor", MailClients::UntilTwoFactor)];
}
