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
use crate::gate::login::{Attempt, Origin, Reason, Verdict};
use crate::gate::name::AccountName;
use crate::gate::question::LoginAnswer;
use crate::gate::secret::Secret;
use crate::gate::token;

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

    /// Refuses a message of a relayed mechanism whose token is empty.
    pub(super) async fn refuse_token(
        &self,
        message: &Secret,
        mechanism: Cow<'static, str>,
        origin: &Origin,
    ) -> LoginAnswer {
        let (started, rules) = (Instant::now(), self.rules());
        let typed = token::name(&mechanism, message).unwrap_or_default();
        let name = AccountName::parse(&typed, rules.default_domain.as_deref()).ok();
        let shown = name.as_ref().map_or(typed.as_str(), AccountName::as_str);
        let trier = self.trier_named(shown, origin, &rules);
        self.refuse_empty(&trier, mechanism, started, &rules).await
    }
}
