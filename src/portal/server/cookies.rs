//! Cookies: their names, what is read of them, and how they are set.
//!
//! All have the prefix `__Host-` (RFC 6265bis, 4.1.3.2): a browser takes them only from this very host, encrypted (or
//! from itself), for all paths. No neighbour under the same domain can plant one.

use std::cmp::Reverse;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header::COOKIE;

use data_encoding::BASE64URL_NOPAD;

use crate::api::portal::{DEVICES_MAX, Hidden};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::entrance::FAMILIAR_FOR;

/// The session's token.
pub(crate) const SESSION: &str = "__Host-sidegate";
/// What a trusted device is known by: for each account one, whose name goes on with what the daemon calls its trust.
pub(crate) const DEVICE: &str = "__Host-sidegate-device-";
/// What a browser is known by when it comes again: where an account came in from before, it is not made to wait for what
/// others guess. It opens nothing.
pub(crate) const BROWSER: &str = "__Host-sidegate-browser";
/// Random bytes that forms before sign-in are known by.
pub(crate) const PRE: &str = "__Host-sidegate-pre";
/// The chosen language.
pub(crate) const LANGUAGE: &str = "__Host-sidegate-language";
/// What was done just now, for the next page.
pub(crate) const SAID: &str = "__Host-sidegate-said";
/// The page to come to when this is over.
pub(crate) const NEXT: &str = "__Host-sidegate-next";

/// This browser is to be trusted once a provider has confirmed who it is.
pub(crate) const TRUST: &str = "__Host-sidegate-trust";

/// Random bytes that a browser is known by.
const BROWSER_BYTES: usize = 16;
/// The longest value that is read, in bytes. Tokens have 43.
pub(crate) const VALUE_BYTES_MAX: usize = 512;

/// The longest name that the daemon gives the trust of an account, in bytes.
const TRUST_NAME_BYTES_MAX: usize = 32;
/// Between the time of the last use and the token.
const BETWEEN: char = '.';

/// What a browser has as a trusted device of one account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    /// What the daemon calls the trust of that account.
    pub(crate) name: String,
    /// When it got its token.
    pub(crate) since: Timestamp,
    pub(crate) token: Hidden,
}

/// What the browser sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cookies {
    pub(crate) session: Option<Hidden>,
    /// Those that were used last first, and never more than [`DEVICES_MAX`].
    pub(crate) devices: Vec<Device>,
    pub(crate) browser: Option<Hidden>,
    pub(crate) pre: Option<Hidden>,
    pub(crate) language: Option<String>,
    pub(crate) said: Option<String>,
    pub(crate) next: Option<String>,
    pub(crate) trust: bool,
}

impl Cookies {
    /// Reads all lines. What is too long or odd is not there.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut cookies = Self::default();
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        for (name, value) in lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('=')) {
            let value = value.trim();
            if value.is_empty() || value.len() > VALUE_BYTES_MAX {
                continue;
            }
            match name.trim() {
                SESSION => cookies.session = token(value),
                BROWSER => cookies.browser = token(value),
                PRE => cookies.pre = token(value),
                LANGUAGE => cookies.language = Some(value.to_owned()),
                SAID => cookies.said = Some(value.to_owned()),
                TRUST => cookies.trust = true,
                NEXT => cookies.next = Some(value.to_owned()),
                name => cookies.devices.extend(device(name, value)),
            }
        }
        cookies.devices.sort_by_key(|device| Reverse(device.since));
        cookies.devices.truncate(DEVICES_MAX);
        cookies
    }

    /// A browser that signs in is known from now on, or goes on to be: the cookie to be set.
    pub(crate) fn know_browser(&mut self, entropy: &Entropy) -> Option<HeaderValue> {
        let draw = || Hidden::new(BASE64URL_NOPAD.encode(&entropy.bytes::<BROWSER_BYTES>()));
        let browser = self.browser.get_or_insert_with(draw);
        set(BROWSER, browser.reveal(), Some(FAMILIAR_FOR))
    }

    /// Remembers another token as a trusted device of an account, in place of the one before. What gives way to it: the
    /// name of the account whose trust was used longest ago, where there are too many.
    pub(crate) fn trust(&mut self, new: Device) -> Option<String> {
        self.devices.retain(|device| device.name != new.name);
        let gone = (self.devices.len() >= DEVICES_MAX).then(|| self.devices.pop()).flatten();
        self.devices.insert(0, new);
        gone.map(|device| device.name)
    }
}

/// What a browser has as a trusted device, from a cookie of any name.
fn device(name: &str, value: &str) -> Option<Device> {
    let name = name.strip_prefix(DEVICE).filter(|name| is_trust_name(name))?;
    let (since, text) = value.split_once(BETWEEN).filter(|(_, text)| !text.is_empty())?;
    Some(Device { name: name.to_owned(), since: Timestamp(since.parse().ok()?), token: token(text)? })
}

fn is_trust_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=TRUST_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(good)
}

/// The name of the cookie of a trusted device.
pub(crate) fn device_name(name: &str) -> Option<String> {
    is_trust_name(name).then(|| format!("{DEVICE}{name}"))
}

/// Its value.
pub(crate) fn device_value(device: &Device) -> String {
    format!("{}{BETWEEN}{}", device.since.0, device.token.reveal())
}

/// What can be a token.
fn token(value: &str) -> Option<Hidden> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    value.bytes().all(good).then(|| Hidden::new(value))
}

/// A cookie to be set, for so long or until the browser is closed. A value that cannot stand in one is not set.
pub(crate) fn set(name: &str, value: &str, age: Option<Duration>) -> Option<HeaderValue> {
    // RFC 6265, 4.1.1: cookie-octet.
    let good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
    if value.len() > VALUE_BYTES_MAX || !value.bytes().all(good) {
        return None;
    }
    let age = age.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
    let line = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    let mut header = HeaderValue::from_str(&line).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A cookie to be forgotten.
pub(crate) fn forget(name: &str) -> Option<HeaderValue> {
    set(name, "", Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Cookies {
        Cookies::read(&lines.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect())
    }

    #[test]
    fn cookies_are_read_from_all_lines() {
        let cookies = read(&["a=b; __Host-sidegate=t0-K_n; x", "__Host-sidegate-language=zh-CN"]);
        assert_eq!(cookies.session.as_ref().map(Hidden::reveal), Some("t0-K_n"));
        assert_eq!(cookies.language.as_deref(), Some("zh-CN"));
        assert!(cookies.devices.is_empty() && !format!("{cookies:?}").contains("t0-K_n"));
        assert_eq!(read(&["sidegate=a; __host-sidegate=b; __Host-sidegate2=c"]), Cookies::default());
    }

    #[test]
    fn a_browser_goes_on_to_be_known_by_what_it_showed() {
        let entropy = Entropy::from_seed(1);
        let mut cookies = read(&["__Host-sidegate-browser=abc"]);
        let line = cookies.know_browser(&entropy).unwrap();
        assert!(line.to_str().unwrap().starts_with("__Host-sidegate-browser=abc; Path=/; Secure; HttpOnly;"));
        let mut cookies = Cookies::default();
        let line = cookies.know_browser(&entropy).unwrap();
        let drawn = cookies.browser.clone().unwrap();
        assert!(line.to_str().unwrap().contains(drawn.reveal()) && drawn.reveal().len() == 22);
        assert!(line.to_str().unwrap().ends_with("; Max-Age=7776000") && line.is_sensitive());
    }

    #[test]
    fn what_is_no_token_is_not_there() {
        for wrong in ["", "a b", "a\"b", "a.b", "%41", &"t".repeat(VALUE_BYTES_MAX + 1)] {
            assert_eq!(read(&[&format!("{SESSION}={wrong}")]).session, None, "{wrong}");
        }
        assert!(read(&[&format!("{SESSION}={}", "t".repeat(VALUE_BYTES_MAX))]).session.is_some());
    }

    #[test]
    fn a_browser_is_trusted_by_some_accounts_and_the_one_used_longest_ago_gives_way() {
        let line = |name: &str, at: i64| format!("__Host-sidegate-device-{name}={at}.t0ken{at}");
        let lines: Vec<String> = (0..7).map(|n| line(&format!("a{n}"), [3, 9, 1, 7, 5, 8, 2][n])).collect();
        let mut cookies = read(&[&lines.join("; ")]);
        let names = |cookies: &Cookies| -> Vec<String> {
            cookies.devices.iter().map(|device| device.name.clone()).collect()
        };
        assert_eq!(names(&cookies), ["a1", "a5", "a3", "a4", "a0"]);
        let new = |name: &str| Device { name: name.into(), since: Timestamp(10), token: Hidden::new("t") };
        assert_eq!(cookies.trust(new("a4")), None, "in the place of its own");
        assert_eq!(cookies.trust(new("b")).as_deref(), Some("a0"));
        assert_eq!(names(&cookies), ["b", "a4", "a1", "a5", "a3"]);
        assert_eq!((names(&read(&["a=b"])), device_value(&new("b"))), (Vec::new(), "10.t".to_owned()));
        for wrong in [
            "=1.t",
            "A=1.t",
            "a-b=1.t",
            "a=t",
            "a=x.t",
            "a=1.t.t",
            "a=1.",
            &format!("{}=1.t", "a".repeat(33)),
        ] {
            let read = read(&[&format!("{DEVICE}{wrong}")]);
            assert!(read.devices.is_empty(), "{wrong}: {read:?}");
        }
        assert_eq!(read(&[&format!("{DEVICE}{}=1.t", "a".repeat(32))]).devices.len(), 1);
        assert!(device_name("a; x=y").is_none() && !format!("{cookies:?}").contains("t0ken"));
    }

    #[test]
    fn a_cookie_stays_with_this_host_and_away_from_scripts() {
        let line = set(SESSION, "abc", None).unwrap();
        assert_eq!(line, "__Host-sidegate=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
        let line = set(LANGUAGE, "abc", Some(Duration::from_secs(604_800))).unwrap();
        assert!(line.to_str().unwrap().ends_with("; SameSite=Lax; Max-Age=604800"));
        assert!(forget(SESSION).unwrap().to_str().unwrap().contains("__Host-sidegate=; Path=/; Secure"));
        for wrong in ["a;b", "a b", "a\r\nSet-Cookie: x=y", "ä", &"a".repeat(VALUE_BYTES_MAX + 1)] {
            assert!(set(SAID, wrong, None).is_none(), "{wrong}");
        }
        assert!(set(SAID, &"a".repeat(VALUE_BYTES_MAX), None).is_some());
    }
}
