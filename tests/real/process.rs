//! Programs the stories start: run to their end, or kept and stopped by pid. And the one place that waits.

use std::fs::{self, File};
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Asks `fact` again and again until it holds, for at most `limit`. The only sleep in these tests.
pub(crate) fn wait_until(what: &str, limit: Duration, mut fact: impl FnMut() -> bool) {
    let start = Instant::now();
    while !fact() {
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program to its end and returns its standard output; a failure of it fails the test.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program can be started");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A server that is stopped when its story ends.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Child,
}

impl Server {
    /// Starts `command` with both outputs appended to `log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Server {
        let out = File::options().create(true).append(true).open(log).expect("a log file");
        let err = out.try_clone().expect("a second handle of the log file");
        Server::start_as_it_is(name, command.stdin(Stdio::null()).stdout(out).stderr(err))
    }

    /// Starts `command` with the standard streams that it has.
    pub(crate) fn start_as_it_is(name: &'static str, command: &mut Command) -> Server {
        let child = command.spawn().unwrap_or_else(|e| panic!("{name} cannot be started: {e}"));
        Server { name, child }
    }

    /// Sends a signal and does not wait for anything.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.is_ok_and(|s| s.success()), "kill {pid}");
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still there.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal (`TERM`, `KILL`) and waits for the end.
    pub(crate) fn stop(&mut self, signal: &str) {
        if !self.runs() {
            return;
        }
        self.signal(signal);
        let name = self.name;
        wait_until(&format!("{name} ends after {signal}"), Duration::from_secs(30), || !self.runs());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop("TERM");
            return;
        }
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Whether somebody listens at `address`. Looked up in the kernel's table and not tried: a connection would be a session
/// in the server's log.
pub(crate) fn listens(address: SocketAddrV4) -> bool {
    let ip = u32::from_ne_bytes(address.ip().octets());
    let local = format!("{ip:08X}:{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp").expect("the table of sockets");
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some("0A")
    })
}
