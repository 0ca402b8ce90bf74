//! `sidegate doctor`: gathers what `crate::doctor` judges, and prints what it found.
//!
//! - `look`: files, links, programs of Dovecot, Postfix and nginx, the clock
//! - `ask`: one question to each socket, which counts nothing and blocks nobody, in the name of those who ask there

mod ask;
mod look;

use std::path::Path;

use serde_json::json;

use super::Failure;
use super::commands::Doctor;
use super::output::{Cell, Out, Style, Table, Tone};
use crate::api::Diagnosis;
use crate::api::client::{Client, ClientError, Target};
use crate::config::Config;
use crate::daemon::CONFIG_DEFAULT;
use crate::doctor::{Examined, Finding, Host, Level, findings};

/// Where packages and `packaging/install.sh` put what cures call `conf/`.
const EXAMPLES: [&str; 2] = ["/usr/share/doc/sidegate/examples", "/usr/local/share/doc/sidegate/examples"];
/// The portal's settings, beside the daemon's.
const PORTAL_FILE: &str = "portal.toml";

/// `sidegate doctor`
pub(super) fn doctor(command: &Doctor, socket: &Path, out: &mut Out) -> Result<(), Failure> {
    if let [protocol, place] = command.ask.as_slice() {
        return ask::as_asked(protocol, place, command.as_user.as_deref(), out);
    }
    let said = Client::new(socket).and_then(|client| client.get(&Target::of(&["doctor"]))?.read());
    let away = matches!(&said, Err(ClientError::Unreachable(_) | ClientError::Broken(_)));
    let found = findings(&examine(command, said)?);
    if out.style.json {
        out.value(&json!({ "findings": found }))?;
    } else {
        out.text(&lines(&found, &out.style))?;
        let examples = EXAMPLES.iter().find(|folder| Path::new(folder).is_dir());
        if let Some(folder) = examples.filter(|_| found.iter().any(|finding| finding.cure.contains("conf/")))
        {
            out.text(&format!("conf/ is {folder}, and conf/dovecot is /etc/sidegate/dovecot\n"))?;
        }
    }
    match () {
        () if away => Err(Failure::ToldUnreachable),
        () if found.iter().any(|finding| finding.level == Level::Bad) => Err(Failure::Told),
        () => Ok(()),
    }
}

/// Everything that can be known, with or without a daemon.
fn examine(command: &Doctor, said: Result<Diagnosis, ClientError>) -> Result<Examined, Failure> {
    let runs_with = said.as_ref().ok().map(|said| Path::new(&said.config_file).to_owned());
    let file = command.config.clone().or(runs_with).unwrap_or_else(|| CONFIG_DEFAULT.into());
    let config = Config::load(&file).map_err(|mistakes| mistakes.to_string().trim_end().to_owned());
    let portal = command.portal_conf.clone().unwrap_or_else(|| file.with_file_name(PORTAL_FILE));
    let programs = look::Programs::new()?;
    let dovecot = programs.dovecot(command.dovecot_conf.as_deref());
    let postfix = programs.postfix(command.postfix_dir.as_deref());
    let nginx = programs.nginx(command.nginx_conf.as_deref());
    let (doors, links, host) = match &config {
        Ok(config) => (
            programs.doors(config, ask::asked),
            look::links(config, &dovecot),
            Host {
                portal: look::portal_asked(config, |user| {
                    ask::portal_asked(&programs, &config.control.path, user)
                }),
                ..look::host(config, &dovecot, programs.clock_synchronised())
            },
        ),
        Err(_) => (Vec::new(), Vec::new(), Host::default()),
    };
    let daemon = said.map_err(|error| error.to_string());
    let portal = look::portal(&portal);
    Ok(Examined { config, dovecot, postfix, nginx, portal, doors, links, host, daemon })
}

/// What was found, for people: the worst last, where it is seen.
fn lines(found: &[Finding], style: &Style) -> String {
    let mut table = Table::new(&[]);
    let mut sorted: Vec<&Finding> = found.iter().collect();
    sorted.sort_by_key(|finding| finding.level);
    for (at, finding) in sorted.iter().enumerate() {
        let tone = match finding.level {
            Level::Ok => Tone::Good,
            Level::NotChecked => Tone::Plain,
            Level::Warn => Tone::Odd,
            Level::Bad => Tone::Bad,
        };
        table.row(vec![
            Cell::toned(finding.level.word(), tone),
            (&finding.area).into(),
            Cell::exact(&finding.what),
        ]);
        // One cure for several findings is told once, behind them.
        let next = sorted.get(at + 1).map_or("", |next| next.cure.as_str());
        if !finding.cure.is_empty() && finding.cure != next {
            table.row(vec!["".into(), "".into(), Cell::exact(&format!("cure: {}", finding.cure))]);
        }
    }
    let count = |level| found.iter().filter(|finding| finding.level == level).count();
    let (bad, warn, not) = (count(Level::Bad), count(Level::Warn), count(Level::NotChecked));
    let sum = format!("{bad} bad, {warn} to look at, {not} not checked\n");
    table.show(style.colour) + &sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_stands_last_with_its_cure() {
        let finding = |level, what: &str, cure: &str| Finding {
            level,
            area: "dovecot".into(),
            what: what.into(),
            cure: cure.into(),
        };
        let found = [
            finding(Level::Bad, "ajar", "close it"),
            finding(Level::Ok, "shut", ""),
            finding(Level::Bad, "open", "close it"),
        ];
        let text = "ok   dovecot  shut\nbad  dovecot  ajar\nbad  dovecot  open\n              cure: close it\n\
                    2 bad, 0 to look at, 0 not checked\n";
        assert_eq!(lines(&found, &Style::plain(false)), text);
    }
}
