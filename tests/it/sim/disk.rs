//! What is on the disk, read past the running gate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sidegate::gate::account;
use sidegate::gate::address::{Key, Prefixes};
use sidegate::gate::event::Event;
use sidegate::gate::name::AccountName;
use sidegate::gate::record::AddressRecord;
use sidegate::store::sqlite::{Sqlite, SqliteStore};
use sidegate::store::{Backend, EventQuery, Store, StoreError, Tables};

use super::model::{Model, Record, Source};
use super::script::NAMES;

/// A connection of our own.
pub(super) struct Eyes(SqliteStore);

/// One look.
#[derive(Debug)]
pub(super) struct Disk {
    sources: BTreeMap<Source, Record>,
    /// Those that were looked at.
    pub(super) accounts: BTreeMap<usize, Option<account::Account>>,
}

impl Disk {
    /// What is kept of a source, over or not.
    pub(super) fn whole(&self, source: Source) -> Record {
        self.sources.get(&source).cloned().unwrap_or(Record::Clear)
    }

    /// What holds of a source.
    pub(super) fn record(&self, source: Source, now: i64) -> Record {
        self.whole(source).at(now)
    }
}

impl Eyes {
    pub(super) fn open(folder: &Path) -> Self {
        Self(Sqlite::at(folder.join("store.db")).connect().unwrap())
    }

    fn read<T>(&mut self, mut read: impl FnMut(&mut dyn Tables) -> Result<T, StoreError>) -> T {
        let mut found = None;
        self.0
            .read(&mut |tables| {
                found = Some(read(tables)?);
                Ok(())
            })
            .unwrap();
        found.unwrap()
    }

    /// Looks at all sources, and at these accounts.
    pub(super) fn look(&mut self, model: &Model, accounts: &BTreeSet<usize>) -> Disk {
        let (sources, accounts) = self.read(|tables| {
            let mut account = |who: &usize| {
                let name = AccountName::parse(NAMES[*who], None).unwrap();
                Ok((*who, tables.account(&name)?))
            };
            let accounts: BTreeMap<_, _> =
                accounts.iter().map(&mut account).collect::<Result<_, StoreError>>()?;
            Ok((tables.sources()?, accounts))
        });
        let sources = sources.into_iter().filter_map(|(key, record)| {
            let source = source_of(&key, model)?;
            Some((source, record_of(record, model)))
        });
        Disk { sources: sources.collect(), accounts }
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        let query = EventQuery { limit: 1_000_000, ..EventQuery::default() };
        self.read(|tables| tables.events(&query)).into_iter().map(|(_, event)| event).collect()
    }
}

/// None for what the gate tries the disk with.
fn source_of(key: &Key, model: &Model) -> Option<Source> {
    match key {
        Key::NoAddress(tag) if tag.0 == 0 => None,
        Key::NoAddress(tag) => Some(Source::Account(model.whose(*tag))),
        Key::Network { .. } => {
            let known = |source: &Source| source.address().map(key_of).as_ref() == Some(key);
            Some(Source::ADDRESSED.into_iter().find(known).expect("a known source"))
        }
    }
}

pub(super) fn key_of(address: std::net::IpAddr) -> Key {
    Key::of(address, &Prefixes::new(32, 64)).expect("somebody's")
}

fn record_of(record: AddressRecord, model: &Model) -> Record {
    match record {
        AddressRecord::Blocked(block) => Record::Blocked { since: block.since.0, until: block.until.0 },
        AddressRecord::Run(run) => {
            let failures =
                run.failures.iter().map(|failure| (model.whose(failure.account), failure.secret.0));
            Record::Run { failures: failures.collect(), last: run.last.0 }
        }
    }
}
