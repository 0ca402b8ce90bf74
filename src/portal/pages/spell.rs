//! How to say the characters of a client password to somebody at another keyboard.

use super::frame::Frame;

/// Each character with its spelling, such as "capital B as in Berlin".
#[must_use]
pub fn spelled(secret: &str, frame: &Frame) -> Vec<(char, String)> {
    let words = frame.t("spell-words");
    secret.chars().map(|character| (character, spell(character, &words, frame))).collect()
}

fn spell(character: char, words: &str, frame: &Frame) -> String {
    let shown = character.to_string();
    if character.is_ascii_digit() {
        return frame.t1("spell-digit", "character", &shown);
    }
    let upper = character.to_ascii_uppercase();
    let word = words.split_whitespace().find(|word| word.starts_with(upper));
    match word {
        Some(word) if character.is_ascii_uppercase() => {
            frame.t2("spell-capital", "character", &shown, "word", word)
        }
        Some(word) => frame.t2("spell-small", "character", &shown, "word", word),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Language;

    #[test]
    fn every_symbol_of_a_client_password_has_a_spelling_of_its_own() {
        let symbols = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
        for language in [Language::En, Language::ZhCn] {
            let frame = Frame { language, ..Frame::default() };
            let mut told: Vec<String> =
                spelled(symbols, &frame).into_iter().map(|(_, spelling)| spelling).collect();
            assert!(told.iter().all(|spelling| spelling.chars().count() > 1), "{told:?}");
            told.sort();
            told.dedup();
            assert_eq!(told.len(), symbols.len());
        }
    }

    #[test]
    fn a_capital_is_told_from_a_small_letter() {
        let frame = Frame::default();
        let told: Vec<String> = spelled("Bb7", &frame).into_iter().map(|(_, spelling)| spelling).collect();
        assert_eq!(told, ["capital B as in Berlin", "small b as in Berlin", "digit 7"]);
    }
}
