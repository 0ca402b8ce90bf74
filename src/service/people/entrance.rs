//! What is remembered where people come in. In memory only: what must survive is counted by address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hashlink::LruCache;
use tokio::sync::OwnedMutexGuard;

use super::named::Misses;
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::entrance::{Familiar, Places};
use crate::gate::key::AccountTag;
use crate::gate::repeats::Repeats;
use crate::service::lock;

/// Accounts, and names that are none, with what is familiar of each, whose places are remembered; some 150 bytes each, and
/// under attack up to a kilobyte.
const ROOMS_MAX: usize = 100_000;
/// Attempts of one line: the one that is being looked at, and those that wait. The last of them waits for some fifteen
/// seconds.
pub(super) const LINE_MAX: usize = 4;
/// Attempts that wait in all lines: far fewer than the portal has places for sign-ins. Whoever finds nobody before him does
/// not wait, and gets in line in any case.
pub(super) const WAITING_MAX: usize = 48;

/// Whose places: an account's, for strangers or for something familiar.
pub(super) type Room = (AccountTag, Option<Familiar>);

/// Who stands in one line: whoever comes from an address, or from there with a browser or session of one account. So loops
/// at an address keep nobody waiting whom the account knows.
pub(super) type LineOf = (Key, Option<AccountTag>);

/// What is remembered where people come in.
#[derive(Debug)]
pub struct Entrance {
    /// Main passwords of each account that are being looked at, and that failed.
    rooms: Mutex<LruCache<Room, Places>>,
    /// Attempts that are looked at one at a time.
    pub(super) lines: Lines,
    /// One block is lifted at a time: each lift counts those before it.
    pub(super) lifting: tokio::sync::Mutex<()>,
    /// Names that are no account's, by whom they were typed.
    pub(super) misses: Misses,
    /// Forms that were sent lately.
    pub(super) repeats: Mutex<Repeats>,
}

impl Default for Entrance {
    fn default() -> Self {
        Self {
            rooms: Mutex::new(LruCache::new(ROOMS_MAX)),
            lines: Lines::default(),
            lifting: tokio::sync::Mutex::default(),
            misses: Misses::default(),
            repeats: Mutex::default(),
        }
    }
}

impl Entrance {
    /// Takes a place for a main password, before it is looked at.
    ///
    /// # Errors
    /// There is none before then.
    pub(super) fn take(&self, room: Room, source: Key, now: Timestamp) -> Result<Place<'_>, Timestamp> {
        self.change(room, |places| places.take(source, now))?;
        Ok(Place { entrance: self, room, taken: now, ended: false })
    }

    fn change<T>(&self, room: Room, change: impl FnOnce(&mut Places) -> T) -> T {
        let mut rooms = lock(&self.rooms);
        if let Some(places) = rooms.get_mut(&room) {
            return change(places);
        }
        let mut places = Places::default();
        let changed = change(&mut places);
        rooms.insert(room, places);
        changed
    }

    /// Forgets what failed at an account.
    pub(in crate::service) fn forget(&self, account: AccountTag) {
        lock(&self.rooms).retain(|(tag, _), _| *tag != account);
    }
}

/// A place. One that is dropped was looked at for all we know, and counts as a failure.
#[derive(Debug)]
#[must_use]
pub(super) struct Place<'a> {
    entrance: &'a Entrance,
    room: Room,
    taken: Timestamp,
    ended: bool,
}

impl Place<'_> {
    /// The main password was right.
    pub(super) fn came_in(self) {
        self.end(Places::came_in);
    }

    /// Own trouble: nothing was looked at.
    pub(super) fn give_back(self) {
        self.end(Places::give_back);
    }

    /// It was wrong.
    pub(super) fn failed(self, now: Timestamp) {
        self.end(|places| places.failed(now));
    }

    fn end(mut self, how: impl FnOnce(&mut Places)) {
        self.ended = true;
        self.entrance.change(self.room, how);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let taken = self.taken;
            self.entrance.change(self.room, |places| places.failed(taken));
        }
    }
}

/// Attempts that are looked at one at a time, first come, first served.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<InLines>);

#[derive(Debug, Default)]
struct InLines {
    /// Whose turn it is, and how many stand in line with that one.
    lines: HashMap<LineOf, (Arc<tokio::sync::Mutex<()>>, usize)>,
    /// How many wait, in all lines.
    waiting: usize,
}

/// A turn, given back on drop.
#[derive(Debug)]
#[must_use]
pub(super) struct Turn<'a> {
    _turn: OwnedMutexGuard<()>,
    _stands: Stands<'a>,
}

/// One who stands in line.
#[derive(Debug)]
struct Stands<'a> {
    lines: &'a Lines,
    line: LineOf,
}

impl Lines {
    /// Waits for a turn; `None`: too many do.
    pub(super) async fn turn(&self, line: LineOf) -> Option<Turn<'_>> {
        let (turn, stands) = self.join(line)?;
        // Tokio's lock is fair: whoever asked first has it first.
        Some(Turn { _turn: turn.lock_owned().await, _stands: stands })
    }

    fn join(&self, line: LineOf) -> Option<(Arc<tokio::sync::Mutex<()>>, Stands<'_>)> {
        let mut all = lock(&self.0);
        let standing = all.lines.get(&line).map_or(0, |(_, standing)| *standing);
        if standing >= LINE_MAX || (standing > 0 && all.waiting >= WAITING_MAX) {
            return None;
        }
        if standing > 0 {
            all.waiting += 1;
        }
        let (turn, standing) = all.lines.entry(line).or_default();
        *standing += 1;
        Some((Arc::clone(turn), Stands { lines: self, line }))
    }
}

impl Drop for Stands<'_> {
    fn drop(&mut self) {
        let mut all = lock(&self.lines.0);
        let Some((_, standing)) = all.lines.get_mut(&self.line) else { return };
        *standing -= 1;
        if *standing == 0 {
            all.lines.remove(&self.line);
        } else {
            all.waiting -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::entrance::FREE;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const ANN: AccountTag = AccountTag(1);

    fn key(n: u64) -> Key {
        Key::NoAddress(AccountTag(n))
    }

    fn take(entrance: &Entrance, familiar: Option<Familiar>) -> Result<Place<'_>, Timestamp> {
        entrance.take((ANN, familiar), key(1), NOW)
    }

    #[test]
    fn a_place_that_nobody_gives_back_counts_as_a_failure() {
        let entrance = Entrance::default();
        for _ in 0..FREE {
            drop(take(&entrance, None).unwrap());
        }
        let waits = take(&entrance, None).map(drop);
        assert_eq!(waits, Err(Timestamp(NOW.0 + 20)));
        take(&entrance, Some(Familiar::Device(1))).expect("a room of its own").came_in();
        assert!(take(&entrance, None).is_err(), "which opens no other");
        entrance.forget(ANN);
        take(&entrance, None).unwrap().give_back();
    }

    #[test]
    fn the_rooms_are_so_many() {
        let entrance = Entrance::default();
        for n in 0..=ROOMS_MAX as u64 {
            entrance.take((AccountTag(n), None), key(1), NOW).unwrap().failed(NOW);
        }
        assert_eq!(lock(&entrance.rooms).len(), ROOMS_MAX);
        // One that is forgotten while it is looked at ends all the same.
        let place = take(&entrance, None).unwrap();
        lock(&entrance.rooms).clear();
        place.failed(NOW);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_has_the_first_turn() {
        let lines = Lines::default();
        let order = Mutex::new(Vec::new());
        let attempt = async |n: usize| {
            let _turn = lines.turn((key(1), None)).await.unwrap();
            lock(&order).push(n);
            sleep(Duration::from_secs(5)).await;
        };
        let began = Instant::now();
        // Two loops, and somebody who comes once.
        let a_loop = async |n: usize| {
            for _ in 0..10 {
                attempt(n).await;
            }
        };
        let owner = async {
            sleep(Duration::from_secs(1)).await;
            attempt(9).await;
            began.elapsed().as_secs()
        };
        let (.., owner) = tokio::join!(a_loop(1), a_loop(2), owner);
        assert_eq!(owner, 15, "behind those who were there before");
        assert_eq!(lock(&order)[..4], [1, 2, 9, 1]);
        assert!(lock(&lines.0).lines.is_empty() && lock(&lines.0).waiting == 0, "nothing is left behind");
    }

    #[tokio::test]
    async fn a_line_is_so_long_and_all_are() {
        let lines = Lines::default();
        let mut standing: Vec<_> = (0..LINE_MAX).map(|_| lines.join((key(0), None)).unwrap()).collect();
        assert!(lines.join((key(0), None)).is_none());
        assert!(lines.join((key(0), Some(ANN))).is_some(), "a line of their own");
        for n in 1.. {
            if lock(&lines.0).waiting == WAITING_MAX {
                break;
            }
            standing.extend((0..LINE_MAX).map(|_| lines.join((key(n), None)).unwrap()));
        }
        let first = lines.join((key(1_000), None));
        assert!(first.is_some(), "nobody before, nobody to wait for");
        assert!(lines.join((key(1_000), None)).is_none());
        drop((standing, first));
        assert!(lock(&lines.0).lines.is_empty() && lock(&lines.0).waiting == 0);
    }
}
