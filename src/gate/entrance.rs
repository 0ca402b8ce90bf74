//! How many main passwords of one account are looked at where people sign in, wherever they come from.
//!
//! An attempt takes its place before it is looked at, so that a thousand at once are no more than a thousand one by one.
//! The first few are free. Past them whoever comes is told a time, within a minute, at which there is a place for that
//! source: a loop that asks all the time does not come before somebody who asks once. Times are a few seconds apart, and
//! so are guesses, however many guess.
//!
//! Nobody is locked out by that:
//!
//! - A browser or an address from which the account came in before ([`Familiar`]) has places of its own, which others'
//!   failures do not take. Its own do, so that a neighbour behind the same address guesses no faster than a stranger.
//! - Main password and second factor together need no place at all (`service/people`).
//!
//! A name that nobody has is counted like an account.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::address::Key;
use crate::clock::Timestamp;

/// So many failures in a row cost no wait: people mistype.
pub const FREE: u32 = 5;
/// The shortest wait past them.
pub const WAIT: Duration = Duration::from_secs(20);
/// The times that are told are so far apart, and none is told twice.
pub const APART: Duration = Duration::from_secs(3);
/// Nobody is told to wait longer.
pub const TOLD_MAX: Duration = Duration::from_secs(60);
/// A place is kept for so long after its time.
pub const KEPT: Duration = Duration::from_secs(30);
/// The most places that are kept at once.
pub const KEPT_MAX: usize = 20;
/// Failures are forgotten so long after the last one.
pub const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// A browser or an address is familiar for so long after the account came in from it.
pub const FAMILIAR_FOR: Duration = Duration::from_secs(90 * 86_400);
/// The most that is familiar of one account; what was used longest ago is forgotten first.
pub const FAMILIAR_MAX: u32 = 20;
/// That it was used is put down again when that is so old: most sign-ins write nothing for it.
pub const FAMILIAR_STEP: Duration = Duration::from_secs(86_400);

/// What a browser is known by when it comes again. It opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrowserMark([u8; 16]);

impl BrowserMark {
    /// The mark of a browser's token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut mark = [0; 16];
        mark.copy_from_slice(&digest[..16]);
        Self(mark)
    }
}

/// What an account came in from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Familiar {
    /// A session of it that goes on.
    Session(i64),
    /// A trusted device of it.
    Device(i64),
    /// A browser.
    Browser(BrowserMark),
    /// An address, or IPv6 network.
    Address(Key),
}

impl Familiar {
    /// Whether it is one browser, and not an address that others may share.
    #[must_use]
    pub fn is_browser(&self) -> bool {
        !matches!(self, Self::Address(_))
    }

    /// The form in which the store keeps it: a kind, then the mark. What is in the store anyway has none, nor what tells no
    /// address.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Session(_) | Self::Device(_) | Self::Address(Key::NoAddress(_)) => None,
            Self::Browser(BrowserMark(mark)) => Some([b"b", &mark[..]].concat()),
            Self::Address(key) => Some([b"a", key.to_bytes().as_slice()].concat()),
        }
    }
}

/// The places of one account, for strangers or for something familiar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Failures in a row.
    failures: u32,
    /// The last one.
    last: Timestamp,
    /// Attempts that are being looked at.
    looking: u32,
    /// For whom there is one, and from when, in that order.
    kept: Vec<(Key, Timestamp)>,
}

impl Places {
    /// Takes a place for an attempt from `source`, before anything is looked at. It ends with [`Places::failed`],
    /// [`Places::came_in`] or [`Places::give_back`].
    ///
    /// # Errors
    /// There is none for this source before then.
    pub fn take(&mut self, source: Key, now: Timestamp) -> Result<(), Timestamp> {
        // A clock that was set back keeps nobody waiting for it.
        self.last = self.last.min(now);
        let farthest = now.plus(TOLD_MAX);
        self.kept.retain(|(_, from)| now < from.plus(KEPT) && *from <= farthest);
        if self.looking == 0 && now >= self.last.plus(FORGOTTEN) {
            self.failures = 0;
        }
        let mine = self.kept.iter().position(|(whose, _)| *whose == source);
        let is_free = self.failures.saturating_add(self.looking) < FREE;
        match mine.map(|at| (at, self.kept[at].1)) {
            Some((_, from)) if now < from && !is_free => return Err(from),
            Some((at, _)) => drop(self.kept.remove(at)),
            None if is_free => {}
            None => {
                let after = self.kept.last().map_or(now, |(_, from)| from.plus(APART));
                let from = after.max(now.plus(WAIT));
                if from > farthest || self.kept.len() >= KEPT_MAX {
                    return Err(farthest);
                }
                self.kept.push((source, from));
                return Err(from);
            }
        }
        self.looking += 1;
        Ok(())
    }

    /// One that had a place was wrong.
    pub fn failed(&mut self, now: Timestamp) {
        self.give_back();
        (self.failures, self.last) = (self.failures.saturating_add(1), now);
    }

    /// One that had a place was right: the failures before it are forgotten, not those that are being looked at.
    pub fn came_in(&mut self) {
        self.give_back();
        self.failures = 0;
    }

    /// One that had a place was not looked at.
    pub fn give_back(&mut self) {
        self.looking = self.looking.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;
