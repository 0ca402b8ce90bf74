//! One attempt that passes two doors without a name in common: Dovecot asks its auth policy server, then Sidegate as
//! a passdb, and reports in the end what Sidegate said. Postfix tells no session, and the policy's mark of the password
//! is made with a secret of Dovecot's own; so all that both doors know is the account and the source.
//!
//! Which of two attempts alike it is nobody can tell, and nobody needs to: of so many that were asked about, as many as
//! came to the passdb door are counted there, and the reports of the others are counted. A report of a wrong password
//! stands for an attempt that Sidegate refused, never for one that it let in: else a right password at one door would
//! make a guess at the other one free.

/// Attempts of one account from one source that were asked about and have no report yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwoDoors {
    /// Asked about, and not reported.
    asked: usize,
    /// Of these, Sidegate decides so many right now.
    deciding: usize,
    /// It let so many in.
    accepted: usize,
    /// It refused so many, or put them off.
    refused: usize,
    /// Reported while Sidegate was still deciding: Dovecot would not wait.
    early: usize,
}

/// How a report says that an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The password was right.
    Right,
    /// It was not.
    Wrong,
    /// Nobody looked at it.
    Nothing,
}

/// What Sidegate said at the passdb door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Let in.
    Accepted,
    /// Refused, or put off.
    Refused,
    /// Left to the next passdb.
    Elsewhere,
}

impl TwoDoors {
    /// An attempt was asked about.
    pub fn ask(&mut self) {
        self.asked += 1;
    }

    /// Asked about, and nobody's yet: no passdb of ours has seen them.
    fn free(&self) -> usize {
        self.asked.saturating_sub(self.deciding.saturating_sub(self.early) + self.accepted + self.refused)
    }

    /// An attempt comes to the passdb door. Whether it is one that was asked about.
    pub fn begin(&mut self) -> bool {
        let asked = self.free() > 0;
        self.deciding += usize::from(asked);
        asked
    }

    /// What Sidegate said to one that had begun.
    pub fn end(&mut self, said: Said) {
        self.deciding = self.deciding.saturating_sub(1);
        match said {
            _ if self.early > 0 => self.early -= 1,
            Said::Accepted => self.accepted += 1,
            Said::Refused => self.refused += 1,
            Said::Elsewhere => {}
        }
    }

    /// A report came. Whether it is about an attempt that Sidegate decided.
    pub fn report(&mut self, told: Told) -> bool {
        let free = self.free() > 0;
        let ours = match told {
            Told::Right if take(&mut self.accepted) => true,
            Told::Wrong if take(&mut self.refused) => true,
            _ if free || self.asked == 0 => false,
            // Refused here, and the next passdb took it: that is a success of its own.
            Told::Right => {
                take(&mut self.refused);
                false
            }
            Told::Wrong | Told::Nothing if take(&mut self.accepted) => true,
            Told::Nothing if take(&mut self.refused) => true,
            Told::Wrong | Told::Nothing => {
                self.early += usize::from(self.early < self.deciding);
                true
            }
        };
        self.asked = self.asked.saturating_sub(1);
        ours
    }

    /// So many were asked about, and no report came in time. What was decided is forgotten with them: remembered
    /// longer, it would make the next guess free.
    pub fn give_up(&mut self, attempts: usize) {
        self.asked = self.asked.saturating_sub(attempts);
        let mut room = self.asked.saturating_sub(self.deciding.saturating_sub(self.early));
        for decided in [&mut self.accepted, &mut self.refused] {
            *decided = room.min(*decided);
            room -= *decided;
        }
    }

    /// Whether there is nothing left to remember.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.asked == 0 && self.deciding == 0
    }
}

fn take(count: &mut usize) -> bool {
    let any = *count > 0;
    *count -= usize::from(any);
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_sidegate_refused_is_reported_once_and_the_others_are_counted() {
        let mut doors = TwoDoors::default();
        assert!(!doors.begin(), "nobody asked");
        doors.ask();
        doors.ask();
        assert!(doors.begin());
        doors.end(Said::Refused);
        assert!(doors.report(Told::Wrong), "it was counted at the passdb door");
        assert!(!doors.report(Told::Wrong), "nobody has counted this one");
        assert_eq!(doors, TwoDoors::default());
    }

    #[test]
    fn a_right_password_at_one_door_makes_no_guess_at_the_other_free() {
        let mut doors = TwoDoors::default();
        doors.ask();
        doors.ask();
        assert!(doors.begin());
        doors.end(Said::Accepted);
        assert!(!doors.report(Told::Wrong), "a guess at Dovecot's own passdb");
        assert!(doors.report(Told::Right));
    }

    #[test]
    fn a_report_may_come_while_sidegate_decides() {
        let mut doors = TwoDoors::default();
        doors.ask();
        assert!(doors.begin());
        assert!(doors.report(Told::Wrong), "Dovecot would not wait; it is counted when it is decided");
        doors.ask();
        assert!(doors.begin(), "the next one is another attempt");
        doors.end(Said::Refused);
        doors.end(Said::Refused);
        assert!(doors.report(Told::Wrong));
        assert_eq!(doors, TwoDoors::default());
    }

    #[test]
    fn what_is_left_to_the_next_passdb_is_counted_by_its_report() {
        let mut doors = TwoDoors::default();
        doors.ask();
        assert!(doors.begin());
        doors.end(Said::Elsewhere);
        assert!(!doors.report(Told::Wrong));
        doors.ask();
        assert!(doors.begin());
        doors.end(Said::Refused);
        assert!(!doors.report(Told::Right), "an open chain: the next passdb took it");
        assert_eq!(doors, TwoDoors::default());
    }

    #[test]
    fn what_nobody_reported_in_time_makes_no_later_guess_free() {
        let mut doors = TwoDoors::default();
        doors.ask();
        assert!(doors.begin());
        doors.end(Said::Refused);
        doors.give_up(1);
        assert!(doors.is_over());
        doors.ask();
        assert!(!doors.report(Told::Wrong));
        assert_eq!(doors, TwoDoors::default());
    }

    /// How far an attempt has come.
    #[derive(Clone, Copy, Debug)]
    struct Attempt {
        right: bool,
        /// It passes Sidegate's passdb door too.
        passdb: bool,
        step: u8,
    }

    proptest! {
        /// Whatever attempts there are at once, and in whatever order their steps come: as many failures are counted
        /// as wrong passwords were looked at, neither more nor fewer, and successes likewise.
        #[test]
        fn each_attempt_is_counted_once(
            kinds in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..8),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..64),
        ) {
            let mut attempts: Vec<Attempt> =
                kinds.iter().map(|&(right, passdb)| Attempt { right, passdb, step: 0 }).collect();
            let (mut doors, mut failures, mut successes) = (TwoDoors::default(), 0, 0);
            let mut play = |attempt: &mut Attempt| {
                match (attempt.step, attempt.passdb) {
                    (0, _) => doors.ask(),
                    (1, true) => assert!(doors.begin(), "its own seat waits for it"),
                    (2, true) => {
                        let said = if attempt.right { Said::Accepted } else { Said::Refused };
                        if attempt.right { successes += 1 } else { failures += 1 }
                        doors.end(said);
                    }
                    (3, _) => {
                        let told = if attempt.right { Told::Right } else { Told::Wrong };
                        if !doors.report(told) {
                            if attempt.right { successes += 1 } else { failures += 1 }
                        }
                    }
                    _ => {}
                }
                attempt.step += 1;
            };
            for pick in order {
                let all = attempts.len();
                play(&mut attempts[pick.index(all)]);
            }
            for attempt in &mut attempts {
                for _ in attempt.step..4 {
                    play(attempt);
                }
            }
            let right = kinds.iter().filter(|(right, _)| *right).count();
            prop_assert_eq!((failures, successes), (kinds.len() - right, right));
            prop_assert_eq!(doors, TwoDoors::default());
        }
    }
}
