//! One mailbox, one account: whoever's mailbox opens is who is judged, whatever name was typed.

use std::sync::Arc;

use sidegate::gate::alias::{Alias, Place};
use sidegate::gate::event::{Event, Kind};
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use sidegate::gate::secret::Secret;
use sidegate::service::people::{Passed, PeopleError, SignIn};
use sidegate::store::EventQuery;

use crate::directory::{Entry, Upstream};
use crate::people::visit;
use crate::world::{Peer, World};

const ANN: &str = "ann@example.org";
const MAIN: &str = "ann's main password";
const HOME: &str = "192.0.2.7";
const CLIENT: &str = "Fj7kQm2RxT9wBn4c";

/// A gate before an upstream, with Ann, who has two-factor, and Bob, who has not.
struct Site {
    gate: World,
    upstream: Upstream,
    _folder: tempfile::TempDir,
}

async fn site(by_local_part: bool, settings: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(folder.path(), by_local_part);
    upstream.add(ANN, MAIN, "/mail/ann");
    upstream.add("bob@example.org", "bob's", "/mail/bob");
    let settings = format!(
        "main_password.mail_clients = \"until-two-factor\"\n{settings}\n{}",
        Upstream::settings(folder.path())
    );
    let gate = World::start(&settings).await;
    for account in [ANN, "bob@example.org"] {
        gate.account(account).await;
    }
    gate.password(ANN, "phone", CLIENT).await;
    let site = Site { gate, upstream, _folder: folder };
    site.set(ANN, None, Some(true)).await;
    site
}

impl Site {
    async fn set(&self, account: &str, enabled: Option<bool>, two_factor: Option<bool>) {
        let account = AccountName::parse(account, None).unwrap();
        let order = Order::SetAccount { account, enabled, two_factor, group: None };
        self.gate.service.carry_out(order, "test").await.unwrap();
    }

    async fn alias(&self, alias: &str, of: &str) {
        let place = |text: &str| Place::parse(text, None).unwrap();
        let order = Order::AddAlias(Alias::new(place(alias), place(of)).unwrap());
        self.gate.service.carry_out(order, "test").await.unwrap();
    }

    /// Logs in by IMAP; the first word of the answer, and its `user=`.
    async fn login(&self, name: &str, password: &str) -> (String, String) {
        let mut client = self.gate.client().await;
        said(&client.answer(name, password, &format!("service=imap\trip={HOME}")).await)
    }

    async fn is_in(&self, name: &str, password: &str) -> bool {
        self.login(name, password).await.0 == "OK"
    }

    async fn sign_in(&self, account: &str, password: &str) -> Result<Passed, PeopleError> {
        let sign_in = SignIn { account: account.to_owned(), password: Secret::new(password), code: None };
        Arc::clone(&self.gate.service).sign_in(visit(HOME), sign_in).await
    }

    /// The last login that ended so. Refusals are written before others.
    async fn last(&self, verdict: &str) -> Event {
        let query = EventQuery { limit: 100, kinds: vec![Kind::Login], ..EventQuery::default() };
        let events = self.gate.service.events(query).await.unwrap().into_iter().map(|(_, event)| event);
        events.rev().find(|event| event.verdict.as_deref() == Some(verdict)).unwrap()
    }

    /// Logs in as a login process does; what a mail process needs to claim it.
    async fn login_to_claim(&self, name: &str, password: &str, cpid: u32) -> (Peer, String) {
        let mut client = self.gate.raw("client").await;
        client.say(&format!("VERSION\t1\t2\nCPID\t{cpid}\n")).await;
        let mut cookie = String::new();
        loop {
            let line = client.hear().await.unwrap();
            if let Some(told) = line.strip_prefix("COOKIE\t") {
                cookie = told.to_owned();
            }
            if line == "DONE" {
                break;
            }
        }
        let answer = client.answer(name, password, &format!("service=imap\trip={HOME}")).await;
        assert!(answer.starts_with("OK\t1\t"), "{answer}");
        (client, format!("VERSION\t1\t1\nREQUEST\t7\t{cpid}\t1\t{cookie}\n"))
    }

    /// What a mail process is told that claims it.
    async fn claim(&self, request: &str) -> String {
        let mut master = self.gate.raw("master").await;
        master.say(request).await;
        loop {
            let line = master.hear().await.unwrap();
            if !line.starts_with("VERSION") && !line.starts_with("SPID") {
                return line;
            }
        }
    }
}

fn said(answer: &str) -> (String, String) {
    let mut fields = answer.split('\t');
    let word = fields.next().unwrap_or_default().to_owned();
    let user = fields.find_map(|field| field.strip_prefix("user=")).unwrap_or_default();
    (word, user.to_owned())
}

fn renamed(password: &str, user: &str, found: &str, home: &str) -> Entry {
    Entry { password: password.into(), user: user.into(), found: found.into(), home: home.into() }
}

#[tokio::test]
async fn another_domain_of_the_same_local_part_is_no_way_around_two_factor() {
    let site = site(true, "").await;
    assert!(!site.is_in(ANN, MAIN).await);
    site.upstream.tried();
    let others = [
        "ann@elsewhere.example",
        "ann@x",
        "ann@example.org.",
        "ann@",
        "ann",
        "ann@@example.org",
        "ann@.example.org",
    ];
    for name in others {
        assert!(!site.is_in(name, MAIN).await, "{name}");
    }
    assert_eq!(site.upstream.tried(), [""; 0], "none of them is handed on");
    assert!(site.is_in("bob@example.org", "bob's").await);
    assert!(!site.is_in("carol@example.org", "x").await);
    assert_eq!(site.upstream.tried(), ["bob@example.org"], "where domains are ignored, accounts only");
    assert_eq!(site.last("refuse").await.reason.as_deref(), Some("not-handed-on"));
}

#[tokio::test]
async fn an_explicit_setting_hands_names_on_where_domains_are_ignored() {
    let site = site(
        true,
        "accounts.domains = [\"example.org\", \"example.net\"]\nmain_password.unknown_names = \"hand-on\"",
    )
    .await;
    site.upstream.add("carol@example.org", "carol's", "/mail/carol");
    assert!(site.is_in("carol@example.net", "carol's").await);
    assert!(!site.is_in("ann@example.net", MAIN).await, "her mailbox is known by where it is");
    let event = site.last("refuse").await;
    assert_eq!((event.account.as_deref(), event.typed.as_deref()), (Some(ANN), Some("ann@example.net")));
}

#[tokio::test]
async fn where_domains_count_new_names_of_ours_are_handed_on_and_no_others() {
    let site = site(false, "").await;
    site.upstream.add("carol@example.org", "carol's", "/mail/carol");
    site.upstream.add("carol@example.net", "carol's", "/mail/net/carol");
    assert!(site.is_in("carol@example.org", "carol's").await);
    assert!(
        !site.is_in("carol@example.net", "carol's").await,
        "no account is there, and no setting names it"
    );
    site.gate.account("dave@example.net").await;
    assert!(site.is_in("carol@example.net", "carol's").await);
    assert!(site.upstream.asked().contains(&"ann@sidegate.invalid".to_owned()));
}

#[tokio::test]
async fn our_own_other_names_mean_their_owner() {
    let site = site(false, "").await;
    site.upstream.add("info@example.org", MAIN, "/mail/ann");
    site.upstream.add("ann@example.net", MAIN, "/mail/ann");
    site.upstream.add("ann+list@example.org", MAIN, "/mail/ann");
    site.alias("info@example.org", ANN).await;
    site.alias("@example.net", "@example.org").await;
    for name in ["info@example.org", "ann@example.net", "ann+list@example.org", "INFO+x@example.NET"] {
        assert!(!site.is_in(name, MAIN).await, "{name}");
        assert_eq!(site.login(name, CLIENT).await, ("OK".into(), ANN.into()), "{name}");
        let event = site.last("accept").await;
        assert_eq!((event.account.as_deref(), event.typed.is_some()), (Some(ANN), true), "{name}");
    }
    assert_eq!(site.upstream.tried(), [""; 0]);
    assert_eq!(site.login("bob@example.net", "bob's").await, ("OK".into(), "bob@example.org".into()));
    assert_eq!(site.upstream.tried(), ["bob@example.org"]);
    site.set(ANN, Some(false), None).await;
    assert!(!site.is_in("info@example.org", CLIENT).await, "and its owner is disabled");
}

#[tokio::test]
async fn an_address_of_several_is_nobodys_login() {
    let site = site(false, "").await;
    site.upstream.add("info@example.org", "x", "/mail/info");
    site.alias("info@example.org", ANN).await;
    site.alias("info@example.org", "bob@example.org").await;
    assert!(!site.is_in("info@example.org", "x").await && !site.is_in("info@example.org", CLIENT).await);
    assert_eq!(site.upstream.tried(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_the_upstream_changes_is_judged_by_what_it_becomes() {
    let site = site(false, "").await;
    site.upstream.add_as("a.smith@example.org", renamed(MAIN, ANN, "", "/mail/ann"));
    site.upstream.add_as("smith@example.org", renamed(MAIN, "", ANN, "/mail/ann"));
    site.upstream.add_as("only-home@example.org", renamed(MAIN, "", "", "//mail/ann/"));
    for name in ["a.smith@example.org", "smith@example.org", "only-home@example.org"] {
        assert!(!site.is_in(name, MAIN).await, "{name}");
        let event = site.last("refuse").await;
        assert_eq!(event.account.as_deref(), Some(ANN), "{name}");
        assert_eq!((event.typed.as_deref(), event.reason.as_deref()), (Some(name), Some("main-password")));
    }
    site.set(ANN, None, Some(false)).await;
    for name in ["a.smith@example.org", "smith@example.org", "only-home@example.org"] {
        assert!(site.is_in(name, MAIN).await, "{name}");
        let event = site.last("accept").await;
        assert_eq!(
            (event.account.as_deref(), event.typed.as_deref()),
            (Some(ANN), Some(name)),
            "its owner sees it"
        );
    }
    site.set(ANN, Some(false), None).await;
    for name in ["a.smith@example.org", "smith@example.org", "only-home@example.org"] {
        assert!(!site.is_in(name, MAIN).await, "{name}");
        assert_eq!(site.last("refuse").await.reason.as_deref(), Some("disabled"));
    }
}

#[tokio::test]
async fn what_the_user_database_finds_is_judged_again_at_the_claim() {
    let site = site(false, "").await;
    let (_client, request) = site.login_to_claim("bob@example.org", "bob's", 71).await;
    let told = site.claim(&request).await;
    assert!(told.starts_with("USER\t7\tbob@example.org\t"), "{told}");
    let changes = [(72, ANN, "/mail/bob", "main-password"), (73, "", "/mail/ann", "others-mailbox")];
    for (cpid, found, home, reason) in changes {
        site.upstream.add("bob@example.org", "bob's", "/mail/bob");
        let (_client, request) = site.login_to_claim("bob@example.org", "bob's", cpid).await;
        // Between the login and the claim the directory changed.
        site.upstream.add_as("bob@example.org", renamed("bob's", "", found, home));
        let told = site.claim(&request).await;
        assert!(told.starts_with("FAIL\t7\treason="), "{told}");
        assert_eq!(site.last("refuse").await.reason.as_deref(), Some(reason));
    }
    site.gate.password("bob@example.org", "phone", "Wm3xTq8ZpK5rHc2d").await;
    site.set(ANN, Some(false), None).await;
    let (_client, request) = site.login_to_claim("bob@example.org", "Wm3xTq8ZpK5rHc2d", 74).await;
    let told = site.claim(&request).await;
    assert!(told.starts_with("FAIL\t7\treason="), "not the mailbox of somebody who is disabled: {told}");
}

#[tokio::test]
async fn the_portal_makes_no_second_account_for_a_mailbox() {
    let portal = "[portal]\ndomains = [\"example.org\", \"example.net\"]";
    let site = site(false, portal).await;
    site.upstream.add("ann@example.net", MAIN, "/mail/ann");
    site.upstream.add("a.smith@example.org", MAIN, "/mail/ann");
    site.upstream.add("carol@example.org", "carol's", "/mail/carol");
    for name in ["ann@example.net", "a.smith@example.org"] {
        let passed = site.sign_in(name, MAIN).await.unwrap();
        assert_eq!(passed.standing.account.name.as_str(), ANN, "{name}");
    }
    let accounts = site.gate.service.accounts(String::new(), String::new(), None, 10).await.unwrap();
    assert_eq!(accounts.len(), 2, "{accounts:?}");
    let passed = site.sign_in("carol@example.org", "carol's").await.unwrap();
    assert_eq!(passed.standing.account.name.as_str(), "carol@example.org");
    site.set(ANN, Some(false), None).await;
    assert!(matches!(site.sign_in("ann@example.net", MAIN).await, Err(PeopleError::WrongPassword)));
}

#[tokio::test]
async fn a_home_that_everybody_has_is_nobodys_mark() {
    let site = site(false, "[portal]\ndomains = [\"example.org\"]").await;
    for name in [ANN, "bob@example.org", "carol@example.org", "dave@example.org"] {
        site.upstream.add(name, MAIN, "/var/vmail");
    }
    assert!(site.is_in("carol@example.org", MAIN).await);
    let passed = site.sign_in("dave@example.org", MAIN).await.unwrap();
    assert_eq!(passed.standing.account.name.as_str(), "dave@example.org");
    assert!(!site.is_in(ANN, MAIN).await);
}

#[tokio::test]
async fn a_mailbox_of_which_nobody_can_say_whose_it_is_opens_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(folder.path(), false);
    upstream.add(ANN, MAIN, "/mail/ann");
    upstream.add("a.smith@example.org", MAIN, "/mail/ann");
    let settings =
        "[main_password]\nmail_clients = \"until-two-factor\"\n[portal]\ndomains = [\"example.org\"]";
    let gate = World::start(&format!("{}{settings}", Upstream::settings(folder.path()))).await;
    gate.account(ANN).await;
    let site = Site { gate, upstream, _folder: folder };
    assert!(site.is_in(ANN, MAIN).await);
    assert!(!site.is_in("a.smith@example.org", MAIN).await);
    assert_eq!(site.last("refuse").await.reason.as_deref(), Some("others-mailbox"));
    assert!(matches!(site.sign_in("a.smith@example.org", MAIN).await, Err(PeopleError::WrongPassword)));
}

#[tokio::test]
async fn failures_by_whichever_name_are_forgotten_by_a_success_of_the_mailbox() {
    let site = site(false, "").await;
    site.upstream.add_as("b.jones@example.org", renamed("bob's", "bob@example.org", "", "/mail/bob"));
    site.alias("bobby@example.org", "bob@example.org").await;
    for name in ["b.jones@example.org", "bobby@example.org", "bob@example.org"] {
        for _ in 0..3 {
            assert!(!site.is_in(name, "wrong").await);
        }
    }
    assert!(site.is_in("b.jones@example.org", "bob's").await);
    let address = HOME.parse().unwrap();
    assert_eq!(site.gate.service.source(address).failures, 0);
}

#[tokio::test]
async fn without_an_address_all_names_of_an_account_are_one_source() {
    let site = site(false, "").await;
    site.alias("info@example.org", ANN).await;
    let mut client = site.gate.client().await;
    for n in 0..12 {
        let name = format!("{}+{n}@example.org", if n % 2 == 0 { "ann" } else { "info" });
        client.answer(&name, "wrong", "service=smtp").await;
    }
    let known = site.gate.service.summary().await.unwrap();
    assert_eq!(known.sources, 1, "one bucket, not twelve");
}

#[tokio::test]
async fn next_passdb_passes_no_name_of_another_domain_on() {
    let gate =
        World::start("[main_password]\nmail_clients = \"until-two-factor\"\nchecked_by = \"next-passdb\"")
            .await;
    gate.account(ANN).await;
    let site = Site {
        gate,
        upstream: Upstream::start(tempfile::tempdir().unwrap().path(), true),
        _folder: tempfile::tempdir().unwrap(),
    };
    site.alias("info@example.org", ANN).await;
    site.set(ANN, None, Some(true)).await;
    let mut client = site.gate.client().await;
    for name in
        ["ann@elsewhere.example", "ann@", "ann", "ann@example.org.", "info@example.org", "a,b@example.org"]
    {
        client.answer(name, MAIN, "service=imap\trip=192.0.2.1").await;
        let event = site.last("refuse").await;
        assert!(event.account.as_deref() == Some(name) || event.typed.as_deref() == Some(name), "{event:?}");
    }
    client.answer("carol@example.org", MAIN, "service=imap\trip=192.0.2.1").await;
    assert_eq!(site.last("elsewhere").await.account.as_deref(), Some("carol@example.org"));
    // Nobody will say whether it is the mailbox of whoever has the whole domain.
    site.alias("@example.org", ANN).await;
    client.answer("dora@example.org", MAIN, "service=imap\trip=192.0.2.1").await;
    assert_eq!(site.last("refuse").await.account.as_deref(), Some("dora@example.org"));
    site.set(ANN, None, Some(false)).await;
    client.answer("dora@example.org", MAIN, "service=imap\trip=192.0.2.1").await;
    assert_eq!(site.last("elsewhere").await.account.as_deref(), Some("dora@example.org"));
}

/// Others live in a domain that somebody has all of: each stays themselves, and none of them is its owner.
#[tokio::test]
async fn whoever_has_a_whole_domain_is_not_everybody_who_lives_there() {
    let site = site(false, "").await;
    site.upstream.add("carol@example.org", "carol's", "/mail/carol");
    site.alias("@example.org", ANN).await;
    assert!(site.is_in("carol@example.org", "carol's").await);
    assert_eq!(site.last("accept").await.account.as_deref(), Some("carol@example.org"));
    // What opens her mailbox is hers, under whichever name.
    site.upstream.add("anything@example.org", MAIN, "/mail/ann");
    for name in [ANN, "anything@example.org"] {
        assert!(!site.is_in(name, MAIN).await, "{name}");
        assert_eq!(site.last("refuse").await.account.as_deref(), Some(ANN), "{name}");
    }
}

#[tokio::test]
async fn a_webmail_passes_main_passwords_on_and_is_never_one_bucket_for_everybody() {
    let webmail = "198.51.100.7";
    let settings =
        format!("main_password.allowed_from = [\"{webmail}/32\"]\nlockout.exempt = [\"{webmail}/32\"]");
    let site = site(false, &settings).await;
    let mut client = site.gate.client().await;
    let params = format!("service=imap\trip={webmail}");
    assert!(
        client.answer(ANN, MAIN, &params).await.starts_with("OK"),
        "it asks for the second factor itself"
    );
    assert!(client.answer(ANN, CLIENT, &params).await.starts_with("FAIL"));
    assert_eq!(site.last("refuse").await.reason.as_deref(), Some("at-webmail"));
    for n in 0..20 {
        client.answer(&format!("user{n}@example.org"), "typo", &params).await;
    }
    assert!(
        client.answer("bob@example.org", "bob's", &params).await.starts_with("OK"),
        "others' slips are not his"
    );
    for _ in 0..11 {
        client.answer("bob@example.org", "guess", &params).await;
    }
    let known = site.gate.service.summary().await.unwrap();
    assert_eq!((known.blocks, known.sources > 0), (0, true), "they count, for the account");
    // It tells another address: then that one counts.
    let told = format!("service=imap\trip=203.0.113.9\treal_rip={webmail}");
    for _ in 0..10 {
        client.answer("bob@example.org", "guess", &told).await;
    }
    assert!(site.gate.service.source("203.0.113.9".parse().unwrap()).block.is_some());
    assert!(client.answer(ANN, CLIENT, &told).await.starts_with("FAIL"), "a webmail all the same");
    let allowed = site.gate.service.rules().policy.client_passwords_at_webmail;
    assert!(!allowed);
}
