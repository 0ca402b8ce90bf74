//! Password hashes that other systems made, as they are imported: read whole and bounded, or refused with the cure.
//!
//! | scheme | looks like | with Dovecot's prefix |
//! |---|---|---|
//! | Argon2 | `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, argon2i and argon2d too | `{ARGON2ID}`, `{ARGON2I}`, `{CRYPT}` |
//! | bcrypt | `$2a$`, `$2b$` or `$2y$`, cost, salt and hash | `{BLF-CRYPT}`, `{CRYPT}` |
//! | SHA512-CRYPT | `$6$salt$hash`, `$6$rounds=…$salt$hash` | `{SHA512-CRYPT}`, `{CRYPT}` |
//!
//! Such a hash is of a password that somebody may have thought of. It is looked at until its first right use, and then
//! replaced by a hash of our own.

use std::fmt;
use std::time::Duration;

use argon2::{Algorithm, Params, PasswordHash};

/// What bcrypt of cost 0 would take; each step doubles it. Argon2 takes a microsecond for a KiB and pass, SHA512-CRYPT one
/// for a round.
const BCRYPT_STEP_MICROS: u64 = 70;
/// Rounds of SHA512-CRYPT where the hash names none.
const SHA512_ROUNDS: u64 = 5_000;

/// An imported Argon2 hash may ask for at most this much memory, in KiB: 256 MiB, four times what `doveadm pw` takes.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 262_144;
/// An imported Argon2 hash may ask for at most this many passes.
pub const ARGON2_PASSES_MAX: u32 = 16;
/// Memory times passes of an imported Argon2 hash, in KiB: about a second.
pub const ARGON2_WORK_KIB_MAX: u32 = 1_048_576;
/// An imported Argon2 hash may have at most this many lanes. They are computed one after the other.
pub const ARGON2_LANES_MAX: u32 = 16;
/// The highest cost of an imported bcrypt hash: about a second. Each step doubles it.
pub const BCRYPT_COST_MAX: u32 = 14;
/// The lowest cost that bcrypt knows.
const BCRYPT_COST_MIN: u32 = 4;
/// The most rounds of an imported SHA512-CRYPT hash: about half a second.
pub const SHA512_ROUNDS_MAX: u32 = 1_000_000;
/// The fewest rounds that SHA512-CRYPT knows.
const SHA512_ROUNDS_MIN: u32 = 1_000;
/// The longest hash that is looked at, in bytes.
pub const HASH_BYTES_MAX: usize = 512;
/// The longest secret that is tried against an imported hash, in bytes: crypt(3) of the usual library takes no longer
/// one, and SHA512-CRYPT costs more with each byte.
pub const FOREIGN_SECRET_BYTES_MAX: usize = 512;

/// A shorter Argon2 hash was cut off.
const ARGON2_HASH_BYTES_MIN: usize = 16;
/// Characters of SHA512-CRYPT's hash, and the most of its salt.
const SHA512_HASH_CHARS: usize = 86;
const SHA512_SALT_CHARS_MAX: usize = 16;
/// Characters of a bcrypt hash.
const BCRYPT_CHARS: usize = 60;

/// How an imported hash was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Argon2id, argon2i or argon2d, as a PHC string.
    Argon2,
    /// bcrypt, which Dovecot calls BLF-CRYPT.
    Bcrypt,
    /// SHA512-CRYPT of crypt(3).
    Sha512Crypt,
}

impl Scheme {
    /// The stable word for lists and events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::Bcrypt => "bcrypt",
            Self::Sha512Crypt => "sha512-crypt",
        }
    }
}

/// Why a hash is not taken, with the cure. It never repeats any of the hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// None of the schemes.
    #[error(
        "this is no Argon2, bcrypt or SHA512-CRYPT hash; leave the line out, and make a client password for the \
         device instead (sidegate password new)"
    )]
    OtherScheme,
    /// The prefix names another scheme than the hash has.
    #[error(
        "the hash is not of the scheme that its prefix in braces names; correct the prefix or leave it out"
    )]
    OtherPrefix,
    /// Cut off or damaged.
    #[error("the {0} hash is cut off or damaged; export it again from where it came")]
    Damaged(&'static str),
    /// It costs more than a login may.
    #[error(
        "its {what} is {is}, and at most {most} is taken: each wrong guess would cost as much; leave the line out, \
         and make a client password for the device instead (sidegate password new)"
    )]
    Costly {
        /// Memory, passes, lanes, cost or rounds.
        what: &'static str,
        /// How much it is.
        is: u32,
        /// How much it may be.
        most: u32,
    },
}

/// A hash that another system made, with bounded cost. `Debug` tells its scheme alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignHash {
    scheme: Scheme,
    text: String,
}

impl ForeignHash {
    /// Reads a hash with or without Dovecot's `{SCHEME}` before it.
    ///
    /// # Errors
    /// Another scheme, damaged, or too costly.
    pub fn parse(typed: &str) -> Result<Self, HashFault> {
        let typed = typed.trim();
        if typed.len() > HASH_BYTES_MAX {
            return Err(HashFault::OtherScheme);
        }
        let (prefix, text) = match typed.strip_prefix('{').map(|rest| rest.split_once('}')) {
            None => (None, typed),
            Some(Some((prefix, text))) => (Some(prefix.to_ascii_uppercase()), text),
            Some(None) => return Err(HashFault::OtherScheme),
        };
        let scheme = scheme_of(text).ok_or(HashFault::OtherScheme)?;
        if let Some(prefix) = prefix {
            check_prefix(&prefix, scheme, text)?;
        }
        match scheme {
            Scheme::Argon2 => check_argon2(text)?,
            Scheme::Bcrypt => check_bcrypt(text)?,
            Scheme::Sha512Crypt => check_sha512(text)?,
        }
        Ok(Self { scheme, text: text.to_owned() })
    }

    /// How it was made.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// About how long a processor of these years computes it, by its own parameters.
    #[must_use]
    pub fn cost(&self) -> Duration {
        let micros = match self.scheme {
            Scheme::Argon2 => argon2_work(&self.text).map(u64::from),
            Scheme::Bcrypt => {
                let parts: Option<bcrypt::HashParts> = self.text.parse().ok();
                parts.map(|parts| BCRYPT_STEP_MICROS << parts.get_cost().min(BCRYPT_COST_MAX))
            }
            Scheme::Sha512Crypt => {
                let rounds = self.text.split('$').find_map(|field| field.strip_prefix("rounds="));
                Some(rounds.map_or(SHA512_ROUNDS, |rounds| rounds.parse().unwrap_or(SHA512_ROUNDS)))
            }
        };
        Duration::from_micros(micros.unwrap_or_default())
    }

    /// The hash itself, without a prefix: for the store and for comparing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignHash({})", self.scheme.word())
    }
}

fn scheme_of(text: &str) -> Option<Scheme> {
    let starts = |all: &[&str]| all.iter().any(|start| text.starts_with(start));
    if starts(&["$argon2id$", "$argon2i$", "$argon2d$"]) {
        Some(Scheme::Argon2)
    } else if starts(&["$2a$", "$2b$", "$2y$"]) {
        Some(Scheme::Bcrypt)
    } else if starts(&["$6$"]) {
        Some(Scheme::Sha512Crypt)
    } else {
        None
    }
}

fn check_prefix(prefix: &str, scheme: Scheme, text: &str) -> Result<(), HashFault> {
    let same = match prefix {
        "CRYPT" => true,
        "ARGON2ID" => text.starts_with("$argon2id$"),
        "ARGON2I" => text.starts_with("$argon2i$"),
        "BLF-CRYPT" => scheme == Scheme::Bcrypt,
        "SHA512-CRYPT" => scheme == Scheme::Sha512Crypt,
        _ => false,
    };
    if same { Ok(()) } else { Err(HashFault::OtherPrefix) }
}

fn bounded(what: &'static str, is: u32, most: u32) -> Result<(), HashFault> {
    if is > most { Err(HashFault::Costly { what, is, most }) } else { Ok(()) }
}

fn check_argon2(text: &str) -> Result<(), HashFault> {
    let damaged = || HashFault::Damaged("Argon2");
    let parsed = PasswordHash::new(text).map_err(|_| damaged())?;
    Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| damaged())?;
    let long_enough = parsed.hash.as_ref().is_some_and(|hash| hash.len() >= ARGON2_HASH_BYTES_MIN);
    if !matches!(parsed.version, None | Some(16 | 19)) || parsed.salt.is_none() || !long_enough {
        return Err(damaged());
    }
    let params = Params::try_from(&parsed).map_err(|_| damaged())?;
    bounded("memory in KiB", params.m_cost(), ARGON2_MEMORY_KIB_MAX)?;
    bounded("number of passes", params.t_cost(), ARGON2_PASSES_MAX)?;
    bounded("number of lanes", params.p_cost(), ARGON2_LANES_MAX)?;
    let work = params.m_cost().saturating_mul(params.t_cost());
    bounded("memory in KiB times passes", work, ARGON2_WORK_KIB_MAX)
}

/// Memory in KiB times passes.
fn argon2_work(text: &str) -> Option<u32> {
    let params = Params::try_from(&PasswordHash::new(text).ok()?).ok()?;
    Some(params.m_cost().saturating_mul(params.t_cost()))
}

fn check_bcrypt(text: &str) -> Result<(), HashFault> {
    let damaged = || HashFault::Damaged("bcrypt");
    if text.len() != BCRYPT_CHARS || !text.is_ascii() {
        return Err(damaged());
    }
    let parts: bcrypt::HashParts = text.parse().map_err(|_| damaged())?;
    if parts.get_cost() < BCRYPT_COST_MIN {
        return Err(damaged());
    }
    bounded("bcrypt cost", parts.get_cost(), BCRYPT_COST_MAX)
}

fn check_sha512(text: &str) -> Result<(), HashFault> {
    let damaged = || HashFault::Damaged("SHA512-CRYPT");
    let mut fields = text.split('$').skip(2).peekable();
    if let Some(rounds) = fields.next_if(|field| field.starts_with("rounds=")) {
        let digits = rounds.trim_start_matches("rounds=");
        // As crypt(3) writes it: no sign, no zero in front.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let rounds: u32 = digits.parse().ok().filter(|_| plain).ok_or_else(damaged)?;
        if rounds < SHA512_ROUNDS_MIN {
            return Err(damaged());
        }
        bounded("number of rounds", rounds, SHA512_ROUNDS_MAX)?;
    }
    let is_crypt =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    let (salt, hash, end) = (fields.next(), fields.next(), fields.next());
    let salt = salt.filter(|salt| (1..=SHA512_SALT_CHARS_MAX).contains(&salt.len()) && is_crypt(salt));
    // 86 characters carry four bits more than 64 bytes; these are zero.
    let hash = hash
        .filter(|hash| hash.len() == SHA512_HASH_CHARS && is_crypt(hash))
        .filter(|hash| hash.ends_with(['.', '/', '0', '1']));
    if salt.is_some() && hash.is_some() && end.is_none() { Ok(()) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGON2ID: &str =
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hjnWNLdrTJRFG4FJvZd1b3Kj3Zg2sSpvmBSNAbNAlyo";
    const BCRYPT: &str = "$2y$12$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u";
    const SHA512: &str = "$6$G/gkPn17kHYo0gTF$xhDFU0QYExdMH2ghOWKrrVtu1BuTpNMSJ\
                          URCXk43.EYekmK8iwV6RNqftUUC8mqDel1J7m3JEbUkbu4YyqSyv/";

    fn read(text: &str) -> Result<&'static str, HashFault> {
        ForeignHash::parse(text).map(|hash| hash.scheme().word())
    }

    #[test]
    fn each_scheme_is_known_with_and_without_its_prefix() {
        for (hash, word, prefixes) in [
            (ARGON2ID, "argon2", ["ARGON2ID", "CRYPT"]),
            (BCRYPT, "bcrypt", ["BLF-CRYPT", "crypt"]),
            (SHA512, "sha512-crypt", ["SHA512-CRYPT", "Crypt"]),
        ] {
            assert_eq!(read(hash), Ok(word));
            assert_eq!(read(&format!(" {hash}\n")), Ok(word));
            for prefix in prefixes {
                let parsed = ForeignHash::parse(&format!("{{{prefix}}}{hash}")).unwrap();
                assert_eq!((parsed.scheme().word(), parsed.reveal()), (word, hash), "{prefix}");
            }
            for wrong in ["MD5-CRYPT", "ARGON2I", "PLAIN", ""] {
                assert_eq!(
                    read(&format!("{{{wrong}}}{hash}")),
                    Err(HashFault::OtherPrefix),
                    "{wrong} {hash}"
                );
            }
        }
        for version in ["2a", "2b"] {
            assert_eq!(read(&BCRYPT.replace("2y", version)), Ok("bcrypt"));
        }
        for (kind, prefix) in [("argon2i", "{ARGON2I}"), ("argon2d", "")] {
            assert_eq!(read(&format!("{prefix}{}", ARGON2ID.replace("argon2id", kind))), Ok("argon2"));
        }
    }

    #[test]
    fn other_schemes_are_refused_with_the_cure() {
        for other in [
            "",
            "hunter2",
            "{PLAIN}hunter2",
            "{SSHA}8AaV",
            "$1$salt$hash",
            "$5$salt$hash",
            "$2x$12$x",
            "{",
            "{CRYPT",
        ] {
            let fault = read(other).unwrap_err();
            assert_eq!(fault, HashFault::OtherScheme, "{other}");
            assert!(
                fault.to_string().contains("sidegate password new") && !fault.to_string().contains("hunter")
            );
        }
        assert_eq!(read(&format!("$6${}", "x".repeat(HASH_BYTES_MAX))), Err(HashFault::OtherScheme));
    }

    #[test]
    fn costs_are_bounded_and_the_bound_itself_is_taken() {
        let argon2 = |m, t, p| read(&ARGON2ID.replace("m=64,t=1,p=1", &format!("m={m},t={t},p={p}")));
        let (m, t, p) = (ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX, ARGON2_LANES_MAX);
        let work = ARGON2_WORK_KIB_MAX;
        for (m, t) in [(m, work / m), (work / t, t)] {
            assert_eq!(argon2(m, t, p), Ok("argon2"));
        }
        let costly = |what, is, most| Err(HashFault::Costly { what, is, most });
        assert_eq!(argon2(m + 1, 1, p), costly("memory in KiB", m + 1, m));
        let more = (work / t + 1) * t;
        assert_eq!(argon2(work / t + 1, t, p), costly("memory in KiB times passes", more, work));
        assert_eq!(argon2(1024, t + 1, p), costly("number of passes", t + 1, t));
        assert_eq!(argon2(1024, t, p + 1), costly("number of lanes", p + 1, p));

        let bcrypt = |cost: u32| read(&BCRYPT.replace("$12$", &format!("${cost:02}$")));
        assert_eq!(bcrypt(BCRYPT_COST_MAX), Ok("bcrypt"));
        assert_eq!(bcrypt(BCRYPT_COST_MAX + 1), costly("bcrypt cost", BCRYPT_COST_MAX + 1, BCRYPT_COST_MAX));
        assert_eq!(bcrypt(BCRYPT_COST_MIN), Ok("bcrypt"));
        assert_eq!(bcrypt(BCRYPT_COST_MIN - 1), Err(HashFault::Damaged("bcrypt")));

        let sha512 = |rounds: &str| read(&SHA512.replace("$6$", &format!("$6$rounds={rounds}$")));
        let most = SHA512_ROUNDS_MAX;
        assert_eq!(sha512(&most.to_string()), Ok("sha512-crypt"));
        assert_eq!(sha512(&(most + 1).to_string()), costly("number of rounds", most + 1, most));
        assert_eq!(sha512("1000"), Ok("sha512-crypt"));
        for damaged in ["999", "", "01000", "+5000", "99999999999", "5000x"] {
            assert_eq!(sha512(damaged), Err(HashFault::Damaged("SHA512-CRYPT")), "{damaged}");
        }
    }

    #[test]
    fn a_hash_says_about_what_it_costs() {
        let millis = |text: &str| ForeignHash::parse(text).unwrap().cost().as_millis();
        assert_eq!(millis(BCRYPT), 286);
        assert_eq!(millis(&BCRYPT.replace("$12$", "$14$")), 1_146);
        assert_eq!(millis(SHA512), 5);
        assert_eq!(millis(&SHA512.replace("$6$", "$6$rounds=1000000$")), 1_000);
        assert_eq!(millis(&ARGON2ID.replace("m=64,t=1", "m=65536,t=3")), 196);
    }

    #[test]
    fn what_is_cut_off_anywhere_is_damaged_and_nothing_of_it_is_told() {
        for hash in [ARGON2ID, BCRYPT, SHA512] {
            for cut in 0..hash.len() {
                let Ok(parsed) = ForeignHash::parse(&hash[..cut]) else { continue };
                // A shorter Argon2 hash is one too; only its length tells.
                assert_eq!(parsed.scheme(), Scheme::Argon2, "{cut}");
            }
            assert!(read(&format!("{hash}$more")).is_err(), "{hash}");
            let shown = format!("{:?}", ForeignHash::parse(hash));
            assert!(shown.starts_with("Ok(ForeignHash("), "{shown}");
            assert!(!shown.contains(&hash[20..30]), "{shown}");
        }
    }
}
