//! Password hashes on a fixed number of threads ("seats"), each with memory of its own that it keeps.
//!
//! The queue in front is bounded and fair: sources take turns, so that one address with a hundred
//! new logins does not make another wait for all of them. Whoever waits too long gets a temporary
//! failure. Idle seats give their memory back, and one processor is left to those who need no hash
//! (`queue`). New hashes are Argon2id.
//!
//! Imported hashes are `foreign` and cost what somebody else chose. They have a seat and a queue of their own, where each
//! is a turn by itself: however many are tried, nobody waits for them who does not need one.

mod foreign;
mod queue;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use data_encoding::BASE64_NOPAD;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::faults::contained;
use crate::gate::address::Key;
use crate::gate::foreign::ForeignHash;
use crate::gate::secret::{Digest, Secret};
use crate::hasher::queue::{Job, Seat, Shared};

/// A hash may ask for at most this much memory, in KiB, whatever the settings or the store say: 1 GiB.
pub const MEMORY_KIB_MAX: u32 = 1_048_576;
/// A hash may ask for at most this many passes.
pub const PASSES_MAX: u32 = 64;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;

/// How much Argon2id costs for new hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HasherError {
    /// As many wait already as may.
    #[error("the queue for Argon2 is full")]
    Full,
    /// No seat became free in time.
    #[error("no Argon2 seat became free in time")]
    Late,
    /// The stored hash cannot be read, or asks for more than it may.
    #[error("a stored password hash cannot be used")]
    Unusable,
}

/// The seats and the queue in front of them.
#[derive(Debug)]
pub struct Hasher {
    shared: Arc<Shared>,
    foreign: Foreign,
    wait: Duration,
    threads: Vec<JoinHandle<()>>,
}

/// The seat for imported hashes: one at a time.
#[derive(Clone, Debug)]
pub struct Foreign(Arc<Shared>);

#[derive(Debug)]
enum Task {
    Hash(Digest, Cost, [u8; SALT_BYTES]),
    Verify(Digest, String),
    Foreign(Secret, ForeignHash),
    #[cfg(test)]
    Panic,
}

#[derive(Debug)]
enum Hashed {
    Phc(String),
    Same(bool),
}

impl Hasher {
    /// Starts `seats` threads. At most `queue_max` jobs wait, each for at most `wait`.
    #[must_use]
    pub fn start(seats: usize, queue_max: usize, wait: Duration) -> Self {
        let shared = Arc::new(Shared::new(queue_max));
        let processors = available_parallelism().map_or(1, usize::from);
        let seat = |n: usize| {
            let shared = Arc::clone(&shared);
            let spare = n > 0 && n + 1 == seats && seats >= processors;
            let seat = if spare { Seat::Spare(wait / 2) } else { Seat::Usual };
            let thread = std::thread::Builder::new().name(format!("argon2-{n}"));
            thread.spawn(move || work(&shared, seat)).expect("a thread can be started at start")
        };
        let foreign = Arc::new(Shared::new(queue_max));
        let apart = Arc::clone(&foreign);
        let thread = std::thread::Builder::new().name("foreign-hashes".to_owned());
        let apart =
            thread.spawn(move || work(&apart, Seat::Usual)).expect("a thread can be started at start");
        let threads = (0..seats).map(seat).chain([apart]).collect();
        Self { shared, foreign: Foreign(foreign), wait, threads }
    }

    /// Makes the PHC string of a new client password.
    ///
    /// # Errors
    /// The queue is full, or no seat became free in time.
    pub async fn hash(
        &self,
        source: Key,
        digest: Digest,
        cost: Cost,
        salt: [u8; SALT_BYTES],
    ) -> Result<String, HasherError> {
        match self.submit(source, Task::Hash(digest, cost, salt)).await? {
            Hashed::Phc(phc) => Ok(phc),
            Hashed::Same(_) => Err(HasherError::Unusable),
        }
    }

    /// Whether a PHC string belongs to D.
    ///
    /// # Errors
    /// The queue is full, no seat became free in time, or the string cannot be used.
    pub async fn verify(&self, source: Key, digest: Digest, phc: &str) -> Result<bool, HasherError> {
        match self.submit(source, Task::Verify(digest, phc.to_owned())).await? {
            Hashed::Same(same) => Ok(same),
            Hashed::Phc(_) => Err(HasherError::Unusable),
        }
    }

    /// The seat for imported hashes.
    #[must_use]
    pub fn foreign(&self) -> Foreign {
        self.foreign.clone()
    }

    /// How long a job waits at most.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.wait
    }

    async fn submit(&self, source: Key, task: Task) -> Result<Hashed, HasherError> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(source, Job { task, reply })?;
        match tokio::time::timeout(self.wait, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(HasherError::Late),
        }
    }

    /// Somebody was served who needs no hash: a processor stays free for the next one, while the queue allows it.
    pub fn others_served(&self) {
        self.shared.others_served();
    }

    /// Jobs that wait for a seat.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting() + self.foreign.0.waiting()
    }

    /// Hashes that were computed since the start.
    #[must_use]
    pub fn computed(&self) -> u64 {
        [&self.shared, &self.foreign.0].map(|shared| shared.computed.load(Ordering::Relaxed)).iter().sum()
    }
}

impl Foreign {
    /// Which of these imported hashes belongs to a secret; it may take long. Each waits for a turn of its source. `tell`
    /// hears of each that was looked at, in their order.
    ///
    /// # Errors
    /// The queue is full, or one of them cannot be used.
    pub async fn find(
        &self,
        source: Key,
        secret: &Secret,
        hashes: Vec<ForeignHash>,
        mut tell: impl FnMut(usize, bool) + Send,
    ) -> Result<Option<usize>, HasherError> {
        for (place, hash) in hashes.into_iter().enumerate() {
            let (reply, answer) = oneshot::channel();
            self.0.push(source, Job { task: Task::Foreign(secret.clone(), hash), reply })?;
            let Ok(Hashed::Same(same)) = answer.await.map_err(|_| HasherError::Late)? else {
                return Err(HasherError::Unusable);
            };
            tell(place, same);
            if same {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.shared.close();
        self.foreign.0.close();
        for thread in self.threads.drain(..) {
            // A seat that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, seat: Seat) {
    let mut memory = Memory::default();
    while let Some(job) = shared.next(seat, || memory.release()) {
        // Whoever asked may have given up: then there is nothing to compute.
        if job.reply.is_closed() {
            continue;
        }
        // Whoever waits for one that panics is told that it came too late.
        let Some(result) = contained(|| compute(&mut memory, job.task)) else { continue };
        shared.computed.fetch_add(1, Ordering::Relaxed);
        let _ = job.reply.send(result);
    }
}

fn compute(memory: &mut Memory, task: Task) -> Result<Hashed, HasherError> {
    match task {
        Task::Hash(digest, cost, salt) => new_phc(memory, &digest, cost, &salt).map(Hashed::Phc),
        Task::Verify(digest, phc) => proves(memory, &digest, &phc).map(Hashed::Same),
        Task::Foreign(secret, hash) => foreign::proves(memory, &secret, &hash).map(Hashed::Same),
        #[cfg(test)]
        Task::Panic => panic!("a fault that was put there"),
    }
}

/// Blocks that are kept between hashes, because fresh ones cost as much as a fifth of the hash.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn release(&mut self) {
        self.0 = Vec::new();
    }

    fn argon2(
        &mut self,
        algorithm: Algorithm,
        params: Params,
        version: Version,
        secret: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), HasherError> {
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(secret, salt, out, &mut self.0[..blocks])
            .map_err(|_| HasherError::Unusable)
    }
}

fn new_phc(memory: &mut Memory, digest: &Digest, cost: Cost, salt: &[u8]) -> Result<String, HasherError> {
    let params =
        Params::new(cost.memory_kib, cost.passes, 1, Some(HASH_BYTES)).map_err(|_| HasherError::Unusable)?;
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    memory.argon2(Algorithm::Argon2id, params, Version::V0x13, &digest.0, salt, &mut hash[..])?;
    let (memory, passes) = (cost.memory_kib, cost.passes);
    let (salt, hash) = (BASE64_NOPAD.encode(salt), BASE64_NOPAD.encode(&hash[..]));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p=1${salt}${hash}"))
}

fn proves(memory: &mut Memory, digest: &Digest, phc: &str) -> Result<bool, HasherError> {
    let parsed = PasswordHash::new(phc).map_err(|_| HasherError::Unusable)?;
    if Algorithm::try_from(parsed.algorithm.as_str()) != Ok(Algorithm::Argon2id) {
        return Err(HasherError::Unusable);
    }
    let params = Params::try_from(&parsed).map_err(|_| HasherError::Unusable)?;
    if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > PASSES_MAX || params.p_cost() > 1 {
        return Err(HasherError::Unusable);
    }
    let version = match parsed.version {
        None => Version::V0x13,
        Some(number) => Version::try_from(number).map_err(|_| HasherError::Unusable)?,
    };
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Err(HasherError::Unusable) };
    let mut hash = Zeroizing::new(vec![0; expected.len()]);
    memory.argon2(Algorithm::Argon2id, params, version, &digest.0, salt.as_ref(), &mut hash)?;
    Ok(hash.ct_eq(expected.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::gate::secret::Secret;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1 };
    const SLOW: Cost = Cost { memory_kib: 65_536, passes: 4 };

    fn source(n: u8) -> Key {
        Key::Network { first: [n; 16], bits: 128 }
    }

    fn digest(text: &str) -> Digest {
        Secret::new(text.as_bytes()).digest()
    }

    #[tokio::test]
    async fn a_hash_proves_its_own_digest_and_no_other() {
        let hasher = Hasher::start(1, 10, Duration::from_secs(60));
        let phc = hasher.hash(source(1), digest("a"), CHEAP, [7; 16]).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        assert_eq!(hasher.verify(source(1), digest("a"), &phc).await, Ok(true));
        assert_eq!(hasher.verify(source(1), digest("b"), &phc).await, Ok(false));
    }

    #[tokio::test]
    async fn the_string_is_the_one_that_the_argon2_crate_itself_makes() {
        let phc = new_phc(&mut Memory::default(), &digest("a"), CHEAP, &[7; 16]).unwrap();
        let params = Params::new(64, 1, 1, Some(32)).unwrap();
        let plain = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut hash = [0; 32];
        plain.hash_password_into(&digest("a").0, &[7; 16], &mut hash).unwrap();
        assert!(phc.ends_with(&BASE64_NOPAD.encode(&hash)));
    }

    #[tokio::test]
    async fn a_stored_hash_cannot_ask_for_the_moon() {
        let hasher = Hasher::start(1, 10, Duration::from_secs(60));
        let rest = "p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for phc in [
            format!("$argon2id$v=19$m={},t=1,{rest}", MEMORY_KIB_MAX + 1),
            format!("$argon2id$v=19$m=64,t={},{rest}", PASSES_MAX + 1),
            format!("$argon2i$v=19$m=64,t=1,{rest}"),
            "nonsense".to_owned(),
        ] {
            assert_eq!(
                hasher.verify(source(1), digest("a"), &phc).await,
                Err(HasherError::Unusable),
                "{phc}"
            );
        }
        let phc = format!("$argon2id$v=19$m=64,t={PASSES_MAX},{rest}");
        assert_eq!(hasher.verify(source(1), digest("a"), &phc).await, Ok(false), "at the limit");
    }

    #[tokio::test]
    async fn a_full_queue_and_a_long_wait_are_temporary_failures() {
        let hasher = Hasher::start(1, 2, Duration::from_millis(1));
        let late = hasher.hash(source(1), digest("a"), SLOW, [7; 16]);
        assert_eq!(late.await, Err(HasherError::Late));
        // The seat is busy now; two may wait, the third may not.
        let (reply, _keep) = oneshot::channel();
        let (reply2, _keep2) = oneshot::channel();
        let (reply3, _keep3) = oneshot::channel();
        let job = |reply| Job { task: Task::Hash(digest("a"), SLOW, [7; 16]), reply };
        // Whether or not the first job has left the queue yet, three more cannot all fit.
        let results = [reply, reply2, reply3].map(|reply| hasher.shared.push(source(1), job(reply)));
        assert!(results.contains(&Err(HasherError::Full)), "{results:?}");
    }

    /// bcrypt of cost 10, some 50 ms, of "x", after two that are not.
    fn slow_ones() -> Vec<ForeignHash> {
        let of = |secret: &str| bcrypt::hash_with_salt(secret, 10, [7; 16]).unwrap().to_string();
        ["a", "b", "x"].map(|secret| ForeignHash::parse(&of(secret)).unwrap()).to_vec()
    }

    #[tokio::test]
    async fn foreign_hashes_take_turns_of_one_and_keep_nobody_waiting() {
        let hasher = Hasher::start(1, 10, Duration::from_secs(60));
        let (foreign, began) = (hasher.foreign(), Instant::now());
        let find = |n: u8, secret: &'static str| {
            let foreign = foreign.clone();
            async move {
                let (secret, mut told) = (Secret::new(secret.as_bytes()), Vec::new());
                let found = foreign.find(source(n), &secret, slow_ones(), |_, same| told.push(same)).await;
                (found, told, began.elapsed())
            }
        };
        let ours = async {
            let phc = hasher.hash(source(3), digest("a"), CHEAP, [7; 16]).await.unwrap();
            assert_eq!(hasher.verify(source(3), digest("a"), &phc).await, Ok(true));
            began.elapsed()
        };
        let (wrong, right, ours) = tokio::join!(find(1, "y"), find(2, "b"), ours);
        assert_eq!((wrong.0, wrong.1), (Ok(None), vec![false; 3]));
        assert_eq!((right.0, right.1), (Ok(Some(1)), vec![false, true]));
        assert!(right.2 < wrong.2, "one hash of a source is one turn: {:?} {:?}", right.2, wrong.2);
        assert!(ours < right.2, "{ours:?} {:?}", right.2);
        assert_eq!(hasher.computed(), 3 + 2 + 2);
    }

    #[tokio::test]
    async fn a_seat_outlives_a_panic() {
        let hasher = Hasher::start(1, 10, Duration::from_secs(60));
        for _ in 0..3 {
            assert!(matches!(hasher.submit(source(1), Task::Panic).await, Err(HasherError::Late)));
            assert!(hasher.hash(source(1), digest("a"), CHEAP, [7; 16]).await.is_ok());
        }
    }

    #[test]
    fn no_task_shows_a_secret() {
        let typed = Secret::new(*b"hunter2");
        let verify = Task::Verify(typed.digest(), String::new());
        let shown = format!("{verify:?} {:?}", Task::Foreign(typed, slow_ones().remove(0)));
        assert_eq!(shown, "Verify(Digest(..), \"\") Foreign(Secret(..), ForeignHash(bcrypt))");
    }
}
