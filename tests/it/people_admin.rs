//! What administrators do about people: second factors, main passwords, sessions; by service, API and command line.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sidegate::gate::event::Kind;
use sidegate::gate::factor::FactorKind;
use sidegate::gate::login::{Reason, Verdict};
use sidegate::gate::main_password::MainPassword;
use sidegate::gate::name::{AccountName, GroupName};
use sidegate::gate::order::{Done, Order, OrderRefused};
use sidegate::gate::reset::ResetReason;
use sidegate::gate::secret::Secret;
use sidegate::gate::session::{Act, Denied, Stage};
use sidegate::service::OrderError;
use sidegate::service::people::{PeopleError, Shown, SignIn, Visit};
use sidegate::store::people::{NewBinding, Refused};
use zeroize::Zeroizing;

use crate::daemon::Daemon;
use crate::people::{self, ANN, HOME, MAIN, Site};
use crate::world::World;

const PHRASE: &str = "correct horse battery";

fn ann() -> AccountName {
    AccountName::parse(ANN, None).unwrap()
}

/// Resets Ann's factors; the set-up code, if one is made.
async fn reset(site: &Site, two_factor_off: bool) -> Option<Zeroizing<String>> {
    let reason = ResetReason::parse("lost phone, seen in person").unwrap();
    let done = site.gate.service.reset_factors(ann(), reason, two_factor_off, "uid 0").await.unwrap();
    done.map(|(code, _)| code)
}

/// Ann with an app, recovery codes and two-factor on; on a browser that is trusted.
async fn with_everything(site: &Site) -> Visit {
    let (visit, app) = site.with_app().await;
    let service = &site.gate.service;
    service.new_recovery_codes(&visit).await.unwrap();
    service.set_two_factor(&visit, true).await.unwrap();
    let home = people::visit(HOME);
    let entered = site.sign_in(&home, ANN, MAIN, None).await.unwrap();
    let again = people::inside(&home, &entered.session);
    let id = entered.standing.factors[0].id;
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    let passed = service.prove_factor(&again, Some(id), shown, true).await.unwrap();
    let device = passed.device.expect("trusted").0.tag();
    Visit { devices: vec![device], ..people::inside(&home, &passed.session) }
}

#[tokio::test]
async fn a_reset_takes_everything_and_leads_to_setting_it_up() {
    let site = people::site("").await;
    let visit = with_everything(&site).await;
    let service = &site.gate.service;
    let of = || service.factors_of(ann());
    let before = of().await.unwrap().unwrap();
    assert_eq!((before.factors.len(), before.recovery_codes, before.two_factor), (1, Some(10), true));

    assert!(reset(&site, false).await.is_some());
    let after = of().await.unwrap().unwrap();
    assert_eq!((after.factors.len(), after.recovery_codes, after.failures), (0, None, 0));
    assert!(after.two_factor, "mail clients go on with client passwords only");
    let over = service.owner(&visit, Act::Look).await.unwrap_err();
    assert!(matches!(over, PeopleError::Refused(Refused::Denied(_))), "{over:?}");
    let known = Visit { session: None, ..visit.clone() };
    let entered = site.sign_in(&known, ANN, MAIN, None).await.unwrap();
    assert_eq!(entered.standing.session.stage, Stage::SetUp, "no browser is trusted any more");

    let told = site.events(Kind::FactorsReset).await;
    let facts: Vec<_> = told.iter().map(|event| (event.reason.as_deref(), event.actor.as_str())).collect();
    assert_eq!(facts, [(Some("lost phone, seen in person"), "uid 0")]);
    assert!(reset(&site, true).await.is_none(), "the main password is to be enough");
    assert!(!of().await.unwrap().unwrap().two_factor);
    assert_eq!(site.events(Kind::TwoFactorOff).await.len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn a_reset_opens_what_too_many_wrong_codes_closed() {
    let site = people::site("").await;
    with_everything(&site).await;
    let service = &site.gate.service;
    for _ in 0..7 {
        let home = people::visit(HOME);
        let entered = site.sign_in(&home, ANN, MAIN, None).await.unwrap();
        let inside = people::inside(&home, &entered.session);
        let id = Some(entered.standing.factors[0].id);
        let shown = Shown::Code(people::hidden("000000"));
        service.prove_factor(&inside, id, shown, false).await.unwrap_err();
    }
    assert!(service.factors_of(ann()).await.unwrap().unwrap().failures >= 5);
    reset(&site, false).await;
    assert_eq!(service.factors_of(ann()).await.unwrap().unwrap().failures, 0);
    // The waits that guesses at the main password cost are over too.
    for n in 0..5 {
        let stranger = people::visit(&format!("198.51.100.{n}"));
        site.sign_in(&stranger, ANN, "wrong", None).await.unwrap_err();
    }
    let waits = site.sign_in(&people::visit("203.0.113.1"), ANN, MAIN, None).await.unwrap_err();
    assert!(matches!(waits, PeopleError::Wait(_)), "{waits:?}");
    reset(&site, false).await;
    site.sign_in(&people::visit("203.0.113.1"), ANN, MAIN, None).await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn signing_out_ends_sessions_and_trust_and_nothing_else() {
    let site = people::site("").await;
    let visit = with_everything(&site).await;
    let service = &site.gate.service;
    service.carry_out(Order::EndSessions(ann()), "uid 0").await.unwrap();
    assert!(service.owner(&visit, Act::Look).await.is_err());
    let known = Visit { session: None, ..visit };
    let entered = site.sign_in(&known, ANN, MAIN, None).await.unwrap();
    assert_eq!((entered.standing.session.stage, entered.standing.factors.len()), (Stage::Factor, 1));
    let told = site.events(Kind::SessionsEnded).await;
    assert_eq!(told.last().unwrap().reason.as_deref(), Some("2 sessions, 1 trusted devices"));
    site.stop().await;
}

#[tokio::test]
async fn where_no_upstream_knows_any_an_administrator_sets_main_passwords() {
    let gate = World::start("[client_passwords.argon2]\nmemory_kib = 8\npasses = 1\n").await;
    gate.account(ANN).await;
    let source = gate.service.source(HOME.parse().unwrap()).key;
    let weigh = async |name: &str, typed: &str| {
        let before = gate.service.hashes();
        let name = AccountName::parse(name, None).unwrap();
        let weighed = gate.service.weigh_own_main_password(&name, &Secret::new(typed), source).await;
        (weighed, gate.service.hashes() - before)
    };
    let wrong = || (Err(Verdict::Refuse(Reason::WrongPassword)), 1);
    assert_eq!(weigh(ANN, PHRASE).await, wrong(), "none is set; it costs as much as a wrong one");
    let password = MainPassword::parse(PHRASE).unwrap();
    gate.service.set_main_password(ann(), &password, "uid 0").await.unwrap();
    assert_eq!(weigh(ANN, PHRASE).await, (Ok(ann()), 1));
    assert_eq!(weigh(ANN, "correcthorsebattery").await, wrong());
    assert_eq!(weigh("bob@example.org", PHRASE).await, wrong(), "nobody learns who has an account");
    let bob = AccountName::parse("bob@example.org", None).unwrap();
    let nobody = gate.service.set_main_password(bob.clone(), &password, "uid 0").await;
    assert_eq!(nobody, Err(OrderError::Refused(OrderRefused::NoAccount(bob))));

    // It opens no mailbox.
    assert_eq!(gate.client().await.login(ANN, PHRASE, HOME).await, "FAIL");
    let remove = || Order::SetMainPassword { account: ann(), hash: None };
    assert_eq!(gate.service.carry_out(remove(), "uid 0").await, Ok(Done::Changed));
    assert_eq!(weigh(ANN, PHRASE).await, wrong());
    let gone = gate.service.carry_out(remove(), "uid 0").await;
    assert_eq!(gone, Err(OrderError::Refused(OrderRefused::NoMainPassword(ann()))));
    gate.stop().await;
}

/// However the two meet.
#[tokio::test]
async fn no_session_of_an_old_main_password_outlives_a_new_one() {
    let gate = World::start("[client_passwords.argon2]\nmemory_kib = 256\npasses = 1\n").await;
    gate.account(ANN).await;
    let (old, new) = (MainPassword::parse(PHRASE).unwrap(), MainPassword::parse("another phrase").unwrap());
    for round in 0..40_u64 {
        gate.service.set_main_password(ann(), &old, "uid 0").await.unwrap();
        let tries = [1, 2, 3, 4].map(|n| {
            let visit = people::visit(&format!("198.51.100.{n}"));
            let sign_in = SignIn { account: ANN.to_owned(), password: Secret::new(PHRASE), code: None };
            let entered = Arc::clone(&gate.service).sign_in(visit.clone(), sign_in);
            tokio::spawn(async move { entered.await.map(|passed| people::inside(&visit, &passed.session)) })
        });
        tokio::time::sleep(Duration::from_micros(round * 50)).await;
        gate.service.set_main_password(ann(), &new, "uid 0").await.unwrap();
        for entered in tries {
            let Ok(inside) = entered.await.unwrap() else { continue };
            assert!(gate.service.owner(&inside, Act::Look).await.is_err(), "round {round}");
        }
    }
    gate.stop().await;
}

#[tokio::test]
async fn where_the_upstream_knows_main_passwords_none_is_set_beside_it() {
    let site = people::site("").await;
    let (visit, _) = site.with_app().await;
    let password = MainPassword::parse(PHRASE).unwrap();
    let refused = site.gate.service.set_main_password(ann(), &password, "uid 0").await;
    assert_eq!(refused, Err(OrderError::Refused(OrderRefused::MainPasswordElsewhere)));
    site.gate.pass(Duration::from_secs(1));
    assert!(site.gate.service.owner(&visit, Act::Look).await.is_ok());
    site.stop().await;
}

fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    (folder, daemon)
}

fn typed(daemon: &Daemon, arguments: &[&str], line: &str) -> (i32, String, String) {
    let mut command = daemon.command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Resets second factors, each way; the first set-up code.
fn reset_and_unlock(daemon: &Daemon) -> String {
    let reset = ["factor", "reset", ANN, "--reason", "lost phone"];
    let (status, out, err) = daemon.sidegate(&reset);
    assert!(status == 0 && out.contains("next sign-in leads to setting it up"), "{out}");
    for left in
        ["change the main password", " 0 client passwords: sidegate password list", " 0 delegations granted"]
    {
        assert!(err.contains(left), "{left}: {err}");
    }
    let code = out.split("set-up code: ").nth(1).expect("a code").trim().to_owned();
    assert_eq!((code.len(), code.matches('-').count()), (19, 3), "{code}");
    let (_, out, _) = daemon.sidegate(&["factor", "list", ANN]);
    assert!(out.contains("waited for; ends ") && !out.contains(&code), "{out}");
    let (_, out, err) = daemon.sidegate(&["factor", "reset", ANN, "--reason", "left", "--two-factor-off"]);
    assert!(
        !out.contains("set-up code") && err.contains("have the owner of ann@example.org change"),
        "{err}"
    );
    let (status, out, _) = daemon.sidegate(&["factor", "unlock", ANN]);
    assert!(status == 0 && out.contains("nothing was locked"), "{out}");
    let (_, out, _) = daemon.sidegate(&["--json", "factor", "unlock", ANN]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), json!({ "failures": 0 }));
    let (_, out, _) = daemon.sidegate(&["--json", "factor", "reset", ANN, "--reason", "lost phone"]);
    let reset: Value = serde_json::from_str(&out).unwrap();
    assert!(reset["set_up_code"].as_str() != Some(&code) && reset["ends"].is_i64(), "{reset}");
    code
}

#[test]
fn the_command_line_looks_after_people() {
    let (folder, daemon) = start();
    let (status, out, _) = daemon.sidegate(&["factor", "list", ANN]);
    assert!(status == 0 && out.contains("no second factors") && out.contains("none made"), "{out}");
    let (_, out, _) = daemon.sidegate(&["--json", "factor", "list", ANN]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        listed,
        json!({ "address": ANN, "factors": [], "recovery_codes": null, "failures": 0, "wait": null,
        "locked": false, "set_up_code": null, "signed_in": null, "sessions": 0, "trusted": 0, "makes_code": true,
        "passwords": 0, "delegations": 0, "lost": [] })
    );

    let set = ["account", "main-password", ANN];
    let (status, out, err) = typed(&daemon, &set, &format!("{PHRASE}\n"));
    assert!(status == 0 && out.ends_with("main password set\n") && err.contains("sessions"), "{out}{err}");
    let (status, _, err) = typed(&daemon, &set, "short\n");
    assert!(status == 1 && err.contains("at least 8 characters") && !err.contains("short\n"), "{err}");
    let (status, _, err) = typed(&daemon, &set, "\n");
    assert!(status == 2 && err.contains("no password"), "{err}");
    let (status, out, _) = daemon.sidegate(&["account", "main-password", ANN, "--remove"]);
    assert!(status == 0 && out.ends_with("main password removed\n"), "{out}");
    let (status, _, err) = daemon.sidegate(&["account", "main-password", ANN, "--remove"]);
    assert!(status == 1 && err.contains("has no main password here"), "{err}");

    let (status, out, _) = daemon.sidegate(&["account", "sign-out", ANN]);
    assert!(status == 0 && out.contains("signed out of the portal everywhere"), "{out}");
    let code = reset_and_unlock(&daemon);
    let (status, _, err) = daemon.sidegate(&["factor", "reset", ANN, "--reason", "  "]);
    assert!(status == 1 && err.contains("needs a reason"), "{err}");
    for missing in [
        &["factor", "list"][..],
        &["factor", "reset", ANN],
        &["factor", "unlock"],
        &["account", "main-password"],
    ] {
        assert_eq!(daemon.sidegate(missing).0, 2, "{missing:?}");
    }
    let (status, _, err) = daemon.sidegate(&["factor", "list", "bob@example.org"]);
    assert!(status == 1 && err.contains("there is no account bob@example.org"), "{err}");

    let kinds = daemon.control("GET", &format!("/v1/events?account={ANN}"), &Value::Null);
    let events = kinds["events"].as_array().unwrap().iter();
    let kinds: Vec<&str> = events.filter_map(|event| event["kind"].as_str()).collect();
    let expected = [
        "account-added",
        "main-password-set",
        "main-password-removed",
        "sessions-ended",
        "factors-reset",
        "factors-reset",
        "factors-reset",
    ];
    assert_eq!(kinds, expected);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains(PHRASE) && !log.contains("argon2id") && !log.contains(&code), "{log}");
}

#[test]
fn a_wrong_body_is_not_repeated() {
    let (_folder, daemon) = start();
    let path = format!("/v1/accounts/{ANN}/main-password");
    for body in [json!({ "password": 12_345_678 }), json!({ "pass": PHRASE }), json!(PHRASE)] {
        let (status, answer) = daemon.ask("PUT", &path, &body);
        assert_eq!(status, 400);
        assert!(
            !answer.to_string().contains("horse") && !answer.to_string().contains("12345678"),
            "{answer}"
        );
    }
    for (body, status) in [
        (json!({ "reason": "lost phone", "two_factor_off": true }), 200),
        (json!({ "reason": "" }), 400),
        (json!({ "reason": "x".repeat(201) }), 400),
        (json!({}), 400),
    ] {
        assert_eq!(
            daemon.ask("POST", &format!("/v1/accounts/{ANN}/factors/reset"), &body).0,
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn administrators_are_members_of_the_group_with_two_factor_on() {
    let site = people::site("administrators = \"postmasters\"\n").await;
    let (owner, _) = site.with_app().await;
    let denied = || async { site.gate.service.owner(&owner, Act::Oversee).await.map(drop) };
    let forbidden = || Err(PeopleError::Refused(Refused::Denied(Denied::Forbidden)));
    assert_eq!(denied().await, forbidden());
    let group = Some(Some(GroupName::parse("postmasters").unwrap()));
    let account = AccountName::parse(ANN, None).unwrap();
    let order = Order::SetAccount { account, enabled: None, two_factor: None, group };
    site.gate.service.carry_out(order, "test").await.unwrap();
    assert_eq!(denied().await, forbidden(), "without two-factor");
    site.gate.service.set_two_factor(&owner, true).await.unwrap();
    assert_eq!(denied().await, Ok(()));
    site.gate.pass(Duration::from_secs(600));
    let stale = site.gate.service.owner(&owner, Act::Administer).await.map(drop);
    assert_eq!(stale, Err(PeopleError::Refused(Refused::Denied(Denied::Stale))));
    site.stop().await;
}

/// A member of the group that administers, by main password alone or by a browser that is trusted.
#[tokio::test]
async fn administration_wants_a_factor_proved_in_this_session() {
    let site = people::site("administrators = \"postmasters\"\n").await;
    let service = &site.gate.service;
    let set = |two_factor| {
        let group = Some(Some(GroupName::parse("postmasters").unwrap()));
        let account = AccountName::parse(ANN, None).unwrap();
        service.carry_out(Order::SetAccount { account, enabled: None, two_factor, group }, "test")
    };
    let entered = site.sign_in(&people::visit(HOME), ANN, MAIN, None).await.unwrap();
    let before = people::inside(&people::visit(HOME), &entered.session);
    set(Some(true)).await.unwrap();
    let over = service.owner(&before, Act::Prove).await.map(drop);
    assert_eq!(over, Err(PeopleError::Refused(Refused::Denied(Denied::Over))), "it began without a factor");
    let entered = site.sign_in(&people::visit(HOME), ANN, MAIN, None).await.unwrap();
    assert_eq!(entered.standing.session.stage, Stage::SetUp);
    let to_set_up = people::inside(&people::visit(HOME), &entered.session);
    let denied = service.owner(&to_set_up, Act::Oversee).await.map(drop);
    assert_eq!(denied, Err(PeopleError::Refused(Refused::Denied(Denied::SetUp))));

    let wish = NewBinding { kind: FactorKind::Totp, change: None, to: None, from: None };
    let app = service.begin_binding(&to_set_up, wish).await.unwrap().seed.unwrap();
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    service.confirm_binding(&to_set_up, shown, Some("Phone".into())).await.unwrap();
    site.gate.pass(Duration::from_secs(60));
    let entered = site.sign_in(&people::visit(HOME), ANN, MAIN, None).await.unwrap();
    let pending = people::inside(&people::visit(HOME), &entered.session);
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    let device = service.prove_factor(&pending, None, shown, true).await.unwrap().device.unwrap();
    let known = Visit { devices: vec![device.0.tag()], ..people::visit(HOME) };
    let entered = site.sign_in(&known, ANN, MAIN, None).await.unwrap();
    let trusted = people::inside(&known, &entered.session);
    assert!(service.owner(&trusted, Act::Look).await.is_ok());
    for act in [Act::Oversee, Act::Administer] {
        let denied = service.owner(&trusted, act).await.map(drop);
        assert_eq!(denied, Err(PeopleError::Refused(Refused::Denied(Denied::Factor))), "{act:?}");
    }
    site.gate.pass(Duration::from_secs(60));
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    let proved = service.prove_factor(&trusted, None, shown, false).await.unwrap();
    let proved = people::inside(&known, &proved.session);
    assert!(service.owner(&proved, Act::Administer).await.is_ok());
    site.stop().await;
}
