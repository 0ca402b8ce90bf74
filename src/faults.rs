//! Faults of our own: a panic costs what it happened in, and never the threads and loops that everybody needs.
//!
//! Whoever waits for what panicked gets a temporary failure. Connections are tasks of their own, which end by themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::sleep;
use tracing::error;

/// How long a loop that stumbled waits before it goes on: a fault that comes back must not keep a processor busy.
const PAUSE: Duration = Duration::from_secs(1);

/// From now on a panic is a line of the log: where, and on which thread. What it says of values is left out, for they may be
/// secrets.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        error!(
            place,
            thread = thread.name().unwrap_or("unnamed"),
            "a fault in Sidegate itself: please report it; what it happened in failed temporarily"
        );
    }));
}

/// Runs work; `None`: it panicked.
///
/// What it could leave half done must be put right by whoever calls: a transaction that is rolled back, a value that is
/// thrown away.
pub fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Runs a loop for as long as we do: where it panics it is begun anew.
pub async fn kept_up<W: Future<Output = ()>>(begin: impl Fn() -> W) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stumbles_is_begun_anew() {
        let begun = AtomicU32::new(0);
        kept_up(|| async {
            tokio::task::yield_now().await;
            assert!(begun.fetch_add(1, Ordering::Relaxed) >= 3, "stumbled");
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 4);
    }
}
