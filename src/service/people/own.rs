//! What is one's own: client passwords, devices, delegations, blocks.

use std::collections::HashMap;
use std::time::Duration;

use ipnet::IpNet;

use super::{Answer, PeopleError, Service, Visit};
use crate::clock::Timestamp;
use crate::gate::account::{Account, Terms};
use crate::gate::address::{Key, parse_address};
use crate::gate::event::{Event, Kind};
use crate::gate::name::{AccountName, PasswordName, Protocol};
use crate::gate::order::{Done, Order, Which};
use crate::gate::record::Block;
use crate::gate::secret::NewSecret;
use crate::gate::session::{Act, TokenTag};
use crate::gate::target::Target;
use crate::store::portal::TrustedDevice;
use crate::store::{EventQuery, Tables};

/// How far back logins are shown (design: login devices).
const SHOWN: Duration = Duration::from_secs(7 * 86_400);
/// How far back failures count for whose address may be lifted.
const FAILED: Duration = Duration::from_secs(86_400);
/// Blocks that one account may lift a day: whoever guesses at others with an account of his own gains little.
const LIFTS_A_DAY: usize = 3;
/// Logins that are looked through; of more, the newest.
const EVENTS_MAX: u32 = 2_000;

/// A removed client password that some device still tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillTried {
    /// The name it had.
    pub name: String,
    /// The last try.
    pub at: Timestamp,
    /// From where.
    pub address: Option<String>,
}

/// The blocks that concern somebody.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// The browser's address, as it is counted.
    pub own: Option<Key>,
    /// The end of its block.
    pub until: Option<Timestamp>,
    /// The network whose block that is: only administrators lift it.
    pub network: Option<Key>,
    /// Other blocked addresses from which the account failed.
    pub others: Vec<(Key, Block)>,
}

impl Service {
    /// The account of a session, and removed client passwords that some device still tries.
    ///
    /// # Errors
    /// The session does not allow it, or trouble.
    pub async fn own_account(&self, visit: &Visit) -> Answer<(Account, Vec<StillTried>)> {
        let name = self.owner(visit, Act::Look).await?.account.name;
        let account = self.account(&name).await?.ok_or(PeopleError::NotFound)?;
        let refused = self.logins_of(&name, SHOWN).await?;
        let mut tried: HashMap<String, StillTried> = HashMap::new();
        for event in refused.into_iter().filter(|event| event.reason.as_deref() == Some("revoked")) {
            let Some(name) = event.password_name else { continue };
            // A new one of that name may be meant; the device is told apart by nothing else.
            tried.insert(name.clone(), StillTried { name, at: event.time, address: event.address });
        }
        let mut tried: Vec<StillTried> = tried.into_values().collect();
        tried.sort_by_key(|one| std::cmp::Reverse(one.at));
        Ok((account, tried))
    }

    /// The login events of an account, oldest first.
    async fn logins_of(&self, account: &AccountName, back: Duration) -> Answer<Vec<Event>> {
        let query = EventQuery {
            account: Some(account.to_string()),
            since: Some(self.now().minus(back)),
            kinds: vec![Kind::Login],
            limit: EVENTS_MAX,
            ..EventQuery::default()
        };
        Ok(self.events(query).await?.into_iter().map(|(_, event)| event).collect())
    }

    /// Makes a client password for the session's account.
    ///
    /// # Errors
    /// The session or the rules do not allow it, or trouble.
    pub async fn new_own_password(
        &self,
        visit: &Visit,
        name: PasswordName,
        terms: Terms,
    ) -> Answer<(i64, NewSecret)> {
        let account = self.owner(visit, Act::Change).await?.account.name;
        let actor = visit.actor(&account, Act::Change);
        Ok(self.new_password(account, name, terms, actor).await?)
    }

    /// Removes client passwords of the session's account.
    ///
    /// # Errors
    /// The session does not allow it, there is none, or trouble.
    pub async fn revoke_own(&self, visit: &Visit, which: Which) -> Answer<Vec<(i64, String)>> {
        // Whoever lost a phone removes its password from any session: it lets nobody in.
        let account = self.owner(visit, Act::Look).await?.account.name;
        let actor = visit.actor(&account, Act::Look);
        match self.carry_out(Order::Revoke { account, which }, actor).await? {
            Done::Revoked(gone) => Ok(gone),
            _ => Ok(Vec::new()),
        }
    }

    /// The trusted device of an account among these.
    pub(super) async fn device_of(&self, account: i64, tokens: &[TokenTag]) -> Answer<Option<TrustedDevice>> {
        let tokens = tokens.to_vec();
        let find = move |tables: &mut dyn Tables| {
            let found: Result<Vec<_>, _> = tokens.iter().map(|token| tables.device(*token)).collect();
            Ok(found?.into_iter().flatten().find(|device| device.account_id == account))
        };
        Ok(self.store.read(find).await?)
    }

    /// Ends another session of the account; returns the browser's system and program.
    ///
    /// # Errors
    /// There is none of that number, the session does not allow it, or trouble.
    pub async fn end_own_session(&self, visit: &Visit, id: i64) -> Answer<(String, String)> {
        let token = visit.session()?;
        let found = self.at_desk(move |desk| desk.end_session(token, id)).await?;
        found.map(|visitor| (visitor.system, visitor.program)).ok_or(PeopleError::NotFound)
    }

    /// Ends the trust in a device of the account.
    ///
    /// # Errors
    /// There is none of that number, the session does not allow it, or trouble.
    pub async fn forget_own_device(&self, visit: &Visit, id: i64) -> Answer<()> {
        let token = visit.session()?;
        let found = self.at_desk(move |desk| desk.forget_device(token, id)).await?;
        found.then_some(()).ok_or(PeopleError::NotFound)
    }

    /// Ends every session of the account and all trust.
    ///
    /// # Errors
    /// The session is over, or trouble.
    pub async fn sign_out_everywhere(&self, visit: &Visit) -> Answer<()> {
        let token = visit.session()?;
        self.at_desk(move |desk| desk.sign_out_everywhere(token)).await
    }

    /// The blocks that concern a browser's address and, with a session, an account.
    ///
    /// # Errors
    /// Trouble.
    pub async fn own_blocks(&self, visit: &Visit) -> Answer<Blocks> {
        let mut blocks = Blocks::default();
        let rules = self.rules();
        if let Some(address) = visit.address {
            let source = self.source(address);
            let exempt = rules.exempts_at(&Protocol::PORTAL, address);
            if !exempt {
                blocks.network = source.network();
                blocks.until = source.block.map(|block| block.until);
            }
            blocks.own = Some(source.key);
        }
        let Ok(standing) = self.owner(visit, Act::Look).await else { return Ok(blocks) };
        for event in self.logins_of(&standing.account.name, FAILED).await? {
            let refused = event.verdict.as_deref() == Some("refuse");
            let Some(address) = event.address.filter(|_| refused).and_then(|address| parse_address(&address))
            else {
                continue;
            };
            let source = self.source(address);
            let known =
                blocks.own == Some(source.key) || blocks.others.iter().any(|(key, _)| *key == source.key);
            if let Some(block) = source.own.filter(|_| !known && !rules.exempts(address)) {
                blocks.others.push((source.key, block));
            }
        }
        Ok(blocks)
    }

    /// Lifts a block that concerns the session's account or its browser.
    ///
    /// # Errors
    /// It is not one of those, the session does not allow it, too many were lifted today, or trouble.
    pub async fn lift_own(&self, visit: &Visit, meant: impl Into<IpNet>) -> Answer<Key> {
        let meant = meant.into();
        let standing = self.owner(visit, Act::Change).await?;
        if standing.factors.is_empty() {
            // What anybody can do who knows the password is no help against those who guess it.
            return Err(PeopleError::Refused(crate::store::people::Refused::NoFactors));
        }
        let _one = self.entrance.lifting.lock().await;
        let blocks = self.own_blocks(visit).await?;
        let target = Target::of(meant, &self.rules().prefixes).map_err(|_| PeopleError::NotFound)?;
        let source = self.known_of(&target);
        let own = blocks.until.filter(|_| blocks.own == Some(source.key));
        match own {
            // A network was blocked by an administrator, who has reasons beyond this address.
            Some(until) if source.own.is_none() => return Err(PeopleError::NetworkBlocked(until)),
            Some(_) => {}
            None if blocks.others.iter().any(|(other, _)| *other == source.key) => {}
            None => return Err(PeopleError::NotFound),
        }
        let actor = standing.account.name.to_string();
        let since = self.now().minus(FAILED);
        let query = EventQuery {
            since: Some(since),
            kinds: vec![Kind::BlockLifted],
            limit: EVENTS_MAX,
            ..EventQuery::default()
        };
        let lifted: Vec<Timestamp> = self
            .events(query)
            .await?
            .into_iter()
            .filter(|(_, event)| event.actor == actor && event.time > since)
            .map(|(_, event)| event.time)
            .collect();
        if let Some(first) = lifted.len().checked_sub(LIFTS_A_DAY).and_then(|at| lifted.get(at)) {
            return Err(PeopleError::Wait(first.plus(FAILED)));
        }
        Ok(self.lift_block(meant, visit.actor(&standing.account.name, Act::Change)).await?.key)
    }
}
