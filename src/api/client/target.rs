//! Request targets of the control API: paths and queries, percent-encoded.

use std::fmt::{self, Write as _};

/// A path and a query of the API, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// A target below `/v1`, from the parts of its path.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut text = String::from("/v1");
        for part in parts {
            text.push('/');
            encode(part, &mut text);
        }
        Self { text, has_query: false }
    }

    /// As it stands in a request line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds `name=value` to the query.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        encode(name, &mut self.text);
        self.text.push('=');
        encode(&value.to_string(), &mut self.text);
        self
    }

    /// Adds `name=value` to the query if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_encoded() {
        let target = Target::of(&["accounts", "ann+x@example.org/ü"]).with("a b", "1&2=%").with("c", 3);
        assert_eq!(target.to_string(), "/v1/accounts/ann%2Bx%40example.org%2F%C3%BC?a%20b=1%262%3D%25&c=3");
        assert_eq!(Target::of(&["x"]).with_some("a", None::<u32>).to_string(), "/v1/x");
    }
}
