//! What is base64: Dovecot 2.3's own auth process and Sidegate are asked the same, and say the same.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64;

use crate::series::Series;
use crate::site::{MAIN_PASSWORD, Mode, Plan};

/// Right logins are answered at once, wrong ones after Dovecot's own delay.
const NAMES: [&str; 3] = ["ann@example.test", "anne@example.test", "annes@example.test"];
/// What is put in at each place: skipped or not, as bytes of a line or escaped as Dovecot's clients do.
const PUT_IN: [&[u8]; 13] =
    [b" ", b"\r", b"  ", b"\x0b", b"\x0c", b"=", b"==", b"-", b"!", b"\xa0", b"\x01n", b"\x01t", b"\x01r"];

/// A login process, as far as it matters here.
struct Peer {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
    id: u32,
}

impl Peer {
    fn at(path: &Path, pid: u32) -> Peer {
        let stream = UnixStream::connect(path).expect("an auth socket");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let lines = BufReader::new(stream.try_clone().expect("the other half"));
        let mut peer = Peer { stream, lines, id: 0 };
        peer.say(format!("VERSION\t1\t2\nCPID\t{pid}\n").as_bytes());
        while peer.hear() != "DONE" {}
        peer
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it listens");
    }

    fn hear(&mut self) -> String {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).expect("an answer");
        assert!(!line.is_empty(), "it has closed");
        String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()
    }

    /// Whether it takes this for base64: in the first message, or in the next.
    fn takes(&mut self, data: &[u8], at_once: bool) -> bool {
        self.id += 1;
        let begin = format!("AUTH\t{}\tPLAIN\tservice=imap\trip=127.0.7.40\tno-penalty\tnologin", self.id);
        if at_once {
            self.say(&[begin.as_bytes(), b"\tresp=", data, b"\n"].concat());
        } else {
            self.say(format!("{begin}\n").as_bytes());
            assert!(self.hear().starts_with("CONT"));
            self.say(&[format!("CONT\t{}\t", self.id).as_bytes(), data, b"\n"].concat());
        }
        !self.hear().contains("Invalid base64 data")
    }
}

/// Right messages of each length of padding, whole and broken in every way at every kind of place.
fn generated() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        [&b""[..], b" ", b"==", b"a", b"AA", b"====", b"AAAA AAAA"].map(<[u8]>::to_vec).into();
    for name in NAMES {
        let whole = BASE64.encode(format!("\0{name}\0{MAIN_PASSWORD}").as_bytes()).into_bytes();
        let body = whole.iter().position(|byte| *byte == b'=').unwrap_or(whole.len());
        for put_in in PUT_IN {
            for place in [0, 1, 5, body - 1, body, whole.len() - 1, whole.len()] {
                all.push([&whole[..place], put_in, &whole[place..]].concat());
            }
            all.push([&whole[..body], put_in].concat());
        }
        all.extend([whole[..body].to_vec(), [&whole[..], b"AAAA"].concat()]);
        // The last letter has bits to spare.
        let mut spare = whole.clone();
        spare[body - 1] += 1;
        all.extend([whole, spare]);
    }
    all
}

#[test]
fn what_dovecot_takes_for_base64_is_taken_and_nothing_else() {
    let settings =
        "[lockout]\nexempt = [\"127.0.0.0/8\"]\n[main_password]\nmail_clients = \"until-two-factor\"\n";
    let plan = Plan::new(Mode::Front).on(Series::V23).settings(settings);
    let Some(site) = plan.start() else { return };
    NAMES.iter().for_each(|name| site.upstream_user(name));
    let mut dovecot = Peer::at(&site.path("dovecot/run/sg-back-client"), 4_000_001);
    let mut sidegate = Peer::at(&site.path("dovecot/run/login/sidegate/client"), 4_000_002);
    for data in generated() {
        for at_once in [true, false] {
            let (theirs, ours) = (dovecot.takes(&data, at_once), sidegate.takes(&data, at_once));
            assert_eq!(ours, theirs, "{:?}, at once: {at_once}", String::from_utf8_lossy(&data));
        }
    }
    site.assert_nothing_secret();
}
