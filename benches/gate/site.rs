//! What is measured: the real daemon as a process of its own, over a store that was filled beforehand; or an echo in its
//! place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sidegate::clock::Clock;
use sidegate::entropy::Entropy;
use sidegate::gate::account::Terms;
use sidegate::gate::address::Key;
use sidegate::gate::name::{AccountName, PasswordName};
use sidegate::gate::order::Order;
use sidegate::gate::secret::Secret;
use sidegate::hasher::{Cost, Hasher};
use sidegate::store::orders::{Circumstances, carry_out};
use sidegate::store::sqlite::Sqlite;
use sidegate::store::{StoreHandle, key_file};
use tempfile::TempDir;

use crate::dialect::Dialect;

/// What the daemon's defaults cost.
pub(crate) const USUAL: Cost = Cost { memory_kib: 19_456, passes: 2 };
/// Next to nothing, where Argon2 is not what is measured.
pub(crate) const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

/// The k-th client password of the n-th account: 16 symbols of the alphabet.
pub(crate) fn secret(n: u64, k: u32) -> String {
    let alphabet = sidegate::gate::secret::ALPHABET;
    // Any mixing will do; it must differ for each pair.
    let mut state =
        (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(k) + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut symbol = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(alphabet[usize::try_from(state % alphabet.len() as u64).unwrap_or_default()])
    };
    (0..16).map(|_| symbol()).collect()
}

/// The n-th account.
pub(crate) fn account(n: u64) -> String {
    format!("user{n}@example.org")
}

/// A process that is measured. It is killed at the end.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder on the disk of the build folder: a store in memory would be no store.
pub(crate) fn folder() -> TempDir {
    let builder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    builder.expect("a folder on the disk of the build folder")
}

impl Server {
    /// The echo of a dialect.
    pub(crate) fn echo(dialect: Dialect) -> Self {
        let folder = folder();
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg("--echo").arg(dialect.name()).arg(folder.path().join(dialect.name()));
        let server = Self { child: command.spawn().expect("the echo starts"), folder };
        server.wait_for(dialect.name());
        server
    }

    /// The daemon with a listener for each dialect, over what [`fill`] left in `folder`.
    pub(crate) fn daemon(folder: TempDir, settings: &str) -> Self {
        let at = |name: &str| folder.path().join(name);
        let mut text = format!(
            "[store]\npath = {:?}\nkey_file = {:?}\n[control]\npath = {:?}\n[lockout]\nfailure_delay = \"0s\"\n",
            at("store.db"),
            at("store.key"),
            at("control"),
        );
        for (name, _) in Dialect::ALL {
            text += &format!("[[listen]]\nprotocol = \"{name}\"\npath = {:?}\n", at(name));
        }
        fs::write(at("sidegate.toml"), text).expect("the settings");
        fs::create_dir(at("conf.d")).expect("conf.d");
        fs::write(at("conf.d/bench.toml"), settings).expect("more settings");
        let log = fs::File::create(at("log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sidegated"));
        command.arg("--config").arg(at("sidegate.toml")).stdin(Stdio::null()).stderr(log);
        let server = Self { child: command.spawn().expect("the daemon starts"), folder };
        server.wait_for("control");
        server.wait_for(Dialect::AuthClient.name());
        server
    }

    fn wait_for(&self, socket: &str) {
        let (path, start) = (self.socket(socket), Instant::now());
        while std::os::unix::net::UnixStream::connect(&path).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "nobody listens at {}", path.display());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The path of one of its sockets.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The administrator's command line.
    pub(crate) fn order(&self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
        let done = command
            .arg("--socket")
            .arg(self.socket("control"))
            .args(arguments)
            .stdout(Stdio::null())
            .status();
        assert!(done.expect("sidegate starts").success(), "{arguments:?}");
    }

    /// Processor time of all its threads so far.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let nanos = tasks.flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

/// Makes a store in `folder` with accounts, each with so many client passwords.
pub(crate) async fn fill(folder: &Path, accounts: u64, passwords: u32, cost: Cost) {
    let entropy = Entropy::system();
    let keys = key_file::load(&folder.join("store.key"), &entropy).expect("a key");
    let store = StoreHandle::open(&Sqlite::at(folder.join("store.db"))).expect("a store");
    let hasher = Hasher::start(2, 10_000, Duration::from_secs(600));
    let at = Circumstances {
        now: Clock::system().now(),
        wall: Clock::system().now(),
        actor: "bench".into(),
        keys,
        people: Arc::default(),
        passwords_max: 100,
        failure_delay: Duration::ZERO,
    };
    for n in 0..accounts {
        let name = AccountName::parse(&account(n), None).expect("a name");
        let mut orders = vec![Order::AddAccount(name.clone())];
        for k in 0..passwords {
            let digest = Secret::new(secret(n, k)).digest();
            let source = Key::Network { first: [0; 16], bits: 128 };
            let phc = hasher.hash(source, digest, cost, entropy.bytes()).await.expect("hashed");
            let password = PasswordName::parse(&format!("device {k}")).expect("a name");
            orders.push(Order::NewPassword {
                account: name.clone(),
                name: password,
                terms: Terms::default(),
                digest,
                phc,
            });
        }
        let at = at.clone();
        let carried = store.change(name, move |tables| {
            orders.iter().try_for_each(|order| carry_out(tables, order, &at).map(drop))
        });
        carried.await.expect("carried out");
    }
}
