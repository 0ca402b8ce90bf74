//! What Postfix asks while somebody sends (design: sending).
//!
//! 1. A blocked address is sent away, at whatever step it is noticed before DATA.
//! 2. A login that would no longer be let in sends nothing more: disabled, revoked, two-factor turned on.
//! 3. The envelope sender must be the login's own, or granted.
//! 4. DATA: the limits decide, and the message is counted; its end books it. Both in one transaction with
//!    the counts, so that of two sessions that race for the last recipient exactly one wins.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use tracing::warn;

use super::sessions::{Behind, last_used};
use super::who::Who;
use super::{Rules, Service, lock};
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind, WOULD_DEFER, WOULD_REFUSE};
use crate::gate::key::AccountTag;
use crate::gate::login::Verdict;
use crate::gate::name::{AccountName, GroupName, for_events};
use crate::gate::sender::Standing;
use crate::gate::sending::{Met, Sending, State, Told};
use crate::log;
use crate::store::StoreError;
use crate::store::booking::{Ask, Passed, Passing, is_limited, pass};
use crate::store::sending::Message;

/// A message is not let through: what Postfix is told, and the words for events.
struct Stopped {
    told: Told,
    verdict: &'static str,
    reason: String,
}

impl Stopped {
    fn refuse(told: Told, reason: impl Into<String>) -> Self {
        Self { told, verdict: "refuse", reason: reason.into() }
    }

    fn defer(told: Told, reason: impl Into<String>) -> Self {
        Self { told, verdict: "defer", reason: reason.into() }
    }
}

/// Who sends, from where.
struct Sender {
    login: AccountName,
    tag: AccountTag,
    group: Option<GroupName>,
    /// The client password behind the session, as far as it is known.
    password: Option<(i64, Arc<str>)>,
}

impl Service {
    pub(super) async fn sending(&self, asked: Sending) -> Told {
        let rules = self.rules();
        let decided = self.decide_sending(&asked, &rules).await;
        let (told, word) = match decided {
            Ok(()) => (Told::Fine, "accept"),
            Err(stopped) => {
                let word = match stopped.verdict {
                    word if !rules.observe => word,
                    "refuse" => WOULD_REFUSE,
                    _ => WOULD_DEFER,
                };
                let told = self.stop_sending(&asked, Stopped { verdict: word, ..stopped }, &rules);
                (if rules.observe { Told::Fine } else { told }, word)
            }
        };
        self.counters.sending(word);
        told
    }

    /// Puts a stop down as an event; many from one source and account are summed up.
    fn stop_sending(&self, asked: &Sending, stopped: Stopped, rules: &Rules) -> Told {
        let make = || {
            let mut event = self.sending_event(asked);
            event.verdict = Some(stopped.verdict.to_owned());
            event.reason = Some(stopped.reason);
            event
        };
        let tag = self.key.account_tag(asked.login.as_deref().unwrap_or_default().as_bytes());
        let source = asked.address.and_then(|address| Key::of(address, &rules.prefixes));
        if let Some(event) =
            self.refusals.note(source.unwrap_or(Key::NoAddress(tag)), tag, self.now(), |_| false, make)
        {
            self.record(event);
        }
        stopped.told
    }

    fn sending_event(&self, asked: &Sending) -> Event {
        let mut event = Event::new(self.now(), Kind::Sending, "gate");
        event.account = asked.login.as_deref().map(|login| for_events(login).to_owned());
        event.address = asked.address.map(|address| address.to_string());
        event.protocol = Some("smtp".to_owned());
        event
    }

    async fn decide_sending(&self, asked: &Sending, rules: &Rules) -> Result<(), Stopped> {
        match asked.state {
            State::Greeting => self.not_blocked(asked.address, rules),
            State::Mail | State::Recipient => {
                self.not_blocked(asked.address, rules)?;
                if asked.login.is_some() {
                    let sender = self.sender(asked, rules).await?;
                    self.may_use(&sender, asked, rules).await?;
                    self.keeps_pace(&sender, asked, rules)?;
                }
                Ok(())
            }
            State::Data => self.passes(asked, Ask::Reserve, rules).await,
            State::EndOfMessage => self.passes(asked, Ask::Book, rules).await,
            State::Other => Ok(()),
        }
    }

    fn not_blocked(&self, address: Option<IpAddr>, rules: &Rules) -> Result<(), Stopped> {
        let Some(address) = address.filter(|address| !rules.exempts(*address)) else { return Ok(()) };
        let Some(key) = Key::of(address, &rules.prefixes) else { return Ok(()) };
        match self.block_of(Some(address), &key, rules) {
            None => Ok(()),
            Some(block) => Err(Stopped::refuse(Told::HangUp(rules.messages.blocked(block.until)), "blocked")),
        }
    }

    /// Whoever is logged in, as long as that login would still be let in.
    async fn sender(&self, asked: &Sending, rules: &Rules) -> Result<Sender, Stopped> {
        let over = |reason| Stopped::refuse(Told::HangUp(rules.messages.session_over().to_owned()), reason);
        let typed = asked.login.as_deref().unwrap_or_default();
        let mut who = Who::new(typed, rules);
        self.look_up(&mut who).await.map_err(|_| away(rules))?;
        // By whichever of its names somebody is logged in, the account sends.
        let whose = who.whose().ok_or_else(|| over("bad-name"))?;
        let (login, account) = (whose.name().clone(), whose.account().cloned());
        let tag = self.key.tag_of(&login);
        if account.as_ref().is_some_and(|account| !account.enabled) {
            return Err(over("disabled"));
        }
        let place = (asked.address, asked.port);
        let behind = self.behind(&login, tag, place, rules).await.map_err(|_| away(rules))?;
        let password = match behind {
            Behind::Unknown if !rules.observe => return Err(over("unknown-session")),
            Behind::Unknown | Behind::NotOurs => {
                account.as_ref().and_then(|account| last_used(account, asked.address))
            }
            Behind::Login(grant, origin) => match self.still_good(&grant, &origin).await {
                Ok(()) => grant.password,
                Err(Verdict::Refuse(reason)) => return Err(over(reason.word())),
                Err(_) => return Err(away(rules)),
            },
        };
        let group = account.as_ref().and_then(|account| account.group.clone());
        Ok(Sender { login, tag, group, password })
    }

    /// Whether the envelope sender is the login's to use.
    async fn may_use(&self, sender: &Sender, asked: &Sending, rules: &Rules) -> Result<(), Stopped> {
        if asked.sender.is_empty() {
            return if rules.sending.null_sender {
                Ok(())
            } else {
                let text = rules.messages.no_null_sender().to_owned();
                Err(Stopped::refuse(Told::NotYours(text), "sender <> is not allowed"))
            };
        }
        let standing = self.standing(&sender.login, &asked.sender).await.map_err(|_| away(rules))?;
        let lacks = match standing {
            standing if standing.sends() => return Ok(()),
            Standing::Nobodys => "is nobody's",
            Standing::Granted(_) => "may be read, not sent as",
            Standing::Own | Standing::Foreign => "is not granted",
        };
        let text = rules.messages.not_your_sender(&asked.sender, sender.login.as_str());
        Err(Stopped::refuse(Told::NotYours(text), format!("sender {} {lacks}", for_events(&asked.sender))))
    }

    /// Bursts, where settings bound them: at MAIL only, once a message.
    fn keeps_pace(&self, sender: &Sender, asked: &Sending, rules: &Rules) -> Result<(), Stopped> {
        let Some(address) = asked.address.filter(|_| asked.state == State::Mail) else { return Ok(()) };
        let connection = (sender.tag, address, asked.port.unwrap_or_default());
        let bursts = &rules.sending;
        let source = Key::of(address, &rules.prefixes).unwrap_or(Key::NoAddress(sender.tag));
        let declared = rules.exempts(address) || rules.policy.trusts(address);
        if self.connection_pace.allows(&connection, bursts.per_connection)
            && (declared || self.source_pace.allows(&source, bursts.per_address))
        {
            return Ok(());
        }
        Err(Stopped::defer(Told::NotNow(rules.messages.too_fast().to_owned()), "too fast"))
    }

    /// DATA and the end of a message: limits and counts.
    async fn passes(&self, asked: &Sending, ask: Ask, rules: &Rules) -> Result<(), Stopped> {
        if asked.login.is_none() {
            return Ok(());
        }
        let sender = match ask {
            Ask::Reserve => self.sender(asked, rules).await?,
            // The whole message is here: nothing but our own trouble may send it back, and a limit where it took
            // longer than what was let through at DATA is kept.
            Ask::Book => self.sender(asked, rules).await.or_else(|stopped| match stopped.told {
                Told::Later(_) => Err(stopped),
                _ => self.unknown_sender(asked, rules).ok_or(stopped),
            })?,
        };
        let mut about = self.sending_event(asked);
        if let Some((id, name)) = &sender.password {
            about = about.password(*id, name);
        }
        // One address of ours or of a webmail stands for everybody behind it.
        let declared = |address: &IpAddr| rules.exempts(*address) || rules.policy.trusts(*address);
        let address = asked.address.filter(|address| !declared(address));
        let message = Message {
            account: sender.login.clone(),
            password_id: sender.password.as_ref().map(|(id, _)| *id),
            address: address.and_then(|address| Key::of(address, &rules.prefixes)),
            recipients: asked.recipients.max(1),
        };
        let passing = Passing {
            instance: asked.instance.clone(),
            message,
            group: sender.group,
            ask,
            ends_heard: self.ends_heard(ask),
            revoke: rules.sending.revokes && !rules.observe,
            channels: if rules.observe { String::new() } else { self.notice_channels() },
            about: Event { verdict: rules.observe.then(|| WOULD_DEFER.to_owned()), ..about.clone() },
        };
        match Box::pin(self.book(passing)).await {
            Ok(Passed { verdict: Ok(first), .. }) => {
                if first {
                    let count = asked.recipients.max(1);
                    let ending = if count == 1 { "" } else { "s" };
                    let what = format!("sender {}, {count} recipient{ending}", shown(&asked.sender));
                    about.verdict = Some("accept".to_owned());
                    self.record(about.reason(what));
                }
                Ok(())
            }
            Ok(Passed { verdict: Err(met), .. }) => Err(at_limit(&met, rules)),
            Err(_) => Err(away(rules)),
        }
    }

    /// From the start to when the end of a message was last heard of; now, if this is one.
    fn ends_heard(&self, ask: Ask) -> Option<Range<Timestamp>> {
        let mut last = lock(&self.ends_heard);
        if ask == Ask::Book {
            *last = Some(self.now());
        }
        last.map(|last| self.started..last)
    }

    /// A login whose session is over, for the count of a message that it was allowed to send.
    fn unknown_sender(&self, asked: &Sending, rules: &Rules) -> Option<Sender> {
        let login = AccountName::parse(asked.login.as_deref()?, rules.default_domain.as_deref()).ok()?;
        let tag = self.key.account_tag(login.as_str().as_bytes());
        Some(Sender { login, tag, group: None, password: None })
    }

    async fn book(&self, passing: Passing) -> Result<Passed, StoreError> {
        let (account, group) = (passing.message.clone(), passing.group.clone());
        let name = account.account.clone();
        let work = move |tables: &mut dyn crate::store::Tables| pass(tables, &passing);
        let passed = self.store.change_if(name, work, |passed| passed.revoked.is_some()).await;
        self.wrote(&passed);
        match passed {
            Ok(passed) => {
                passed.events.iter().for_each(log::event);
                if !passed.events.is_empty() {
                    self.ring_notices();
                }
                Ok(passed)
            }
            Err(error) => {
                warn!(error = %log::chain(&error), "a message could not be counted");
                let limited = self.store.read(move |tables| is_limited(tables, &account, group.as_ref()));
                if limited.await? {
                    return Err(error);
                }
                Ok(Passed { verdict: Ok(true), revoked: None, events: Vec::new() })
            }
        }
    }
}

fn shown(sender: &str) -> &str {
    if sender.is_empty() { "<>" } else { for_events(sender) }
}

fn at_limit(met: &Met, rules: &Rules) -> Stopped {
    let reason = format!("limit of {} per {}", met.limited.words(met.limit), met.per.word());
    match met.opens {
        Some(opens) => Stopped::defer(Told::NotNow(rules.messages.limit_reached(met, opens)), reason),
        None => Stopped::refuse(Told::Never(rules.messages.past_limit(met)), reason),
    }
}

fn away(rules: &Rules) -> Stopped {
    let text = rules.messages.sending_later().to_owned();
    Stopped::defer(Told::Later(text), "the store is away")
}
