//! `sidegate events`: the audit log, once or as it grows.

use std::thread::sleep;
use std::time::Duration;

use super::ask::rows;
use super::commands::Events;
use super::output::Out;
use super::times::now;
use super::{Failure, answers, note};
use crate::api::client::{Answer, Client, ClientError, Target};
use crate::api::{EventList, ROWS_DEFAULT};

/// How often a follower looks. Somebody may wait for an event to act on it: conf/dovecot/kick.sh.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What a follower sees first unless told otherwise, as with `tail -f`.
const FOLLOW_FIRST: u32 = 10;

/// `sidegate events`
pub(super) fn events(wanted: &Events, client: &Client, out: &mut Out) -> Result<(), Failure> {
    if wanted.follow {
        return Follower::start(wanted, client, out)?.go_on(wanted, client, out);
    }
    let answer = client.get(&first(wanted).with_some("limit", wanted.limit))?;
    if out.style.json {
        return out.json(answer.bytes());
    }
    let list: EventList = answer.read()?;
    if list.events.is_empty() {
        note("no events");
        return Ok(());
    }
    out.text(&answers::events(&list.events, &out.style))?;
    if wanted.limit.is_none() && u32::try_from(list.events.len()) == Ok(ROWS_DEFAULT) {
        note(&format!("note: these are the newest {ROWS_DEFAULT}; --limit shows more"));
    }
    Ok(())
}

/// The question without number and limit.
fn filtered(wanted: &Events) -> Target {
    let words: Vec<&str> = wanted.kinds.iter().map(|kind| kind.word()).collect();
    Target::of(&["events"])
        .with_some("account", wanted.account.as_deref())
        .with_some("address", wanted.from.as_deref())
        .with_some("kind", (!words.is_empty()).then(|| words.join(",")))
}

fn first(wanted: &Events) -> Target {
    filtered(wanted).with_some("since", wanted.since.map(|span| now().minus(span).0))
}

/// The number of the newest event of all.
fn newest(client: &Client) -> Result<i64, ClientError> {
    let list: EventList = client.get(&Target::of(&["events"]).with("limit", 1))?.read()?;
    Ok(list.events.last().map_or(0, |event| event.id))
}

/// Somebody who watches the log.
struct Follower {
    /// The last event that was seen, or that was there at the start.
    last: i64,
    /// The daemon did not answer the last time.
    alone: bool,
}

impl Follower {
    /// Shows what is there. A daemon that is away from the start is an error.
    fn start(wanted: &Events, client: &Client, out: &mut Out) -> Result<Self, Failure> {
        // Asked first, so that an event in between is seen by the next look and not lost.
        let mut follower = Self { last: newest(client)?, alone: false };
        let limit = match (wanted.limit, wanted.since) {
            (Some(limit), _) => limit,
            (None, Some(_)) => ROWS_DEFAULT,
            (None, None) => FOLLOW_FIRST,
        };
        let answer = client.get(&first(wanted).with("limit", limit))?;
        follower.show(&answer, true, out)?;
        Ok(follower)
    }

    fn go_on(mut self, wanted: &Events, client: &Client, out: &mut Out) -> Result<(), Failure> {
        loop {
            if !self.look(wanted, client, out)? {
                sleep(LOOK_EVERY);
            }
        }
    }

    /// Shows what is new; says whether there may be more at once.
    fn look(&mut self, wanted: &Events, client: &Client, out: &mut Out) -> Result<bool, Failure> {
        // Events of other kinds are passed over, or each look would go through all of them once more. Asked before, so
        // that none of the wanted ones comes in between.
        let newest = if wanted.kinds.is_empty() { Ok(None) } else { newest(client).map(Some) };
        match newest.and_then(|newest| Ok((newest, self.fetch(wanted, client)?))) {
            Ok((newest, answer)) => {
                let shown = self.show(&answer, false, out)?;
                let more = u32::try_from(shown).is_ok_and(|shown| shown >= ROWS_DEFAULT);
                self.last = self.last.max(newest.filter(|_| !more).unwrap_or(0));
                Ok(more)
            }
            Err(error) if is_passing(&error) => {
                if !self.alone {
                    note(&format!("sidegate: {error}"));
                    note("sidegate: waiting for sidegated to answer again");
                }
                self.alone = true;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn fetch(&mut self, wanted: &Events, client: &Client) -> Result<Answer, ClientError> {
        if self.alone {
            // After a restart with an older copy of the database the numbers start lower.
            self.last = self.last.min(newest(client)?);
            self.alone = false;
            note("sidegate: sidegated answers again");
        }
        client.get(&filtered(wanted).with("after", self.last).with("limit", ROWS_DEFAULT))
    }

    fn show(&mut self, answer: &Answer, first: bool, out: &mut Out) -> Result<usize, Failure> {
        if out.style.json {
            let rows = rows(answer, "events")?;
            for row in &rows {
                let id = row.get("id").and_then(serde_json::Value::as_i64);
                self.last = self.last.max(id.unwrap_or(0));
                out.value_line(row)?;
            }
            return Ok(rows.len());
        }
        let list: EventList = answer.read()?;
        if let Some(event) = list.events.last() {
            self.last = self.last.max(event.id);
        }
        let style = &out.style;
        let text = if first {
            answers::events(&list.events, style)
        } else {
            answers::more_events(&list.events, style)
        };
        if !text.is_empty() {
            out.text(&text)?;
        }
        Ok(list.events.len())
    }
}

/// Whether it may be over in a moment: a daemon that restarts, a store that is busy.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable(_) | ClientError::Broken(_) => true,
        ClientError::Refused { status, .. } => *status == 503,
        ClientError::Write(_) | ClientError::Interrupted => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::client::tests::{daemon, refusal};
    use crate::cli::tests::{Page, sink};
    use crate::gate::event::Kind;
    use axum::Router;
    use axum::extract::Query;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    /// Answers these one after the other, and keeps the questions.
    fn scripted(answers: Vec<Result<Vec<i64>, ()>>) -> (Router, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (questions, answers) = (asked.clone(), Arc::new(Mutex::new(answers.into_iter())));
        let route = get(move |Query(query): Query<HashMap<String, String>>| async move {
            let mut query: Vec<_> =
                query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            query.sort();
            questions.lock().unwrap().push(query.join("&"));
            match answers.lock().unwrap().next() {
                Some(Ok(ids)) => Page(&ids).into_response(),
                _ => refusal(503, "unavailable", "try again").into_response(),
            }
        });
        (Router::new().route("/v1/events", route), asked)
    }

    fn wanted() -> Events {
        let from = Some("192.0.2.7".into());
        Events { follow: true, since: None, account: None, from, kinds: Vec::new(), limit: None }
    }

    #[test]
    fn a_follower_misses_nothing_and_survives_a_restart() {
        let (router, asked) = scripted(vec![
            Ok(vec![7]),
            Ok(vec![5]),
            Ok(vec![8, 9]),
            Err(()),
            Ok(vec![3]),
            Ok(vec![4]),
            Ok(vec![]),
        ]);
        let (_folder, socket) = daemon(router);
        let client = Client::new(&socket).unwrap();
        let (mut out, seen) = sink(true);
        let mut follower = Follower::start(&wanted(), &client, &mut out).unwrap();
        for _ in 0..4 {
            assert!(!follower.look(&wanted(), &client, &mut out).unwrap());
        }
        let ids: Vec<i64> = seen
            .text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, [5, 8, 9, 4], "one line per event");
        let asked = asked.lock().unwrap().clone();
        assert_eq!(
            asked,
            [
                "limit=1",
                "address=192.0.2.7&limit=10",
                "address=192.0.2.7&after=7&limit=1000",
                "address=192.0.2.7&after=9&limit=1000",
                "limit=1",
                "address=192.0.2.7&after=3&limit=1000",
                "address=192.0.2.7&after=4&limit=1000",
            ]
        );
    }

    #[test]
    fn a_full_page_is_followed_by_the_next_at_once() {
        let page: Vec<i64> = (1..=i64::from(ROWS_DEFAULT)).collect();
        let (router, _) = scripted(vec![Ok(vec![]), Ok(vec![]), Ok(page)]);
        let (_folder, socket) = daemon(router);
        let client = Client::new(&socket).unwrap();
        let (mut out, _) = sink(false);
        let mut follower = Follower::start(&wanted(), &client, &mut out).unwrap();
        assert!(follower.look(&wanted(), &client, &mut out).unwrap());
        assert_eq!(follower.last, i64::from(ROWS_DEFAULT));
    }

    #[test]
    fn a_follower_of_some_kinds_passes_over_the_others() {
        let (router, asked) = scripted(vec![
            Ok(vec![7]),
            Ok(vec![5]),
            Ok(vec![70]),
            Ok(vec![]),
            Ok(vec![90]),
            Ok(vec![80, 91]),
        ]);
        let (_folder, socket) = daemon(router);
        let client = Client::new(&socket).unwrap();
        let (mut out, _) = sink(true);
        let wanted = Events { kinds: vec![Kind::BlockAdded, Kind::BlockLifted], from: None, ..wanted() };
        let mut follower = Follower::start(&wanted, &client, &mut out).unwrap();
        for last in [70, 91] {
            assert!(!follower.look(&wanted, &client, &mut out).unwrap());
            assert_eq!(follower.last, last);
        }
        assert_eq!(
            *asked.lock().unwrap(),
            [
                "limit=1",
                "kind=block-added,block-lifted&limit=10",
                "limit=1",
                "after=7&kind=block-added,block-lifted&limit=1000",
                "limit=1",
                "after=70&kind=block-added,block-lifted&limit=1000",
            ]
        );
    }

    #[test]
    fn a_refusal_ends_it_and_a_restart_does_not() {
        let refused = |status| ClientError::Refused {
            status,
            body: crate::api::ErrorBody { error: String::new(), message: String::new() },
        };
        assert!(is_passing(&refused(503)));
        assert!(!is_passing(&refused(403)));
        assert!(is_passing(&ClientError::Unreachable(String::new())));
    }
}
