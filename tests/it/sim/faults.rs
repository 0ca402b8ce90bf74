//! A store that fails, hangs and dies on command; else it is the real one.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use sidegate::store::sqlite::{Sqlite, SqliteStore};
use sidegate::store::{Backend, Store, StoreError, Work};

/// Where a thread of the store may hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// The writer before its transaction: nothing of it is on the disk.
    Before,
    /// The writer after its commit: all of it is, and nobody was told.
    After,
    /// A reader that has read: what it tells is of before.
    Read,
}

/// The files of a store, as a kill leaves them.
const FILES: [&str; 3] = ["store.db", "store.db-wal", "store.key"];

#[derive(Debug, Default)]
struct State {
    dead: bool,
    no_writes: bool,
    no_reads: bool,
    /// Each n-th transaction fails; 0: none.
    flaky: u32,
    writes: u32,
}

#[derive(Debug, Default)]
struct Gate {
    shut: Option<Point>,
    /// A thread hangs.
    hangs: bool,
}

/// What goes wrong; shared with all connections of a store.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Held while a transaction runs.
    state: Mutex<State>,
    gate: Mutex<Gate>,
    opened: Condvar,
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn set(&self, no_writes: bool, no_reads: bool, flaky: u32) {
        let mut state = self.state();
        (state.no_writes, state.no_reads, state.flaky, state.writes) = (no_writes, no_reads, flaky, 0);
    }

    /// Whoever comes there is to hang.
    pub(super) fn shut(&self, point: Point) {
        self.gate.lock().unwrap().shut = Some(point);
    }

    pub(super) fn open(&self) {
        self.gate.lock().unwrap().shut = None;
        self.opened.notify_all();
    }

    pub(super) fn hangs(&self) -> bool {
        self.gate.lock().unwrap().hangs
    }

    /// From now on nothing reaches the disk; what is there is copied, its log with it.
    pub(super) fn die(&self, from: &Path, to: &Path) {
        let mut state = self.state();
        state.dead = true;
        for file in FILES {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
        drop(state);
        self.open();
    }

    fn come_by(&self, point: Point) {
        let mut gate = self.gate.lock().unwrap();
        while gate.shut == Some(point) {
            gate.hangs = true;
            gate = self.opened.wait(gate).unwrap();
            gate.hangs = false;
        }
    }
}

/// The real store behind faults.
#[derive(Clone)]
pub(super) struct Faulty {
    pub(super) real: Sqlite,
    pub(super) faults: Arc<Faults>,
}

impl Backend for Faulty {
    type Store = FaultyStore;

    fn connect(&self) -> Result<FaultyStore, StoreError> {
        Ok(FaultyStore { real: self.real.connect()?, faults: Arc::clone(&self.faults) })
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.real.backup(to)
    }
}

pub(super) struct FaultyStore {
    real: SqliteStore,
    faults: Arc<Faults>,
}

impl Store for FaultyStore {
    fn write(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        self.faults.come_by(Point::Before);
        let outcome = {
            let mut state = self.faults.state();
            state.writes += 1;
            let fails =
                state.dead || state.no_writes || state.flaky > 0 && state.writes.is_multiple_of(state.flaky);
            if fails {
                // As far as its commit, and all is taken back.
                self.real.write(&mut |tables| {
                    work(tables)?;
                    Err(StoreError::Failed("the disk is full: make room".into()))
                })
            } else {
                self.real.write(work)
            }
        };
        self.faults.come_by(Point::After);
        outcome
    }

    fn read(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        if self.faults.state().no_reads {
            return Err(StoreError::Failed("the disk reports an error".into()));
        }
        let outcome = self.real.read(work);
        self.faults.come_by(Point::Read);
        outcome
    }
}
