//! An attempt without a password: refused before anything is looked at, and never handed on.
//!
//! It is no guess. A phone that was set up from a backup polls with one, and would block its household; and whoever
//! checks main passwords may take it for right: an empty stored password, or an LDAP server's anonymous bind. So it
//! needs no seat and is not counted; it is held and worded as every refusal, and told once a minute with its number.
//! Observe-only makes no difference.

use std::borrow::Cow;

use tokio::time::Instant;

use super::who::Trier;
use super::{Rules, Service};
use crate::gate::login::{Attempt, Reason, Verdict};
use crate::gate::question::LoginAnswer;

impl Service {
    /// Whether there is no password in an attempt. One of white space alone is none where only client passwords are
    /// good; else it may be a main password, for observe-only too. What is known of the account plays no part.
    pub(super) fn is_empty(&self, attempt: &Attempt, rules: &Rules) -> bool {
        let blank = !rules.observe && !rules.policy.admits(None, attempt.origin.host);
        attempt.secret.is_empty(blank)
    }

    /// Refuses it. Whoever is blocked hears that.
    pub(super) async fn refuse_empty(
        &self,
        trier: &Trier<'_>,
        mechanism: Cow<'static, str>,
        started: Instant,
        rules: &Rules,
    ) -> LoginAnswer {
        let block = self.seats.table().block(&trier.source, self.now()).cloned();
        if let Some(block) = block.filter(|_| !trier.exempt && !rules.observe) {
            return self.unseated(trier, Verdict::Refuse(Reason::Blocked(block)), rules);
        }
        let refused = Verdict::Refuse(Reason::EmptyPassword);
        self.count(&refused);
        self.record_sum(trier, &refused, || self.event(trier, &refused));
        self.counters.decided(started.elapsed());
        self.leave(None, started, trier, &refused, rules).await;
        self.word(refused, None, mechanism, trier, rules)
    }
}
