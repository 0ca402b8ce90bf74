//! A mailbox is shared with a colleague who never signed in: their account is made with the grant, by the rules of a first
//! sign-in.

use std::sync::Arc;

use sidegate::gate::alias::{Alias, Place};
use sidegate::gate::delegation::Right;
use sidegate::gate::event::Kind;
use sidegate::gate::name::AccountName;
use sidegate::gate::order::{Order, OrderRefused};
use sidegate::gate::secret::Secret;
use sidegate::service::OrderError;
use sidegate::service::people::{Granted, PeopleError, SignIn, Visit};
use sidegate::store::EventQuery;

use crate::directory::{ANYBODY, Entry, TROUBLE, Upstream};
use crate::people::{inside, visit};
use crate::world::World;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const CAROL: &str = "carol@example.org";
const HOME: &str = "192.0.2.7";

/// A gate before an upstream, with Ann and Bob, who is signed in.
struct Site {
    gate: World,
    upstream: Upstream,
    bob: Visit,
    _folder: tempfile::TempDir,
}

async fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(folder.path(), false);
    for (name, home) in [(ANN, "/mail/ann"), (BOB, "/mail/bob"), ("dan@example.org", "/mail/dan")] {
        upstream.add(name, "main", home);
    }
    let settings = format!("{}[portal]\ndomains = [\"example.org\"]\n", Upstream::settings(folder.path()));
    let gate = World::start(&settings).await;
    gate.account(ANN).await;
    let bob = visit(HOME);
    let mut site = Site { gate, upstream, bob, _folder: folder };
    let entered = site.sign_in(BOB).await;
    site.bob = entered;
    site
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text, None).unwrap()
}

impl Site {
    async fn sign_in(&self, account: &str) -> Visit {
        let sign_in = SignIn { account: account.to_owned(), password: Secret::new("main"), code: None };
        let entered = Arc::clone(&self.gate.service).sign_in(visit(HOME), sign_in).await.unwrap();
        inside(&visit(HOME), &entered.session)
    }

    async fn grant(&self, delegate: &str) -> Result<Granted, PeopleError> {
        self.gate.service.grant_own(&self.bob, &name(delegate), Right::Read).await
    }

    async fn is_nobody(&self, delegate: &str) -> bool {
        let missed = OrderError::Refused(OrderRefused::NoAccount(name(delegate)));
        self.grant(delegate).await.is_err_and(|why| why == PeopleError::Order(missed))
    }

    /// Whom Bob has granted something.
    async fn delegates(&self) -> Vec<String> {
        let (_, all) = self.gate.service.own_delegations(&self.bob).await.unwrap();
        all.into_iter().map(|one| one.delegate).collect()
    }

    /// The accounts that were made, and by whom.
    async fn made(&self) -> Vec<(String, String)> {
        let query = EventQuery { kinds: vec![Kind::AccountAdded], limit: 100, ..EventQuery::default() };
        let events = self.gate.service.events(query).await.unwrap();
        events.into_iter().map(|(_, event)| (event.account.unwrap(), event.actor)).collect()
    }
}

#[tokio::test]
async fn a_colleague_who_never_signed_in_has_an_account_with_the_grant() {
    let site = site().await;
    site.upstream.add(CAROL, "main", "/mail/carol");
    let granted = site.grant(" Carol@Example.org").await.unwrap().delegation;
    assert_eq!((granted.owner.as_str(), granted.delegate.as_str()), (BOB, CAROL));
    assert!(site.made().await.contains(&(CAROL.to_owned(), BOB.to_owned())), "by whoever granted it");
    // It is the account of a first sign-in, and the mailbox is known.
    let carol = site.sign_in(CAROL).await;
    let (_, received) = site.gate.service.own_delegations(&carol).await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(site.made().await.iter().filter(|(account, _)| account == CAROL).count(), 1);
    // Another right, another time: the account is there already.
    site.gate.service.grant_own(&site.bob, &name(CAROL), Right::SendAs).await.unwrap();
    assert_eq!(site.delegates().await, [CAROL]);
    site.gate.stop().await;
}

#[tokio::test]
async fn other_names_of_an_account_are_that_account() {
    let site = site().await;
    let place = |text: &str| Place::parse(text, None).unwrap();
    let alias = Alias::new(place("a.smith@example.org"), place(ANN)).unwrap();
    site.gate.service.carry_out(Order::AddAlias(alias), "test").await.unwrap();
    // Known to the user database alone, by the name of the account.
    let found =
        Entry { password: "main".into(), user: "".into(), found: ANN.into(), home: "/mail/ann".into() };
    site.upstream.add_as("smith@example.org", found);
    for other in ["a.smith@example.org", "ann+list@example.org", "smith@example.org"] {
        assert_eq!(site.grant(other).await.unwrap().delegation.delegate, ANN, "{other}");
    }
    let own = site.grant("bob+me@example.org").await;
    assert!(matches!(own, Err(PeopleError::Order(OrderError::Refused(OrderRefused::OwnMailbox(_))))));
    assert_eq!(site.delegates().await, [ANN]);
    site.gate.stop().await;
}

#[tokio::test]
async fn nobody_else_is_made_an_account() {
    let site = site().await;
    // Another's mailbox under a name that is nobody's, another domain, and nobody at all.
    site.upstream.add("ann2@example.org", "main", "/mail/ann");
    site.upstream.add("carol@example.net", "main", "/mail/net/carol");
    for wrong in ["ann2@example.org", "carol@example.net", "nobody@example.org"] {
        assert!(site.is_nobody(wrong).await, "{wrong}");
    }
    // A user database that knows whomever it is asked for knows nothing.
    site.upstream.add(ANYBODY, "main", "/mail/anybody");
    assert!(site.is_nobody("typo@example.org").await);
    assert!(site.is_nobody("carol@example.org").await);
    let made: Vec<String> = site.made().await.into_iter().map(|(account, _)| account).collect();
    assert_eq!(made, [ANN, BOB]);
    assert_eq!(site.delegates().await, [""; 0]);
    site.gate.stop().await;
}

#[tokio::test]
async fn trouble_is_no_answer_and_costs_nothing() {
    let site = site().await;
    site.upstream.add(CAROL, "main", TROUBLE);
    for n in 0..30 {
        let refused = site.grant(CAROL).await;
        assert!(matches!(refused, Err(PeopleError::Unavailable(_))), "{n}: {refused:?}");
    }
    site.upstream.add(CAROL, "main", "/mail/carol");
    assert_eq!(site.grant(CAROL).await.unwrap().delegation.delegate, CAROL);
    site.gate.stop().await;
}

#[tokio::test]
async fn names_without_a_mailbox_are_bounded_and_those_with_one_cost_nothing() {
    let site = site().await;
    for n in 0..30 {
        site.upstream.add(&format!("there{n}@example.org"), "main", &format!("/mail/there{n}"));
        site.grant(&format!("there{n}@example.org")).await.unwrap();
    }
    for n in 0..20 {
        assert!(site.is_nobody(&format!("nobody{n}@example.org")).await, "{n}");
    }
    // Past the limit nobody is told apart.
    site.upstream.add(CAROL, "main", "/mail/carol");
    for one in ["nobody20@example.org", CAROL, ANN] {
        assert!(matches!(site.grant(one).await, Err(PeopleError::Wait(_))), "{one}");
    }
    assert!(!site.made().await.iter().any(|(account, _)| account == CAROL));
    site.gate.stop().await;
}
