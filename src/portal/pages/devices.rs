//! Trusted devices, and the logins of the last days.

use super::frame::Frame;
use super::routes;
use crate::clock::Timestamp;

/// What logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// A browser, with main password and second factor.
    Browser,
    /// A mail program, with the client password of that name.
    ClientPassword(String),
    /// A mail program, with the main password.
    MainPassword,
}

/// A login device of the last days.
#[derive(Clone, Debug)]
pub struct Login {
    /// The store's word for it; `None`: it cannot be deleted.
    pub id: Option<String>,
    /// What logged in.
    pub client: Client,
    /// The program; empty: unknown.
    pub program: String,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The address.
    pub address: String,
    /// Where that is; empty: unknown.
    pub place: String,
    /// The last time.
    pub at: Timestamp,
    /// It is this browser.
    pub current: bool,
}

impl Login {
    /// Program and system.
    #[must_use]
    pub fn device(&self, f: &Frame) -> String {
        device(&self.program, &self.system, f)
    }

    /// How it got in.
    #[must_use]
    pub fn with(&self, f: &Frame) -> String {
        match &self.client {
            Client::Browser => f.t("login-browser"),
            Client::ClientPassword(name) => f.t1("login-client-password", "name", name),
            Client::MainPassword => f.t("login-main-password"),
        }
    }
}

fn device(program: &str, system: &str, f: &Frame) -> String {
    match (program, system) {
        ("", "") => f.t("device-unknown"),
        ("", one) | (one, "") => one.to_owned(),
        (program, system) => f.t2("device-and-system", "program", program, "system", system),
    }
}

/// A browser that is not asked for its second factor.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// The store's word for it.
    pub id: String,
    /// The program; empty: unknown.
    pub program: String,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The address it was trusted from.
    pub address: String,
    /// Where that is; empty: unknown.
    pub place: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// It is this browser.
    pub current: bool,
}

impl Trusted {
    /// Program and system.
    #[must_use]
    pub fn device(&self, f: &Frame) -> String {
        device(&self.program, &self.system, f)
    }

    /// Where its trust is cancelled.
    #[must_use]
    pub fn path(&self) -> String {
        routes::trust_cancel(&self.id)
    }
}

/// The lists.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Trusted devices.
    pub trusted: Vec<Trusted>,
    /// Browsers and mail programs of the last days, newest first.
    pub logins: Vec<Login>,
    /// How many days that is.
    pub days: usize,
}

page!(Devices, "devices.html");
