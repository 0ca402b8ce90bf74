//! `sidegate doctor` at a living site: healthy, and then broken under its eyes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use sidegate::api::Diagnosis;
use sidegate::api::client::{Client, Target};

use crate::cli::Called;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

with_each_dovecot!(a_healthy_front_and_what_breaks_it, a_cached_passdb, the_other_ways);

/// Programs of the story's Dovecot, found before the machine's own; and no word of the machine's nginx.
pub(super) fn doctor(site: &Site, args: &[&str]) -> Called {
    let folder = site.path("bin");
    let doveconf = site.series.command("doveconf");
    if doveconf.get_program() != "doveconf" && !folder.exists() {
        fs::create_dir(&folder).expect("a folder");
        let words = std::iter::once(doveconf.get_program()).chain(doveconf.get_args());
        let quoted: Vec<String> = words.map(|word| format!("'{}'", word.display())).collect();
        // The wrapper's own /usr is the other one, so that it is found by its full path there.
        let text =
            format!("#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nexec {} \"$@\"\n", quoted.join(" "));
        fs::write(folder.join("doveconf"), text).expect("a script");
        fs::set_permissions(folder.join("doveconf"), fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .arg("--socket")
        .arg(&site.cli.socket)
        .arg("doctor")
        .arg("--dovecot-conf")
        .arg(site.path("dovecot/dovecot.conf"))
        .arg("--config")
        .arg(site.path("etc/sidegate.toml"))
        .arg("--postfix-dir")
        .arg(site.path("postfix/etc"))
        .arg("--nginx-conf")
        .arg(site.path("nginx/nginx.conf"))
        .args(args)
        .env("PATH", format!("{}:{path}", folder.display()))
        .stdin(Stdio::null())
        .output()
        .expect("sidegate can be started");
    Called {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What is bad, each with its cure.
fn bad(called: &Called) -> Vec<(String, String)> {
    let all: Value = serde_json::from_str(&called.stdout).unwrap_or_else(|e| panic!("{e}: {called:?}"));
    let findings = all["findings"].as_array().expect("findings");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let bad = findings.iter().filter(|finding| finding["level"] == "bad");
    bad.map(|finding| (text(finding, "what"), text(finding, "cure"))).collect()
}

#[track_caller]
fn assert_names(site: &Site, code: i32, what: &str, cure: &str) {
    let called = doctor(site, &["--json"]);
    let found = bad(&called);
    assert!(found.iter().any(|(w, c)| w.contains(what) && c.contains(cure)), "{what}: {found:#?}");
    assert_eq!(called.code, Some(code), "{found:#?}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

fn a_healthy_front_and_what_breaks_it(series: Series) {
    let plan = Plan::new(Mode::Front).on(series).with_postfix_and(&["sending.cf", "header-check.cf"]);
    let plan = plan.postfix_listener("milter", "milter").postfix_listener("socketmap", "map");
    let Some(mut site) = plan.postfix_listener("saslauthd", "mux").start() else { return };
    let before = site.cli.json(&["status"]);
    let called = doctor(&site, &["--json"]);
    assert_eq!((bad(&called), called.code), (vec![], Some(0)), "{called:?}");
    assert_eq!(
        called.stdout.matches("(as dovenull)").count(),
        1,
        "asked as those who ask: {}",
        called.stdout
    );
    assert!(called.stdout.contains("it is what sidegated runs with"), "{}", called.stdout);
    let lines = doctor(&site, &[]);
    assert!(lines.stdout.contains("0 bad, ") && !lines.stdout.contains('\u{1b}'), "{}", lines.stdout);
    let after = site.cli.json(&["status"]);
    for counted in ["logins", "sources", "blocks"] {
        assert_eq!(before[counted], after[counted], "doctor counts nothing: {counted}");
    }
    let client = Client::new(&site.cli.socket).expect("a client");
    let said: Diagnosis =
        client.get(&Target::of(&["doctor"])).and_then(|answer| answer.read()).expect("an answer");
    let asked = said.doors.iter().filter(|door| door.last_question.is_some()).count();
    assert_eq!(asked, 0, "its own questions are not Postfix's: {said:?}");

    let policy = site.path("postfix/queue/sidegate/policy");
    set_mode(&policy, 0o600);
    assert_names(&site, 1, "has mode 0600, and 0660 is configured", "chmod 0660");
    assert_names(&site, 1, "the user postfix cannot reach it", "namei -l");
    fs::remove_file(&policy).expect("the socket");
    assert_names(&site, 1, "sidegate/policy is missing", "restart sidegate");
    site.stop_daemon("TERM");
    site.start_daemon();

    let postfix = site.path("postfix/etc");
    let mut master = fs::read_to_string(postfix.join("master.cf")).expect("master.cf");
    master += "smtp inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes\n";
    fs::write(postfix.join("master.cf"), master).expect("master.cf");
    assert_names(&site, 1, "AUTH is offered on port 25", "smtpd_sasl_auth_enable = no");

    let link = site.path("dovecot/run/login/login");
    fs::remove_file(&link).expect("the link");
    assert_names(&site, 1, "login/login leads nowhere", "take-over.sh");

    site.stop_daemon("KILL");
    assert_names(&site, 3, "sidegated cannot be asked", "systemctl status sidegate");
    assert_names(&site, 3, "nobody listens there any more", "restart sidegate");
}

fn a_cached_passdb(series: Series) {
    let Some(site) = Plan::new(Mode::PassdbLua).on(series).with_postfix().start() else { return };
    let called = doctor(&site, &["--json"]);
    assert_eq!((bad(&called), called.code), (vec![], Some(0)), "{called:?}");
    let conf = site.path("dovecot/dovecot.conf");
    let text = fs::read_to_string(&conf).expect("dovecot.conf");
    fs::write(&conf, text + "\nauth_cache_size = 10M\n").expect("dovecot.conf");
    assert_names(&site, 1, "a revoked password goes on working", "auth_cache_size = 0");
}

fn the_other_ways(series: Series) {
    for mode in [Mode::Full, Mode::Policy] {
        let Some(site) = Plan::new(mode).on(series).with_postfix().start() else { return };
        let called = doctor(&site, &["--json"]);
        assert_eq!((bad(&called), called.code), (vec![], Some(0)), "{mode:?}: {called:?}");
    }
}
