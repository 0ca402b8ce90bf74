//! Our sockets: are they there as configured, can those who ask reach them, and does somebody answer?

use super::{DoorFacts, Examined, Finding, Findings, Outcome};
use crate::config::{Choice, Config, Endpoint, Listener};

pub(super) fn judge(config: &Config, examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("sockets");
    for listener in &config.listen {
        let place = listener.place.to_string();
        let Some(door) = examined.doors.iter().find(|door| door.place == place) else { continue };
        let before = found.list.len();
        if let Endpoint::Path(_) = listener.place
            && !lies_there(listener, door, &mut found)
        {
            continue;
        }
        let mut answers = Vec::new();
        for asked in &door.asked {
            match &asked.outcome {
                Outcome::Answered(answer) => answers.push(format!("{answer} (as {})", asked.user)),
                outcome => trouble(listener, &asked.user, outcome, &mut found),
            }
        }
        if found.list.len() == before && !answers.is_empty() {
            found.ok(format!("{} {place}: {}", listener.protocol.word(), answers.join(", ")));
        }
    }
    found.list
}

/// Whether there is a socket; and whether it is as configured.
fn lies_there(listener: &Listener, door: &DoorFacts, found: &mut Findings) -> bool {
    let place = &door.place;
    let cure = "systemctl restart sidegate; its log says why a socket could not be made";
    let Some(file) = &door.file else {
        found.bad(format!("{place} is missing"), cure);
        return false;
    };
    if !file.socket {
        found.bad(format!("{place} is no socket"), format!("move it away; {cure}"));
        return false;
    }
    let mode = listener.mode & 0o777;
    if file.mode & 0o777 != mode {
        let more = file.mode & 0o777 & !mode;
        let what = format!("{place} has mode {:04o}, and {mode:04o} is configured", file.mode & 0o777);
        let cure = format!("chmod {mode:04o} {place}");
        if more == 0 {
            found.bad(format!("{what}: those who should ask may not"), cure);
        } else {
            found.bad(format!("{what}: others may ask"), cure);
        }
    }
    if let Some(group) = listener.group.as_deref().filter(|group| *group != file.group) {
        found.bad(
            format!("{place} belongs to group {}, and {group} is configured", file.group),
            format!("chgrp {group} {place}, or restart sidegate with its user in that group"),
        );
    }
    true
}

/// A question without an answer.
fn trouble(listener: &Listener, user: &str, outcome: &Outcome, found: &mut Findings) {
    let door = format!("{} {}", listener.protocol.word(), listener.place);
    match outcome {
        Outcome::Answered(_) => {}
        Outcome::Denied => found.bad(
            format!("{door}: the user {user} cannot reach it"),
            format!("namei -l {} shows which folder or mode keeps {user} out", listener.place),
        ),
        Outcome::Refused => found.bad(
            format!("{door}: nobody listens there any more"),
            "systemctl restart sidegate; if the socket is new, another program may have taken its name",
        ),
        Outcome::Closed => found.bad(
            format!("{door}: closed without an answer to {user}"),
            format!("write {user} into \"peers\" of this [[listen]]; sidegated's log says more"),
        ),
        Outcome::Silent => found.bad(
            format!("{door}: no answer to {user} in time"),
            "sidegate status; journalctl -u sidegate; is the disk or the upstream stuck?",
        ),
        Outcome::Strange(answer) => found.bad(
            format!("{door}: an answer that makes no sense ({answer})"),
            "check that sidegated listens there, of the same version, and that its upstream answers",
        ),
        Outcome::NotAsked(why) => {
            found.not_checked(format!("{door}: not asked as {user}: {why}"), "run doctor as root");
        }
    }
}
