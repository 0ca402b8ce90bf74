//! Proving a second factor: at sign-in, and again before a change.

use super::factors::Kind;
use super::frame::Frame;
use crate::clock::Timestamp;

/// A factor that somebody may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The store's word for it.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What its owner calls it, or a masked number or address.
    pub name: String,
}

impl Choice {
    /// Its kind and its name; its kind alone, where the name says no more.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        if self.kind.says_all_of(&self.name) {
            return self.kind.text(f);
        }
        f.t2("factor-and-name", "kind", self.kind.text(f), "name", &self.name)
    }
}

/// How a factor is proved on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// A code is typed.
    Typed {
        /// Where it was sent (masked), if it was sent.
        sent_to: Option<String>,
        /// When it ends.
        ends: Option<Timestamp>,
    },
    /// The browser asks the passkey.
    Passkey {
        /// The server's options for `navigator.credentials.get`, as JSON with base64url.
        options: String,
    },
    /// WeChat, WeCom or DingTalk is asked: the form leads there.
    Provider,
}

/// The factor that is asked for, and those that could be asked for instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The one asked for.
    pub by: Choice,
    /// How.
    pub how: How,
    /// The others. A form that posts `by`, the id of one, comes back with that one.
    pub others: Vec<Choice>,
}

impl Proof {
    /// What to do.
    #[must_use]
    pub fn lead(&self, f: &Frame) -> String {
        match (&self.how, self.by.kind) {
            (How::Typed { sent_to: Some(to), .. }, _) => f.t1("code-sent-to", "to", to),
            (How::Typed { .. }, Kind::Recovery) => f.t("code-recovery"),
            (How::Typed { .. }, kind) if kind.says_all_of(&self.by.name) => f.t("code-from-the-app"),
            (How::Typed { .. }, _) => f.t1("code-from-app", "name", &self.by.name),
            (How::Passkey { .. }, _) => f.t("code-passkey"),
            (How::Provider, kind) => f.t1("code-provider", "provider", kind.text(f)),
        }
    }

    /// The code is one of digits alone.
    #[must_use]
    pub fn digits(&self) -> bool {
        self.by.kind != Kind::Recovery
    }

    /// The server's options, where the browser asks a passkey.
    #[must_use]
    pub fn options(&self) -> Option<&str> {
        match &self.how {
            How::Passkey { options } => Some(options),
            How::Typed { .. } | How::Provider => None,
        }
    }

    /// When the code that was sent ends.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        match self.how {
            How::Typed { ends, .. } => ends,
            How::Passkey { .. } | How::Provider => None,
        }
    }

    /// A code was sent, and could be sent again.
    #[must_use]
    pub fn sent(&self) -> bool {
        matches!(self.how, How::Typed { sent_to: Some(_), .. })
    }

    /// A code is typed.
    #[must_use]
    pub fn typed(&self) -> bool {
        matches!(self.how, How::Typed { .. })
    }
}
