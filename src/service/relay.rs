//! Mechanisms that only the upstream does: its words are handed on untouched, and the result
//! counts for the address, under the identity that the upstream confirmed.
//!
//! A seat is held while the upstream thinks, not while the client does: nobody can sit on ten
//! seats with ten dialogues left open.

use std::borrow::Cow;
use tokio::time::Instant;

use super::Service;
use crate::gate::login::{Origin, Reason, Verdict};
use crate::gate::question::{Answer, Relay};
use crate::gate::secret::Secret;
use crate::upstream::Said;

impl Service {
    /// One turn: the first (`going` is `None`), or a later one of dialogue `going`.
    pub(super) async fn relay(
        &self,
        going: Option<u32>,
        mechanism: Cow<'static, str>,
        origin: Origin,
        data: Option<Secret>,
    ) -> Answer {
        let started = Instant::now();
        let rules = self.rules();
        let nobody = self.trier_named("", &origin, &rules);
        let seat = match self.seat(&nobody, &rules).await {
            Ok(seat) => seat,
            Err(verdict) => return Answer::Login(self.unseated(&nobody, verdict, &rules)),
        };
        let generation = self.store.generation();
        let said = match &self.upstream {
            _ if !rules.observe && !rules.policy.admits(None, origin.host) => {
                Ok(Said::Fail(None, bytes::Bytes::new()))
            }
            // Observe-only counts in memory, and refuses nothing for the store's sake.
            _ if !rules.observe && !self.can_count().await => Ok(Said::Trouble),
            None => Ok(Said::Trouble),
            Some(upstream) => match (going, &data) {
                (Some(id), Some(data)) => upstream.go_on(id, data).await,
                (_, data) => upstream.begin(&mechanism, &origin.params, data.as_ref()).await,
            },
        };
        if let (Ok(Said::Challenge(id, words)), Some(upstream)) = (&said, &self.upstream) {
            let relay = Relay::new(*id, mechanism, origin.clone(), upstream.giving_up());
            return Answer::Challenge(relay, words.clone());
        }
        if rules.observe {
            let data = data.as_ref();
            return Answer::Login(self.observe_relay(said.ok(), mechanism, &origin, data, &rules).await);
        }
        let proof = self.weigh(said, &origin, None, &rules).await;
        let shown = match (&proof.verdict, &proof.upstream) {
            (Verdict::Accept(grant), _) => grant.account.to_string(),
            (Verdict::Refuse(Reason::MainPassword | Reason::WrongPassword), Some((user, _))) => user.clone(),
            _ => String::new(),
        };
        let trier = self.trier_named(&shown, &origin, &rules);
        let secret = data.as_ref().filter(|_| rules.lockout.repeats_once).map(Secret::digest);
        let proof = self.settle(&trier, proof, secret, generation, &rules).await;
        self.count(&proof.verdict);
        self.leave(seat, started, &trier, &proof.verdict, &rules).await;
        Answer::Login(self.word(proof.verdict, proof.upstream, mechanism, &trier, &rules))
    }
}
