//! A private mail site: a folder and a loopback address with the daemon, Dovecot and, if asked for, Postfix.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use nix::unistd::{Group, User};
use tempfile::TempDir;

use crate::cli::Cli;
use crate::dovecot::{self, Dovecot};
use crate::held::Held;
pub(crate) use crate::plan::{Mode, Plan, installed};
use crate::postfix::Postfix;
use crate::process::{Server, run, wait_until};
use crate::series::Series;

/// An id no user of a distribution has: the daemon needs no name, and no privilege.
const DAEMON_ID: u32 = 64991;
/// The owner of all mail, as in the shipped `full.toml`.
pub(crate) const MAIL_ID: u32 = 5000;
/// The main password of everybody the upstream knows.
pub(crate) const MAIN_PASSWORD: &str = "main-Password-0815";

/// What Dovecot shows to Sidegate's HTTP listener.
pub(crate) const HTTP_KEY: &str = "6b65792d6f662d7468652d74657374732d6f6e6c79";

/// The running site. Dropping it stops what it started, by pid, and removes the folder. A story that fails shows the
/// end of the logs first, and with `SIDEGATE_KEEP` in the environment leaves the folder.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) mode: Mode,
    pub(crate) series: Series,
    /// The address all its servers listen on.
    pub(crate) host: Ipv4Addr,
    pub(crate) cli: Cli,
    pub(crate) postfix: Option<Postfix>,
    pub(crate) dovecot: Option<Dovecot>,
    pub(crate) daemon: Option<Server>,
    /// Sockets that outlive the daemon, if somebody keeps them for it.
    held: Option<Held>,
    /// Each secret that was used, with the account it was used for.
    secrets: Mutex<Vec<(String, String)>>,
    dir: TempDir,
}

impl Site {
    pub(crate) fn start(plan: Plan) -> Site {
        let dir = tempfile::Builder::new().prefix("sidegate-").tempdir().expect("a temporary folder");
        // Login processes, smtpd and the daemon all have users of their own.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        let mut site = Site {
            mode: plan.mode,
            series: plan.series,
            host: free_address(),
            cli: Cli { socket: dir.path().join("run/control") },
            postfix: None,
            dovecot: None,
            daemon: None,
            held: None,
            secrets: Mutex::new(Vec::new()),
            dir,
        };
        site.make_folders();
        site.make_certificate();
        site.configure_daemon(&plan);
        site.held = plan.sockets_held.then(|| Held::make(site.dir.path(), plan.managed));
        site.start_daemon();
        site.dovecot = Some(Dovecot::start(&site, &plan.dovecot));
        if plan.postfix {
            site.postfix = Some(Postfix::start(&site, plan.postfix_files));
        }
        site
    }

    /// A path inside the site's folder.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// A file of `examples/site/`, filled in for this site.
    pub(crate) fn example(&self, name: &str) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site").join(name);
        let text = fs::read_to_string(file).expect("a file of examples/site");
        text.replace("@DIR@", &self.dir.path().display().to_string())
            .replace("@HOST@", &self.host.to_string())
            .replace("@CONF@", &shipped("").display().to_string())
            .replace("@MODE@", self.mode.name())
    }

    fn make_folders(&self) {
        for (name, owner, group, mode) in [
            ("logs", 0, 0, 0o755),
            ("state", DAEMON_ID, DAEMON_ID, 0o700),
            ("run", DAEMON_ID, DAEMON_ID, 0o755),
            ("etc", 0, 0, 0o755),
            ("etc/conf.d", 0, 0, 0o755),
            ("tls", 0, 0, 0o755),
            // As conf/dovecot/2.x/sharing.conf tells the administrator to make it.
            ("sharing", DAEMON_ID, DAEMON_ID, 0o755),
            ("mail", MAIL_ID, MAIL_ID, 0o755),
            ("dovecot", 0, 0, 0o755),
            ("dovecot/run", 0, 0, 0o755),
            ("postfix", 0, 0, 0o755),
            ("postfix/queue", 0, 0, 0o755),
            // As conf/postfix/main.cf tells the administrator to make it.
            ("postfix/queue/sidegate", DAEMON_ID, group_id("postfix"), 0o2750),
        ] {
            let path = self.path(name);
            fs::create_dir(&path).expect("a folder");
            chown(&path, Some(owner), Some(group)).expect("chown");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        }
        if self.mode == Mode::Policy || self.mode.is_passdb() {
            return;
        }
        run(Command::new(shipped("dovecot/take-over.sh"))
            .args(["--user", &DAEMON_ID.to_string()])
            .arg(self.path("dovecot/run")));
    }

    /// A certificate for a few days, signed by itself.
    fn make_certificate(&self) {
        run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "7", "-subj", "/CN=mail.example.test"])
            .arg("-keyout")
            .arg(self.path("tls/key.pem"))
            .arg("-out")
            .arg(self.path("tls/cert.pem")));
    }

    /// The shipped configuration with its absolute paths turned into this site's folder, and the story's own settings
    /// in `conf.d`.
    fn configure_daemon(&self, plan: &Plan) {
        let name = if plan.mode.is_passdb() { "passdb" } else { plan.mode.name() };
        let text = self.settled(&format!("sidegate/{name}.toml"));
        let text = text.replace("\"127.0.0.1:", &format!("\"{}:", self.host));
        self.write_http_key();
        fs::write(self.path("etc/sidegate.toml"), text).expect("sidegate.toml");
        let usual = format!(
            "[log]\nlevel = \"{}\"\n\
             [accounts]\ndomains = [\"example.test\"]\n\
             [client_passwords.argon2]\nmemory_kib = 64\npasses = 1\n\
             [lockout]\nfailure_delay = \"0s\"\n",
            plan.log_level
        );
        fs::write(self.path("etc/conf.d/10-tests.toml"), usual).expect("10-tests.toml");
        fs::write(self.path("etc/conf.d/20-story.toml"), &plan.settings).expect("20-story.toml");
        if plan.dovecot.sharing {
            fs::write(self.path("etc/conf.d/25-sharing.toml"), self.settled("sidegate/sharing.toml"))
                .expect("25-sharing.toml");
        }
        for (protocol, name) in &plan.listeners {
            let path = self.path("postfix/queue/sidegate").join(name);
            let listener = format!(
                "[[listen]]\nprotocol = \"{protocol}\"\npath = {path:?}\nmode = \"0660\"\n\
                 group = \"postfix\"\npeers = [\"postfix\", \"root\"]\n"
            );
            fs::write(self.path(&format!("etc/conf.d/30-{name}.toml")), listener).expect("a listener");
        }
    }

    /// The secret that Dovecot and Sidegate share, as `policy.conf` tells the administrator to make it.
    fn write_http_key(&self) {
        let file = self.path("etc/http.key");
        fs::write(&file, HTTP_KEY).expect("the key");
        chown(&file, Some(0), Some(DAEMON_ID)).expect("chown");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
        self.secret("", HTTP_KEY);
    }

    /// A file of `conf/` as it stands, with the absolute paths that it configures turned into this site's folder.
    fn settled(&self, name: &str) -> String {
        let mut text = fs::read_to_string(shipped(name)).expect("a shipped file");
        for (theirs, ours) in [
            ("/var/lib/sidegate/", "state/"),
            ("/var/lib/sidegate-sharing/", "sharing/"),
            ("/run/sidegate/", "run/"),
            ("/run/dovecot/", "dovecot/run/"),
            ("/var/spool/postfix/", "postfix/queue/"),
            ("/srv/mail/", "mail/"),
            ("/etc/sidegate/", "etc/"),
        ] {
            let ours = self.path(ours).display().to_string();
            for before in ["\"", "= ", "=", ":"] {
                text = text.replace(&format!("{before}{theirs}"), &format!("{before}{ours}"));
            }
        }
        text
    }

    /// Puts files of `conf/` under the site's `etc`, where the shipped ones look for each other.
    pub(crate) fn install(&self, names: &[&str]) {
        for name in names {
            let path = self.path("etc").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, self.settled(name)).expect("a copy of a shipped file");
        }
    }

    /// Starts the daemon as a user without privilege, in the groups the shipped files name, and waits until it answers.
    pub(crate) fn start_daemon(&mut self) {
        let program = self.path("sidegated");
        if !program.exists() {
            // The build folder may be closed to the daemon's user.
            // By another process: a story that starts a program meanwhile would inherit the open copy, and "text
            // file busy" would be all that starting it says.
            run(Command::new("cp").arg(env!("CARGO_BIN_EXE_sidegated")).arg(&program));
        }
        let groups = ["dovecot", "dovenull", "postfix"].map(|g| group_id(g).to_string()).join(",");
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={DAEMON_ID}"))
            .arg(format!("--regid={DAEMON_ID}"))
            .arg(format!("--groups={groups}"))
            .arg(program)
            .arg("--config")
            .arg(self.path("etc/sidegate.toml"))
            .current_dir("/")
            .env_remove("RUST_LOG")
            // A story may stop it: the kernel hangs up whoever shares the group of a stopped process and is left alone.
            .process_group(0);
        let log = self.path("logs/sidegated");
        let mut server = match &self.held {
            Some(held) => Server::start_as_it_is("sidegated", &mut held.pass(&command, &log)),
            None => Server::start("sidegated", &mut command, &log),
        };
        wait_until("sidegated answers", Duration::from_secs(20), || {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(server.runs(), "sidegated ended:\n{}", log());
            self.cli.answers()
        });
        self.daemon = Some(server);
    }

    /// Adds to the daemon's configuration, and starts it anew.
    pub(crate) fn add_settings(&mut self, toml: &str) {
        fs::write(self.path("etc/conf.d/30-more.toml"), toml).expect("30-more.toml");
        self.stop_daemon("TERM");
        self.start_daemon();
    }

    /// Stops the daemon with a signal and does not start it again.
    pub(crate) fn stop_daemon(&mut self, signal: &str) {
        self.daemon.take().expect("a running daemon").stop(signal);
    }

    /// Has the daemon become its program as it is now, and waits until that answers.
    pub(crate) fn renew_daemon(&self) {
        let ready = || self.log("sidegated").matches("\"message\":\"ready\"").count();
        let before = ready();
        self.daemon.as_ref().expect("a running daemon").signal("USR2");
        wait_until("the next image is ready", Duration::from_secs(20), || ready() > before);
    }

    /// What a program has logged.
    pub(crate) fn log(&self, program: &str) -> String {
        fs::read_to_string(self.path("logs").join(program)).unwrap_or_default()
    }

    /// Makes an account of somebody whom Dovecot knows as well.
    pub(crate) fn account(&self, address: &str) {
        self.cli.done(&["account", "add", address]);
        self.upstream_user(address);
    }

    /// Makes somebody known to Dovecot's own auth process, with [`MAIN_PASSWORD`].
    pub(crate) fn upstream_user(&self, address: &str) {
        self.secret(address, MAIN_PASSWORD);
        Dovecot::add_user(self, address);
    }

    /// Makes a client password.
    pub(crate) fn password(&self, address: &str, name: &str) -> String {
        self.password_with(address, &["--name", name])
    }

    /// Makes a client password with these options.
    pub(crate) fn password_with(&self, address: &str, options: &[&str]) -> String {
        let printed = self.cli.done(&[&["password", "new", address], options].concat());
        let password = printed.strip_suffix('\n').expect("a newline after the password");
        assert!(
            password.len() == 16 && password.bytes().all(|b| b.is_ascii_alphanumeric()),
            "16 characters and a newline, nothing else: {printed:?}"
        );
        self.secret(address, password);
        password.to_owned()
    }

    /// Remembers a secret that is about to be used, right or wrong, so that [`Site::assert_nothing_secret`] looks for it.
    pub(crate) fn secret(&self, account: &str, secret: &str) {
        let mut secrets = self.secrets.lock().expect("no story panicked here");
        secrets.push((account.to_owned(), secret.to_owned()));
    }

    /// No secret that was used, nor a base64 form of one, is in any log, event or database file.
    pub(crate) fn assert_nothing_secret(&self) {
        let mut texts = vec![("sidegate events".to_owned(), self.cli.done(&["--json", "events"]))];
        for folder in ["logs", "state"] {
            for entry in fs::read_dir(self.path(folder)).expect("a folder") {
                let path = entry.expect("an entry").path();
                let bytes = fs::read(&path).expect("a file");
                texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        assert!(texts.iter().any(|(name, text)| name.ends_with("sidegate.db") && !text.is_empty()));
        for (account, secret) in self.secrets.lock().expect("no story panicked here").iter() {
            for form in forms(account, secret) {
                for (place, text) in &texts {
                    assert!(
                        !text.contains(&form),
                        "{place} holds {form:?}, which is {secret:?} of {account}"
                    );
                }
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in ["sidegated", "dovecot", "postfix"] {
            let text = fs::read_to_string(self.path("logs").join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("--- the last of the log of {name}\n{tail}");
        }
        if std::env::var_os("SIDEGATE_KEEP").is_some() {
            self.dir.disable_cleanup(true);
            eprintln!("--- all of it is in {}", self.dir.path().display());
        }
    }
}

/// The forms in which a secret could give itself away: plain, and in base64 at each of the three places it can have in
/// a longer text. That covers it alone, and inside any PLAIN message.
fn forms(account: &str, secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), BASE64.encode(secret.as_bytes())];
    forms.push(BASE64.encode(format!("\0{account}\0{secret}").as_bytes()));
    for before in 0..3 {
        let text = BASE64.encode(format!("{}{secret}", &"\0\0"[..before.min(2)]).as_bytes());
        // What the bytes before and after it have a part in says nothing.
        let from = (before * 8).div_ceil(6);
        let to = (before + secret.len()) * 8 / 6;
        forms.push(text[from..to].to_owned());
    }
    // A few letters of base64 could stand anywhere by chance.
    forms.retain(|form| form.len() >= 8);
    forms
}

/// A file of `conf/`.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(name)
}

/// The id of a group the distribution's packages made.
pub(crate) fn group_id(name: &str) -> u32 {
    let group = Group::from_name(name).expect("the group file").unwrap_or_else(|| panic!("group {name}"));
    group.gid.as_raw()
}

/// The id of a user the distribution's packages made.
pub(crate) fn user_id(name: &str) -> u32 {
    let user = User::from_name(name).expect("the user file").unwrap_or_else(|| panic!("user {name}"));
    user.uid.as_raw()
}

/// A loopback address nobody listens on: a net of its own for each process of tests, the next host for each site.
fn free_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let net = std::process::id();
    for _ in 0..200 {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let host = Ipv4Addr::new(127, 64 + (net >> 8) as u8 % 64, net as u8, n as u8 % 250 + 1);
        let ports = [dovecot::IMAP, dovecot::LMTP, crate::postfix::SUBMISSION];
        if ports.iter().all(|port| TcpListener::bind((host, *port)).is_ok()) {
            return host;
        }
    }
    panic!("no free loopback address");
}
