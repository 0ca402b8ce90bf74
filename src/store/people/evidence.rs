//! What somebody shows to prove a factor, and where a code goes.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::sealed::{Memo, masked_address};
use crate::gate::code::Code;
use crate::gate::factor::FactorKind;
use crate::gate::phone::Phone;
use crate::gate::secret::Digest;

/// What somebody shows to prove a factor.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// The main password was right just now.
    MainPassword,
    /// A code from an app, or one that was sent.
    Code(Code),
    /// The recovery code of this row; `None`: of none.
    Recovery(Option<i64>),
    /// What was typed as a set-up code; `None`: it can be none.
    SetUpCode(Option<Digest>),
    /// What the browser answered for a passkey.
    Credential(Zeroizing<String>),
    /// Who a sign-in provider says it is.
    Identity(Identity),
    /// Nothing that could be read.
    Unreadable,
}

impl Evidence {
    /// Whether it is a short code, which can be guessed; recovery and set-up codes are too long for that.
    pub(super) fn is_guessable(&self) -> bool {
        match self {
            Self::Code(_) | Self::Unreadable => true,
            Self::MainPassword
            | Self::Recovery(_)
            | Self::SetUpCode(_)
            | Self::Credential(_)
            | Self::Identity(_) => false,
        }
    }
}

/// Who a sign-in provider says somebody is. `Debug` shows the provider alone.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Identity {
    /// Which.
    #[zeroize(skip)]
    pub provider: FactorKind,
    /// The application that asked.
    pub app: String,
    /// The person.
    pub subject: String,
    /// A name to show.
    pub name: Option<String>,
    /// The state that came back.
    pub state: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.provider.word())
    }
}

impl Identity {
    /// As it is sealed.
    pub(super) fn person(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n{}", self.app, self.subject))
    }

    /// Whether it is the answer to this question.
    pub(super) fn answers(&self, memo: &Memo) -> bool {
        !memo.state.is_empty() && bool::from(memo.state.as_bytes().ct_eq(self.state.as_bytes()))
    }
}

/// A phone or address that a code goes to. `Debug` and `Display` mask it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Recipient(String);

impl Recipient {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The phone or address itself: for the one who delivers.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// As it may be shown.
    #[must_use]
    pub fn masked(&self) -> String {
        match Phone::parse(&self.0, "") {
            Ok(phone) => phone.masked(),
            Err(_) => masked_address(&self.0),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.masked())
    }
}
