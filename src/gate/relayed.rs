//! Mechanisms that only the upstream does: which message of the client carries the name, and which the proof.
//!
//! ```text
//! XOAUTH2       1: user=NAME ^A auth=Bearer PROOF ^A ^A                           refused by a challenge that says why
//! OAUTHBEARER   1: n,a=NAME, ^A ... auth=Bearer PROOF ^A ^A                       likewise
//! CRAM-MD5      1: NAME PROOF
//! DIGEST-MD5    1: username="NAME",realm="...",...,response=PROOF                 right by rspauth=, a challenge
//! SCRAM-*       1: n,,n=NAME,r=...              2: c=...,r=...,p=PROOF            right by v=, a challenge
//! NTLM          2: type 3, with NAME, domain and PROOF
//! any other     who knows: every message may be the proof, and none tells a name
//! ```
//!
//! What follows, for all of them alike:
//! - Once the proof was sent the client is told nothing before the verdict. A challenge that comes then says how it ended;
//!   Sidegate answers it itself, with an empty message, and has the verdict.
//! - An account that may not use its main password is known by its name before the proof is handed on. A wrong proof is
//!   handed on in its place: the upstream refuses it as it refuses any other, in as many words and in as much time. Not
//!   so a token, which is no main password: nobody guesses one, and whose it is the upstream says.
//! - The mark of a wrong proof is that of the message that carried it.

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::secret::{Digest, Secret};

/// What a message of a client is in its mechanism.
#[derive(Debug)]
pub struct Message {
    /// Whom it names.
    pub name: Option<String>,
    /// What it proves.
    pub proof: Proof,
}

/// What a message proves.
#[derive(Debug)]
pub enum Proof {
    /// Nothing: the proof comes with a later one.
    None,
    /// An empty token: nothing to look at.
    Empty,
    /// It carries the proof.
    Carried {
        /// Of the message as it came.
        mark: Digest,
        /// The same message with a wrong proof, in base64.
        spoilt: Secret,
    },
    /// Nobody knows but the upstream.
    Unknown {
        /// Of the message as it came.
        mark: Digest,
    },
}

/// Looks at the client's `turn`-th message (the first is 1), in base64.
#[must_use]
pub fn look(mechanism: &str, turn: u32, coded: &Secret) -> Message {
    let nothing = Message { name: None, proof: Proof::None };
    let Ok(message) = BASE64.decode(coded.reveal()).map(Secret::new) else {
        // The upstream will say what it is; it may read it otherwise.
        return Message { name: None, proof: Proof::Unknown { mark: coded.mark() } };
    };
    let bytes = message.reveal();
    if bytes.is_empty() {
        // It begins a dialogue, or ends one.
        return nothing;
    }
    let found = match (mechanism, turn) {
        ("XOAUTH2", _) => bearer(bytes, xoauth2_name(bytes)),
        ("OAUTHBEARER", _) => bearer(bytes, gs2_name(bytes)),
        ("CRAM-MD5", _) => cram_md5(bytes),
        ("DIGEST-MD5", _) => digest_md5(bytes),
        ("NTLM", 1) if bytes.starts_with(b"NTLMSSP\0\x01\0\0\0") => return nothing,
        (scram, 1) if scram.starts_with("SCRAM-") => {
            return Message { name: scram_name(bytes), proof: Proof::None };
        }
        (scram, _) if scram.starts_with("SCRAM-") => {
            last_after(bytes, b",p=").map(|at| (None, at, bytes.len()))
        }
        ("NTLM", _) => ntlm(bytes),
        _ => None,
    };
    let mark = message.mark();
    match found {
        Some((name, from, to)) if from == to => Message { name, proof: Proof::Empty },
        Some((name, from, to)) => {
            let spoilt = spoil(bytes, from, to);
            Message { name, proof: Proof::Carried { mark, spoilt } }
        }
        None => Message { name: None, proof: Proof::Unknown { mark } },
    }
}

/// A name, and where the proof begins and ends.
type Found = Option<(Option<String>, usize, usize)>;

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Where what follows `word` begins.
fn after(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|part| part == word).map(|at| at + word.len())
}

/// The same, the last time that it stands there: what Dovecot takes where a message says something twice.
fn last_after(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).rposition(|part| part == word).map(|at| at + word.len())
}

fn xoauth2_name(bytes: &[u8]) -> Option<String> {
    let mut names = bytes.split(|byte| *byte == 1).filter_map(|field| field.strip_prefix(b"user="));
    text(names.next_back()?)
}

/// The authorisation id of a GS2 header (RFC 5801), with its commas and equals signs.
fn gs2_name(bytes: &[u8]) -> Option<String> {
    let name = bytes.split(|byte| *byte == b',').nth(1)?.strip_prefix(b"a=")?;
    unescaped(name)
}

fn unescaped(name: &[u8]) -> Option<String> {
    text(name).map(|name| name.replace("=2C", ",").replace("=3D", "="))
}

/// `auth=Bearer TOKEN`, up to the next ^A.
fn bearer(bytes: &[u8], name: Option<String>) -> Found {
    let (mut at, mut found) = (0, None);
    for field in bytes.split(|byte| *byte == 1) {
        let scheme = b"auth=bearer";
        if field.len() >= scheme.len() && field[..scheme.len()].eq_ignore_ascii_case(scheme) {
            let blanks = field[scheme.len()..].iter().take_while(|byte| **byte == b' ').count();
            found = Some((at + scheme.len() + blanks, at + field.len()));
        }
        at += field.len() + 1;
    }
    found.map(|(from, to)| (name, from, to))
}

fn cram_md5(bytes: &[u8]) -> Found {
    let blank = bytes.iter().rposition(|byte| *byte == b' ')?;
    Some((text(&bytes[..blank]), blank + 1, bytes.len()))
}

/// `username="ann",realm="example.org",nonce="...",response=0123...` (RFC 2831).
fn digest_md5(bytes: &[u8]) -> Found {
    let from = after(bytes, b"response=")?;
    let to = from + bytes[from..].iter().take_while(|byte| **byte != b',').count();
    let quoted = |word: &[u8]| {
        let at = after(bytes, word)?;
        let mut value = Vec::new();
        let mut rest = bytes[at..].iter();
        loop {
            match rest.next()? {
                b'"' => return text(&value),
                b'\\' => value.push(*rest.next()?),
                byte => value.push(*byte),
            }
        }
    };
    let name = quoted(b"username=\"").map(|user| match quoted(b"realm=\"") {
        Some(realm) if !user.contains('@') => format!("{user}@{realm}"),
        _ => user,
    });
    Some((name, from, to))
}

/// `n,a=...,n=NAME,r=...` (RFC 5802): the authorisation id, or else the name.
fn scram_name(bytes: &[u8]) -> Option<String> {
    let bare = bytes.split(|byte| *byte == b',').skip(2).find_map(|field| field.strip_prefix(b"n="));
    gs2_name(bytes).or_else(|| unescaped(bare?))
}

/// A type 3 message: the proof is what it answers the challenge with, the newer of two.
fn ntlm(bytes: &[u8]) -> Found {
    if !bytes.starts_with(b"NTLMSSP\0\x03\0\0\0") {
        return None;
    }
    let part = |at: usize| {
        let field = bytes.get(at..at + 8)?;
        let len = usize::from(u16::from_le_bytes([field[0], field[1]]));
        let from = usize::try_from(u32::from_le_bytes([field[4], field[5], field[6], field[7]])).ok()?;
        bytes.get(from..from.checked_add(len)?).map(|part| (from, part))
    };
    let flags = bytes.get(60..64).map_or(0, |flags| flags[0]);
    let words = |bytes: &[u8]| {
        if flags & 1 == 0 {
            return text(bytes);
        }
        let units: Vec<u16> = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        String::from_utf16(&units).ok().filter(|name| !name.is_empty())
    };
    let (from, proof) = part(20)?;
    let name = words(part(36)?.1).map(|user| match words(part(28).map_or(&[][..], |(_, domain)| domain)) {
        Some(domain) if !user.contains('@') => format!("{user}@{domain}"),
        _ => user,
    });
    Some((name, from, from + proof.len()))
}

/// The message with another proof, of the same length and form, that nobody can foresee from outside: it is made by a
/// hash of the one that came.
fn spoil(bytes: &[u8], from: usize, to: usize) -> Secret {
    let mut message = Zeroizing::new(bytes.to_vec());
    let proof = &bytes[from..to];
    let mut noise = (0_u32..).flat_map(|n| {
        let hash = Sha256::new().chain_update(b"another proof").chain_update(n.to_be_bytes());
        hash.chain_update(proof).finalize()
    });
    let whole = BASE64.decode(proof).map(Zeroizing::new).ok().filter(|decoded| !decoded.is_empty());
    if let Some(decoded) =
        whole.filter(|_| proof.len().is_multiple_of(4) && !proof.iter().all(u8::is_ascii_hexdigit))
    {
        // What a SCRAM client proves: the new one is base64 too.
        let other: Zeroizing<Vec<u8>> = Zeroizing::new(noise.take(decoded.len()).collect());
        message[from..to].copy_from_slice(BASE64.encode(&other).as_bytes());
        return Secret::new(BASE64.encode(&message));
    }
    let hex = proof.iter().all(u8::is_ascii_hexdigit);
    // Of a signed token the signature alone is changed: its beginning says who signed.
    let from = proof.iter().rposition(|byte| *byte == b'.').map_or(from, |dot| from + dot + 1);
    for byte in &mut message[from..to] {
        let noise = noise.next().unwrap_or_default();
        let letters: &[u8] = match *byte {
            b'0'..=b'9' | b'a'..=b'f' if hex => b"0123456789abcdef",
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => LETTERS,
            0x20..=0x7e => continue,
            _ => {
                *byte ^= noise | 1;
                continue;
            }
        };
        *byte = letters[usize::from(noise) % letters.len()];
    }
    Secret::new(BASE64.encode(&message))
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(text: &[u8]) -> Secret {
        Secret::new(BASE64.encode(text))
    }

    /// The name, the proof as it came, and the one that is handed on in its place.
    fn seen(mechanism: &str, turn: u32, text: &[u8], proof: &[u8]) -> (Option<String>, Vec<u8>) {
        let Message { name, proof: Proof::Carried { mark, spoilt } } = look(mechanism, turn, &coded(text))
        else {
            panic!("no proof in {}", text.escape_ascii())
        };
        assert!(mark == Secret::new(text).mark());
        let spoilt = BASE64.decode(spoilt.reveal()).unwrap();
        assert_eq!(spoilt.len(), text.len());
        let at = text.windows(proof.len()).rposition(|part| part == proof).unwrap();
        let (before, behind) = (&text[..at], &text[at + proof.len()..]);
        assert!(spoilt.starts_with(before) && spoilt.ends_with(behind), "{}", spoilt.escape_ascii());
        let other = spoilt[at..at + proof.len()].to_vec();
        assert_ne!(other, proof);
        (name, other)
    }

    #[test]
    fn each_mechanism_tells_its_name_and_its_proof() {
        let ann = Some("ann@example.org".to_owned());
        for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
            let first = if mechanism == "XOAUTH2" { "user=ann@example.org" } else { "n,a=ann@example.org," };
            let token = format!("{first}\x01auth=bEARER  sga_x-9~\x01\x01");
            assert_eq!(seen(mechanism, 1, token.as_bytes(), b"sga_x-9~").0, ann);
            let signed = format!("{first}\x01auth=Bearer aaa.bbb.ccccdddd\x01\x01");
            assert_eq!(seen(mechanism, 1, signed.as_bytes(), b"ccccdddd").0, ann);
        }
        let (name, other) = seen("CRAM-MD5", 1, b"ann x@example.org 0123456789abcdef", b"0123456789abcdef");
        assert_eq!(name.as_deref(), Some("ann x@example.org"));
        assert!(other.iter().all(u8::is_ascii_hexdigit));
        let digest = b"charset=utf-8,username=\"a\\\"nn\",realm=\"example.org\",nc=1,response=00ff,qop=auth";
        assert_eq!(seen("DIGEST-MD5", 1, digest, b"00ff").0.as_deref(), Some("a\"nn@example.org"));
        let first = look("SCRAM-SHA-256", 1, &coded(b"n,,n=ann=2Cx=3D@example.org,r=abc"));
        assert!(matches!(first.proof, Proof::None));
        assert_eq!(first.name.as_deref(), Some("ann,x=@example.org"));
        let first = look("SCRAM-SHA-1", 1, &coded(b"y,a=bob@example.org,n=ann@example.org,r=abc"));
        assert_eq!(first.name.as_deref(), Some("bob@example.org"), "who it is to be");
        let proof = BASE64.encode(&[7; 32]);
        let last = format!("c=biws,r=abc,p=AAAA,p={proof}");
        let (_, other) = seen("SCRAM-SHA-256", 2, last.as_bytes(), proof.as_bytes());
        assert_eq!(BASE64.decode(&other).unwrap().len(), 32, "the last one, and base64 again");
    }

    #[test]
    fn ntlm_tells_a_name_in_its_third_message() {
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        let mut at = 64_u32;
        for part in [&b"lm"[..], b"nt-proof", b"d\0", b"a\0n\0n\0", b"", b""] {
            let len = u16::try_from(part.len()).unwrap();
            message.extend([len.to_le_bytes(), len.to_le_bytes()].concat());
            message.extend(at.to_le_bytes());
            at += u32::from(len);
        }
        message.extend([1, 0, 0, 0]);
        message.extend(b"lmnt-proofd\0a\0n\0n\0");
        assert_eq!(seen("NTLM", 2, &message, b"nt-proof").0.as_deref(), Some("ann@d"));
        assert!(matches!(look("NTLM", 1, &coded(b"NTLMSSP\0\x01\0\0\0")).proof, Proof::None));
        for len in 0..message.len() {
            let _ = look("NTLM", 2, &coded(&message[..len]));
        }
    }

    #[test]
    fn what_is_empty_or_not_understood_is_told_apart() {
        let proof = |mechanism: &str, text: &[u8]| look(mechanism, 1, &coded(text)).proof;
        assert!(matches!(proof("XOAUTH2", b""), Proof::None));
        assert!(matches!(proof("XOAUTH2", b"user=ann\x01auth=Bearer \x01\x01"), Proof::Empty));
        assert!(matches!(proof("XOAUTH2", b"user=ann\x01"), Proof::Unknown { .. }));
        assert!(matches!(proof("GSSAPI", b"\x60\x82"), Proof::Unknown { .. }));
        assert!(matches!(look("CRAM-MD5", 1, &Secret::new(*b"no base64!")).proof, Proof::Unknown { .. }));
    }

    proptest::proptest! {
        #[test]
        fn no_message_is_too_odd(
            which in 0..8_usize,
            turn in 1..4_u32,
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
            which_begin in 0..7_usize,
        ) {
            let mechanism =
                ["XOAUTH2", "OAUTHBEARER", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "NTLM", "GSSAPI", ""][which];
            let begins = [
                "", "n,a=", "user=\x01auth=Bearer ", "response=", "n,,n=", "c=biws,r=,p=",
                "NTLMSSP\0\x03\0\0\0",
            ];
            let begin = begins[which_begin].as_bytes();
            let _ = look(mechanism, turn, &coded(&[begin, &bytes].concat()));
        }
    }
}
