//! Bookings against a plain list of them: whoever dawdles, loses connections, asks twice or is never asked at the end,
//! no hour holds more than the limit.

use proptest::prelude::*;

use super::*;
use crate::gate::limits::Allowance;
use crate::gate::name::AccountName;
use crate::store::sqlite::Sqlite;
use crate::store::{Backend as _, Store as _};

const LIMIT: u32 = 10;
const START: i64 = 1_800_000_000;

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Data { message: usize, recipients: u32 },
    End { message: usize, recipients: u32 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let pauses = prop_oneof![0_i64..30, 200_i64..1_000, 3_000_i64..4_500];
    prop_oneof![
        2 => pauses.prop_map(Step::Pass),
        3 => (0_usize..12, 1_u32..6).prop_map(|(message, recipients)| Step::Data { message, recipients }),
        3 => (0_usize..12, 1_u32..6).prop_map(|(message, recipients)| Step::End { message, recipients }),
        1 => Just(Step::Restart),
    ]
}

fn recipients_per_hour(most: u32) -> Limits {
    let mut limits = Limits::default();
    limits.0[Limited::RecipientsPerHour as usize] = Allowance::AtMost(most);
    limits
}

fn asked(
    message: usize,
    ask: Ask,
    recipients: u32,
    now: i64,
    ends_heard: Option<Range<Timestamp>>,
) -> Passing {
    let account = AccountName::parse("ann@example.org", None).unwrap();
    let about = Event::new(Timestamp(now), Kind::Sending, "gate");
    let message_of = Message { account, password_id: None, address: None, recipients };
    let (group, channels) = (None, String::new());
    let instance = format!("m{message}");
    Passing { instance, message: message_of, group, ask, ends_heard, revoke: false, channels, about }
}

/// What was let out, as a plain list: when and to how many.
fn most_in_an_hour(sent: &[(i64, u32)]) -> u32 {
    let hour = |end: i64| sent.iter().filter(move |(at, _)| *at > end - 3600 && *at <= end);
    sent.iter().map(|(end, _)| hour(*end).map(|(_, recipients)| recipients).sum()).max().unwrap_or(0)
}

fn play(steps: &[Step], ends_are_asked: bool) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Sqlite::at(folder.path().join("store.db")).connect().unwrap();
    let limits = recipients_per_hour(LIMIT);
    store.write(&mut |tables| tables.put_limits(&Level::Default, Per::Account, &limits)).unwrap();
    let (mut now, mut started, mut heard) = (START, START, None);
    // Each message with how many it was let through for, and whether it is over.
    let mut open: [(Option<u32>, bool); 12] = [(None, false); 12];
    let mut sent = Vec::new();
    for step in steps {
        let mut ask = |message, ask, recipients, heard| {
            let passing = asked(message, ask, recipients, now, heard);
            let mut passed = None;
            store
                .write(&mut |tables| {
                    passed = Some(pass(tables, &passing)?.verdict);
                    Ok(())
                })
                .unwrap();
            passed.unwrap()
        };
        match *step {
            Step::Pass(secs) => now += secs,
            Step::Restart => (started, heard) = (now, None),
            Step::Data { message, .. } if open[message].1 => {}
            Step::Data { message, recipients } => {
                if ask(message, Ask::Reserve, recipients, heard.clone()).is_ok() {
                    let first = open[message].0.is_none();
                    open[message].0 = Some(open[message].0.unwrap_or(0).max(recipients));
                    if !ends_are_asked && first {
                        // It is as good as gone.
                        open[message].1 = true;
                        sent.push((now, recipients));
                    }
                }
            }
            Step::End { message, recipients } if ends_are_asked => {
                let (Some(let_through), over) = open[message] else { continue };
                heard = Some(Timestamp(started)..Timestamp(now));
                let ended = ask(message, Ask::Book, recipients, heard.clone());
                if over {
                    continue;
                }
                open[message].1 = true;
                match ended {
                    Ok(first) => {
                        prop_assert!(first);
                        sent.push((now, let_through.max(recipients)));
                    }
                    Err(_) => open[message] = (None, true),
                }
            }
            Step::End { .. } => {}
        }
    }
    // What Postfix says at the end is the number of recipients; what it said at DATA may have been more.
    prop_assert!(most_in_an_hour(&sent) <= LIMIT, "{sent:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_hour_holds_more_than_the_limit(steps in prop::collection::vec(step(), 1..60)) {
        play(&steps, true)?;
    }

    #[test]
    fn nor_where_nobody_asks_at_the_end(steps in prop::collection::vec(step(), 1..60)) {
        play(&steps, false)?;
    }
}

#[test]
fn whoever_holds_data_open_gets_no_more_than_the_limit() {
    let slow = |pause: i64| -> Vec<Step> {
        let datas = (0..5).flat_map(|message| [Step::Data { message, recipients: LIMIT }, Step::Pass(pause)]);
        // An end is heard of in between: what did not end is given back.
        let other = [Step::Data { message: 11, recipients: 0 }, Step::End { message: 11, recipients: 0 }];
        let ends = (0..5).map(|message| Step::End { message, recipients: LIMIT });
        datas.chain(other).chain(ends).collect()
    };
    for pause in [1, RESERVED_SECS + 5, 3_600, 3_905] {
        play(&slow(pause), true).unwrap();
    }
}

#[test]
fn a_quick_message_is_never_sent_back_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Sqlite::at(folder.path().join("store.db")).connect().unwrap();
    let mut ask = |passing: Passing| {
        let mut passed = None;
        store
            .write(&mut |tables| {
                let limits = recipients_per_hour(if passing.ask == Ask::Book { 1 } else { LIMIT });
                tables.put_limits(&Level::Default, Per::Account, &limits)?;
                passed = Some(pass(tables, &passing)?.verdict);
                Ok(())
            })
            .unwrap();
        passed.unwrap()
    };
    assert_eq!(ask(asked(0, Ask::Reserve, 10, START, None)), Ok(false));
    assert_eq!(
        ask(asked(0, Ask::Book, 10, START + 3_000, None)),
        Ok(true),
        "the limit was lowered meanwhile"
    );
}
