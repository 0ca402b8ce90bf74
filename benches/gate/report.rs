//! One line for each figure, beside its target.

/// Prints as it goes, and counts what was missed.
pub(crate) struct Report {
    missed: u32,
}

impl Report {
    pub(crate) fn begin() -> Self {
        println!("{:<58}{:>14}{:>16}", "figure", "measured", "target");
        Self { missed: 0 }
    }

    /// A ratio that is to be at least so much.
    pub(crate) fn at_least(&mut self, what: &str, measured: f64, target: f64) {
        self.line(what, format!("{measured:.2}"), format!(">= {target:.2}"), measured >= target);
    }

    /// A ratio that is to be at most so much.
    pub(crate) fn at_most(&mut self, what: &str, measured: f64, target: f64) {
        self.line(what, format!("{measured:.2}"), format!("<= {target:.2}"), measured <= target);
    }

    /// A number that is to be at least so much.
    pub(crate) fn number_at_least(&mut self, what: &str, measured: f64, target: f64) {
        self.line(what, format!("{measured:.0}"), format!(">= {target:.0}"), measured >= target);
    }

    /// A number that is to be at most so much.
    pub(crate) fn number_at_most(&mut self, what: &str, measured: f64, target: f64) {
        self.line(what, format!("{measured:.0}"), format!("<= {target:.0}"), measured <= target);
    }

    /// A number without a target.
    pub(crate) fn note(&mut self, what: &str, measured: impl std::fmt::Display) {
        println!("{what:<58}{measured:>14}");
    }

    fn line(&mut self, what: &str, measured: String, target: String, met: bool) {
        let mark = if met { "" } else { "   MISSED" };
        self.missed += u32::from(!met);
        println!("{what:<58}{measured:>14}{target:>16}{mark}");
    }

    pub(crate) fn end(self) {
        match self.missed {
            0 => println!("every target is met"),
            missed => println!("{missed} missed"),
        }
    }
}
