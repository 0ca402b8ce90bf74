//! What a story needs before it begins: how Sidegate stands to Dovecot, which Dovecot, and what else.

use std::io::Write as _;
use std::path::Path;

use nix::unistd::geteuid;

use crate::dovecot::Extra;
use crate::series::{Series, cached};
use crate::site::Site;

/// How Sidegate stands to Dovecot's auth process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In front of it.
    Front,
    /// In its place.
    Full,
    /// Beside it: Dovecot asks whether an address may try, and decides itself.
    Policy,
    /// Behind it, as its first passdb, asked by the Lua script.
    PassdbLua,
    /// The same, asked as a dict; Dovecot 2.3 only.
    PassdbDict,
}

impl Mode {
    /// The name of the mode's file in `conf/dovecot/2.x/`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Front => "front",
            Mode::Full => "full",
            Mode::Policy => "policy",
            Mode::PassdbLua => "passdb-lua",
            Mode::PassdbDict => "passdb-dict",
        }
    }

    /// Whether Dovecot keeps its own auth process and its sockets.
    pub(crate) fn is_passdb(self) -> bool {
        matches!(self, Mode::PassdbLua | Mode::PassdbDict)
    }
}

/// What a story needs before it begins.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) series: Series,
    pub(crate) postfix: bool,
    /// Files of `conf/postfix/` that follow `main.cf`.
    pub(crate) postfix_files: &'static [&'static str],
    pub(crate) listeners: Vec<(&'static str, &'static str)>,
    pub(crate) settings: String,
    pub(crate) dovecot: Extra,
    pub(crate) log_level: &'static str,
    /// Programs that the story needs beside the usual ones.
    pub(crate) programs: Vec<&'static str>,
    /// Whether somebody keeps the sockets of Dovecot and Postfix while the daemon is away.
    pub(crate) sockets_held: bool,
    /// Whether that is a service manager, which keeps connections too.
    pub(crate) managed: bool,
    /// Whether a browser is needed, and what drives it.
    pub(crate) browser: bool,
}

impl Plan {
    /// A site with Dovecot in `mode`, without waiting after failures and with a cheap hash.
    pub(crate) fn new(mode: Mode) -> Plan {
        Plan {
            mode,
            series: Series::installed(),
            postfix: false,
            postfix_files: &[],
            listeners: Vec::new(),
            settings: String::new(),
            dovecot: Extra::default(),
            log_level: "debug",
            programs: Vec::new(),
            sockets_held: false,
            managed: false,
            browser: false,
        }
    }

    /// With this Dovecot instead of the one the machine has installed.
    pub(crate) fn on(mut self, series: Series) -> Plan {
        self.series = series;
        self
    }

    /// And Postfix.
    pub(crate) fn with_postfix(mut self) -> Plan {
        self.postfix = true;
        self
    }

    /// And Postfix, with more files of `conf/postfix/` behind its `main.cf`.
    pub(crate) fn with_postfix_and(mut self, files: &'static [&'static str]) -> Plan {
        (self.postfix, self.postfix_files) = (true, files);
        self
    }

    /// Another listener of the daemon, in Postfix's queue directory, as `conf/postfix/` tells to write it.
    pub(crate) fn postfix_listener(mut self, protocol: &'static str, name: &'static str) -> Plan {
        self.listeners.push((protocol, name));
        self
    }

    /// With the sockets of Dovecot and Postfix made and kept as by systemd.
    pub(crate) fn sockets_held(mut self) -> Plan {
        self.sockets_held = true;
        self
    }

    /// The same, and connections that the daemon leaves are kept as well.
    pub(crate) fn under_a_manager(mut self) -> Plan {
        self.managed = true;
        self.sockets_held()
    }

    /// Lines for the daemon's configuration, in a file of their own.
    pub(crate) fn settings(mut self, toml: &str) -> Plan {
        self.settings.push_str(toml);
        self
    }

    /// With login processes of Dovecot that serve many clients each, as large sites have them.
    pub(crate) fn few_login_processes(mut self) -> Plan {
        self.dovecot.few_login_processes = true;
        self
    }

    /// With a webmail at `network`, whose word about its users' addresses Dovecot takes.
    pub(crate) fn webmail(mut self, network: &'static str) -> Plan {
        self.dovecot.trusted = Some(network);
        self
    }

    /// With more of Dovecot's own configuration.
    pub(crate) fn dovecot_has(mut self, own: &'static str) -> Plan {
        self.dovecot.own = own;
        self
    }

    /// On a machine that has this program too.
    pub(crate) fn with_program(mut self, program: &'static str) -> Plan {
        self.programs.push(program);
        self
    }

    /// On a machine with the browser that `tests/browser.sh` brings.
    pub(crate) fn with_browser(mut self) -> Plan {
        self.browser = true;
        self.with_program("chromium").with_program("node")
    }

    /// With a mechanism that proves main passwords without sending them.
    pub(crate) fn cram_md5(mut self) -> Plan {
        self.dovecot.cram_md5 = true;
        self
    }

    /// With everything in Dovecot's log that an administrator could want there when something does not work.
    pub(crate) fn talkative_dovecot(mut self) -> Plan {
        self.dovecot.debug = true;
        self
    }

    /// How much the daemon tells its log.
    pub(crate) fn log_level(mut self, level: &'static str) -> Plan {
        self.log_level = level;
        self
    }

    /// Builds and starts everything, or says why this machine cannot.
    pub(crate) fn start(self) -> Option<Site> {
        self.can_start().then(|| Site::start(self))
    }

    /// Whether everything is here that it needs; says what is not.
    pub(crate) fn can_start(&self) -> bool {
        let driver = || {
            let is_there = cached("browser").join("node_modules/playwright-core").is_dir();
            (self.browser && !is_there).then(|| "playwright-core: tests/browser.sh brings it".to_owned())
        };
        missing(self.series, &self.programs).or_else(driver).is_none_or(|missing| skipped(&missing))
    }
}

/// Whether these programs are here, for stories that need no mail server; says which is not.
pub(crate) fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !installed(program));
    missing.is_none_or(|program| skipped(&format!("{program} is not installed")))
}

/// The same of the programs beside this Dovecot, for stories that need root.
pub(crate) fn have_beside(series: Series, programs: &[&str]) -> bool {
    let absent =
        programs.iter().find(|program| !series.has(program)).map(|program| format!("{program} is not there"));
    missing(series, &[]).or(absent).is_none_or(|why| skipped(&why))
}

/// Never true: a story is left out, and that must be seen.
fn skipped(missing: &str) -> bool {
    assert!(std::env::var_os("CI").is_none(), "real servers are required here: {missing}");
    // Past the test harness, which would swallow it.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {missing}");
    false
}

/// What these stories cannot do without, if it is not there.
fn missing(series: Series, programs: &[&str]) -> Option<String> {
    if !geteuid().is_root() {
        return Some("not root, and Dovecot and Postfix cannot start".into());
    }
    let usual = ["dovecot", "doveadm", "postfix", "postconf", "openssl", "setpriv", "unshare"];
    match usual.iter().chain(programs).find(|program| !installed(program)) {
        Some(program) => Some(format!("{program} is not installed")),
        None => series.missing(),
    }
}

/// Whether the machine has a program, or one of `tests/*.sh` has brought it.
pub(crate) fn installed(program: &str) -> bool {
    cached(program).join("usr/bin").join(program).exists()
        || std::env::var("PATH")
            .is_ok_and(|path| path.split(':').any(|folder| Path::new(folder).join(program).exists()))
}
