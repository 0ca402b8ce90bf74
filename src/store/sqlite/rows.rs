//! Rows of accounts, sources and events, read and written.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::clock::Timestamp;
use crate::gate::account::{ClientPassword, LastUse, Stored, Terms};
use crate::gate::event::{Event, Kind};
use crate::gate::foreign::ForeignHash;
use crate::gate::key::{AccountTag, KeyId, SecretTag, Selector};
use crate::gate::name::{AccountName, Protocol};
use crate::gate::record::{AddressRecord, Block, Failure, Run};
use crate::gate::streak::{Streak, Told};

pub(super) fn parsed_name(row: &Row<'_>, column: usize) -> rusqlite::Result<AccountName> {
    let name: String = row.get(column)?;
    AccountName::parse(&name, None).map_err(|_| broken(column, Type::Text, "an account's name"))
}

pub(super) fn read_password(row: &Row<'_>) -> rusqlite::Result<ClientPassword> {
    let protocols: String = row.get(7)?;
    let networks: String = row.get(8)?;
    let last_at: Option<i64> = row.get(9)?;
    let (last_address, last_protocol): (_, Option<String>) = (row.get(10)?, row.get(11)?);
    let phc: String = row.get(4)?;
    let stored = match row.get::<_, Option<String>>(12)? {
        None => Stored::Ours { selector: Selector(row.get(2)?), key_id: KeyId(row.get(3)?), phc },
        Some(_) => {
            let hash = ForeignHash::parse(&phc);
            Stored::Imported(hash.map_err(|_| broken(4, Type::Text, "an imported hash"))?)
        }
    };
    Ok(ClientPassword {
        id: row.get(0)?,
        name: row.get(1)?,
        stored,
        created: Timestamp(row.get(5)?),
        terms: Terms {
            expires: row.get::<_, Option<i64>>(6)?.map(Timestamp),
            protocols: split(&protocols, |name| Protocol::parse(name).ok(), 7)?,
            networks: split(&networks, |network| network.parse().ok(), 8)?,
        },
        last_use: last_at.map(|at| LastUse {
            at: Timestamp(at),
            address: last_address,
            protocol: last_protocol.unwrap_or_default(),
        }),
    })
}

pub(super) fn read_record(row: &Row<'_>, first: usize) -> rusqlite::Result<AddressRecord> {
    let last = Timestamp(row.get(first)?);
    if let Some(until) = row.get::<_, Option<i64>>(first + 1)? {
        let reason: Option<String> = row.get(first + 2)?;
        let reason = reason.unwrap_or_default();
        let streak: Vec<u8> = row.get(first + 3)?;
        let streak = Streak::from_bytes(&streak).map(Box::new);
        return Ok(AddressRecord::Blocked(Block { since: last, until: Timestamp(until), reason, streak }));
    }
    let bytes: Vec<u8> = row.get(first + 3)?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let failure = |bytes: &[u8]| Failure {
        account: AccountTag(number(&bytes[..8])),
        secret: SecretTag(number(&bytes[8..])),
    };
    let told: Option<String> = row.get(first + 2)?;
    let told = told.and_then(|text| Told::from_text(&text)).map(Box::new);
    Ok(AddressRecord::Run(Run { failures: bytes.chunks_exact(16).map(failure).collect(), last, told }))
}

pub(super) fn failure_bytes(failure: &Failure) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&failure.account.0.to_be_bytes());
    bytes[8..].copy_from_slice(&failure.secret.0.to_be_bytes());
    bytes
}

pub(super) fn read_event(row: &Row<'_>) -> rusqlite::Result<(i64, Event)> {
    let kind: String = row.get(2)?;
    let event = Event {
        time: Timestamp(row.get(1)?),
        kind: Kind::from_word(&kind).ok_or_else(|| broken(2, Type::Text, "an event's kind"))?,
        account: row.get(3)?,
        address: row.get(4)?,
        protocol: row.get(5)?,
        password_id: row.get(6)?,
        password_name: row.get(7)?,
        verdict: row.get(8)?,
        reason: row.get(9)?,
        actor: row.get(10)?,
        count: row.get(11)?,
        typed: row.get(12)?,
    };
    Ok((row.get(0)?, event))
}

pub(super) fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// Reads what [`join`] wrote. An unreadable term is an error: it must not widen what is allowed.
pub(super) fn split<T>(
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    column: usize,
) -> rusqlite::Result<Vec<T>> {
    text.split(',')
        .filter(|item| !item.is_empty())
        .map(|item| read(item).ok_or_else(|| broken(column, Type::Text, "a client password's terms")))
        .collect()
}

pub(super) fn broken(column: usize, kind: Type, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, format!("{what} cannot be read").into())
}
