//! Seeded worlds of clients, pauses, faults, clock steps, restarts, kills and full disks, through the real code over real
//! Unix sockets and the real store, beside a plain model of what must be so.
//!
//! A seed makes a script ([`script`]): who does what, when, with which fault; and what time and chance are. What each
//! step must come to is judged beside it ([`judge`], [`orders`], [`ledger`]); these hold always:
//!
//! - Nobody gets in from a blocked source, with a wrong secret, or with a client password after its removal returned.
//! - A right client password gets in from a source that is not blocked, full disk or not.
//! - Exactly ten wrong ones of a source are evaluated in a row; the block lasts its hour and not a second more or less.
//! - Never a seventh client password.
//! - Each verdict and each change has one event; sums of alike events count their number.
//! - What was acknowledged survives each end: an orderly stop, a stop under load, and a kill, after which only the files
//!   go on that were there at that moment, SQLite's log as it was.
//! - While the store takes no writes, nothing wrong is answered as such: no guess goes uncounted.
//!
//! What is deterministic: the script, the clock, tokio's time (it stands still but where the script lets it pass), the
//! randomness of the gate, and so everything that one request does alone. What is not: the store's threads and Argon2's
//! are real ones, so the requests of a round with several interleave as it happens. There the judges ask for what must
//! hold in every order, and the model goes on from what the disk says. A failure of such a round may take some runs of
//! its seed to come again.
//!
//! Only `auth-client` is played, and client passwords made here: no upstream, no imports, no messages, no auth policy, no
//! table that is full.
//!
//! `SIDEGATE_SEED=7 cargo test --test it sim -- --nocapture` plays one seed aloud; `SIDEGATE_SEEDS=100000` plays more.

mod disk;
mod faults;
mod history;
mod judge;
mod ledger;
mod life;
mod line;
mod model;
mod orders;
mod script;

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use sidegate::config::{Config, Repeats, Source as Text};
use sidegate::entropy::Entropy;
use sidegate::store::key_file;
use tempfile::TempDir;

use self::disk::Eyes;
use self::history::{Ending, Over};
use self::ledger::Ledger;
use self::life::Gate;
use self::model::{Model, Span};
use self::script::{End, KNOWN, Life, Round, Script, Settings, Weather};
use crate::world::START;

/// Seeds that each run plays.
const SEEDS: u64 = 2_000;
/// Seeds that failed once: a failure swept away; a block that came back, and logins put off without an event.
const FAILED_ONCE: [u64; 2] = [0, 2];
/// Worlds at once: the store's threads and Argon2's have work to do beside each.
const WORKERS: usize = 2;
/// Nothing in a life takes as long, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(60);
/// Steps that are told of a world that failed.
const LAST_STEPS: usize = 8;

#[test]
fn what_must_hold_holds_in_every_world() {
    if let Some(seed) = number("SIDEGATE_SEED") {
        let script = Script::of(seed);
        println!("{script:#?}");
        return play(seed, true).unwrap_or_else(|told| panic!("{told}"));
    }
    let seeds = number("SIDEGATE_SEEDS").unwrap_or(SEEDS);
    let (next, failed, told) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Vec::new()));
    let work = || {
        let old = FAILED_ONCE.len() as u64;
        while !failed.load(Ordering::Relaxed) {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let seed = match usize::try_from(n).ok().and_then(|n| FAILED_ONCE.get(n)) {
                Some(seed) => *seed,
                None if n - old < seeds => n - old,
                None => return,
            };
            if let Err(why) = play(seed, false) {
                failed.store(true, Ordering::Relaxed);
                told.lock().unwrap().push(why);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let told = told.into_inner().unwrap();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn a_seed_makes_the_same_script_again() {
    for seed in 0..20 {
        assert_eq!(format!("{:?}", Script::of(seed)), format!("{:?}", Script::of(seed)));
        assert_ne!(format!("{:?}", Script::of(seed)), format!("{:?}", Script::of(seed + 1)));
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Plays a world; if it fails, says with which seed and after which steps.
fn play(seed: u64, aloud: bool) -> Result<(), String> {
    let steps = Steps { aloud, told: RefCell::default() };
    let (alive, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE * 3) == Err(RecvTimeoutError::Timeout) {
            eprintln!("SIDEGATE_SEED={seed} hangs, where no timer of its own ends it");
            std::process::abort();
        }
    });
    let played = catch_unwind(AssertUnwindSafe(|| World::new(seed, &steps).play()));
    drop(alive);
    played.map_err(|why| {
        let why = why.downcast_ref::<String>().map(String::as_str).or(why.downcast_ref::<&str>().copied());
        let told = steps.told.borrow();
        let last = &told[told.len().saturating_sub(LAST_STEPS)..];
        let last: String = last.iter().map(|step| format!("  {step}\n")).collect();
        format!("SIDEGATE_SEED={seed} fails: {}\nlast steps:\n{last}", why.unwrap_or("(no words)"))
    })
}

/// What was done, for whoever looks for the reason.
struct Steps {
    aloud: bool,
    told: RefCell<Vec<Step>>,
}

/// Put into words only where they are wanted: that takes longer than the step.
enum Step {
    Told(i64, String),
    Round(i64, Rc<Over>),
}

impl Steps {
    fn tell(&self, now: i64, what: impl Display) {
        self.put(Step::Told(now, what.to_string()));
    }

    fn put(&self, step: Step) {
        if self.aloud {
            println!("{step}");
        }
        self.told.borrow_mut().push(step);
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(now, what) => write!(f, "at {}: {what}", now - START.0),
            Self::Round(now, over) => {
                write!(f, "at {}: {:?}, {:?}", now - START.0, over.weather, over.ending)?;
                over.entries.iter().try_for_each(|entry| write!(f, "\n    {entry}"))
            }
        }
    }
}

struct World<'a> {
    seed: u64,
    script: Script,
    config: Config,
    folder: TempDir,
    model: Model,
    ledger: Ledger,
    eyes: Eyes,
    steps: &'a Steps,
}

impl<'a> World<'a> {
    fn new(seed: u64, steps: &'a Steps) -> Self {
        let script = Script::of(seed);
        let folder = folder();
        let key = key_file::load(&folder.path().join("store.key"), &Entropy::from_seed(seed)).unwrap();
        let model = Model::new(script.settings, key.oldest().clone(), START.0);
        let config = BASIS.config(script.settings);
        fs::write(folder.path().join("store.db"), &BASIS.store).unwrap();
        let (ledger, eyes) = (Ledger::default(), Eyes::open(folder.path()));
        Self { seed, script, config, folder, model, ledger, eyes, steps }
    }

    fn play(mut self) {
        self.steps.tell(START.0, format_args!("{:?}", self.script.settings));
        let lives = std::mem::take(&mut self.script.lives);
        for (n, life) in (0..).zip(&lives) {
            self.live(n, life);
        }
    }

    fn live(&mut self, number: u64, life: &Life) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        let last = runtime.block_on(async {
            // As long as this waits, paused time stands still, whatever else the runtime waits for.
            let (alive, ended) = mpsc::channel::<()>();
            let patience = tokio::task::spawn_blocking(move || ended.recv_timeout(PATIENCE));
            let last = tokio::select! {
                _ = patience => panic!("nothing moves any more"),
                last = self.lived(number, life) => last,
            };
            drop(alive);
            last
        });
        // What is under way is decided no more, and the store is closed.
        drop(runtime);
        let killed = last.ending == Ending::Killed;
        self.judge(last, self.model.now);
        if killed {
            self.ledger.killed();
        }
        self.ledger.audit(&self.eyes.events());
        let disk = self.eyes.look(&self.model, &(0..KNOWN).collect());
        orders::judge(&self.model, &mut self.ledger, &Over::nothing(), &disk);
        self.model.restart(self.model.now + life.step, |source| disk.whole(source));
    }

    /// Returns the last round.
    async fn lived(&mut self, number: u64, life: &Life) -> Over {
        let now = self.model.now;
        self.steps.tell(now, format_args!("life {number} begins"));
        let entropy = self.seed.wrapping_mul(1000) + number;
        let gate = Gate::start(self.folder.path(), &self.config, entropy, now).await;
        gate.agrees(&self.model);
        for round in &life.rounds {
            let from = self.model.now;
            match round {
                Round::Ask(weather, lanes) => {
                    let history = gate.ask(&self.model, *weather, lanes).await;
                    if let Weather::Stalled(_, script::Meanwhile::Pass(secs)) = weather {
                        self.model.now += secs;
                    }
                    self.judge(history.over(*weather, Ending::Whole), from);
                }
                Round::Pass(secs) => {
                    gate.pass(*secs).await;
                    self.model.now += secs;
                    self.steps.tell(self.model.now, format_args!("{secs} s have passed"));
                }
                Round::SetBack(secs) => gate.set_back(*secs),
                Round::Sweep => {
                    gate.sweep().await;
                    self.steps.tell(self.model.now, "swept");
                }
            }
            gate.agrees(&self.model);
        }
        self.end(gate, &life.end).await
    }

    async fn end(&mut self, gate: Gate, end: &End) -> Over {
        let (history, ending) = match end {
            End::Quiet => (gate.stop(&self.model, &[], 0).await, Ending::Whole),
            End::Stopped(lanes, answers) => (gate.stop(&self.model, lanes, *answers).await, Ending::Stopped),
            End::Killed(lanes, answers, hangs) => {
                let next = folder();
                let way = (self.folder.path(), next.path());
                let history = gate.kill(&self.model, lanes, (*answers, *hangs), way).await;
                self.eyes = Eyes::open(next.path());
                self.folder = next;
                (history, Ending::Killed)
            }
        };
        history.over(Weather::Fine, ending)
    }

    /// Judges what came of a round, and goes on from there.
    fn judge(&mut self, over: Over, from: i64) {
        let over = Rc::new(over);
        self.steps.put(Step::Round(self.model.now, Rc::clone(&over)));
        let disk = self.eyes.look(&self.model, &orders::concerned(&over));
        let span = Span { from, to: self.model.now };
        let accounts = orders::judge(&self.model, &mut self.ledger, &over, &disk);
        judge::judge(&mut self.model, &mut self.ledger, &over, span, &disk);
        self.model.accounts = accounts;
    }
}

/// In memory, where there is such a place: thousands of stores are made.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let within = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("sidegate-sim-").tempdir_in(within).unwrap()
}

/// What all worlds begin with, made once: settings, and an empty store.
struct Basis {
    config: Config,
    store: Vec<u8>,
}

static BASIS: LazyLock<Basis> = LazyLock::new(|| {
    let text = "[store]\npath = \"/nowhere/store.db\"\nkey_file = \"/nowhere/store.key\"\n\
                [control]\npath = \"/nowhere/control\"\n\
                [[listen]]\nprotocol = \"auth-client\"\npath = \"/nowhere/client\"\n\
                [lockout]\nexempt = [\"198.51.100.0/24\"]\n";
    let source = Text { name: "sim".to_owned(), text: text.to_owned() };
    let config = Config::from_sources(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let folder = folder();
    drop(Eyes::open(folder.path()));
    Basis { config, store: fs::read(folder.path().join("store.db")).unwrap() }
});

impl Basis {
    fn config(&self, settings: Settings) -> Config {
        let mut config = self.config.clone();
        config.lockout.failures = u32::try_from(settings.failures).unwrap();
        config.lockout.failure_delay = Duration::from_secs(settings.delay);
        config.lockout.repeats = if settings.once { Repeats::Once } else { Repeats::Count };
        config
    }
}
