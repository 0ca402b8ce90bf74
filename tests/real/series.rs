//! The two Dovecots. One is the machine's own; the other, where the machine's own is 2.3, is Debian 13's in the folder
//! that `tests/dovecot-2.4.sh` builds.
//!
//! The one in the folder sees this machine with another `/usr`: its programs start in a mount namespace of their own, in
//! which the folder's `/usr` lies over the machine's. All else is the same inside and outside: paths, sockets, users and
//! groups with their ids, `conf/` in the checkout. So the daemon and Postfix stay what they are on the machine, and every
//! shipped file is used as it stands with both.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::process::run;

/// Where `tests/dovecot-2.4.sh` and `tests/crowdsec.sh` put what they bring, unless the environment says otherwise.
const CACHE: &str = "/var/cache/sidegate-tests";

/// Its last `exec` keeps the process id, so that the program can be stopped by it. `/usr` comes last, because everything
/// after it is the folder's. The table of libraries goes with them.
const WITH_OTHER_USR: &str = "\
mount --bind \"$0/etc/ld.so.cache\" /etc/ld.so.cache
mount --bind \"$0/usr\" /usr
exec \"$@\"
";

/// A series of Dovecot these stories know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    V23,
    V24,
}

impl Series {
    /// That of the machine's own Dovecot, or 2.3 where it has none.
    pub(crate) fn installed() -> Series {
        if version_of(None).starts_with("2.4.") { Series::V24 } else { Series::V23 }
    }

    /// As in the names of its files: `2.3` or `2.4`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Series::V23 => "2.3",
            Series::V24 => "2.4",
        }
    }

    /// The exact version, such as `2.3.19.1`; empty if this Dovecot is not here.
    pub(crate) fn version(self) -> String {
        static VERSIONS: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
        VERSIONS[self as usize].get_or_init(|| version_of(self.root())).clone()
    }

    /// Why its stories cannot be told on this machine, if they cannot.
    pub(crate) fn missing(self) -> Option<String> {
        if self.version().starts_with(&format!("{}.", self.name())) {
            return None;
        }
        let hint = match self {
            Series::V23 => "it is not what this machine has installed",
            Series::V24 => "tests/dovecot-2.4.sh brings it here",
        };
        Some(format!("no Dovecot {}: {hint}", self.name()))
    }

    /// A program of this Dovecot: `dovecot`, `doveadm`.
    pub(crate) fn command(self, program: &str) -> Command {
        command_in(self.root(), program)
    }

    /// Whether a program is where this Dovecot is; the neighbours of the newer one are newer too.
    pub(crate) fn has(self, program: &str) -> bool {
        match self.root() {
            Some(root) => {
                ["usr/sbin", "usr/bin"].iter().any(|folder| root.join(folder).join(program).exists())
            }
            None => crate::site::installed(program),
        }
    }

    /// The folder it lies in, if it is not the machine's own.
    fn root(self) -> Option<PathBuf> {
        if self == Series::installed() {
            return None;
        }
        Some(cached("trixie"))
    }
}

/// A folder that one of `tests/*.sh` fills.
pub(crate) fn cached(name: &str) -> PathBuf {
    let cache = std::env::var_os("SIDEGATE_TEST_CACHE").unwrap_or_else(|| CACHE.into());
    PathBuf::from(cache).join(name)
}

fn command_in(root: Option<PathBuf>, program: &str) -> Command {
    let Some(root) = root else { return Command::new(program) };
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", WITH_OTHER_USR]).arg(root).arg(program);
    command
}

/// What `dovecot --version` begins with.
fn version_of(root: Option<PathBuf>) -> String {
    let found = match &root {
        // Written when all of it is there.
        Some(root) => root.join(".sidegate-packages").exists(),
        None => crate::site::installed("dovecot"),
    };
    if !found {
        return String::new();
    }
    let said = run(command_in(root, "dovecot").arg("--version"));
    said.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect()
}

/// Tells stories, functions of a [`Series`], with each Dovecot: the tests `dovecot_2_3::STORY` and `dovecot_2_4::STORY`.
macro_rules! with_each_dovecot {
    ($($story:ident),+ $(,)?) => {
        mod dovecot_2_3 {
            $(#[test]
            fn $story() {
                super::$story(crate::series::Series::V23);
            })+
        }

        mod dovecot_2_4 {
            $(#[test]
            fn $story() {
                super::$story(crate::series::Series::V24);
            })+
        }
    };
}
pub(crate) use with_each_dovecot;
