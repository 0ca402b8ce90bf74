//! Every address of the portal, for links, forms and the server.

use std::fmt::Write as _;

/// The overview.
pub const HOME: &str = "/";
/// GET: the form; POST: `address`, `password`, and from a blocked address `code`.
pub const SIGN_IN: &str = "/sign-in";
/// GET: choose a second factor; POST: `factor`, its id, or `again`, to get another code.
pub const SIGN_IN_FACTOR: &str = "/sign-in/factor";
/// GET: the form; POST: `code` or `credential`, perhaps `trust=yes`; for a provider, goes there.
pub const SIGN_IN_CODE: &str = "/sign-in/code";
/// `next=`, a path, perhaps `factor=`, the only one that will do. GET: what has to be proved before a change; POST: `code`,
/// `credential` or `password`, or `by`, the id of another factor, or `again`; with `next` and perhaps `only`.
pub const CONFIRM: &str = "/confirm";
/// GET: two-factor is wanted of this account; POST: `later=yes`, within its grace, or `code`, the set-up code of a reset.
pub const SET_UP: &str = "/set-up";
/// GET: turn two-factor on or off; POST: `on=yes` or `on=no`.
pub const TWO_FACTOR: &str = "/two-factor";
/// The second factors.
pub const FACTORS: &str = "/factors";
/// How many recovery codes are left; POST: make new ones, and show them.
pub const RECOVERY_CODES: &str = "/recovery-codes";
/// The client passwords.
pub const PASSWORDS: &str = "/passwords";
/// GET: the form; POST: `name`, `protocols` (several), `expires` in days; shows the new one.
pub const PASSWORDS_NEW: &str = "/passwords/new";
/// GET: the form; POST: `name`; makes a client password and sends it in a profile for Apple's devices.
pub const PASSWORDS_PROFILE: &str = "/passwords/profile";
/// GET: asks; POST: removes all.
pub const PASSWORDS_REMOVE_ALL: &str = "/passwords/remove-all";
/// Trusted devices, and logins of the last days.
pub const DEVICES: &str = "/devices";
/// POST: ends every session and all trust.
pub const DEVICES_SIGN_OUT: &str = "/devices/sign-out-everywhere";
/// GET: the lists; POST: `delegate`, `right`.
pub const DELEGATIONS: &str = "/delegations";
/// POST: `delegate`.
pub const DELEGATIONS_WITHDRAW: &str = "/delegations/withdraw";
/// GET: whether the visitor's address is blocked; POST: perhaps `address`, lifts its block or that of the visitor's own.
pub const BLOCK: &str = "/block";
/// POST.
pub const SIGN_OUT: &str = "/sign-out";
/// POST: `language`, and `next`, the path to come back to.
pub const LANGUAGE: &str = "/language";
/// The administrator's overview; `hours=24` or `hours=168`. POST: `address`, lifts its block.
pub const ADMIN: &str = "/admin";
/// GET: all blocks; POST: `address`, lifts its block.
pub const ADMIN_BLOCKS: &str = "/admin/blocks";
/// `search=`, `only=`, `after=`.
pub const ADMIN_ACCOUNTS: &str = "/admin/accounts";
/// Whom the rules meet; `after=`.
pub const ADMIN_ROLLOUT: &str = "/admin/rollout";
/// Below it: the style sheet and the script.
pub const ASSETS: &str = "/assets/";

/// GET: the form; POST: binds a factor of that kind, in two steps where a code is sent.
#[must_use]
pub fn factor_new(kind: &str) -> String {
    format!("{FACTORS}/new/{}", segment(kind))
}

/// The same, in the place of that factor.
#[must_use]
pub fn factor_change(id: &str) -> String {
    format!("{FACTORS}/{}/change", segment(id))
}

/// GET: asks; POST: removes that factor.
#[must_use]
pub fn factor_remove(id: &str) -> String {
    format!("{FACTORS}/{}/remove", segment(id))
}

/// GET: asks; POST: removes that client password.
#[must_use]
pub fn password_remove(id: i64) -> String {
    format!("{PASSWORDS}/{id}/remove")
}

/// How to set up that mail program.
#[must_use]
pub fn help(program: &str) -> String {
    format!("/help/{}", segment(program))
}

/// POST: this device is asked for its second factor again.
#[must_use]
pub fn trust_cancel(id: i64) -> String {
    format!("{DEVICES}/{id}/cancel")
}

/// POST: ends that session.
#[must_use]
pub fn device_delete(session: i64) -> String {
    format!("{DEVICES}/{session}/delete")
}

/// GET: the facts; POST: `reason`, resets the factors; `do=unlock`, forgets wrong codes; `do=sign-out`, ends the sessions.
#[must_use]
pub fn admin_account(address: &str) -> String {
    format!("{ADMIN_ACCOUNTS}/{}", segment(address))
}

/// The administrator's overview of so many hours.
#[must_use]
pub fn admin_hours(hours: u16) -> String {
    format!("{ADMIN}?hours={hours}")
}

/// The accounts that were searched for, after one of them.
#[must_use]
pub fn admin_accounts(search: &str, only: Option<&str>, after: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !search.is_empty() {
        query.append_pair("search", search);
    }
    if let Some(only) = only {
        query.append_pair("only", only);
    }
    format!("{ADMIN_ACCOUNTS}?{}", query.append_pair("after", after).finish())
}

/// Whom the rules meet, after one of them.
#[must_use]
pub fn admin_rollout(after: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("{ADMIN_ROLLOUT}?{}", query.append_pair("after", after).finish())
}

/// Where something is proved again before `next`: that factor, or any.
#[must_use]
pub fn confirm(next: &str, factor: Option<i64>) -> String {
    let mut path = format!("{CONFIRM}?next={}", encoded(next));
    if let Some(factor) = factor {
        // Writing to a string cannot fail.
        let _ = write!(path, "&factor={factor}");
    }
    path
}

/// Where a sign-in provider sends a browser back to.
#[must_use]
pub fn callback(kind: &str) -> String {
    format!("/callback/{}", segment(kind))
}

/// One segment of a path: all but letters, digits and `-._@` as `%XX` (RFC 3986 2.1).
fn segment(text: &str) -> String {
    percent_encoded(text, b"-._@")
}

/// A value in a query.
fn encoded(text: &str) -> String {
    percent_encoded(text, b"-._@/")
}

fn percent_encoded(text: &str, plain: &[u8]) -> String {
    let mut segment = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            for half in [byte >> 4, byte & 15] {
                segment.extend(char::from_digit(u32::from(half), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    segment
}

/// Whether pages link or post there: the paths above, whatever stands for an id.
#[must_use]
pub fn known(path: &str) -> bool {
    let fixed = [
        HOME,
        SIGN_IN,
        SIGN_IN_FACTOR,
        SIGN_IN_CODE,
        CONFIRM,
        SET_UP,
        TWO_FACTOR,
        FACTORS,
        RECOVERY_CODES,
        PASSWORDS,
        PASSWORDS_NEW,
        PASSWORDS_PROFILE,
        PASSWORDS_REMOVE_ALL,
        DEVICES,
        DEVICES_SIGN_OUT,
        DELEGATIONS,
        DELEGATIONS_WITHDRAW,
        BLOCK,
        SIGN_OUT,
        LANGUAGE,
        ADMIN,
        ADMIN_BLOCKS,
        ADMIN_ACCOUNTS,
        ADMIN_ROLLOUT,
    ];
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    fixed.contains(&path)
        || match parts[..] {
            ["factors", "new", kind] => super::factors::Kind::from_word(kind).is_some(),
            ["factors", id, "change" | "remove"] | ["passwords", id, "remove"] => !id.is_empty(),
            ["devices", id, "cancel" | "delete"] | ["admin", "accounts", id] => !id.is_empty(),
            ["help", program] => super::help::Program::from_word(program).is_some(),
            _ => false,
        }
}

/// Whether it is a page that can be looked at again: somebody may come back to it.
#[must_use]
pub fn shown(path: &str) -> bool {
    let acts = [SIGN_OUT, LANGUAGE, DEVICES_SIGN_OUT, DELEGATIONS_WITHDRAW];
    let device = path.strip_prefix(DEVICES).is_some_and(|rest| rest.starts_with('/'));
    known(path) && !acts.contains(&path) && !device
}

/// The page that somebody comes back to, if it is one of ours.
#[must_use]
pub fn back(text: &str) -> Option<String> {
    let Some(query) = text.strip_prefix(CONFIRM).and_then(|rest| rest.strip_prefix('?')) else {
        return shown(text).then(|| text.to_owned());
    };
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    };
    let next = value("next").filter(|next| shown(next))?;
    Some(confirm(&next, value("factor").and_then(|factor| factor.parse().ok())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_comes_back_to_pages_of_ours_only() {
        let confirmed = confirm("/factors/7/remove", Some(7));
        assert_eq!(confirmed, "/confirm?next=/factors/7/remove&factor=7");
        for page in ["/", "/passwords/new", "/sign-in", "/help/foxmail", &confirmed, &confirm("/", None)] {
            assert_eq!(back(page).as_deref(), Some(page));
        }
        for wrong in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/sign-out",
            "/language",
            "/devices/7/delete",
            "/passwords?next=x",
            "/confirm?next=//evil.example",
            "/confirm?next=/sign-out",
            "/confirm?factor=7",
        ] {
            assert_eq!(back(wrong), None, "{wrong}");
        }
        assert_eq!(back("/confirm?next=%2Ffactors&factor=x").as_deref(), Some("/confirm?next=/factors"));
    }

    #[test]
    fn an_id_from_outside_stays_one_segment() {
        assert_eq!(factor_remove("a/../b?c#d"), "/factors/a%2F..%2Fb%3Fc%23d/remove");
        assert_eq!(admin_account("änn@example.org"), "/admin/accounts/%C3%A4nn@example.org");
        assert!(known(&factor_remove("a/b")) && known("/help/foxmail") && known("/factors/new/totp"));
        assert_eq!(
            admin_accounts("a&b=c", Some("two-factor-off"), "änn+x@example.org"),
            "/admin/accounts?search=a%26b%3Dc&only=two-factor-off&after=%C3%A4nn%2Bx%40example.org"
        );
        assert_eq!(admin_accounts("", None, "a@b"), "/admin/accounts?after=a%40b");
        assert_eq!(admin_rollout("a@b"), "/admin/rollout?after=a%40b");
        for path in ["/factors/new/fax", "/help/pine", "/passwords//remove", "//", "https://example.org/"] {
            assert!(!known(path), "{path}");
        }
    }
}
