//! What may stand on a wire: an answer that says more than one thing is a way to say anything.

use serde_json::Value;
use sidegate::proto::tab;

/// Every line has one of these words and then a number; none holds another line.
///
/// # Panics
/// One has not.
pub fn numbered_lines(said: &[u8], words: &[&str]) {
    for line in lines(said) {
        let mut fields = line.split(|byte| *byte == b'\t');
        let word = fields.next().unwrap_or_default();
        assert!(words.iter().any(|known| known.as_bytes() == word), "{}", show(line));
        assert!(fields.next().and_then(tab::number::<u32>).is_some(), "{}", show(line));
    }
}

/// Lines of dict answers: JSON, a failure or nothing.
///
/// # Panics
/// One is none.
pub fn dict_lines(said: &[u8]) {
    for line in lines(said) {
        match line.split_first() {
            Some((b'O', json)) => {
                let json: Result<Value, _> = serde_json::from_slice(&tab::unescape(json));
                assert!(json.is_ok_and(|json| json.is_object()), "{}", show(line));
            }
            Some((b'F', words)) => assert!(!words.contains(&b'\t'), "{}", show(line)),
            _ => assert!(line == b"N", "{}", show(line)),
        }
    }
}

/// Answers of a policy service: an action, an empty line.
///
/// # Panics
/// One is something else.
pub fn policy_answers(said: &[u8]) -> usize {
    let text = std::str::from_utf8(said).expect("text");
    let answers: Vec<&str> = text.split_terminator("\n\n").collect();
    assert!(text.is_empty() || text.ends_with("\n\n"), "{text:?}");
    for answer in &answers {
        let action = answer.strip_prefix("action=").unwrap_or_else(|| panic!("{answer:?}"));
        assert!(!action.is_empty() && !action.contains(char::is_control), "{answer:?}");
        assert!(action.len() <= 510, "Postfix hands on so much: {} bytes", action.len());
    }
    answers.len()
}

/// Netstrings that begin with one of these words.
///
/// # Panics
/// One is none.
pub fn netstrings(mut said: &[u8], words: &[&str]) {
    while !said.is_empty() {
        let colon = said.iter().position(|byte| *byte == b':').expect("a netstring has a length");
        let length: usize = tab::number(&said[..colon]).expect("the length is a number");
        let text = &said[colon + 1..][..length];
        assert!(words.iter().any(|word| text.starts_with(word.as_bytes())), "{}", show(text));
        assert!(said[colon + 1 + length] == b',', "a netstring ends in a comma");
        said = &said[colon + 2 + length..];
    }
}

/// Packets of a milter's answers, by their commands.
///
/// # Panics
/// One is none, or holds a line break.
pub fn packets(mut said: &[u8]) -> Vec<u8> {
    let mut commands = Vec::new();
    while let Some((length, rest)) = said.split_first_chunk() {
        let (packet, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        let (command, data) = packet.split_first().expect("a packet has a command");
        assert!(b"Ochmyt".contains(command), "{}", show(packet));
        let text = matches!(command, b'h' | b'y');
        assert!(!text || !data.iter().any(|byte| matches!(byte, b'\r' | b'\n')), "{}", show(packet));
        // One end for each text in it.
        let ends = data.iter().filter(|byte| **byte == 0).count();
        assert!(*command != b'h' || ends == 2, "{}", show(packet));
        assert!(*command != b'y' || (ends == 1 && data.ends_with(b"\0")), "{}", show(packet));
        commands.push(*command);
        said = rest;
    }
    assert!(said.is_empty(), "half a packet");
    commands
}

fn lines(said: &[u8]) -> impl Iterator<Item = &[u8]> {
    assert!(said.is_empty() || said.ends_with(b"\n"), "the last line has an end: {}", show(said));
    said.strip_suffix(b"\n").into_iter().flat_map(|lines| lines.split(|byte| *byte == b'\n'))
}

/// For people.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
