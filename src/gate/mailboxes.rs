//! The addresses that a `From:` or `Sender:` line shows to whoever reads the mail.
//!
//! A scanner of our own, because what counts here is not to read every line that was ever written,
//! but to read none in another way than the reader's mail program. A library reads leniently and
//! gives one reading; mail programs are lenient in other ways. So:
//!
//! - What mail programs could disagree on is no address list at all: control characters, open
//!   quotes and comments, words joined to quotes, odd backslashes, brackets in a comment, a second
//!   `<…>`, text behind one, groups, routes, quoted local parts, names without `@`.
//! - Whatever could be taken for an address is one: a bare word with `@` beside a `<…>`, a word with
//!   `@` in a comment, and `<…@…>` in a quoted string or an encoded word.
//!
//! A display name is otherwise whatever people like, raw bytes of any charset included. One thing is
//! lost: a raw Big5 or GBK character whose second byte is `\` or `@`. Mail programs break there too.

/// The most addresses of one line.
pub const ADDRESSES_MAX: usize = 16;

/// The addresses of a line, each once; `None` if it cannot be read, or has too many.
#[must_use]
pub fn addresses(value: &[u8]) -> Option<Vec<String>> {
    let line = unfold(value)?;
    let mut found = Found::default();
    let (mut mailbox, mut rest) = (Mailbox::default(), &line[..]);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b' ' | b'\t' => mailbox.space(),
            b',' => std::mem::take(&mut mailbox).finish(&mut found)?,
            b'<' if mailbox.angle.is_none() => {
                let end = rest.iter().position(|byte| *byte == b'>')?;
                mailbox.angle = Some(&rest[..end]);
                rest = &rest[end + 1..];
            }
            b'"' if mailbox.angle.is_none() => rest = mailbox.quoted(rest)?,
            b'(' => {
                mailbox.space();
                rest = comment(rest, &mut found)?;
            }
            b'<' | b'>' | b')' | b';' | b':' | b'\\' => return None,
            // Text behind `<…>`.
            _ if mailbox.angle.is_some() => return None,
            _ => mailbox.letter(byte),
        }
    }
    mailbox.finish(&mut found)?;
    // Nothing but commas and comments is no sender.
    found.mailbox.then_some(found.addresses)
}

/// Addresses found so far.
#[derive(Default)]
struct Found {
    addresses: Vec<String>,
    /// Whether one of them is where it belongs.
    mailbox: bool,
}

impl Found {
    /// Takes in what must be an address.
    fn add(&mut self, text: &[u8]) -> Option<()> {
        let address = std::str::from_utf8(text.trim_ascii()).ok()?;
        let (local, domain) = address.split_once('@')?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || "()<>,;:\\\"[]@".contains(c);
        if local.is_empty() || domain.is_empty() || local.contains(odd) || domain.contains(odd) {
            return None;
        }
        if !self.addresses.iter().any(|known| known == address) {
            self.addresses.push(address.to_owned());
        }
        (self.addresses.len() <= ADDRESSES_MAX).then_some(())
    }
}

/// What stands between two commas.
#[derive(Default)]
struct Mailbox<'a> {
    /// The bare words.
    words: Vec<Vec<u8>>,
    in_word: bool,
    /// The display name as far as it was quoted or encoded, and all else of it in between.
    name: Vec<u8>,
    has_quoted: bool,
    /// What stands in `<…>`.
    angle: Option<&'a [u8]>,
}

impl Mailbox<'_> {
    fn letter(&mut self, byte: u8) {
        if !std::mem::replace(&mut self.in_word, true) {
            self.words.push(Vec::new());
        }
        if let Some(word) = self.words.last_mut() {
            word.push(byte);
        }
        self.name.push(byte);
    }

    fn space(&mut self) {
        self.in_word = false;
        self.name.push(b' ');
    }

    /// Takes a quoted string, which must stand by itself; what follows it is returned.
    fn quoted<'r>(&mut self, mut rest: &'r [u8]) -> Option<&'r [u8]> {
        if self.in_word {
            return None;
        }
        self.has_quoted = true;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            match byte {
                b'"' => {
                    let alone = rest.first().is_none_or(|next| b" \t,<(".contains(next));
                    return alone.then_some(rest);
                }
                b'\\' => {
                    // Nothing else needs it, and whoever does not know it reads other words.
                    let (&escaped, after) = rest.split_first()?;
                    if !matches!(escaped, b'"' | b'\\') {
                        return None;
                    }
                    self.name.push(escaped);
                    rest = after;
                }
                _ => self.name.push(byte),
            }
        }
    }

    fn finish(self, found: &mut Found) -> Option<()> {
        let with_at = |word: &&Vec<u8>| word.contains(&b'@');
        self.words.iter().filter(with_at).try_for_each(|word| found.add(word))?;
        hidden(&decode(&self.name)?, found)?;
        if self.angle.is_none() && self.words.is_empty() && !self.has_quoted {
            return Some(());
        }
        found.mailbox = true;
        match self.angle {
            Some(address) => found.add(address),
            None => (self.words.len() == 1 && !self.has_quoted && with_at(&&self.words[0])).then_some(()),
        }
    }
}

/// Takes in `<…@…>` within a display name: a careless reader takes it for the address.
fn hidden(name: &[u8], found: &mut Found) -> Option<()> {
    name.split(|byte| *byte == b'<').skip(1).try_for_each(|text| {
        let text = text.split(|byte| *byte == b'>').next().unwrap_or_default();
        if text.contains(&b'@') { found.add(text) } else { Some(()) }
    })
}

/// Takes a comment, whose beginning was taken, and the addresses in it; what follows it is returned.
fn comment<'r>(mut rest: &'r [u8], found: &mut Found) -> Option<&'r [u8]> {
    let (mut depth, mut text) = (1, Vec::new());
    while depth > 0 {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => return None,
            _ => {}
        }
        text.push(byte);
    }
    let text = decode(&text)?;
    // Who knows no comments would look for an address there.
    if text.iter().any(|byte| matches!(byte, b'<' | b'>')) {
        return None;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"(),;:\\\"".contains(byte);
    text.split(ends).filter(|word| word.contains(&b'@')).try_for_each(|word| found.add(word))?;
    Some(rest)
}

/// Takes line breaks out that stand before a space, as they may; any other, and any other control
/// character, makes the line unreadable.
fn unfold(value: &[u8]) -> Option<Vec<u8>> {
    let (mut line, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\r' if rest.starts_with(b"\n") => {}
            b'\n' if rest.is_empty() || rest.starts_with(b" ") || rest.starts_with(b"\t") => {}
            b'\t' => line.push(byte),
            0..=0x1f | 0x7f => return None,
            _ => line.push(byte),
        }
    }
    Some(line)
}

/// A display name with its encoded words (RFC 2047) as mail programs show them. `None` if they hide
/// a line break or the end of a text, which makes some programs show only a part.
fn decode(name: &[u8]) -> Option<Vec<u8>> {
    let (mut shown, mut rest) = (Vec::with_capacity(name.len()), name);
    while let Some(start) = rest.windows(2).position(|two| two == b"=?") {
        let mut parts = rest[start + 2..].splitn(4, |byte| *byte == b'?');
        let word = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(charset), Some(encoding), Some(text), Some(after)) = word else { break };
        let bytes = match (encoding, after.first()) {
            (b"B" | b"b", Some(b'=')) => base64(text),
            (b"Q" | b"q", Some(b'=')) => quoted_printable(text),
            _ => {
                shown.extend_from_slice(&rest[..start + 2]);
                rest = &rest[start + 2..];
                continue;
            }
        };
        if bytes.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
            return None;
        }
        // Space between encoded words is not shown.
        if !rest[..start].trim_ascii().is_empty() {
            shown.extend_from_slice(&rest[..start]);
        }
        let iso_2022 = charset.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"iso-2022"));
        shown.extend(if iso_2022 { single_bytes(&bytes) } else { bytes });
        rest = &after[1..];
    }
    shown.extend_from_slice(rest);
    Some(shown)
}

/// Text without the two-byte characters of ISO-2022, whose bytes look like `<` and `@`.
fn single_bytes(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::new();
    let mut pieces = text.split(|byte| *byte == 0x1b);
    shown.extend_from_slice(pieces.next().unwrap_or_default());
    for piece in pieces.filter(|piece| piece.starts_with(b"(")) {
        shown.extend_from_slice(piece.get(2..).unwrap_or_default());
    }
    shown
}

/// Base64 as the most lenient reader takes it: whatever is no letter of it is skipped.
fn base64(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                (bits, held) = (0, 0);
                continue;
            }
            _ => continue,
        };
        (bits, held) = ((bits << 6 | u32::from(value)) & 0xffff, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let code = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'=', Some(coded)) => {
                bytes.push(coded);
                rest = &rest[2..];
            }
            (b'_', _) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
