//! What every page has around it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use fluent_bundle::FluentArgs;
use jiff::tz::TimeZone;

use super::assets::Looks;
use super::said::Said;
use super::times::Ago;
use super::{assets, routes, text, times};
use crate::clock::Timestamp;
use crate::config::Language;
use crate::gate::domain::shown;

/// What is the same for every page of one answer.
#[derive(Clone)]
pub struct Frame {
    /// The language of the page.
    pub language: Language,
    /// The moment: how long ago something was.
    pub now: Timestamp,
    /// The time zone that times are shown in.
    pub zone: TimeZone,
    /// What the site calls itself.
    pub site: String,
    /// What it looks like.
    pub looks: Arc<Looks>,
    /// The address that is signed in, past its second factor; `None`: nobody is, and there is nothing to go to.
    pub account: Option<String>,
    /// The token that every form carries.
    pub csrf: String,
    /// The number of this page, which every form carries besides: so one that is sent twice is known.
    pub once: String,
    /// The path of this page: choosing a language comes back to it.
    pub path: String,
    /// What was done just now.
    pub notice: Option<Said>,
    /// The administrator's pages are offered.
    pub admin: bool,
    /// Two-factor has to be set up first: no other page is offered.
    pub closed: bool,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            language: Language::default(),
            now: Timestamp(0),
            zone: TimeZone::UTC,
            site: String::new(),
            looks: Arc::default(),
            account: None,
            csrf: String::new(),
            once: String::new(),
            path: routes::HOME.to_owned(),
            notice: None,
            admin: false,
            closed: false,
        }
    }
}

/// Without the token.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("account", &self.account)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A link to one of the main pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where to.
    pub path: &'static str,
    /// What it says.
    pub text: String,
    /// This page is there.
    pub here: bool,
}

impl Frame {
    /// The text of that id.
    #[must_use]
    pub fn t(&self, id: &str) -> String {
        text::text(self.language, id, None)
    }

    /// An address for the eye: its domain in Unicode.
    #[must_use]
    pub fn address<'a>(&self, address: &'a str) -> Cow<'a, str> {
        shown(address)
    }

    /// The text of that id with one variable; an address in it is shown in Unicode.
    #[must_use]
    pub fn t1(&self, id: &str, name: &str, value: impl AsRef<str>) -> String {
        self.t1_as_kept(id, name, shown(value.as_ref()))
    }

    /// As [`Frame::t1`], with the domain as it is kept: a user name is typed into programs that know ASCII only.
    #[must_use]
    pub fn t1_as_kept(&self, id: &str, name: &str, value: impl AsRef<str>) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.as_ref());
        text::text(self.language, id, Some(&args))
    }

    /// The text of that id with two variables.
    #[must_use]
    pub fn t2(
        &self,
        id: &str,
        name: &str,
        value: impl AsRef<str>,
        name2: &str,
        value2: impl AsRef<str>,
    ) -> String {
        let mut args = FluentArgs::new();
        args.set(name, shown(value.as_ref()));
        args.set(name2, shown(value2.as_ref()));
        text::text(self.language, id, Some(&args))
    }

    /// The text of that id with three variables.
    #[must_use]
    pub fn t3(&self, id: &str, variables: [(&str, &str); 3]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in variables {
            args.set(name, value);
        }
        text::text(self.language, id, Some(&args))
    }

    /// The text of that id with a number, which both languages may need for its plural.
    #[must_use]
    pub fn n(&self, id: &str, name: &str, number: &usize) -> String {
        let mut args = FluentArgs::new();
        args.set(name, *number);
        text::text(self.language, id, Some(&args))
    }

    /// The text of that id with a time.
    #[must_use]
    pub fn at(&self, id: &str, name: &str, time: &Timestamp) -> String {
        self.t1(id, name, self.time(time))
    }

    /// A time for people.
    #[must_use]
    pub fn time(&self, time: &Timestamp) -> String {
        self.told(time, |time| times::time(time, self.language, &self.zone))
    }

    /// How long ago a time was.
    #[must_use]
    pub fn ago(&self, time: &Timestamp) -> String {
        match Ago::of(*time, self.now) {
            Ago::Now => self.t("ago-now"),
            Ago::Minutes(count) => self.n("ago-minutes", "count", &count),
            Ago::Hours(count) => self.n("ago-hours", "count", &count),
            Ago::Days(count) => self.n("ago-days", "count", &count),
        }
    }

    /// A day for people.
    #[must_use]
    pub fn date(&self, time: &Timestamp) -> String {
        self.told(time, |time| times::date(time, self.language, &self.zone))
    }

    /// Nothing here is as old as the epoch: a time like that was never set.
    fn told(&self, time: &Timestamp, told: impl Fn(Timestamp) -> String) -> String {
        if time.0 <= 0 { self.t("time-unknown") } else { told(*time) }
    }

    /// Hour and minute, of a time that is near.
    #[must_use]
    pub fn hour(&self, time: &Timestamp) -> String {
        times::hour(*time, &self.zone)
    }

    /// Seconds until then.
    #[must_use]
    pub fn left(&self, time: &Timestamp) -> i64 {
        time.0.saturating_sub(self.now.0).max(0)
    }

    /// The zone of all times.
    #[must_use]
    pub fn zone_name(&self) -> String {
        times::zone_name(&self.zone)
    }

    /// Its tag (BCP 47).
    #[must_use]
    pub fn tag(&self) -> &'static str {
        text::tag(self.language)
    }

    /// The page is in English.
    #[must_use]
    pub fn english(&self) -> bool {
        self.language == Language::En
    }

    /// Where the style sheet is.
    #[must_use]
    pub fn style(&self) -> &str {
        &self.looks.style.url
    }

    /// Where the script is.
    #[must_use]
    pub fn script(&self) -> &'static str {
        &assets::SCRIPT.url
    }

    /// The main pages are offered.
    #[must_use]
    pub fn open(&self) -> bool {
        self.account.is_some() && !self.closed
    }

    /// Where the second factors are listed: the set-up, where that comes first.
    #[must_use]
    pub fn factors(&self) -> Link {
        let (path, id) =
            if self.closed { (routes::SET_UP, "set-up-title") } else { (routes::FACTORS, "nav-factors") };
        Link { path, text: self.t(id), here: false }
    }

    /// The main pages.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let link = |path: &'static str, text: String| {
            let inside = path != routes::HOME && self.path.starts_with(&format!("{path}/"));
            Link { path, text, here: self.path == path || inside }
        };
        let mut links = vec![
            link(routes::HOME, self.t("nav-overview")),
            link(routes::FACTORS, self.t("nav-factors")),
            link(routes::PASSWORDS, self.t("nav-passwords")),
            link(routes::DEVICES, self.t("nav-devices")),
            link(routes::DELEGATIONS, self.t("nav-delegations")),
        ];
        if self.admin {
            links.push(link(routes::ADMIN, self.t("nav-admin")));
        }
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_not_in_its_debug_text() {
        let frame = Frame { csrf: "token-4711".into(), ..Frame::default() };
        assert!(!format!("{frame:?}").contains("4711"));
    }

    #[test]
    fn a_time_that_was_never_set_is_no_date() {
        let frame = Frame { now: Timestamp(100), ..Frame::default() };
        for never in [Timestamp(0), Timestamp(-1)] {
            assert_eq!(
                (frame.time(&never), frame.date(&never)),
                (frame.t("time-unknown"), frame.t("time-unknown"))
            );
        }
        assert_eq!((frame.left(&Timestamp(160)), frame.left(&Timestamp(40))), (60, 0));
    }

    #[test]
    fn a_page_knows_its_place_among_the_main_pages() {
        let frame = Frame { path: "/passwords/new".into(), ..Frame::default() };
        let here: Vec<&str> = frame.links().iter().filter(|link| link.here).map(|link| link.path).collect();
        assert_eq!(here, ["/passwords"]);
    }
}
