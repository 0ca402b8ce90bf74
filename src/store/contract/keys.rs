//! Promises about keys.

use super::{NOW, circumstances, name, new_password, order, write};
use crate::entropy::Entropy;
use crate::gate::factor::FactorKind;
use crate::gate::key::{KEY_BYTES, KeyRing, Selector, StoreKey};
use crate::gate::order::{Order, OrderRefused, Which};
use crate::gate::seal::{Place, Sealed};
use crate::store::keys::{KeyCount, Resealed, reseal};
use crate::store::orders::{Circumstances, carry_out};
use crate::store::portal::{NewFactor, RecoveryRow, UID_BYTES};
use crate::store::{Backend, StoreError};

pub(super) fn rows_are_counted_by_their_key<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    order(backend, &Order::AddAccount(ann.clone())).expect("added");
    order(backend, &new_password("ann@example.org", "phone", "a")).expect("made");
    order(backend, &new_password("ann@example.org", "tablet", "b")).expect("made");
    let counts = || {
        let mut counts = write(backend, |tables| tables.key_counts());
        counts
            .sort_by_key(|count| (count.removed, count.key_id != Some(circumstances().keys.current().id())));
        counts
    };
    let first = circumstances().keys.current().clone();
    let of = |key: &StoreKey, passwords, removed| KeyCount {
        key_id: Some(key.id()),
        passwords,
        removed,
        ..KeyCount::default()
    };
    assert_eq!(counts(), [of(&first, 2, 0)]);
    order(backend, &Order::Revoke { account: ann.clone(), which: Which::Name("tablet".into()) })
        .expect("revoked");
    assert_eq!(counts(), [of(&first, 1, 0), of(&first, 0, 1)]);

    let second = StoreKey::new(&[8; KEY_BYTES]);
    let keys = KeyRing::new(second.clone(), [first.clone()]);
    let at = Circumstances { keys, ..circumstances() };
    let new = |device: &str, secret: &str| -> Result<(), OrderRefused> {
        let order = new_password("ann@example.org", device, secret);
        write(backend, |tables| -> Result<_, StoreError> { carry_out(tables, &order, &at) }).map(drop)
    };
    assert_eq!(new("a", "c"), Err(OrderRefused::NameIsSecret), "one that a former key finds is one still");
    assert_eq!(new("laptop", "c"), Ok(()));
    assert_eq!(counts(), [of(&first, 1, 0), of(&second, 1, 0), of(&first, 0, 1)]);
}

pub(super) fn factors_are_put_under_another_key<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    order(backend, &Order::AddAccount(ann.clone())).expect("added");
    let account = write(backend, |tables| tables.account(&ann)).expect("it is there").id;
    let entropy = Entropy::from_seed(7);
    let (first, second) = (StoreKey::new(&[7; KEY_BYTES]), StoreKey::new(&[8; KEY_BYTES]));
    let former = KeyRing::new(first.clone(), []);
    let keys = KeyRing::new(second.clone(), [first.clone()]);
    let place = |uid: &'static [u8; UID_BYTES]| Place { table: "factor", row: uid, account };
    let bind = |kind: FactorKind, uid: &'static [u8; UID_BYTES], plain: &[u8]| {
        let sealed = former.seal(plain, place(uid), &entropy).expect("short enough");
        let new = NewFactor { kind, name: kind.word().to_owned(), uid: *uid, sealed };
        write(backend, |tables| tables.add_factor(account, &new, NOW))
    };
    let app = bind(FactorKind::Totp, &[1; UID_BYTES], b"a seed");
    let person = bind(FactorKind::Wecom, &[2; UID_BYTES], b"app\nann");
    let spoilt = bind(FactorKind::Sms, &[3; UID_BYTES], b"+8613800000000");
    let sealed = Sealed { key_id: first.id(), bytes: vec![3; 60] };
    write(backend, |tables| tables.reseal_factor(spoilt, &sealed));
    let code = RecoveryRow { id: 0, selector: Selector([1; 16]), key_id: first.id(), phc: "x".into() };
    write(backend, |tables| tables.set_recovery_codes(account, std::slice::from_ref(&code), Some(NOW)));
    let under = |key: &StoreKey| {
        let counts = write(backend, |tables| tables.key_counts());
        let under = counts.iter().filter(|count| count.key_id == Some(key.id()));
        under.fold((0, 0), |sum, count| (sum.0 + count.factors, sum.1 + count.recovery_codes))
    };
    assert_eq!((under(&first), under(&second)), ((3, 1), (0, 0)));

    let put =
        |after, limit| write(backend, |tables| reseal(tables, (first.id(), after), &keys, &entropy, limit));
    assert_eq!(put(0, 1), Resealed { last: Some(app), broken: Vec::new() });
    assert_eq!((under(&first), under(&second)), ((2, 1), (1, 0)), "one by one");
    assert_eq!(put(app, 9), Resealed { last: Some(spoilt), broken: vec![ann.to_string()] });
    assert_eq!((under(&first), under(&second)), ((1, 1), (2, 0)), "what cannot be opened stays");
    assert_eq!(put(spoilt, 9), Resealed::default());

    let alone = KeyRing::new(second.clone(), []);
    let rows = write(backend, |tables| tables.factors(account));
    let plain = |at: usize, uid| alone.open(&rows[at].sealed, place(uid)).expect("it opens").to_vec();
    assert_eq!(plain(0, &[1; UID_BYTES]), b"a seed");
    assert_eq!((rows[1].factor.id, plain(1, &[2; UID_BYTES])), (person, b"app\nann".to_vec()));
}
