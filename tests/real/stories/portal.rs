//! People and the portal: browser, portal, daemon, Dovecot and Postfix, all of them real. What people do is told by
//! `tests/portal/life.mjs`, which drives Chromium; what a browser cannot do, it asks of this side. `SIDEGATE_CHAPTERS` in the
//! environment names some of its chapters, for somebody who looks for a mistake.
//!
//! Nobody waits seven days here for the end of a device's trust: the daemon's own tests move its clock.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::process::{Server, listens, run, wait_until};
use crate::series::cached;
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, imap, pop3, smtp};

/// An id no user of a distribution has: the portal needs no name, and no privilege.
const PORTAL_ID: u32 = 64992;
/// What the sign-in providers know the portal by.
const APP: &str = "wx0123456789abcdef";
const AGENT: &str = "1000002";
const PROVIDER_SECRET: &str = "a+secret/of=the&application";
/// Where a forgotten device sits, and its owner.
const BLOCKED: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 77);
/// Where somebody guesses at second factors.
const GUESSED: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 78);
/// Where somebody sits who knows a main password.
const THIEF: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 79);
/// Where an owner was, and is no more.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 80);
/// Somebody with a mailbox, who never signed in before a colleague shares one with them.
const HANK: &str = "hank@example.test";
/// Whom the site wants to have two-factor.
const DAN: &str = "dan@example.test";

/// The ports of this story at 127.0.0.1: Chromium takes `localhost` for a secure place, and no other name without a
/// certificate.
struct Ports {
    portal: u16,
    mail: u16,
    providers: u16,
}

impl Ports {
    fn free() -> Ports {
        let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
        let [portal, mail, providers] = listeners.map(|l| l.local_addr().expect("its address").port());
        Ports { portal, mail, providers }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}", self.portal)
    }
}

#[test]
fn people_look_after_themselves() {
    let ports = Ports::free();
    let settings = format!(
        "[control]\nportal = [{PORTAL_ID}]\n\
         [main_password]\nmail_clients = \"until-two-factor\"\n\
         [portal]\norigin = \"{}\"\nissuer = \"Example\"\ndomains = [\"example.test\"]\nadministrators = \"postmasters\"\n\
         factors = [\"passkey\", \"totp\", \"wecom\", \"dingtalk\", \"wechat\", \"sms\", \"mail\"]\n\
         [[portal.mandatory]]\nwhom = \"{DAN}\"\nfrom = \"2026-01-01\"\ngrace = \"1d\"\n\
         [[portal.mandatory]]\nwhom = \"group:duty\"\nfrom = \"2026-01-01\"\n\
         [notices]\nfrom = \"sidegate@example.test\"\n[notices.smtp]\nserver = \"127.0.0.1:{}\"\n",
        ports.url(),
        ports.mail
    );
    let mut plan = Plan::new(Mode::Front).with_postfix().with_browser().settings(&settings);
    plan.dovecot.sharing = true;
    let Some(site) = plan.start() else { return };
    for name in ["alice", "carol", "dan", "erin", "fred", "ivan", "judy", "kate"] {
        site.account(&format!("{name}@example.test"));
    }
    for known_to_dovecot_alone in ["gina@example.test", HANK] {
        site.upstream_user(known_to_dovecot_alone);
    }
    let mut portal = start_portal(&site, &ports);
    live(&site, &ports);
    assert!(portal.runs(), "the portal ended");
    portal.stop("TERM");
    site.assert_nothing_secret();
}

fn start_portal(site: &Site, ports: &Ports) -> Server {
    configure_portal(site, ports);
    let program = site.path("sidegate-portal");
    run(Command::new("cp").arg(env!("CARGO_BIN_EXE_sidegate-portal")).arg(&program));
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={PORTAL_ID}"))
        .arg(format!("--regid={PORTAL_ID}"))
        .arg("--clear-groups")
        .arg(program)
        .arg("--config")
        .arg(site.path("etc/portal.toml"))
        .current_dir("/")
        .env_remove("RUST_LOG");
    let log = site.path("logs/sidegate-portal");
    let mut server = Server::start("sidegate-portal", &mut command, &log);
    wait_until("the portal listens", Duration::from_secs(20), || {
        assert!(server.runs(), "the portal ended:\n{}", fs::read_to_string(&log).unwrap_or_default());
        listens(SocketAddrV4::new(Ipv4Addr::LOCALHOST, ports.portal))
    });
    server
}

fn configure_portal(site: &Site, ports: &Ports) {
    let phones = site.path("phones");
    fs::create_dir(&phones).expect("a folder");
    chown(&phones, Some(PORTAL_ID), Some(PORTAL_ID)).expect("chown");
    let sms = site.path("sms.sh");
    let script =
        format!("#!/bin/sh\ncat > '{0}/new' && mv '{0}/new' \"{0}/$SIDEGATE_PHONE\"\n", phones.display());
    fs::write(&sms, script).expect("sms.sh");
    fs::set_permissions(&sms, fs::Permissions::from_mode(0o755)).expect("chmod");
    let secret = site.path("etc/provider.secret");
    fs::write(&secret, PROVIDER_SECRET).expect("the secret");
    chown(&secret, None, Some(PORTAL_ID)).expect("chown");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).expect("chmod");
    site.secret("", PROVIDER_SECRET);
    let provider = |name: &str, more: &str| {
        let at = format!("http://127.0.0.1:{}/{name}", ports.providers);
        format!("[{name}]\nsecret_file = {secret:?}\nlogin_url = \"{at}\"\napi_url = \"{at}\"\n{more}\n")
    };
    let settings = [
        format!("[site]\nurl = \"{}\"\nname = \"Example\"\ntime_zone = \"Asia/Shanghai\"\n", ports.url()),
        format!("[listen]\naddress = \"127.0.0.1:{}\"\ntrusted_proxies = [\"127.0.0.1/32\"]\n", ports.portal),
        format!("[control]\npath = {:?}\n[log]\nlevel = \"debug\"\n", site.path("run/control")),
        format!("[sms]\ncommand = [{sms:?}]\n[mail]\nfrom = \"sidegate@example.test\"\n"),
        format!("[mail.smtp]\nserver = \"127.0.0.1:{}\"\n", ports.mail),
        provider("wechat", &format!("app_id = \"{APP}\"")),
        provider("wecom", &format!("corp_id = \"{APP}\"\nagent_id = \"{AGENT}\"")),
        provider("dingtalk", &format!("client_id = \"{APP}\"")),
    ];
    fs::write(site.path("etc/portal.toml"), settings.concat()).expect("portal.toml");
}

/// What the script asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
enum Asked {
    /// One login of a mail program.
    Login { protocol: String, user: String, password: String, from: Option<Ipv4Addr> },
    /// An administrator resets second factors.
    Reset { account: String },
    /// An administrator forgets wrong codes.
    Unlock { account: String },
    /// An administrator sets something of an account.
    Set { account: String, options: Vec<String> },
    /// The mailboxes of others that a mail program finds.
    Shared { user: String, password: String },
    /// A secret that is used.
    Secret { account: String, secret: String },
}

/// The script, which ends with its story.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // It leaves, with its browser, when nobody answers any more.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Runs the script and answers what it asks.
fn live(site: &Site, ports: &Ports) {
    let log = site.path("browser.log");
    let told = json!({
        "url": ports.url(),
        "password": MAIN_PASSWORD,
        "home": HOME,
        "blocked": BLOCKED,
        "guessed": GUESSED,
        "thief": THIEF,
        "elsewhere": ELSEWHERE,
        "chromium": "/usr/bin/chromium",
        "phones": site.path("phones"),
        "mailPort": ports.mail,
        "providersPort": ports.providers,
        "provider": { "app": APP, "agent": AGENT, "secret": PROVIDER_SECRET },
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/portal/life.mjs");
    let mut command = Command::new("node");
    command.arg(script).args(std::env::var("SIDEGATE_CHAPTERS").iter().flat_map(|names| names.split(' ')));
    command.env("SIDEGATE_LIFE", told.to_string()).env("NODE_PATH", cached("browser").join("node_modules"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fs::File::create(&log).expect("a log"));
    let mut script = Script(command.spawn().expect("node can be started"));
    let mut answers = script.0.stdin.take().expect("its input");
    for line in BufReader::new(script.0.stdout.take().expect("its output")).lines() {
        let line = line.expect("what it says is text");
        let asked: Asked = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        // Where it has gone, its log says why.
        if writeln!(answers, "{}", json!({ "answer": answer(site, &asked) })).is_err() {
            break;
        }
    }
    let ended = script.0.wait().expect("it ends");
    let said = fs::read_to_string(&log).unwrap_or_default();
    assert!(ended.success(), "{ended}:\n{said}");
    print!("{said}");
}

fn answer(site: &Site, asked: &Asked) -> String {
    match asked {
        Asked::Login { protocol, user, password, from } => {
            let from = from.unwrap_or(HOME);
            match protocol.as_str() {
                "imap" => imap(site, from, user, password),
                "pop3" => pop3(site, from, user, password),
                _ => smtp(site, from, user, password),
            }
        }
        Asked::Reset { account } => {
            let reset =
                site.cli.done(&["factor", "reset", account, "--reason", "lost phone, seen in person"]);
            let code = reset.split("set-up code: ").nth(1).expect("a set-up code");
            code.trim().to_owned()
        }
        Asked::Unlock { account } => site.cli.done(&["factor", "unlock", account]),
        Asked::Set { account, options } => {
            let options = options.iter().map(String::as_str);
            site.cli.done(&["account", "set", account].into_iter().chain(options).collect::<Vec<_>>())
        }
        Asked::Shared { user, password } => {
            let mut session = Imap::open(HOME, Dovecot::at(site, IMAP));
            session.login(user, password);
            // A mailbox is there once its owner looked into it.
            session.command("SELECT INBOX");
            session.command("LIST \"\" \"shared/*\"").join("\n")
        }
        Asked::Secret { account, secret } => {
            site.secret(account, secret);
            String::new()
        }
    }
}
