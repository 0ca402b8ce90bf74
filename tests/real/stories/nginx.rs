//! nginx as the mail proxy in front of Dovecot and Postfix: `conf/nginx/mail.conf` and `postfix-master.cf`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::cli::logins;
use crate::client::{Imap, Pop3, Smtp};
use crate::dovecot::{IMAP, POP3};
use crate::postfix::FROM_NGINX;
use crate::process::{Server, listens, wait_until};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site, shipped};

use super::doctor::doctor;
use super::{assert_in, assert_refused};

const ALICE: &str = "alice@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 67);
/// IMAP with TLS, POP3 with TLS, submission.
const PORTS: [(&str, u16); 3] = [("listen 993 ", 20993), ("listen 995 ", 20995), ("listen 587;", 20587)];

/// A site with nginx in front. In the shipped file the paths and ports are turned into the site's.
fn site() -> Option<(Site, Server)> {
    let mut site = Plan::new(Mode::Front).with_postfix().with_program("nginx").start()?;
    let socket = site.path("run/http");
    site.add_settings(&format!(
        "[[listen]]\nprotocol = \"http\"\npath = {socket:?}\nmode = \"0666\"\npeers = [\"www-data\"]\n\
         backends = {{ imap = \"{0}:{IMAP}\", pop3 = \"{0}:{POP3}\", smtp = \"{0}:{FROM_NGINX}\" }}\n",
        site.host
    ));
    let mut mail = fs::read_to_string(shipped("nginx/mail.conf")).expect("the shipped file");
    for (theirs, port) in PORTS {
        assert_eq!(mail.matches(theirs).count(), 1, "{theirs}");
        let end = theirs.chars().last().expect("not empty");
        mail = mail.replace(theirs, &format!("listen {}:{port}{end}", site.host));
    }
    for (theirs, ours) in [
        ("/run/sidegate/http:", format!("{}:", socket.display())),
        ("/etc/ssl/certs/mail.pem", site.path("tls/cert.pem").display().to_string()),
        ("/etc/ssl/private/mail.key", site.path("tls/key.pem").display().to_string()),
    ] {
        assert!(mail.contains(theirs), "{theirs}");
        mail = mail.replace(theirs, &ours);
    }
    let nginx = start(&site, &mail);
    Some((site, nginx))
}

fn start(site: &Site, mail: &str) -> Server {
    let folder = site.path("nginx");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("mail.conf"), mail).expect("mail.conf");
    let module = "/usr/lib/nginx/modules/ngx_mail_module.so";
    // Some distributions build it in.
    let load = if Path::new(module).exists() { format!("load_module {module};\n") } else { String::new() };
    let log = site.path("logs/nginx");
    let text = format!(
        "{load}user www-data;\nworker_processes 1;\ndaemon off;\npid {0}/pid;\nerror_log {1} info;\n\
         events {{ worker_connections 256; }}\ninclude {0}/mail.conf;\n",
        folder.display(),
        log.display()
    );
    let config = folder.join("nginx.conf");
    fs::write(&config, text).expect("nginx.conf");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-e").arg(&log).arg("-c").arg(&config).current_dir("/");
    let mut server = Server::start("nginx", &mut command, &log);
    wait_until("nginx listens", Duration::from_secs(20), || {
        assert!(server.runs(), "nginx ended:\n{}", fs::read_to_string(&log).unwrap_or_default());
        PORTS.iter().all(|(_, port)| listens(SocketAddrV4::new(site.host, *port)))
    });
    server
}

fn imap(site: &Site, from: Ipv4Addr, password: &str) -> String {
    site.secret(ALICE, password);
    Imap::tls(from, SocketAddrV4::new(site.host, 20993)).login(ALICE, password)
}

fn pop3(site: &Site, from: Ipv4Addr, password: &str) -> String {
    site.secret(ALICE, password);
    Pop3::tls(from, SocketAddrV4::new(site.host, 20995)).login(ALICE, password)
}

fn submission(site: &Site, from: Ipv4Addr) -> Smtp {
    Smtp::starttls(from, SocketAddrV4::new(site.host, 20587))
}

fn smtp(site: &Site, from: Ipv4Addr, password: &str) -> String {
    site.secret(ALICE, password);
    submission(site, from).plain(ALICE, password)
}

#[test]
fn doctor_reads_nginx_and_says_what_keeps_people_out() {
    let Some((site, _nginx)) = site() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    assert_in(&imap(&site, NEIGHBOUR, &password));
    let of_nginx = |site: &Site| -> Vec<(String, String)> {
        let called = doctor(site, &["--json"]);
        let all: Value = serde_json::from_str(&called.stdout).unwrap_or_else(|e| panic!("{e}: {called:?}"));
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let findings = all["findings"].as_array().expect("findings").iter();
        let findings = findings.filter(|finding| finding["area"] == "nginx");
        findings.map(|finding| (text(finding, "level"), text(finding, "what"))).collect()
    };
    let well = ("ok".to_owned(), "the logins of nginx's mail proxy come to Sidegate".to_owned());
    assert_eq!(of_nginx(&site), [well]);
    let mail = site.path("nginx/mail.conf");
    let text = fs::read_to_string(&mail).expect("mail.conf");
    fs::write(&mail, text.replace(":/auth;", ":/login;")).expect("mail.conf");
    let found = of_nginx(&site);
    let asks =
        |(level, what): &(String, String)| level == "bad" && what.contains("auth_http asks for /login");
    assert!(found.len() == PORTS.len() && found.iter().all(asks), "{found:?}");
}

#[test]
fn nginx_lets_in_whom_sidegate_lets_in_and_counts_the_clients_address() {
    let Some((mut site, _nginx)) = site() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    assert_in(&imap(&site, GUESSER, &password));
    let mut session = Imap::tls(GUESSER, SocketAddrV4::new(site.host, 20993));
    assert_in(&session.login(ALICE, &password));
    let inbox = session.command("SELECT INBOX");
    assert!(inbox.last().is_some_and(|line| line.starts_with("OK")), "Dovecot answers: {inbox:?}");
    assert_in(&pop3(&site, GUESSER, &password));
    let mut sender = submission(&site, GUESSER);
    assert_in(&sender.plain(ALICE, &password));
    let sent = sender.mail(ALICE, ALICE, "through nginx");
    assert!(sent.starts_with("250"), "Postfix takes it: {sent}");

    let answer = pop3(&site, GUESSER, "wrong-by-pop3");
    assert!(answer.starts_with("-ERR [AUTH] Authentication failed"), "{answer}");
    for n in 1..=4 {
        let answer = imap(&site, GUESSER, &format!("wrong+by%imap {n}"));
        assert!(answer.starts_with("NO [AUTHENTICATIONFAILED] Authentication failed"), "{answer}");
        let answer = smtp(&site, GUESSER, &format!("wrong-by-smtp-{n}"));
        assert!(answer.starts_with("535 5.7.8"), "{answer}");
    }
    assert_refused(&imap(&site, GUESSER, "the tenth"));
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, &GUESSER.to_string(), "wrong-password"), 10);
    let blocked = imap(&site, GUESSER, &password);
    assert!(blocked.starts_with("NO [ALERT] Too many failed logins"), "{blocked}");
    let blocked = smtp(&site, GUESSER, &password);
    assert!(blocked.starts_with("421 4.7.0 Too many failed logins"), "as Postfix says: {blocked}");
    assert_in(&imap(&site, NEIGHBOUR, &password));
    assert_in(&smtp(&site, NEIGHBOUR, &password));
    let blocked = pop3(&site, GUESSER, &password);
    assert!(blocked.starts_with("-ERR [SYS/TEMP] Too many failed logins"), "{blocked}");

    site.stop_daemon("TERM");
    let away = smtp(&site, NEIGHBOUR, &password);
    assert!(away.starts_with('4'), "temporary: {away}");
    site.start_daemon();
    assert_in(&smtp(&site, NEIGHBOUR, &password));
    site.cli.done(&["password", "revoke", ALICE, "--all"]);
    assert_refused(&imap(&site, NEIGHBOUR, &password));
    assert_refused(&smtp(&site, NEIGHBOUR, &password));
    site.assert_nothing_secret();
}

/// Dovecot's own auth process, on which a main password depends, is away.
#[test]
fn trouble_of_ours_is_no_wrong_password_behind_nginx_either() {
    let Some((mut site, _nginx)) = site() else { return };
    site.upstream_user(ALICE);
    let main = fs::read_to_string(site.path("etc/sidegate.toml")).expect("sidegate.toml");
    let main = main.replace("/sg-back-", "/nobody-").replace("\"never\"", "\"until-two-factor\"");
    fs::write(site.path("etc/sidegate.toml"), main).expect("sidegate.toml");
    site.stop_daemon("TERM");
    site.start_daemon();
    let answer = imap(&site, NEIGHBOUR, MAIN_PASSWORD);
    assert!(answer.starts_with("NO [UNAVAILABLE] "), "{answer}");
    let answer = pop3(&site, NEIGHBOUR, MAIN_PASSWORD);
    assert!(answer.starts_with("-ERR [SYS/TEMP] "), "{answer}");
    let answer = smtp(&site, NEIGHBOUR, MAIN_PASSWORD);
    assert!(answer.starts_with("454 4.7.0 "), "{answer}");
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, &NEIGHBOUR.to_string(), "wrong-password"), 0, "and no failure");
}
