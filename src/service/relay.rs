//! Mechanisms that only the upstream does: its words are handed on untouched, and the result
//! counts for the address, under the identity that the upstream confirmed. Which message proves what: see
//! [`gate::relayed`](crate::gate::relayed).
//!
//! A seat is held while the upstream thinks, not while the client does: nobody can sit on ten
//! seats with ten dialogues left open. What was looked at is counted before the client hears of it, whether or not it
//! goes on.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::proof::Proof;
use super::who::Who;
use super::{Rules, Service};
use crate::gate::login::{Origin, Reason, Screened, Verdict, without_client_password};
use crate::gate::question::{Answer, Dialogue, LoginAnswer, Relay};
use crate::gate::relayed::{self, Message};
use crate::gate::secret::{Digest, Secret};
use crate::upstream::{Away, Said};

/// Challenges behind the proof that are answered with nothing. One is usual.
const CHALLENGES_BEHIND_MAX: usize = 2;

/// One turn of a dialogue.
struct Turn {
    mechanism: Cow<'static, str>,
    origin: Origin,
    dialogue: Dialogue,
    /// What the message is, if it says anything.
    message: Option<Message>,
    started: Instant,
}

impl Turn {
    fn mark(&self) -> Option<Digest> {
        match self.message.as_ref()?.proof {
            relayed::Proof::Carried { mark, .. } | relayed::Proof::Unknown { mark } => Some(mark),
            relayed::Proof::None | relayed::Proof::Empty => None,
        }
    }

    fn carried(&self) -> bool {
        self.message.as_ref().is_some_and(|message| matches!(message.proof, relayed::Proof::Carried { .. }))
    }

    /// A token proves no main password, and is refused by a challenge.
    fn is_bearer(&self) -> bool {
        matches!(self.mechanism.as_ref(), "XOAUTH2" | "OAUTHBEARER")
    }
}

impl Service {
    /// One turn: the first (`going` is `None`), or a later one of dialogue `going`.
    pub(super) async fn relay(
        self: &Arc<Self>,
        going: Option<Relay>,
        mechanism: Cow<'static, str>,
        origin: Origin,
        data: Option<Secret>,
    ) -> Answer {
        let (id, mut dialogue) = going.map_or((None, Dialogue::default()), |going| {
            let (id, dialogue) = going.into_dialogue();
            (Some(id), dialogue)
        });
        if let Some(ended) = dialogue.ended.take() {
            return Answer::Login(self.still_ended(*ended, &origin).await);
        }
        if dialogue.refused {
            return Answer::Login(self.last_words(id, &dialogue, mechanism, &origin).await);
        }
        let said_something = data.as_ref().filter(|data| !data.reveal().is_empty());
        let message = said_something.map(|data| relayed::look(&mechanism, dialogue.turn + 1, data));
        let mut turn = Turn { mechanism, origin, dialogue, message, started: Instant::now() };
        if let Some(message) = &mut turn.message {
            turn.dialogue.turn += 1;
            turn.dialogue.name = message.name.take().or(turn.dialogue.name.take());
            if matches!(message.proof, relayed::Proof::Empty) {
                self.give_up(id);
                return Answer::Login(self.nothing_to_look_at(turn).await);
            }
        }
        turn.dialogue.sent = turn.mark().or(turn.dialogue.sent);
        Box::pin(self.take_turn(id, turn, data)).await
    }

    async fn take_turn(self: &Arc<Self>, id: Option<u32>, turn: Turn, data: Option<Secret>) -> Answer {
        let (rules, named) = (self.rules(), turn.dialogue.name.clone().unwrap_or_default());
        let mut who = Who::new(&named, &rules);
        let looked_up = self.look_up(&mut who).await;
        let named = self.trier(&who, &turn.origin, &rules);
        let seat = match looked_up {
            Ok(()) => self.seat(&named, &rules).await,
            Err(deferred) => Err(deferred),
        };
        let generation = self.store.generation();
        let barred = match &seat {
            Ok(_) => self.barred(&turn, &who, &rules).await,
            Err(_) => Ok(None),
        };
        let (seat, barred) = match (seat, barred) {
            (Ok(seat), Ok(barred)) => (seat, barred),
            (Err(verdict), _) | (_, Err(verdict)) => {
                self.give_up(id);
                return Answer::Login(self.unseated(&named, verdict, &rules));
            }
        };
        let said = match (&turn.message, data) {
            (Some(Message { proof: relayed::Proof::Carried { spoilt, .. }, .. }), Some(_))
                if barred.is_some() =>
            {
                self.say(id, &turn, Some(spoilt), &rules).await
            }
            (_, data) => self.say(id, &turn, data.as_ref(), &rules).await,
        };
        let (said, words) = match said {
            Ok(Said::Challenge(id, words)) if turn.carried() && turn.is_bearer() => {
                let answer = self.refused_by_challenge(id, words, turn, seat, generation, &rules);
                return Box::pin(answer).await;
            }
            // It says how the proof was found: first the verdict.
            Ok(Said::Challenge(id, words)) if turn.carried() => (self.hear_the_end(id).await, Some(words)),
            Ok(Said::Challenge(id, words)) => {
                let left = turn.mark().is_some() || turn.dialogue.sent.is_some();
                return Answer::Challenge(self.going_on(id, turn, left), words);
            }
            said => (said, None),
        };
        let answer = if rules.observe {
            let mark = self.mark_in(&turn.dialogue);
            self.observe_relay(said.ok(), turn.mechanism.clone(), &turn.origin, mark, &rules).await
        } else {
            let mut proof = self.weigh(said, &turn.origin, who.whose(), &rules.policy).await;
            if let (Some(reason), Verdict::Refuse(_) | Verdict::Accept(_)) = (barred, &proof.verdict) {
                proof.verdict = Verdict::Refuse(reason);
            }
            self.conclude(&turn, proof, seat, generation, &rules).await
        };
        match words.filter(|_| matches!(answer.verdict, Verdict::Accept(_))) {
            Some(words) => {
                let Turn { mechanism, origin, mut dialogue, .. } = turn;
                dialogue.ended = Some(Box::new(answer));
                Answer::Challenge(Relay::over(mechanism, origin, dialogue), words)
            }
            None => Answer::Login(answer),
        }
    }

    /// What the upstream says to a message, if it may be asked.
    async fn say(
        &self,
        id: Option<u32>,
        turn: &Turn,
        data: Option<&Secret>,
        rules: &Rules,
    ) -> Result<Said, Away> {
        if !rules.observe && !rules.policy.admits(None, turn.origin.host) {
            self.give_up(id);
            return Ok(Said::Fail(None, Bytes::new()));
        }
        // Observe-only counts in memory, and refuses nothing for the store's sake.
        if !rules.observe && !self.can_count().await {
            self.give_up(id);
            return Ok(Said::Trouble);
        }
        match (&self.upstream, id, data) {
            (None, ..) => Ok(Said::Trouble),
            (Some(upstream), Some(id), Some(data)) => upstream.go_on(id, data).await,
            (Some(upstream), _, data) => upstream.begin(&turn.mechanism, &turn.origin.params, data).await,
        }
    }

    /// Answers challenges that come behind the proof, until it is over.
    async fn hear_the_end(&self, id: u32) -> Result<Said, Away> {
        let Some(upstream) = &self.upstream else { return Ok(Said::Trouble) };
        for _ in 0..CHALLENGES_BEHIND_MAX {
            match upstream.go_on(id, &Secret::new(*b"")).await {
                Ok(Said::Challenge(..)) => {}
                said => return said,
            }
        }
        self.give_up(Some(id));
        Ok(Said::Trouble)
    }

    fn give_up(&self, id: Option<u32>) {
        if let (Some(id), Some(upstream)) = (id, &self.upstream) {
            upstream.giving_up()(id);
        }
    }

    /// Why the account that a proof of a main password is about may not use it from there.
    async fn barred(&self, turn: &Turn, who: &Who<'_>, rules: &Rules) -> Result<Option<Reason>, Verdict> {
        let Some(whose) = who.whose().filter(|_| turn.carried() && !turn.is_bearer() && !rules.observe)
        else {
            return Ok(None);
        };
        let account = whose.account().map(Arc::as_ref);
        match without_client_password(account, &rules.policy, turn.origin.host) {
            Screened::Refuse(_) if account.is_some_and(|account| !account.enabled) => {
                Ok(Some(Reason::Disabled))
            }
            Screened::Refuse(reason) => Ok(Some(reason)),
            _ => match self.may_hand_on(whose, rules).await {
                Err(Verdict::Refuse(reason)) => Ok(Some(reason)),
                other => other.map(|()| None),
            },
        }
    }

    /// A token was refused, and a challenge says why. It is counted before the client hears that.
    async fn refused_by_challenge(
        self: &Arc<Self>,
        id: u32,
        words: Bytes,
        mut turn: Turn,
        seat: Option<super::seats::Seat>,
        generation: u64,
        rules: &Rules,
    ) -> Answer {
        if tells_of_trouble(&words) {
            return Answer::Challenge(self.going_on(id, turn, false), words);
        }
        let answer = if rules.observe {
            let said = Said::Fail(turn.dialogue.name.clone(), Bytes::new());
            let mark = self.mark_in(&turn.dialogue);
            self.observe_relay(Some(said), turn.mechanism.clone(), &turn.origin, mark, rules).await
        } else {
            let proof = Verdict::Refuse(Reason::WrongPassword).into();
            self.conclude(&turn, proof, seat, generation, rules).await
        };
        if !matches!(answer.verdict, Verdict::Refuse(_)) {
            self.give_up(Some(id));
            return Answer::Login(answer);
        }
        turn.dialogue.refused = true;
        Answer::Challenge(self.going_on(id, turn, false), words)
    }

    /// The end of a dialogue whose proof was refused, and counted, before.
    async fn last_words(
        &self,
        id: Option<u32>,
        dialogue: &Dialogue,
        mechanism: Cow<'static, str>,
        origin: &Origin,
    ) -> LoginAnswer {
        let said = match (&self.upstream, id) {
            // Whatever the client has added: it has had its try.
            (Some(upstream), Some(id)) => upstream.go_on(id, &Secret::new(*b"")).await,
            _ => Err(Away),
        };
        let rules = self.rules();
        let named = dialogue.name.clone().unwrap_or_default();
        let upstream = match said {
            Ok(Said::Fail(user, fields)) => (user.unwrap_or(named), fields),
            Ok(Said::Challenge(id, _)) => {
                self.give_up(Some(id));
                (named, Bytes::new())
            }
            _ => (named, Bytes::new()),
        };
        let (verdict, shown) = (Verdict::Refuse(Reason::WrongPassword), upstream.0.clone());
        self.word(verdict, Some(upstream), mechanism, &self.trier_named(&shown, origin, &rules), &rules)
    }

    /// Puts down how a dialogue ended, and waits out the delay of a refusal.
    async fn conclude(
        &self,
        turn: &Turn,
        proof: Proof,
        seat: Option<super::seats::Seat>,
        generation: u64,
        rules: &Rules,
    ) -> LoginAnswer {
        let told = proof.upstream.as_ref().map(|(user, _)| user.clone());
        let named =
            told.filter(|told| !told.is_empty()).or_else(|| turn.dialogue.name.clone()).unwrap_or_default();
        let mut who = Who::new(&named, rules);
        // Trouble is met again, and told, where it is put down.
        let _ = self.look_up(&mut who).await;
        let trier = self.trier(&who, &turn.origin, rules);
        let of = proof.of.clone();
        let trier = of.as_ref().map_or(trier, |of| trier.known_as(self, of.as_str()));
        let mark = self.mark_in(&turn.dialogue);
        let proof = self.settle(&trier, proof, mark, generation, rules).await;
        self.count(&proof.verdict);
        self.leave(seat, turn.started, &trier, &proof.verdict, rules).await;
        self.word(proof.verdict, proof.upstream, turn.mechanism.clone(), &trier, rules)
    }

    /// What tells one wrong proof from another. No two of which nothing is known are the same.
    fn mark_in(&self, dialogue: &Dialogue) -> Option<Digest> {
        let any = || Digest(self.entropy.bytes());
        Some(dialogue.sent.unwrap_or_else(any))
    }

    /// It is the client's turn. `left`: its proof was handed on, perhaps; going away now is a failure.
    fn going_on(self: &Arc<Self>, id: u32, turn: Turn, left: bool) -> Relay {
        let Turn { mechanism, origin, dialogue, .. } = turn;
        let (from, name, sent) = (origin.clone(), dialogue.name.clone(), dialogue.sent);
        let (upstream, service, runtime) = (Arc::clone(self), Arc::clone(self), Handle::current());
        let relay = Relay::new(id, mechanism, origin, move |id| upstream.give_up(Some(id))).with(dialogue);
        if !left {
            return relay;
        }
        relay.when_left(move || {
            runtime.spawn(async move { service.was_left(from, name, sent).await });
        })
    }

    /// A client went away after a message that may have been its proof.
    async fn was_left(&self, origin: Origin, name: Option<String>, sent: Option<Digest>) {
        let rules = self.rules();
        let shown = name.unwrap_or_default();
        let mut who = Who::new(&shown, &rules);
        let _ = self.look_up(&mut who).await;
        let trier = self.trier(&who, &origin, &rules);
        let verdict = Verdict::Refuse(Reason::WrongPassword);
        let mark = self.mark_in(&Dialogue { sent, ..Dialogue::default() });
        if rules.observe {
            self.count_observed(&trier, &verdict, mark, &rules);
            self.record_observed(&trier, &verdict, self.event(&trier, &verdict).observed());
        } else {
            let generation = self.store.generation();
            let settled = self.settle(&trier, verdict.into(), mark, generation, &rules).await;
            self.count(&settled.verdict);
        }
    }

    /// An empty token: nobody is asked, and nothing counts.
    async fn nothing_to_look_at(&self, turn: Turn) -> LoginAnswer {
        let (rules, named) = (self.rules(), turn.dialogue.name.unwrap_or_default());
        let who = Who::new(&named, &rules);
        let trier = self.trier(&who, &turn.origin, &rules);
        Box::pin(self.refuse_empty(&trier, turn.mechanism, turn.started, &rules)).await
    }

    /// The client has heard that its proof was right, and goes on: it still has to be let in.
    async fn still_ended(&self, ended: LoginAnswer, origin: &Origin) -> LoginAnswer {
        let Verdict::Accept(grant) = &ended.verdict else { return ended };
        let rules = self.rules();
        let nobody = self.trier_named(grant.account.as_str(), origin, &rules);
        let block = self.block_of(origin.address, &nobody.source, &rules);
        let refused = match block.filter(|_| !nobody.exempt && !rules.observe) {
            Some(block) => Some(Verdict::Refuse(Reason::Blocked(block))),
            None => self.still_good(grant, origin).await.err(),
        };
        match refused {
            Some(verdict) => self.unseated(&nobody, verdict, &rules),
            None => ended,
        }
    }
}

/// Whether a challenge that refuses a token says that nobody could look at it: 2.4's `internal_failure`, status 5xx.
fn tells_of_trouble(words: &[u8]) -> bool {
    let told =
        BASE64.decode(words).ok().and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    let status = told.as_ref().and_then(|told| told["status"].as_str()).unwrap_or_default();
    status.starts_with('5')
        || matches!(status, "internal_failure" | "server_error" | "temporarily_unavailable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_whoever_looks_at_tokens_is_told_from_a_wrong_one() {
        let told = |json: &str| tells_of_trouble(BASE64.encode(json.as_bytes()).as_bytes());
        assert!(told("{\"status\":\"500\"}") && told("{\"status\":\"internal_failure\"}"));
        assert!(!told("{\"status\":\"401\",\"scope\":\"mail\"}") && !told("{\"status\":\"invalid_token\"}"));
        assert!(!told("{}") && !told("500") && !tells_of_trouble(b"\t"));
    }
}
