//! A local user on the other end of a socket.

use nix::unistd::User;

/// A local user, as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// By number.
    Uid(u32),
    /// By name; the number is looked up when a socket is made.
    Name(String),
}

impl Peer {
    /// The user's number.
    ///
    /// # Errors
    /// Nobody has that name, or the list of users cannot be read.
    pub fn resolve(&self) -> Result<u32, PeerError> {
        let name = match self {
            Peer::Uid(uid) => return Ok(*uid),
            Peer::Name(name) => name,
        };
        match User::from_name(name) {
            Ok(Some(user)) => Ok(user.uid.as_raw()),
            Ok(None) => Err(PeerError::Unknown(name.clone())),
            Err(source) => Err(PeerError::Lookup { name: name.clone(), source }),
        }
    }
}

/// Why a [`Peer`] has no number.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// There is no such user here.
    #[error("no user is called `{0}`")]
    Unknown(String),
    /// The list of users did not answer.
    #[error("cannot look up the user `{name}`")]
    Lookup {
        /// Who was asked for.
        name: String,
        /// What the system said.
        source: nix::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_number() {
        assert_eq!(Peer::Uid(111).resolve().unwrap(), 111);
        assert_eq!(Peer::Name("root".into()).resolve().unwrap(), 0);
        let nobody = Peer::Name("no such user".into()).resolve().unwrap_err();
        assert_eq!(nobody.to_string(), "no user is called `no such user`");
    }
}
