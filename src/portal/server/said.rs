//! What was done just now, on its way to the next page: in a cookie for a minute, a word and perhaps a name.
//!
//! Nothing secret is in it, and it is not believed: whatever comes back is one short line of text on a page.

use std::time::Duration;

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use crate::portal::pages::Said;
use crate::portal::send::template::UNRESERVED;
use crate::portal::send::text::one_line;

/// How long it waits for its page.
pub(crate) const WAITS: Duration = Duration::from_secs(60);
/// The most characters of a name in it. Names have 64, addresses of mail more.
const NAME_CHARS_MAX: usize = 120;
/// Between the word and the name.
const BETWEEN: char = '.';

/// As the value of a cookie.
pub(crate) fn written(said: &Said) -> String {
    let (word, name) = parts(said);
    let name = one_line(&name, NAME_CHARS_MAX);
    let mut value = format!("{word}{BETWEEN}{}", utf8_percent_encode(&name, UNRESERVED));
    // A name in a script with long letters is cut, at a letter.
    let mut name = name;
    while value.len() > super::cookies::VALUE_BYTES_MAX && name.pop().is_some() {
        value = format!("{word}{BETWEEN}{}", utf8_percent_encode(&name, UNRESERVED));
    }
    value
}

/// What came back, if it can be read.
pub(crate) fn read(value: &str) -> Option<Said> {
    let (word, name) = value.split_once(BETWEEN)?;
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let name = one_line(&name, NAME_CHARS_MAX);
    Some(match word {
        "signed-out" => Said::SignedOut,
        "signed-out-everywhere" => Said::SignedOutEverywhere,
        "sign-in-again" => Said::SignInAgain,
        "code-sent" => Said::CodeSent(name),
        "two-factor-on" => Said::TwoFactorOn,
        "two-factor-off" => Said::TwoFactorOff,
        "first-factor-bound" => Said::FirstFactorBound(name),
        "factor-bound" => Said::FactorBound(name),
        "factor-changed" => Said::FactorChanged(name),
        "factor-removed" => Said::FactorRemoved(name),
        "password-removed" => Said::PasswordRemoved(name),
        "passwords-removed" => Said::PasswordsRemoved(name.parse().ok()?),
        "trust-cancelled" => Said::TrustCancelled,
        "device-signed-out" => Said::DeviceSignedOut(name),
        "granted" => Said::Granted(name),
        "withdrawn" => Said::Withdrawn(name),
        "block-lifted" => Said::BlockLifted(name),
        "factors-reset" => Said::FactorsReset(name),
        "factors-unlocked" => Said::FactorsUnlocked(name),
        "account-signed-out" => Said::AccountSignedOut(name),
        _ => return None,
    })
}

fn parts(said: &Said) -> (&'static str, String) {
    match said {
        Said::SignedOut => ("signed-out", String::new()),
        Said::SignedOutEverywhere => ("signed-out-everywhere", String::new()),
        Said::SignInAgain => ("sign-in-again", String::new()),
        Said::CodeSent(to) => ("code-sent", to.clone()),
        Said::TwoFactorOn => ("two-factor-on", String::new()),
        Said::TwoFactorOff => ("two-factor-off", String::new()),
        Said::FirstFactorBound(name) => ("first-factor-bound", name.clone()),
        Said::FactorBound(name) => ("factor-bound", name.clone()),
        Said::FactorChanged(name) => ("factor-changed", name.clone()),
        Said::FactorRemoved(name) => ("factor-removed", name.clone()),
        Said::PasswordRemoved(name) => ("password-removed", name.clone()),
        Said::PasswordsRemoved(count) => ("passwords-removed", count.to_string()),
        Said::TrustCancelled => ("trust-cancelled", String::new()),
        Said::DeviceSignedOut(name) => ("device-signed-out", name.clone()),
        Said::Granted(delegate) => ("granted", delegate.clone()),
        Said::Withdrawn(delegate) => ("withdrawn", delegate.clone()),
        Said::BlockLifted(address) => ("block-lifted", address.clone()),
        Said::FactorsReset(account) => ("factors-reset", account.clone()),
        Said::FactorsUnlocked(account) => ("factors-unlocked", account.clone()),
        Said::AccountSignedOut(account) => ("account-signed-out", account.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cookies;
    use super::*;
    use crate::portal::pages::gallery;
    use proptest::prelude::*;

    #[test]
    fn every_notice_comes_back() {
        for said in gallery::said(&|_| "Änns .; Handy 手机".to_owned()) {
            let value = written(&said);
            assert!(cookies::set(cookies::SAID, &value, Some(WAITS)).is_some(), "{value}");
            assert_eq!(read(&value), Some(said));
        }
    }

    #[test]
    fn what_comes_back_is_one_short_line() {
        let long = Said::Granted("手".repeat(500));
        let value = written(&long);
        assert!(value.len() <= cookies::VALUE_BYTES_MAX && read(&value).is_some());
        assert_eq!(read("granted.a%0d%0ab%e2%80%ae"), Some(Said::Granted("ab".into())));
        let Some(Said::Granted(name)) = read(&format!("granted.{}", "a".repeat(400))) else { panic!() };
        assert_eq!(name.len(), NAME_CHARS_MAX);
        for wrong in ["", "granted", "grants.a", "passwords-removed.x", "granted.%ff"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_name_fits_into_a_cookie(name in "\\PC{0,150}") {
            let value = written(&Said::FactorBound(name));
            prop_assert!(cookies::set(cookies::SAID, &value, None).is_some() && read(&value).is_some());
        }
    }
}
