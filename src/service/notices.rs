//! Notices leave: what the store holds is delivered, tried again, and given up after two days.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use super::Service;
use super::followed::Followed;
use crate::gate::notice::{Channel, Notice};
use crate::log;
use crate::notices::Notices;
use crate::store::StoreError;
use crate::store::sending::OwedNotice;

/// How often the store is looked at when nobody rings.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Notices that are delivered at once.
const AT_ONCE: u32 = 10;
/// The first pause between two tries; each further one is twice as long, up to an hour.
const PAUSE: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// Tries of a notice: the last is some two days after the first.
const TRIES_MAX: u32 = 52;

/// The ways out, and the bell.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    notices: Option<Notices>,
    bell: Notify,
}

impl Outbox {
    pub(super) fn new(notices: Option<Notices>) -> Self {
        Self { notices, bell: Notify::default() }
    }
}

impl Service {
    /// What a new notice owes, as the store keeps it.
    pub(super) fn notice_channels(&self) -> String {
        let channels = self.outbox.notices.as_ref().map(Notices::channels).unwrap_or_default();
        words(channels.into_iter())
    }

    /// There may be something to deliver.
    pub(super) fn ring_notices(&self) {
        self.outbox.bell.notify_one();
    }

    /// Delivers for as long as the daemon runs; returns at once where nothing is configured.
    pub async fn deliver_notices(self: Arc<Self>) {
        let Some(notices) = &self.outbox.notices else { return };
        let (mut failures, mut not_before) = (0, Instant::now());
        let ways = notices.channels();
        loop {
            let owed = self.owe_owners(&ways).await.unwrap_or_else(|why| {
                error!(error = %log::chain(&why), "events cannot be read for their owners");
                false
            });
            let mut more = match self.deliver_due(notices).await {
                Ok(count) => count == AT_ONCE as usize,
                Err(why) => {
                    error!(error = %log::chain(&why), "notices cannot be read or put down");
                    false
                }
            } || owed;
            if Instant::now() >= not_before {
                match self.follow_events(notices, &mut failures).await {
                    Ok(Followed::All) => {}
                    Ok(Followed::More) => more = true,
                    Ok(Followed::Later(pause)) => not_before = Instant::now() + pause,
                    Err(why) => error!(error = %log::chain(&why), "events cannot be read for the hooks"),
                }
            }
            if !more {
                // Whoever rings is heard at once; nobody needs to.
                let _ = timeout(LOOK_EVERY, self.outbox.bell.notified()).await;
            }
        }
    }

    async fn deliver_due(&self, notices: &Notices) -> Result<usize, StoreError> {
        let now = self.now();
        let due = self.store.read(move |tables| tables.due_notices(now, AT_ONCE)).await?;
        let count = due.len();
        for owed in due {
            self.deliver(notices, owed).await?;
        }
        Ok(count)
    }

    async fn deliver(&self, notices: &Notices, owed: OwedNotice) -> Result<(), StoreError> {
        let failed = match serde_json::from_str::<Notice>(&owed.body) {
            Ok(notice) => {
                let notice = Notice { id: owed.id, ..notice };
                let failed = notices.deliver(&notice, &channels(&owed.owed)).await;
                let delivered = channels(&owed.owed).len().saturating_sub(failed.len());
                (0..delivered).for_each(|_| self.counters.notice("delivered"));
                if failed.is_empty() {
                    info!(id = owed.id, account = notice.account, "a notice was delivered");
                }
                failed
            }
            Err(why) => {
                error!(id = owed.id, %why, "a notice in the store cannot be read: it is dropped");
                Vec::new()
            }
        };
        let last = owed.tries + 1 >= TRIES_MAX;
        for (channel, why) in &failed {
            let id = owed.id;
            self.counters.notice(if last { "given-up" } else { "failed" });
            if last {
                error!(id, channel = channel.word(), why, "a notice could not be delivered and is given up");
            } else {
                warn!(
                    id,
                    channel = channel.word(),
                    why,
                    "a notice could not be delivered; it is tried again"
                );
            }
        }
        let still = if last { String::new() } else { words(failed.iter().map(|(channel, _)| *channel)) };
        let due = self.now().plus(pause(owed.tries));
        self.store.write(move |tables| tables.settle_notice(owed.id, &still, due), |()| ()).await
    }
}

/// The pause after so many tries.
fn pause(tries: u32) -> Duration {
    PAUSE.saturating_mul(1 << tries.min(10)).min(PAUSE_MAX)
}

fn words(channels: impl Iterator<Item = Channel>) -> String {
    channels.map(Channel::word).collect::<Vec<_>>().join(",")
}

/// Reads what [`words`] wrote; a way that this version does not know owes nothing.
fn channels(words: &str) -> Vec<Channel> {
    let all = [Channel::OwnerMail, Channel::AdministratorMail, Channel::Webhook, Channel::Command];
    words.split(',').filter_map(|word| all.into_iter().find(|channel| channel.word() == word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_two_days() {
        assert_eq!((pause(0), pause(1)), (PAUSE, 2 * PAUSE));
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
        let all: Duration = (0..TRIES_MAX).map(pause).sum();
        assert!((47..=49).contains(&(all.as_secs() / 3600)), "{all:?}");
    }

    #[test]
    fn channels_are_kept_as_words() {
        let all = [Channel::OwnerMail, Channel::AdministratorMail, Channel::Webhook, Channel::Command];
        assert_eq!(channels(&words(all.into_iter())), all);
        assert_eq!(channels(""), []);
        assert_eq!(channels("pigeon,webhook"), [Channel::Webhook]);
    }
}
