//! The program itself: its settings, its sockets, its end.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::ANN;
use super::browser::Page;
use super::site::Site;

fn run(settings: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portal.toml");
    fs::write(&path, settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sidegate-portal"))
        .arg("--config")
        .arg(&path)
        .args(arguments)
        .env_remove("NOTIFY_SOCKET")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn mistakes_are_told_and_end_it() {
    let undeclared = "[listen]\naddress = '127.0.0.1:8025'\n[site]\nurl = 'https://account.example.org'\n";
    for arguments in [&["--check"][..], &[]] {
        let (status, told) = run(undeclared, arguments);
        assert!(status == Some(1) && told.contains("portal.toml:1:1: listen.trusted_proxies: "), "{told}");
    }
    let declared = undeclared.replace("[site]", "trusted_proxies = ['127.0.0.1/32']\n[site]");
    let (status, told) = run(&declared, &["--check"]);
    assert!(status == Some(0) && told.ends_with("portal.toml: no mistakes\n"), "{told}");
    for arguments in [&["--check"][..], &[]] {
        let (status, told) = run("[site]\nnam = 'x'", arguments);
        assert!(
            status == Some(1)
                && told.contains("site.nam: unknown key")
                && told.contains("site.url: is missing"),
            "{told}"
        );
    }
    assert_eq!(run("", &["--chek"]).0, Some(2));
    let help = Command::new(env!("CARGO_BIN_EXE_sidegate-portal")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        ["Exit status", "Examples", "SIGTERM", "/etc/sidegate/portal.toml"]
            .iter()
            .all(|word| help.contains(word))
    );
}

/// At its start it asks the daemon once, and its log says what becomes of people who sign in.
#[test]
fn the_log_says_at_once_whether_people_are_served() {
    let mut site = Site::start("", "");
    site.await_log("sidegated serves the portal");
    site.kill_portal();
    site.daemon = None;
    site.start_portal();
    site.await_log("the daemon could not be asked: ");
    let told = site.log();
    let (_, why) = told.rsplit_once("the daemon could not be asked: ").unwrap();
    assert!(why.contains("/control. "), "with the reason: {told}");
}

#[test]
fn a_secret_that_everybody_may_read_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("sms.secret");
    fs::write(&secret, "hunter2").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let settings = format!(
        "site.url = 'https://a.example'\nlisten.path = {:?}\n[sms]\ntemplate = 'SMS_1'\n[sms.aliyun]\nkey_id = 'a'\n\
         sign_name = 'b'\nsecret_file = {secret:?}\n",
        folder.path().join("http")
    );
    let (status, told) = run(&settings, &[]);
    assert!(status == Some(1) && told.contains("chmod o=") && !told.contains("hunter2"), "{told}");
    // The settings alone are right: a check looks at no secret.
    assert_eq!(run(&settings, &["--check"]).0, Some(0));
}

#[test]
fn it_stops_as_told() {
    let mut site = Site::start("", "");
    let socket = site.folder().join("http");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    site.signal("HUP");
    site.await_log("there is no certificate to be read again");
    site.signal("TERM");
    assert_eq!(site.end_portal(), Some(0));
    assert!(site.log().contains("stopped"));
}

/// A free port: nobody else is likely to take it meanwhile.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn at_a_port_nobody_is_believed_unless_the_settings_say_so() {
    let blocked = |more: &str| {
        let site = Site::start("", &format!("[listen]\naddress = \"127.0.0.1:{}\"\n{more}", port()));
        site.block("203.0.113.9");
        let mut ann = site.browser();
        ann.address = "203.0.113.9".into();
        let page = site.browser_signs_in(&mut ann);
        let log = site.log();
        (page.text().contains("is blocked until"), log.contains("is not in listen.trusted_proxies"))
    };
    assert_eq!(blocked(""), (false, true));
    assert_eq!(blocked("trusted_proxies = [\"127.0.0.1/32\"]\n"), (true, false));
}

#[test]
fn one_address_has_so_many_connections() {
    let port = port();
    let site = Site::start("", &format!("[listen]\naddress = \"127.0.0.1:{port}\"\n"));
    let open = || TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut held: Vec<TcpStream> = (0..100).map(|_| open()).collect();
    let asked = || {
        Page::read(&site.door.say(b"GET /sign-in HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).status
    };
    assert_eq!(asked(), 0, "closed without a word");
    held.truncate(50);
    let deadline = std::time::Instant::now() + crate::world::PATIENCE;
    while asked() != 200 {
        assert!(std::time::Instant::now() < deadline, "a place was not given back");
    }
}

impl Site {
    fn browser_signs_in(&self, browser: &mut super::browser::Browser) -> Page {
        browser.get("/sign-in");
        let sent = browser.post("/sign-in", &[("address", ANN), ("password", super::MAIN)]);
        if sent.status == 303 { browser.get("/") } else { sent }
    }
}

/// Makes a certificate for a host of that name.
fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", &format!("/CN={name}"), "-out"])
        .args([&folder.join("portal.pem"), Path::new("-keyout"), &folder.join("portal.key")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Asks once, encrypted: who answers, and what.
fn encrypted(port: u16) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-ign_eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = b"GET /sign-in HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    client.stdin.take().unwrap().write_all(request).unwrap();
    String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn it_encrypts_with_the_certificate_as_it_is_now() {
    let (folder, port) = (tempfile::tempdir().unwrap(), port());
    certificate(folder.path(), "one.example");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (at("portal.pem"), at("portal.key"));
    let site = Site::start(
        "",
        &format!("[listen]\naddress = \"127.0.0.1:{port}\"\n[listen.tls]\ncert = {cert:?}\nkey = {key:?}\n"),
    );
    let heard = encrypted(port);
    for word in ["CN = one.example", "HTTP/1.1 200 OK", "strict-transport-security: max-age=31536000"] {
        let spelled = [word.to_owned(), word.replace("CN = ", "CN=")];
        assert!(spelled.iter().any(|word| heard.contains(word)), "{word} is not in {heard}");
    }
    certificate(folder.path(), "two.example");
    site.signal("HUP");
    site.await_log("the certificate was read again");
    assert!(encrypted(port).contains("two.example"));
    fs::write(&cert, "no certificate").unwrap();
    site.signal("HUP");
    site.await_log("the old one stays");
    assert!(encrypted(port).contains("two.example"));
    // Who does not encrypt is not answered.
    assert!(Page::read(&site.door.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status != 200);
}
