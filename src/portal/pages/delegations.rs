//! Delegations: who else may use a mailbox.

use super::frame::Frame;
use super::problem::Problem;
use super::routes;
use crate::clock::Timestamp;
use crate::gate::delegation::Right;

/// What delegations do at this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Mail programs show delegates the mailboxes.
    pub shown: bool,
    /// Mail on behalf of somebody is marked with who sent it.
    pub marked: bool,
}

/// A delegation, seen from one side.
#[derive(Clone, Debug)]
pub struct Delegation {
    /// The other side: the delegate of one granted, the owner of one received.
    pub other: String,
    /// What it allows.
    pub right: Right,
    /// Since when.
    pub since: Timestamp,
    /// Under which name the delegate's mail program shows the mailbox; `None`: it does not.
    pub place: Option<String>,
}

impl Delegation {
    /// The right in words.
    #[must_use]
    pub fn right(&self, f: &Frame) -> String {
        right(self.right, f)
    }
}

/// A right in words.
pub(crate) fn right(right: Right, f: &Frame) -> String {
    match right {
        Right::Read => f.t("right-read"),
        Right::OnBehalf => f.t("right-on-behalf"),
        Right::SendAs => f.t("right-send-as"),
    }
}

/// A right to choose.
#[derive(Clone, Debug)]
pub struct RightChoice {
    /// The word for it.
    pub word: &'static str,
    /// What it is called.
    pub text: String,
    /// What it means, a sentence each.
    pub means: Vec<String>,
    /// It is chosen.
    pub chosen: bool,
}

/// What a right says to a row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// That may be done.
    Yes,
    /// That may not be done.
    No,
    /// Something in words.
    Words(String),
}

/// Both lists, and the form to grant one.
#[derive(Clone, Debug)]
pub struct Delegations {
    /// What the account granted.
    pub granted: Vec<Delegation>,
    /// What the account was granted.
    pub received: Vec<Delegation>,
    /// What they do here.
    pub effects: Effects,
    /// What was typed before.
    pub delegate: String,
    /// What was chosen before.
    pub right: Right,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(Delegations, "delegations.html");

impl Delegations {
    /// What it is good for.
    #[must_use]
    pub fn lead(&self, f: &Frame) -> String {
        if self.effects.shown { f.t("delegations-lead") } else { f.t("delegations-lead-sending") }
    }

    /// The rights that do something here, the least first.
    #[must_use]
    pub fn offered(&self) -> Vec<Right> {
        Right::ALL.into_iter().filter(|right| self.effects.shown || right.sends()).collect()
    }

    /// What the rights are called.
    #[must_use]
    pub fn heads(&self, f: &Frame) -> Vec<String> {
        self.offered().into_iter().map(|each| right(each, f)).collect()
    }

    /// The rights to choose from.
    #[must_use]
    pub fn rights(&self, f: &Frame) -> Vec<RightChoice> {
        let offered = self.offered();
        let chosen = offered.iter().copied().find(|each| *each >= self.right);
        let choice = |each: Right| RightChoice {
            word: each.word(),
            text: right(each, f),
            means: self.means(each, f),
            chosen: Some(each) == chosen,
        };
        offered.into_iter().map(choice).collect()
    }

    fn means(&self, right: Right, f: &Frame) -> Vec<String> {
        let mailbox = self.effects.shown.then(|| match right {
            Right::Read | Right::OnBehalf => f.t("right-sees"),
            Right::SendAs => f.t("right-works"),
        });
        let sends = match right {
            Right::Read => None,
            Right::OnBehalf if self.effects.marked => Some(f.t("right-sends-marked")),
            Right::OnBehalf => Some(f.t("right-sends-unmarked")),
            Right::SendAs => Some(f.t("right-sends-as")),
        };
        mailbox.into_iter().chain(sends).collect()
    }

    /// What each right is good for: what it says to each, as Dovecot and Postfix hold it.
    #[must_use]
    pub fn rows(&self, f: &Frame) -> Vec<(String, Vec<Cell>)> {
        let may = |is: fn(Right) -> bool| {
            let cell = move |right| if is(right) { Cell::Yes } else { Cell::No };
            self.offered().into_iter().map(cell).collect::<Vec<_>>()
        };
        let mut rows = Vec::new();
        if self.effects.shown {
            rows.push((f.t("may-view"), may(|_| true)));
            rows.push((f.t("may-unread"), may(|right| right == Right::SendAs)));
            rows.push((f.t("may-delete"), may(|right| right == Right::SendAs)));
        }
        rows.push((f.t("may-write"), may(Right::sends)));
        let told = |right| match right {
            Right::Read => Cell::Words("–".to_owned()),
            Right::OnBehalf if self.effects.marked => Cell::Words(f.t("told-both")),
            Right::OnBehalf | Right::SendAs => Cell::Words(f.t("told-owner")),
        };
        rows.push((f.t("may-told"), self.offered().into_iter().map(told).collect()));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Language;

    fn page(shown: bool, marked: bool) -> Delegations {
        let effects = Effects { shown, marked };
        let (granted, received) = (Vec::new(), Vec::new());
        Delegations { granted, received, effects, delegate: String::new(), right: Right::Read, problem: None }
    }

    fn drawn(page: &Delegations, f: &Frame) -> Vec<String> {
        let cell = |cell: &Cell| match cell {
            Cell::Yes => "✓".to_owned(),
            Cell::No => "✗".to_owned(),
            Cell::Words(words) => words.clone(),
        };
        let row = |(title, cells): (String, Vec<Cell>)| {
            format!("{title}: {}", cells.iter().map(cell).collect::<Vec<_>>().join(" | "))
        };
        page.rows(f).into_iter().map(row).collect()
    }

    #[test]
    fn the_table_is_what_dovecot_and_postfix_hold() {
        let f = Frame::default();
        let expected = [
            "View mail: ✓ | ✓ | ✓",
            "Mark mail read or unread: ✗ | ✗ | ✓",
            "Delete mail: ✗ | ✗ | ✓",
            "Forward, reply, write: ✗ | ✓ | ✓",
            "Recipients see: – | both names | only you",
        ];
        assert_eq!(drawn(&page(true, true), &f), expected);
        let f = Frame { language: Language::ZhCn, ..f };
        let expected = [
            "查看邮件: ✓ | ✓ | ✓",
            "改变邮件未读状态: ✗ | ✗ | ✓",
            "删除邮件: ✗ | ✗ | ✓",
            "转发/回复/写信: ✗ | ✓ | ✓",
            "发信说明: – | 标明“代发” | 只显示您",
        ];
        assert_eq!(drawn(&page(true, true), &f), expected);
    }

    #[test]
    fn nothing_is_promised_that_the_site_does_not_do() {
        let f = Frame::default();
        let unmarked = page(true, false);
        assert_eq!(drawn(&unmarked, &f)[4], "Recipients see: – | only you | only you");
        assert!(!unmarked.render(&f).contains("both names"));
        let sending = page(false, true);
        assert_eq!(
            drawn(&sending, &f),
            ["Forward, reply, write: ✓ | ✓", "Recipients see: both names | only you"]
        );
        let rights: Vec<(&str, bool)> =
            sending.rights(&f).into_iter().map(|right| (right.word, right.chosen)).collect();
        assert_eq!(rights, [("on-behalf", true), ("send-as", false)], "reading would do nothing");
        for language in [Language::En, Language::ZhCn] {
            let page = sending.render(&Frame { language, ..Frame::default() });
            for promise in ["read your mailbox", "Sees your mail", "查看您的邮箱", "可查看"] {
                assert!(!page.contains(promise), "{promise}");
            }
        }
    }
}
