//! What would happen to a login, in words: the answer to `sidegate check`.

use super::output::{Style, visible};
use crate::api::{CheckAnswer, CheckRequest};

/// What would happen to a login, in sentences.
#[must_use]
pub fn sentences(request: &CheckRequest, answer: &CheckAnswer, style: &Style) -> String {
    let who = answer.account.as_ref().unwrap_or(&request.account);
    let from = request.from.as_ref().map_or_else(|| "an address not told".into(), ToString::to_string);
    let login = format!("A login of {who} over {} from {from}", request.protocol);
    let mut text = match answer.verdict.as_str() {
        "accept" => {
            let with = match &answer.password {
                Some(password) => format!("client password {}, \"{}\"", password.id, password.name),
                None => "the main password".into(),
            };
            format!("{login} would be accepted, with {with}.\n")
        }
        "defer" => {
            let why = answer.reason.as_deref().unwrap_or("no reason is given");
            format!("{login} could not be decided ({why}): the client would be told to try again later.\n")
        }
        _ => format!("{login} would be refused: {}.\n", why_refused(request, answer, style)),
    };
    if request.from.is_some() {
        if answer.exempt {
            text.push_str(&format!("{from} is in lockout.exempt and is never blocked.\n"));
        } else if answer.failures > 0 && answer.reason.as_deref() != Some("blocked") {
            let (failures, most) = (answer.failures, answer.failures_max);
            text.push_str(&format!("{from} has {failures} of the {most} failures in a row that block it.\n"));
        }
    }
    text.split_inclusive('\n').map(|line| visible(line.trim_end_matches('\n')) + "\n").collect()
}

fn why_refused(request: &CheckRequest, answer: &CheckAnswer, style: &Style) -> String {
    let password = match &answer.password {
        Some(password) => format!("client password {}, \"{}\",", password.id, password.name),
        None => "the client password".into(),
    };
    match answer.reason.as_deref().unwrap_or("no reason is given") {
        "blocked" => match answer.until {
            Some(end) => format!("the address is blocked until {}", style.times.show(end)),
            None => "the address is blocked".into(),
        },
        "wrong-password" => "the password is none that counts for this account".into(),
        "empty-password" => "there is no password in it; nothing was looked at, and it does not count".into(),
        "wrong-factor" => "the second factor is wrong".into(),
        "unknown-account" => "there is no such account".into(),
        "bad-name" => "no account can have this name".into(),
        "unreadable" => "it cannot be read as a login".into(),
        "not-handed-on" => {
            "nobody here has this name, and names like it are not handed to Dovecot (accounts.domains)".into()
        }
        "others-mailbox" => "the mailbox is another account's, and opens under that name only".into(),
        "disabled" => "the account is disabled".into(),
        "revoked" => format!("{password} was revoked"),
        "expired" => format!("{password} has expired"),
        "wrong-protocol" => format!("{password} is not good for {}", request.protocol),
        "wrong-network" => format!("{password} may not come from there"),
        "at-webmail" => format!("{password} is for mail programs, and this host is a webmail"),
        "main-password" => "this is the main password, and mail clients need a client password".into(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RevokedLine;
    use crate::clock::Timestamp;

    const DAY: Timestamp = Timestamp(1_795_132_800);

    fn sentence(answer: CheckAnswer) -> String {
        let request = CheckRequest {
            account: "Ann".into(),
            protocol: "imap".into(),
            from: Some("192.0.2.7".into()),
            password: "Fj7kQm2RxT9wBn4c".into(),
        };
        sentences(&request, &answer, &Style::plain(false))
    }

    #[test]
    fn a_check_is_told_in_sentences() {
        let refused = |reason: &str| CheckAnswer {
            verdict: "refuse".into(),
            reason: Some(reason.into()),
            account: Some("ann@example.org".into()),
            password: Some(RevokedLine { id: 3, name: "Old phone".into() }),
            until: Some(DAY),
            failures: 4,
            failures_max: 10,
            exempt: false,
        };
        let accepted = CheckAnswer { verdict: "accept".into(), reason: None, failures: 0, ..refused("") };
        let login = "A login of ann@example.org over imap from 192.0.2.7";
        assert_eq!(
            sentence(accepted.clone()),
            format!("{login} would be accepted, with client password 3, \"Old phone\".\n")
        );
        let main = sentence(CheckAnswer { password: None, exempt: true, ..accepted });
        assert!(main.contains("with the main password.\n192.0.2.7 is in lockout.exempt"), "{main}");
        assert_eq!(
            sentence(refused("revoked")),
            format!(
                "{login} would be refused: client password 3, \"Old phone\", was revoked.\n\
                 192.0.2.7 has 4 of the 10 failures in a row that block it.\n"
            )
        );
        let blocked = sentence(refused("blocked"));
        assert_eq!(
            blocked,
            format!("{login} would be refused: the address is blocked until 2026-11-20T00:00:00Z.\n")
        );
        let defer = CheckAnswer { verdict: "defer".into(), reason: Some("store".into()), ..refused("") };
        assert!(sentence(defer).contains("(store): the client would be told to try again later"));
        for word in [
            "wrong-password",
            "empty-password",
            "wrong-factor",
            "unknown-account",
            "disabled",
            "bad-name",
            "unreadable",
            "expired",
            "wrong-protocol",
            "wrong-network",
            "not-handed-on",
            "others-mailbox",
            "at-webmail",
            "main-password",
        ] {
            let text = sentence(refused(word));
            assert!(
                !text.contains(&format!("refused: {word}.")) && !text.contains("Fj7k"),
                "{word} is put in words: {text}"
            );
        }
    }
}
