//! Who waits for a seat, and which seat takes whom.
//!
//! Sources take turns. Where there are seats for all processors, the last one stands back while
//! logins that need no hash are served: they would wait for the kernel to take a processor from it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Hashed, HasherError, Task};
use crate::gate::address::Key;

/// A seat without work for this long gives its memory back.
const IDLE: Duration = Duration::from_secs(10);
/// The spare seat looks again after this long whether it is still to stand back.
const STAND_BACK: Duration = Duration::from_millis(50);

/// What waits for a seat.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) reply: oneshot::Sender<Result<Hashed, HasherError>>,
}

/// What a seat is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It takes whatever there is.
    Usual,
    /// While others need a processor, it only takes what has waited for this long.
    Spare(Duration),
}

/// The queue, and what all seats share.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    queue_max: usize,
    /// Hashes that were computed.
    pub(super) computed: AtomicU64,
    /// Somebody was served without a hash since the spare seat looked last.
    others: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    /// Jobs by source with their arrival, and the sources in the order of their turn.
    jobs: HashMap<Key, VecDeque<(Instant, Job)>>,
    turns: VecDeque<Key>,
    waiting: usize,
    closed: bool,
}

impl Shared {
    pub(super) fn new(queue_max: usize) -> Self {
        let (computed, others) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { queue: Mutex::default(), filled: Condvar::new(), queue_max, computed, others }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the seats' work.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Somebody was served without a hash.
    pub(super) fn others_served(&self) {
        // Mostly true already; a look leaves the line with the other processors' caches.
        if !self.others.load(Ordering::Relaxed) {
            self.others.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn push(&self, source: Key, job: Job) -> Result<(), HasherError> {
        let mut queue = self.lock();
        if queue.waiting >= self.queue_max || queue.closed {
            return Err(HasherError::Full);
        }
        queue.push(source, job);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// The next job for a seat, or `None` when the hasher is gone. Nothing to do for a while is told by `idle`.
    pub(super) fn next(&self, seat: Seat, mut idle: impl FnMut()) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            match queue.waited() {
                Some(waited) if self.stands_back(seat, waited) => {
                    drop(queue);
                    // The call may have been meant for a seat that would have come.
                    self.filled.notify_one();
                    std::thread::sleep(STAND_BACK);
                    queue = self.lock();
                    continue;
                }
                Some(_) => return queue.pop(),
                None => {}
            }
            let (woken, timeout) =
                self.filled.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if timeout.timed_out() {
                idle();
            }
        }
    }

    fn stands_back(&self, seat: Seat, waited: Duration) -> bool {
        match seat {
            Seat::Usual => false,
            Seat::Spare(patience) => waited < patience && self.others.swap(false, Ordering::Relaxed),
        }
    }
}

impl Queue {
    fn push(&mut self, source: Key, job: Job) {
        self.waiting += 1;
        let jobs = self.jobs.entry(source).or_default();
        jobs.push_back((Instant::now(), job));
        if jobs.len() == 1 {
            self.turns.push_back(source);
        }
    }

    /// How long the next one has waited.
    fn waited(&self) -> Option<Duration> {
        let (arrived, _) = self.jobs.get(self.turns.front()?)?.front()?;
        Some(arrived.elapsed())
    }

    fn pop(&mut self) -> Option<Job> {
        let source = self.turns.pop_front()?;
        let jobs = self.jobs.get_mut(&source)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.waiting -= 1;
        job.map(|(_, job)| job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::secret::Secret;

    fn shared(sources: &[u8]) -> Shared {
        let shared = Shared::new(100);
        for &n in sources {
            let task = Task::Verify(Secret::new(*b"a").digest(), n.to_string());
            let (reply, _) = oneshot::channel();
            shared.push(Key::Network { first: [n; 16], bits: 128 }, Job { task, reply }).unwrap();
        }
        shared
    }

    fn name(job: Job) -> String {
        match job.task {
            Task::Verify(_, name) => name,
            Task::Hash(..) | Task::Foreign(..) | Task::Panic => {
                unreachable!("only verifications were pushed")
            }
        }
    }

    #[test]
    fn sources_take_turns() {
        let shared = shared(&[1, 1, 1, 2, 2, 3]);
        let take = || shared.next(Seat::Usual, || {}).map(name).unwrap();
        let order: Vec<String> = (0..6).map(|_| take()).collect();
        assert_eq!(order, ["1", "2", "3", "1", "2", "1"]);
        assert_eq!(shared.waiting(), 0);
    }

    #[test]
    fn the_spare_seat_stands_back_while_others_are_served() {
        let shared = shared(&[1, 2]);
        let patient = Seat::Spare(Duration::from_secs(60));
        shared.others_served();
        let began = Instant::now();
        assert_eq!(shared.next(patient, || {}).map(name).as_deref(), Some("1"));
        assert!(began.elapsed() >= STAND_BACK, "it took the job at once");
        shared.others_served();
        // What has waited long enough is taken all the same.
        assert!(!shared.stands_back(Seat::Spare(Duration::ZERO), Duration::ZERO));
        assert!(!shared.stands_back(Seat::Usual, Duration::ZERO));
        assert!(shared.stands_back(patient, Duration::ZERO));
        assert!(!shared.stands_back(patient, Duration::ZERO), "nobody was served since");
    }
}
