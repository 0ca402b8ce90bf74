//! Passkeys. The ceremonies are not here yet: no site offers them.

use super::people::PeopleRules;
/// e
#[derive(Debug, thiserror::Error)]
#[error("passkey")]
pub struct PasskeyError;
/// s
#[derive(Debug)]
pub struct Site;
impl Site {
    /// o
    #[must_use]
    pub fn of(_: &PeopleRules) -> Option<Self> {
        None
    }
}
type R<T> = Result<T, PasskeyError>;
/// .
pub fn begin_registration(_: &Site, _: &str, _: [u8; 16], _: &[&[u8]]) -> R<(String, Vec<u8>)> {
    Err(PasskeyError)
}
/// .
pub fn finish_registration(_: &Site, _: &[u8], _: &str) -> R<Vec<u8>> {
    Err(PasskeyError)
}
/// .
pub fn begin_authentication(_: &Site, _: &[&[u8]]) -> R<(String, Vec<u8>)> {
    Err(PasskeyError)
}
/// .
pub fn finish_authentication(_: &Site, _: &[u8], _: &str, _: &[&[u8]]) -> R<(usize, Vec<u8>)> {
    Err(PasskeyError)
}
