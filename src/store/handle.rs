//! The async face of a store: one writer thread that commits its queue as one transaction, a few
//! reader threads, and the accounts in memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tracing::error;

use super::cache::{AccountCache, Known, Other};
use super::senders;
use super::{Backend, Store, StoreError, Tables, Work};
use crate::faults::contained;
use crate::gate::identity::Whose;
use crate::gate::name::AccountName;

/// Pieces of work that may wait for the writer; past it callers get a temporary failure.
const WRITES_MAX: usize = 20_000;
/// Pieces of work that may wait for a reader.
const READS_MAX: usize = 10_000;
/// Pieces of work that share one commit at most.
const BATCH_MAX: usize = 2_000;
/// Reader threads.
const READERS: usize = 2;

type Result<T> = std::result::Result<T, StoreError>;

/// A piece of work on its way to a thread of the store.
trait Job: Send {
    fn run(&mut self, tables: &mut dyn Tables) -> Result<()>;
    /// Whether it is run before whatever shares its commit.
    fn goes_first(&self) -> bool;
    /// Called once, after the commit or instead of it.
    fn finish(self: Box<Self>, outcome: Result<()>);
}

/// Work, what to do with its result on the store's thread once it is on disk, and who waits for it.
struct Piece<T, W, P> {
    work: W,
    publish: P,
    first: bool,
    result: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, W, P> Job for Piece<T, W, P>
where
    T: Send,
    W: FnMut(&mut dyn Tables) -> Result<T> + Send,
    P: FnOnce(&T) + Send,
{
    fn run(&mut self, tables: &mut dyn Tables) -> Result<()> {
        self.result = Some((self.work)(tables)?);
        Ok(())
    }

    fn goes_first(&self) -> bool {
        self.first
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let Self { publish, result, reply, .. } = *self;
        let result = outcome.and_then(|()| result.ok_or(StoreError::Closed));
        if let Ok(value) = &result {
            publish(value);
        }
        // Whoever asked may be gone; what was done is done.
        let _ = reply.send(result);
    }
}

type BoxedJob = Box<dyn Job>;
type Backup = Arc<dyn Fn(&Path) -> Result<()> + Send + Sync>;

/// What the daemon holds of its store. Dropping it finishes what is queued and closes the store.
pub struct StoreHandle {
    writer: Option<SyncSender<BoxedJob>>,
    readers: Option<SyncSender<BoxedJob>>,
    accounts: Arc<AccountCache>,
    backup: Backup,
    /// The writer first.
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreHandle").finish_non_exhaustive()
    }
}

impl StoreHandle {
    /// Opens a store and starts its threads.
    ///
    /// # Errors
    /// The database cannot be opened.
    ///
    /// # Panics
    /// When no thread can be started.
    pub fn open(backend: &impl Backend) -> Result<Self> {
        let mut threads = Vec::new();
        let mut spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            threads.push(thread.expect("a thread can be started at start"));
        };
        let (writer, write_queue) = sync_channel(WRITES_MAX);
        let mut store = backend.connect()?;
        spawn("store-writer", Box::new(move || write_batches(&mut store, &write_queue)));

        let (readers, read_queue) = sync_channel(READS_MAX);
        let read_queue = Arc::new(Mutex::new(read_queue));
        for _ in 0..READERS {
            let (mut store, queue) = (backend.connect()?, Arc::clone(&read_queue));
            spawn("store-reader", Box::new(move || read_one_by_one(&mut store, &queue)));
        }
        let accounts = Arc::new(AccountCache::default());
        let backend = backend.clone();
        let backup = Arc::new(move |to: &Path| backend.backup(to));
        Ok(Self { writer: Some(writer), readers: Some(readers), accounts, backup, threads })
    }

    /// Runs `work` in a transaction. `publish` sees the result on the writer's thread, when it is
    /// on disk and before anybody else is told; it runs even if the caller has gone away.
    ///
    /// `work` may run twice if another piece of work in the same commit failed; only the last
    /// run counts.
    ///
    /// # Errors
    /// The queue is full, or the database's trouble. Nothing was changed then.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
        publish: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T> {
        let answer = submit(self.writer.as_ref(), false, work, publish)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// As [`StoreHandle::write`], for work that changes an account: nobody who asks after this
    /// returned sees the account as it was.
    ///
    /// # Errors
    /// As for [`StoreHandle::write`].
    pub async fn change<T: Send + 'static>(
        &self,
        account: AccountName,
        work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.change_if(account, work, |_| true).await
    }

    /// As [`StoreHandle::change`], for work whose result says whether the account was changed.
    ///
    /// # Errors
    /// As for [`StoreHandle::write`].
    pub async fn change_if<T: Send + 'static>(
        &self,
        account: AccountName,
        work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
        changed: fn(&T) -> bool,
    ) -> Result<T> {
        let accounts = Arc::clone(&self.accounts);
        let publish = move |result: &T| {
            if changed(result) {
                accounts.forget(&account);
            }
        };
        self.write(work, publish).await
    }

    /// As [`StoreHandle::change`], for work that finds out by itself whose account it changes, if any.
    ///
    /// # Errors
    /// As for [`StoreHandle::write`].
    pub async fn change_found<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Tables) -> Result<(T, Option<AccountName>)> + Send + 'static,
    ) -> Result<T> {
        let accounts = Arc::clone(&self.accounts);
        let publish = move |(_, changed): &(T, Option<AccountName>)| {
            if let Some(account) = changed {
                accounts.forget(account);
            }
        };
        self.write(work, publish).await.map(|(result, _)| result)
    }

    /// As [`StoreHandle::change`], for work that may change many accounts, or whose addresses are.
    ///
    /// # Errors
    /// As for [`StoreHandle::write`].
    pub async fn change_all<T: Send + 'static>(
        &self,
        names: Vec<AccountName>,
        work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let accounts = Arc::clone(&self.accounts);
        let publish = move |_: &T| {
            accounts.addresses_changed();
            names.iter().for_each(|name| accounts.forget(name));
        };
        self.write(work, publish).await
    }

    /// Queues work that the caller need not wait for; how it ended can still be asked.
    ///
    /// # Errors
    /// The queue is full.
    pub fn post(
        &self,
        work: impl FnMut(&mut dyn Tables) -> Result<()> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<()>>> {
        submit(self.writer.as_ref(), false, work, |()| ())
    }

    /// As [`StoreHandle::write`], for work that looks at what is in memory: it runs when everything that is on disk was
    /// published, and nothing else was written since.
    ///
    /// # Errors
    /// As for [`StoreHandle::write`].
    pub fn post_first<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
        publish: impl FnOnce(&T) + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T>>> {
        submit(self.writer.as_ref(), true, work, publish)
    }

    /// Runs `work`, which only reads.
    ///
    /// # Errors
    /// The queue is full, or the database's trouble.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let answer = submit(self.readers.as_ref(), false, work, |_| ())?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// An account, from memory if it is there. It is as true as the newest commit.
    ///
    /// # Errors
    /// As for [`StoreHandle::read`].
    pub async fn account(&self, name: &AccountName) -> Result<Known> {
        if let Some(known) = self.accounts.get(name) {
            return Ok(known);
        }
        let generation = self.accounts.generation();
        let wanted = name.clone();
        let known = Box::pin(self.read(move |tables| tables.account(&wanted))).await?.map(Arc::new);
        self.accounts.put(name, &known, generation);
        Ok(known)
    }

    /// Whose login a name is, from memory if it is there. It is as true as the newest commit.
    ///
    /// # Errors
    /// As for [`StoreHandle::read`].
    pub async fn whose(&self, name: &AccountName) -> Result<Whose> {
        if let Some(Some(account)) = self.accounts.get(name) {
            return Ok(Whose::Account(account));
        }
        Box::pin(self.whose_other(name)).await
    }

    /// [`StoreHandle::whose`], of a name that is not remembered as an account's own.
    async fn whose_other(&self, name: &AccountName) -> Result<Whose> {
        match self.accounts.other(name) {
            Some(Other::Unknown(name)) => return Ok(Whose::Unknown(name)),
            Some(Other::Shared) => return Ok(Whose::Shared(name.clone())),
            Some(Other::Of(owner)) => {
                if let Some(account) = self.account(&owner).await? {
                    return Ok(Whose::Account(account));
                }
            }
            None => {}
        }
        let generation = self.accounts.generation();
        let wanted = name.clone();
        let whose = self.read(move |tables| senders::whose(tables, &wanted)).await?;
        let other = match &whose {
            Whose::Account(account) => {
                self.accounts.put(&account.name, &Some(Arc::clone(account)), generation);
                (account.name != *name).then(|| Other::Of(account.name.clone()))
            }
            Whose::Unknown(name) => Some(Other::Unknown(name.clone())),
            Whose::Shared(_) => Some(Other::Shared),
        };
        if let Some(other) = other {
            self.accounts.put_other(name.clone(), other, generation);
        }
        Ok(whose)
    }

    /// Every login that may send under an address, from memory if it is there. It is as true as the newest commit.
    ///
    /// # Errors
    /// As for [`StoreHandle::read`].
    pub async fn logins(&self, address: &AccountName) -> Result<Vec<String>> {
        if let Some(logins) = self.accounts.logins(address) {
            return Ok(logins);
        }
        let generation = self.accounts.generation();
        let wanted = address.clone();
        let logins = self.read(move |tables| senders::logins(tables, &wanted)).await?;
        self.accounts.put_logins(address.clone(), logins.clone(), generation);
        Ok(logins)
    }

    /// Copies everything, as of one moment, to a new file. Takes as long as the store is large.
    ///
    /// # Errors
    /// The file exists already or cannot be written.
    pub async fn backup(&self, to: PathBuf) -> Result<()> {
        let backup = Arc::clone(&self.backup);
        tokio::task::spawn_blocking(move || backup(&to)).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Moves whenever any account changes, or whose an address is: what was read under an older one must be read again
    /// before somebody is let in on it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.accounts.generation()
    }
}

impl Drop for StoreHandle {
    fn drop(&mut self) {
        // A thread that panicked has nothing more to say.
        let end = |thread: JoinHandle<()>| drop(thread.join());
        // The writer last: whoever closes a SQLite database last takes its log into the file, and of two that close
        // at once neither may be the last.
        self.readers = None;
        self.threads.drain(1..).for_each(end);
        self.writer = None;
        self.threads.drain(..).for_each(end);
    }
}

fn submit<T: Send + 'static>(
    queue: Option<&SyncSender<BoxedJob>>,
    first: bool,
    work: impl FnMut(&mut dyn Tables) -> Result<T> + Send + 'static,
    publish: impl FnOnce(&T) + Send + 'static,
) -> Result<oneshot::Receiver<Result<T>>> {
    let (reply, answer) = oneshot::channel();
    let job: BoxedJob = Box::new(Piece { work, publish, first, result: None, reply });
    match queue.ok_or(StoreError::Closed)?.try_send(job) {
        Ok(()) => Ok(answer),
        Err(TrySendError::Full(_)) => Err(StoreError::Busy),
        Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
    }
}

fn write_batches(store: &mut impl Store, queue: &Receiver<BoxedJob>) {
    let mut batch = Vec::new();
    while let Ok(first) = queue.recv() {
        batch.push(first);
        batch.extend(queue.try_iter().take(BATCH_MAX - 1));
        batch.sort_by_key(|job: &BoxedJob| !job.goes_first());
        match written(store, &mut |tables| batch.iter_mut().try_for_each(|job| job.run(tables))) {
            Ok(()) => batch.drain(..).for_each(published),
            // One bad piece must not spoil the others: each gets a transaction of its own.
            Err(_) if batch.len() > 1 => batch.drain(..).for_each(|job| write_alone(store, job)),
            Err(error) => batch.drain(..).for_each(|job| job.finish(Err(error.clone()))),
        }
    }
}

fn write_alone(store: &mut impl Store, mut job: BoxedJob) {
    match written(store, &mut |tables| job.run(tables)) {
        Ok(()) => published(job),
        Err(error) => job.finish(Err(error)),
    }
}

/// One transaction; where the work panics it is rolled back.
fn written(store: &mut impl Store, work: Work<'_>) -> Result<()> {
    contained(|| store.write(work)).unwrap_or(Err(StoreError::Fault))
}

/// What is on disk is made known.
fn published(job: BoxedJob) {
    if contained(|| job.finish(Ok(()))).is_none() {
        // Memory no longer says what the store says: nobody may be decided on by it.
        error!("what was written could not be made known: sidegated ends, to be started anew");
        std::process::abort();
    }
}

fn read_one_by_one(store: &mut impl Store, queue: &Mutex<Receiver<BoxedJob>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        let outcome = contained(|| store.read(&mut |tables| job.run(tables)));
        // What a reader does with its result is done by whoever waits for it.
        job.finish(outcome.unwrap_or(Err(StoreError::Fault)));
    }
}

#[cfg(test)]
mod tests;
