//! Forms that are sent twice: a second tap, Enter pressed again, a page that is sent anew because no answer came.
//!
//! A browser shows the last answer alone, and may never take in what the first one set: it drops the connection as soon as
//! the form is sent again. So a form acts once, and what it was answered is the answer to its repeat as well, letter for
//! letter: the same new password, the same new token of the session. Whichever of the two arrives last, it is true, and a
//! third is no worse. The other way, to undo the first and act once more, would leave it to chance which answer of two is
//! shown and which of two secrets is good.
//!
//! A form is known by a digest ([`FormTag`]) of all that was sent: its path, each field, the token of its session and a
//! random number that no other page has. The answer is kept sealed, under a key that is made of the same and is known to
//! the browser alone: nothing that was told once can be read here, or anywhere, until the form comes again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hashlink::LinkedHashMap;

use crate::clock::Timestamp;

/// How long the answer to a form is kept: people who hear nothing press again within that.
pub const KEPT: Duration = Duration::from_secs(60);
/// How long a form may be under way. Of one that takes longer nobody will say how it ended.
pub const UNDER_WAY: Duration = Duration::from_secs(180);
/// The most forms that are remembered; the oldest gives way to a new one.
pub const FORMS_MAX: usize = 10_000;
/// The longest answer that is kept, in bytes, as it is sealed. The longest page that shows a secret has a third of that.
pub const ANSWER_BYTES_MAX: usize = 45_000;
/// The most bytes of all answers together; the oldest give way.
pub const ANSWERS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of a tag.
const TAG_BYTES: usize = 32;

/// What a form is known by: 256 bits of a digest. It says nothing of what was sent, the random number being in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FormTag(pub [u8; TAG_BYTES]);

/// What is known of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was not sent before.
    New,
    /// It was, and is being answered.
    UnderWay,
    /// It was answered with this, sealed; with nothing, where that is too long to be kept.
    Answered(Arc<[u8]>),
}

/// A form that was sent.
struct Sent {
    /// When what is known of it ends.
    until: Timestamp,
    answer: Option<Arc<[u8]>>,
}

/// The forms that were sent lately, oldest first.
#[derive(Default)]
pub struct Repeats {
    forms: LinkedHashMap<FormTag, Sent>,
    bytes: usize,
}

impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repeats({} forms)", self.forms.len())
    }
}

impl Repeats {
    /// A form was sent. [`Known::New`]: it is for this one to act, and every other is a repeat of it.
    pub fn sent(&mut self, form: FormTag, now: Timestamp) -> Known {
        let known = self.known(form, now);
        if known == Known::New {
            self.put(form, Sent { until: now.plus(UNDER_WAY), answer: None });
        }
        known
    }

    /// What is known of a form, which does not act by asking.
    pub fn known(&mut self, form: FormTag, now: Timestamp) -> Known {
        while self.forms.front().is_some_and(|(_, sent)| sent.until <= now) {
            self.drop_oldest();
        }
        match self.forms.get(&form).filter(|sent| now < sent.until) {
            None => Known::New,
            Some(Sent { answer: None, .. }) => Known::UnderWay,
            Some(Sent { answer: Some(answer), .. }) => Known::Answered(Arc::clone(answer)),
        }
    }

    /// It was answered. Too long an answer is not kept, only that there was one.
    pub fn answered(&mut self, form: FormTag, answer: &[u8], now: Timestamp) {
        let answer = if answer.len() > ANSWER_BYTES_MAX { &[] } else { answer };
        self.put(form, Sent { until: now.plus(KEPT), answer: Some(answer.into()) });
    }

    /// It did nothing, for trouble that may be over: the next one acts.
    pub fn forget(&mut self, form: FormTag) {
        let gone = self.forms.remove(&form);
        self.bytes -= gone.map_or(0, |sent| sent.bytes());
    }

    fn put(&mut self, form: FormTag, sent: Sent) {
        self.forget(form);
        self.bytes += sent.bytes();
        self.forms.insert(form, sent);
        while self.forms.len() > FORMS_MAX || self.bytes > ANSWERS_BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, gone)) = self.forms.pop_front() {
            self.bytes -= gone.bytes();
        }
    }
}

impl Sent {
    fn bytes(&self) -> usize {
        self.answer.as_ref().map_or(0, |answer| answer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn tag(number: usize) -> FormTag {
        let mut bytes = [0; TAG_BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        FormTag(bytes)
    }

    fn answered(answer: &[u8]) -> Known {
        Known::Answered(answer.into())
    }

    #[test]
    fn a_form_acts_once_and_its_repeats_get_its_answer() {
        let mut all = Repeats::default();
        assert_eq!(all.sent(tag(1), NOW), Known::New);
        assert_eq!(all.sent(tag(1), NOW), Known::UnderWay);
        assert_eq!(all.sent(tag(2), NOW), Known::New, "another form");
        all.answered(tag(1), b"one", NOW.plus(Duration::from_secs(5)));
        let last = NOW.plus(Duration::from_secs(5) + KEPT).minus(Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(all.sent(tag(1), last), answered(b"one"));
        }
        assert_eq!(
            all.sent(tag(1), last.plus(Duration::from_secs(1))),
            Known::New,
            "too late to be a repeat"
        );
    }

    #[test]
    fn to_ask_is_not_to_send() {
        let mut all = Repeats::default();
        assert_eq!(all.known(tag(1), NOW), Known::New);
        assert_eq!(all.sent(tag(1), NOW), Known::New);
        assert_eq!(all.known(tag(1), NOW), Known::UnderWay);
    }

    #[test]
    fn what_did_nothing_is_sent_again() {
        let mut all = Repeats::default();
        all.sent(tag(1), NOW);
        all.forget(tag(1));
        assert_eq!((all.sent(tag(1), NOW), all.bytes), (Known::New, 0));
        // Its portal is gone.
        let late = NOW.plus(UNDER_WAY);
        assert_eq!(all.sent(tag(1), late.minus(Duration::from_secs(1))), Known::UnderWay);
        assert_eq!(all.sent(tag(1), late), Known::New);
    }

    #[test]
    fn of_too_long_an_answer_it_is_known_that_there_was_one() {
        let mut all = Repeats::default();
        all.answered(tag(1), &[7; ANSWER_BYTES_MAX], NOW);
        all.answered(tag(2), &[7; ANSWER_BYTES_MAX + 1], NOW);
        assert_eq!(all.known(tag(1), NOW), answered(&[7; ANSWER_BYTES_MAX]));
        assert_eq!(all.known(tag(2), NOW), answered(b""));
    }

    #[test]
    fn there_are_so_many_and_no_more_bytes_than_that() {
        let mut all = Repeats::default();
        for number in 0..=FORMS_MAX {
            all.sent(tag(number), NOW);
        }
        assert_eq!(all.forms.len(), FORMS_MAX);
        assert_eq!((all.known(tag(0), NOW), all.known(tag(1), NOW)), (Known::New, Known::UnderWay));
        let mut all = Repeats::default();
        let many = ANSWERS_BYTES_MAX / ANSWER_BYTES_MAX;
        for number in 0..=many {
            all.answered(tag(number), &[7; ANSWER_BYTES_MAX], NOW);
        }
        assert!(all.bytes <= ANSWERS_BYTES_MAX && all.known(tag(0), NOW) == Known::New);
        assert_eq!(all.known(tag(many), NOW), answered(&[7; ANSWER_BYTES_MAX]));
        // Time empties it.
        all.known(tag(0), NOW.plus(KEPT));
        assert_eq!((all.forms.len(), all.bytes), (0, 0));
    }

    #[test]
    fn a_clock_that_goes_back_makes_nobody_act_twice() {
        let mut all = Repeats::default();
        all.answered(tag(1), b"one", NOW);
        assert_eq!(all.sent(tag(1), NOW.minus(Duration::from_secs(3_600))), answered(b"one"));
    }
}
