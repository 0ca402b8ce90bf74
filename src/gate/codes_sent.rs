//! How many messages are paid for: rules over small records, pure.
//!
//! Whoever makes a portal send messages to expensive numbers earns by it. So there is a pause between two to a
//! number, a count a day for each number, account and address, and one for all. A day begins with the first message
//! that is counted in it and lasts 24 hours, so that a record is a time and a number. Two days that follow each other
//! may have their messages on either side of their border: then up to twice as many lie within 24 hours.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The pause between two messages to a number.
pub const PAUSE: Duration = Duration::from_secs(60);
/// How long a count lasts.
pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// Messages to a number a day.
pub const PER_NUMBER: u32 = 10;
/// Messages for an account a day.
pub const PER_ACCOUNT: u32 = 20;
/// Messages asked for from an address a day, by SMS and by mail each. Behind one may stand a whole campus, for which the
/// other limits are there: this one is for sites that allow many more in all.
pub const PER_ADDRESS: u32 = 1000;
/// Messages a day.
pub const PER_DAY: u32 = 1000;
/// Somebody is told at this part of a day's messages: soon enough to look before nobody gets a code.
const ALARM_PART: u32 = 2;

/// A day's count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// When its first message was sent.
    pub since: Timestamp,
    /// How many there were.
    pub sent: u32,
}

impl Count {
    /// The count that is open at `now`.
    fn at(self, now: Timestamp) -> Self {
        // A record from the future is one from before the clock was set back.
        let since = self.since.min(now);
        if now < since.plus(DAY) { Self { since, ..self } } else { Self { since: now, sent: 0 } }
    }

    /// The count with one more.
    fn more(self, now: Timestamp) -> Self {
        let open = self.at(now);
        Self { sent: open.sent.saturating_add(1), ..open }
    }

    /// When there is room for one more, where there is none now.
    fn full(self, most: u32, now: Timestamp) -> Option<Timestamp> {
        let open = self.at(now);
        (open.sent >= most).then(|| open.since.plus(DAY))
    }
}

/// What is kept of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberRecord {
    /// When the last message was sent to it.
    pub last: Option<Timestamp>,
    /// How many were.
    pub day: Count,
}

/// What is kept of all messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalRecord {
    /// How many there were.
    pub day: Count,
    /// Whether somebody was told of this day.
    #[serde(default)]
    pub alarmed: bool,
}

/// What a message is counted in. What was never kept is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRecords {
    /// The number that gets it.
    pub number: NumberRecord,
    /// The account that it is for.
    pub account: Count,
    /// The address it was asked for from, an IPv6 network as one; messages by SMS and by mail each.
    pub address: Count,
    /// All.
    pub total: TotalRecord,
}

/// How many messages are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentLimits {
    /// The pause between two to a number.
    pub pause: Duration,
    /// To a number a day.
    pub per_number: u32,
    /// For an account a day.
    pub per_account: u32,
    /// From an address a day, by SMS and by mail each.
    pub per_address: u32,
    /// A day, by SMS and by mail each. At half of them somebody is told.
    pub per_day: u32,
}

impl Default for SentLimits {
    fn default() -> Self {
        Self {
            pause: PAUSE,
            per_number: PER_NUMBER,
            per_account: PER_ACCOUNT,
            per_address: PER_ADDRESS,
            per_day: PER_DAY,
        }
    }
}

/// What is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentLimit {
    /// The pause of a number.
    Pause,
    /// The count of a number.
    Number,
    /// The count of an account.
    Account,
    /// The count of an address.
    Address,
    /// The count of all.
    Total,
}

/// A message may be sent. The records are to be on disk before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    /// What is to be kept.
    pub records: SentRecords,
    /// Somebody is to be told that many messages are sent: once a day.
    pub alarm: bool,
}

/// A message may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it would go past; of several, what ends last.
    pub limit: SentLimit,
    /// When it may be tried again.
    pub again: Timestamp,
}

impl SentLimits {
    /// Decides over one message, and counts it. Nothing is counted that is not sent. A message whose fate nobody
    /// knows stays counted: it may have cost something.
    ///
    /// A clock that was set back lengthens a wait by its step at most.
    ///
    /// # Errors
    /// It would go past a limit.
    pub fn book(&self, records: &SentRecords, now: Timestamp) -> Result<Booked, Held> {
        let SentRecords { number, account, address, total } = *records;
        let pause = number.last.map(|last| last.plus(self.pause)).filter(|again| now < *again);
        let met = [
            (SentLimit::Pause, pause),
            (SentLimit::Number, number.day.full(self.per_number, now)),
            (SentLimit::Account, account.full(self.per_account, now)),
            (SentLimit::Address, address.full(self.per_address, now)),
            (SentLimit::Total, total.day.full(self.per_day, now)),
        ];
        let met = met.into_iter().filter_map(|(limit, again)| Some(Held { limit, again: again? }));
        if let Some(held) = met.max_by_key(|held| held.again) {
            return Err(held);
        }
        let day = total.day.more(now);
        // A new day has one message.
        let alarmed = total.alarmed && day.sent > 1;
        let alarm = !alarmed && day.sent >= self.per_day.div_ceil(ALARM_PART);
        let total = TotalRecord { day, alarmed: alarmed || alarm };
        let number = NumberRecord { last: Some(now), day: number.day.more(now) };
        let records = SentRecords { number, account: account.more(now), address: address.more(now), total };
        Ok(Booked { records, alarm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn after(seconds: i64) -> Timestamp {
        Timestamp(NOW.0 + seconds)
    }

    /// A count that this many messages stand in since [`NOW`].
    fn sent(sent: u32) -> Count {
        Count { since: NOW, sent }
    }

    fn with(change: impl FnOnce(&mut SentRecords)) -> SentRecords {
        let mut records = SentRecords::default();
        change(&mut records);
        records
    }

    #[test]
    fn the_first_message_is_counted_everywhere() {
        let booked = SentLimits::default().book(&SentRecords::default(), NOW).unwrap();
        let expected = SentRecords {
            number: NumberRecord { last: Some(NOW), day: sent(1) },
            account: sent(1),
            address: sent(1),
            total: TotalRecord { day: sent(1), alarmed: false },
        };
        assert_eq!(booked, Booked { records: expected, alarm: false });
    }

    #[test]
    fn a_number_pauses_for_a_minute() {
        let limits = SentLimits::default();
        let records = limits.book(&SentRecords::default(), NOW).unwrap().records;
        let pause = i64::try_from(PAUSE.as_secs()).unwrap();
        let held = Held { limit: SentLimit::Pause, again: after(pause) };
        assert_eq!(limits.book(&records, NOW), Err(held));
        assert_eq!(limits.book(&records, after(pause - 1)), Err(held));
        assert!(limits.book(&records, after(pause)).is_ok());
        let other = SentRecords { number: NumberRecord::default(), ..records };
        assert!(limits.book(&other, NOW).is_ok(), "only this number");
    }

    #[test]
    fn each_limit_holds_at_its_end_and_opens_after_a_day() {
        let limits = SentLimits::default();
        type Case = (SentLimit, u32, fn(&mut SentRecords, Count));
        let cases: [Case; 4] = [
            (SentLimit::Number, PER_NUMBER, |records, count| records.number.day = count),
            (SentLimit::Account, PER_ACCOUNT, |records, count| records.account = count),
            (SentLimit::Address, PER_ADDRESS, |records, count| records.address = count),
            (SentLimit::Total, PER_DAY, |records, count| records.total.day = count),
        ];
        let day = i64::try_from(DAY.as_secs()).unwrap();
        for (limit, most, set) in cases {
            let last = with(|records| set(records, sent(most - 1)));
            let full = with(|records| set(records, sent(most)));
            let past = with(|records| set(records, sent(u32::MAX)));
            assert!(limits.book(&last, after(1)).is_ok(), "{limit:?}");
            for records in [full, past] {
                let held = Held { limit, again: after(day) };
                assert_eq!(limits.book(&records, after(1)), Err(held));
                assert_eq!(limits.book(&records, after(day - 1)), Err(held));
                assert!(limits.book(&records, after(day)).is_ok(), "{limit:?}");
            }
        }
    }

    #[test]
    fn of_several_limits_the_one_that_ends_last_is_told() {
        let number = NumberRecord { last: Some(after(10)), day: sent(PER_NUMBER) };
        let held =
            SentLimits::default().book(&with(|records| records.number = number), after(20)).unwrap_err();
        assert_eq!(held.limit, SentLimit::Number);
    }

    /// The messages of a day, of which those are true at which somebody is told; and what is kept then.
    fn alarms(limits: SentLimits, mut records: SentRecords) -> (Vec<bool>, SentRecords) {
        let mut alarms = Vec::new();
        for second in 0..7 {
            if let Ok(booked) = limits.book(&records, after(second)) {
                records = booked.records;
                alarms.push(booked.alarm);
            }
        }
        (alarms, records)
    }

    #[test]
    fn somebody_is_told_once_a_day() {
        let limits = SentLimits { per_day: 5, pause: Duration::ZERO, ..SentLimits::default() };
        let (told, records) = alarms(limits, SentRecords::default());
        assert_eq!(told, [false, false, true, false, false]);
        let next = limits.book(&records, NOW.plus(DAY)).unwrap();
        assert_eq!(
            next.records.total,
            TotalRecord { day: Count { since: NOW.plus(DAY), sent: 1 }, alarmed: false }
        );
        let (told, _) = alarms(SentLimits { per_day: 1, ..limits }, SentRecords::default());
        assert_eq!(told, [true], "of one");
    }

    #[test]
    fn an_alarm_that_was_set_lower_is_not_missed() {
        let limits = SentLimits { per_day: 8, pause: Duration::ZERO, ..SentLimits::default() };
        let many = with(|records| records.total.day = sent(4));
        assert_eq!(alarms(limits, many).0[..2], [true, false]);
    }

    #[test]
    fn zero_is_never_and_a_clock_set_back_frees_nobody() {
        let none = SentLimits { per_day: 0, ..SentLimits::default() };
        assert_eq!(none.book(&SentRecords::default(), NOW).unwrap_err().limit, SentLimit::Total);
        let records = SentLimits::default().book(&SentRecords::default(), NOW).unwrap().records;
        let held = SentLimits::default().book(&records, after(-100)).unwrap_err();
        assert_eq!(held, Held { limit: SentLimit::Pause, again: NOW.plus(PAUSE) });
    }

    proptest! {
        /// Who always tries at the moment that he was told gets through then, and never more than the limit lie in
        /// a day that began with a message.
        #[test]
        fn what_is_told_is_true(per_number in 1_u32..6, pauses in prop::collection::vec(0_i64..20_000, 1..80)) {
            let limits = SentLimits { per_number, ..SentLimits::default() };
            let (mut now, mut records, mut told) = (NOW, SentRecords::default(), Vec::<Timestamp>::new());
            for pause in pauses {
                now = Timestamp(now.0 + pause);
                let booked = match limits.book(&records, now) {
                    Ok(booked) => booked,
                    Err(held) => {
                        prop_assert!(held.again > now);
                        prop_assert!(limits.book(&records, Timestamp(held.again.0 - 1)).is_err());
                        now = held.again;
                        let booked = limits.book(&records, now);
                        prop_assert!(booked.is_ok(), "{booked:?} at {now}");
                        booked.unwrap()
                    }
                };
                records = booked.records;
                prop_assert!(told.last().is_none_or(|last| last.plus(PAUSE) <= now));
                told.push(now);
                let within = told.iter().filter(|at| at.plus(DAY) > now).count();
                prop_assert!(within <= 2 * per_number as usize);
                prop_assert!(records.number.day.sent <= per_number);
            }
        }
    }
}
