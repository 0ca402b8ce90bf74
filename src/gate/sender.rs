//! Whose a sender address is, and whether a login may use it.

use super::delegation::Right;

/// How a login stands to a sender address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the login's own: its address, one with a `+tag` in it, or an alias of it.
    Own,
    /// Somebody else's, who granted this right; reading does not let send.
    Granted(Right),
    /// Somebody else's, who granted nothing.
    Foreign,
    /// Nobody's here.
    Nobodys,
}

impl Standing {
    /// Whether the login may send under the address.
    #[must_use]
    pub fn sends(self) -> bool {
        match self {
            Self::Own => true,
            Self::Granted(right) => right.sends(),
            Self::Foreign | Self::Nobodys => false,
        }
    }

    /// Whether what it sends must be marked as sent by the login.
    #[must_use]
    pub fn marks(self) -> bool {
        self == Self::Granted(Right::OnBehalf)
    }
}
