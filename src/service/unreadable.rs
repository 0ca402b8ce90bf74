//! Messages of which nothing is evaluated: they cannot be read, or ask to act for somebody else. Told, and never counted.

use tokio::time::Instant;

use super::Service;
use crate::gate::login::{Attempt, Reason, Verdict};
use crate::gate::name::AccountName;
use crate::gate::question::{Answer, Coded, Unread};

impl Service {
    /// Answers a message that cannot be read, as late as any refusal.
    pub(super) async fn unreadable(&self, unread: Unread) -> Answer {
        let until = Instant::now() + self.rules().failure_delay;
        let Unread { coded, typed, origin } = unread;
        let rules = self.rules();
        let name = typed.as_deref().and_then(|typed| self.named(typed));
        let shown = name.as_ref().map(AccountName::as_str).or(typed.as_deref()).unwrap_or_default();
        let trier = self.trier_named(shown, &origin, &rules);
        let verdict = Verdict::Refuse(Reason::Unreadable);
        self.count(&verdict);
        self.record_sum(&trier, &verdict, || {
            let mut event = self.event(&trier, &verdict);
            event.account.take_if(|account| account.is_empty());
            event
        });
        self.held.hold(until).await;
        Answer::Coded(coded)
    }

    /// Decides the login of somebody who asks to act for a name: his own, in whatever spelling, or nobody else's.
    pub(super) async fn acting_for(&self, other: &str, attempt: Attempt) -> Answer {
        let own = self.named(&attempt.typed);
        if own.is_some() && own == self.named(other) {
            return Answer::Login(self.login(attempt).await);
        }
        let Attempt { typed, origin, .. } = attempt;
        self.unreadable(Unread { coded: Coded::Authorization, typed: Some(typed), origin }).await
    }

    fn named(&self, typed: &str) -> Option<AccountName> {
        AccountName::parse(typed, self.rules().default_domain.as_deref()).ok()
    }
}
