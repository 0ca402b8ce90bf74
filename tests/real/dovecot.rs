//! A private Dovecot, of the series the story is told with. Its own part of the configuration is
//! `examples/site/dovecot-2.x.conf`; what concerns Sidegate is the shipped file of `conf/dovecot/2.x/`, which it includes
//! as it stands.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddrV4;
use std::process::{Command, Output};
use std::time::Duration;

use crate::process::{Server, listens, run, wait_until};
use crate::series::Series;
use crate::site::{HTTP_KEY, MAIL_ID, MAIN_PASSWORD, Mode, Site};

pub(crate) const IMAP: u16 = 10143;
/// TLS from the start.
pub(crate) const IMAPS: u16 = 10993;
pub(crate) const POP3: u16 = 10110;
pub(crate) const SIEVE: u16 = 14190;
pub(crate) const SUBMIT: u16 = 12587;
pub(crate) const LMTP: u16 = 10024;

/// Dovecot's own delays after a failure would hide whose refusal it is.
const OWN_SLOWNESS_OFF: &str = "\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
";

/// Login processes that serve many clients each, so that many requests are open on one connection to Sidegate.
const FEW_LOGIN_PROCESSES: &str = "\
service imap-login {
  @FOREVER@
  process_min_avail = 2
}
mail_max_userip_connections = 1000
";

/// What a story wants of Dovecot beside the usual.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// Login processes that serve many clients each.
    pub(crate) few_login_processes: bool,
    /// More of the site's own configuration; `@DIR@` is its folder.
    pub(crate) own: &'static str,
    /// CRAM-MD5 is offered, which proves a main password without sending it.
    pub(crate) cram_md5: bool,
    /// A talkative auth process.
    pub(crate) debug: bool,
    /// A network whose word about its users' addresses is taken.
    pub(crate) trusted: Option<&'static str>,
    /// Mailboxes can be shared, as the shipped `sharing.conf` tells.
    pub(crate) sharing: bool,
}

/// The site's Dovecot.
#[derive(Debug)]
pub(crate) struct Dovecot {
    server: Server,
}

impl Dovecot {
    /// Starts it and waits until it listens. Sidegate must be there already: login processes ask it at once.
    pub(crate) fn start(site: &Site, extra: &Extra) -> Dovecot {
        let mut text = configuration(site) + OWN_SLOWNESS_OFF;
        if let Some(network) = extra.trusted {
            text += &format!("login_trusted_networks = {network}\n");
        }
        if site.mode == Mode::Policy {
            text += &policy_of_the_site(site);
        }
        if extra.cram_md5 {
            text += match site.series {
                Series::V23 => "auth_mechanisms = plain login cram-md5\n",
                Series::V24 => "auth_mechanisms {\n  cram-md5 = yes\n}\n",
            };
        }
        if extra.debug {
            text += "auth_verbose = yes\n";
            text +=
                if site.series == Series::V23 { "auth_debug = yes\n" } else { "log_debug = category=auth\n" };
        }
        if extra.few_login_processes {
            let forever = match site.series {
                Series::V23 => "service_count = 0",
                Series::V24 => "restart_request_count = unlimited",
            };
            text += &FEW_LOGIN_PROCESSES.replace("@FOREVER@", forever);
        }
        if extra.sharing {
            let file = format!("dovecot/{}/sharing.conf", site.series.name());
            site.install(&[&file]);
            text += &format!("!include {}\n", site.path("etc").join(file).display());
        }
        text += &extra.own.replace("@DIR@", &site.path("dovecot").display().to_string());
        Dovecot::start_with(site, &text)
    }

    /// Starts it as it was before Sidegate came.
    pub(crate) fn start_without_sidegate(site: &Site) -> Dovecot {
        let with = configuration(site);
        let without: Vec<&str> = with.lines().filter(|line| !line.starts_with("!include")).collect();
        Dovecot::start_with(site, &(without.join("\n") + "\n"))
    }

    fn start_with(site: &Site, configuration: &str) -> Dovecot {
        let config = site.path("dovecot/dovecot.conf");
        fs::write(&config, configuration).expect("dovecot.conf");
        let users = File::options().create(true).append(true).open(site.path("dovecot/users"));
        users.expect("the users file");
        let mut command = site.series.command("dovecot");
        command.arg("-F").arg("-c").arg(&config).current_dir("/");
        let log = site.path("logs/dovecot");
        let mut server = Server::start("dovecot", &mut command, &log);
        wait_until("Dovecot starts", Duration::from_secs(20), || {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(server.runs(), "dovecot ended:\n{}", log());
            // It listens before its first line is in the log.
            let listening =
                [IMAP, POP3, SIEVE, SUBMIT, LMTP].iter().all(|port| listens(Dovecot::at(site, *port)));
            listening && log().contains("Dovecot v")
        });
        let is = format!("Dovecot v{}", site.series.version());
        let said = fs::read_to_string(&log).expect("its log");
        assert!(said.contains(&is), "another Dovecot than the story's started:\n{said}");
        Dovecot { server }
    }

    /// Stops it.
    pub(crate) fn stop(mut self) {
        self.server.stop("TERM");
    }

    /// Ends its auth process. Dovecot starts another when somebody connects to one of its sockets.
    pub(crate) fn end_auth_process(&self) {
        let parent = format!("PPid:\t{}\n", self.server.pid());
        let mut ended = 0;
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            if read("cmdline").starts_with("dovecot/auth\0") && read("status").contains(&parent) {
                let pid = entry.file_name();
                run(Command::new("kill").arg(&pid));
                let gone = || !entry.path().exists();
                wait_until("the auth process ends", Duration::from_secs(20), gone);
                ended += 1;
            }
        }
        assert_eq!(ended, 1, "Dovecot had one auth process");
    }

    /// Makes somebody known to Dovecot's own passdb and userdb.
    pub(crate) fn add_user(site: &Site, address: &str) {
        let users = File::options().create(true).append(true).open(site.path("dovecot/users"));
        let (name, domain) = address.split_once('@').expect("a full address");
        let home = site.path("mail").join(domain).join(name);
        let home = home.display();
        let line = format!("{address}:{{PLAIN}}{MAIN_PASSWORD}:{MAIL_ID}:{MAIL_ID}::{home}::\n");
        users.and_then(|mut file| file.write_all(line.as_bytes())).expect("the users file");
        if site.mode != Mode::Front {
            return;
        }
        // Dovecot looks at the file again after a second.
        let socket = if site.mode.is_passdb() { "auth-userdb" } else { "sg-back-userdb" };
        let socket = site.path("dovecot/run").join(socket).display().to_string();
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
        site.series
            .command("doveadm")
            .arg("-c")
            .arg(site.path("dovecot/dovecot.conf"))
            .args(args)
            .current_dir("/")
            .output()
            .expect("doveadm can be started")
    }
}

/// What the shipped `policy.conf` leaves to the site; and the address, because sites run side by side.
fn policy_of_the_site(site: &Site) -> String {
    format!(
        "auth_policy_server_url = http://{}:8026/policy\n\
         auth_policy_server_api_header = X-Sidegate-Key:{HTTP_KEY}\n\
         auth_policy_hash_nonce = localnonce\n",
        site.host
    )
}

fn configuration(site: &Site) -> String {
    let text = site.example(&format!("dovecot-{}.conf", site.series.name()));
    let text = text.replace("@VERSION@", &site.series.version());
    if site.mode.is_passdb() { first_passdb(site, &text) } else { text }
}

/// Where Postfix asks: of the site's own making, at the place that the shipped `main.cf` names.
const FOR_POSTFIX: &str = "\
service auth {
  unix_listener @DIR@/postfix/queue/sidegate/auth {
    @TYPE@
    mode = 0660
    group = postfix
  }
}
";

/// The shipped file stands before the site's own passdb, where its first lines tell the administrator to put it.
fn first_passdb(site: &Site, text: &str) -> String {
    let file = format!("dovecot/{}/{}.conf", site.series.name(), site.mode.name());
    site.install(&[&file, "dovecot/sidegate.lua", "dovecot/2.3/sidegate-dict.conf.ext"]);
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with("!include")).collect();
    let (before, after) = own.split_at(own.iter().position(|l| l.starts_with("passdb ")).expect("a passdb"));
    let include = format!("!include {}", site.path("etc").join(file).display());
    let kind = if site.series == Series::V23 { "" } else { "type = auth" };
    let dir = site.path("").display().to_string();
    let postfix = FOR_POSTFIX.replace("@TYPE@", kind).replace("@DIR@", dir.trim_end_matches('/'));
    [before, &[&include], after, &[&postfix]].concat().join("\n")
}
