//! The command line on a terminal: a pseudo-terminal of a known size; `sidegate top` with the keys and signals that end it,
//! and passwords that nobody sees.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;

use crate::daemon::{ANN, Daemon};
use crate::world::PATIENCE;

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
const HOME: &str = "\u{1b}[H";
const REST: &str = "\u{1b}[J";

/// `sidegate` with a terminal of its own.
struct Terminal {
    process: Child,
    keyboard: File,
    /// Held, so that the terminal stays when the process is gone.
    other_end: OwnedFd,
    before: Termios,
    said: Receiver<Vec<u8>>,
    text: String,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Terminal {
    fn open(daemon: &Daemon, rows: u16) -> Self {
        Self::open_for(daemon, rows, &["top"])
    }

    fn open_for(daemon: &Daemon, rows: u16, arguments: &[&str]) -> Self {
        let size = Winsize { ws_row: rows, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).unwrap();
        let before = tcgetattr(&pair.slave).unwrap();
        let stdio = || Stdio::from(pair.slave.try_clone().unwrap());
        // A session of its own with this as its terminal, or Ctrl-C would be a letter.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(env!("CARGO_BIN_EXE_sidegate"));
        command.arg("--socket").arg(daemon.folder.join("control")).args(arguments).env("TERM", "xterm");
        let process = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let keyboard = File::from(pair.master.try_clone().unwrap());
        let (tell, said) = channel();
        let mut screen = File::from(pair.master);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = screen.read(&mut bytes) {
                if tell.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { process, keyboard, other_end: pair.slave, before, said, text: String::new() }
    }

    /// Waits until what was said holds `wanted`.
    fn await_text(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left.max(Duration::from_millis(1))) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{error}: no {wanted:?} in {:?}", self.text),
            }
        }
    }

    /// The first whole page.
    fn page(&mut self) -> String {
        self.await_text(REST);
        let (_, page) = self.text.split_once(HOME).unwrap();
        page.split(REST).next().unwrap().replace("\u{1b}[K\u{1b}[E", "\n").replace("\u{1b}[1m", "")
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn unseen(&self) -> bool {
        !tcgetattr(&self.other_end).unwrap().local_flags.intersects(LocalFlags::ECHO | LocalFlags::ICANON)
    }

    /// Waits for the end, and sees that everything is as it was.
    fn ends_well(mut self) {
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        self.await_text(LEAVE);
        assert!(self.text.ends_with(LEAVE), "{:?}", self.text);
        assert_eq!(tcgetattr(self.other_end.as_fd()).unwrap(), self.before);
    }
}

fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    for number in 1..=14 {
        assert_eq!(daemon.sidegate(&["block", "add", &format!("192.0.2.{number}")]).0, 0);
    }
    (folder, daemon)
}

#[test]
fn a_small_terminal_is_told_how_many_rows_are_missing() {
    let (_folder, daemon) = start();
    let mut small = Terminal::open(&daemon, 20);
    let page = small.page();
    assert!(page.lines().count() <= 19 && page.starts_with("Sidegate "), "{page}");
    let shown = page.lines().filter(|line| line.contains("block-added")).count();
    let told = page.lines().last().unwrap().strip_suffix(" more").unwrap().parse::<usize>().unwrap();
    assert!(shown > 0 && shown + told == 12, "{page}");
    small.press(b"q");
    small.ends_well();
    let mut large = Terminal::open(&daemon, 60);
    let page = large.page();
    assert!(!page.contains(" more"), "{page}");
    assert_eq!(page.lines().filter(|line| line.contains("block-added")).count(), 12, "{page}");
    large.press(b"q");
    large.ends_well();
}

#[test]
fn the_terminal_is_as_it_was_whatever_ends_it() {
    let (_folder, daemon) = start();
    let begun = || {
        let mut terminal = Terminal::open(&daemon, 24);
        terminal.page();
        assert!(terminal.text.starts_with(ENTER) && terminal.unseen(), "{:?}", terminal.text);
        terminal
    };
    let mut keyed = begun();
    keyed.press(b"xyzQ");
    keyed.ends_well();
    let mut interrupted = begun();
    interrupted.press(b"\x03");
    interrupted.ends_well();
    let terminated = begun();
    kill(Pid::from_raw(i32::try_from(terminated.process.id()).unwrap()), Signal::SIGTERM).unwrap();
    terminated.ends_well();
}

#[test]
fn a_main_password_is_typed_twice_and_nobody_sees_it() {
    let (_folder, daemon) = start();
    let type_both = |first: &[u8], second: &[u8], status: i32, said: &str| {
        let mut terminal = Terminal::open_for(&daemon, 24, &["account", "main-password", ANN]);
        terminal.await_text(&format!("New main password of {ANN}: "));
        assert!(!tcgetattr(&terminal.other_end).unwrap().local_flags.contains(LocalFlags::ECHO));
        terminal.press(first);
        if status != 1 || !second.is_empty() {
            terminal.await_text("Once more: ");
            terminal.press(second);
        }
        assert_eq!(terminal.process.wait().unwrap().code(), Some(status), "{:?}", terminal.text);
        terminal.await_text(said);
        assert!(!terminal.text.contains("correct"), "{:?}", terminal.text);
        assert_eq!(tcgetattr(terminal.other_end.as_fd()).unwrap(), terminal.before);
    };
    type_both(b"correct horse\n", b"correct horse\n", 0, "main password set");
    type_both(b"correct horse\n", b"correct hares\n", 1, "the two are not the same");
    type_both(b"\x03", b"", 1, "interrupted");
}
