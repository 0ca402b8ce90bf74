//! What every store promises. The same suite runs against each implementation: give
//! [`check_all`] a way to make an empty one.

mod clean;
mod counts;
mod identity;
mod import;
mod keys;
mod lists;
mod model;
mod names;
mod people;
mod portal;
mod rows;
mod sending;
mod visits;

use std::sync::Arc;
use std::time::Duration;

use super::orders::{Circumstances, carry_out, settle};
use super::{Backend, DoorTimes, EventQuery, Store, StoreError, Tables};
use crate::clock::Timestamp;
use crate::gate::account::{LastUse, Terms};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::key::{AccountTag, KEY_BYTES, KeyId, KeyRing, SecretTag, Selector, StoreKey};
use crate::gate::name::{AccountName, PasswordName, Protocol};
use crate::gate::order::{Done, Order, OrderRefused, Which};
use crate::gate::record::{AddressRecord, Block, Failure, LockoutRules, Outcome};
use crate::gate::secret::Secret;

const NOW: Timestamp = Timestamp(1_000_000);
const RULES: LockoutRules = LockoutRules {
    failures: 3,
    block_for: Duration::from_secs(3600),
    forget_after: Duration::from_secs(86_400),
    repeats_once: false,
};

/// Runs the whole suite; panics with the promise that was broken.
///
/// # Panics
/// When a promise is broken. `fresh` makes an empty database each time it is called.
pub(super) fn check_all<B: Backend>(fresh: impl Fn() -> B) {
    let suite: &[fn(&B)] = &[
        accounts_come_and_go,
        passwords_are_bounded_named_and_revocable,
        a_refused_order_changes_nothing,
        identity::a_mailbox_is_asked_for_and_has_its_holders,
        identity::a_name_is_whose_the_nearest_account_is,
        import::accounts_are_made_and_changed_all_or_none,
        import::hashes_of_others_are_kept_until_they_are_replaced,
        import::what_does_not_fit_is_told_whole,
        keys::rows_are_counted_by_their_key,
        keys::factors_are_put_under_another_key,
        sources_are_kept_as_they_are,
        settling_blocks_and_says_so,
        events_are_found_by_what_is_asked,
        doors_are_what_was_put_down_last,
        clean::text_of_strangers_is_kept_clean,
        names::old_spellings_take_the_one_form,
        names::two_spellings_of_a_name_are_told_and_stay,
        a_failed_transaction_leaves_nothing,
        sending::an_address_belongs_to_whoever_is_nearest,
        sending::rights_are_granted_and_taken_back,
        sending::a_message_counts_once,
        sending::a_message_that_never_ends_is_released,
        sending::the_winning_level_decides,
        sending::the_latest_login_to_send_is_told,
        sending::a_limit_is_told_once_and_takes_the_password_that_did_it,
        sending::a_limit_of_an_address_is_no_owners,
        sending::notices_are_owed_until_they_are_delivered,
        lists::a_shared_alias_is_taken_from_one,
        lists::lists_of_sending_go_on_where_they_stopped,
        portal::factors_come_and_go,
        portal::recovery_codes_are_used_once,
        counts::failures_are_counted_by_the_hour,
        portal::an_account_has_one_main_password,
        portal::failures_of_factors_are_kept_by_account,
        portal::sessions_are_found_by_their_token,
        portal::a_session_waits_for_one_thing,
        portal::trust_in_a_device_ends,
        visits::visits_are_kept_with_their_outcome,
        visits::visits_have_room_of_their_own,
        visits::mail_clients_are_told_by_the_day,
        people::visits::a_login_is_accepted_when_its_last_proof_was_right,
        people::visits::who_was_stopped_is_told_once,
        people::visits::wrong_codes_in_a_row_are_told_at_once,
        portal::what_is_familiar_is_forgotten,
        people::the_main_password_opens_an_account_without_factors,
        people::an_account_has_so_many_sessions,
        people::an_app_is_bound_by_a_code_of_it,
        people::a_factor_is_proved_once_by_a_code,
        people::guessing_costs_ever_longer_waits,
        people::duty::who_must_have_two_factor_sets_it_up_first,
        people::ending::a_change_of_factors_ends_what_began_before_it,
        people::ending::sessions_without_a_factor_end_no_full_one,
        people::duty::past_the_date_a_proof_turns_two_factor_on,
        people::two_factor_needs_a_factor_and_the_factor_itself_to_go,
        people::a_trusted_device_spares_the_factor_but_not_for_changes,
        people::an_order_needs_its_session_to_the_end,
        people::kinds::a_code_that_was_sent_binds_and_proves,
        people::kinds::a_backup_address_is_outside,
        people::kinds::a_person_of_a_provider_serves_several_accounts,
        people::kinds::a_passkey_proves_and_its_copy_is_told,
        people::kinds::one_prompt_takes_any_passkey_of_the_account,
        people::kinds::recovery_codes_open_once_and_remove_nothing,
        people::kinds::what_cannot_be_guessed_neither_waits_nor_counts,
        people::kinds::a_browser_is_trusted_where_the_site_allows_it,
    ];
    for promise in suite {
        promise(&fresh());
    }
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text, None).expect("the suite's names are good")
}

fn key(n: u8) -> Key {
    Key::Network { first: [n; 16], bits: 128 }
}

fn key_of_suite() -> StoreKey {
    StoreKey::new(&[7; KEY_BYTES])
}

fn circumstances() -> Circumstances {
    let keys = KeyRing::new(key_of_suite(), []);
    Circumstances {
        now: NOW,
        wall: NOW,
        actor: "suite".into(),
        keys,
        people: Arc::new(people::rules()),
        passwords_max: 2,
        failure_delay: Duration::from_secs(2),
    }
}

/// Runs `work` in a transaction and then again on a new connection's view of the result.
fn write<B: Backend, T>(backend: &B, mut work: impl FnMut(&mut dyn Tables) -> Result<T, StoreError>) -> T {
    let mut result = None;
    let mut store = backend.connect().expect("the store opens");
    let outcome = store.write(&mut |tables| {
        result = Some(work(tables)?);
        Ok(())
    });
    outcome.expect("the transaction commits");
    result.expect("the work ran")
}

fn order<B: Backend>(backend: &B, order: &Order) -> Result<Done, OrderRefused> {
    write(backend, |tables| carry_out(tables, order, &circumstances())).map(|(done, _)| done)
}

fn new_password(account: &str, device: &str, secret: &str) -> Order {
    let terms = Terms {
        expires: Some(Timestamp(2_000_000)),
        protocols: vec![Protocol::parse("imap").expect("good"), Protocol::parse("smtp").expect("good")],
        networks: vec!["192.0.2.0/24".parse().expect("good"), "2001:db8::/32".parse().expect("good")],
    };
    Order::NewPassword {
        account: name(account),
        name: PasswordName::parse(device).expect("good"),
        terms,
        digest: Secret::new(secret).digest(),
        phc: "$argon2id$not-computed-here".to_owned(),
    }
}

fn accounts_come_and_go<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    assert_eq!(order(backend, &Order::AddAccount(ann.clone())), Ok(Done::Changed));
    let again = order(backend, &Order::AddAccount(ann.clone()));
    assert_eq!(again, Err(OrderRefused::AccountExists(ann.clone())));
    order(backend, &Order::AddAccount(name("bob@example.net"))).expect("added");

    let set =
        |enabled, two_factor| Order::SetAccount { account: ann.clone(), enabled, two_factor, group: None };
    assert_eq!(order(backend, &set(Some(false), None)), Ok(Done::Changed));
    assert_eq!(order(backend, &set(Some(false), None)), Ok(Done::Unchanged));
    assert_eq!(order(backend, &set(None, Some(true))), Ok(Done::Changed));
    let account = write(backend, |tables| tables.account(&ann)).expect("there");
    assert_eq!((account.enabled, account.two_factor, account.created), (false, true, NOW));

    let lines = |after: &str, search: &str, limit| {
        let lines = write(backend, |tables| tables.accounts(after, search, None, limit));
        lines.into_iter().map(|line| line.name).collect::<Vec<_>>()
    };
    assert_eq!(lines("", "", 10), ["ann@example.org", "bob@example.net"]);
    assert_eq!(lines("", "", 1), ["ann@example.org"]);
    assert_eq!(lines("ann@example.org", "", 10), ["bob@example.net"]);
    assert_eq!(lines("", "example.net", 10), ["bob@example.net"]);
    assert_eq!(lines("", "%", 10), [""; 0], "no wildcards");

    order(backend, &new_password("ann@example.org", "phone", "a")).expect("made");
    assert_eq!(order(backend, &Order::RemoveAccount(ann.clone())), Ok(Done::Changed));
    assert_eq!(write(backend, |tables| tables.account(&ann)), None);
    assert_eq!(write(backend, |tables| tables.counts()).passwords, 0, "its passwords go with it");
    assert_eq!(order(backend, &Order::RemoveAccount(ann.clone())), Err(OrderRefused::NoAccount(ann)));
}

fn passwords_are_bounded_named_and_revocable<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    order(backend, &Order::AddAccount(ann.clone())).expect("added");
    let Ok(Done::NewPassword(first)) =
        order(backend, &new_password("ann@example.org", "phone", "secret one"))
    else {
        panic!("a client password is made")
    };
    let taken = order(backend, &new_password("ann@example.org", "phone", "b"));
    assert!(matches!(taken, Err(OrderRefused::NameTaken { .. })), "{taken:?}");
    let spilled = order(backend, &new_password("ann@example.org", "secret one", "b"));
    assert_eq!(spilled, Err(OrderRefused::NameIsSecret));
    let own = order(backend, &new_password("ann@example.org", "b", "b"));
    assert_eq!(own, Err(OrderRefused::NameIsSecret));
    order(backend, &new_password("ann@example.org", "laptop", "b")).expect("made");
    let third = order(backend, &new_password("ann@example.org", "desk", "c"));
    assert!(matches!(third, Err(OrderRefused::TooManyPasswords { limit: 2, .. })), "{third:?}");

    let last_use = LastUse { at: NOW, address: Some("192.0.2.7".into()), protocol: "imap".into() };
    write(backend, |tables| tables.set_last_use(first, &last_use));
    write(backend, |tables| tables.set_selector(first, Selector([9; 16]), KeyId([9; 8])));
    let account = write(backend, |tables| tables.account(&ann)).expect("there");
    let phone = &account.passwords[0];
    assert_eq!((phone.id, &*phone.name, phone.created), (first, "phone", NOW));
    assert_eq!(phone.stored.selector(), Some((KeyId([9; 8]), Selector([9; 16]))));
    assert_eq!(phone.last_use, Some(last_use.clone()));
    let Order::NewPassword { terms, .. } = new_password("ann@example.org", "x", "x") else { unreachable!() };
    assert_eq!(phone.terms, terms);

    let revoke = |which| order(backend, &Order::Revoke { account: ann.clone(), which });
    assert_eq!(revoke(Which::Id(first)), Ok(Done::Revoked(vec![(first, "phone".into())])));
    assert_eq!(revoke(Which::Id(first)), Err(OrderRefused::NoPassword(ann.clone())));
    assert_eq!(revoke(Which::Name("phone".into())), Err(OrderRefused::NoPassword(ann.clone())));
    write(backend, |tables| tables.set_last_use(first, &last_use));
    let account = write(backend, |tables| tables.account(&ann)).expect("there");
    assert_eq!(account.passwords.len(), 1);
    let mark = &account.revoked[0];
    assert_eq!((mark.id, mark.name.as_str(), mark.selector), (first, "phone", Selector([9; 16])));
    let Ok(Done::NewPassword(next)) = order(backend, &new_password("ann@example.org", "phone", "d")) else {
        panic!("the name is free again")
    };
    assert!(next > first, "a number is never used again");
    assert!(matches!(revoke(Which::All), Ok(Done::Revoked(gone)) if gone.len() == 2));
    assert_eq!(revoke(Which::All), Ok(Done::Revoked(vec![])));
    write(backend, |tables| tables.forget(NOW, Timestamp(NOW.0 + 1), 100));
    let account = write(backend, |tables| tables.account(&ann)).expect("there");
    assert_eq!(account.revoked, [], "marks are forgotten in time");
}

fn a_refused_order_changes_nothing<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    let orders = [
        new_password("ann@example.org", "phone", "a"),
        Order::Revoke { account: ann.clone(), which: Which::All },
        Order::SetAccount { account: ann.clone(), enabled: Some(true), two_factor: None, group: None },
    ];
    for refused in orders {
        assert_eq!(order(backend, &refused), Err(OrderRefused::NoAccount(ann.clone())));
    }
    assert_eq!(order(backend, &Order::LiftBlock(key(1))), Err(OrderRefused::NotBlocked(key(1))));
    let all = EventQuery { limit: 10, ..EventQuery::default() };
    assert_eq!(write(backend, |tables| tables.events(&all)), [], "and is no event");
}

fn sources_are_kept_as_they_are<B: Backend>(backend: &B) {
    let failure = |n| Failure { account: AccountTag(n), secret: SecretTag(u64::MAX - n) };
    let block = Block::by_hand(Timestamp(5), Timestamp(50), "by hand");
    let run = |last, count| {
        let failures = (0..count).map(failure).collect();
        AddressRecord::Run(crate::gate::record::Run { failures, last: Timestamp(last), told: None })
    };
    let unknown = Key::NoAddress(AccountTag(u64::MAX));
    let kept = [(key(2), run(1, 9)), (key(1), AddressRecord::Blocked(block)), (unknown, run(9, 1))];
    for (key, record) in kept.iter().rev() {
        write(backend, |tables| tables.put_source(key, Some(record)));
    }
    for (key, record) in &kept {
        assert_eq!(write(backend, |tables| tables.source(key)).as_ref(), Some(record));
    }
    assert_eq!(write(backend, |tables| tables.sources()), kept, "oldest first");
    write(backend, |tables| tables.put_source(&key(1), None));
    assert_eq!(write(backend, |tables| tables.source(&key(1))), None);
}

fn settling_blocks_and_says_so<B: Backend>(backend: &B) {
    let failed = Outcome::Failed(Failure { account: AccountTag(1), secret: SecretTag::NONE }, None);
    let login = Event::new(NOW, Kind::Login, "gate").account("ann@example.org").address("192.0.2.7");
    for count in 1..3 {
        let (record, _) = write(backend, |tables| settle(tables, &key(1), failed, &login, &RULES));
        assert_eq!(record.map_or(0, |record| record.failures()), count);
    }
    let (record, _) = write(backend, |tables| settle(tables, &key(1), failed, &login, &RULES));
    let Some(AddressRecord::Blocked(block)) = record else { panic!("the third failure blocks") };
    assert_eq!(block.until, NOW.plus(RULES.block_for));
    let events = write(backend, |tables| tables.events(&EventQuery { limit: 10, ..EventQuery::default() }));
    let kinds: Vec<Kind> = events.iter().map(|(_, event)| event.kind).collect();
    assert_eq!(kinds, [Kind::Login, Kind::Login, Kind::Login, Kind::BlockAdded]);
    assert_eq!(order(backend, &Order::LiftBlock(key(1))), Ok(Done::Changed));
    assert_eq!(write(backend, |tables| tables.source(&key(1))), None, "and the run starts at zero");
}

fn events_are_found_by_what_is_asked<B: Backend>(backend: &B) {
    for n in 0..6_i64 {
        let event = Event::new(Timestamp(100 + n), Kind::Login, "gate")
            .account(if n % 2 == 0 { "ann@example.org" } else { "bob@example.org" })
            .address(if n < 3 { "192.0.2.7" } else { "192.0.2.8" });
        write(backend, |tables| tables.add_event(&event));
    }
    let times = |query: EventQuery| {
        let events = write(backend, |tables| tables.events(&query));
        events.into_iter().map(|(_, event)| event.time.0).collect::<Vec<_>>()
    };
    let all = EventQuery { limit: 10, ..EventQuery::default() };
    let ann = Some("ann@example.org".to_owned());
    let address = Some("192.0.2.8".to_owned());
    assert_eq!(times(all.clone()), [100, 101, 102, 103, 104, 105]);
    assert_eq!(times(EventQuery { limit: 2, ..all.clone() }), [104, 105], "the newest");
    for (kind, found) in [(Kind::Login, 6), (Kind::BlockAdded, 0)] {
        assert_eq!(times(EventQuery { kinds: vec![kind], ..all.clone() }).len(), found, "{kind:?}");
    }
    assert_eq!(write(backend, |tables| tables.check()), "ok");
    assert_eq!(times(EventQuery { account: ann.clone(), ..all.clone() }), [100, 102, 104]);
    assert_eq!(times(EventQuery { account: ann, address, ..all.clone() }), [104]);
    let lifted = EventQuery { kinds: vec![Kind::BlockLifted], ..all.clone() };
    assert_eq!(times(lifted), [0; 0]);
    let logins = EventQuery { kinds: vec![Kind::Login, Kind::BlockLifted], limit: 2, ..all.clone() };
    assert_eq!(times(logins), [104, 105]);
    assert_eq!(write(backend, |tables| tables.cursor("x")), None);
    for event in [3, 7] {
        write(backend, |tables| tables.set_cursor("x", event));
        assert_eq!(write(backend, |tables| tables.cursor("x")), Some(event));
    }
    assert_eq!(times(EventQuery { since: Some(Timestamp(104)), ..all.clone() }), [104, 105]);
    let third = write(backend, |tables| tables.events(&all))[2].0;
    assert_eq!(times(EventQuery { after: Some(third), limit: 2, ..all.clone() }), [103, 104], "the next");
    assert_eq!(write(backend, |tables| tables.forget(Timestamp(104), NOW, 3)), 3, "bounded");
    assert_eq!(write(backend, |tables| tables.forget(Timestamp(104), NOW, 3)), 1);
    assert_eq!(times(all), [104, 105]);
}

fn doors_are_what_was_put_down_last<B: Backend>(backend: &B) {
    let door = |place: &str, asked| DoorTimes { place: place.into(), since: NOW, asked };
    assert_eq!(write(backend, |tables| tables.doors()), []);
    let (asked, never) = (door("/run/a", Some(NOW)), door("127.0.0.1:1", None));
    write(backend, |tables| tables.set_doors(&[asked.clone(), door("/run/b", None)]));
    write(backend, |tables| tables.set_doors(&[never.clone(), asked.clone()]));
    assert_eq!(write(backend, |tables| tables.doors()), [asked, never]);
}

fn a_failed_transaction_leaves_nothing<B: Backend>(backend: &B) {
    let mut store = backend.connect().expect("the store opens");
    let outcome = store.write(&mut |tables| {
        tables.add_account(&name("ann@example.org"), NOW)?;
        Err(StoreError::Busy)
    });
    assert_eq!(outcome, Err(StoreError::Busy));
    assert_eq!(write(backend, |tables| tables.counts()).accounts, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::account::Stored;
    use crate::store::sqlite::Sqlite;
    use proptest::prelude::*;

    #[test]
    fn the_embedded_store_keeps_every_promise() {
        let folder = tempfile::tempdir().unwrap();
        let count = std::cell::Cell::new(0);
        check_all(|| {
            count.set(count.get() + 1);
            Sqlite::at(folder.path().join(format!("{}.db", count.get())))
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_embedded_store_agrees_with_a_plain_model(steps in model::steps()) {
            let folder = tempfile::tempdir().unwrap();
            model::agree(&Sqlite::at(folder.path().join("model.db")), &steps);
        }

        #[test]
        fn sending_is_counted_as_anybody_would(asked in counts::bookings()) {
            let folder = tempfile::tempdir().unwrap();
            counts::bookings_agree(&Sqlite::at(folder.path().join("counts.db")), &asked);
        }

        #[test]
        fn a_roll_out_meets_whom_the_events_name(logins in counts::logins(), since in 0..100_i64, at_once in 1..4_u32) {
            let folder = tempfile::tempdir().unwrap();
            counts::meetings_agree(&Sqlite::at(folder.path().join("met.db")), &logins, since, at_once);
        }

        #[test]
        fn rows_come_back_as_they_were(event in rows::event(), source in rows::source(), password in rows::password()) {
            let folder = tempfile::tempdir().unwrap();
            rows::come_back(&Sqlite::at(folder.path().join("rows.db")), &event, &source, &password);
        }
    }

    #[test]
    fn an_older_database_is_brought_up_to_date_and_keeps_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(include_str!("schema/0001_start.sql")).unwrap();
        old.execute_batch("INSERT INTO account (name, created) VALUES ('ann@example.org', 5)").unwrap();
        let rows = "INSERT INTO client_password (account_id, name, selector, key_id, phc, created)
                        VALUES (1, 'phone', zeroblob(16), zeroblob(8), '$argon2id$x', 6);
                    INSERT INTO revoked_password (id, account_id, name, selector, at)
                        VALUES (9, 1, 'old', zeroblob(16), 7)";
        old.execute_batch(rows).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.pragma_update(None, "application_id", 0x5364_6774).unwrap();
        drop(old);
        let backend = Sqlite::at(&path);
        let ann = write(&backend, |tables| tables.account(&name("ann@example.org"))).unwrap();
        assert_eq!((ann.created, ann.group), (Timestamp(5), None));
        let (selector, key_id) = (Selector([0; 16]), KeyId([0; 8]));
        let stored = Stored::Ours { selector, key_id, phc: "$argon2id$x".into() };
        assert_eq!((&ann.passwords[0].stored, ann.revoked[0].selector), (&stored, selector));
        let counts = write(&backend, |tables| tables.key_counts());
        let counts: Vec<_> = counts.iter().map(|one| (one.key_id, one.passwords, one.removed)).collect();
        assert_eq!(counts, [(Some(key_id), 1, 0), (None, 0, 1)]);
        assert_eq!(write(&backend, |tables| tables.delegations(None)), []);
    }

    #[test]
    fn another_programs_database_and_a_newer_one_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = folder.path().join("foreign.db");
        rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let error = Sqlite::at(&foreign).connect().unwrap_err().to_string();
        assert!(error.contains("foreign.db") && error.contains("other program"), "{error}");

        let newer = folder.path().join("newer.db");
        Sqlite::at(&newer).connect().unwrap();
        rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 999).unwrap();
        let error = Sqlite::at(&newer).connect().unwrap_err().to_string();
        assert!(error.contains("newer version") && error.contains("999"), "{error}");
    }
}
