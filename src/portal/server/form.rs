//! A form that was sent: its fields, once the guard has found it to be from a page of ours.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Shared;
use crate::api::portal::Hidden;

/// The most fields that are read.
pub(crate) const FIELDS_MAX: usize = 100;

/// The fields of a form, in their order. Without a form there are none.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Form(Vec<(String, String)>);

/// Without what was typed.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} fields)", self.0.len())
    }
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`; `None` where there are too many fields.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut fields = form_urlencoded::parse(body).into_owned();
        let form = Self(fields.by_ref().take(FIELDS_MAX).collect());
        fields.next().is_none().then_some(form)
    }

    /// A field; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// Whether there is such a field, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// A field without what stands around it.
    pub(crate) fn trimmed(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    /// A field that is not empty.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.trimmed(name)).filter(|value| !value.is_empty())
    }

    /// A secret as it was typed.
    pub(crate) fn hidden(&self, name: &str) -> Hidden {
        Hidden::new(self.get(name))
    }

    /// Every field of that name.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A box that was ticked, a button that was pressed.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }
}

impl FromRequestParts<Arc<Shared>> for Form {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Infallible> {
        Ok(parts.extensions.remove::<Self>().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let form = Form::read(b"name=Ann%27s+phone&protocols=imap&protocols=pop3&on=yes&empty=").unwrap();
        assert_eq!(form.get("name"), "Ann's phone");
        assert_eq!(form.all("protocols").collect::<Vec<_>>(), ["imap", "pop3"]);
        assert!(form.is("on", "yes") && form.some("empty").is_none() && form.get("missing").is_empty());
        assert!(!format!("{form:?}").contains("phone"));
    }

    #[test]
    fn there_is_a_most_of_fields() {
        assert!(Form::read("a=b&".repeat(FIELDS_MAX).as_bytes()).is_some());
        assert!(Form::read("a=b&".repeat(FIELDS_MAX + 1).as_bytes()).is_none());
        assert!(Form::read(b"%ff%00=%f0&=&&&;").is_some());
    }
}
