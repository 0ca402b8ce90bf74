//! Promises about each kind of second factor, recovery codes and trusted browsers.

use super::*;
use crate::gate::codes_sent::PAUSE;
use crate::gate::factor::Means;
use crate::gate::passkey::tests::{Browser, DOMAIN, ORIGIN};
use crate::gate::throttle::{FAILURES_MAX, Throttle};

/// The code of what has to be delivered.
fn delivered(waiting: &Waiting) -> Code {
    waiting.deliver.as_ref().expect("a code goes out").code.clone()
}

pub(in crate::store::contract) fn a_code_that_was_sent_binds_and_proves<B: Backend>(backend: &B) {
    let desk = desk(backend);
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let begin = |to: &str| desk.begin_as(1, FactorKind::Sms, None, Some(to), NOW);
    assert_eq!(begin("12").err(), Some(Refused::BadPhone));
    for foreign in ["+882161234567", "+979123456789", "+19005550143", "+447012345678", "+85291234567"] {
        assert_eq!(begin(foreign).err(), Some(Refused::CountryOff), "{foreign}");
    }
    let begun = begin("+8613812341234").expect("begun");
    assert_eq!(begun.sent_to.as_deref(), Some("+86138****1234"));
    assert_eq!(begun.deliver.as_ref().expect("sent").to.reveal(), "+8613812341234");
    let pause = Refused::SentEnough(later(60));
    assert_eq!(begin("+8613812341234").err(), Some(pause), "a number has its pause");
    let shown = desk.work(NOW, |desk| desk.pending(token(1))).expect("allowed").expect("it waits");
    assert!(shown.deliver.is_none() && shown.binding && shown.sent_to == begun.sent_to);
    let bound = desk.confirm(1, &delivered(&begun), "ignored", NOW).expect("bound");
    assert_eq!(bound.factors[0].name, "+86138****1234");
    let id = bound.factors[0].id;

    desk.sign_in(&arrival(ANN, 2), later(60)).expect("signed in");
    assert_eq!(desk.prove(id, 2, &Code::of(1), later(60)), Err(Refused::CodeOver), "none was sent");
    let first = delivered(&desk.ask(2, Some(id), later(60)).expect("sent"));
    let second = delivered(&desk.ask(2, Some(id), later(120)).expect("sent again"));
    let voided = desk.prove(id, 2, &first, later(120));
    assert!(first == second || voided == Err(Refused::WrongCode), "a new code voids the old one");
    assert!(desk.prove(id, 2, &second, later(120)).is_ok());
    assert_eq!(desk.prove(id, 1_002, &second, later(120)), Err(Refused::CodeOver), "it is used up");

    let wrong = |code: &Code| Code::of(code.reveal().parse::<u32>().expect("digits") + 1);
    let third = delivered(&desk.ask(1_002, Some(id), later(180)).expect("sent"));
    for _ in 0..TRIES_MAX {
        let tried = desk.prove(id, 1_002, &wrong(&third), later(180));
        assert!(matches!(tried, Err(Refused::WrongCode)), "{tried:?}");
    }
    let after = later(180 + 3_600);
    desk.sign_in(&arrival(ANN, 3), after).expect("signed in");
    assert!(desk.ask(3, Some(id), after).is_ok(), "a wait that is over");
    assert_eq!(desk.events(&[Kind::CodeSent]).len(), 5);

    let mut desk = desk;
    desk.rules.sms_countries = vec![CountryCode::parse("852").expect("a code")];
    let asked = desk.ask(3, Some(id), after.plus(PAUSE));
    assert_eq!(asked.err(), Some(Refused::CountryOff), "a phone that was bound under other settings");
}

pub(in crate::store::contract) fn a_backup_address_is_outside<B: Backend>(backend: &B) {
    let mut desk = desk(backend);
    desk.rules.domains = vec!["example.com".to_owned()];
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    order(backend, &Order::AddAccount(name("eve@elsewhere.example"))).expect("added");
    desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let begin = |to: &str| desk.begin_as(1, FactorKind::Mail, None, Some(to), NOW);
    for (to, refused) in [
        ("nobody", Refused::BadAddress),
        ("other@example.org", Refused::NotExternal),
        ("ann@EXAMPLE.com", Refused::NotExternal),
        ("eve@elsewhere.example", Refused::NotExternal),
    ] {
        assert_eq!(begin(to).err(), Some(refused), "{to}");
    }
    let begun = begin("anne@example.net").expect("begun");
    assert_eq!(begun.sent_to.as_deref(), Some("a***@example.net"));
    let bound = desk.confirm(1, &delivered(&begun), "", NOW).expect("bound");
    // Another in its place, and then an app: the backup address is told of what is not itself.
    let id = bound.factors[0].id;
    let changed =
        desk.begin_as(1_001, FactorKind::Mail, Some(id), Some("ann@example.net"), later(60)).expect("begun");
    let (_, told) = desk
        .work(later(60), |desk| {
            desk.confirm(token(1_001), token(2_001), &Evidence::Code(delivered(&changed)), None)
        })
        .expect("changed");
    assert!(told.is_empty());
    assert_eq!(desk.events(&[Kind::FactorChanged]).len(), 1);
    let app = desk.begin(2_001, later(60)).expect("begun");
    let (standing, told) = desk
        .work(later(60), |desk| {
            let code = Evidence::Code(app.code(Step::at(later(60))));
            desk.confirm(token(2_001), token(3_001), &code, Some("app"))
        })
        .expect("bound");
    assert_eq!(standing.factors[0].id, id, "its number stayed");
    assert_eq!(told.iter().map(people::Recipient::reveal).collect::<Vec<_>>(), ["ann@example.net"]);
}

fn person(subject: &str, state: &str) -> Evidence {
    Evidence::Identity(Identity {
        provider: FactorKind::Wechat,
        app: "wx1".to_owned(),
        subject: subject.to_owned(),
        name: Some("Annie".to_owned()),
        state: state.to_owned(),
    })
}

pub(in crate::store::contract) fn a_person_of_a_provider_serves_several_accounts<B: Backend>(backend: &B) {
    let desk = desk(backend);
    for (address, seed) in [(ANN, 1), (BOB, 2)] {
        order(backend, &Order::AddAccount(name(address))).expect("added");
        desk.sign_in(&arrival(address, seed), NOW).expect("signed in");
    }
    let begin = |seed| {
        let begun = desk.begin_as(seed, FactorKind::Wechat, None, None, NOW).expect("begun");
        begun.state.expect("a state").to_string()
    };
    let state = begin(1);
    assert_eq!(desk.confirm_by(1, &person("u1", "other"), "", NOW), Err(Refused::WrongCode));
    assert_eq!(
        desk.confirm_by(1, &person("u1", &state), "", NOW),
        Err(Refused::CodeOver),
        "a state is good once"
    );
    let bound = desk.confirm_by(1, &person("u1", &begin(1)), "", NOW).expect("bound");
    assert_eq!(bound.factors[0].name, "Annie");
    let one = desk.begin_as(1_001, FactorKind::Wechat, None, None, NOW).map(drop);
    assert_eq!(one, Err(FactorRefused::TooMany(1).into()), "one for each account");
    let of_bob =
        desk.confirm_by(2, &person("u1", &begin(2)), "", NOW).expect("the same person").factors[0].id;

    let id = bound.factors[0].id;
    desk.sign_in(&arrival(ANN, 3), NOW).expect("signed in");
    let ask = || desk.ask(3, Some(id), NOW).expect("asked").state.expect("a state").to_string();
    assert_eq!(desk.show(Some(id), 3, &person("u2", &ask()), NOW), Err(Refused::WrongCode), "somebody else");
    assert_eq!(desk.show(Some(id), 3, &person("u1", "x"), NOW), Err(Refused::CodeOver), "it is used up");
    let stage = desk.show(Some(id), 3, &person("u1", &ask()), NOW).expect("right").session.stage;
    assert_eq!(stage, Stage::Full);

    // Each session proves for its own account, by an answer to its own question.
    desk.sign_in(&arrival(ANN, 4), NOW).expect("signed in");
    desk.sign_in(&arrival(BOB, 5), NOW).expect("signed in");
    let ask = |seed, id| desk.ask(seed, Some(id), NOW).expect("asked").state.expect("a state").to_string();
    let (by_ann, by_bob) = (ask(4, id), ask(5, of_bob));
    assert_eq!(desk.show(Some(id), 4, &person("u1", &by_bob), NOW), Err(Refused::WrongCode), "of another");
    assert!(desk.show(Some(id), 5, &person("u1", &by_ann), NOW).is_err(), "a factor of another account");
    let bob = desk.show(Some(of_bob), 5, &person("u1", &by_bob), NOW).expect("right");
    assert_eq!((bob.account.name.as_str(), bob.session.stage), (BOB, Stage::Full));
}

pub(in crate::store::contract) fn a_passkey_proves_and_its_copy_is_told<B: Backend>(backend: &B) {
    let mut desk = desk(backend);
    (desk.rules.origin, desk.rules.relying_party) = (Some(ORIGIN.to_owned()), Some(DOMAIN.to_owned()));
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let mut browser = Browser::new(&[7; 32]);
    let credential = |answer: String| Evidence::Credential(Zeroizing::new(answer));
    let options =
        desk.begin_as(1, FactorKind::Passkey, None, None, NOW).expect("begun").options.expect("options");
    let bound = desk.confirm_by(1, &credential(browser.make(&options)), "Laptop", NOW).expect("bound");
    let id = bound.factors[0].id;
    desk.sign_in(&arrival(ANN, 2), NOW).expect("signed in");
    let ask = || desk.ask(2, Some(id), NOW).expect("asked").options.expect("options");
    let stale = browser.prove(&ask());
    assert_eq!(
        desk.show(Some(id), 2, &credential(stale.clone()), NOW).map(|s| s.session.stage),
        Ok(Stage::Full)
    );
    desk.sign_in(&arrival(ANN, 2), NOW).expect("signed in");
    ask();
    assert_eq!(
        desk.show(Some(id), 2, &credential(stale), NOW),
        Err(Refused::WrongCode),
        "of another question"
    );
    // The authenticator that it was copied from was used meanwhile.
    browser.counter = 0;
    let copied = browser.prove(&ask());
    assert_eq!(desk.show(Some(id), 2, &credential(copied), NOW), Err(Refused::WrongCode));
    let told: Vec<_> =
        desk.events(&[Kind::FactorTried]).into_iter().filter_map(|event| event.reason).collect();
    assert_eq!(told, ["passkey", "passkey", "passkey-copied"]);
}

/// Whoever has several is asked once, and answers with the one that is at hand.
pub(in crate::store::contract) fn one_prompt_takes_any_passkey_of_the_account<B: Backend>(backend: &B) {
    let mut desk = desk(backend);
    (desk.rules.origin, desk.rules.relying_party) = (Some(ORIGIN.to_owned()), Some(DOMAIN.to_owned()));
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let credential = |answer: String| Evidence::Credential(Zeroizing::new(answer));
    let mut session = 1;
    let mut browsers: Vec<(i64, Browser)> = Vec::new();
    for byte in [7, 8] {
        let browser = Browser::new(&[byte; 32]);
        let begun = desk.begin_as(session, FactorKind::Passkey, None, None, NOW).expect("begun");
        let made = credential(browser.make(&begun.options.expect("options")));
        let bound = desk.confirm_by(session, &made, &format!("key {byte}"), NOW).expect("bound");
        browsers.push((bound.factors.last().expect("one").id, browser));
        session += 1_000;
    }
    let ids = [browsers[0].0, browsers[1].0];
    for (seed, (id, browser)) in (10..).zip(&mut browsers) {
        desk.sign_in(&arrival(ANN, seed), NOW).expect("signed in");
        // Whichever is named.
        let options = desk.ask(seed, Some(ids[0]), NOW).expect("asked").options.expect("options");
        let asked: serde_json::Value = serde_json::from_str(&options).expect("JSON");
        assert_eq!(asked["publicKey"]["allowCredentials"].as_array().map(Vec::len), Some(2));
        let inside = desk.show(Some(ids[0]), seed, &credential(browser.prove(&options)), NOW).expect("right");
        assert_eq!(inside.session.proof, Some((Means::Factor(*id), NOW)), "the one that answered");
    }
    // What only one may prove, no other proves.
    desk.sign_in(&arrival(ANN, 20), NOW).expect("signed in");
    let options = desk.ask_alone(20, ids[0], NOW).expect("asked").options.expect("options");
    let other = credential(browsers[1].1.prove(&options));
    assert_eq!(desk.show(Some(ids[0]), 20, &other, NOW), Err(Refused::WrongCode));
    let options = desk.ask_alone(20, ids[0], NOW).expect("asked").options.expect("options");
    assert!(desk.show(Some(ids[0]), 20, &credential(browsers[0].1.prove(&options)), NOW).is_ok());
}

pub(in crate::store::contract) fn recovery_codes_open_once_and_remove_nothing<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (_, id) = desk.bind(1);
    let code = |byte: u8| RecoveryCode {
        selector: crate::gate::key::Selector([byte; 16]),
        key_id: crate::store::contract::key_of_suite().id(),
        phc: format!("${byte}"),
    };
    let set = |seed, now| desk.work(now, |desk| desk.set_recovery_codes(token(seed), &[code(1), code(2)]));
    assert_eq!(set(1_001, NOW.plus(FRESH)), Err(Denied::Stale.into()));
    let made = set(1_001, NOW).expect("made");
    assert_eq!((made.recovery_codes, made.recovery_made), (2, Some(NOW)));
    desk.sign_in(&arrival(ANN, 2), NOW).expect("signed in");
    let (_, rows) = desk.work(NOW, |desk| desk.recovery_rows(token(2))).expect("allowed");
    assert_eq!(desk.show(None, 2, &Evidence::Recovery(None), NOW), Err(Refused::WrongCode));
    let ann = made.account.id;
    let trusts = || write(backend, |tables| tables.devices(ann)).len();
    let Arrival { visitor, .. } = arrival(ANN, 0);
    write(backend, |tables| tables.add_device(ann, token(50), NOW, later(60), &visitor));
    let used = Evidence::Recovery(Some(rows[0].id));
    let prove =
        |desk: &mut people::Desk<'_>| desk.prove(token(2), token(1_002), None, &used, Some(token(51)));
    let inside = desk.work(NOW, prove).expect("right");
    assert_eq!((inside.session.stage, inside.recovery_codes), (Stage::Full, 1));
    assert_eq!(trusts(), 0, "it ends trust, and makes none");
    assert_eq!(desk.show(None, 1_002, &used, NOW), Err(Refused::WrongCode), "once");
    assert_eq!(
        desk.remove(1_002, id, NOW),
        Err(Refused::ProveIt(id)),
        "the lost one is changed, not removed"
    );
    let app =
        desk.begin_as(1_002, FactorKind::Totp, Some(id), None, NOW).expect("begun").seed.expect("a seed");
    let changed = desk.confirm(1_002, &app.code(Step::at(NOW)), "new phone", NOW).expect("changed");
    assert_eq!((changed.factors.len(), changed.factors[0].id), (1, id));
}

/// Somebody who knows the main password guesses at codes; the owner has a recovery code, a passkey, a provider.
pub(in crate::store::contract) fn what_cannot_be_guessed_neither_waits_nor_counts<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    let code = RecoveryCode {
        selector: crate::gate::key::Selector([1; 16]),
        key_id: crate::store::contract::key_of_suite().id(),
        phc: "$1".to_owned(),
    };
    desk.work(NOW, |desk| desk.set_recovery_codes(token(1_001), std::slice::from_ref(&code))).expect("made");
    let ann = write(backend, |tables| tables.account(&name(ANN))).expect("there").id;
    let failures = || write(backend, |tables| tables.throttle(ann)).failures;
    desk.sign_in(&arrival(ANN, 2), NOW).expect("signed in");
    for evidence in [Evidence::Recovery(None), Evidence::Credential(Zeroizing::new("{}".to_owned()))] {
        for _ in 0..2 * FAILURES_MAX {
            desk.show(Some(id), 2, &evidence, NOW).expect_err("wrong");
        }
    }
    assert_eq!(failures(), 0, "what cannot be guessed does not count");
    for failures in [FREE, FAILURES_MAX] {
        let throttle = Throttle { failures, last: NOW };
        write(backend, |tables| tables.set_throttle(ann, throttle));
        let shut = if failures == FREE { Refused::Wait(later(30)) } else { Refused::Locked };
        assert_eq!(desk.ask(2, Some(id), NOW).map(drop), Err(shut.clone()));
        assert_eq!(desk.prove(id, 2, &app.code(Step::at(NOW)), NOW), Err(shut));
        assert!(desk.ask(2, None, NOW).is_ok(), "a recovery code is taken");
    }
    let (_, rows) = desk.work(NOW, |desk| desk.recovery_rows(token(2))).expect("allowed");
    let inside = desk.show(None, 2, &Evidence::Recovery(Some(rows[0].id)), NOW).expect("right");
    assert_eq!((inside.session.stage, failures()), (Stage::Full, 0), "and opens the codes again");
}

pub(in crate::store::contract) fn a_browser_is_trusted_where_the_site_allows_it<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    let prove = |desk: &Desk<'_, B>, seed: u64, now: Timestamp| {
        desk.sign_in(&arrival(ANN, seed), now).expect("signed in");
        let evidence = Evidence::Code(app.code(Step::at(now)));
        desk.work(now, |desk| {
            desk.prove(token(seed), token(seed + 1_000), Some(id), &evidence, Some(token(seed + 2_000)))
        })
    };
    prove(&desk, 2, later(60)).expect("right");
    let trusted = Arrival { devices: vec![token(2_002)], ..arrival(ANN, 3) };
    assert_eq!(desk.sign_in(&trusted, later(61)).expect("signed in").session.stage, Stage::Full);
    let (_, visits, devices) = desk.work(later(61), |desk| desk.devices(token(3))).expect("allowed");
    let sessions: Vec<i64> = visits.iter().filter_map(|seen| seen.visit.session).collect();
    assert_eq!((sessions.len(), devices.len()), (3, 1));
    let forget =
        |seed, id| desk.work(later(61), |desk| desk.forget_device(token(seed), id)).expect("allowed");
    assert!(forget(3, devices[0].id) && !forget(3, devices[0].id));
    let again = Arrival { token: token(4), devices: vec![trusted.renewed], ..trusted.clone() };
    assert_eq!(desk.sign_in(&again, later(62)).expect("signed in").session.stage, Stage::Factor, "at once");
    let end = |id| desk.work(later(62), |desk| desk.end_session(token(3), id)).expect("allowed");
    assert_eq!(end(sessions[1]).expect("it was there").program, "Firefox");
    assert_eq!(end(sessions[1]), None);

    let mut never = desk;
    never.rules.trust_for = Duration::ZERO;
    prove(&never, 5, later(120)).expect("right");
    let untrusted = Arrival { devices: vec![token(2_005)], ..arrival(ANN, 6) };
    assert_eq!(never.sign_in(&untrusted, later(121)).expect("signed in").session.stage, Stage::Factor);
    never.work(later(121), |desk| desk.sign_out_everywhere(token(1_005))).expect("allowed");
    for seed in [3, 6, 1_005] {
        assert_eq!(never.stand(seed, Act::Prove, later(121)), Err(Denied::Over.into()), "{seed}");
    }
}
