//! Sending limits: how many messages and recipients in an hour and in a day.
//!
//! Who sent how much is kept in slots of five minutes, counted when a message is let through. A window
//! holds the slot of this moment and every slot of which any part lies within the hour or day before it:
//! it is never too short, and at most one slot too long, so that no hour at all sees more than the limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::name::{AccountName, GroupName};
use crate::clock::Timestamp;
use crate::config::Language;

/// A slot's length in seconds.
pub const SLOT_SECS: i64 = 300;
/// The highest limit that can be set. Whoever sends more needs none.
pub const LIMIT_MAX: u32 = 10_000_000;

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limited {
    /// Messages in an hour.
    MessagesPerHour,
    /// Recipients in an hour.
    RecipientsPerHour,
    /// Messages in a day.
    MessagesPerDay,
    /// Recipients in a day.
    RecipientsPerDay,
}

impl Limited {
    /// All of them, in the order in which [`Limits`] holds them.
    pub const ALL: [Self; 4] =
        [Self::MessagesPerHour, Self::RecipientsPerHour, Self::MessagesPerDay, Self::RecipientsPerDay];

    /// The name in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::MessagesPerHour => "messages-per-hour",
            Self::RecipientsPerHour => "recipients-per-hour",
            Self::MessagesPerDay => "messages-per-day",
            Self::RecipientsPerDay => "recipients-per-day",
        }
    }

    /// How far back it looks.
    #[must_use]
    pub fn window(self) -> Duration {
        match self {
            Self::MessagesPerHour | Self::RecipientsPerHour => Duration::from_secs(3600),
            Self::MessagesPerDay | Self::RecipientsPerDay => Duration::from_secs(86_400),
        }
    }

    /// What of an amount it counts.
    #[must_use]
    pub fn of(self, amount: Amount) -> u64 {
        match self {
            Self::MessagesPerHour | Self::MessagesPerDay => amount.messages,
            Self::RecipientsPerHour | Self::RecipientsPerDay => amount.recipients,
        }
    }

    /// "50 recipients per hour", for a person.
    #[must_use]
    pub fn in_words(self, limit: u32, language: Language) -> String {
        match (language, self) {
            (Language::En, _) => self.words(limit),
            (Language::ZhCn, Self::MessagesPerHour) => format!("每小时 {limit} 封"),
            (Language::ZhCn, Self::RecipientsPerHour) => format!("每小时 {limit} 个收件人"),
            (Language::ZhCn, Self::MessagesPerDay) => format!("每天 {limit} 封"),
            (Language::ZhCn, Self::RecipientsPerDay) => format!("每天 {limit} 个收件人"),
        }
    }

    /// "50 recipients per hour", for events.
    #[must_use]
    pub fn words(self, limit: u32) -> String {
        format!("{limit} {}", self.word().replace('-', " "))
    }
}

/// What is said of one limit at one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allowance {
    /// Nothing: the next level decides.
    #[default]
    Inherited,
    /// There is none, whatever the next level says.
    Unlimited,
    /// So many.
    AtMost(u32),
}

/// What is said at one level: one [`Allowance`] for each of [`Limited::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits(pub [Allowance; 4]);

impl Limits {
    /// What is said of one limit.
    #[must_use]
    pub fn get(&self, limited: Limited) -> Allowance {
        self.0[limited as usize]
    }

    /// These, with what `change` says in place of what was said.
    #[must_use]
    pub fn with(mut self, change: &LimitsChange) -> Self {
        for (old, new) in self.0.iter_mut().zip(change.0) {
            *old = new.unwrap_or(*old);
        }
        self
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|allowance| *allowance == Allowance::Inherited)
    }
}

/// What to change of the limits at one level; `None` leaves what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsChange(pub [Option<Allowance>; 4]);

/// For whom limits are set. An account's own win over its group's, and those over the default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One account.
    Account(AccountName),
    /// Everybody in a group.
    Group(GroupName),
    /// Everybody.
    Default,
}

impl Level {
    /// The word for its kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Group(_) => "group",
            Self::Default => "default",
        }
    }

    /// The account's or group's name; empty for the default.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Account(name) => name.as_str(),
            Self::Group(name) => name.as_str(),
            Self::Default => "",
        }
    }
}

/// What the limit counts for: everything an account sends, or only a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// All that an account sends.
    #[default]
    Account,
    /// What an account sends with one client password.
    ClientPassword,
    /// What anybody sends, logged in, from one address (one source of `lockout`).
    Address,
}

impl Per {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Account, Self::ClientPassword, Self::Address];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::ClientPassword => "client-password",
            Self::Address => "address",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|per| per.word() == word)
    }
}

/// How much was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Messages.
    pub messages: u64,
    /// Their recipients.
    pub recipients: u64,
}

/// What was sent in one slot: its number is the time divided by [`SLOT_SECS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its number.
    pub number: i64,
    /// What was sent in it.
    pub amount: Amount,
}

/// The slot that a time lies in.
#[must_use]
pub fn slot_of(time: Timestamp) -> i64 {
    time.0.div_euclid(SLOT_SECS)
}

/// The oldest slot that any limit looks at.
#[must_use]
pub fn oldest_slot(now: Timestamp) -> i64 {
    first_slot(Limited::RecipientsPerDay, now)
}

/// The oldest slot of which a part lies within the window before `now`.
fn first_slot(limited: Limited, now: Timestamp) -> i64 {
    slot_of(Timestamp(now.minus(limited.window()).0 + 1))
}

/// Whether what was counted at `time` counts for every limit still.
#[must_use]
pub fn lies_within_every_window(time: Timestamp, now: Timestamp) -> bool {
    slot_of(time) >= first_slot(Limited::RecipientsPerHour, now)
}

/// When a slot leaves the window of a limit.
fn leaves(slot: i64, limited: Limited) -> Timestamp {
    Timestamp((slot + 1) * SLOT_SECS - 1).plus(limited.window())
}

/// How much of what was sent a limit counts at `now`.
#[must_use]
pub fn used(limited: Limited, slots: &[Slot], now: Timestamp) -> u64 {
    let first = first_slot(limited, now);
    slots.iter().filter(|slot| slot.number >= first).map(|slot| limited.of(slot.amount)).sum()
}

/// A limit that a message would go past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which.
    pub limited: Limited,
    /// How many it allows.
    pub limit: u32,
    /// When the message would fit; `None`: never, it is larger than the limit itself.
    pub opens: Option<Timestamp>,
}

/// The first level that says something of a limit: its place in `levels`, and what it says.
#[must_use]
pub fn winner(limited: Limited, levels: &[Limits]) -> Option<(usize, Allowance)> {
    let mut said = levels.iter().map(|limits| limits.get(limited)).enumerate();
    said.find(|(_, allowance)| *allowance != Allowance::Inherited)
}

/// The number in force for one limit: the first level that says something wins.
#[must_use]
pub fn in_force(limited: Limited, levels: &[Limits]) -> Option<u32> {
    match winner(limited, levels) {
        Some((_, Allowance::AtMost(limit))) => Some(limit),
        _ => None,
    }
}

/// Whether a message that adds `more` to `slots` keeps within one limit.
///
/// # Errors
/// It would go past it.
pub fn fits_one(
    limited: Limited,
    limit: u32,
    slots: &[Slot],
    more: Amount,
    now: Timestamp,
) -> Result<(), Reached> {
    let (room, more) = (u64::from(limit), limited.of(more));
    if more > 0 && used(limited, slots, now) + more > room {
        return Err(Reached { limited, limit, opens: opens(limited, slots, more, room, now) });
    }
    Ok(())
}

/// Whether a message that adds `more` to `slots` keeps within the limits of `levels`, the winning level
/// first. Of several limits that it would go past, the one that opens last is told.
///
/// # Errors
/// It would go past a limit.
pub fn fits(levels: &[Limits], slots: &[Slot], more: Amount, now: Timestamp) -> Result<(), Reached> {
    let fit = |limited| match in_force(limited, levels) {
        Some(limit) => fits_one(limited, limit, slots, more, now).err(),
        None => None,
    };
    let reached = Limited::ALL.into_iter().filter_map(fit);
    match reached.max_by_key(|reached| (reached.opens.is_none(), reached.opens)) {
        None => Ok(()),
        Some(reached) => Err(reached),
    }
}

/// When enough of what was sent has left the window.
fn opens(limited: Limited, slots: &[Slot], more: u64, room: u64, now: Timestamp) -> Option<Timestamp> {
    if more > room {
        return None;
    }
    let first = first_slot(limited, now);
    let mut slots: Vec<&Slot> = slots.iter().filter(|slot| slot.number >= first).collect();
    slots.sort_by_key(|slot| slot.number);
    let mut left: u64 = slots.iter().map(|slot| limited.of(slot.amount)).sum();
    for slot in slots {
        left -= limited.of(slot.amount);
        if left + more <= room {
            return Some(leaves(slot.number, limited));
        }
    }
    Some(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const ONE: Amount = Amount { messages: 1, recipients: 1 };

    fn slot(number: i64, messages: u64, recipients: u64) -> Slot {
        Slot { number, amount: Amount { messages, recipients } }
    }

    fn only(limited: Limited, limit: u32) -> Limits {
        let mut limits = Limits::default();
        limits.0[limited as usize] = Allowance::AtMost(limit);
        limits
    }

    #[test]
    fn the_limit_is_the_last_that_fits() {
        let levels = [only(Limited::RecipientsPerHour, 10)];
        let sent = |recipients| [slot(slot_of(NOW), 1, recipients)];
        assert!(fits(&levels, &sent(9), ONE, NOW).is_ok());
        let reached = fits(&levels, &sent(10), ONE, NOW).unwrap_err();
        assert_eq!((reached.limited, reached.limit), (Limited::RecipientsPerHour, 10));
        let opens = reached.opens.unwrap();
        assert!(fits(&levels, &sent(10), ONE, Timestamp(opens.0 - 1)).is_err());
        assert!(fits(&levels, &sent(10), ONE, opens).is_ok());
        assert!((3600..3600 + SLOT_SECS).contains(&(opens.0 - NOW.0)), "{}", opens.0 - NOW.0);
    }

    #[test]
    fn a_message_larger_than_the_limit_never_fits() {
        let levels = [only(Limited::RecipientsPerHour, 10), only(Limited::MessagesPerDay, 0)];
        let many = Amount { messages: 1, recipients: 11 };
        assert_eq!(fits(&levels[..1], &[], many, NOW).unwrap_err().opens, None);
        assert_eq!(fits(&levels[1..], &[], ONE, NOW).unwrap_err().opens, None, "zero is never");
    }

    #[test]
    fn the_first_level_that_says_something_wins() {
        let limited = Limited::MessagesPerHour;
        let (low, high) = (only(limited, 1), only(limited, 5));
        let mut free = Limits::default();
        free.0[limited as usize] = Allowance::Unlimited;
        let silent = Limits::default();
        assert_eq!(in_force(limited, &[high, low]), Some(5));
        assert_eq!(in_force(limited, &[silent, low, high]), Some(1));
        assert_eq!(in_force(limited, &[free, low]), None);
        assert_eq!(in_force(limited, &[silent, silent]), None);
        assert_eq!(in_force(Limited::MessagesPerDay, &[low]), None, "each limit by itself");
    }

    #[test]
    fn who_wins_is_told_even_if_there_is_no_limit() {
        let limited = Limited::MessagesPerHour;
        let mut free = Limits::default();
        free.0[limited as usize] = Allowance::Unlimited;
        let silent = Limits::default();
        assert_eq!(winner(limited, &[silent, free]), Some((1, Allowance::Unlimited)));
        assert_eq!(winner(limited, &[silent, only(limited, 1), free]), Some((1, Allowance::AtMost(1))));
        assert_eq!(winner(limited, &[silent]), None);
    }

    #[test]
    fn of_several_limits_the_one_that_opens_last_is_told() {
        let mut both = only(Limited::MessagesPerHour, 1);
        both.0[Limited::MessagesPerDay as usize] = Allowance::AtMost(1);
        let sent = [slot(slot_of(NOW), 1, 1)];
        assert_eq!(fits(&[both], &sent, ONE, NOW).unwrap_err().limited, Limited::MessagesPerDay);
    }

    #[test]
    fn what_does_not_add_to_a_limit_does_not_meet_it() {
        let levels = [only(Limited::MessagesPerHour, 1)];
        let more_recipients = Amount { messages: 0, recipients: 5 };
        assert!(fits(&levels, &[slot(slot_of(NOW), 1, 1)], more_recipients, NOW).is_ok());
    }

    proptest! {
        /// A sender who always tries at the first moment at which he is let through never gets more than
        /// the limit into any hour, and is never told a moment at which he is not let through.
        #[test]
        fn no_hour_sees_more_than_the_limit(
            limit in 1_u32..20,
            steps in prop::collection::vec((0_i64..2_000, 1_u64..6), 1..60),
        ) {
            let levels = [only(Limited::RecipientsPerHour, limit)];
            let mut now = NOW;
            let mut sent: Vec<(Timestamp, u64)> = Vec::new();
            let mut slots: Vec<Slot> = Vec::new();
            for (pause, recipients) in steps {
                now = Timestamp(now.0 + pause);
                let more = Amount { messages: 1, recipients };
                match fits(&levels, &slots, more, now) {
                    Err(Reached { opens: None, .. }) => {
                        prop_assert!(recipients > u64::from(limit));
                        continue;
                    }
                    Err(Reached { opens: Some(opens), .. }) => {
                        prop_assert!(opens > now);
                        prop_assert!(fits(&levels, &slots, more, Timestamp(opens.0 - 1)).is_err());
                        now = opens;
                        prop_assert!(fits(&levels, &slots, more, now).is_ok());
                    }
                    Ok(()) => {}
                }
                sent.push((now, recipients));
                slots.push(slot(slot_of(now), 1, recipients));
                for (end, _) in &sent {
                    let hour = sent.iter().filter(|(at, _)| at.0 > end.0 - 3600 && at <= end);
                    prop_assert!(hour.map(|(_, recipients)| recipients).sum::<u64>() <= u64::from(limit));
                }
            }
        }
    }
}
