//! Who came in and who was stopped at the second factor, as it is put down: a login counts as accepted when its last proof
//! was right, not before.

use super::proof::device_in_words;
use super::{Arrival, Desk, Known};
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind, PENDING as UNDECIDED, TOLD};
use crate::gate::name::Protocol;
use crate::gate::session::{PENDING, Session, Stage};
use crate::gate::visit::{By, KEPT, Outcome, VISITS_MAX, Visit, WRONG_MAX};
use crate::store::{StoreError, Tables};

/// Visits, as they are shown.
pub type Arrivals = Vec<Seen>;

/// A visit, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The visit. Where no second factor can come any more, it is stopped.
    pub visit: Visit,
    /// When it was last used, while it goes on.
    pub on: Option<Timestamp>,
    /// Its owner probably mistyped, or gave up.
    pub slip: bool,
}

/// Visits as they are shown: `on` are the sessions that go on.
pub(super) fn seen(mut visits: Vec<Visit>, on: Vec<Session>, now: Timestamp) -> Arrivals {
    visits.retain(|visit| visit.last >= now.minus(KEPT));
    let session = |visit: &Visit| on.iter().find(|session| visit.session == Some(session.id));
    let show = |visit: &Visit| {
        let session = session(visit);
        let over = session.is_none() || visit.count > 1 || visit.wrong >= WRONG_MAX;
        let outcome = match visit.outcome {
            Outcome::Pending if over => Outcome::Stopped,
            outcome => outcome,
        };
        let slip = outcome == Outcome::Stopped && visit.is_slip(&visits);
        Seen { visit: Visit { outcome, ..visit.clone() }, on: session.map(|session| session.seen), slip }
    };
    visits.iter().map(show).collect()
}

/// What stands for an address that nobody knows.
const NOWHERE: &str = "-";

impl Desk<'_> {
    /// The main password was right.
    pub(super) fn arrived(&mut self, known: &Known, arrival: &Arrival) -> Result<(), StoreError> {
        let by = match known.session.stage {
            // A main password alone is nothing where a code is waited for, too.
            _ if arrival.both || known.owner.awaits_code => None,
            Stage::Factor => None,
            Stage::Trusted => Some(By::Trusted),
            Stage::SetUp | Stage::Full => Some(By::MainPassword),
        };
        let mut event = arrival.login.clone().account(known.account.name.as_str());
        match by {
            Some(by) => event.reason = Some(by.word().to_owned()),
            None => event.verdict = Some(UNDECIDED.to_owned()),
        }
        self.note(event)?;
        let mut visit = self.new_visit(known, arrival.source.as_deref());
        if let Some(by) = by {
            visit.outcome = Outcome::In(by);
        } else {
            let visits = self.tables.visits(known.account.id)?;
            let open = visits.into_iter().find(|old| old.outcome == Outcome::Pending && old.is_alike(&visit));
            if let Some(open) = open {
                let count = open.count.saturating_add(1);
                visit = Visit { session: visit.session, last: visit.last, count, ..open };
            }
        }
        self.put_visit(&visit)
    }

    fn new_visit(&self, known: &Known, source: Option<&str>) -> Visit {
        let now = self.at.now;
        let visitor = known.visitor.clone();
        let source = source.or(visitor.address.as_deref()).unwrap_or(NOWHERE).to_owned();
        Visit {
            id: 0,
            account_id: known.account.id,
            session: Some(known.session.id),
            outcome: Outcome::Pending,
            begun: now,
            last: now,
            count: 1,
            wrong: 0,
            source,
            address: visitor.address,
            system: visitor.system,
            program: visitor.program,
            told: None,
        }
    }

    fn put_visit(&mut self, visit: &Visit) -> Result<(), StoreError> {
        self.tables.put_visit(visit)?;
        self.tables.bound_visits(visit.account_id, visit.came_in(), VISITS_MAX)
    }

    /// The visit of a session; of several attempts of one browser, the last has it in its name.
    fn visit(&mut self, known: &Known) -> Result<Option<Visit>, StoreError> {
        let own = self.tables.visit(known.session.id)?;
        if own.is_some() || known.session.stage != Stage::Factor {
            return Ok(own);
        }
        let visits = self.tables.visits(known.account.id)?;
        let visitor = &known.visitor;
        let alike = |visit: &Visit| {
            visit.address == visitor.address
                && visit.system == visitor.system
                && visit.program == visitor.program
        };
        Ok(visits.into_iter().find(|visit| !visit.came_in() && visit.count > 1 && alike(visit)))
    }

    /// A second factor was proved: whoever was not in yet is now.
    pub(super) fn came_in(&mut self, known: &Known, by: By) -> Result<(), StoreError> {
        let visit = match self.visit(known)? {
            Some(visit) if visit.outcome == Outcome::In(By::MainPassword) => {
                // There was none to prove then; or it was bound just now.
                return self.put_visit(&Visit { outcome: Outcome::In(by), ..visit });
            }
            Some(visit) if visit.came_in() => return Ok(()),
            Some(visit) => visit,
            None if known.session.stage == Stage::Factor => self.new_visit(known, None),
            None => return Ok(()),
        };
        let mut event = Event::new(self.at.now, Kind::Login, "gate").account(known.account.name.as_str());
        event.address.clone_from(&known.visitor.address);
        event.protocol = Some(Protocol::PORTAL_NAME.to_owned());
        event.verdict = Some("accept".to_owned());
        self.note(event.reason(by.word()))?;
        let (outcome, session) = (Outcome::In(by), Some(known.session.id));
        let mut came = Visit { outcome, session, begun: visit.last, last: self.at.now, ..visit.clone() };
        if visit.count > 1 {
            // Those before it stay what they are.
            let session = visit.session.filter(|session| *session != known.session.id);
            self.put_visit(&Visit { count: visit.count - 1, session, ..visit })?;
            came = Visit { id: 0, count: 1, wrong: 0, told: None, ..came };
        }
        self.put_visit(&came)
    }

    /// A second factor was wrong.
    pub(super) fn not_let_in(&mut self, known: &Known) -> Result<(), StoreError> {
        let Some(mut visit) = self.visit(known)?.filter(|visit| !visit.came_in()) else { return Ok(()) };
        visit.wrong = visit.wrong.saturating_add(1);
        if visit.guesses() && tell(self.tables, &mut visit, self.at.now)? {
            self.note(stopped(known.account.name.as_str(), &visit, true))?;
        }
        self.put_visit(&visit)
    }
}

/// Puts down those of whom no second factor can come any more, at most so many; returns what is to be logged.
///
/// # Errors
/// The store's own trouble.
pub fn settle_visits(tables: &mut dyn Tables, now: Timestamp, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    for (account, mut visit) in tables.pending_visits(now.minus(2 * PENDING), now.minus(PENDING), limit)? {
        visit.outcome = Outcome::Stopped;
        let told = tell(tables, &mut visit, now)?;
        let event = stopped(&account, &visit, told);
        tables.add_event(&event)?;
        events.push(event);
        let before = tables.visits(visit.account_id)?.into_iter().find(|before| visit.joins(before));
        if let Some(before) = before {
            tables.drop_visit(visit.id)?;
            visit = Visit {
                count: before.count.saturating_add(visit.count),
                wrong: before.wrong.saturating_add(visit.wrong),
                last: visit.last,
                session: visit.session,
                told: visit.told.max(before.told),
                ..before
            };
        }
        tables.put_visit(&visit)?;
    }
    Ok(events)
}

/// Whether the owner is told of a visit now; that is put into it.
fn tell(tables: &mut dyn Tables, visit: &mut Visit, now: Timestamp) -> Result<bool, StoreError> {
    let mut all = tables.visits(visit.account_id)?;
    all.retain(|other| other.id != visit.id);
    all.push(visit.clone());
    let told = visit.is_told(&all, now);
    if told {
        visit.told = Some(now);
    }
    Ok(told)
}

fn stopped(account: &str, visit: &Visit, told: bool) -> Event {
    // When it was, not when it was over.
    let mut event = Event::new(visit.last, Kind::StoppedAtFactor, "gate").account(account);
    event.address.clone_from(&visit.address);
    event.protocol = Some(Protocol::PORTAL_NAME.to_owned());
    event.verdict = told.then(|| TOLD.to_owned());
    event.count = visit.count;
    event.reason(device_in_words(&visit.program, &visit.system))
}
