//! What systemd does for the daemon: it makes the sockets that mail servers know, keeps them, and passes them on at each
//! start. The control socket is left to the daemon, as on a site that enabled no unit for it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::manager::Manager;
use crate::site::group_id;

/// Path in the site's folder, group and mode; as in `packaging/systemd/`. A process can be given three standard streams,
/// and so three sockets, without unsafe code.
const SOCKETS: [(&str, Option<&str>, u32); 3] = [
    ("dovecot/run/login/sidegate/client", Some("dovenull"), 0o660),
    ("dovecot/run/login/sidegate/master", None, 0o600),
    ("postfix/queue/sidegate/auth", Some("postfix"), 0o660),
];

/// Puts the sockets where systemd passes them, and becomes the daemon: the process id stays.
const ACTIVATE: &str = "exec 3<&0 4<&1 5<&2 </dev/null >>\"$0\" 2>&1; LISTEN_FDS=3 LISTEN_PID=$$ exec \"$@\"";

/// The sockets that outlive the daemon.
#[derive(Debug)]
pub(crate) struct Held {
    sockets: [UnixListener; 3],
    /// Whoever keeps connections too.
    manager: Option<Manager>,
}

impl Held {
    /// Makes the sockets in the folder of a site.
    pub(crate) fn make(folder: &Path, managed: bool) -> Held {
        let manager = managed.then(|| Manager::at(&folder.join("run")));
        let sockets = SOCKETS.map(|(path, group, mode)| {
            let path = folder.join(path);
            let socket = UnixListener::bind(&path).expect("a socket");
            chown(&path, Some(0), Some(group.map_or(0, group_id))).expect("chown");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
            socket
        });
        Held { sockets, manager }
    }

    /// The command with the sockets passed to it, and its outputs appended to `log`.
    pub(crate) fn pass(&self, command: &Command, log: &Path) -> Command {
        if let Some(manager) = &self.manager {
            return managed(manager, &self.sockets, command, log);
        }
        let stream =
            |n: usize| Stdio::from(OwnedFd::from(self.sockets[n].try_clone().expect("a second handle")));
        let words: Vec<OsString> =
            [command.get_program()].into_iter().chain(command.get_args()).map(Into::into).collect();
        let mut shell = Command::new("sh");
        shell.args(["-c", ACTIVATE]).arg(log).args(words).current_dir("/").env_remove("RUST_LOG");
        shell.stdin(stream(0)).stdout(stream(1)).stderr(stream(2));
        shell
    }
}

fn managed(manager: &Manager, sockets: &[UnixListener], command: &Command, log: &Path) -> Command {
    let starter = manager.starter(&sockets.iter().collect::<Vec<_>>());
    let out = File::options().create(true).append(true).open(log).expect("a log file");
    let err = out.try_clone().expect("a second handle of the log file");
    let mut manager = Command::new(&starter[0]);
    manager.args(&starter[1..]).arg(command.get_program()).args(command.get_args());
    manager.current_dir("/").env_remove("RUST_LOG").stdin(Stdio::null()).stdout(out).stderr(err);
    manager
}
