//! What may have come of a round of logins, source by source. Where the order of things is a race, what must hold in
//! every order is asked for, and the model goes on from what the disk holds.

use std::collections::BTreeSet;

use sidegate::gate::event::Kind;

use super::disk::Disk;
use super::history::{Ending, Entry, Heard, Over};
use super::ledger::{Ledger, name};
use super::model::{Failure, Good, Model, Record, Source, Span};
use super::script::{HOUR, KNOWN, Meanwhile, Op, Weather};

/// A login of the round.
struct Login<'a> {
    entry: &'a Entry,
    who: usize,
    /// Whether its secret was right when it came.
    good: Good,
    /// Whether it was when it was decided.
    at_its_end: Good,
    failure: Failure,
}

/// Judges what was answered, and what became of each source.
pub(super) fn judge(model: &mut Model, ledger: &mut Ledger, over: &Over, span: Span, disk: &Disk) {
    for source in Source::all() {
        let found = disk.record(source, span.to);
        let logins: Vec<Login<'_>> =
            over.entries.iter().filter_map(|entry| login(model, over, span, source, entry)).collect();
        let before = model.record_at(source, span.from);
        let case = Case { model, over, span, source, logins: &logins, before };
        case.judge(&found);
        for login in &logins {
            case.note(ledger, login);
        }
        let by_order = case.orders().any(|entry| matches!(entry.op, Op::Block { .. }));
        if matches!(found, Record::Blocked { .. }) && found != case.before && !by_order {
            ledger.change(Kind::BlockAdded, name(source), true);
        }
        model.set_record(source, found);
    }
    for entry in over.entries.iter().filter(|entry| !entry.is_login()) {
        check(model, over, span, entry);
    }
}

fn login<'a>(model: &Model, over: &Over, span: Span, source: Source, entry: &'a Entry) -> Option<Login<'a>> {
    let Op::Login { who, from, .. } = entry.op else { return None };
    if Source::of(from, who) != source {
        return None;
    }
    let failure = model.failure(who, &entry.secret);
    let good = |moment| good(model, over, span, entry, moment);
    let at_its_end = good(over.late.unwrap_or(0).max(entry.begun));
    Some(Login { entry, who, good: good(entry.begun), at_its_end, failure })
}

/// Whether its secret was right after this moment: before the round, and in spite of what was ordered in it.
fn good(model: &Model, over: &Over, span: Span, entry: &Entry, moment: u32) -> Good {
    let (Op::Login { who, from, .. } | Op::Check { who, from, .. }) = entry.op else { return Good::No };
    let protocol = if let Op::Login { protocol, .. } = entry.op { protocol } else { "imap" };
    let secret = &entry.secret;
    let as_if = |enabled| model.good(who, secret, from, protocol, span, enabled);
    let enabled = model.accounts[who].enabled;
    let slot = model.password(who, secret).map(|password| password.slot);
    // Orders that began before it was answered and were carried out, or may have been.
    let orders = over.entries.iter().filter(|order| order.may_hold() && order.begun < entry.ended());
    let (mut harmed, mut surely_harmed, mut helped) = (false, false, false);
    for order in orders {
        match order.op {
            Op::Enable { who: whose, enabled: true } if whose == who => helped = true,
            Op::Enable { who: whose, enabled: false }
            | Op::RevokeAll { who: whose }
            | Op::Remove { who: whose }
                if whose == who =>
            {
                (harmed, surely_harmed) = (true, surely_harmed || order.held_before(moment));
            }
            Op::Revoke { who: whose, slot: gone } if whose == who && Some(gone) == slot => {
                (harmed, surely_harmed) = (true, surely_harmed || order.held_before(moment));
            }
            _ => {}
        }
    }
    match (as_if(enabled), as_if(true)) {
        (_, Good::No) => Good::No,
        _ if surely_harmed && !helped => Good::No,
        (Good::No, _) if !helped => Good::No,
        (Good::Yes, _) if !harmed => Good::Yes,
        _ => Good::Maybe,
    }
}

/// A thought-through login counts nothing, and says of a wrong secret that it is none.
fn check(model: &Model, over: &Over, span: Span, entry: &Entry) {
    let (Op::Check { .. }, Some((_, heard))) = (&entry.op, entry.heard) else { return };
    let good = good(model, over, span, entry, entry.begun);
    assert!(heard != Heard::Ok || good != Good::No, "a check takes a wrong secret for right: {entry:?}");
    let sure = over.entries.len() == 1 && good == Good::Yes;
    assert!(!sure || heard != Heard::Fail, "a check takes a right secret for wrong: {entry:?}");
}

/// One source in one round.
struct Case<'a> {
    model: &'a Model,
    over: &'a Over,
    span: Span,
    source: Source,
    before: Record,
    logins: &'a [Login<'a>],
}

impl Case<'_> {
    fn judge(&self, found: &Record) {
        for login in self.logins {
            self.judge_answer(login);
        }
        if self.source == Source::Exempt {
            let blocked = self.logins.iter().find(|login| login.heard() == Some(Heard::Blocked));
            assert!(blocked.is_none(), "an exempt address was blocked: {:?}", blocked.map(|l| l.entry));
            return;
        }
        if self.is_muddled() {
            return self.judge_orders();
        }
        if let Record::Blocked { .. } = self.before {
            for login in self.logins {
                let heard = login.heard();
                let refused = heard.is_none_or(|heard| heard == Heard::Blocked) || self.cut_short(heard);
                assert!(refused, "let through while blocked: {:?}", login.entry);
            }
            assert_eq!(*found, self.before, "a block of {:?} was changed by attempts", self.source);
            return;
        }
        self.judge_failures(found);
        let blocked = matches!(found, Record::Blocked { .. });
        for login in self.logins {
            let is = login.heard() == Some(Heard::Blocked);
            assert!(blocked || !is, "refused for a block that there is not: {:?}", login.entry);
        }
        self.judge_order_of_answers();
    }

    /// Answers that are right or wrong whatever became of the source.
    fn judge_answer(&self, login: &Login<'_>) {
        let entry = login.entry;
        match login.heard() {
            Some(Heard::Ok) => assert!(login.at_its_end != Good::No, "let in: {entry:?}"),
            Some(Heard::Fail) => assert!(login.good != Good::Yes, "refused: {entry:?}"),
            Some(Heard::Trouble) => {
                assert!(self.trouble_is_due(login.good), "put off without need: {entry:?}");
            }
            Some(Heard::Blocked) | None => {}
        }
    }

    /// Whether our own trouble may be the answer. A full disk is no trouble for a right client password.
    fn trouble_is_due(&self, good: Good) -> bool {
        if self.over.ending == Ending::Stopped {
            return true;
        }
        match self.over.weather {
            Weather::Fine | Weather::Stalled(_, Meanwhile::Nothing | Meanwhile::Sweep) => false,
            Weather::NoWrites | Weather::Flaky(_) => good != Good::Yes && self.source != Source::Exempt,
            Weather::NoReads | Weather::Stalled(_, Meanwhile::Pass(_)) => true,
        }
    }

    /// Trouble that is told because of a stop says nothing of what was decided.
    fn cut_short(&self, heard: Option<Heard>) -> bool {
        self.over.ending == Ending::Stopped && heard == Some(Heard::Trouble)
    }

    fn orders(&self) -> impl Iterator<Item = &Entry> {
        let of = |entry: &&Entry| match entry.op {
            Op::Block { from, .. } | Op::Lift { from } => {
                entry.may_hold() && Source::of(from, KNOWN) == self.source
            }
            _ => false,
        };
        self.over.entries.iter().filter(of)
    }

    /// Whether somebody ordered about it, or something of it ended as time passed.
    fn is_muddled(&self) -> bool {
        self.orders().next().is_some() || self.before.at(self.span.to) != self.before
    }

    /// A block that was ordered holds for whoever comes after it, and one that was lifted holds for nobody.
    fn judge_orders(&self) {
        let lifted = self.orders().any(|entry| matches!(entry.op, Op::Lift { .. }));
        let ordered = self.orders().filter(|entry| matches!(entry.op, Op::Block { .. }));
        for order in ordered.filter(|_| !lifted && self.span.from == self.span.to) {
            for login in self.logins {
                let heard = login.heard();
                let blocked = heard.is_none_or(|heard| heard == Heard::Blocked) || self.cut_short(heard);
                let entry = login.entry;
                assert!(blocked || !order.held_before(entry.begun), "after a block was ordered: {entry:?}");
                let late = self.over.late.is_some_and(|late| order.held_before(late));
                assert!(heard != Some(Heard::Ok) || !late, "let in after a block was ordered: {entry:?}");
            }
        }
    }

    /// Each failure that was answered is on the disk, and none that was not evaluated; ten make a block of an hour.
    fn judge_failures(&self, found: &Record) {
        let limit = self.model.settings.failures;
        let [(sure, clear), (possible, _)] = [true, false].map(|sure| self.failures(sure));
        let (least, most) = (sure.iter().map(Vec::len), possible.iter().map(Vec::len));
        let at_least: usize =
            least.clone().zip(&clear).map(|(count, clear)| if *clear { 0 } else { count }).sum();
        let at_most: usize = most.clone().sum();
        let about = || format!("{:?}: {:?}, then {found:?}", self.source, self.before);
        match found {
            Record::Blocked { since, until } => {
                assert!(at_most >= limit, "blocked after {at_most} failures; {}", about());
                assert!(at_least <= limit, "{at_least} wrong ones were evaluated; {}", about());
                let begun = (self.span.from..=self.span.to).contains(since);
                assert!(begun && *until == since + HOUR, "it lasts from {since} to {until}; {}", about());
                assert!(!matches!(self.source, Source::Account(_)), "whoever has no address; {}", about());
            }
            Record::Clear | Record::Run { .. } => {
                let kept = found.failures();
                let counts = (0..=KNOWN).map(|who| kept.iter().filter(|(whose, _)| *whose == who).count());
                let addressed = !matches!(self.source, Source::Account(_));
                assert!(!addressed || kept.len() < limit, "no block; {}", about());
                let bound = |count: usize| if addressed { count } else { count.min(limit) };
                for (who, (kept, (least, most))) in counts.zip(least.zip(most)).enumerate() {
                    let least = if clear[who] { 0 } else { bound(least) };
                    let most = if self.is_cleared(who) { 0 } else { bound(most) };
                    assert!(
                        (least..=most).contains(&kept),
                        "{kept} failures of {who} instead of {least} to {most}; {}",
                        about()
                    );
                }
            }
        }
    }

    /// By account, the failures that must have been counted, or may have been; and whether a success may have forgotten
    /// them.
    fn failures(&self, sure: bool) -> (Vec<Vec<Failure>>, Vec<bool>) {
        let mut failures = vec![Vec::new(); KNOWN + 1];
        let mut clear = vec![false; KNOWN + 1];
        for failure in self.before.failures() {
            failures[failure.0].push(*failure);
        }
        let mut known: BTreeSet<Failure> = self.before.failures().iter().copied().collect();
        for login in self.logins {
            clear[login.who] |= login.good != Good::No;
            let heard = login.heard();
            let counted = match login.good {
                Good::Yes => false,
                // One that was right at first and is refused for a change meanwhile is not counted.
                Good::Maybe => !sure && (matches!(heard, None | Some(Heard::Fail)) || self.cut_short(heard)),
                Good::No => heard == Some(Heard::Fail) || !sure && (heard.is_none() || self.cut_short(heard)),
            };
            if counted && (!self.model.settings.once || known.insert(login.failure)) {
                failures[login.who].push(login.failure);
            }
        }
        (failures, clear)
    }

    /// Whether a success has surely forgotten all failures of an account.
    fn is_cleared(&self, who: usize) -> bool {
        let mut own = self.logins.iter().filter(|login| login.who == who).peekable();
        let writes = !matches!(self.over.weather, Weather::NoWrites | Weather::Flaky(_));
        writes && own.peek().is_some() && own.all(|login| login.heard() == Some(Heard::Ok))
    }

    /// On one connection answers come in the order of their decisions: nobody is let in after the tenth failure.
    fn judge_order_of_answers(&self) {
        let clears = self.logins.iter().any(|login| login.good != Good::No && self.has_failures(login.who));
        if clears || self.model.settings.once || matches!(self.source, Source::Account(_)) {
            return;
        }
        let mut answers: Vec<_> =
            self.logins.iter().filter_map(|login| login.entry.heard.zip(Some(login))).collect();
        answers.sort_by_key(|((at, _), _)| *at);
        let lanes: BTreeSet<usize> = self.logins.iter().map(|login| login.entry.lane).collect();
        for lane in lanes {
            let mut failures = self.before.failures().len();
            for ((_, heard), login) in answers.iter().filter(|(_, login)| login.entry.lane == lane) {
                failures += usize::from(*heard == Heard::Fail);
                let late = failures >= self.model.settings.failures && *heard == Heard::Ok;
                assert!(!late, "let in after the last failure was answered: {:?}", login.entry);
            }
        }
    }

    fn has_failures(&self, who: usize) -> bool {
        let mut counted = self.before.failures().iter().map(|failure| failure.0);
        counted.any(|whose| whose == who)
            || self.logins.iter().any(|login| login.who == who && login.good != Good::Yes)
    }

    /// One event for each verdict.
    fn note(&self, ledger: &mut Ledger, login: &Login<'_>) {
        let whole = self.over.ending == Ending::Whole;
        match login.heard() {
            // Its event is another one than that of a failure that counts.
            Some(Heard::Fail) if login.good == Good::Maybe => ledger.unheard(login.who, self.source, true),
            heard if self.cut_short(heard) => ledger.unheard(login.who, self.source, false),
            Some(heard) => ledger.login(login.who, self.source, heard),
            None => ledger.unheard(login.who, self.source, whole),
        }
    }
}

impl Login<'_> {
    fn heard(&self) -> Option<Heard> {
        self.entry.heard.map(|(_, heard)| heard)
    }
}
