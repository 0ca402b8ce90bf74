//! What a streak of failures was made of, once it has led to a block: guesses, or the same old password again and again.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::key::{AccountTag, SecretTag};
use super::record::Failure;

/// What every reason of a streak has behind the number.
pub const IN_A_ROW: &str = "failures in a row";

/// What the reason of a block ends with that need not have been.
pub const SPARED: &str = "lockout.repeats = \"once\" would have spared it";

/// The longest name of a mail program that is kept, in bytes.
pub const PROGRAM_BYTES_MAX: usize = 32;

/// What a mail program calls itself. It says so itself: a hint for people, and nothing is decided by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Program {
    bytes: [u8; PROGRAM_BYTES_MAX],
    len: u8,
}

impl Program {
    /// Letters, digits and what joins them in names; all else is left out, and what is too long. `None`: nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let joins = |c: char| matches!(c, ' ' | '.' | '_' | '+' | '-');
        let clean: String = text.chars().filter(|c| c.is_alphanumeric() || joins(*c)).collect();
        let clean = clean.trim();
        let clean = clean[..clean.floor_char_boundary(PROGRAM_BYTES_MAX)].trim_end();
        let mut bytes = [0; PROGRAM_BYTES_MAX];
        bytes[..clean.len()].copy_from_slice(clean.as_bytes());
        let len = u8::try_from(clean.len()).ok().filter(|len| *len > 0)?;
        Some(Self { bytes, len })
    }

    /// The `name` in an IMAP ID list (RFC 2971) as Dovecot hands it on: `"name" "Thunderbird" "version" "140.1"`.
    #[must_use]
    pub fn in_id_list(list: &str) -> Option<Self> {
        let mut strings = IdStrings(list);
        while let (Some(field), Some(value)) = (strings.next(), strings.next()) {
            if field.eq_ignore_ascii_case("name") {
                return Self::new(&value);
            }
        }
        None
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len.into()]).unwrap_or_default()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Quoted strings and NIL, in a row.
struct IdStrings<'a>(&'a str);

impl Iterator for IdStrings<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let text = self.0.trim_start_matches([' ', '(']);
        let Some(quoted) = text.strip_prefix('"') else {
            let end = text.find([' ', ')']).unwrap_or(text.len());
            self.0 = &text[end..];
            return (end > 0).then(String::new);
        };
        let (mut value, mut escaped) = (String::new(), false);
        let mut chars = quoted.char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                // Dovecot's way to write what a line cannot hold.
                '\x01' => drop(chars.next()),
                '\\' if !escaped => escaped = true,
                '"' if !escaped => {
                    self.0 = &quoted[place + 1..];
                    return Some(value);
                }
                c => {
                    value.push(c);
                    escaped = false;
                }
            }
        }
        None
    }
}

/// Which program an account's failures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whose failure told it.
    pub account: AccountTag,
    /// The program.
    pub program: Program,
}

impl Told {
    /// The form in which the store keeps it.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{:016x} {}", self.account.0, self.program)
    }

    /// Reads what [`Told::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (account, program) = text.split_once(' ')?;
        let account = AccountTag(u64::from_str_radix(account, 16).ok()?);
        Some(Self { account, program: Program::new(program)? })
    }
}

/// A streak that has ended in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streak {
    /// How many failures.
    pub failures: u32,
    /// How many accounts they were for.
    pub accounts: u32,
    /// How many of the failures had a wrong password that came more than once for its account.
    pub repeated: u32,
    /// How many such passwords there were, each for its account.
    pub passwords: u32,
    /// For how many accounts.
    pub owners: u32,
    /// The mail program that repeated them, as far as it said so.
    pub program: Option<Program>,
    /// `lockout.repeats = "once"` would have counted fewer than block.
    pub spared: bool,
}

impl Streak {
    /// What failures, of which `most` block, were made of.
    #[must_use]
    pub fn of(failures: &[Failure], told: Option<&Told>, most: u32) -> Self {
        let mut times: HashMap<(AccountTag, u64), u32> = HashMap::new();
        let marked = || failures.iter().filter(|failure| failure.secret != SecretTag::NONE);
        for failure in marked() {
            *times.entry((failure.account, failure.secret.0)).or_default() += 1;
        }
        let unmarked = count(failures.len() - marked().count());
        let distinct = unmarked + count(times.len());
        times.retain(|_, times| *times > 1);
        let owners: HashSet<AccountTag> = times.keys().map(|(account, _)| *account).collect();
        Self {
            failures: count(failures.len()),
            accounts: count(failures.iter().map(|failure| failure.account).collect::<HashSet<_>>().len()),
            repeated: times.values().sum(),
            passwords: count(times.len()),
            owners: count(owners.len()),
            program: told.filter(|told| owners.contains(&told.account)).map(|told| told.program),
            spared: distinct < most,
        }
    }

    /// The form in which the store keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.failures, self.accounts, self.repeated, self.passwords, self.owners];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        bytes.push(u8::from(self.spared));
        bytes.extend(self.program.iter().flat_map(|program| program.as_str().bytes()));
        bytes
    }

    /// Reads what [`Streak::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.split_first_chunk::<20>()?;
        let (spared, program) = rest.split_first()?;
        let mut numbers =
            numbers.chunks_exact(4).map(|four| four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        Some(Self {
            failures: numbers.next()?,
            accounts: numbers.next()?,
            repeated: numbers.next()?,
            passwords: numbers.next()?,
            owners: numbers.next()?,
            program: std::str::from_utf8(program).ok().and_then(Program::new),
            spared: *spared != 0,
        })
    }

    /// Whether it was rather a forgotten device than somebody who guesses.
    #[must_use]
    pub fn is_mostly_repeats(&self) -> bool {
        self.repeated > self.failures / 2
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The reason of the block. Its beginning, "10 failures in a row", is what filters look for.
impl fmt::Display for Streak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |count: u32, one: &str, many: &str| match count {
            1 => one.to_owned(),
            count => format!("{count} {many}"),
        };
        write!(f, "{} {IN_A_ROW}", self.failures)?;
        if !self.is_mostly_repeats() {
            return write!(f, ", for {}", number(self.accounts, "one account", "accounts"));
        }
        let passwords = number(self.passwords, "password", "passwords");
        let owners = number(self.owners, "one account", "accounts");
        write!(f, ", {} of them the same {passwords} of {owners}", self.repeated)?;
        if let Some(program) = self.program {
            write!(f, " ({program})")?;
        }
        if self.spared {
            write!(f, ": {SPARED}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streak(failures: &[(u64, u64)], told: Option<(u64, &str)>) -> Streak {
        let failures: Vec<_> = failures
            .iter()
            .map(|(account, secret)| Failure { account: AccountTag(*account), secret: SecretTag(*secret) })
            .collect();
        let told = told.map(|(account, name)| Told {
            account: AccountTag(account),
            program: Program::new(name).unwrap(),
        });
        Streak::of(&failures, told.as_ref(), 10)
    }

    #[test]
    fn a_forgotten_device_is_told_from_somebody_who_guesses() {
        let mut old = vec![(1, 7); 9];
        old.push((1, 8));
        assert_eq!(
            streak(&old, Some((1, "Thunderbird"))).to_string(),
            "10 failures in a row, 9 of them the same password of one account (Thunderbird): \
             lockout.repeats = \"once\" would have spared it"
        );
        let guesses: Vec<_> = (0..10).map(|n| (n % 4, n + 1)).collect();
        let guessed = streak(&guesses, Some((1, "Thunderbird")));
        assert_eq!(guessed.to_string(), "10 failures in a row, for 4 accounts");
        assert!(!guessed.spared && guessed.program.is_none());
        assert_eq!(streak(&[(1, 0); 10], None).to_string(), "10 failures in a row, for one account");
    }

    #[test]
    fn two_colleagues_behind_one_address() {
        let both = [[(1, 7); 5], [(2, 9); 5]].concat();
        let streak = streak(&both, Some((3, "Somebody else's")));
        assert_eq!(
            streak.to_string(),
            "10 failures in a row, 10 of them the same 2 passwords of 2 accounts: \
             lockout.repeats = \"once\" would have spared it"
        );
        assert_eq!((streak.accounts, streak.passwords, streak.owners), (2, 2, 2));
    }

    #[test]
    fn what_is_kept_reads_back() {
        for told in [None, Some((1, "K-9 Mail"))] {
            let streak = streak(&[(1, 7), (1, 7), (2, 8)], told);
            assert_eq!(Streak::from_bytes(&streak.to_bytes()), Some(streak));
        }
        for broken in [&[][..], &[0; 20]] {
            assert_eq!(Streak::from_bytes(broken), None);
        }
        let told = Told { account: AccountTag(7), program: Program::new("K-9 Mail").unwrap() };
        assert_eq!(Told::from_text(&told.to_text()), Some(told));
        assert_eq!(Told::from_text("7"), None);
    }

    #[test]
    fn half_of_them_is_not_most() {
        let half: Vec<_> = [(1, 7); 5].into_iter().chain((10..15).map(|n| (1, n))).collect();
        assert_eq!(streak(&half, None).to_string(), "10 failures in a row, for one account");
        let most: Vec<_> = [(1, 7); 6].into_iter().chain((10..14).map(|n| (1, n))).collect();
        assert!(streak(&most, None).to_string().contains("6 of them the same password of one account:"));
    }

    #[test]
    fn a_program_is_a_short_name_and_nothing_else() {
        let named = |list: &str| Program::in_id_list(list).map(|program| program.to_string());
        let is = |list: &str, name: &str| assert_eq!(named(list).as_deref(), Some(name), "{list}");
        is("\"name\" \"Thunderbird\" \"version\" \"140.1\"", "Thunderbird");
        is("(\"version\" NIL \"NAME\" \"K-9 Mail\")", "K-9 Mail");
        is("\"name\" \"a\\\" b=1\\\\\x1b[2J\n\"", "a b12J");
        is("\"name\" \"邮件\"", "邮件");
        for none in
            ["", "NIL", "\"name\" NIL", "\"name\"", "\"name\" \"\"", "\"version\" \"1\"", "\"name\" \"x"]
        {
            assert_eq!(named(none), None, "{none}");
        }
        let long = "x".repeat(PROGRAM_BYTES_MAX + 1);
        assert_eq!(Program::new(&long[1..]).unwrap().as_str().len(), PROGRAM_BYTES_MAX);
        assert_eq!(Program::new(&long).unwrap().as_str().len(), PROGRAM_BYTES_MAX);
        assert_eq!(Program::new(&"邮".repeat(20)).unwrap().as_str(), "邮".repeat(10));
    }
}
