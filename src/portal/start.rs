//! `sidegate-portal`: start and stop, in order.
//!
//! Start: sockets that systemd passes, settings, limits, log, secrets, listener, ready. It holds nothing that must survive:
//! killed at any moment, it goes on where the browser and the daemon left off.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser};
use jiff::tz::TimeZone;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

use super::means::Means;
use super::pages::assets::Looks;
use super::server::{self, Listening, Shared, Tls};
use crate::config::Endpoint;
use crate::config::portal::{Listen, Logo, Portal};
use crate::faults::{kept_up, log_panics};
use crate::log;
use crate::process;
use crate::serve::passed::Passed;
use crate::serve::socket;
use crate::serve::stop::Stop;
use crate::systemd;

/// Where the settings are if nobody says otherwise.
pub const CONFIG_DEFAULT: &str = "/etc/sidegate/portal.toml";

/// The pages of Sidegate: people look after their second factors, devices and client passwords.
#[derive(Debug, Parser)]
#[command(name = "sidegate-portal", version, after_help = AFTER_HELP)]
struct Options {
    /// The settings; portal.d/*.toml beside this file are read after it
    #[arg(long, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    config: PathBuf,
    /// Read the settings, tell every mistake, and exit
    #[arg(long)]
    check: bool,
}

const AFTER_HELP: &str = "\
It asks sidegated on its control socket, whose setting control.portal has to name the user it runs as.

Signals:
  SIGTERM, SIGINT  stop: requests that are being answered are answered
  SIGHUP           read the certificate of [listen.tls] and the file of [geoip] again

Exit status:
  0  stopped as told; or --check found no mistake
  1  could not start; or --check found mistakes
  2  wrong usage

Examples:
  sidegate-portal --check
  sidegate-portal --config /etc/sidegate/portal.toml";

/// The command line, for the manual page.
#[must_use]
pub fn command() -> clap::Command {
    Options::command()
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let options = Options::parse();
    let settings = match Portal::load(&options.config) {
        Ok(settings) => settings,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    if options.check {
        eprintln!("{}: no mistakes", options.config.display());
        return ExitCode::SUCCESS;
    }
    // Before the log, which has a thread of its own.
    let passed = Passed::from_environment();
    let _log = match log::start(&settings.log) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("sidegate-portal: the log cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    log_panics();
    match start(settings, passed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = log::chain(&*error);
            systemd::failed(&why);
            error!("sidegate-portal could not start: {why}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn Error + Send + Sync>;

fn start(settings: Portal, passed: Passed) -> Result<(), Failure> {
    process::guard_secrets()?;
    process::raise_descriptors();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(settings, passed))
}

async fn run(settings: Portal, mut passed: Passed) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let zone = match &settings.site.time_zone {
        Some(name) => TimeZone::get(name)?,
        None => TimeZone::system(),
    };
    let means = Means::new(&settings, &zone)?;
    let tls = settings.listen.tls.as_ref().map(Tls::new).transpose()?.map(Arc::new);
    let listening = listen(&settings.listen, tls.clone(), &mut passed)?;
    let from_systemd = passed.close_rest();
    let place = settings.listen.place.to_string();
    let logo = settings
        .site
        .logo
        .as_deref()
        .map(Logo::read)
        .transpose()
        .map_err(|error| format!("site.logo {error}"))?;
    let looks = Looks::new(settings.site.colour, logo);
    let shared = Arc::new(Shared::new(settings, zone, means, looks));
    read_places(&shared);

    let stop = watch::Sender::new(Stop::NotYet);
    let served = tokio::spawn(server::serve(Arc::clone(&shared), listening, stop.subscribe()));
    let life = tokio::spawn(kept_up(systemd::signs_of_life));
    // In its own time: pages are served while the daemon is away, and say so.
    let asked = Arc::clone(&shared);
    tokio::spawn(async move { asked.control.try_once().await });
    info!(version = env!("CARGO_PKG_VERSION"), place, from_systemd, "ready");
    let serving = format!("serving {} at {place}", shared.settings.site.url);
    systemd::ready(&serving);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                systemd::reloading("reading the certificate and the file of places again");
                renew(tls.as_deref());
                read_places(&shared);
                systemd::ready(&serving);
            }
        }
    }
    systemd::stopping();
    info!("stopping");
    stop.send_replace(Stop::Leave);
    served.await?;
    life.abort();
    info!("stopped");
    Ok(())
}

fn renew(tls: Option<&Tls>) {
    match tls.map(Tls::read_again) {
        None => info!("there is no certificate to be read again; other settings take effect at a restart"),
        Some(Ok(())) => info!("the certificate was read again"),
        Some(Err(error)) => error!(%error, "the certificate cannot be used: the old one stays"),
    }
}

/// Reads where addresses are. Without that everything works: places are a comfort.
fn read_places(shared: &Shared) {
    let Some(path) = shared.settings.geoip.as_deref() else { return };
    match shared.places.load(path) {
        Ok(()) => info!(path = %path.display(), "the file of places was read"),
        Err(error) => error!(%error, "the file of places cannot be used: what was read before stays"),
    }
}

/// The listener that systemd passed for this place, or one of our own.
fn listen(settings: &Listen, tls: Option<Arc<Tls>>, passed: &mut Passed) -> Result<Listening, Failure> {
    Ok(match &settings.place {
        Endpoint::Path(path) => Listening::Unix(unix(path, settings, passed)?),
        Endpoint::Address(address) => {
            let listener = match passed.tcp(*address) {
                Some(listener) => listener,
                None => socket::listen_at(*address).map_err(|error| {
                    format!("{address}: cannot be listened on; is another program there?: {error}")
                })?,
            };
            Listening::Tcp(listener, tls)
        }
    })
}

fn unix(
    path: &Path,
    settings: &Listen,
    passed: &mut Passed,
) -> Result<tokio::net::UnixListener, socket::SocketError> {
    match passed.unix(path, settings.mode) {
        Some(listener) => Ok(listener),
        None => socket::listen(path, settings.mode, settings.group.as_deref()),
    }
}
