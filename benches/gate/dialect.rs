//! The dialects as a client and an echo of a server speak them: the same greeting and the same framing, nothing else.

use bytes::{BufMut, BytesMut};

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    AuthClient,
    Dict,
    Policy,
    Saslauthd,
    Socketmap,
}

impl Dialect {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("auth-client", Self::AuthClient),
        ("dict", Self::Dict),
        ("policy", Self::Policy),
        ("saslauthd", Self::Saslauthd),
        ("socketmap", Self::Socketmap),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, dialect)| *dialect == self).map_or("", |(name, _)| name)
    }

    /// One connection is one question.
    pub(crate) fn is_single(self) -> bool {
        self == Self::Saslauthd
    }

    /// What a server says first.
    pub(crate) fn greeting(self) -> &'static [u8] {
        match self {
            Self::AuthClient => {
                b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\n\
                  COOKIE\t00112233445566778899aabbccddeeff\nDONE\n"
            }
            _ => b"",
        }
    }

    /// Whether a client has heard the whole greeting.
    pub(crate) fn is_greeted(self, heard: &[u8]) -> bool {
        self != Self::AuthClient || heard.ends_with(b"\nDONE\n")
    }

    /// What a client says first.
    pub(crate) fn hello(self, client: usize) -> String {
        match self {
            Self::AuthClient => format!("VERSION\t1\t2\nCPID\t{}\n", 10_000 + client),
            Self::Dict => "H3\t2\t0\t\tsidegate\n".to_owned(),
            _ => String::new(),
        }
    }

    /// The length of the request at the beginning of `input`, if it is whole.
    pub(crate) fn request(self, input: &[u8]) -> Option<usize> {
        match self {
            Self::AuthClient | Self::Dict => line(input),
            Self::Policy => input.windows(2).position(|two| two == b"\n\n").map(|at| at + 2),
            Self::Saslauthd => counted(input, 4),
            Self::Socketmap => netstring(input),
        }
    }

    /// The length of the answer at the beginning of `input`, if it is whole.
    pub(crate) fn answer(self, input: &[u8]) -> Option<usize> {
        match self {
            Self::AuthClient | Self::Dict => line(input),
            Self::Policy => input.windows(2).position(|two| two == b"\n\n").map(|at| at + 2),
            Self::Saslauthd => counted(input, 1),
            Self::Socketmap => netstring(input),
        }
    }

    /// What an echo answers; nothing to a hello.
    pub(crate) fn echo(self, request: &[u8], out: &mut BytesMut) {
        match self {
            Self::AuthClient => {
                let mut fields = request.split(|byte| *byte == b'\t');
                if let (Some(b"AUTH"), Some(id)) = (fields.next(), fields.next()) {
                    out.put_slice(b"OK\t");
                    out.put_slice(id);
                    out.put_slice(b"\tuser=user0@example.org\n");
                }
            }
            Self::Dict if request.starts_with(b"L") => out.put_slice(b"O{\"nopassword\":true}\n"),
            Self::Dict => {}
            Self::Policy => out.put_slice(b"action=DUNNO\n\n"),
            Self::Saslauthd => out.put_slice(b"\0\x02OK"),
            Self::Socketmap => out.put_slice(b"20:OK user0@example.org,"),
        }
    }
}

fn line(input: &[u8]) -> Option<usize> {
    input.iter().position(|byte| *byte == b'\n').map(|at| at + 1)
}

/// So many strings, each behind its length in two bytes.
fn counted(input: &[u8], strings: usize) -> Option<usize> {
    let mut at = 0;
    for _ in 0..strings {
        let length = input.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    (input.len() >= at).then_some(at)
}

fn netstring(input: &[u8]) -> Option<usize> {
    let colon = input.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&input[..colon]).ok()?.parse().ok()?;
    let whole = colon + 1 + length + 1;
    (input.len() >= whole).then_some(whole)
}
