//! Why an administrator takes somebody's second factors away: kept in the events, and told to the owner.

use super::name::NameError;

/// The longest reason, in characters: it goes into a line of the log and a sentence of a mail.
pub const REASON_CHARS_MAX: usize = 200;

/// A reason in an administrator's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetReason(String);

impl ResetReason {
    /// Trims and checks what was typed.
    ///
    /// # Errors
    /// There is none, or it is too long, or no single line.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        let reason = typed.trim();
        if reason.is_empty() {
            return Err(NameError::new("a reset needs a reason, such as \"lost phone, seen in person\""));
        }
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(NameError::new(format!("the reason is longer than {REASON_CHARS_MAX} characters")));
        }
        if reason.contains(char::is_control) {
            return Err(NameError::new("the reason has control characters in it"));
        }
        Ok(Self(reason.to_owned()))
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_a_bounded_length() {
        assert_eq!(ResetReason::parse(" lost phone ").map(|reason| reason.0), Ok("lost phone".to_owned()));
        assert!(ResetReason::parse(&"失".repeat(REASON_CHARS_MAX)).is_ok());
        for wrong in ["", "  ", "two\nlines", &"x".repeat(REASON_CHARS_MAX + 1)] {
            assert!(ResetReason::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
