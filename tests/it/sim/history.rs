//! What was done in one round and what came of it, in the order in which it was seen.

use std::cell::{Cell, RefCell};
use std::fmt;

use sidegate::gate::order::{Done, OrderRefused};
use sidegate::service::OrderError;

use super::script::{Op, Weather};

/// The answer to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    Ok,
    /// Refused as every wrong secret is.
    Fail,
    /// Refused because of a block.
    Blocked,
    /// Our own trouble.
    Trouble,
}

impl Heard {
    /// Reads a line: the request's number, and the answer.
    pub(super) fn parse(line: &str) -> (u32, Self) {
        let mut fields = line.split('\t');
        let (word, id) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let rest: Vec<&str> = fields.collect();
        let has = |start: &str| rest.iter().any(|field| field.starts_with(start));
        // Each protocol has a code of its own before it.
        let blocked = || rest.iter().any(|field| field.contains("Too many failed logins"));
        let heard = match word {
            "OK" => Self::Ok,
            "FAIL" if has("code=temp_fail") => Self::Trouble,
            "FAIL" if blocked() => Self::Blocked,
            "FAIL" if !has("reason=") && !has("code=") => Self::Fail,
            _ => panic!("what is {line:?}?"),
        };
        (id.parse().unwrap(), heard)
    }
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done(Done),
    /// A client password was made.
    Made(i64, String),
    Refused(OrderRefused),
    Trouble,
}

impl Outcome {
    pub(super) fn of(result: Result<Done, OrderError>) -> Self {
        match result {
            Ok(done) => Self::Done(done),
            Err(OrderError::Refused(refused)) => Self::Refused(refused),
            Err(OrderError::Store(_) | OrderError::Hasher(_)) => Self::Trouble,
            Err(other) => panic!("{other}"),
        }
    }
}

/// One login or order.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) lane: usize,
    pub(super) op: Op,
    /// What a login presents.
    pub(super) secret: String,
    pub(super) begun: u32,
    pub(super) heard: Option<(u32, Heard)>,
    pub(super) outcome: Option<(u32, Outcome)>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lane, op, secret, begun, heard, outcome } = self;
        write!(f, "{lane}: {begun} {op:?}")?;
        if !secret.is_empty() {
            write!(f, " {secret:?}")?;
        }
        match (heard, outcome) {
            (Some((at, heard)), _) => write!(f, " -> {at} {heard:?}"),
            (None, Some((at, outcome))) => write!(f, " -> {at} {outcome:?}"),
            (None, None) => f.write_str(" -> unheard"),
        }
    }
}

impl Entry {
    pub(super) fn is_login(&self) -> bool {
        matches!(self.op, Op::Login { .. })
    }

    /// When its answer was heard, or `u32::MAX`.
    pub(super) fn ended(&self) -> u32 {
        let heard = self.heard.map(|(at, _)| at);
        heard.or(self.outcome.as_ref().map(|(at, _)| *at)).unwrap_or(u32::MAX)
    }

    /// An order that was carried out, or may have been.
    pub(super) fn may_hold(&self) -> bool {
        !matches!(self.outcome, Some((_, Outcome::Refused(_) | Outcome::Trouble)))
    }

    /// An order that was carried out, as was acknowledged before `moment`.
    pub(super) fn held_before(&self, moment: u32) -> bool {
        matches!(&self.outcome, Some((at, Outcome::Done(_) | Outcome::Made(..))) if *at < moment)
    }
}

/// A round as it happens.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) entries: RefCell<Vec<Entry>>,
    moment: Cell<u32>,
    /// Logins that were sent.
    pub(super) sent: Cell<u64>,
    pub(super) heard: Cell<usize>,
    /// Lanes that have more to say.
    pub(super) talking: Cell<usize>,
    /// Logins that were decided before it.
    pub(super) decided_before: u64,
    /// Until this moment none of its logins was decided.
    late: Cell<Option<u32>>,
}

impl History {
    pub(super) fn new(lanes: usize, decided_before: u64) -> Self {
        Self { talking: Cell::new(lanes), decided_before, ..Self::default() }
    }

    pub(super) fn falls_silent(&self) {
        self.talking.set(self.talking.get() - 1);
    }

    /// None of its logins is decided yet.
    pub(super) fn is_late(&self) {
        self.late.set(Some(self.moment()));
    }

    pub(super) fn over(self, weather: Weather, ending: Ending) -> Over {
        Over { late: self.late.get(), entries: self.entries.into_inner(), weather, ending }
    }

    fn moment(&self) -> u32 {
        self.moment.set(self.moment.get() + 1);
        self.moment.get()
    }

    /// Something begins; returns its place.
    pub(super) fn begin(&self, lane: usize, op: &Op, secret: String) -> usize {
        let begun = self.moment();
        let mut entries = self.entries.borrow_mut();
        entries.push(Entry { lane, op: op.clone(), secret, begun, heard: None, outcome: None });
        self.sent.set(self.sent.get() + u64::from(matches!(op, Op::Login { .. })));
        entries.len() - 1
    }

    pub(super) fn hear(&self, place: usize, heard: Heard) {
        let entry = &mut self.entries.borrow_mut()[place];
        assert!(entry.heard.is_none(), "a second answer to {entry:?}");
        entry.heard = Some((self.moment(), heard));
        self.heard.set(self.heard.get() + 1);
    }

    pub(super) fn end(&self, place: usize, outcome: Outcome) {
        self.entries.borrow_mut()[place].outcome = Some((self.moment(), outcome));
        self.heard.set(self.heard.get() + 1);
    }
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everything was decided.
    Whole,
    /// By an orderly stop: what was told of trouble may have been decided.
    Stopped,
    /// Everything was dropped.
    Killed,
}

/// A round that is over.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) entries: Vec<Entry>,
    pub(super) weather: Weather,
    pub(super) ending: Ending,
    /// Until this moment no login was decided.
    pub(super) late: Option<u32>,
}

impl Over {
    /// A round in which nothing was done.
    pub(super) fn nothing() -> Self {
        Self { entries: Vec::new(), weather: Weather::Fine, ending: Ending::Whole, late: None }
    }
}
