//! Forms that are sent twice, in memory only: a restart between two taps is rare enough.

use super::Service;
use crate::gate::repeats::{FormTag, Known};
use crate::service::lock;

impl Service {
    /// A form was sent, and acts if it was not sent before; without `acts`, it is only asked whether it was. No session is
    /// asked: what a form may do is decided where it acts, and its tag is known to nobody who did not send it.
    pub fn form_sent(&self, form: FormTag, acts: bool) -> Known {
        let mut repeats = lock(&self.entrance.repeats);
        if acts { repeats.sent(form, self.now()) } else { repeats.known(form, self.now()) }
    }

    /// It was answered; `None`: it did nothing, and the next one acts.
    pub fn form_answered(&self, form: FormTag, answer: Option<&[u8]>) {
        let mut repeats = lock(&self.entrance.repeats);
        match answer {
            Some(answer) => repeats.answered(form, answer, self.now()),
            None => repeats.forget(form),
        }
    }
}
