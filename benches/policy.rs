//! Policy requests per second, with counts that are on disk before they are answered.
//!
//! `cargo bench --bench policy`. A whole gate in this process, its store on the disk of the build folder, asked over
//! its Unix socket by 1, 16 and 128 connections at once, as that many smtpd processes would. What matters is the ratio
//! between the lines of one run; the numbers themselves are this machine's.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sidegate::clock::Clock;
use sidegate::config::{Config, Source};
use sidegate::entropy::Entropy;
use sidegate::gate::delegation::Right;
use sidegate::gate::limits::{Allowance, Level, LimitsChange, Per};
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use sidegate::hasher::Hasher;
use sidegate::serve::Door;
use sidegate::serve::stop::Stop;
use sidegate::service::{Parts, Rules, Service};
use sidegate::store::sqlite::Sqlite;
use sidegate::store::{StoreHandle, key_file};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// How long each line is measured.
const MEASURED: Duration = Duration::from_secs(2);
/// Connections at once.
const CONNECTIONS: [usize; 3] = [1, 16, 128];
/// Accounts that send.
const ACCOUNTS: u64 = 200;

/// The questions of one line, about the n-th message.
struct Case {
    name: &'static str,
    limited: bool,
    questions: fn(u64) -> Vec<String>,
}

fn question(state: &str, n: u64, sender: &str) -> String {
    let login = format!("user{}@example.org", n % ACCOUNTS);
    let sender = if sender.is_empty() { &login } else { sender };
    format!(
        "request=smtpd_access_policy\nprotocol_state={state}\nprotocol_name=ESMTP\nclient_address=192.0.2.{}\n\
         client_name=unknown\nclient_port=4711\nhelo_name=client.example.net\nsender={sender}\nrecipient=\n\
         recipient_count=1\nqueue_id=\ninstance=1a2b.{n:x}.0\nsize=1234\nsasl_method=PLAIN\nsasl_username={login}\n\
         sasl_sender=\nencryption_protocol=TLSv1.3\nencryption_keysize=256\npolicy_context=\n\n",
        n % 250,
    )
}

const CASES: [Case; 5] = [
    Case { name: "CONNECT", limited: false, questions: |n| vec![question("CONNECT", n, "")] },
    Case { name: "MAIL, own sender", limited: false, questions: |n| vec![question("MAIL", n, "")] },
    Case {
        name: "MAIL, granted sender",
        limited: false,
        questions: |n| vec![question("MAIL", n, "team@example.org")],
    },
    Case {
        name: "DATA and end, no limit",
        limited: false,
        questions: |n| vec![question("DATA", n, ""), question("END-OF-MESSAGE", n, "")],
    },
    Case {
        name: "DATA and end, four limits",
        limited: true,
        questions: |n| vec![question("DATA", n, ""), question("END-OF-MESSAGE", n, "")],
    },
];

fn main() {
    let folder = tempfile::Builder::new().prefix("bench-policy-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.expect("a folder on the disk of the build folder");
    let (stop, stopped) = watch::channel(Stop::NotYet);
    let (ready, wait) = std::sync::mpsc::channel();
    let path = folder.path().to_owned();
    // The gate has a thread of its own, as the daemon has; so have those who ask.
    let gate = std::thread::spawn(move || runtime().block_on(serve(&path, &ready, stopped)));
    let service = wait.recv().expect("the gate starts");
    let load = runtime();
    let socket = folder.path().join("policy");
    println!("{:<28}{:>12}{:>14}{:>10}", "questions", "connections", "per second", "ratio");
    for case in CASES {
        load.block_on(limit(&service, case.limited));
        for connections in CONNECTIONS {
            let rate = load.block_on(measure(&socket, &case, connections));
            let basis = BASIS[position(connections)].load(Ordering::Relaxed);
            let basis = if basis == 0 { rate } else { basis };
            BASIS[position(connections)].store(basis, Ordering::Relaxed);
            let ratio = rate as f64 / basis as f64;
            println!("{:<28}{connections:>12}{rate:>14}{ratio:>10.3}", case.name);
        }
    }
    drop(service);
    stop.send(Stop::Leave).expect("the gate listens");
    gate.join().expect("the gate ends");
}

/// What CONNECT reached with as many connections: the ratio's basis.
static BASIS: [AtomicU64; CONNECTIONS.len()] = [const { AtomicU64::new(0) }; CONNECTIONS.len()];

fn position(connections: usize) -> usize {
    CONNECTIONS.iter().position(|known| *known == connections).unwrap_or_default()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn serve(folder: &Path, ready: &std::sync::mpsc::Sender<Arc<Service>>, stopped: watch::Receiver<Stop>) {
    let text = format!(
        "[store]\npath = {:?}\nkey_file = {:?}\n[[listen]]\nprotocol = \"policy\"\npath = {:?}\n",
        folder.join("store.db"),
        folder.join("store.key"),
        folder.join("policy"),
    );
    let config = Config::from_sources(&[Source { name: "bench".into(), text }]).expect("a configuration");
    let entropy = Entropy::system();
    let parts = Parts {
        rules: Rules::from(&config),
        addresses_max: config.lockout.addresses_max,
        clock: Clock::system(),
        key: key_file::load(&config.store.key_file, &entropy).expect("a key"),
        entropy,
        store: StoreHandle::open(&Sqlite::at(&config.store.path)).expect("a store"),
        hasher: Hasher::start(1, 1, Duration::from_secs(1)),
        upstream: None,
        sharing: None,
        notices: None,
    };
    let service = Service::start(parts).await.expect("a service");
    let name = |text: &str| AccountName::parse(text, None).expect("a name");
    let mut orders = vec![Order::AddAccount(name("team@example.org"))];
    for n in 0..ACCOUNTS {
        let delegate = name(&format!("user{n}@example.org"));
        orders.push(Order::AddAccount(delegate.clone()));
        orders.push(Order::Grant { owner: name("team@example.org"), delegate, right: Right::SendAs });
    }
    for order in orders {
        service.carry_out(order, "bench").await.expect("carried out");
    }
    let upkeep = tokio::spawn(Arc::clone(&service).upkeep());
    let door = Arc::new(Door::open(&config.listen[0]).expect("a door"));
    ready.send(Arc::clone(&service)).expect("somebody waits");
    door.serve(Arc::clone(&service), stopped).await;
    upkeep.abort();
}

/// Sets all four limits, so high that nobody meets them, or none.
async fn limit(service: &Service, limited: bool) {
    let allowance = if limited { Allowance::AtMost(1_000_000) } else { Allowance::Inherited };
    let change = LimitsChange([Some(allowance); 4]);
    let order = Order::SetLimits { level: Level::Default, per: Per::Account, change };
    service.carry_out(order, "bench").await.expect("carried out");
}

/// Questions that were answered in a second.
async fn measure(socket: &Path, case: &Case, connections: usize) -> u64 {
    static MESSAGE: AtomicU64 = AtomicU64::new(0);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (socket, questions) = (socket.to_owned(), case.questions);
        tasks.push(tokio::spawn(async move {
            let mut stream = UnixStream::connect(socket).await.expect("a connection");
            let mut answered = 0_u64;
            let mut answer = [0; 1024];
            while start.elapsed() < MEASURED {
                for question in questions(MESSAGE.fetch_add(1, Ordering::Relaxed)) {
                    stream.write_all(question.as_bytes()).await.expect("it reads");
                    let read = stream.read(&mut answer).await.expect("it answers");
                    assert_eq!(&answer[..read], b"action=DUNNO\n\n");
                    answered += 1;
                }
            }
            answered
        }));
    }
    let mut answered = 0;
    for task in tasks {
        answered += task.await.expect("a task ends");
    }
    (answered as f64 / start.elapsed().as_secs_f64()) as u64
}
