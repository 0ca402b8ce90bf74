//! What is remembered between the questions of one attempt that somebody else decides: Dovecot's own
//! passdbs, with Sidegate as its auth policy server.
//!
//! - `allow` takes a seat, `report` gives it back; Dovecot asks `allow` twice where the password was right.
//! - An attempt that Sidegate decided itself, asked by the same session through another door, is reported
//!   all the same, and must not be counted twice.
//!
//! A session has one attempt open at a time, because a mail client waits for its answer. Postfix tells no
//! session: then the password's mark tells attempts apart, and what passes Sidegate's passdb door as well is told by
//! account and source: see [`two_doors`](super::two_doors).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hashlink::LinkedHashMap;

use super::address::Key;
use super::key::AccountTag;
use super::two_doors::{Said, Told, TwoDoors};

/// How long a seat is kept for a report that does not come.
pub const SEAT_KEPT: Duration = Duration::from_secs(30);
/// Seats kept for reports at once. Past it nobody gets another.
pub const SEATS_MAX: usize = 10_000;
/// How long an attempt that Sidegate decided is remembered for its report.
pub const DECIDED_KEPT: Duration = Duration::from_secs(60);
/// Sessions in which Sidegate decided, remembered at once; past it the oldest is forgotten.
pub const DECIDED_MAX: usize = 10_000;
/// The longest name of a session. A longer one is taken for none.
pub const SESSION_BYTES_MAX: usize = 128;

/// A mail server's name for one client connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session(Box<str>);

impl Session {
    /// A session's name, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (1..=SESSION_BYTES_MAX).contains(&text.len()).then(|| Self(text.into()))
    }
}

/// What tells one attempt from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId {
    session: Option<Session>,
    account: AccountTag,
    source: Key,
    mark: Box<str>,
}

impl AttemptId {
    /// Whether it has a name of Dovecot's.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// `mark` is what Dovecot tells of the password: twelve bits of a hash.
    #[must_use]
    pub fn new(session: Option<Session>, account: AccountTag, source: Key, mark: &str) -> Self {
        let mark = &mark[..mark.floor_char_boundary(SESSION_BYTES_MAX)];
        let mark = if session.is_some() { "" } else { mark };
        Self { session, account, source, mark: mark.into() }
    }
}

/// Seats `S` of attempts that somebody else decides.
#[derive(Debug)]
pub struct Pending<S> {
    /// The one that was added to last comes last.
    attempts: LinkedHashMap<AttemptId, Open<S>>,
    seats: usize,
    /// Of those without a session. There are no more than seats.
    unnamed: HashMap<(AccountTag, Key), TwoDoors>,
}

#[derive(Debug)]
struct Open<S> {
    /// One for a session; without a session one for each attempt that looks the same.
    seats: Vec<S>,
    /// How many of them have been asked about a second time.
    again: usize,
    until: Instant,
}

impl<S> Default for Pending<S> {
    fn default() -> Self {
        Self { attempts: LinkedHashMap::new(), seats: 0, unnamed: HashMap::new() }
    }
}

impl<S> Pending<S> {
    /// Whether this is a question about an attempt that has its seat already.
    pub fn again(&mut self, id: &AttemptId) -> bool {
        let Some(open) = self.attempts.get_mut(id) else { return false };
        if id.session.is_none() {
            if open.again >= open.seats.len() {
                return false;
            }
            open.again += 1;
        }
        true
    }

    /// Whether an attempt of this session has its seat.
    #[must_use]
    pub fn has(&self, session: &Session, account: AccountTag, source: Key) -> bool {
        self.attempts.contains_key(&AttemptId::new(Some(session.clone()), account, source, ""))
    }

    /// Keeps a seat until its report. Returns it where it cannot be kept.
    ///
    /// # Errors
    /// There are too many, or the session has one.
    pub fn keep(&mut self, id: AttemptId, seat: S, now: Instant) -> Result<(), S> {
        if self.seats >= SEATS_MAX {
            return Err(seat);
        }
        let has_session = id.session.is_some();
        let mut open = match self.attempts.remove(&id) {
            Some(open) => open,
            None => Open { seats: Vec::new(), again: 0, until: now },
        };
        let kept = if has_session && !open.seats.is_empty() {
            Err(seat)
        } else {
            open.seats.push(seat);
            self.seats += 1;
            if !has_session {
                self.unnamed.entry((id.account, id.source)).or_default().ask();
            }
            Ok(())
        };
        open.until = now + SEAT_KEPT;
        self.attempts.insert(id, open);
        kept
    }

    /// Whether there is room for another seat.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.seats < SEATS_MAX
    }

    /// An attempt without a session comes to Sidegate's own passdb door. Whether it has its seat already.
    pub fn begin_here(&mut self, account: AccountTag, source: Key) -> bool {
        self.unnamed.get_mut(&(account, source)).is_some_and(TwoDoors::begin)
    }

    /// What Sidegate said to one that had.
    pub fn end_here(&mut self, account: AccountTag, source: Key, said: Said) {
        self.of_unnamed(account, source, |doors| doors.end(said));
    }

    /// A report of an attempt without a session came, for which [`Self::reported`] is to be asked as well. Whether
    /// Sidegate decided it.
    pub fn decided_here(&mut self, account: AccountTag, source: Key, told: Told) -> bool {
        self.of_unnamed(account, source, |doors| doors.report(told)).unwrap_or(false)
    }

    fn of_unnamed<T>(
        &mut self,
        account: AccountTag,
        source: Key,
        change: impl FnOnce(&mut TwoDoors) -> T,
    ) -> Option<T> {
        let doors = self.unnamed.get_mut(&(account, source))?;
        let changed = change(doors);
        if doors.is_over() {
            self.unnamed.remove(&(account, source));
        }
        Some(changed)
    }

    /// The report came: its seat.
    pub fn reported(&mut self, id: &AttemptId) -> Option<S> {
        let open = self.attempts.get_mut(id)?;
        let seat = open.seats.pop();
        open.again = open.again.saturating_sub(1);
        if open.seats.is_empty() {
            self.attempts.remove(id);
        }
        self.seats -= usize::from(seat.is_some());
        seat
    }

    /// Seats whose report did not come.
    pub fn overdue(&mut self, now: Instant) -> Vec<S> {
        let mut overdue = Vec::new();
        while self.attempts.front().is_some_and(|(_, open)| open.until <= now) {
            let Some((id, open)) = self.attempts.pop_front() else { break };
            self.seats -= open.seats.len();
            if id.session.is_none() {
                self.of_unnamed(id.account, id.source, |doors| doors.give_up(open.seats.len()));
            }
            overdue.extend(open.seats);
        }
        overdue
    }
}

/// Attempts that Sidegate decides or decided, by session.
#[derive(Debug, Default)]
pub struct Decided(LinkedHashMap<(Session, AccountTag), Count>);

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Being decided now.
    deciding: u32,
    /// Without a report yet.
    unreported: u32,
    until: Instant,
}

impl Decided {
    /// Sidegate begins to decide an attempt.
    pub fn begin(&mut self, session: &Session, account: AccountTag, now: Instant) {
        while self.0.len() >= DECIDED_MAX || self.0.front().is_some_and(|(_, count)| count.until <= now) {
            self.0.pop_front();
        }
        let count = self.change(session, account, now, |count| {
            count.deciding += 1;
            count.unreported += 1;
        });
        if !count {
            let count = Count { deciding: 1, unreported: 1, until: now + DECIDED_KEPT };
            self.0.insert((session.clone(), account), count);
        }
    }

    /// Sidegate decided it, or (`elsewhere`) left it to the one who asked.
    pub fn end(&mut self, session: &Session, account: AccountTag, elsewhere: bool, now: Instant) {
        self.change(session, account, now, |count| {
            count.deciding = count.deciding.saturating_sub(1);
            count.unreported = count.unreported.saturating_sub(u32::from(elsewhere));
        });
    }

    /// Whether Sidegate is deciding an attempt of this session right now.
    #[must_use]
    pub fn deciding(&self, session: &Session, account: AccountTag) -> bool {
        self.0.get(&(session.clone(), account)).is_some_and(|count| count.deciding > 0)
    }

    /// A report came. Whether it is about an attempt that Sidegate decided.
    pub fn reported(&mut self, session: &Session, account: AccountTag, now: Instant) -> bool {
        let mut ours = false;
        self.change(session, account, now, |count| {
            ours = count.unreported > 0 && (now < count.until || count.deciding > 0);
            count.unreported = count.unreported.saturating_sub(1);
        });
        ours
    }

    fn change(
        &mut self,
        session: &Session,
        account: AccountTag,
        now: Instant,
        change: impl FnOnce(&mut Count),
    ) -> bool {
        let key = (session.clone(), account);
        let Some(mut count) = self.0.remove(&key) else { return false };
        change(&mut count);
        if count.deciding > 0 || count.unreported > 0 {
            count.until = now + DECIDED_KEPT;
            self.0.insert(key, count);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: AccountTag = AccountTag(1);

    fn key() -> Key {
        Key::Network { first: [0; 16], bits: 128 }
    }

    fn session(name: &str) -> Session {
        Session::parse(name).unwrap()
    }

    fn id(name: &str, mark: &str) -> AttemptId {
        AttemptId::new(Session::parse(name), ANN, key(), mark)
    }

    #[test]
    fn a_session_has_one_seat_until_its_report() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        assert!(!pending.again(&id("s", "08d4")));
        assert_eq!(pending.keep(id("s", "08d4"), 1, now), Ok(()));
        assert!(pending.again(&id("s", "0ef4")) && pending.again(&id("s", "")), "whatever the password");
        assert!(pending.has(&session("s"), ANN, key()) && !pending.has(&session("t"), ANN, key()));
        assert_eq!(pending.keep(id("s", ""), 2, now), Err(2));
        assert_eq!(pending.reported(&id("s", "")), Some(1));
        assert_eq!(pending.reported(&id("s", "")), None);
        assert!(!pending.again(&id("s", "")));
    }

    #[test]
    fn without_a_session_each_attempt_has_a_seat_and_is_asked_about_twice() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        assert_eq!(pending.keep(id("", "08d4"), 1, now), Ok(()));
        assert!(!pending.again(&id("", "0ef4")), "another password");
        assert!(pending.again(&id("", "08d4")));
        assert!(!pending.again(&id("", "08d4")), "a third question is another attempt");
        assert_eq!(pending.keep(id("", "08d4"), 2, now), Ok(()));
        assert!(pending.again(&id("", "08d4")));
        assert!(pending.reported(&id("", "08d4")).is_some());
        assert!(pending.reported(&id("", "08d4")).is_some());
        assert_eq!((pending.seats, pending.attempts.len()), (0, 0));
    }

    #[test]
    fn what_passes_the_passdb_door_too_has_its_seat_and_is_known_by_its_report() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        assert!(!pending.begin_here(ANN, key()));
        assert_eq!(pending.keep(id("", "08d4"), 1, now), Ok(()));
        assert!(!pending.begin_here(AccountTag(2), key()));
        assert!(pending.begin_here(ANN, key()) && !pending.begin_here(ANN, key()), "one of one");
        pending.end_here(ANN, key(), Said::Refused);
        assert!(pending.decided_here(ANN, key(), Told::Wrong));
        assert!(!pending.decided_here(ANN, key(), Told::Wrong) && pending.unnamed.is_empty());
        assert_eq!(pending.reported(&id("", "08d4")), Some(1));
        assert_eq!(pending.keep(id("", "08d4"), 2, now), Ok(()));
        assert!(pending.begin_here(ANN, key()));
        pending.end_here(ANN, key(), Said::Refused);
        assert_eq!(pending.overdue(now + SEAT_KEPT), [2]);
        assert!(pending.unnamed.is_empty(), "bounded as seats are");
    }

    #[test]
    fn a_seat_is_kept_for_so_long_and_so_many_are_kept() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        for n in 0..SEATS_MAX {
            assert_eq!(pending.keep(id(&n.to_string(), ""), n, now), Ok(()));
        }
        assert!(!pending.has_room());
        assert_eq!(pending.keep(id("one more", ""), 0, now), Err(0));
        let nearly = SEAT_KEPT.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(pending.overdue(now + nearly).len(), 0);
        assert_eq!(pending.overdue(now + SEAT_KEPT).len(), SEATS_MAX);
        assert!(pending.has_room() && pending.attempts.is_empty());
    }

    #[test]
    fn a_report_about_what_sidegate_decided_is_recognised_once() {
        let (mut decided, now) = (Decided::default(), Instant::now());
        let ann = session("s");
        assert!(!decided.reported(&ann, ANN, now));
        decided.begin(&ann, ANN, now);
        assert!(decided.deciding(&ann, ANN) && !decided.deciding(&ann, AccountTag(2)));
        decided.end(&ann, ANN, false, now);
        assert!(!decided.deciding(&ann, ANN));
        decided.begin(&ann, ANN, now);
        decided.end(&ann, ANN, true, now);
        assert!(decided.reported(&ann, ANN, now), "the first was decided");
        assert!(!decided.reported(&ann, ANN, now), "the second was left to somebody else");
        assert!(decided.0.is_empty());
    }

    #[test]
    fn a_report_may_come_while_sidegate_decides_and_not_much_later() {
        let (mut decided, now) = (Decided::default(), Instant::now());
        let ann = session("s");
        decided.begin(&ann, ANN, now);
        assert!(decided.reported(&ann, ANN, now));
        decided.end(&ann, ANN, false, now);
        assert!(!decided.reported(&ann, ANN, now));
        decided.begin(&ann, ANN, now);
        decided.end(&ann, ANN, false, now);
        assert!(!decided.reported(&ann, ANN, now + DECIDED_KEPT));
    }

    #[test]
    fn so_many_sessions_are_remembered() {
        let (mut decided, now) = (Decided::default(), Instant::now());
        for n in 0..=DECIDED_MAX {
            decided.begin(&session(&n.to_string()), ANN, now);
        }
        assert_eq!(decided.0.len(), DECIDED_MAX);
        assert!(!decided.deciding(&session("0"), ANN) && decided.deciding(&session("1"), ANN));
    }

    #[test]
    fn what_is_kept_of_a_mark_is_bounded_wherever_a_character_ends() {
        for mark in ["x".repeat(SESSION_BYTES_MAX + 1), format!("x{}", "é".repeat(SESSION_BYTES_MAX))] {
            let kept = id("", &mark).mark.len();
            assert!((SESSION_BYTES_MAX - 1..=SESSION_BYTES_MAX).contains(&kept), "{kept}");
        }
    }

    #[test]
    fn a_session_has_a_name_of_a_sane_length() {
        assert!(Session::parse("").is_none());
        assert!(Session::parse(&"s".repeat(SESSION_BYTES_MAX)).is_some());
        assert!(Session::parse(&"s".repeat(SESSION_BYTES_MAX + 1)).is_none());
    }
}
