//! Notices against real peers: what arrives, what is refused, and who is given up on.

mod owners;
mod peers;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::tz::TimeZone;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};
use sidegate::clock::Timestamp;
use sidegate::config::{Config, Language, Source};
use sidegate::gate::limits::{Limited, Per};
use sidegate::gate::notice::{Limit, Notice, NoticeKind};
use sidegate::notices::Channel::{AdministratorMail, Command, OwnerMail, Webhook};
use sidegate::notices::{Channel, Notices, SIGNATURE_HEADER, TIME_HEADER};
use tempfile::TempDir;

use peers::{Smtp, Web, certificate};

const ALL: [Channel; 4] = [OwnerMail, AdministratorMail, Webhook, Command];
/// Long enough for a peer that answers, also on a busy host.
const PATIENT: Duration = Duration::from_secs(20);
/// Short, for peers that never answer.
const IMPATIENT: Duration = Duration::from_millis(300);
const PASSWORD: &str = "Fj7kQm2RxT9wBn4c";
const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const MAIL: &str = "from = 'sidegate@example.org'\nadministrator = 'postmaster@example.org'";

fn notice() -> Notice {
    Notice {
        id: 7,
        time: Timestamp(1_800_000_000),
        kind: NoticeKind::SendingLimit,
        account: "ann@example.org".into(),
        limit: Some(Limit { on: Limited::RecipientsPerHour, at_most: 50, per: Per::Account }),
        until: Some(Timestamp(1_800_003_600)),
        address: Some("192.0.2.7".into()),
        password: Some((3, "phone".into())),
        revoked: false,
        detail: None,
        actor: None,
        other: None,
    }
}

/// The ways that `[notices]` with these settings names, or why there are none.
fn try_new(settings: &str, timeout: Duration) -> Result<Notices, String> {
    let listen = "[[listen]]\nprotocol = 'auth-client'\npath = '/run/sidegate/auth'\n";
    let text = format!("{listen}[notices]\n{settings}\n");
    let source = Source { name: "sidegate.toml".into(), text };
    let mut config = Config::from_sources(&[source]).unwrap_or_else(|error| panic!("{error}"));
    config.notices.timeout = timeout;
    Notices::new(&config.notices, Language::En, TimeZone::UTC, None).map_err(|error| error.to_string())
}

fn notices(settings: &str, timeout: Duration) -> Notices {
    try_new(settings, timeout).unwrap()
}

/// What failed, of everything that is set.
async fn failures(settings: &str, timeout: Duration) -> Vec<(Channel, String)> {
    let notices = notices(settings, timeout);
    notices.deliver(&notice(), &notices.channels()).await
}

/// The reason of the one that failed.
async fn failure(settings: &str, timeout: Duration) -> String {
    let failed = failures(settings, timeout).await;
    let [(_, reason)] = failed.as_slice() else { panic!("{failed:?}") };
    reason.clone()
}

fn secret(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// `command`, for a script of these lines; run by the shell, so that nothing is written that also runs.
fn script(folder: &Path, lines: &str) -> String {
    let path = folder.join("script");
    fs::write(&path, lines).unwrap();
    format!("command = ['/bin/sh', '{}', 'an argument']", path.display())
}

#[tokio::test]
async fn every_way_is_taken_at_once_and_only_what_is_owed() {
    let folder = tempfile::tempdir().unwrap();
    let (mail, web) = (Smtp::default(), Web { status: Some(204), ..Web::default() });
    let (smtp, http) = (mail.start().await, web.start().await);
    let command = script(folder.path(), &format!("cat > {}/seen", folder.path().display()));
    let settings = format!("{MAIL}\n{command}\nsmtp.server = '{smtp}'\nwebhook.url = 'http://{http}/x'");
    let notices = Arc::new(notices(&settings, PATIENT));
    assert_eq!(notices.channels(), ALL);
    // Spawned, as the daemon does it.
    let task = tokio::spawn({
        let notices = notices.clone();
        async move { notices.deliver(&notice(), &ALL).await }
    });
    assert_eq!(task.await.unwrap(), []);
    for to in ["ann@example.org", "postmaster@example.org"] {
        assert!(mail.heard.text().contains(&format!("RCPT TO:<{to}>")), "{}", mail.heard.text());
    }
    assert_eq!(notices.deliver(&notice(), &[Webhook]).await, []);
    assert_eq!(mail.heard.text().matches("RCPT TO").count(), 2);
    let bodies: Vec<String> = web.requests.lock().unwrap().iter().map(|(.., body)| body.clone()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], fs::read_to_string(folder.path().join("seen")).unwrap());
}

#[tokio::test]
async fn what_is_no_longer_configured_owes_nothing() {
    let none = notices("", PATIENT);
    assert_eq!((none.channels(), none.deliver(&notice(), &ALL).await), (vec![], vec![]));
    let mail = Smtp::default();
    let smtp = mail.start().await;
    let settings = format!("owner = false\n{MAIL}\nsmtp.server = '{smtp}'");
    let notices = notices(&settings, PATIENT);
    assert_eq!(notices.channels(), [AdministratorMail]);
    assert_eq!(notices.deliver(&notice(), &[OwnerMail]).await, []);
    assert_eq!(mail.heard.text(), "");
}

#[tokio::test]
async fn mail_has_no_envelope_sender_and_tells_the_owner() {
    let mail = Smtp::default();
    let smtp = mail.start().await;
    let settings = format!("from = 'sidegate@example.org'\nsmtp.server = '{smtp}'");
    assert_eq!(failures(&settings, PATIENT).await, []);
    let heard = mail.heard.text();
    for line in [
        "EHLO [127.0.0.1]\r\n",
        "MAIL FROM:<>",
        "RCPT TO:<ann@example.org>",
        "Subject: Sending limit reached: ann@example.org\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Message-ID: <7.",
        "Limit: 50 recipients per hour\r\n",
        "\r\n.\r\nQUIT\r\n",
    ] {
        assert!(heard.contains(line), "{line} in {heard}");
    }
    assert!(!heard.contains("AUTH "), "{heard}");
}

#[tokio::test]
async fn one_recipient_refused_is_one_failure() {
    let mail = Smtp::answering(&[("RCPT TO:<ann", "450 4.2.1 mailbox\r\n\u{7}full")]);
    let settings = format!("{MAIL}\nsmtp.server = '{}'", mail.start().await);
    let failed = failures(&settings, PATIENT).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, OwnerMail);
    assert!(failed[0].1.contains("450") && !failed[0].1.contains(char::is_control), "{failed:?}");
}

#[tokio::test]
async fn a_server_that_refuses_or_closes_is_told_with_its_words() {
    let moods = [
        ("GREETING", "554 no", "554"),
        ("GREETING", "", ""),
        ("EHLO", "", ""),
        ("MAIL", "451 4.3.0 later", "later"),
        ("DATA", "452 full", "full"),
        (".", "554 5.7.1 spam", "spam"),
        (".", "", ""),
        ("GREETING", "chatter", "too much"),
        ("EHLO", "250-\u{1b}[2J", ""),
    ];
    for (command, answer, told) in moods {
        let mail = Smtp::answering(&[(command, answer)]);
        let settings = format!("from = 'a@b.c'\nsmtp.server = '{}'", mail.start().await);
        let timeout = if answer.starts_with("250-") { IMPATIENT } else { PATIENT };
        let reason = failure(&settings, timeout).await;
        assert!(reason.contains(told) && !reason.contains(char::is_control), "{command} {answer}: {reason}");
    }
    // The message is taken; a server that says no farewell changes nothing.
    for farewell in ["", "...", "500 what?"] {
        let mail = Smtp::answering(&[("QUIT", farewell)]);
        let settings = format!("from = 'a@b.c'\nsmtp.server = '{}'", mail.start().await);
        assert_eq!(failures(&settings, PATIENT).await, []);
    }
}

#[tokio::test]
async fn nobody_is_waited_for_past_the_timeout() {
    for command in ["GREETING", "EHLO", "DATA", "."] {
        let mail = Smtp::answering(&[(command, "...")]);
        let settings = format!("from = 'a@b.c'\nsmtp.server = '{}'", mail.start().await);
        assert_eq!(failure(&settings, IMPATIENT).await, "no end within 300ms", "{command}");
    }
    let web = Web::default();
    let settings = format!("webhook.url = 'http://{}'", web.start().await);
    assert_eq!(failure(&settings, IMPATIENT).await, "no end within 300ms");
    // Nobody takes these connections, or listens at all.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let settings = format!("from = 'a@b.c'\nsmtp.server = '{address}'\nwebhook.url = 'http://{address}'");
    assert_eq!(failures(&settings, IMPATIENT).await.len(), 2);
    drop(silent);
    assert_eq!(failures(&settings, PATIENT).await.len(), 2);
}

#[tokio::test]
async fn mail_is_encrypted_towards_a_server_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, acceptor) = certificate(folder.path(), "here", "IP:127.0.0.1,DNS:localhost");
    let (other_ca, other) = certificate(folder.path(), "elsewhere", "DNS:mail.example.org");
    let password = secret(&folder, "password", PASSWORD);
    let login = format!("smtp.user = 'sidegate'\nsmtp.password_file = '{}'", password.display());
    for tls in ["tls", "starttls"] {
        let start = async |acceptor: &peers::Acceptor| {
            let set = |is_wanted| Some(acceptor.clone()).filter(|_| is_wanted);
            let mail = Smtp { tls: set(tls == "tls"), starttls: set(tls == "starttls"), ..Smtp::default() };
            let address = mail.start().await;
            (mail, format!("from = 'a@b.c'\n{login}\nsmtp.tls = '{tls}'\nsmtp.server = '{address}'"))
        };
        let (mail, settings) = start(&acceptor).await;
        let by_name = settings.replace("127.0.0.1", "localhost");
        for settings in [&settings, &by_name] {
            let ca = format!("{settings}\nsmtp.ca_file = '{}'", ca.display());
            assert_eq!(failures(&ca, PATIENT).await, [], "{tls}");
        }
        let heard = mail.heard.text();
        let plain = BASE64.encode(format!("\0sidegate\0{PASSWORD}").as_bytes());
        assert_eq!(heard.matches(&format!("AUTH PLAIN {plain}")).count(), 2, "{heard}");
        assert_eq!(heard.matches("\r\n.\r\n").count(), 2, "{heard}");

        // Signed by somebody else; for somebody else; not encrypted at all.
        let reason = failure(&format!("{settings}\nsmtp.ca_file = '{}'", other_ca.display()), PATIENT).await;
        assert!(reason.contains("certificate"), "{tls}: {reason}");
        let (mail, settings) = start(&other).await;
        let reason = failure(&format!("{settings}\nsmtp.ca_file = '{}'", other_ca.display()), PATIENT).await;
        assert!(reason.contains("certificate"), "{tls}: {reason}");
        assert!(!mail.heard.text().contains("AUTH"), "{tls}");
        let mail = Smtp::default();
        let at = mail.start().await;
        let settings = format!("from = 'a@b.c'\n{login}\nsmtp.tls = '{tls}'\nsmtp.server = '{at}'");
        failure(&format!("{settings}\nsmtp.ca_file = '{}'", ca.display()), PATIENT).await;
        assert!(!mail.heard.text().contains("AUTH"), "{tls}");
    }
}

#[tokio::test]
async fn nothing_slips_in_before_the_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, acceptor) = certificate(folder.path(), "here", "IP:127.0.0.1");
    let mut mail = Smtp::answering(&[("STARTTLS", "220 go\r\n250 AUTH PLAIN")]);
    mail.starttls = Some(acceptor);
    let settings = format!(
        "from = 'a@b.c'\nsmtp.tls = 'starttls'\nsmtp.server = '{}'\nsmtp.ca_file = '{}'",
        mail.start().await,
        ca.display()
    );
    let reason = failure(&settings, PATIENT).await;
    assert!(reason.contains("between STARTTLS and the handshake"), "{reason}");
}

#[tokio::test]
async fn a_webhook_is_signed_and_follows_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let key = secret(&folder, "key", KEY);
    let web = Web { status: Some(200), ..Web::default() };
    let settings = format!(
        "webhook.url = 'http://{}/hooks/7?a=b'\nwebhook.key_file = '{}'",
        web.start().await,
        key.display()
    );
    assert_eq!(failures(&settings, PATIENT).await, []);
    let (line, head, body) = web.requests.lock().unwrap()[0].clone();
    assert_eq!(line, "POST /hooks/7?a=b");
    assert_eq!(head["content-type"], "application/json");
    let time = head[TIME_HEADER].to_str().unwrap();
    let mut keyed = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    keyed.update(format!("{time}.{body}").as_bytes());
    assert_eq!(head[SIGNATURE_HEADER], HEXLOWER.encode(&keyed.finalize().into_bytes()));
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["id"], &told["kind"]), (&json!(7), &json!("sending-limit")));
    assert_eq!(told["password"], json!({ "id": 3, "name": "phone" }));
    assert!(told["text"].as_str().unwrap().starts_with("Sending limit reached: ann@example.org\n"));

    for status in [302, 404, 503] {
        let web = Web { status: Some(status), ..Web::default() };
        let settings = format!("webhook.url = 'http://{}/hooks/{PASSWORD}'", web.start().await);
        let reason = failure(&settings, PATIENT).await;
        assert!(reason.contains(&status.to_string()) && !reason.contains(PASSWORD), "{reason}");
        let requests = web.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{status}");
        assert!(!requests[0].1.contains_key(SIGNATURE_HEADER));
    }
}

#[tokio::test]
async fn a_webhook_elsewhere_is_asked_by_https_if_it_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, acceptor) = certificate(folder.path(), "here", "DNS:localhost");
    let (other, _) = certificate(folder.path(), "elsewhere", "DNS:localhost");
    let web = Web { status: Some(204), tls: Some(acceptor), ..Web::default() };
    let port = web.start().await.port();
    let settings = |host: &str, ca: &Path| {
        format!("webhook.url = 'https://{host}:{port}/{PASSWORD}'\nwebhook.ca_file = '{}'", ca.display())
    };
    assert_eq!(failures(&settings("localhost", &ca), PATIENT).await, []);
    for (host, ca) in [("localhost", &other), ("127.0.0.1", &ca)] {
        let reason = failure(&settings(host, ca), PATIENT).await;
        assert!(reason.contains("certificate") && !reason.contains(PASSWORD), "{reason}");
    }
    assert_eq!(web.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_command_gets_json_its_arguments_and_no_environment() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let lines = format!("exec > {}\ncat\necho\necho \"$1\"\npwd\nenv | cut -d= -f1 | sort", seen.display());
    assert_eq!(failures(&script(folder.path(), &lines), PATIENT).await, []);
    let seen = fs::read_to_string(seen).unwrap();
    let lines: Vec<&str> = seen.lines().collect();
    let told: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(told["account"], "ann@example.org");
    assert_eq!(lines[1..3], ["an argument", "/"]);
    assert!(lines.contains(&"PATH") && !seen.contains("CARGO"), "{seen}");
}

#[tokio::test]
async fn a_command_is_judged_by_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let ends = [
        ("echo no such chat >&2; exit 3", "the command ended with status 3: no such chat"),
        ("kill -9 $$", "the command was killed by signal 9"),
        ("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1", "the command ended with status 1: xxx"),
    ];
    for (lines, expected) in ends {
        let reason = failure(&script(folder.path(), lines), PATIENT).await;
        assert!(reason.starts_with(expected) && reason.len() <= 300, "{reason}");
    }
    // It need not read, and what it leaves behind is not waited for.
    for lines in ["exit 0", "exec 0<&-; sleep 5 & exit 0"] {
        assert_eq!(failures(&script(folder.path(), lines), Duration::from_secs(4)).await, []);
    }
    let reason = failure("command = ['/nonexistent/notify']", PATIENT).await;
    assert!(reason.starts_with("cannot be run: No such file"), "{reason}");
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let lines = format!("sleep 1000 &\necho $! $$ > {0}.new\nmv {0}.new {0}\nwait", pids.display());
    let settings = script(folder.path(), &lines);
    assert_eq!(failure(&settings, IMPATIENT).await, "no end within 300ms");
    // Given up on when it is known to be there, as at the timeout.
    let _ = fs::remove_file(&pids);
    tokio::select! {
        failed = failures(&settings, PATIENT) => panic!("{failed:?}"),
        () = until(|| pids.exists()) => {}
    }
    for pid in fs::read_to_string(pids).unwrap().split_whitespace() {
        let pid = Pid::from_raw(pid.parse().unwrap());
        until(|| !is_running(pid)).await;
    }
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

/// Whether it runs: whoever is dead but was not asked about yet does not.
fn is_running(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    kill(pid, None).is_ok() && !state.contains(") Z ")
}

#[tokio::test]
async fn secrets_are_in_no_debug_and_no_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, acceptor) = certificate(folder.path(), "here", "IP:127.0.0.1");
    let (password, key) = (secret(&folder, "password", PASSWORD), secret(&folder, "key", KEY));
    let plain = BASE64.encode(format!("\0sidegate\0{PASSWORD}").as_bytes());
    // Some servers repeat what they do not like.
    let repeats: &'static str = format!("535 5.7.8 no: AUTH PLAIN {plain} {PASSWORD}").leak();
    let mail = Smtp { tls: Some(acceptor), ..Smtp::answering(&[("AUTH", repeats)]) };
    let web = Web { status: Some(403), ..Web::default() };
    let settings = format!(
        "from = 'a@b.c'\nwebhook.url = 'http://{}/hidden'\nwebhook.key_file = '{}'\nsmtp.server = '{}'\n\
         smtp.tls = 'tls'\nsmtp.user = 'sidegate'\nsmtp.password_file = '{}'\nsmtp.ca_file = '{}'",
        web.start().await,
        key.display(),
        mail.start().await,
        password.display(),
        ca.display()
    );
    let printed = format!("{:?} {:?}", notices(&settings, PATIENT), failures(&settings, PATIENT).await);
    assert!(printed.contains("refused the login with 535") && printed.contains("403"), "{printed}");
    for hidden in [PASSWORD, KEY, plain.as_str(), "hidden"] {
        assert!(!printed.contains(hidden), "{hidden} in {printed}");
    }
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    let error = try_new(&settings, PATIENT).unwrap_err();
    assert!(error.contains("`notices.smtp.password_file`: everybody may use it"), "{error}");
}
