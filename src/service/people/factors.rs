//! Proofs and bindings. What needs a hash or the upstream is looked at before the transaction that uses it up.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Answer, PeopleError, Service, Visit};
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::code::Code;
use crate::gate::factor::RECOVERY_CODES;
use crate::gate::recovery;
use crate::gate::secret::Secret;
use crate::gate::session::{Act, Token};
use crate::hasher::SALT_BYTES;
use crate::store::people::{Evidence, Identity, NewBinding, Recipient, RecoveryCode, Standing, Waiting};

/// It was right; the session goes on.
#[derive(Debug)]
pub struct Passed {
    /// Under this token from now on.
    pub session: Token,
    /// The browser is a trusted device, known by this from now on, until then.
    pub device: Option<(Token, Timestamp)>,
    /// Where its owner stands.
    pub standing: Standing,
    /// Who else has to be told.
    pub tell: Vec<Recipient>,
}

/// What somebody shows.
#[derive(Debug)]
pub enum Shown {
    /// The main password.
    Password(Secret),
    /// A code from an app, or one that was sent.
    Code(Zeroizing<String>),
    /// A recovery code.
    Recovery(Zeroizing<String>),
    /// A set-up code.
    SetUpCode(Zeroizing<String>),
    /// A browser's answer for a passkey.
    Credential(Zeroizing<String>),
    /// What a sign-in provider says.
    Identity(Identity),
}

impl Service {
    /// Asks for a factor to be proved, or for a recovery code.
    ///
    /// # Errors
    /// The session does not allow it, or trouble.
    pub async fn challenge(&self, visit: &Visit, factor: Option<i64>, alone: bool) -> Answer<Waiting> {
        let (token, from) = (visit.session()?, self.counted_at(visit));
        self.at_desk(move |desk| desk.challenge(token, factor, alone, from.as_deref())).await
    }

    /// What a session waits for.
    ///
    /// # Errors
    /// Nothing, the session is over, or trouble.
    pub async fn pending(&self, visit: &Visit) -> Answer<Waiting> {
        let token = visit.session()?;
        self.at_desk(move |desk| desk.pending(token)).await?.ok_or(PeopleError::NotFound)
    }

    /// Proves a factor; the main password, where none is bound. What is wrong counts for the address.
    ///
    /// # Errors
    /// It is wrong, the session does not allow it, or trouble.
    pub async fn prove_factor(
        self: &Arc<Self>,
        visit: &Visit,
        factor: Option<i64>,
        shown: Shown,
        trust: bool,
    ) -> Answer<Passed> {
        let account = self.owner(visit, Act::Prove).await?.account.name;
        let is_password = matches!(shown, Shown::Password(_));
        let proved = self.prove_uncounted(visit, factor, shown, trust);
        match is_password {
            // It is counted where it is looked at.
            true => proved.await,
            false => self.counted(visit, &account, proved).await,
        }
    }

    /// As [`Service::prove_factor`], where something else counts.
    pub(super) async fn prove_uncounted(
        self: &Arc<Self>,
        visit: &Visit,
        factor: Option<i64>,
        shown: Shown,
        trust: bool,
    ) -> Answer<Passed> {
        let token = visit.session()?;
        let evidence = self.evidence(visit, shown).await?;
        let (session, device) = (self.token(), trust.then(|| self.token()));
        let (next, trusted) = (session.tag(), device.as_ref().map(Token::tag));
        let standing = self.at_desk(move |desk| desk.prove(token, next, factor, &evidence, trusted)).await?;
        let device = match device {
            Some(device) => self.trusted(device).await?,
            None => None,
        };
        Ok(Passed { session, device, standing, tell: Vec::new() })
    }

    /// Until when a browser is trusted that is known by this; `None`: it is not.
    pub(super) async fn trusted(&self, device: Token) -> Answer<Option<(Token, Timestamp)>> {
        let tag = device.tag();
        let found = self.store.read(move |tables| tables.device(tag)).await?;
        Ok(found.map(|found| (device, found.until)))
    }

    /// What was shown, as far as it can be looked at outside the transaction.
    async fn evidence(self: &Arc<Self>, visit: &Visit, shown: Shown) -> Answer<Evidence> {
        Ok(match shown {
            Shown::Password(password) => {
                let standing = self.owner(visit, Act::Look).await?;
                let name = standing.account.name.to_string();
                let (confirmed, login) = self.check_main_password(name, password, visit.clone()).await?;
                self.record(login);
                if confirmed.name != standing.account.name {
                    return Err(PeopleError::WrongPassword);
                }
                Evidence::MainPassword
            }
            Shown::Code(typed) => Code::parse(&typed).map_or(Evidence::Unreadable, Evidence::Code),
            Shown::Recovery(typed) => Evidence::Recovery(self.recovery_row(visit, &typed).await?),
            Shown::SetUpCode(typed) => {
                Evidence::SetUpCode(recovery::parse(&typed).map(|secret| secret.digest()))
            }
            Shown::Credential(answer) => Evidence::Credential(answer),
            Shown::Identity(identity) => Evidence::Identity(identity),
        })
    }

    /// The recovery code that somebody typed, if it is one of those that are left: one Argon2 at most.
    pub(super) async fn recovery_row(&self, visit: &Visit, typed: &str) -> Answer<Option<i64>> {
        let token = visit.session()?;
        let (account, rows) = self.at_desk(move |desk| desk.recovery_rows(token)).await?;
        let Some(secret) = recovery::parse(typed) else { return Ok(None) };
        let digest = secret.digest();
        let selectors = self.keys().selectors(account, &digest);
        let Some(row) = rows.into_iter().find(|row| selectors.find((row.key_id, row.selector))) else {
            return Ok(None);
        };
        let source = self.hash_source(visit);
        let same = self.hasher.verify(source, digest, &row.phc).await?;
        Ok(same.then_some(row.id))
    }

    pub(super) fn hash_source(&self, visit: &Visit) -> Key {
        let key = visit.address.and_then(|address| Key::of(address, &self.rules().prefixes));
        key.unwrap_or_else(|| Key::NoAddress(self.key.account_tag(b"portal")))
    }

    /// Under what codes that a browser asks for are counted: like failures, by address or IPv6 network.
    pub(super) fn counted_at(&self, visit: &Visit) -> Option<String> {
        let prefixes = self.rules().prefixes;
        visit.address.and_then(|address| Key::of(address, &prefixes)).map(|key| key.to_string())
    }

    /// Begins to bind a factor.
    ///
    /// # Errors
    /// The session or the rules do not allow it, or trouble.
    pub async fn begin_binding(&self, visit: &Visit, wish: NewBinding) -> Answer<Waiting> {
        let token = visit.session()?;
        let wish = NewBinding { from: self.counted_at(visit), ..wish };
        self.at_desk(move |desk| desk.begin(token, &wish)).await
    }

    /// Binds the factor that was begun.
    ///
    /// # Errors
    /// The proof is wrong, the session or the rules do not allow it, or trouble.
    pub async fn confirm_binding(
        self: &Arc<Self>,
        visit: &Visit,
        shown: Shown,
        name: Option<String>,
    ) -> Answer<Passed> {
        let token = visit.session()?;
        let evidence = match shown {
            Shown::Password(_) | Shown::Recovery(_) | Shown::SetUpCode(_) => Evidence::Unreadable,
            other => self.evidence(visit, other).await?,
        };
        let session = self.token();
        let next = session.tag();
        let work = move |desk: &mut crate::store::people::Desk<'_>| {
            desk.confirm(token, next, &evidence, name.as_deref())
        };
        let (standing, tell) = self.at_desk(work).await?;
        Ok(Passed { session, device: None, standing, tell })
    }

    /// Unbinds a factor.
    ///
    /// # Errors
    /// The session or the rules do not allow it, or trouble.
    pub async fn remove_factor(&self, visit: &Visit, id: i64) -> Answer<Passed> {
        let (token, session) = (visit.session()?, self.token());
        let next = session.tag();
        let (standing, tell) = self.at_desk(move |desk| desk.remove(token, next, id)).await?;
        Ok(Passed { session, device: None, standing, tell })
    }

    /// Turns two-factor on or off.
    ///
    /// # Errors
    /// The session or the rules do not allow it, or trouble.
    pub async fn set_two_factor(&self, visit: &Visit, on: bool) -> Answer<Standing> {
        let token = visit.session()?;
        self.at_desk(move |desk| desk.set_two_factor(token, on)).await
    }

    /// Makes new recovery codes; all earlier ones are void. The only place where they exist in the clear.
    ///
    /// # Errors
    /// The session does not allow it, or trouble.
    pub async fn new_recovery_codes(&self, visit: &Visit) -> Answer<(Vec<Zeroizing<String>>, Timestamp)> {
        let token = visit.session()?;
        // No Argon2 for a session that may not have them.
        let standing = self.owner(visit, Act::Change).await?;
        let (keys, cost, source) = (self.keys(), self.rules().cost, self.hash_source(visit));
        let (mut codes, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..RECOVERY_CODES {
            let code = recovery::draw(&self.entropy);
            let digest = recovery::parse(&code)
                .ok_or_else(|| PeopleError::Unavailable("a recovery code cannot be read".to_owned()))?
                .digest();
            let phc = self.hasher.hash(source, digest, cost, self.entropy.bytes::<SALT_BYTES>()).await?;
            let selector = keys.current().selector(standing.account.id, &digest);
            rows.push(RecoveryCode { selector, key_id: keys.current().id(), phc });
            codes.push(code);
        }
        let made = self.at_desk(move |desk| desk.set_recovery_codes(token, &rows)).await?.recovery_made;
        Ok((codes, made.unwrap_or_else(|| self.now())))
    }

    /// Ends the session itself.
    ///
    /// # Errors
    /// Trouble.
    pub async fn sign_out(&self, visit: &Visit) -> Answer<()> {
        let Some(token) = visit.session else { return Ok(()) };
        self.at_desk(move |desk| desk.sign_out(token).map(Ok)).await
    }
}
