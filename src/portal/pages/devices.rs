//! Trusted devices, and the logins of the last days.

use super::frame::Frame;
use super::passwords::spoken;
use super::routes;
use crate::clock::Timestamp;

/// What logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// A browser, on the portal.
    Browser {
        /// The session's number.
        session: i64,
        /// The program; empty: unknown.
        program: String,
        /// The operating system; empty: unknown.
        system: String,
        /// It is this browser.
        current: bool,
    },
    /// A mail program, over that protocol.
    MailProgram {
        /// What was spoken.
        protocol: String,
        /// The client password it used; `None`: the main password.
        password: Option<UsedPassword>,
    },
}

/// A client password that a mail program used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedPassword {
    /// Its name.
    pub name: String,
    /// Its number; `None`: it was removed meanwhile.
    pub id: Option<i64>,
}

/// A login device of the last days.
#[derive(Clone, Debug)]
pub struct Login {
    /// What logged in.
    pub client: Client,
    /// The address, if it was told.
    pub address: Option<String>,
    /// Where that is; empty: unknown.
    pub place: String,
    /// The last time.
    pub at: Timestamp,
}

impl Login {
    /// What it is.
    #[must_use]
    pub fn device(&self, f: &Frame) -> String {
        match &self.client {
            Client::Browser { program, system, .. } => device(program, system, f),
            Client::MailProgram { protocol, .. } => f.t1("login-mail-program", "protocol", spoken(protocol)),
        }
    }

    /// It is this browser.
    #[must_use]
    pub fn current(&self) -> bool {
        matches!(self.client, Client::Browser { current: true, .. })
    }

    /// How it got in.
    #[must_use]
    pub fn with(&self, f: &Frame) -> String {
        match &self.client {
            Client::Browser { .. } => f.t("login-browser"),
            Client::MailProgram { password: None, .. } => f.t("login-main-password"),
            Client::MailProgram { password: Some(UsedPassword { name, id: Some(_) }), .. } => {
                f.t1("login-client-password", "name", name)
            }
            Client::MailProgram { password: Some(UsedPassword { name, id: None }), .. } => {
                f.t1("login-removed-password", "name", name)
            }
        }
    }

    /// Where another browser's session is ended.
    #[must_use]
    pub fn ends_at(&self) -> Option<String> {
        match self.client {
            Client::Browser { session, current: false, .. } => Some(routes::device_delete(session)),
            _ => None,
        }
    }

    /// Where the client password of a mail program is removed.
    #[must_use]
    pub fn password_removed_at(&self) -> Option<String> {
        match &self.client {
            Client::MailProgram { password: Some(UsedPassword { id: Some(id), .. }), .. } => {
                Some(routes::password_remove(*id))
            }
            _ => None,
        }
    }

    /// Address and place, as far as they are known.
    #[must_use]
    pub fn from(&self) -> Vec<&str> {
        from(self.address.as_deref(), &self.place)
    }
}

fn from<'a>(address: Option<&'a str>, place: &'a str) -> Vec<&'a str> {
    let place = Some(place).filter(|place| !place.is_empty());
    [place, address].into_iter().flatten().collect()
}

/// A browser by its program and system.
pub(super) fn device(program: &str, system: &str, f: &Frame) -> String {
    match (program, system) {
        ("", "") => f.t("device-unknown"),
        ("", one) | (one, "") => one.to_owned(),
        (program, system) => f.t2("device-and-system", "program", program, "system", system),
    }
}

/// A browser that is not asked for its second factor.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// Its number.
    pub id: i64,
    /// The program; empty: unknown.
    pub program: String,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The address it last came from, if it was told.
    pub address: Option<String>,
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
        routes::trust_cancel(self.id)
    }

    /// Address and place, as far as they are known.
    #[must_use]
    pub fn from(&self) -> String {
        from(self.address.as_deref(), &self.place).iter().map(|part| format!(" · {part}")).collect()
    }
}

/// The lists.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Trusted devices.
    pub trusted: Vec<Trusted>,
    /// Browsers and mail programs of the last days, newest first.
    pub logins: Vec<Login>,
    /// There were more than are shown.
    pub more: bool,
    /// How many days that is.
    pub days: usize,
}

page!(Devices, "devices.html");
