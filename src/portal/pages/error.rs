//! What somebody sees when a page cannot be shown.

use super::frame::Frame;
use super::routes;

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The form was not sent from our page, or from one too old.
    Form,
    /// The form was sent from our page under another address than that of the settings.
    Address,
    /// What a sign-in provider confirmed is not what this browser waits for.
    Astray,
    /// Not for this person.
    Forbidden,
    /// There is no such page.
    NotFound,
    /// Too much was sent.
    TooLarge,
    /// Too often.
    TooMany,
    /// Something of ours is not there for the moment.
    Unavailable,
}

/// The error page.
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage {
    /// Why.
    pub trouble: Trouble,
}

page!(ErrorPage, "error.html");

impl ErrorPage {
    /// Its HTTP status (RFC 9110 15).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.trouble {
            Trouble::Form | Trouble::Address | Trouble::Astray => 400,
            Trouble::Forbidden => 403,
            Trouble::NotFound => 404,
            Trouble::TooLarge => 413,
            Trouble::TooMany => 429,
            Trouble::Unavailable => 503,
        }
    }

    /// What it is.
    #[must_use]
    pub fn title(&self, f: &Frame) -> String {
        match self.trouble {
            Trouble::Form => f.t("error-form"),
            Trouble::Address => f.t("error-address"),
            Trouble::Astray => f.t("error-astray"),
            Trouble::Forbidden => f.t("error-forbidden"),
            Trouble::NotFound => f.t("error-not-found"),
            Trouble::TooLarge => f.t("error-too-large"),
            Trouble::TooMany => f.t("error-too-many"),
            Trouble::Unavailable => f.t("error-unavailable"),
        }
    }

    /// What to do.
    #[must_use]
    pub fn advice(&self, f: &Frame) -> String {
        match self.trouble {
            Trouble::Form => f.t("error-form-advice"),
            Trouble::Address => f.t("error-address-advice"),
            Trouble::Astray => f.t("error-astray-advice"),
            Trouble::Forbidden => f.t("error-forbidden-advice"),
            Trouble::NotFound => f.t("error-not-found-advice"),
            Trouble::TooLarge => f.t("error-too-large-advice"),
            Trouble::TooMany => f.t("error-too-many-advice"),
            Trouble::Unavailable => f.t("error-unavailable-advice"),
        }
    }
}
