//! Why something is blocked, in the language of the page. What the daemon counted is told in words of ours; what an
//! administrator wrote stays as it is.

use super::frame::Frame;
use crate::api::BlockView;
use crate::gate::record::BY_HAND;

/// The reason of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Failures in a row.
    Streak {
        /// How many.
        failures: usize,
        /// For how many accounts.
        accounts: usize,
        /// How many of them had a wrong password that came again and again.
        repeated: usize,
        /// How many such passwords there were.
        passwords: usize,
        /// The mail program that repeated them, as it calls itself.
        program: Option<String>,
        /// `lockout.repeats = "once"` would have spared it.
        spared: bool,
    },
    /// An administrator made it, and said nothing.
    ByHand,
    /// An administrator's words.
    Words(String),
}

impl Reason {
    /// Why a block is.
    #[must_use]
    pub fn of(block: &BlockView) -> Self {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        match &block.streak {
            Some(streak) => Self::Streak {
                failures: count(streak.failures),
                accounts: count(streak.accounts),
                repeated: count(streak.repeated),
                passwords: count(streak.passwords),
                program: streak.program.clone(),
                spared: streak.spared,
            },
            None if block.reason == BY_HAND => Self::ByHand,
            None => Self::Words(block.reason.clone()),
        }
    }

    /// In words.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        let (failures, accounts, repeated, passwords, program, spared) = match self {
            Self::ByHand => return f.t("reason-by-hand"),
            Self::Words(words) => return words.clone(),
            Self::Streak { failures, accounts, repeated, passwords, program, spared } => {
                (failures, accounts, repeated, passwords, program, spared)
            }
        };
        let mut parts = vec![f.n("reason-failures", "failures", failures)];
        // A forgotten device, rather than somebody who guesses.
        if *repeated > failures / 2 {
            parts.push(match passwords {
                0 | 1 => f.n("reason-repeated", "repeated", repeated),
                _ => f.t2(
                    "reason-repeated-several",
                    "repeated",
                    repeated.to_string(),
                    "passwords",
                    passwords.to_string(),
                ),
            });
            parts.extend(program.as_ref().map(|program| f.t1("reason-program", "program", program)));
        } else {
            parts.push(f.n("reason-accounts", "accounts", accounts));
        }
        if *spared {
            parts.push(f.t("reason-spared"));
        }
        parts.join(if f.english() { ", " } else { "，" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::StreakView;
    use crate::clock::Timestamp;
    use crate::config::Language;

    fn block(reason: &str, streak: Option<StreakView>) -> BlockView {
        let (since, until) = (Timestamp(0), Timestamp(3_600));
        BlockView { address: "192.0.2.7".into(), since, until, reason: reason.into(), exempt: false, streak }
    }

    #[track_caller]
    fn check(block: &BlockView, en: &str, zh: &str) {
        for (language, expected) in [(Language::En, en), (Language::ZhCn, zh)] {
            assert_eq!(Reason::of(block).text(&Frame { language, ..Frame::default() }), expected);
        }
    }

    #[test]
    fn every_reason_of_the_daemon_is_told_in_both_languages() {
        let streak = |accounts, repeated, passwords, program: Option<&str>| {
            let (program, spared) = (program.map(str::to_owned), repeated > 0);
            block(
                "10 failures in a row, …",
                Some(StreakView { failures: 10, accounts, repeated, passwords, program, spared }),
            )
        };
        check(
            &streak(4, 0, 0, None),
            "10 failures in a row, for 4 accounts",
            "连续失败 10 次，涉及 4 个帐号",
        );
        check(
            &streak(1, 0, 0, None),
            "10 failures in a row, for one account",
            "连续失败 10 次，涉及 1 个帐号",
        );
        check(
            &streak(1, 9, 1, Some("Thunderbird")),
            "10 failures in a row, 9 of them with the same wrong password, from Thunderbird, lockout.repeats = \"once\" would have prevented this",
            "连续失败 10 次，其中 9 次是同一个错误密码，来自 Thunderbird，设置 lockout.repeats = \"once\" 可避免",
        );
        check(
            &streak(2, 10, 2, None),
            "10 failures in a row, 10 of them with the same 2 wrong passwords, lockout.repeats = \"once\" would have prevented this",
            "连续失败 10 次，其中 10 次是同样的 2 个错误密码，设置 lockout.repeats = \"once\" 可避免",
        );
        check(&block(BY_HAND, None), "By an administrator", "由管理员封锁");
        check(&block("guesses passwords", None), "guesses passwords", "guesses passwords");
    }
}
