//! What is sent: a code, to a phone, in the words of a template that the provider keeps.

use crate::config::Language;
use crate::gate::code::Code;
pub use crate::gate::phone::Phone;

/// The most characters of the name of a template, and of the number of a request.
pub const WORD_CHARS_MAX: usize = 64;

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No name of a template, or number of a request.
    #[error("only letters, digits, `-` and `_` may stand here, at most {WORD_CHARS_MAX} of them")]
    Word,
}

/// A name that means the same in every address, header and document: the name of a template, or the number of a
/// request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// Checks a name.
    ///
    /// # Errors
    /// It has other characters than letters, digits, `-` and `_`, or none, or too many.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=WORD_CHARS_MAX).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text))
        } else {
            Err(TextError::Word)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One message to one phone.
#[derive(Clone, Debug)]
pub struct Text {
    /// Who gets it.
    pub phone: Phone,
    /// What it carries.
    pub code: Code,
    /// How long the code is good, in minutes.
    pub minutes: u32,
    /// The language of the person.
    pub locale: Language,
    /// The provider's name for the words around the code: Aliyun's `TemplateCode`, Tencent's `TemplateId`.
    pub template: Word,
    /// Its number, the same at the provider and in our log.
    pub request_id: Word,
}

/// A language as other programs call it.
#[must_use]
pub fn locale(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::ZhCn => "zh-CN",
    }
}

/// What somebody else wrote, as part of a line of at most so many characters: without control characters, and
/// without the marks that end a line or turn its direction.
pub(in crate::portal) fn one_line(text: &str, most: usize) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_the_same_everywhere() {
        assert!(Word::new("SMS_154950909").is_ok() && Word::new("a".repeat(WORD_CHARS_MAX)).is_ok());
        for wrong in ["", "..", "a b", "a/b", "a\r\nb", "签名", &"a".repeat(WORD_CHARS_MAX + 1)] {
            assert!(Word::new(wrong).is_err(), "{wrong}");
        }
    }
}
