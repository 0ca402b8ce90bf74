//! nginx in front of the portal: `conf/nginx/portal.conf`. What it hands on is written down by a listener in the
//! portal's place, so that nothing hides it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

use crate::plan::have;
use crate::process::{Server, listens, run, wait_until};
use crate::site::shipped;

const BROWSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 90);
const HTTP: u16 = 20080;
const HTTPS: u16 = 20443;

/// nginx with the shipped file; ports and paths are turned into ours.
struct Front {
    host: Ipv4Addr,
    _nginx: Server,
    asked: Receiver<String>,
    _folder: TempDir,
}

/// Each story has an address of its own: `last` is its end.
fn front(last: u8) -> Option<Front> {
    let host = Ipv4Addr::new(127, 0, 7, last);
    if !have(&["nginx", "openssl"]) {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, asked) = portal();
    let path = |name: &str| folder.path().join(name).display().to_string();
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=portal.example.org", "-keyout", &path("key.pem"), "-out", &path("cert.pem")]));
    let mut text = fs::read_to_string(shipped("nginx/portal.conf")).expect("the shipped file");
    for (theirs, ours, times) in [
        ("listen 443 ssl;", format!("listen {host}:{HTTPS} {};", with_http_2()), 2),
        ("listen 80;", format!("listen {host}:{HTTP};"), 2),
        // Not every machine that tests has IPv6.
        ("    listen [::]:443 ssl;\n", String::new(), 2),
        ("    listen [::]:80;\n", String::new(), 2),
        ("server 127.0.0.1:8025;", format!("server {listener};"), 1),
        ("/etc/ssl/certs/portal.pem", path("cert.pem"), 2),
        ("/etc/ssl/private/portal.key", path("key.pem"), 2),
    ] {
        assert_eq!(text.matches(theirs).count(), times, "{theirs}");
        text = text.replace(theirs, &ours);
    }
    fs::write(folder.path().join("portal.conf"), text).expect("portal.conf");
    let nginx = start(folder.path(), host);
    Some(Front { host, _nginx: nginx, asked, _folder: folder })
}

/// TLS and, as the file tells whoever wants it, HTTP/2: this nginx's word for it.
fn with_http_2() -> &'static str {
    let said = Command::new("nginx").arg("-v").output().expect("nginx can be started").stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = said.trim().rsplit('/').next().unwrap_or_default();
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if numbers.as_slice() >= [1, 25, 1].as_slice() { "ssl; http2 on" } else { "ssl http2" }
}

fn start(folder: &Path, host: Ipv4Addr) -> Server {
    let log = folder.join("log");
    let at = folder.display();
    let user = if nix::unistd::geteuid().is_root() { "user www-data;\n" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
        .concat();
    let config = format!(
        "{user}worker_processes 1;\ndaemon off;\npid {at}/pid;\nerror_log {at}/log info;\n\
         events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n{temporary}include {at}/portal.conf;\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("nginx.conf");
    let nginx = || {
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-e").arg(&log).arg("-c").arg(&file);
        command
    };
    run(nginx().arg("-t"));
    let mut server = Server::start("nginx", &mut nginx(), &log);
    wait_until("nginx listens", Duration::from_secs(20), || {
        assert!(server.runs(), "nginx ended:\n{}", fs::read_to_string(&log).unwrap_or_default());
        [HTTP, HTTPS].iter().all(|port| listens(SocketAddrV4::new(host, *port)))
    });
    server
}

/// Stands in the portal's place: tells the head of each request, in lower case, and answers as the portal would.
fn portal() -> (SocketAddrV4, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0; 1];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let answer = "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 2\r\n\
                          Connection: close\r\n\r\nok";
            let _ = stream.write_all(answer.as_bytes());
            if tell.send(String::from_utf8_lossy(&head).to_lowercase()).is_err() {
                return;
            }
        }
    });
    (SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), asked)
}

impl Front {
    /// One request over TLS to the server of that name, with these headers; the whole answer.
    fn https(&self, name: &str, request: &str, headers: &str) -> String {
        let mut command = Command::new("timeout");
        command.args([
            "30",
            "openssl",
            "s_client",
            "-quiet",
            "-verify_quiet",
            "-servername",
            name,
            "-connect",
        ]);
        command.arg(format!("{}:{HTTPS}", self.host)).args(["-bind", &format!("{BROWSER}:0")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let child = child.as_mut().expect("openssl can be started");
        let text = format!("{request} HTTP/1.1\r\nHost: {name}\r\n{headers}Connection: close\r\n\r\n");
        child.stdin.take().expect("its input").write_all(text.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        child.stdout.take().expect("its output").read_to_end(&mut answer).expect("it writes");
        child.wait().expect("it ends");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// One request in the clear; the whole answer.
    fn http(&self, name: &str, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect((self.host, HTTP)).expect("nginx");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it writes");
        answer
    }
}

#[test]
fn nginx_says_whom_it_passes_on_and_what_a_browser_claims_is_gone() {
    let Some(front) = front(91) else { return };
    let claims = "X-Forwarded-For: 192.0.2.66, 127.0.0.1\r\nForwarded: for=192.0.2.66\r\n\
                  x-forwarded-for: 192.0.2.67\r\nCookie: a=b\r\n";
    let answer = front.https("portal.example.org", "GET /sign-in", claims);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // The portal's own word is replaced by one that holds for nginx's answers too: never two of them.
    assert_eq!(answer.to_lowercase().matches("strict-transport-security: ").count(), 1, "{answer}");
    assert!(answer.contains("max-age=63072000"), "{answer}");
    let asked = front.asked.recv_timeout(Duration::from_secs(20)).expect("the portal is asked");
    assert!(asked.starts_with("get /sign-in http/1.1\r\nhost: portal.example.org\r\n"), "{asked}");
    assert_eq!(asked.matches("x-forwarded-for").count(), 1, "{asked}");
    assert!(asked.contains(&format!("x-forwarded-for: {BROWSER}\r\n")), "{asked}");
    assert!(!asked.contains("192.0.2.") && !asked.contains("\r\nforwarded"), "{asked}");
    assert!(asked.contains("cookie: a=b"), "{asked}");
    let long = format!("Content-Length: {}\r\n", 64 * 1024 + 1);
    let refused = front.https("portal.example.org", "POST /sign-in", &long);
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("max-age=63072000"), "{refused}");
}

#[test]
fn browsers_are_led_to_tls_and_speak_http_2() {
    let Some(front) = front(92) else { return };
    let led = front.http("portal.example.org", "/passwords?x=1");
    assert!(led.starts_with("HTTP/1.1 301"), "{led}");
    assert!(led.contains("Location: https://portal.example.org/passwords?x=1\r\n"), "{led}");
    let mut agreed = Command::new("timeout");
    agreed.args([
        "30",
        "openssl",
        "s_client",
        "-alpn",
        "h2",
        "-servername",
        "portal.example.org",
        "-connect",
    ]);
    let agreed = run(agreed.arg(format!("{}:{HTTPS}", front.host)));
    assert!(agreed.contains("ALPN protocol: h2"), "{agreed}");
}

#[test]
fn under_the_names_of_mail_programs_only_their_questions_are_passed_on() {
    let Some(front) = front(93) else { return };
    for (name, request) in [
        ("autoconfig.example.org", "GET /mail/config-v1.1.xml?emailaddress=ann%40example.org"),
        ("autoconfig.example.org", "GET /.well-known/autoconfig/mail/config-v1.1.xml"),
        ("autodiscover.example.org", "POST /autodiscover/autodiscover.xml"),
        ("autodiscover.example.org", "POST /Autodiscover/Autodiscover.xml"),
        ("autodiscover.example.org", "GET /autodiscover/autodiscover.json?Email=ann@example.org"),
        ("autodiscover.example.org", "GET /autodiscover/autodiscover.json/v1.0/ann@example.org"),
    ] {
        let answer = front.https(name, request, "Cookie: a=b\r\nX-Forwarded-For: 192.0.2.66\r\n");
        assert!(answer.starts_with("HTTP/1.1 200"), "{request}: {answer}");
        let asked = front.asked.recv_timeout(Duration::from_secs(20)).expect("the portal is asked");
        assert!(asked.contains(&format!("host: {name}\r\n")), "{asked}");
        assert!(asked.contains(&format!("x-forwarded-for: {BROWSER}\r\n")), "{asked}");
        assert!(!asked.contains("cookie") && !asked.contains("192.0.2.66"), "{asked}");
    }
    for path in ["/", "/sign-in", "/mail/config-v1.1.xml/x", "/mail/config-v1x1.xml", "/autodiscover/"] {
        let answer = front.https("autoconfig.example.org", &format!("GET {path}"), "");
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    let led = front.http("autodiscover.example.org", "/autodiscover/autodiscover.xml");
    assert!(led.starts_with("HTTP/1.1 302"), "{led}");
    assert!(led.contains("Location: https://autodiscover.example.org/autodiscover/autodiscover.xml\r\n"));
    assert!(front.asked.try_recv().is_err(), "nothing else came through");
}
