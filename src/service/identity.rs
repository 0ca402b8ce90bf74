//! Whose login a name is, whether it may be handed on, and whose mailbox opened: the facts for `gate::identity`.

mod fields;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashlink::LruCache;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

pub(super) use fields::{home, told};

use super::{Rules, Service, lock};
use crate::gate::account::Account;
use crate::gate::identity::{
    HOLDERS_MAX, HandOn, Home, HomeOf, Located, NOBODYS_DOMAIN, OTHERS_ASKED, UnknownNames, Whose, home_of,
    ignores_domains, strictest,
};
use crate::gate::key::MailboxMark;
use crate::gate::login::{Reason, Verdict};
use crate::gate::name::AccountName;
use crate::gate::question::Found;
use crate::log;
use crate::store::identity::Unasked;
use crate::store::{StoreError, Tables, senders};

/// What is found out about the upstream's user database holds for so long; then it is asked again.
const FOUND_OUT_KEPT: Duration = Duration::from_secs(10 * 60);
/// That it knows none of our accounts holds only for so long: the next one may be there.
const NOBODY_FOUND_KEPT: Duration = Duration::from_secs(10);
/// Mailboxes are asked for again after a day: mail is moved, and directories change.
const ASKED_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Mailboxes that a login waits for at most; past it somebody is told to come again.
const ASKED_AT_ONCE: u32 = 64;
/// How long a login waits for mailboxes of others.
const ASK_PATIENCE: Duration = Duration::from_secs(3);
/// Between two batches: an upgrade asks for all accounts, beside logins.
const ASK_PAUSE: Duration = Duration::from_millis(100);
/// Accounts of which some are asked for as examples.
const SOME_ACCOUNTS: u32 = 50;
/// Mailboxes of several accounts that are told at once.
const SHARED_TOLD: u32 = 10;
/// Homes of which it is remembered whose they are.
const HOMES_MAX: usize = 1_000;

/// What is remembered of the upstream's user database.
#[derive(Debug)]
pub(super) struct UserdbFacts {
    domains: Mutex<Option<Domains>>,
    /// Whose homes are that more than one name has, as far as was found out.
    homes: Mutex<LruCache<Home, (HomeOf, Instant)>>,
    /// The store's generation in which every strict account had been asked for.
    all_strict: AtomicU64,
    /// Mailboxes are asked for by one at a time.
    asking: tokio::sync::Mutex<()>,
    /// The task that does so by itself is at it.
    looking: AtomicBool,
}

impl Default for UserdbFacts {
    fn default() -> Self {
        let homes = Mutex::new(LruCache::new(HOMES_MAX));
        Self {
            domains: Mutex::default(),
            homes,
            all_strict: AtomicU64::default(),
            asking: tokio::sync::Mutex::default(),
            looking: AtomicBool::new(false),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Domains {
    /// Which connection to the upstream was asked.
    connection: u64,
    at: Instant,
    ignored: bool,
    /// The store's generation in which no account was there to ask for; `None`: one was.
    nobody_found: Option<u64>,
}

/// Whose mailbox a login opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// The account that decides, or the name of nobody here.
    pub(super) name: AccountName,
    pub(super) account: Option<Arc<Account>>,
    /// The marks of where the mail lives; none where that is no person's own place.
    pub(super) marks: Vec<MailboxMark>,
}

impl Service {
    /// Whose login a name is that can be one.
    pub(super) async fn whose(&self, name: &AccountName) -> Result<Whose, Verdict> {
        self.store.whose(name).await.map_err(|_| Verdict::Defer("the store cannot be read"))
    }

    /// Whether a name that nobody here has may be handed on to whoever knows main passwords.
    pub(super) async fn hands_on(&self, name: &AccountName, rules: &Rules) -> Result<bool, Verdict> {
        let ours = match rules.site.hands_on(name) {
            HandOn::No => false,
            HandOn::Yes => true,
            HandOn::IfDomainKnown => self.is_domain_known(name).await?,
        };
        if !ours || rules.site.unknown_names == UnknownNames::Auto && self.are_domains_ignored().await? {
            return Ok(false);
        }
        // Where nobody will say whose mailbox opens, it may be that of whoever has the whole domain.
        Ok(self.upstream.is_some() || !self.is_of_strict_owner(name).await?)
    }

    /// Whether somebody disabled or with two-factor has the whole domain of a name that is nobody's.
    async fn is_of_strict_owner(&self, name: &AccountName) -> Result<bool, Verdict> {
        let name = name.clone();
        let strict = self.store.read(move |tables| {
            for owner in senders::owners(tables, &name)? {
                if tables.account(&owner)?.is_some_and(|owner| !owner.enabled || owner.two_factor) {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        strict.await.map_err(|_| Verdict::Defer("the store cannot be read"))
    }

    async fn is_domain_known(&self, name: &AccountName) -> Result<bool, Verdict> {
        let domain = name.parts().1.to_owned();
        let known = self.store.read(move |tables| tables.has_domain(&domain)).await;
        known.map_err(|_| Verdict::Defer("the store cannot be read"))
    }

    /// Whether the upstream's user database looks at the part before the `@` alone, as far as that can be told.
    pub(super) async fn are_domains_ignored(&self) -> Result<bool, Verdict> {
        let Some(upstream) = &self.upstream else { return Ok(false) };
        let (connection, before) = (upstream.userdb_connection(), *lock(&self.userdb_facts.domains));
        let generation = self.store.generation();
        let is_true = |known: &Domains| {
            let kept = match known.nobody_found {
                None => FOUND_OUT_KEPT,
                Some(then) if then == generation => NOBODY_FOUND_KEPT,
                Some(_) => Duration::ZERO,
            };
            known.connection == connection && known.at.elapsed() < kept
        };
        if let Some(known) = before.filter(is_true) {
            return Ok(known.ignored);
        }
        let found = self.try_nobodys_domain().await?;
        let nobody_found = found.is_none().then_some(generation);
        let domains = Domains { connection, at: Instant::now(), ignored: found == Some(true), nobody_found };
        *lock(&self.userdb_facts.domains) = Some(domains);
        let ignored_before = before.is_some_and(|before| before.ignored);
        match (ignored_before, domains.ignored) {
            (false, true) => warn!("{DOMAINS_IGNORED}"),
            (true, false) => info!("Dovecot's user database looks at domains again"),
            _ => {}
        }
        Ok(domains.ignored)
    }

    /// Asks the user database for accounts of ours, and for the same names in a domain that nobody has. `None`: it
    /// knows none of them.
    async fn try_nobodys_domain(&self) -> Result<Option<bool>, Verdict> {
        for name in self.some_accounts(|_| true).await? {
            let account = self.locate_other(name.as_str()).await?;
            if account == Located::Nowhere {
                continue;
            }
            let elsewhere = self.locate_other(&format!("{}@{NOBODYS_DOMAIN}", name.parts().0)).await?;
            return Ok(Some(ignores_domains(&account, &elsewhere)));
        }
        Ok(None)
    }

    /// A few accounts of ours.
    async fn some_accounts(
        &self,
        is_wanted: impl Fn(&AccountName) -> bool,
    ) -> Result<Vec<AccountName>, Verdict> {
        let lines = self.store.read(|tables| tables.accounts("", "", None, SOME_ACCOUNTS)).await;
        let lines = lines.map_err(|_| Verdict::Defer("the store cannot be read"))?;
        let names = lines.iter().filter_map(|line| AccountName::parse(&line.name, None).ok());
        Ok(names.filter(is_wanted).take(OTHERS_ASKED).collect())
    }

    pub(super) async fn locate_name(&self, user: &str) -> Result<Located, Verdict> {
        self.located(user, b"service=sidegate").await
    }

    /// Of a name that nobody waits for: a directory that has trouble with this one finds nobody there.
    pub(super) async fn locate_other(&self, user: &str) -> Result<Located, Verdict> {
        match self.locate_name(user).await {
            Err(_) if self.has_userdb() => Ok(Located::Nowhere),
            located => located,
        }
    }

    /// What the user database says of a name.
    async fn located(&self, user: &str, params: &[u8]) -> Result<Located, Verdict> {
        match self.locate(user, params).await {
            Found::User(name, fields) => Ok(Located::At(name, home(&fields))),
            Found::Nobody => Ok(Located::Nowhere),
            Found::Fail(_) => Err(Verdict::Defer("the user database has trouble")),
        }
    }

    /// Whose mailbox a main password opened. `user` is the name that the upstream confirmed, `params` what it was told
    /// of the login.
    pub(super) async fn opened(
        &self,
        named: Option<&Whose>,
        user: &str,
        params: &[u8],
    ) -> Result<Opened, Verdict> {
        let confirmed = self.whose_of(user).await?;
        let located = match self.located(user, &told(params)).await {
            // Nobody is somebody else who was named, and confirmed, as the account that they are.
            Err(Verdict::Defer(_)) if !self.has_userdb() && is_same(named, &confirmed) => Located::Nowhere,
            located => located?,
        };
        self.judged(named, confirmed, &located).await
    }

    fn has_userdb(&self) -> bool {
        self.upstream.as_ref().is_some_and(|upstream| upstream.connected())
    }

    /// Whose a name of the upstream's is.
    pub(super) async fn whose_of(&self, user: &str) -> Result<Whose, Verdict> {
        match AccountName::parse(user, self.rules().default_domain.as_deref()) {
            Ok(name) => self.whose(&name).await,
            Err(_) => Err(Verdict::Refuse(Reason::BadName)),
        }
    }

    /// The account that decides, of all that a login touches.
    pub(super) async fn judged(
        &self,
        named: Option<&Whose>,
        confirmed: Whose,
        located: &Located,
    ) -> Result<Opened, Verdict> {
        let (found, home) = match located {
            Located::At(user, home) => (self.whose_of(user).await?, home.as_ref()),
            Located::Nowhere => (confirmed.clone(), None),
        };
        if let Whose::Shared(_) = found {
            return Err(Verdict::Refuse(Reason::NotHandedOn));
        }
        let named_as = named;
        let named = named.and_then(Whose::account);
        let mut touched: Vec<Arc<Account>> = found.account().cloned().into_iter().collect();
        let mut marks = home.map(|home| home.marks(&self.keys())).unwrap_or_default();
        // Whoever is named, confirmed and found as one account waits for nobody else's mailbox.
        let is_own = is_same(named_as, &confirmed) && is_same(named_as, &found);
        if let Some(home) = home {
            if !is_own {
                self.ask_for_mailboxes(Unasked::Strict).await?;
            }
            match self.holders(home, &marks, [named, found.account()], found.name()).await? {
                Some(holders) => touched.extend(holders),
                None => marks.clear(),
            }
        }
        if let Some(named) = named {
            // Of several whose mailbox it is, the one that was named.
            let at = if touched.iter().any(|account| account.id == named.id) { 0 } else { touched.len() };
            touched.insert(at, Arc::clone(named));
        }
        touched.extend(confirmed.account().cloned());
        match strictest(&touched) {
            Some(account) => {
                // Only what was found under its own name, asked for by its own name, is its own.
                let names = [found.account(), confirmed.account(), named.or(Some(account))];
                if names.iter().all(|name| name.is_some_and(|name| name.id == account.id)) {
                    self.keep_mailbox(account, &marks).await;
                }
                Ok(Opened { name: account.name.clone(), account: Some(Arc::clone(account)), marks })
            }
            None => {
                // A Dovecot that takes domains off calls everybody by a name that nobody here can have.
                let name = match &named_as {
                    Some(Whose::Unknown(named)) if found.name().is_odd() => named.clone(),
                    _ => found.name().clone(),
                };
                match self.hands_on(&name, &self.rules()).await? {
                    true => Ok(Opened { name, account: None, marks }),
                    false => Err(Verdict::Refuse(Reason::NotHandedOn)),
                }
            }
        }
    }

    /// The accounts whose mailbox is there; `None`: it is everybody's, and so no mailbox.
    async fn holders(
        &self,
        home: &Home,
        marks: &[MailboxMark],
        named: [Option<&Arc<Account>>; 2],
        found: &AccountName,
    ) -> Result<Option<Vec<Arc<Account>>>, Verdict> {
        let wanted = marks.to_vec();
        let names = self.store.read(move |tables| tables.holders(&wanted, HOLDERS_MAX)).await;
        let names = names.map_err(|_| Verdict::Defer("the store cannot be read"))?;
        let is_named = |name: &AccountName| named.iter().flatten().any(|account| account.name == *name);
        if names.iter().all(is_named) {
            return Ok(Some(Vec::new()));
        }
        if names.len() >= HOLDERS_MAX as usize {
            return Ok(None);
        }
        match self.home_of(home, &names, found).await? {
            HomeOf::Everybody => return Ok(None),
            // Nobody becomes somebody else on a guess.
            HomeOf::Unclear if !names.iter().any(is_named) => {
                return Err(Verdict::Refuse(Reason::OthersMailbox(names[0].clone())));
            }
            HomeOf::Unclear | HomeOf::OnePerson => {}
        }
        let mut holders = Vec::new();
        for name in &names {
            let account = self.store.account(name).await;
            holders.extend(account.map_err(|_| Verdict::Defer("the store cannot be read"))?);
        }
        Ok(Some(holders))
    }

    /// Whose a home is that these accounts have, and where somebody was found who may be one of them.
    async fn home_of(
        &self,
        home: &Home,
        holders: &[AccountName],
        found: &AccountName,
    ) -> Result<HomeOf, Verdict> {
        let known = lock(&self.userdb_facts.homes).get(home).copied();
        if let Some((known, at)) = known
            && at.elapsed() < FOUND_OUT_KEPT
        {
            return Ok(known);
        }
        let is_other = |name: &AccountName| {
            name != found && holders.iter().all(|holder| holder.parts().0 != name.parts().0)
        };
        let mut others = self.some_accounts(is_other).await?;
        if others.len() < OTHERS_ASKED {
            others.extend(self.listed(is_other).await);
            others.sort();
            others.dedup();
        }
        let mut located = Vec::new();
        for name in others.iter().take(OTHERS_ASKED) {
            located.push(self.locate_other(name.as_str()).await?);
        }
        // Of several accounts there, all but one are others too.
        let mut locals: Vec<&str> = holders.iter().map(|holder| holder.parts().0).collect();
        locals.sort_unstable();
        locals.dedup();
        located.extend(locals.iter().skip(1).map(|name| Located::At((*name).to_owned(), Some(home.clone()))));
        let whose = home_of(home, &located);
        lock(&self.userdb_facts.homes).insert(home.clone(), (whose, Instant::now()));
        Ok(whose)
    }

    /// A few names that the upstream lists, where it can.
    async fn listed(&self, is_wanted: impl Fn(&AccountName) -> bool) -> Vec<AccountName> {
        let Some(upstream) = &self.upstream else { return Vec::new() };
        let listed = upstream.list(b"service=sidegate").await.ok().flatten().unwrap_or_default();
        let names = listed.iter().filter_map(|name| AccountName::parse(name, None).ok());
        names.filter(is_wanted).take(OTHERS_ASKED).collect()
    }

    /// Puts down where an account's mail lives, if that changed.
    async fn keep_mailbox(&self, account: &Arc<Account>, marks: &[MailboxMark]) {
        let Some(mark) = marks.first().copied().filter(|mark| account.mailbox != Some(*mark)) else { return };
        let (name, now) = (account.name.clone(), self.now());
        let work = move |tables: &mut dyn Tables| tables.set_mailbox(&name, Some(mark), now);
        if let Err(error) = self.store.change(account.name.clone(), work).await {
            // The login is right all the same; the next one tries again.
            warn!(error = %log::chain(&error), account = %account.name, "where its mail lives was not put down");
        }
    }

    /// Asks the user database for the mailboxes of accounts that were not asked for yet, so that none of them has a
    /// name that is not known to be its own.
    ///
    /// # Errors
    /// There are more than one login can wait for, or trouble.
    pub(super) async fn ask_for_mailboxes(&self, which: Unasked) -> Result<(), Verdict> {
        if self.upstream.is_none() {
            return Ok(());
        }
        let generation = self.store.generation();
        if which == Unasked::Strict && self.userdb_facts.all_strict.load(Relaxed) == generation + 1 {
            return Ok(());
        }
        // A user database that hangs keeps nobody waiting longer than it does for a lookup of their own.
        let asked = timeout(ASK_PATIENCE, self.ask_for_some(which)).await;
        if asked.unwrap_or(Ok(true))? {
            return Err(Verdict::Defer("mailboxes are still being asked for"));
        }
        // What was put down moved the generation; another account that became strict meanwhile did too, and is still to be
        // asked for. One more than the generation: nothing was asked for in none.
        self.userdb_facts.all_strict.store(generation + 1, Relaxed);
        Ok(())
    }

    /// Nobody unknown is let in before all strict accounts were asked for again.
    pub(super) fn mailboxes_are_unasked(&self) {
        self.userdb_facts.all_strict.store(0, Relaxed);
    }

    /// Asks for some mailboxes. Returns whether there are more.
    async fn ask_for_some(&self, which: Unasked) -> Result<bool, Verdict> {
        let unreadable = |_| Verdict::Defer("the store cannot be read");
        let unasked = move |tables: &mut dyn Tables| tables.unasked(which, ASKED_AT_ONCE);
        // Who has nothing to ask for does not wait for whoever has.
        if self.store.read(unasked).await.map_err(unreadable)?.is_empty() {
            return Ok(false);
        }
        let _turn = self.userdb_facts.asking.lock().await;
        let names = self.store.read(unasked).await.map_err(unreadable)?;
        if names.is_empty() {
            return Ok(false);
        }
        let (now, keys) = (self.now(), self.keys());
        // An account that the database has trouble with is asked for again sooner.
        let soon = now.minus(ASKED_KEPT).plus(FOUND_OUT_KEPT);
        let mut asked = Vec::new();
        for name in &names {
            let (mark, at) = match self.locate_name(name.as_str()).await {
                Ok(Located::At(_, home)) => (home.and_then(|home| home.marks(&keys).first().copied()), now),
                Ok(Located::Nowhere) => (None, now),
                Err(_) if self.has_userdb() => (None, soon),
                Err(away) => return Err(away),
            };
            asked.push((name.clone(), mark, at));
        }
        let work = move |tables: &mut dyn Tables| {
            asked.iter().try_for_each(|(name, mark, at)| tables.set_mailbox(name, *mark, *at))
        };
        let kept = self.store.change_all(names.clone(), work).await;
        kept.map_err(|_| Verdict::Defer("the store takes no writes"))?;
        Ok(names.len() >= ASKED_AT_ONCE as usize)
    }

    /// What happens by itself, beside everything else: it is found out whether domains are looked at, and mailboxes are
    /// asked for, a few at a time. A user database that hangs delays nothing but this.
    pub(super) fn look_at_mailboxes(self: &Arc<Self>) {
        if !self.has_userdb() || self.userdb_facts.looking.swap(true, Relaxed) {
            return;
        }
        let looking = Looking(Arc::clone(self));
        tokio::spawn(async move {
            let service = &looking.0;
            let older = Unasked::OlderThan(service.now().minus(ASKED_KEPT));
            // Trouble is told where the upstream and the store are looked after; the next turn tries again.
            while matches!(service.ask_for_some(older).await, Ok(true)) {
                sleep(ASK_PAUSE).await;
            }
            let _ = service.are_domains_ignored().await;
        });
    }

    /// Mailboxes that several accounts have, a few of them: the accounts of each.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn shared_mailboxes(&self) -> Result<Vec<Vec<String>>, StoreError> {
        self.store.read(|tables| tables.shared_mailboxes(SHARED_TOLD)).await
    }

    /// Whether main passwords go to an upstream that ignores domains, as far as was found out.
    #[must_use]
    pub fn domains_ignored(&self) -> bool {
        lock(&self.userdb_facts.domains).is_some_and(|domains| domains.ignored)
    }
}

/// The task that looks at mailboxes is at it; however it ends, the next one may begin.
struct Looking(Arc<Service>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.userdb_facts.looking.store(false, Relaxed);
    }
}

fn is_same(named: Option<&Whose>, confirmed: &Whose) -> bool {
    let named = named.and_then(Whose::account).map(|account| account.id);
    named.is_some() && named == confirmed.account().map(|account| account.id)
}

/// What is logged at the start, and by doctor, where domains are ignored.
pub(super) const DOMAINS_IGNORED: &str = "Dovecot's user database looks at the part before the @ only, so that any domain opens \
     the same mailbox. Names that are no account or alias here are not handed on any more. Let Dovecot look at whole \
     names (auth_username_format = %Lu, username_format=%u in passwd-file, user = '%u' in SQL, mail=%u in LDAP), or let it \
     return its own name (=user=), or set main_password.unknown_names = \"hand-on\" if that is meant to be so.";
