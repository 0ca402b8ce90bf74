//! Promises about keys.

use super::{circumstances, name, new_password, order, write};
use crate::gate::key::{KEY_BYTES, KeyRing, StoreKey};
use crate::gate::order::{Order, OrderRefused, Which};
use crate::store::keys::KeyCount;
use crate::store::orders::{Circumstances, carry_out};
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
    let of = |key: &StoreKey, passwords, removed| KeyCount { key_id: Some(key.id()), passwords, removed };
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
