//! Who else may use the mailbox of whoever is signed in.
//!
//! A colleague may have a mailbox and never have signed in. The user database knows them, and their account is made as a
//! first sign-in would make it: for names of the site's own domains, with other names of an account resolved, and never
//! where the mailbox is another account's.

use super::counted::unavailable;
use super::{Answer, OrderError, PeopleError, Service, Visit};
use crate::gate::delegation::Right;
use crate::gate::identity::{Located, Whose};
use crate::gate::key::MailboxMark;
use crate::gate::login::Verdict;
use crate::gate::name::AccountName;
use crate::gate::order::{Order, OrderRefused};
use crate::gate::session::Act;
use crate::store::identity::Unasked;
use crate::store::people::Recipient;
use crate::store::sending::Delegation;

/// How the name begins of somebody whom no site has.
const NOBODY: &str = "sidegate-nobody-";

/// A delegation that was granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// It, as the store has it.
    pub delegation: Delegation,
    /// The owner's backup addresses, which are to be told.
    pub tell: Vec<Recipient>,
}

/// Whom a name means.
struct Meant {
    name: AccountName,
    /// The marks of the mailbox, of somebody who has no account yet.
    mailbox: Option<Vec<MailboxMark>>,
}

impl Service {
    /// The delegations that the session's account granted and was granted.
    ///
    /// # Errors
    /// The session does not allow it, or trouble.
    pub async fn own_delegations(&self, visit: &Visit) -> Answer<(AccountName, Vec<Delegation>)> {
        let account = self.owner(visit, Act::Look).await?.account.name;
        let of = account.clone();
        Ok((account, self.store.read(move |tables| tables.delegations(Some(&of))).await?))
    }

    /// Grants somebody a right over the session's account.
    ///
    /// # Errors
    /// The session or the rules do not allow it, nobody has the name, or trouble.
    pub async fn grant_own(&self, visit: &Visit, delegate: &AccountName, right: Right) -> Answer<Granted> {
        let owner = self.owner(visit, Act::Change).await?.account.name;
        let (who, now) = (self.account_tag(owner.as_str()), self.now());
        // Before the name is looked at: past the limit, names that are somebody's are told from others no more.
        self.entrance.misses.take(who, now).map_err(PeopleError::Wait)?;
        let granted = self.grant_to(visit, &owner, delegate, right).await;
        let missed = OrderRefused::NoAccount(delegate.clone());
        if !matches!(&granted, Err(PeopleError::Order(OrderError::Refused(why))) if *why == missed) {
            self.entrance.misses.give_back(who);
        }
        let delegate = granted?;
        let token = visit.session()?;
        let tell = self.at_desk(move |desk| desk.backup_addresses(token)).await?;
        Ok(Granted { delegation: self.delegation(owner, delegate).await?, tell })
    }

    async fn grant_to(
        &self,
        visit: &Visit,
        owner: &AccountName,
        typed: &AccountName,
        right: Right,
    ) -> Answer<AccountName> {
        let nobody = || PeopleError::Order(OrderRefused::NoAccount(typed.clone()).into());
        let meant = match self.meant(typed).await {
            Ok(Some(meant)) => meant,
            Ok(None) | Err(Verdict::Refuse(_)) => return Err(nobody()),
            Err(verdict) => return Err(unavailable(verdict)),
        };
        let (actor, owner, delegate) = (visit.actor(owner, Act::Change), owner.clone(), meant.name.clone());
        let order = match meant.mailbox {
            None => Order::Grant { owner, delegate, right },
            Some(mailbox) => Order::GrantNewcomer { owner, delegate, right, mailbox },
        };
        match self.carry_out(order, actor).await {
            Err(OrderError::Refused(OrderRefused::NoAccount(_))) => Err(nobody()),
            done => done.map(|_| meant.name).map_err(PeopleError::Order),
        }
    }

    /// Whom a name means; `None`: nobody here.
    async fn meant(&self, typed: &AccountName) -> Result<Option<Meant>, Verdict> {
        let whose = self.whose(typed).await?;
        let form = match &whose {
            Whose::Account(account) => {
                return Ok(Some(Meant { name: account.name.clone(), mailbox: None }));
            }
            Whose::Shared(_) => return Ok(None),
            Whose::Unknown(form) => form.clone(),
        };
        let rules = self.rules();
        if self.upstream.is_none() || form.is_odd() || !rules.people.makes(&form) {
            return Ok(None);
        }
        self.may_hand_on(&whose, &rules).await?;
        let located = self.locate_name(form.as_str()).await?;
        if located == Located::Nowhere || self.is_anybody_located(&form).await? {
            return Ok(None);
        }
        // Nobody becomes a new account whose mailbox may be a known account's.
        self.ask_for_mailboxes(Unasked::All).await?;
        let opened = self.judged(Some(&whose), whose.clone(), &located).await?;
        let Some(account) = &opened.account else {
            return Ok(rules
                .people
                .makes(&opened.name)
                .then_some(Meant { name: opened.name, mailbox: Some(opened.marks) }));
        };
        // Under another name of an account it is that account; where only the mailbox is the same, it is not said whose.
        let found = match &located {
            Located::At(user, _) => self.whose_of(user).await?,
            Located::Nowhere => whose,
        };
        let is_named = found.account().is_some_and(|found| found.id == account.id);
        Ok(is_named.then(|| Meant { name: account.name.clone(), mailbox: None }))
    }

    /// Whether the user database finds whomever it is asked for in a domain: then it does not say who has a mailbox.
    async fn is_anybody_located(&self, like: &AccountName) -> Result<bool, Verdict> {
        let drawn = data_encoding::HEXLOWER.encode(&self.entropy.bytes::<8>());
        let nobody = format!("{NOBODY}{drawn}@{}", like.parts().1);
        Ok(self.locate_other(&nobody).await? != Located::Nowhere)
    }

    /// Takes it back: in force when this returns.
    ///
    /// # Errors
    /// Nothing was granted, the session does not allow it, or trouble.
    pub async fn withdraw_own(&self, visit: &Visit, delegate: AccountName) -> Answer<()> {
        let owner = self.owner(visit, Act::Look).await?.account.name;
        let actor = visit.actor(&owner, Act::Look);
        self.carry_out(Order::Withdraw { owner, delegate }, actor).await?;
        Ok(())
    }
}
