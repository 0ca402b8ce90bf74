//! Owners are told of what happens to their second factors and passwords.

use std::time::{Duration, Instant};

use serde_json::Value;
use sidegate::gate::account::Terms;
use sidegate::gate::delegation::Right;
use sidegate::gate::name::{AccountName, PasswordName};
use sidegate::gate::reset::ResetReason;
use sidegate::gate::visit::Outcome;
use sidegate::service::people::Shown;

use super::peers::{Smtp, Web};
use crate::people::{self, ANN, BOB, HOME, MAIN};
use crate::world::PATIENCE;

/// Waits until `said` tells something.
async fn await_text(said: impl Fn() -> String, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !said().contains(wanted) {
        assert!(Instant::now() < deadline, "never {wanted:?} in {}", said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn owner_and_delegate_are_told_of_a_delegation() {
    let mail = Smtp::default();
    let smtp = mail.start().await;
    let site = people::site(&format!(
        "[notices]\nfrom = 'sidegate@example.org'\n[notices.smtp]\nserver = '{smtp}'\n"
    ))
    .await;
    site.gate.account(BOB).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let home = people::visit(HOME);
    let entered = site.sign_in(&home, ANN, MAIN, None).await.unwrap();
    let visit = people::inside(&home, &entered.session);
    let bob = AccountName::parse(BOB, None).unwrap();
    let service = &site.gate.service;
    let heard = || mail.heard.text();
    service.grant_own(&visit, &bob, Right::SendAs).await.unwrap();
    await_text(heard, "Subject: You may use the mailbox of ann@example.org").await;
    await_text(heard, "Subject: Somebody may use your mailbox: ann@example.org").await;
    for line in [
        "RCPT TO:<ann@example.org>",
        "bob@example.org may use the mailbox of your account",
        "RCPT TO:<bob@example.org>",
        "With your account bob@example.org you may use the mailbox",
        "Right: send as",
    ] {
        assert!(heard().contains(line), "{line} in {}", heard());
    }
    assert_eq!(heard().matches(HOME).count(), 1, "where the owner is, is told to the owner: {}", heard());
    service.withdraw_own(&visit, bob).await.unwrap();
    await_text(heard, "Subject: You may no longer use the mailbox of ann@example.org").await;
    await_text(heard, "Subject: A delegation has ended: ann@example.org").await;
    site.stop().await;
}

#[tokio::test]
async fn whoever_was_taken_over_learns_of_it() {
    let (mail, web) = (Smtp::default(), Web { status: Some(204), ..Web::default() });
    let (smtp, http) = (mail.start().await, web.start().await);
    let site = people::site(&format!(
        "[notices]\nfrom = 'sidegate@example.org'\n\
         administrator = 'postmaster@example.org'\n[notices.smtp]\nserver = '{smtp}'\n\
         [notices.webhook]\nurl = 'http://{http}/'\n"
    ))
    .await;
    let heard = || mail.heard.text();
    // The first look; what was before it is nobody's news.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (visit, app) = site.with_app().await;
    await_text(heard, "Subject: New second factor: ann@example.org").await;
    for line in [
        "RCPT TO:<ann@example.org>",
        "A second factor was added to your account ann@example.org.",
        "Second factor: authenticator app",
        "Address of the client: 192.0.2.7",
        "If this was not you, tell your administrator at once.",
    ] {
        assert!(heard().contains(line), "{line} in {}", heard());
    }

    let service = &site.gate.service;
    service.new_recovery_codes(&visit).await.unwrap();
    let name = PasswordName::parse("Phone").unwrap();
    service.new_own_password(&visit, name, Terms::default()).await.unwrap();
    service.set_two_factor(&visit, true).await.unwrap();
    service.set_two_factor(&visit, false).await.unwrap();
    let home = people::visit(HOME);
    let entered = site.sign_in(&home, ANN, MAIN, None).await.unwrap();
    let again = people::inside(&home, &entered.session);
    let id = entered.standing.factors[0].id;
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    service.prove_factor(&again, Some(id), shown, true).await.unwrap();
    for told in [
        "New recovery codes: ann@example.org",
        "New client password: ann@example.org",
        "Client password: Phone (#1)",
        "Two-factor turned off: ann@example.org",
        "Browser trusted: ann@example.org",
        "Browser: Firefox, Linux",
    ] {
        await_text(heard, told).await;
    }
    let account = AccountName::parse(ANN, None).unwrap();
    let reason = ResetReason::parse("lost phone, seen in person").unwrap();
    service.reset_factors(account.clone(), reason, false, "uid 0").await.unwrap();
    await_text(heard, "Subject: Second factors reset: ann@example.org").await;
    for line in ["Reason: lost phone, seen in person", "By: uid 0", "If you did not ask for this, tell"] {
        assert!(heard().contains(line), "{line} in {}", heard());
    }
    // Those that administrators make are told by them; and no administrator reads what people do.
    let name = PasswordName::parse("Made by hand").unwrap();
    service.new_password(account, name, Terms::default(), "uid 0").await.unwrap();
    let kinds = || {
        let requests = web.requests.lock().unwrap();
        let kind =
            |body: &str| serde_json::from_str::<Value>(body).unwrap()["kind"].as_str().unwrap().to_owned();
        requests.iter().map(|(.., body)| kind(body)).collect::<Vec<_>>().join(" ")
    };
    await_text(kinds, "factors-reset").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let expected =
        "factor-added recovery-codes-made password-added two-factor-off device-trusted factors-reset";
    let (mut told, mut expected): (Vec<_>, Vec<_>) =
        (kinds().split(' ').map(str::to_owned).collect(), expected.split(' ').collect());
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected, "each once");
    assert!(!heard().contains("postmaster@example.org"), "{}", heard());
    site.stop().await;
}

#[tokio::test]
async fn whoever_is_stopped_at_the_second_factor_is_told_to_the_owner_once() {
    let mail = Smtp::default();
    let smtp = mail.start().await;
    let site = people::site(&format!(
        "[notices]\nfrom = 'sidegate@example.org'\n[notices.smtp]\nserver = '{smtp}'\n"
    ))
    .await;
    let heard = || mail.heard.text();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (owner, app) = site.with_app().await;
    await_text(heard, "Subject: New second factor: ann@example.org").await;
    let mails = || heard().matches("Subject: Sign-in stopped at the second factor: ann@example.org").count();
    let service = &site.gate.service;

    // The owner gives up at home: nobody hears of it.
    site.sign_in(&people::visit(HOME), ANN, MAIN, None).await.unwrap();
    // A thief is waited for, until no factor can come.
    site.sign_in(&people::visit("203.0.113.66"), ANN, MAIN, None).await.unwrap();
    site.gate.pass(Duration::from_secs(599));
    service.settle_visits().await;
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    let again = service.prove_factor(&owner, None, shown, false).await.unwrap();
    let owner = people::inside(&owner, &again.session);
    assert_eq!(mails(), 0);
    site.gate.pass(Duration::from_secs(1));
    service.settle_visits().await;
    await_text(heard, "Somebody gave the right main password of your account ann@example.org").await;
    for line in ["Browser: Firefox, Linux", "Address of the client: 203.0.113.66", "change it now"] {
        assert!(heard().contains(line), "{line} in {}", heard());
    }
    // Again from there, and guessing: within a day there is no second one. From elsewhere there is, at once.
    for (address, wrong) in [("203.0.113.66", 1), ("198.51.100.9", 3)] {
        let visit = people::visit(address);
        let entered = site.sign_in(&visit, ANN, MAIN, None).await.unwrap();
        let (inside, id) = (people::inside(&visit, &entered.session), entered.standing.factors[0].id);
        for _ in 0..wrong {
            let shown = Shown::Code(people::hidden("no code"));
            service.prove_factor(&inside, Some(id), shown, false).await.unwrap_err();
        }
        site.gate.pass(Duration::from_secs(60));
    }
    await_text(heard, "Address of the client: 198.51.100.9").await;
    site.gate.pass(Duration::from_secs(600));
    service.settle_visits().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(mails(), 2, "{}", heard());
    let devices = service.own_devices(&owner, 0).await.unwrap();
    let stopped: Vec<_> = devices
        .visits
        .iter()
        .filter(|seen| seen.visit.outcome == Outcome::Stopped)
        .map(|seen| (seen.visit.address.as_deref().unwrap(), seen.visit.count, seen.slip))
        .collect();
    assert_eq!(stopped, [("198.51.100.9", 1, false), ("203.0.113.66", 2, false), (HOME, 1, true)]);
    site.stop().await;
}
