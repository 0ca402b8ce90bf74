//! A private Dovecot 2.3. Its own part of the configuration is written here; what concerns Sidegate is the shipped
//! `conf/dovecot/2.3/` file, included as it stands.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddrV4;
use std::process::{Command, Output};
use std::time::Duration;

use crate::process::{Server, wait_until};
use crate::site::{MAIL_ID, MAIN_PASSWORD, Mode, Site, shipped};

pub(crate) const IMAP: u16 = 10143;
pub(crate) const POP3: u16 = 10110;
pub(crate) const SIEVE: u16 = 14190;
pub(crate) const SUBMIT: u16 = 12587;
pub(crate) const LMTP: u16 = 10024;

/// The site's Dovecot.
#[derive(Debug)]
pub(crate) struct Dovecot {
    server: Server,
}

impl Dovecot {
    /// Starts it and waits until it listens. Sidegate must be there already: login processes ask it at once.
    pub(crate) fn start(site: &Site, extra: &str) -> Dovecot {
        let sidegate = shipped(&format!("dovecot/2.3/{}.conf", site.mode.name()));
        let include = format!("!include {}\n", sidegate.display());
        Dovecot::start_with(site, &format!("{extra}{include}"))
    }

    /// Starts it with `extra` at the end of its configuration.
    pub(crate) fn start_with(site: &Site, extra: &str) -> Dovecot {
        let config = site.path("dovecot/dovecot.conf");
        fs::write(&config, configuration(site) + extra).expect("dovecot.conf");
        let users = File::options().create(true).append(true).open(site.path("dovecot/users"));
        users.expect("the users file");
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(&config).current_dir("/");
        let log = site.path("logs/dovecot");
        let mut server = Server::start("dovecot", &mut command, &log);
        wait_until("Dovecot starts", Duration::from_secs(20), || {
            let log = fs::read_to_string(&log).unwrap_or_default();
            assert!(server.runs(), "dovecot ended:\n{log}");
            let started = |line: &str| line.contains("starting up for");
            // Each start writes the line again.
            site.path("dovecot/run/master.pid").exists() && log.lines().any(started)
        });
        Dovecot { server }
    }

    /// Stops it.
    pub(crate) fn stop(mut self) {
        self.server.stop("TERM");
    }

    /// Makes somebody known to Dovecot's own passdb and userdb.
    pub(crate) fn add_user(site: &Site, address: &str) {
        let users = File::options().create(true).append(true).open(site.path("dovecot/users"));
        let (name, domain) = address.split_once('@').expect("a full address");
        let home = site.path("mail").join(domain).join(name);
        let home = home.display();
        let line = format!("{address}:{{PLAIN}}{MAIN_PASSWORD}:{MAIL_ID}:{MAIL_ID}::{home}::\n");
        users.and_then(|mut file| file.write_all(line.as_bytes())).expect("the users file");
        // Dovecot looks at the file again after a second.
        let socket = site.path("dovecot/run/sg-back-userdb").display().to_string();
        wait_until("Dovecot knows the user", Duration::from_secs(10), || {
            Dovecot::doveadm(site, &["user", "-a", &socket, address]).status.success()
        });
    }

    /// Where a service of the site listens.
    pub(crate) fn at(site: &Site, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(site.host, port)
    }

    /// Runs `doveadm ARGS` with this Dovecot's configuration.
    pub(crate) fn doveadm(site: &Site, args: &[&str]) -> Output {
        Command::new("doveadm")
            .arg("-c")
            .arg(site.path("dovecot/dovecot.conf"))
            .args(args)
            .current_dir("/")
            .output()
            .expect("doveadm can be started")
    }
}

/// The part that is the site's own affair: its protocols, its mail, its main passwords.
fn configuration(site: &Site) -> String {
    let Site { host, mode, .. } = site;
    let dir = site.path("").display().to_string();
    let dir = dir.trim_end_matches('/');
    let login = |service: &str, name: &str, port: u16, tls: &str| {
        let off = match tls {
            "" => String::new(),
            tls => format!("  inet_listener {tls} {{\n    port = 0\n  }}\n"),
        };
        format!("service {service} {{\n  inet_listener {name} {{\n    port = {port}\n  }}\n{off}}}\n")
    };
    let listeners = [
        login("imap-login", "imap", IMAP, "imaps"),
        login("pop3-login", "pop3", POP3, "pop3s"),
        login("submission-login", "submission", SUBMIT, "submissions"),
        login("managesieve-login", "sieve", SIEVE, ""),
        login("lmtp", "lmtp", LMTP, ""),
    ]
    .concat();
    // In full mode these two would not be asked: they are left out, to see that they are not needed.
    let upstream = match mode {
        Mode::Full => String::new(),
        Mode::Front => format!(
            "passdb {{\n  driver = passwd-file\n  args = {dir}/dovecot/users\n}}\n\
             userdb {{\n  driver = passwd-file\n  args = {dir}/dovecot/users\n}}\n"
        ),
    };
    format!(
        "base_dir = {dir}/dovecot/run\nstate_dir = {dir}/dovecot/state\nlog_path = {dir}/logs/dovecot\n\
         listen = {host}\nprotocols = imap pop3 lmtp sieve submission\nssl = no\n\
         # Clear text over loopback: these tests look at passwords, not at TLS.\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain login\nfirst_valid_uid = {MAIL_ID}\n\
         mail_location = maildir:~/Maildir\npostmaster_address = postmaster@example.test\n\
         submission_relay_host = {host}\nsubmission_relay_port = {relay}\n\
         # Dovecot's own slowness after a failure would hide whose refusal it is.\nauth_failure_delay = 0\n\
         service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
         {upstream}{listeners}",
        relay = crate::postfix::RELAY
    )
}
