//! Tests of who is told of whom, and of when a visit is over.

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);
const APP: Outcome = Outcome::In(By::Factor(FactorKind::Totp));

fn ago(secs: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(secs))
}

fn visit(id: i64, outcome: Outcome, source: &str, at: Timestamp) -> Visit {
    Visit {
        id,
        account_id: 1,
        session: None,
        outcome,
        begun: at,
        last: at,
        count: 1,
        wrong: 0,
        source: source.into(),
        address: Some(source.into()),
        system: "Windows".into(),
        program: "Firefox".into(),
        told: None,
    }
}

fn stopped(id: i64, source: &str, at: Timestamp) -> Visit {
    visit(id, Outcome::Stopped, source, at)
}

fn told(one: &Visit, others: &[Visit]) -> bool {
    let all: Vec<Visit> = std::iter::once(one).chain(others).cloned().collect();
    one.is_told(&all, NOW)
}

#[test]
fn words_come_back() {
    for by in [
        By::MainPassword,
        By::Trusted,
        By::Recovery,
        By::Factor(FactorKind::Totp),
        By::Factor(FactorKind::Mail),
    ] {
        assert_eq!(By::parse(by.word()), Some(by));
    }
    assert_eq!((By::parse("fax"), APP.word(), Outcome::Stopped.word()), (None, "in", "stopped"));
}

#[test]
fn a_stranger_is_told_and_the_owner_who_slips_is_not() {
    let thief = stopped(1, "203.0.113.66", ago(0));
    assert!(told(&thief, &[]));
    assert!(told(&thief, &[visit(2, APP, "192.0.2.7", ago(60))]), "another address");
    let phone = Visit { program: "Chrome".into(), ..visit(2, APP, "203.0.113.66", ago(60)) };
    assert!(told(&thief, &[phone]), "another browser");
    for by in [By::Trusted, By::Recovery, By::Factor(FactorKind::Totp)] {
        assert!(!told(&thief, &[visit(2, Outcome::In(by), "203.0.113.66", ago(60))]), "{by:?}");
    }
    // Who only ever showed the main password may be the thief.
    assert!(told(&thief, &[visit(2, Outcome::In(By::MainPassword), "203.0.113.66", ago(60))]));
    // Who gave up in a browser that is new, and came in after all.
    let slipped = stopped(1, "192.0.2.7", ago(600));
    assert!(!told(&slipped, &[visit(2, APP, "192.0.2.7", ago(30))]));
    let days = |secs| visit(2, APP, "192.0.2.7", slipped.last.minus(KEPT).plus(Duration::from_secs(secs)));
    assert!(!told(&slipped, &[days(0)]));
    assert!(told(&slipped, &[visit(2, APP, "192.0.2.7", Timestamp(days(0).last.0 - 1))]), "long ago");
}

#[test]
fn who_slips_again_and_again_is_told() {
    let known = || visit(9, APP, "192.0.2.7", ago(3_000));
    let slip = |id, secs| stopped(id, "192.0.2.7", ago(secs));
    assert!(!told(&slip(1, 10), &[known(), slip(2, 800)]));
    assert!(told(&slip(1, 10), &[known(), slip(2, 800), slip(3, 1_600)]));
    assert!(!told(&slip(1, 10), &[known(), slip(2, 4_000), slip(3, 5_000)]), "those were before it came in");
    let many = Visit { count: SLIPS_MAX, ..slip(1, 10) };
    assert!(told(&many, &[known()]));
    let guessing = |wrong| Visit { wrong, ..slip(1, 10) };
    assert!(!told(&guessing(WRONG_MAX * SLIPS_MAX - 1), &[known()]));
    assert!(told(&guessing(WRONG_MAX * SLIPS_MAX), &[known()]));
    assert_eq!(
        [0, 1, 2, 3, 4, 6].map(|wrong| guessing(wrong).guesses()),
        [false, false, false, true, false, true]
    );
}

#[test]
fn nobody_fills_a_mailbox() {
    let told_of =
        |id, source: &str, secs: u64| Visit { told: Some(ago(secs)), ..stopped(id, source, ago(secs)) };
    let thief = stopped(1, "203.0.113.66", ago(0));
    let day = TOLD_AGAIN.as_secs();
    assert!(!told(&thief, &[told_of(2, "203.0.113.66", day - 1)]), "told already");
    assert!(told(&thief, &[told_of(2, "203.0.113.66", day)]));
    let other = Visit { program: "curl".into(), ..told_of(2, "203.0.113.66", 5) };
    assert!(!told(&thief, &[other]), "another name of a browser is no other source");
    let others = |count: usize| {
        (0..count).map(|n| told_of(n as i64 + 2, &format!("198.51.100.{n}"), 5)).collect::<Vec<_>>()
    };
    assert!(told(&thief, &others(TOLD_MAX - 1)));
    assert!(!told(&thief, &others(TOLD_MAX)));
}

#[test]
fn a_visit_is_over_when_no_factor_can_be_proved_in_it() {
    let begun = visit(1, Outcome::Pending, "192.0.2.7", NOW);
    let at = |secs| NOW.plus(Duration::from_secs(secs));
    let pending = PENDING.as_secs();
    assert!(!begun.is_due(at(pending - 1)) && begun.is_due(at(pending)));
    // Who begins anew all the time is not waited for.
    let again = Visit { last: at(2 * pending - 1), ..begun.clone() };
    assert!(!again.is_due(at(2 * pending - 1)) && again.is_due(at(2 * pending)));
    assert!(!Visit { outcome: Outcome::Stopped, ..begun.clone() }.is_due(at(pending)));
    let before = stopped(2, "192.0.2.7", ago(TOGETHER.as_secs() - 1));
    assert!(begun.joins(&before));
    assert!(!begun.joins(&stopped(2, "192.0.2.7", ago(TOGETHER.as_secs()))));
    assert!(!begun.joins(&stopped(2, "192.0.2.8", NOW)) && !begun.joins(&visit(2, APP, "192.0.2.7", NOW)));
}
