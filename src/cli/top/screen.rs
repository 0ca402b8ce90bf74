//! The terminal of `sidegate top`: a screen of its own, keys as they are pressed, and everything as it was at the end.

use std::io::{self, IsTerminal, Read, Write};
use std::thread;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use rustix::termios::tcgetwinsize;
use tokio::sync::mpsc::{Receiver, channel};

/// The terminal's second screen, without a cursor and without wrapping long lines; and back.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
/// Clears to the end of the line and goes to the next one, if there is one: a page that is too long scrolls nothing.
const NEXT: &str = "\u{1b}[K\u{1b}[E";
/// To the upper left corner; and clears what is left below: nothing flickers.
const HOME: &str = "\u{1b}[H";
const REST: &str = "\u{1b}[J";
/// A list with fewer lines than this, its head among them, is not worth them: only the number of its rows is told.
const LINES_MIN: usize = 3;
/// Keys that may wait; nobody presses more in a second.
const KEYS_MAX: usize = 64;

/// The screen, taken until this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    /// How the keyboard was; none where keys do not come from a terminal.
    keyboard: Option<Termios>,
}

impl Screen {
    /// Takes the terminal that standard output is.
    ///
    /// # Errors
    /// It takes nothing.
    pub(super) fn take() -> io::Result<Self> {
        let screen = Self { keyboard: by_key() };
        put(ENTER)?;
        Ok(screen)
    }

    /// Its rows; none where it tells none.
    pub(super) fn rows(&self) -> Option<usize> {
        let size = tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_row)).filter(|rows| *rows > 0)
    }

    /// The keys, as they are pressed.
    pub(super) fn keys(&self) -> Receiver<u8> {
        let (press, keys) = channel(KEYS_MAX);
        if self.keyboard.is_some() {
            // It waits in the kernel, and ends with the process.
            thread::spawn(move || {
                for key in io::stdin().lock().bytes().map_while(Result::ok) {
                    if press.blocking_send(key).is_err() {
                        return;
                    }
                }
            });
        }
        keys
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to be told that it failed.
        let _ = put(LEAVE);
        if let Some(before) = &self.keyboard {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

fn put(text: &str) -> io::Result<()> {
    let mut terminal = io::stdout();
    terminal.write_all(text.as_bytes())?;
    terminal.flush()
}

/// Each key at once and unseen, Ctrl-C still being a signal; how it was before.
fn by_key() -> Option<Termios> {
    let keyboard = io::stdin();
    let before = tcgetattr(&keyboard).ok().filter(|_| keyboard.is_terminal())?;
    let mut now = before.clone();
    now.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
    tcsetattr(&keyboard, SetArg::TCSANOW, &now).ok()?;
    Some(before)
}

/// A page over the one before: each line is cleared to its end, and what is left below it.
pub(super) fn framed(page: &str) -> String {
    format!("{HOME}{}{REST}", page.replace('\n', NEXT))
}

/// A head with two lists below it, each with headings of its own, on a terminal with so many rows. Where they do not
/// fit, the lists are cut at their end, the second one first, and say how many rows are missing.
pub(super) fn fitted(head: &str, lists: [&str; 2], rows: usize) -> String {
    // The last row stays empty: the cursor stands there.
    let rows = rows.saturating_sub(1);
    let count = |text: &str| text.lines().count();
    let room = rows.saturating_sub(count(head));
    let [first, second] = lists.map(|list| count(list) + 1);
    let for_first = first.min(room.saturating_sub(second.min(room / 2)));
    let page = format!("{head}{}{}", cut(lists[0], for_first), cut(lists[1], room - for_first));
    let lines: String = page.lines().take(rows).flat_map(|line| [line, "\n"]).collect();
    lines
}

/// A list behind an empty line, in at most so many lines.
fn cut(list: &str, room: usize) -> String {
    let lines: Vec<&str> = list.lines().collect();
    if lines.len() < room {
        return format!("\n{list}");
    }
    // Beside the empty line, one for the number of those that are missing.
    let kept = room.saturating_sub(2);
    let kept = if kept < LINES_MIN { 0 } else { kept };
    let missing = lines.len() - kept.max(1);
    let shown: String = lines.iter().take(kept).flat_map(|line| [line, "\n"]).collect();
    if room < 2 { String::new() } else { format!("\n{shown}{missing} more\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "head\n\nnumbers\n";

    fn list(name: &str, rows: usize) -> String {
        let rows: String = (1..=rows).map(|n| format!("{name} {n}\n")).collect();
        format!("{}\n{rows}", name.to_uppercase())
    }

    fn page(doors: usize, events: usize, rows: usize) -> String {
        fitted(HEAD, [&list("door", doors), &list("event", events)], rows)
    }

    #[test]
    fn a_page_covers_the_one_before() {
        assert_eq!(framed("a\nb\n"), "\u{1b}[Ha\u{1b}[K\u{1b}[Eb\u{1b}[K\u{1b}[E\u{1b}[J");
    }

    #[test]
    fn what_fits_is_shown_whole() {
        let whole = format!("{HEAD}\n{}\n{}", list("door", 2), list("event", 5));
        // 3 + 1 + 3 + 1 + 6, and the row of the cursor.
        assert_eq!(page(2, 5, 15), whole);
        assert!(page(2, 5, 14).ends_with("event 3\n2 more\n"), "{}", page(2, 5, 14));
    }

    #[test]
    fn no_page_is_longer_than_the_terminal_and_no_row_is_lost_untold() {
        for rows in 0..40 {
            for (doors, events) in [(1, 0), (2, 12), (20, 12), (64, 1)] {
                let text = page(doors, events, rows);
                assert!(text.lines().count() <= rows.saturating_sub(1), "{rows}\n{text}");
                let count =
                    |name: &str| text.lines().filter(|line| line.starts_with(&format!("{name} "))).count();
                let told: usize =
                    text.lines().filter_map(|line| line.strip_suffix(" more")?.parse::<usize>().ok()).sum();
                // With hardly any room the head is all there is.
                if rows > 8 {
                    assert_eq!(count("door") + count("event") + told, doors + events, "{rows}\n{text}");
                }
            }
        }
    }

    #[test]
    fn both_lists_get_their_part() {
        let text = page(20, 12, 24);
        assert!(text.contains("door 3\n") && text.contains("event 3\n"), "{text}");
        assert_eq!(text.matches(" more").count(), 2, "{text}");
    }
}
