//! How fast Sidegate decides, against what its sockets and Argon2 allow.
//!
//! `cargo bench --bench gate` runs everything; `cargo bench --bench gate -- known first` what is named. Each ratio comes
//! from one run: the daemon and an echo that speaks the same dialect with the same framing and decides nothing take
//! turns, on the same cores as the one who asks. The targets and what they mean stand in `benches/README.md`.

mod ask;
mod cases;
mod dialect;
mod echo;
mod hashing;
mod honest;
mod load;
mod report;
mod scale;
mod site;
mod timing;

use std::path::Path;

use dialect::Dialect;
use report::Report;
use tokio::runtime::{Builder, Runtime};

/// A case: its name, and what it measures.
type Case = (&'static str, fn(&mut Report));

const CASES: [Case; 10] = [
    ("known", cases::known),
    ("blocked", cases::blocked),
    ("wrong", cases::wrong),
    ("first", hashing::first),
    ("six", cases::six),
    ("honest", honest::honest),
    ("policy", cases::policy),
    ("doors", cases::doors),
    ("scale", scale::scale),
    ("timing", timing::timing),
];

/// A runtime of one thread, as the daemon's sockets have.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [flag, name, path] = arguments.as_slice()
        && flag == "--echo"
    {
        let dialect = Dialect::ALL.iter().find(|(known, _)| known == name).expect("a dialect").1;
        return runtime().block_on(echo::serve(dialect, Path::new(path)));
    }
    let mut report = Report::begin();
    for (name, case) in CASES {
        if arguments.is_empty() || arguments.iter().any(|wanted| wanted == name) {
            case(&mut report);
        }
    }
    report.end();
}
