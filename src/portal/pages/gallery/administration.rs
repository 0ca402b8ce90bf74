//! The administrator's pages.

use super::super::chart::{BARS_MAX, Span};
use super::super::factors::Kind;
use super::super::problem::Problem;
use super::super::reason::Reason;
use super::super::{admin, routes};
use super::{DAY, Gallery, HOUR, ago};
use crate::gate::account::Lacks;

impl Gallery<'_> {
    pub(super) fn admin(&mut self) {
        self.failures();
        self.blocks();
        self.accounts();
        self.rollout();
    }

    fn failures(&mut self) {
        let spans: Vec<Span> = (0..24)
            .map(|hour: u32| Span {
                at: ago(i64::from(24 - hour) * HOUR),
                failures: (hour * 37) % 90 + if hour == 15 { 160 } else { 0 },
                blocks: if hour.is_multiple_of(5) { hour / 2 } else { 0 },
            })
            .collect();
        let count = |name: &str, place: &str, failures| admin::Count {
            name: self.outside(name),
            place: if place.is_empty() { String::new() } else { self.outside(place) },
            failures,
            blocked: None,
        };
        let blocked = |count: admin::Count, block: &str| admin::Count {
            blocked: Some((ago(-HOUR), self.outside(block))),
            ..count
        };
        let addresses = vec![
            blocked(count("192.0.2.7", "Shanghai, China", 4711), "192.0.2.7"),
            blocked(count("198.51.100.7", "", 99), "198.51.100.0/24"),
            count("2001:db8:85a3::8a2e:370:7334", "", 12),
        ];
        let frame = self.frame(routes::ADMIN);
        let page = admin::Admin {
            hours: 24,
            spans: spans.clone(),
            addresses,
            accounts: vec![count("ann@example.org", "", 4711), count("bob@example.org", "", 3)],
            blocks: 3,
        };
        self.add("admin", page.render(&frame));
        let spans = spans.into_iter().cycle().take(BARS_MAX).enumerate();
        let spans = spans.map(|(hour, span)| Span { at: ago((BARS_MAX - hour) as i64 * HOUR), ..span });
        self.add("admin-week", admin::Admin { hours: 168, spans: spans.collect(), ..page }.render(&frame));
        let (addresses, accounts) = (Vec::new(), Vec::new());
        let quiet = admin::Admin { hours: 24, spans: Vec::new(), addresses, accounts, blocks: 0 };
        self.add("admin-quiet", quiet.render(&frame));
    }

    fn blocks(&mut self) {
        let streak = Reason::Streak {
            failures: 10,
            accounts: 2,
            repeated: 9,
            passwords: 2,
            program: Some(self.outside("Thunderbird")),
            spared: true,
        };
        let block = |exempt: bool| admin::BlockLine {
            address: self.outside("192.0.2.7"),
            place: if exempt { String::new() } else { self.outside("Shanghai, China") },
            since: ago(HOUR / 2),
            until: ago(-HOUR / 2),
            reason: if exempt { Reason::Words(self.outside("scans this host")) } else { streak.clone() },
            exempt,
        };
        let page = admin::AdminBlocks { blocks: vec![block(false), block(true)] };
        self.add("admin-blocks", page.render(&self.frame(routes::ADMIN_BLOCKS)));
    }

    fn accounts(&mut self) {
        let account = |enabled| admin::AccountLine {
            address: self.outside("ann@example.org"),
            enabled,
            two_factor: enabled,
            passwords: 2,
            signed_in: enabled.then(|| ago(HOUR)),
        };
        let accounts = vec![account(true), account(false)];
        let page = admin::AdminAccounts {
            search: self.outside("ann"),
            only: Some(Lacks::TwoFactor),
            accounts,
            more: true,
            later: false,
        };
        self.add("admin-accounts", page.render(&self.frame(routes::ADMIN_ACCOUNTS)));

        let factor = |last_use| admin::FactorLine {
            choice: self.choice("f1", Kind::Totp, "Ann's phone"),
            since: ago(90 * DAY),
            last_use,
        };
        let page = admin::AdminAccount {
            address: self.outside("ann@example.org"),
            enabled: true,
            two_factor: true,
            group: Some(self.outside("staff")),
            created: ago(400 * DAY),
            factors: vec![factor(Some(ago(HOUR))), factor(None)],
            recovery_codes: Some(3),
            failures: 6,
            codes: admin::Codes::Wait(ago(-60)),
            set_up_code: None,
            signed_in: Some(ago(DAY)),
            sessions: 2,
            trusted: 1,
            makes_code: true,
            delegations: 1,
            passwords: vec![self.password(1, "Phone"), self.password(2, "Printer")],
            reason: self.outside("x"),
            problem: Some(Problem::ReasonMissing),
        };
        let frame = self.frame(&routes::admin_account("ann@example.org"));
        self.add("admin-account", page.render(&frame));
        let reset = admin::AdminAccount {
            factors: Vec::new(),
            recovery_codes: None,
            failures: 100,
            codes: admin::Codes::Locked,
            set_up_code: Some(ago(-DAY)),
            signed_in: None,
            makes_code: false,
            problem: None,
            ..page
        };
        self.add("admin-account-reset", reset.render(&frame));
        let page = admin::SetUpCodeShown {
            address: self.outside("ann@example.org"),
            code: self.outside("ABCD-EFGH-IJKL-2345"),
            ends: ago(-3 * DAY),
        };
        self.add("admin-set-up-code", page.render(&frame));
    }

    fn rollout(&mut self) {
        let line = |known| admin::RolloutLine {
            account: self.outside("ann@example.org"),
            would_refuse: 12,
            main_password: 30,
            protocols: vec![self.outside("imap"), self.outside("submission")],
            addresses: 2,
            known,
            two_factor: false,
            passwords: 2,
            used: 1,
            last: ago(HOUR),
        };
        let frame = self.frame(routes::ADMIN_ROLLOUT);
        let page = admin::AdminRollout { accounts: vec![line(true), line(false)], more: true, days: 7 };
        self.add("admin-rollout", page.render(&frame));
        let page = admin::AdminRollout { accounts: Vec::new(), more: false, days: 7 };
        self.add("admin-rollout-none", page.render(&frame));
    }
}
