//! Dovecot's auth policy server (2.3 and 2.4): Dovecot keeps its own passdbs and asks us before and after.
//!
//! ```text
//! POST /policy?command=allow   {"login":"ann@example.org","remote":"192.0.2.7","session_id":"…","pwhash":"08d4",
//!                               "protocol":"imap","device_id":"","tls":false}
//!   {"status":0,"msg":""}      go on          {"status":-1,"msg":"text for the client"}   refused
//!   {"status":8,"msg":""}      go on in 8 s   503                                         our own trouble
//! POST /policy?command=report  the same and "success":true|false,"policy_reject":true|false
//!   {"status":0,"msg":""}      counted        503                                         not counted
//! 400 for what is no JSON of this kind; 413 for too much of it
//! ```
//!
//! Dovecot asks `allow` before its passdbs, again after one of them said yes, and reports at the end, also
//! what was refused here (`policy_reject`). It waits 2 s for an answer, and takes anything but a 200 for
//! `auth_policy_reject_on_fail`. 2.4 adds `fail_type`: trouble inside Dovecot is nobody's failure. 2.3 tells a passdb
//! that is away as it tells a wrong password: `gate::outage` says what is made of it.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Shared, body};
use crate::gate::address::parse_address;
use crate::gate::name::Protocol;
use crate::gate::policy::Session;
use crate::service::{Allowed, Ended, PolicyAttempt};

/// What stands behind the question mark.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    command: String,
}

/// A body, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Told {
    login: String,
    #[serde(default)]
    remote: String,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    session_id: String,
    #[serde(default)]
    pwhash: String,
    /// Told where the shipped `policy.conf` for 2.3 asks for it.
    #[serde(default)]
    mech: String,
    success: Option<bool>,
    #[serde(default)]
    policy_reject: bool,
    /// 2.4 alone tells one.
    #[serde(default)]
    fail_type: String,
}

impl Told {
    fn ended(&self) -> Option<Ended> {
        let success = self.success?;
        // 2.4 says `internal` for a passdb that is away, `policy` for what a policy refused.
        match self.fail_type.as_str() {
            _ if self.policy_reject => return Some(Ended::ByPolicy),
            "policy" => return Some(Ended::ByPolicy),
            "internal" => return Some(Ended::Undecided),
            _ => {}
        }
        Some(match (success, self.fail_type.is_empty()) {
            (true, _) => Ended::Right,
            (false, false) => Ended::Wrong,
            (false, true) => Ended::Unexplained,
        })
    }

    fn attempt(self) -> Option<PolicyAttempt> {
        // Dovecot's own `doveadm auth test` tells a protocol too; an empty one is a setting gone astray.
        let protocol = Protocol::parse(&self.protocol).ok()?;
        // With CRAM-MD5 and the like Dovecot has no password, and makes the same hash of nothing for every guess.
        let has_password = ["", "PLAIN", "LOGIN"].iter().any(|mech| mech.eq_ignore_ascii_case(&self.mech));
        Some(PolicyAttempt {
            remote: parse_address(&self.remote),
            session: Session::parse(&self.session_id),
            protocol,
            login: self.login,
            mark: if has_password { self.pwhash } else { String::new() },
        })
    }
}

/// Reads a body: an attempt, and how it ended if it has ended.
///
/// # Errors
/// Why it is none.
pub fn read(body: &[u8]) -> Result<(PolicyAttempt, Option<Ended>), &'static str> {
    let told: Told = serde_json::from_slice(body).map_err(|_| "the body is no auth policy request")?;
    let ended = told.ended();
    let attempt = told.attempt().ok_or("the body tells no protocol")?;
    Ok((attempt, ended))
}

pub(super) async fn policy(
    State(shared): State<Shared>,
    asked: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Response {
    let body = match body(request).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let (attempt, ended) = match read(&body) {
        Ok(told) => told,
        Err(why) => return bad(why),
    };
    let service = shared.service;
    // In a task of its own: what is counted is counted, also where Dovecot waits no longer.
    let answer = match (asked.as_ref().ok().map(|asked| asked.command.as_str()), ended) {
        (Some("allow"), _) => tokio::spawn(async move { allow(service.policy_allow(&attempt).await) }).await,
        (Some("report"), Some(ended)) => {
            let report = async move {
                match service.policy_report(&attempt, ended).await {
                    Ok(()) => status(0, ""),
                    Err(_) => trouble(),
                }
            };
            tokio::spawn(report).await
        }
        (Some("report"), None) => return bad("the report tells no success"),
        _ => return bad("the command is neither allow nor report"),
    };
    answer.unwrap_or_else(|_| trouble())
}

fn allow(allowed: Allowed) -> Response {
    match allowed {
        Allowed::Now => status(0, ""),
        Allowed::After(time) => status(i64::try_from(time.as_secs()).unwrap_or(0), ""),
        Allowed::No(text) => status(-1, &text),
        Allowed::Trouble => trouble(),
    }
}

fn status(status: i64, msg: &str) -> Response {
    Json(json!({ "status": status, "msg": msg })).into_response()
}

fn bad(why: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response()
}

fn trouble() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the store takes no writes\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Told {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn both_versions_of_dovecot_tell_an_attempt() {
        let told = told(
            "{\"device_id\":\"\",\"fail_type\":\"\",\"login\":\"alice@example.test\",\"protocol\":\"imap\",\
             \"pwhash\":\"08d4\",\"remote\":\"::ffff:192.0.2.7\",\"session_id\":\"4cMkkLJgxLV/AAAB\",\"tls\":false}",
        );
        assert_eq!(told.ended(), None);
        let attempt = told.attempt().unwrap();
        assert_eq!(attempt.remote, "192.0.2.7".parse().ok());
        assert_eq!(attempt.session, Session::parse("4cMkkLJgxLV/AAAB"));
        assert_eq!((attempt.login.as_str(), attempt.mark.as_str()), ("alice@example.test", "08d4"));
    }

    #[test]
    fn a_guess_without_a_password_has_no_mark() {
        let mark = |mech: &str| {
            let body = format!("{{\"login\":\"ann\",\"protocol\":\"imap\",\"pwhash\":\"0565\"{mech}}}");
            told(&body).attempt().unwrap().mark
        };
        assert_eq!((mark(""), mark(",\"mech\":\"plain\"")), ("0565".into(), "0565".into()));
        assert_eq!(mark(",\"mech\":\"CRAM-MD5\""), "");
    }

    #[test]
    fn a_report_says_how_it_ended_and_trouble_is_nobodys_failure() {
        let ended = |rest: &str| told(&format!("{{\"login\":\"ann\",{rest}}}")).ended();
        assert_eq!(ended("\"success\":true,\"policy_reject\":false"), Some(Ended::Right));
        assert_eq!(ended("\"success\":false,\"policy_reject\":false"), Some(Ended::Unexplained));
        assert_eq!(ended("\"success\":false,\"policy_reject\":true"), Some(Ended::ByPolicy));
        assert_eq!(ended("\"success\":false,\"fail_type\":\"credentials\""), Some(Ended::Wrong));
        assert_eq!(ended("\"success\":false,\"fail_type\":\"internal\""), Some(Ended::Undecided));
    }
}
