//! How to set up a mail program, with the site's own servers.

use super::frame::Frame;
use super::routes;

/// A mail program with instructions of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Foxmail.
    Foxmail,
    /// Outlook.
    Outlook,
    /// Mail on iPhone and iPad.
    Iphone,
    /// Gmail and others on Android.
    Android,
    /// Email on Huawei phones.
    Huawei,
    /// Thunderbird.
    Thunderbird,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Foxmail, Self::Outlook, Self::Iphone, Self::Android, Self::Huawei, Self::Thunderbird];

    /// The word for it in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Foxmail => "foxmail",
            Self::Outlook => "outlook",
            Self::Iphone => "iphone",
            Self::Android => "android",
            Self::Huawei => "huawei",
            Self::Thunderbird => "thunderbird",
        }
    }

    /// The program of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.word() == word)
    }

    /// What people call it.
    #[must_use]
    pub fn text(self, f: &Frame) -> String {
        match self {
            Self::Foxmail => f.t("program-foxmail"),
            Self::Outlook => f.t("program-outlook"),
            Self::Iphone => f.t("program-iphone"),
            Self::Android => f.t("program-android"),
            Self::Huawei => f.t("program-huawei"),
            Self::Thunderbird => f.t("program-thunderbird"),
        }
    }

    /// What its instructions are called.
    #[must_use]
    pub fn title(self, f: &Frame) -> String {
        match self {
            Self::Foxmail => f.t("help-title-foxmail"),
            Self::Outlook => f.t("help-title-outlook"),
            Self::Iphone => f.t("help-title-iphone"),
            Self::Android => f.t("help-title-android"),
            Self::Huawei => f.t("help-title-huawei"),
            Self::Thunderbird => f.t("help-title-thunderbird"),
        }
    }

    /// Where its instructions are.
    #[must_use]
    pub fn path(self) -> String {
        routes::help(self.word())
    }

    /// What to do, step by step; a line of the text is a step.
    #[must_use]
    pub fn steps(self, f: &Frame) -> Vec<String> {
        let steps = match self {
            Self::Foxmail => f.t("steps-foxmail"),
            Self::Outlook => f.t("steps-outlook"),
            Self::Iphone => f.t("steps-iphone"),
            Self::Android => f.t("steps-android"),
            Self::Huawei => f.t("steps-huawei"),
            Self::Thunderbird => f.t("steps-thunderbird"),
        };
        steps.lines().map(str::to_owned).collect()
    }
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// From its first byte (RFC 8314).
    Tls,
    /// After `STARTTLS`.
    Starttls,
}

impl Security {
    /// What mail programs call it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Tls => "SSL/TLS",
            Self::Starttls => "STARTTLS",
        }
    }
}

/// A server that mail programs are told.
#[derive(Clone, Debug)]
pub struct Server {
    /// What is spoken there, such as IMAP.
    pub protocol: String,
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is secured.
    pub security: Security,
}

/// The instructions for one mail program.
#[derive(Clone, Debug)]
pub struct Help {
    /// Which.
    pub program: Program,
    /// What is typed as user name; `None`: nobody is signed in.
    pub account: Option<String>,
    /// The site's servers, those for reading first.
    pub servers: Vec<Server>,
    /// There are profiles for Apple's devices.
    pub profiles: bool,
}

page!(Help, "help.html");

impl Help {
    /// A profile can do all of it.
    #[must_use]
    pub fn offers_profile(&self) -> bool {
        self.profiles && self.program == Program::Iphone
    }

    /// The instructions for the others.
    #[must_use]
    pub fn programs(&self) -> [Program; 6] {
        Program::ALL
    }
}
