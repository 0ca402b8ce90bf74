//! `sidegated`: start and stop, in order.
//!
//! Start: sockets that systemd passes, settings, limits, log, control socket (is another one
//! running?), store, key, upstream, doors, ready. Stop: connections are left in order ([`stop`](crate::serve::stop)), then
//! what is pending is written, and systemd keeps what it can for whoever comes next. Renewal: the same, and the program's file as it is now goes on in this process
//! ([`crate::handover`]).

mod reload;
mod signals;

use std::error::Error;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::{CommandFactory, Parser};
use jiff::tz::TimeZone;
use tokio::net::UnixListener;
use tokio::runtime;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tracing::{error, info, warn};

use self::reload::{Mistaken, merged, reread, waiting};
use self::signals::{Order, Signals};
use crate::api::server::{Api, InForce};
use crate::clock::Clock;
use crate::config::{Config, Control, ListenProtocol};
use crate::entropy::Entropy;
use crate::faults::{kept_up, log_panics};
use crate::handover::{Handover, Kept, Program};
use crate::hasher::Hasher;
use crate::log;
use crate::notices::Notices;
use crate::process;
use crate::restore::{RestoreError, Restored, make_missing, restore};
use crate::serve::passed::Passed;
use crate::serve::stop::{DRAIN, Stop, claimed};
use crate::serve::{Door, asked, last_id, socket, spid};
use crate::service::{Parts, Rules, Service};
use crate::sharing::SharingFiles;
use crate::store::StoreHandle;
use crate::store::presence::{self, Presence};
use crate::store::sqlite::Sqlite;
use crate::store::{key_file, lock};
use crate::systemd;
use crate::upstream::Upstream;

/// Where the settings are if nobody says otherwise.
pub const CONFIG_DEFAULT: &str = "/etc/sidegate/sidegate.toml";

/// The side gate of a mail server: decides every login of a mail client.
#[derive(Debug, Parser)]
#[command(name = "sidegated", version, about, after_help = AFTER_HELP)]
struct Options {
    /// The settings; conf.d/*.toml beside this file are read after it
    #[arg(long, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    config: PathBuf,
    /// Read the settings, tell every mistake, and exit
    #[arg(long)]
    check: bool,
    /// Put a backup in the place of the database, after checking it whole, and exit
    #[arg(long, value_name = "BACKUP", conflicts_with = "check")]
    restore: Option<PathBuf>,
    /// Make the database or the key file, whichever is missing, and exit; the other must be there, or both be missing
    #[arg(long, conflicts_with_all = ["check", "restore"])]
    make_missing: bool,
}

const AFTER_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  stop: open requests are answered, or told to try again later;
                   systemd keeps sockets and connections for a restart
  SIGHUP           read the settings again; what needs a restart is named in the log
  SIGUSR2          become the program's file as it is now, with all settings read
                   anew: sockets stay open, and Dovecot and Postfix notice nothing;
                   if that one finds mistakes in the settings, nothing changes

Exit status:
  0  stopped as told; or --check found no mistake
  1  could not start; or --check found mistakes
  2  wrong usage

Examples:
  sidegated --check
  sidegated --restore /root/sidegate-backup.db
  sidegated --make-missing
  sidegated --config /etc/sidegate/sidegate.toml";

/// The command line, for the manual page.
#[must_use]
pub fn command() -> clap::Command {
    Options::command()
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let options = Options::parse();
    let config = match Config::load(&options.config) {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    if options.check {
        for remark in config.remarks() {
            eprintln!("remark: {remark}");
        }
        eprintln!("{}: no mistakes", options.config.display());
        return ExitCode::SUCCESS;
    }
    if let Some(backup) = &options.restore {
        return told(restored(&config, backup));
    }
    if options.make_missing {
        return told(made(&config));
    }
    // Before the log, which has a thread of its own.
    let passed = Passed::from_environment();
    if let Err(error) = signals::hold() {
        eprintln!("sidegated: signals cannot be held: {error}");
        return ExitCode::FAILURE;
    }
    let mut log = match log::start(&config.log) {
        Ok(guard) => Some(guard),
        Err(error) => {
            eprintln!("sidegated: the log cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    log_panics();
    match start(&options.config, config, passed, &mut log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = log::chain(&*error);
            systemd::failed(&why);
            error!("sidegated could not start: {why}");
            ExitCode::FAILURE
        }
    }
}

fn told(outcome: Result<(), RestoreError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sidegated: {error}");
            ExitCode::FAILURE
        }
    }
}

fn restored(config: &Config, backup: &Path) -> Result<(), RestoreError> {
    let Restored { path, kept, accounts, keys } = restore(config, backup)?;
    eprintln!("{}: restored, with {accounts} accounts", path.display());
    if let Some(kept) = kept {
        eprintln!("what was there before is {}", kept.display());
    }
    eprint!("{}", keys.in_words());
    Ok(())
}

fn made(config: &Config) -> Result<(), RestoreError> {
    let made = make_missing(&config.store)?;
    if made.is_empty() {
        eprintln!("nothing is missing");
    }
    made.iter().for_each(|path| eprintln!("{}: made", path.display()));
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

/// Who goes on after us in this process, with what.
struct Next {
    program: Program,
    handover: Handover,
}

/// `log` is ended before another image goes on.
fn start<L>(path: &Path, config: Config, passed: Passed, log: &mut Option<L>) -> Result<(), Failure> {
    process::guard_secrets()?;
    process::raise_descriptors();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let Some(Next { program, handover }) = runtime.block_on(run(path, config, passed))? else {
        return Ok(());
    };
    let left = handover.leave()?;
    *log = None;
    let error = program.become_next(&left);
    eprintln!("sidegated: the next image cannot be run: {error}");
    Err(error.into())
}

async fn run(path: &Path, config: Config, mut passed: Passed) -> Result<Option<Next>, Failure> {
    let program = Program::running();
    let signals = Signals::listen()?;
    // Whoever lives on the control socket is another sidegated: found out before the store is
    // touched.
    let control = listen_control(&config.control, &mut passed)?;
    let mut listeners =
        vec![(control.as_fd().try_clone_to_owned()?, config.control.path.display().to_string())];
    for remark in config.remarks() {
        warn!("{remark}");
    }
    // Held to the end: nobody puts a backup in its place meanwhile.
    let _lock = lock::take(&config.store.path)?;
    let service = Service::start(parts(&config)?).await?;
    service.tell_of_lost_keys().await?;
    if let Err(error) = service.share().await {
        // Logins do not wait for it; what Dovecot was told last holds, and it is tried again.
        error!(error = %log::chain(&error), "Dovecot could not be told of delegations");
    }
    let doors: Arc<[Arc<Door>]> = config
        .listen
        .iter()
        .map(|listener| Door::take_or_open(listener, &mut passed).map(Arc::new))
        .collect::<Result<_, _>>()?;
    asked::recall(&doors, &service).await;
    let from_systemd = passed.close_rest();
    let folder = config.store.path.parent().unwrap_or(Path::new("/")).to_owned();
    let in_force = Arc::new(InForce::new(path.to_owned(), config.clone()));
    let control_settings = config.control.clone();
    let api =
        Api::new(Arc::clone(&service), Arc::clone(&doors), control_settings, Arc::clone(&in_force), folder);

    // Mail processes come after login processes, and their doors are closed after theirs.
    let mut logins = Served::default();
    let mut mail = Served::default();
    for door in doors.iter() {
        listeners.push((door.listening()?, door.settings.place.to_string()));
        let served = if door.is_for_mail_processes() { &mut mail } else { &mut logins };
        served.tasks.spawn(Arc::clone(door).serve(Arc::clone(&service), served.stop.subscribe()));
    }
    let stopped = logins.stop.subscribe();
    logins.tasks.spawn(async move {
        if let Err(error) = api.serve(control, stopped).await {
            error!(%error, "the control API ended");
        }
        Vec::new()
    });
    let loops = go_round(&service, &doors);
    let life = tokio::spawn(kept_up(systemd::signs_of_life));
    info!(version = env!("CARGO_PKG_VERSION"), listeners = doors.len(), from_systemd, "ready");
    let serving = format!("serving {} listeners and the control socket", doors.len());
    systemd::ready(&serving);

    let stop = obey_signals(&signals, path, config, &program, &service, &in_force, &serving).await?;
    if stop != Stop::Keep {
        systemd::stopping();
    }
    info!(?stop, "stopping");
    service.hurry();
    let mut connections = logins.stop(stop).await;
    claimed(&service).await;
    connections.extend(mail.stop(stop).await);
    loops.iter().for_each(JoinHandle::abort);
    asked::finish(&doors, &service).await;
    service.finish().await;
    life.abort();
    info!(kept = connections.len(), "stopped");
    leave(Handover { listeners, connections, last_id: last_id(), spid: spid() }, stop, program)
}

/// What goes on beside all questions.
fn go_round(service: &Arc<Service>, doors: &Arc<[Arc<Door>]>) -> [JoinHandle<()>; 3] {
    let (upkeep, notices, asked) = (Arc::clone(service), Arc::clone(service), Arc::clone(service));
    let doors = Arc::clone(doors);
    [
        tokio::spawn(kept_up(move || Arc::clone(&upkeep).upkeep())),
        tokio::spawn(kept_up(move || Arc::clone(&notices).deliver_notices())),
        tokio::spawn(kept_up(move || asked::keep(Arc::clone(&doors), Arc::clone(&asked)))),
    ]
}

/// What there is goes to the next image, or what can be kept to systemd.
fn leave(handover: Handover, stop: Stop, program: Program) -> Result<Option<Next>, Failure> {
    if stop == Stop::Keep {
        return Ok(Some(Next { program, handover }));
    }
    if let Some(stored) = handover.stored(systemd::STORED_MAX)? {
        systemd::store(stored);
    }
    Ok(None)
}

/// Doors that are served, and closed together.
struct Served {
    stop: watch::Sender<Stop>,
    tasks: JoinSet<Vec<Kept>>,
}

impl Default for Served {
    fn default() -> Self {
        Self { stop: watch::Sender::new(Stop::NotYet), tasks: JoinSet::new() }
    }
}

impl Served {
    /// Returns the connections that are for the next image.
    async fn stop(mut self, stop: Stop) -> Vec<Kept> {
        self.stop.send_replace(stop);
        let mut kept = Vec::new();
        let drained = async {
            while let Some(ended) = self.tasks.join_next().await {
                kept.extend(ended.unwrap_or_default());
            }
        };
        // The doors cut what takes longer; a control request may take as long as they do.
        if timeout(2 * DRAIN, drained).await.is_err() {
            warn!("a control request took too long and was cut");
        }
        kept
    }
}

fn parts(config: &Config) -> Result<Parts, Failure> {
    let entropy = Entropy::system();
    let presence = presence::look(&config.store.path, &config.store.key_file)?;
    // The database first: one that is empty and has no key is known as what is left of a first start.
    let store = StoreHandle::open(&Sqlite::at(&config.store.path))?;
    let key = key_file::load(&config.store.key_file, &entropy)?;
    if presence == Presence::FirstStart {
        warn!(
            database = %config.store.path.display(),
            "made a new store, with no accounts in it; if this is not the first start, stop sidegated and look where its \
             folder is"
        );
    }
    let argon2 = &config.client_passwords.argon2;
    let seats = argon2.seats.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    Ok(Parts {
        rules: Rules::from(config),
        addresses_max: config.lockout.addresses_max,
        clock: Clock::system(),
        entropy,
        key,
        store,
        hasher: Hasher::start(seats, argon2.queue, argon2.wait),
        upstream: config
            .upstream
            .as_ref()
            .map(|upstream| Upstream::start(&upstream.auth, &upstream.userdb, upstream.timeout)),
        sharing: config
            .sharing
            .as_ref()
            .map(|sharing| SharingFiles::in_folder(&sharing.folder, sharing.prefix.clone())),
        notices: Some(Notices::new(
            &config.notices,
            config.messages.language,
            TimeZone::system(),
            config.messages.portal_url.as_deref(),
        )?)
        .filter(|notices| !notices.channels().is_empty()),
        hears_reports: config.listen.iter().any(|listener| listener.protocol == ListenProtocol::Http),
    })
}

/// Reachable for those who may have a role; which one is decided by uid, at each request.
fn listen_control(control: &Control, passed: &mut Passed) -> Result<UnixListener, socket::SocketError> {
    let others = !control.readers.is_empty() || !control.portal.is_empty();
    let mode = match (&control.group, others) {
        (_, true) => 0o666,
        (Some(_), false) => 0o660,
        (None, false) => 0o600,
    };
    // Whom a unit lets in beside these is told no all the same.
    match passed.unix(&control.path, 0o666) {
        Some(listener) => Ok(listener),
        None => socket::listen(&control.path, mode, control.group.as_deref()),
    }
}

/// Returns when the daemon is to stop, and how.
async fn obey_signals(
    signals: &Signals,
    path: &Path,
    mut config: Config,
    program: &Program,
    service: &Service,
    in_force: &InForce,
    serving: &str,
) -> io::Result<Stop> {
    // What keeps its first values until a restart.
    let started = config.clone();
    loop {
        match signals.next().await? {
            Order::Stop if systemd::is_there() => return Ok(Stop::Store),
            Order::Stop => return Ok(Stop::Leave),
            Order::Renew => {
                systemd::reloading("becoming the program as it is now");
                match program.check(path).await {
                    Ok(()) => return Ok(Stop::Keep),
                    Err(why) => {
                        error!(why, "the program as it is now does not take the settings: this one goes on");
                        systemd::ready(&format!("{serving}; not renewed: the log says why"));
                    }
                }
            }
            Order::Reload => {
                systemd::reloading("reading the settings again");
                match reread(path, &mut config, service) {
                    Ok(()) => {
                        in_force.set(merged(&started, &config));
                        systemd::ready(&match waiting(&started, &config) {
                            waits if waits.is_empty() => serving.to_owned(),
                            waits => format!("{serving}; only a restart changes {}", waits.join(", ")),
                        });
                    }
                    Err(Mistaken) => systemd::ready(&format!(
                        "{serving}, with the settings of before: the files have mistakes; the log names them"
                    )),
                }
            }
        }
    }
}
