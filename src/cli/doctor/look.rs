//! What lies on this machine, and what its programs print. Programs get a bounded time, and no shell.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;
use nix::unistd::{Gid, Group, Uid, User, geteuid};
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::cli::Failure;
use crate::config::portal::Portal;
use crate::config::{Config, Listener, Peer};
use crate::doctor::nginx::Nginx;
use crate::doctor::postfix::Postfix;
use crate::doctor::tree::Block;
use crate::doctor::{Asked, BASE_DIR, DoorFacts, FileFacts, Host, LinkFacts, Outcome, Seen, dict_file};

/// How long a program may take. A socket's question is bounded to less.
const PROGRAM_WAIT: Duration = Duration::from_secs(15);
/// Users in whose name one socket is asked.
const USERS_MAX: usize = 4;
/// Names in Dovecot's `base_dir` that may be links of take-over.sh.
const NAMES: [&str; 5] = ["login/login", "auth-client", "auth-login", "auth-master", "auth-userdb"];

/// Runs programs, one after the other.
pub(super) struct Programs(Runtime);

/// Why a program gave nothing.
pub(super) enum Trouble {
    /// It is not here.
    Absent,
    /// Its words.
    Failed(String),
}

impl Programs {
    pub(super) fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(Self).map_err(|error| Failure::Said(format!("cannot run programs: {error}")))
    }

    /// What a program prints.
    pub(super) fn run(&self, program: impl AsRef<OsStr>, args: &[&OsStr]) -> Result<String, Trouble> {
        let mut command = Command::new(&program);
        command.args(args).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
        let ended = self.0.block_on(async { timeout(PROGRAM_WAIT, command.output()).await });
        match ended {
            Err(_) => Err(Trouble::Failed(format!("no end within {} s", PROGRAM_WAIT.as_secs()))),
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Err(Trouble::Absent),
            Ok(Err(error)) => Err(Trouble::Failed(error.to_string())),
            Ok(Ok(output)) if output.status.success() => {
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            }
            Ok(Ok(output)) => {
                let words = String::from_utf8_lossy(&output.stderr);
                let last = words.lines().rfind(|line| !line.is_empty()).unwrap_or("no reason given");
                Err(Trouble::Failed(last.to_owned()))
            }
        }
    }

    /// What Dovecot is configured to do.
    pub(super) fn dovecot(&self, conf: Option<&Path>) -> Seen<Block> {
        let mut args = vec![OsStr::new("-n")];
        if let Some(conf) = conf {
            args.extend([OsStr::new("-c"), conf.as_os_str()]);
        }
        seen(self.run("doveconf", &args).map(|text| Block::parse(&text)))
    }

    /// What Postfix is configured to do.
    pub(super) fn postfix(&self, dir: Option<&Path>) -> Seen<Postfix> {
        let of = dir.map(|dir| [OsStr::new("-c"), dir.as_os_str()]);
        let ask = |what: &str| {
            let mut args: Vec<&OsStr> = of.into_iter().flatten().collect();
            args.push(OsStr::new(what));
            self.run("postconf", &args)
        };
        let all = ask("-n").and_then(|main| Ok((main, ask("-M")?, ask("-P")?)));
        seen(all.map(|(main, master, own)| Postfix::parse(&main, &master, &own)))
    }

    /// What nginx is configured to do. It checks its files on the way, as its own reload does.
    pub(super) fn nginx(&self, conf: Option<&Path>) -> Seen<Nginx> {
        let mut args = ["-T", "-q"].map(OsStr::new).to_vec();
        if let Some(conf) = conf {
            args.extend([OsStr::new("-c"), conf.as_os_str()]);
        }
        seen(self.run("nginx", &args).map(|text| Nginx::parse(&text)))
    }

    /// Whether somebody sets the clock.
    pub(super) fn clock_synchronised(&self) -> Option<bool> {
        let args = ["show", "--property=NTPSynchronized", "--value"].map(OsStr::new);
        match self.run("timedatectl", &args).ok()?.trim() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    /// Every listener, with what becomes of a question to it.
    pub(super) fn doors(
        &self,
        config: &Config,
        ask: impl Fn(&Self, &Listener, &str) -> Outcome,
    ) -> Vec<DoorFacts> {
        let door = |listener: &Listener| DoorFacts {
            place: listener.place.to_string(),
            file: listener.place.path().and_then(file),
            asked: users(listener)
                .into_iter()
                .map(|user| Asked { outcome: ask(self, listener, &user), user })
                .collect(),
        };
        config.listen.iter().map(door).collect()
    }
}

/// What the portal's users hear at the control socket.
pub(super) fn portal_asked(config: &Config, ask: impl Fn(&str) -> Outcome) -> Vec<Asked> {
    let users = named(&config.control.portal).into_iter();
    users.map(|user| Asked { outcome: ask(&user), user }).collect()
}

fn seen<T>(printed: Result<T, Trouble>) -> Seen<T> {
    match printed {
        Ok(is) => Seen::Is(is),
        Err(Trouble::Absent) => Seen::Absent,
        Err(Trouble::Failed(why)) => Seen::Failed(why),
    }
}

/// In whose names a listener is asked: those it lets in; where that is left to the mode, the user who is called like
/// its group, as postfix and dovecot are.
fn users(listener: &Listener) -> Vec<String> {
    if let Some(peers) = &listener.peers {
        return named(peers);
    }
    let like_group = listener.group.clone().filter(|group| User::from_name(group).is_ok_and(|u| u.is_some()));
    vec![like_group.unwrap_or_else(|| user_name(geteuid().as_raw()))]
}

fn named(peers: &[Peer]) -> Vec<String> {
    let name = |peer: &Peer| match peer {
        Peer::Uid(uid) => user_name(*uid),
        Peer::Name(name) => name.clone(),
    };
    peers.iter().take(USERS_MAX).map(name).collect()
}

/// A user's name, or the number where it has none.
pub(super) fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// What lies at a path.
fn file(path: &Path) -> Option<FileFacts> {
    let about = fs::metadata(path).ok()?;
    Some(FileFacts {
        socket: about.file_type().is_socket(),
        mode: about.mode() & 0o7777,
        owner: user_name(about.uid()),
        group: group_name(about.gid()),
    })
}

/// The names that take-over.sh links, and which of our listeners they lead to.
pub(super) fn links(config: &Config, dovecot: &Seen<Block>) -> Vec<LinkFacts> {
    let Seen::Is(dovecot) = dovecot else { return Vec::new() };
    let base = Path::new(dovecot.get("base_dir").unwrap_or(BASE_DIR));
    // As the configuration writes it, whatever links there are on the way.
    let as_configured = |real: &Path| {
        let mut paths = config.listen.iter().filter_map(|listener| listener.place.path());
        let ours = paths.find(|path| path.canonicalize().is_ok_and(|path| path == real));
        ours.unwrap_or(real).display().to_string()
    };
    let link = |name: &&str| LinkFacts {
        name: (*name).to_owned(),
        leads_to: base.join(name).canonicalize().ok().map(|real| as_configured(&real)),
    };
    NAMES.iter().map(link).collect()
}

/// Whether the key of a passdb dict holds a password as it was typed. No file, or none that can be read: no key.
fn key_has_password(dovecot: &Block) -> bool {
    let text = dict_file(dovecot).and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| line.starts_with("key"))
        .any(|key| ["%w", "%{password}"].iter().any(|w| key.contains(w)))
}

/// What this machine says.
pub(super) fn host(config: &Config, dovecot: &Seen<Block>, clock_synchronised: Option<bool>) -> Host {
    let folder = config.store.path.parent().unwrap_or(Path::new("/"));
    let free = |about: nix::sys::statvfs::Statvfs| about.blocks_available() * about.fragment_size();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
    Host {
        clock_synchronised,
        now: now.and_then(|now| i64::try_from(now.as_secs()).ok()),
        store_free: statvfs(folder).ok().map(free),
        key_file: file(&config.store.key_file),
        dict_key_has_password: matches!(dovecot, Seen::Is(dovecot) if key_has_password(dovecot)),
        root: geteuid().is_root(),
        portal: Vec::new(),
    }
}

/// The portal's settings, where there are any that may be read.
pub(super) fn portal(path: &Path) -> Seen<Portal> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Seen::Absent,
        _ => match Portal::load(path) {
            Ok(portal) => Seen::Is(portal),
            Err(mistakes) => Seen::Failed(mistakes.to_string().trim_end().to_owned()),
        },
    }
}
