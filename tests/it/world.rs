//! A whole gate in this process: real store, real sockets, a clock set by hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use sidegate::clock::{Clock, Timestamp};
use sidegate::config::{Config, Source};
use sidegate::entropy::Entropy;
use sidegate::gate::account::Terms;
use sidegate::gate::address::Key;
use sidegate::gate::name::{AccountName, PasswordName};
use sidegate::gate::order::Order;
use sidegate::gate::secret::Secret;
use sidegate::handover::Kept;
use sidegate::hasher::{Cost, Hasher};
use sidegate::notices::Notices;
use sidegate::serve::Door;
use sidegate::serve::stop::Stop;
use sidegate::service::{Parts, Rules, Service};
use sidegate::store::sqlite::Sqlite;
use sidegate::store::{EventQuery, StoreHandle, key_file};
use sidegate::upstream::Upstream;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

/// When the clock of every test begins.
pub(crate) const START: Timestamp = Timestamp(1_800_000_000);
/// Nothing in these tests takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// An Argon2 that costs next to nothing.
pub(crate) const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

/// A running gate in a folder of its own.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) service: Arc<Service>,
    stop: watch::Sender<Stop>,
    doors: Vec<tokio::task::JoinHandle<Vec<Kept>>>,
    notices: tokio::task::JoinHandle<()>,
}

impl World {
    /// A gate with an auth-client and an auth-master socket, no failure delay, and `settings`.
    pub(crate) async fn start(settings: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings, START).await
    }

    /// The same, over whatever an earlier world left in `folder`.
    pub(crate) async fn start_in(folder: tempfile::TempDir, settings: &str, now: Timestamp) -> Self {
        let config = config(&folder, settings);
        let entropy = Entropy::system();
        let zone = jiff::tz::TimeZone::UTC;
        let notices = Notices::new(&config.notices, config.messages.language, zone, None).unwrap();
        let parts = Parts {
            rules: Rules::from(&config),
            addresses_max: config.lockout.addresses_max,
            clock: Clock::by_hand(now),
            key: key_file::load(&config.store.key_file, &entropy).unwrap(),
            entropy,
            store: StoreHandle::open(&Sqlite::at(&config.store.path)).unwrap(),
            hasher: Hasher::start(2, 100, Duration::from_secs(5)),
            upstream: config.upstream.as_ref().map(|up| Upstream::start(&up.auth, &up.userdb, up.timeout)),
            sharing: None,
            notices: Some(notices),
            hears_reports: true,
        };
        let service = Service::start(parts).await.unwrap();
        let notices = tokio::spawn(Arc::clone(&service).deliver_notices());
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let doors = config
            .listen
            .iter()
            .map(|listener| Arc::new(Door::open(listener).unwrap()))
            .map(|door| tokio::spawn(door.serve(Arc::clone(&service), stopped.clone())))
            .collect();
        Self { folder, service, stop, doors, notices }
    }

    /// Stops in order and gives the folder back.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.stop.send(Stop::Leave).unwrap();
        for door in self.doors {
            door.await.unwrap();
        }
        self.notices.abort();
        self.service.finish().await;
        self.folder
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, time: Duration) {
        self.service.clock().set(self.service.now().plus(time));
    }

    /// Makes an account.
    pub(crate) async fn account(&self, address: &str) {
        let name = AccountName::parse(address, None).unwrap();
        self.service.carry_out(Order::AddAccount(name), "test").await.unwrap();
    }

    /// Gives an account a client password that is known beforehand.
    pub(crate) async fn password(&self, address: &str, name: &str, secret: &str) {
        self.password_for(address, name, secret, Terms::default()).await;
    }

    /// The same, with terms.
    pub(crate) async fn password_for(&self, address: &str, name: &str, secret: &str, terms: Terms) {
        self.make_password(address, name, secret, terms, CHEAP).await;
    }

    /// The same, with a hash that costs more.
    pub(crate) async fn password_at(&self, address: &str, name: &str, secret: &str, cost: Cost) {
        self.make_password(address, name, secret, Terms::default(), cost).await;
    }

    async fn make_password(&self, address: &str, name: &str, secret: &str, terms: Terms, cost: Cost) {
        let account = AccountName::parse(address, None).unwrap();
        let digest = Secret::new(secret).digest();
        let hasher = Hasher::start(1, 1, PATIENCE);
        let key = Key::Network { first: [0; 16], bits: 128 };
        let phc = hasher.hash(key, digest, cost, [1; 16]).await.unwrap();
        let name = PasswordName::parse(name).unwrap();
        let order = Order::NewPassword { account, name, terms, digest, phc };
        self.service.carry_out(order, "test").await.unwrap();
    }

    /// The path of one of the sockets: `client`, `master`, `dict`, `policy` or `map`.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client of the auth-client socket, past its handshake.
    pub(crate) async fn client(&self) -> Peer {
        static CPID: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1000);
        let cpid = CPID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut peer = self.raw("client").await;
        peer.say(&format!("VERSION\t1\t2\nCPID\t{cpid}\n")).await;
        while peer.hear().await.expect("a handshake") != "DONE" {}
        peer
    }

    /// A connection on which nothing was said yet.
    pub(crate) async fn raw(&self, socket: &str) -> Peer {
        let stream = UnixStream::connect(self.socket(socket)).await.unwrap();
        let (reader, writer) = stream.into_split();
        Peer { lines: BufReader::new(reader), writer, id: 0 }
    }

    /// How many events there are of a verdict and reason.
    pub(crate) async fn events(&self, verdict: &str, reason: Option<&str>) -> usize {
        let query = EventQuery { limit: 100_000, ..EventQuery::default() };
        let events = self.service.events(query).await.unwrap();
        let meant = |event: &sidegate::gate::event::Event| {
            event.verdict.as_deref() == Some(verdict)
                && (reason.is_none() || event.reason.as_deref() == reason)
        };
        events.iter().filter(|(_, event)| meant(event)).count()
    }
}

/// The configuration of a world, with other settings.
pub(crate) fn settings_of(world: &World, settings: &str) -> Config {
    config(&world.folder, settings)
}

fn config(folder: &tempfile::TempDir, settings: &str) -> Config {
    let at = |name: &str| folder.path().join(name);
    let text = format!(
        "[store]\npath = {:?}\nkey_file = {:?}\n[control]\npath = {:?}\n\
         [[listen]]\nprotocol = \"auth-client\"\npath = {:?}\n\
         [[listen]]\nprotocol = \"auth-master\"\npath = {:?}\n\
         [[listen]]\nprotocol = \"dict\"\npath = {:?}\n\
         [[listen]]\nprotocol = \"policy\"\npath = {:?}\n\
         [[listen]]\nprotocol = \"socketmap\"\npath = {:?}\n",
        at("store.db"),
        at("store.key"),
        at("control"),
        at("client"),
        at("master"),
        at("dict"),
        at("policy"),
        at("map"),
    );
    let delay = "[lockout]\nfailure_delay = \"0s\"\n".to_owned();
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let sources = [source("basis", text), source("delay", delay), source("test", settings.to_owned())];
    Config::from_sources(&sources).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The other end of a connection.
pub(crate) struct Peer {
    lines: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    id: u32,
}

impl Peer {
    /// Says something, as it is.
    pub(crate) async fn say(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.unwrap();
    }

    /// Says something to a peer that may be gone.
    pub(crate) async fn say_if_heard(&mut self, bytes: &[u8]) -> bool {
        matches!(timeout(PATIENCE, self.writer.write_all(bytes)).await, Ok(Ok(())))
    }

    /// Says no more, but listens.
    pub(crate) async fn stop_talking(&mut self) {
        self.writer.shutdown().await.unwrap();
    }

    /// The next line, without its end; `None` when the other side has closed.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read =
            timeout(PATIENCE, self.lines.read_until(b'\n', &mut line)).await.expect("an answer in time");
        match read {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8(line).unwrap().trim_end_matches('\n').to_owned()),
        }
    }

    /// Sends a PLAIN login without waiting for its answer; returns its number.
    pub(crate) async fn try_login(&mut self, account: &str, secret: &str, params: &str) -> u32 {
        self.id += 1;
        let resp = plain(account, secret);
        self.say(&format!("AUTH\t{}\tPLAIN\t{params}\tresp={resp}\n", self.id)).await;
        self.id
    }

    /// A PLAIN login for IMAP, and the first word of its answer.
    pub(crate) async fn login(&mut self, account: &str, secret: &str, address: &str) -> String {
        let answer = self.answer(account, secret, &format!("service=imap\trip={address}")).await;
        answer.split('\t').next().unwrap_or_default().to_owned()
    }

    /// A PLAIN login and its whole answer.
    pub(crate) async fn answer(&mut self, account: &str, secret: &str, params: &str) -> String {
        self.try_login(account, secret, params).await;
        self.hear().await.expect("an answer")
    }
}

/// A PLAIN message in base64.
pub(crate) fn plain(account: &str, secret: &str) -> String {
    BASE64.encode(format!("\0{account}\0{secret}").as_bytes())
}
