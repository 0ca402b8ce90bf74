//! Answers to failures leave later, so that guessing is slow. They hold no seat, no thread, and
//! nothing else of their connection; past a ceiling the oldest leaves early.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::lock;

/// Answers held back at once.
pub(super) const HELD_MAX: usize = 10_000;

/// Everything that is held back, oldest first; `None` when nothing is held back any more.
#[derive(Debug)]
pub(super) struct Held(Mutex<Option<VecDeque<oneshot::Sender<()>>>>);

impl Default for Held {
    fn default() -> Self {
        Self(Mutex::new(Some(VecDeque::new())))
    }
}

impl Held {
    /// Waits until `until`, or until too many others wait as well.
    pub(super) async fn hold(&self, until: Instant) {
        if until <= Instant::now() {
            return;
        }
        let (early, leave) = oneshot::channel();
        {
            let mut held = lock(&self.0);
            let Some(held) = held.as_mut() else { return };
            while held.front().is_some_and(oneshot::Sender::is_closed) {
                held.pop_front();
            }
            if held.len() >= HELD_MAX {
                held.pop_front();
            }
            held.push_back(early);
        }
        // Dropping the sender is what lets an answer leave early.
        let _ = timeout_at(until, leave).await;
    }

    /// Lets everything go, now and from now on.
    pub(super) fn let_go(&self) {
        lock(&self.0).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_answer_leaves_when_its_time_has_come() {
        let start = Instant::now();
        Held::default().hold(start + Duration::from_secs(2)).await;
        assert_eq!(start.elapsed().as_secs(), 2);
        Held::default().hold(start).await;
        assert_eq!(start.elapsed().as_secs(), 2, "a time past holds nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_nothing_is_held_back() {
        let held = Arc::new(Held::default());
        let start = Instant::now();
        let waiting = tokio::spawn({
            let held = Arc::clone(&held);
            async move { held.hold(start + Duration::from_secs(2)).await }
        });
        tokio::task::yield_now().await;
        held.let_go();
        waiting.await.unwrap();
        held.hold(start + Duration::from_secs(2)).await;
        assert_eq!(start.elapsed().as_secs(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn past_the_ceiling_the_oldest_leaves_early() {
        let held = Arc::new(Held::default());
        let start = Instant::now();
        let hold = || {
            let held = Arc::clone(&held);
            tokio::spawn(async move { held.hold(start + Duration::from_secs(2)).await })
        };
        let first = hold();
        let second = hold();
        for _ in 2..HELD_MAX {
            hold();
        }
        tokio::task::yield_now().await;
        assert!(!first.is_finished());
        hold();
        first.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 0);
        second.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}
