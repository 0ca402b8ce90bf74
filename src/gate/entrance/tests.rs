//! Who gets a place and who a time, for one account; and that no order of coming changes how many are looked at.

use super::*;
use crate::gate::address::Prefixes;
use crate::gate::key::AccountTag;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn later(secs: i64) -> Timestamp {
    Timestamp(NOW.0 + secs)
}

fn from(last_byte: u8) -> Key {
    let address = std::net::Ipv4Addr::new(198, 51, 100, last_byte);
    Key::of(address.into(), &Prefixes::new(32, 64)).unwrap()
}

fn after(failures: u32) -> Places {
    Places { failures, last: NOW, ..Places::default() }
}

#[test]
fn of_many_at_once_only_the_free_ones_are_looked_at() {
    let mut places = Places::default();
    let taken = (0..120).filter(|n| places.take(from(n % 12), NOW).is_ok()).count();
    assert_eq!(taken, 5);
    for _ in 0..taken {
        places.failed(later(2));
    }
    assert_eq!((places.failures, places.last, places.looking), (5, later(2), 0));
    // Each of the twelve has a time of its own, and somebody else one after them.
    let told: Vec<_> =
        (0..13).map(|n| places.take(from((n + 5) % 13), later(3)).unwrap_err().0 - NOW.0).collect();
    assert_eq!(told, [20, 23, 26, 29, 32, 35, 38, 56, 41, 44, 47, 50, 53]);
}

#[test]
fn everybody_is_told_a_time_of_their_own_within_a_minute() {
    let mut places = after(FREE);
    for n in 0..14 {
        assert_eq!(places.take(from(n), NOW), Err(later(20 + 3 * i64::from(n))), "{n}");
        assert_eq!(
            places.take(from(n), later(1)),
            Err(later(20 + 3 * i64::from(n))),
            "asking does not change it"
        );
    }
    assert_eq!(places.take(from(14), NOW), Err(later(60)), "and no place is kept");
    assert_eq!(places.kept.len(), 14);
    assert_eq!(places.take(from(0), later(19)), Err(later(20)));
    // In any order.
    assert_eq!(places.take(from(1), later(23)), Ok(()));
    assert_eq!(places.take(from(0), later(23)), Ok(()));
    assert_eq!(places.take(from(0), later(23)), Err(later(62)), "once");
    for _ in 0..2 {
        places.failed(later(24));
    }
    assert_eq!(places.take(from(2), later(55)), Ok(()), "kept for half a minute");
    assert_eq!(places.take(from(3), later(59)), Err(later(79)), "and no longer");
}

#[test]
fn so_many_places_are_kept() {
    let mut places = after(FREE);
    let told: Vec<_> = (0..250).map(|n| places.take(from(n), later(i64::from(n) / 9)).unwrap_err()).collect();
    assert_eq!(places.kept.len(), KEPT_MAX);
    assert_eq!(told[249], later(27 + 60));
}

#[test]
fn what_was_right_or_not_looked_at_gives_its_place_back() {
    for failures in 0..FREE {
        assert_eq!(after(failures).take(from(1), NOW), Ok(()), "{failures}");
    }
    let mut places = after(4);
    assert_eq!(places.take(from(1), NOW), Ok(()));
    assert!(places.take(from(2), NOW).is_err());
    places.give_back();
    assert_eq!(
        (places.failures, places.take(from(2), NOW)),
        (4, Ok(())),
        "before its time: it is free again"
    );
    places.came_in();
    assert_eq!(places, Places { last: NOW, ..Places::default() });
    for n in 0..3 {
        assert_eq!(places.take(from(n), NOW), Ok(()));
    }
    // Right, while others are being looked at.
    places.came_in();
    places.failed(NOW);
    assert_eq!((places.failures, places.looking), (1, 1), "the one behind it counts still");
    Places::default().give_back();
}

#[test]
fn failures_are_forgotten_after_an_hour_without_any() {
    assert!(after(50).take(from(1), later(3_599)).is_err());
    let mut places = after(50);
    for n in 0..5 {
        assert_eq!(places.take(from(n), later(3_600)), Ok(()), "{n}");
    }
    assert!(places.take(from(5), later(9_999)).is_err(), "not while they are looked at");
    let many = Places { failures: u32::MAX, ..after(0) };
    assert!(many.clone().take(from(1), NOW).is_err());
}

#[test]
fn a_clock_that_was_set_back_keeps_nobody_waiting_for_it() {
    let kept = vec![(from(1), later(100_020))];
    let mut places = Places { failures: 9, last: later(100_000), looking: 0, kept };
    assert_eq!(places.take(from(1), NOW), Err(later(20)));
    assert_eq!(places.take(from(1), later(20)), Ok(()));
}

#[test]
fn only_what_tells_browsers_and_addresses_apart_is_kept() {
    let browser = Familiar::Browser(BrowserMark::of("one"));
    let address = Familiar::Address(from(7));
    let kept = [browser, address].map(|familiar| familiar.to_bytes().unwrap());
    assert_eq!(kept.clone().map(|bytes| bytes.len()), [17, 18]);
    assert_ne!(BrowserMark::of("one"), BrowserMark::of("two"));
    let home = |text: &str| Key::of(text.parse().unwrap(), &Prefixes::new(32, 64)).unwrap();
    let same = ["2001:db8::1", "2001:db8::2"].map(|text| Familiar::Address(home(text)).to_bytes());
    assert_eq!(same[0], same[1], "of IPv6 the network");
    let nowhere = Familiar::Address(Key::NoAddress(AccountTag(1)));
    for none in [Familiar::Session(1), Familiar::Device(1), nowhere] {
        assert_eq!(none.to_bytes(), None);
    }
}

proptest! {
    /// Whoever comes, in whatever order, and however it ends.
    #[test]
    fn never_more_than_may_be(steps in prop::collection::vec((0_u8..6, 0_u8..40, 0_i64..40), 1..300)) {
        let (mut places, mut now, mut looking) = (Places::default(), NOW, 0);
        // Those that were taken since the last one that was right.
        let (mut since, mut taken) = (NOW, 0);
        for (what, source, pause) in steps {
            now = Timestamp(now.0 + pause * i64::from(source % 2));
            match what {
                0 if looking > 0 => { places.failed(now); looking -= 1; }
                1 if looking > 0 => { places.came_in(); looking -= 1; (since, taken) = (now, 0); }
                2 if looking > 0 => { places.give_back(); looking -= 1; taken -= 1; }
                _ => match places.take(from(source), now) {
                    Ok(()) => { looking += 1; taken += 1; }
                    Err(until) => prop_assert!(now < until && until <= now.plus(TOLD_MAX), "{:?}", places),
                },
            }
            prop_assert_eq!(places.looking, looking);
            prop_assert!(places.kept.len() <= KEPT_MAX);
            prop_assert!(places.kept.is_sorted_by(|one, next| next.1.0 - one.1.0 >= 3));
            let hours = (now.0 - since.0) / 3_600;
            let most = i64::from(FREE) * (hours + 1) + (now.0 - since.0) / 3 + 2 * KEPT_MAX as i64;
            prop_assert!(taken <= most, "{taken} since {since}");
        }
    }

    /// However often a dozen loops ask: whoever comes once, and again when told, gets in within a minute.
    #[test]
    fn loops_keep_nobody_waiting(failures in FREE..200, at in 0_i64..300, loops in 1_u8..=12) {
        let mut places = after(failures);
        let mut told = None;
        for secs in 0..400 {
            for n in 0..loops {
                if places.take(from(n), later(secs)).is_ok() {
                    places.failed(later(secs));
                }
            }
            if secs == at {
                let until = places.take(from(99), later(secs)).unwrap_err();
                prop_assert!(until <= later(secs + 60));
                told = Some(until);
            } else if told == Some(later(secs)) {
                prop_assert_eq!(places.take(from(99), later(secs)), Ok(()));
                return Ok(());
            }
        }
        prop_assert!(false, "never");
    }
}
