//! Codes and sign-ins against imitations of their providers, which check what comes as the real ones do.

mod clouds;
mod gateway;
mod letters;
mod peer;
mod program;
mod providers;

use std::fmt::{Debug, Display};
use std::time::Duration;

use sidegate::config::Language;
use sidegate::gate::code::Code;
use sidegate::portal::send::text::{Phone, Text, Word};
use sidegate::portal::send::{Reach, SendError};

/// Long enough for a peer that answers, also on a busy host.
const PATIENT: Duration = Duration::from_secs(20);
/// Short, for peers that never answer.
const IMPATIENT: Duration = Duration::from_millis(300);
const PHONE: &str = "13812345678";
const CODE: &str = "735519";
/// Keys and secrets of all tests begin like this, so that one search finds each.
const SECRET: &str = "Hush7kQm2RxT9wBn4c";

fn text() -> Text {
    Text {
        phone: Phone::parse(PHONE, "86").unwrap(),
        code: Code::parse(CODE).unwrap(),
        minutes: 5,
        locale: Language::ZhCn,
        template: Word::new("SMS_154950909").unwrap(),
        request_id: Word::new("r-7").unwrap(),
    }
}

fn reach(timeout: Duration) -> Reach {
    Reach { timeout, ..Reach::default() }
}

/// What is shown of anything: neither secrets nor whom a message is for, nor an address that could hold them.
fn harmless<T: Debug + Display>(error: T) -> T {
    let shown = format!("{error} {error:?}");
    for hidden in [PHONE, CODE, "5678", SECRET, "http", "?", "access_token", "the-code"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    error
}

/// The code of a refusal.
fn refused(error: SendError) -> String {
    match harmless(error) {
        SendError::Refused(refusal) => refusal.to_string(),
        other => panic!("{other:?}"),
    }
}
