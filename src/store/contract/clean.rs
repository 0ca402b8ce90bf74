//! Strangers' text: kept without what a database or a terminal would stumble over, and never a reason to refuse a batch.

use super::{NOW, key_of_suite, name, new_password, order, write};
use crate::gate::account::LastUse;
use crate::gate::address::Key;
use crate::gate::clean::{KEPT_BYTES_MAX, is_unprintable};
use crate::gate::event::{Event, Kind};
use crate::gate::factor::FactorKind;
use crate::gate::order::Order;
use crate::gate::record::{AddressRecord, Block};
use crate::gate::seal::Sealed;
use crate::gate::session::{Stage, TokenTag};
use crate::store::portal::{NewFactor, NewSession, UID_BYTES, Visitor};
use crate::store::{Backend, EventQuery};

/// As strangers send it.
const HOSTILE: &str = "ann\0x\u{1b}[2J\u{202e}\u{200b}@example.org\n\u{ffff}";

#[track_caller]
fn check(kept: &str) {
    assert!(!kept.is_empty() && !kept.contains(is_unprintable) && kept.len() <= KEPT_BYTES_MAX, "{kept:?}");
}

pub(super) fn text_of_strangers_is_kept_clean<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    order(backend, &Order::AddAccount(ann.clone())).expect("added");
    order(backend, &new_password("ann@example.org", "Phone", "s")).expect("made");
    let long = format!("{HOSTILE}{}", "x".repeat(2 * KEPT_BYTES_MAX));
    for hostile in [HOSTILE, &long] {
        let event = Event {
            account: Some(hostile.into()),
            address: Some(hostile.into()),
            protocol: Some(hostile.into()),
            password_id: Some(1),
            password_name: Some(hostile.into()),
            verdict: Some(hostile.into()),
            reason: Some(hostile.into()),
            actor: hostile.into(),
            ..Event::new(NOW, Kind::Login, "gate")
        };
        let visitor =
            Visitor { address: Some(hostile.into()), system: hostile.into(), program: hostile.into() };
        let token = TokenTag([u8::try_from(hostile.len() % 251).expect("small"); 32]);
        let source = Key::Network { first: [9; 16], bits: 128 };
        let block = Block { since: NOW, until: NOW, reason: hostile.into(), streak: None };
        write(backend, |tables| {
            tables.add_event(&event)?;
            let account = tables.account(&ann)?.expect("there");
            let last_use = LastUse { at: NOW, address: Some(hostile.into()), protocol: hostile.into() };
            tables.set_last_use(account.passwords[0].id, &last_use)?;
            tables.put_source(&source, Some(&AddressRecord::Blocked(block.clone())))?;
            let (account_id, stage, now, visitor) = (account.id, Stage::Full, NOW, &visitor);
            tables.add_session(&NewSession { account_id, token, stage, now, visitor })?;
            let device = tables.add_device(account_id, token, NOW, NOW, visitor)?;
            tables.use_device(device, token, Some(hostile), NOW)?;
            let sealed = Sealed { key_id: key_of_suite().id(), bytes: vec![1; 60] };
            let (kind, uid) = (FactorKind::Totp, [token.0[0]; UID_BYTES]);
            let factor = NewFactor { kind, name: hostile.into(), uid, sealed };
            tables.add_factor(account_id, &factor, NOW)?;
            tables.put_codes_sent(hostile, "{}", NOW)
        });
        write(backend, |tables| {
            let query = EventQuery { account: Some(hostile.into()), limit: 9, ..EventQuery::default() };
            let found = tables.events(&query)?;
            assert_eq!(found.len(), 1, "it is found by what was sent");
            let Event { account, address, protocol, password_name, verdict, reason, actor, .. } = &found[0].1;
            for kept in [account, address, protocol, password_name, verdict, reason] {
                check(kept.as_deref().expect("kept"));
            }
            check(actor);
            let last_use = tables.account(&ann)?.expect("there").passwords[0].last_use.clone().expect("used");
            check(&last_use.protocol);
            check(&last_use.address.expect("kept"));
            let Some(AddressRecord::Blocked(block)) = tables.source(&source)? else { panic!("blocked") };
            check(&block.reason);
            let session = tables.session(token)?.expect("there").visitor;
            let device = tables.device(token)?.expect("there").visitor;
            for Visitor { address, system, program } in [session, device] {
                [address.expect("kept"), system, program].iter().for_each(|kept| check(kept));
            }
            let ann = tables.account(&ann)?.expect("there").id;
            tables.factors(ann)?.iter().for_each(|row| check(&row.factor.name));
            assert!(tables.codes_sent(hostile)?.is_some());
            Ok(())
        });
    }
}
