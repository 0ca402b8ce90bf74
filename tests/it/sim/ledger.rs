//! How many events of each kind there must be: exactly one for each verdict and each change, sums by their number.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sidegate::gate::event::{Event, Kind};

use super::disk::key_of;
use super::history::Heard;
use super::model::Source;
use super::script::NAMES;

/// What is counted together. Refusals of blocked sources and our own trouble share a line: sums tell the latest of both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    Login(String, String, Class),
    Change(&'static str, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Accepted,
    Refused,
    Other,
    /// Of all three.
    Any,
}

const CLASSES: [Class; 4] = [Class::Accepted, Class::Refused, Class::Other, Class::Any];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    least: u32,
    most: u32,
    /// Of these the disk is known to hold.
    kept: u32,
}

#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<Line, Count>);

impl Ledger {
    fn add(&mut self, line: Line, surely: bool) {
        let count = self.0.entry(line).or_default();
        count.least += u32::from(surely);
        count.most += 1;
    }

    /// A login was answered.
    pub(super) fn login(&mut self, who: usize, source: Source, heard: Heard) {
        let class = match heard {
            Heard::Ok => Class::Accepted,
            Heard::Fail => Class::Refused,
            Heard::Blocked | Heard::Trouble => Class::Other,
        };
        self.add(line(who, source, class), true);
        self.add(line(who, source, Class::Any), true);
    }

    /// A login was decided, or may have been, and nobody heard how.
    pub(super) fn unheard(&mut self, who: usize, source: Source, surely: bool) {
        for class in CLASSES {
            self.add(line(who, source, class), surely && class == Class::Any);
        }
    }

    /// Something was changed, or may have been.
    pub(super) fn change(&mut self, kind: Kind, about: impl Into<String>, surely: bool) {
        self.add(Line::Change(kind.word(), about.into()), surely);
    }

    /// What was not on the disk is lost; failures were on the disk before they were answered, and changes too.
    pub(super) fn killed(&mut self) {
        let durable = |line: &Line| match line {
            Line::Login(_, source, class) => *class == Class::Refused && *source != name(Source::Exempt),
            Line::Change(..) => true,
        };
        let mut refused = BTreeMap::new();
        for (line, count) in &mut self.0 {
            if !durable(line) {
                count.least = count.kept;
            } else if let Line::Login(who, source, _) = line {
                refused.insert((who.clone(), source.clone()), count.least - count.kept);
            }
        }
        for ((who, source), more) in refused {
            let any = self.0.entry(Line::Login(who, source, Class::Any)).or_default();
            any.least = any.kept + more;
        }
    }

    /// Compares with what the disk holds, and goes on from there.
    pub(super) fn audit(&mut self, events: &[Event]) {
        let mut found: BTreeMap<Line, u32> = BTreeMap::new();
        for event in events {
            for line in lines(event) {
                *found.entry(line).or_default() += event.count;
            }
        }
        for line in found.keys() {
            self.0.entry(line.clone()).or_default();
        }
        for (line, count) in &mut self.0 {
            let there = found.get(line).copied().unwrap_or(0);
            let (least, most) = (count.least, count.most);
            assert!((least..=most).contains(&there), "{there} events instead of {least} to {most}: {line:?}");
            *count = Count { least: there, most: there, kept: there };
        }
    }
}

fn line(who: usize, source: Source, class: Class) -> Line {
    Line::Login(NAMES[who].to_owned(), name(source), class)
}

/// A source as events name it.
pub(super) fn name(source: Source) -> String {
    source.address().map_or_else(String::new, |address| key_of(address).to_string())
}

fn lines(event: &Event) -> Vec<Line> {
    let account = event.account.clone().unwrap_or_default();
    match event.kind {
        Kind::AddressMissing | Kind::ProxySuspected | Kind::PassdbAway => Vec::new(),
        Kind::Login => {
            let address = event.address.as_ref().map(|address| address.parse::<IpAddr>().unwrap());
            let source = address.map_or_else(String::new, |address| key_of(address).to_string());
            let blocked = event.reason.as_deref() == Some("blocked");
            let class = match event.verdict.as_deref() {
                Some("accept") => Class::Accepted,
                Some("refuse") if !blocked => Class::Refused,
                _ => Class::Other,
            };
            [class, Class::Any].map(|class| Line::Login(account.clone(), source.clone(), class)).to_vec()
        }
        Kind::BlockAdded | Kind::BlockLifted => {
            vec![Line::Change(event.kind.word(), event.address.clone().unwrap_or_default())]
        }
        kind => vec![Line::Change(kind.word(), account)],
    }
}
