//! Dovecot 2.3 tells no reason of a failure: what counts, what is forgiven, and what is taken back: see
//! [`gate::outage`](crate::gate::outage).

use tracing::{info, warn};

use super::who::Trier;
use super::{Rules, Service, lock};
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind};
use crate::gate::login::{Reason, Verdict};
use crate::gate::outage::{Counted, TakeBack};
use crate::gate::record::{AddressRecord, Outcome};
use crate::gate::secret::Digest;
use crate::store::{StoreError, orders};

const BEGINS: &str = "accounts from several addresses fail at Dovecot's passdb and nobody gets in: it is taken for away, \
                      and failures do not count";

/// Why nothing is counted.
pub(super) fn away() -> Verdict {
    Verdict::Defer("nobody gets in at Dovecot's passdb")
}

impl Service {
    /// Since when nobody gets in at Dovecot's own password database, as far as its reports tell.
    #[must_use]
    pub fn passdb_away(&self) -> Option<Timestamp> {
        lock(&self.outage).since()
    }

    /// Whether an attempt may be tried at Dovecot's passdb while that seems to be away.
    pub(super) fn worth_trying(&self, trier: &Trier<'_>, rules: &Rules) -> bool {
        let failures = self.seats.table().failures(&trier.source);
        trier.exempt || lock(&self.outage).lets_try(&trier.source, failures, self.now(), &rules.lockout)
    }

    /// Somebody got in at Dovecot's passdb.
    pub(super) fn passdb_works(&self, trier: &Trier<'_>) {
        let Some(since) = lock(&self.outage).succeeded(trier.tag, trier.source) else { return };
        self.counters.passdb_away(false);
        let minutes = self.now().0.saturating_sub(since.0).max(0) / 60;
        info!(minutes, "Dovecot's passdb lets people in again");
        let over = format!("over after {minutes} min: somebody got in");
        self.record(Event::new(self.now(), Kind::PassdbAway, "gate").reason(over));
    }

    /// A failure that Dovecot gives no reason for. Returns what it is, and whether its event is in the store.
    ///
    /// # Errors
    /// It cannot be counted.
    pub(super) async fn count_unexplained(
        &self,
        trier: &Trier<'_>,
        mark: Option<Digest>,
        rules: &Rules,
    ) -> Result<(Verdict, bool), StoreError> {
        let (now, wrong) = (self.now(), Verdict::Refuse(Reason::WrongPassword));
        if !trier.exempt && lock(&self.outage).forgives(&trier.source, now, &rules.lockout) {
            let deferred = away();
            self.record_sum(trier, &deferred, || self.event(trier, &deferred));
            return Ok((deferred, true));
        }
        if rules.observe {
            self.count_observed(trier, &wrong, mark, rules);
            self.note_failing(trier, None, rules).await;
            return Ok((wrong, false));
        }
        let before = match self.seats.table().record(&trier.source) {
            Some(AddressRecord::Run(run)) => Some(run.failures),
            // Blocked meanwhile by another failure: this one changes nothing.
            Some(AddressRecord::Blocked(_)) => None,
            None => Some(Vec::new()),
        };
        let in_the_store = self.count_outcome(trier, &wrong, mark, rules).await?;
        let counted = match (self.failed(trier, mark, rules), before) {
            (Outcome::Failed(failure, _), Some(before)) if !trier.exempt => {
                let block = self.seats.table().block(&trier.source, now).cloned();
                Some(Counted { failure, before, block })
            }
            _ => None,
        };
        self.note_failing(trier, counted, rules).await;
        Ok((wrong, in_the_store))
    }

    async fn note_failing(&self, trier: &Trier<'_>, counted: Option<Counted>, rules: &Rules) {
        let (now, lockout) = (self.now(), &rules.lockout);
        let noted = lock(&self.outage).note(trier.source, trier.tag, counted, now, lockout);
        if noted.begins {
            self.counters.passdb_away(true);
            warn!("{BEGINS}");
            self.record(Event::new(now, Kind::PassdbAway, "gate").reason(BEGINS));
        }
        for back in noted.take_back {
            Box::pin(self.take_back(back)).await;
        }
    }

    /// Failures of an outage are taken back, on disk and in the table.
    async fn take_back(&self, back: TakeBack) {
        let (table, source, now) = (self.seats.shared(), back.source, self.now());
        let taken = self
            .store
            .write(
                move |tables| orders::take_back(tables, &back, now),
                move |(record, _)| table.put(source, record.clone()),
            )
            .await;
        self.wrote(&taken);
        // What cannot be written now stays counted: a block ends by itself.
        if let Ok((_, events)) = taken {
            events.iter().for_each(crate::log::event);
            self.seats.ring_all();
        }
    }
}
