//! Delegation: the owner of a mailbox lets others read it, and send in its name.

use serde::{Deserialize, Serialize};

/// What an owner grants. Ordered: each right holds all that the ones before it hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Read the mailbox.
    Read,
    /// And send in the owner's name, marked as sent by the delegate (RFC 5322 3.6.2 `Sender:`).
    OnBehalf,
    /// And send as if one were the owner, and work in the mailbox.
    SendAs,
}

impl Right {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::OnBehalf, Self::SendAs];

    /// The word for it, in the store, on the command line and in the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::OnBehalf => "on-behalf",
            Self::SendAs => "send-as",
        }
    }

    /// The right of that name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.word() == word)
    }

    /// Whether it lets the delegate send.
    #[must_use]
    pub fn sends(self) -> bool {
        self >= Self::OnBehalf
    }
}

/// A delegation that was granted or revoked, as its event tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub right: Right,
    /// To whom, or from whom.
    pub delegate: String,
}

impl Change {
    /// The reason of the event `delegation-granted`.
    #[must_use]
    pub fn granted(&self) -> String {
        format!("{} to {}", self.right.word(), self.delegate)
    }

    /// The reason of the event `delegation-revoked`.
    #[must_use]
    pub fn revoked(&self) -> String {
        format!("{} from {}", self.right.word(), self.delegate)
    }

    /// Reads either.
    #[must_use]
    pub fn read(reason: &str) -> Option<Self> {
        let (right, rest) = reason.split_once(' ')?;
        let delegate = rest.strip_prefix("to ").or_else(|| rest.strip_prefix("from "))?.to_owned();
        Some(Self { right: Right::from_word(right)?, delegate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_whom_it_is_about() {
        for right in Right::ALL {
            for delegate in ["bob@example.org", "to from@example.org", ""] {
                let change = Change { right, delegate: delegate.to_owned() };
                assert_eq!(Change::read(&change.granted()), Some(change.clone()));
                assert_eq!(Change::read(&change.revoked()), Some(change));
            }
        }
        for wrong in ["", "read", "read bob@example.org", "all to bob@example.org", "totp"] {
            assert_eq!(Change::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_right_has_one_name_everywhere() {
        for right in Right::ALL {
            assert_eq!(Right::from_word(right.word()), Some(right));
            assert_eq!(serde_json::to_string(&right).unwrap(), format!("\"{}\"", right.word()));
        }
    }

    #[test]
    fn reading_is_not_sending() {
        assert_eq!(Right::ALL.map(Right::sends), [false, true, true]);
    }
}
