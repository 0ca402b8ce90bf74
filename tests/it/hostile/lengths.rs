//! Messages of every length around the limit of each protocol: up to it they are answered, past it the connection ends,
//! however the bytes come.

use sidegate::http::BODY_BYTES_MAX;
use sidegate::proto::{auth_client, auth_master, dict, milter, policy, saslauthd, socketmap};

use super::{HOME, Site, packet};
use crate::daemon::ANN;
use crate::wire::Wire;
use crate::world::plain;

/// A message that is so long, as its limit counts.
type Message = Box<dyn Fn(usize) -> Vec<u8>>;

/// A door, its limit, a message, and how the answer begins.
fn cases(secret: &str) -> Vec<(&'static str, usize, Message, &'static [u8])> {
    let resp = plain(ANN, secret);
    let between = |head: String, tail: String| -> Message {
        Box::new(move |length| {
            let fill = "x".repeat(length - head.len() - tail.len());
            format!("{head}{fill}{tail}").into_bytes()
        })
    };
    let auth = format!("AUTH\t1\tPLAIN\tservice=imap\trip={HOME}\tclient_id=");
    vec![
        ("client", auth_client::LINE_BYTES_MAX, between(auth, format!("\tresp={resp}\n")), b"OK\t1\t"),
        (
            "master",
            auth_master::LINE_BYTES_MAX,
            between(format!("USER\t1\t{ANN}\tservice=lmtp\tx="), "\n".into()),
            b"USER\t1\t",
        ),
        ("dict", dict::LINE_BYTES_MAX, between("Lshared/user\t".into(), "\n".into()), b"N\n"),
        ("policy", policy::LINE_BYTES_MAX, Box::new(policy_line), b"action=DUNNO"),
        ("policy", policy::REQUEST_BYTES_MAX, Box::new(policy_request), b"action=DUNNO"),
        ("map", socketmap::REQUEST_BYTES_MAX, Box::new(netstring), b"9:NOTFOUND ,"),
        ("mux", saslauthd::REQUEST_BYTES_MAX, Box::new(strings), b"\0\x02NO"),
        ("milter", milter::PACKET_BYTES_MAX, Box::new(header), b"\0\0\0\x01"),
    ]
}

fn policy_line(length: usize) -> Vec<u8> {
    format!("a={}\n\n", "x".repeat(length - 3)).into_bytes()
}

/// Lines that are none too long.
fn policy_request(length: usize) -> Vec<u8> {
    let line = format!("a={}\n", "x".repeat(4093));
    let lines = (length - 4096) / line.len();
    let rest = length - lines * line.len();
    format!("{}b={}\n\n", line.repeat(lines), "x".repeat(rest - 3)).into_bytes()
}

fn netstring(length: usize) -> Vec<u8> {
    let text = format!("sender-login {}", "x".repeat(length - 13));
    format!("{length}:{text},").into_bytes()
}

/// Four counted strings.
fn strings(length: usize) -> Vec<u8> {
    let password = "x".repeat(length - 8 - ANN.len() - 4);
    super::counted([ANN, &password, "imap", ""])
}

/// A header that is nobody's business, and the end of the mail.
fn header(length: usize) -> Vec<u8> {
    [packet(b'M', b"<>\0"), packet(b'L', &vec![b'x'; length - 1]), packet(b'E', b"")].concat()
}

#[test]
fn up_to_its_limit_a_message_is_answered_and_past_it_nothing_is() {
    let site = Site::start("");
    let before = site.daemon.resident_kib();
    for (door, limit, message, answer) in cases(&site.secret) {
        for length in limit - 2..=limit + 2 {
            for part in [1 << 20, 4_000] {
                let mut wire = site.open(door);
                // Whom it is too much, closes before it has heard all.
                let whole = message(length).chunks(part).all(|part| wire.try_say(part));
                if length <= limit {
                    assert!(whole, "{door}, {length} bytes: it was not taken");
                    let said = wire.bytes(answer.len());
                    assert_eq!(said, answer, "{door}, {length} bytes: {}", String::from_utf8_lossy(&said));
                } else {
                    let said = wire.rest();
                    assert_eq!(String::from_utf8_lossy(&said), "", "{door}, {length} bytes");
                }
            }
        }
        site.honest();
    }
    assert!(site.grown(before) < 20_000, "memory grew by {} KiB", site.grown(before));
}

#[test]
fn a_body_of_http_too() {
    let site = Site::start("");
    for length in BODY_BYTES_MAX - 2..=BODY_BYTES_MAX + 2 {
        let head = "{\"login\":\"ann\",\"protocol\":\"imap\",\"remote\":\"203.0.113.7\",\"x\":\"";
        let body = format!("{head}{}\"}}", "x".repeat(length - head.len() - 2));
        let mut wire = Wire::open(&site.path().join("http"));
        wire.say(&format!(
            "POST /policy?command=allow HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let status =
            if length <= BODY_BYTES_MAX { "HTTP/1.1 200 OK" } else { "HTTP/1.1 413 Payload Too Large" };
        assert_eq!(wire.hear().unwrap().trim_end(), status, "{length} bytes");
    }
    site.honest();
}
