//! One mailbox, one account: a Dovecot that looks at the part before the `@` only, and one that renames people, are no
//! way around two-factor.

use std::fs;

use crate::client::{Imap, Pop3};
use crate::dovecot::{Dovecot, IMAP, POP3};
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIL_ID, MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ANN: &str = "ann@example.test";
const BOB: &str = "bob@example.test";
/// Very many logins come from where these tests are.
const UNTIL: &str =
    "lockout.exempt = [\"127.0.7.1/32\"]\nmain_password.mail_clients = \"until-two-factor\"\n";

with_each_dovecot!(the_part_before_the_at_is_not_all, a_renamed_user_is_judged_by_the_new_name);

/// Behind the usual password file a second one, in which only the local part counts: an example of Dovecot's manual.
fn by_local_part(series: Series) -> &'static str {
    match series {
        Series::V23 => {
            "passdb {\n  driver = passwd-file\n  args = username_format=%n @DIR@/locals\n}\n\
             userdb {\n  driver = passwd-file\n  args = username_format=%n @DIR@/locals\n}\n"
        }
        Series::V24 => {
            "passdb locals {\n  driver = passwd-file\n  passwd_file_path = @DIR@/locals\n  \
             auth_username_format = %{user|username}\n}\n\
             userdb locals {\n  driver = passwd-file\n  passwd_file_path = @DIR@/locals\n  \
             auth_username_format = %{user|username}\n}\n"
        }
    }
}

fn write_users(site: &Site, file: &str, lines: &[String]) {
    fs::write(site.path("dovecot").join(file), lines.concat()).expect("a password file");
}

/// A line of a password file: somebody whose mail lies in a folder of this name.
fn line(site: &Site, name: &str, home: &str, more: &str) -> String {
    let home = site.path("mail").join(home);
    format!("{name}:{{PLAIN}}{MAIN_PASSWORD}:{MAIL_ID}:{MAIL_ID}::{}::{more}\n", home.display())
}

fn everywhere(site: &Site, name: &str, password: &str) -> [String; 3] {
    [imap(site, HOME, name, password), pop3(site, HOME, name, password), smtp(site, HOME, name, password)]
}

#[track_caller]
fn refused(site: &Site, name: &str) {
    everywhere(site, name, MAIN_PASSWORD).iter().for_each(|answer| assert_refused(answer));
}

/// What opens is Ann's own mailbox, where there is a folder that nobody else has.
fn opens_anns_mailbox(site: &Site, name: &str, password: &str) {
    let mut session = Imap::open(HOME, Dovecot::at(site, IMAP));
    assert_in(&session.login(name, password));
    let listed = session.command("LIST \"\" Anns");
    assert!(listed.iter().any(|line| line.contains("Anns")), "{name}: {listed:?}");
}

fn the_part_before_the_at_is_not_all(series: Series) {
    let settings = format!("{UNTIL}accounts.domains = [\"example.test\", \"example.net\"]\n");
    let plan = Plan::new(Mode::Front).on(series).with_postfix().settings(&settings);
    let Some(mut site) = plan.dovecot_has(by_local_part(series)).start() else { return };
    write_users(&site, "locals", &["ann", "bob", "carol"].map(|name| line(&site, name, name, "")));
    site.secret(ANN, MAIN_PASSWORD);
    for account in [ANN, BOB] {
        site.cli.done(&["account", "add", account]);
    }
    let password = site.password(ANN, "Phone");
    let mut session = Imap::open(HOME, Dovecot::at(&site, IMAP));
    assert_in(&session.login(ANN, MAIN_PASSWORD));
    session.command("CREATE Anns");
    site.cli.done(&["account", "set", ANN, "--two-factor", "on"]);

    for name in [ANN, "ann@elsewhere.example", "ann@x", "ann@example.test.", "ann@", "ann", "ann@example.net"]
    {
        refused(&site, name);
    }
    everywhere(&site, BOB, MAIN_PASSWORD).iter().for_each(|answer| assert_in(answer));
    site.cli.done(&["alias", "add", ANN, "info@example.test"]);
    site.cli.done(&["alias", "add", "@example.test", "@example.net"]);
    for name in ["info@example.test", "ann@example.net", "ann+x@example.test"] {
        refused(&site, name);
        opens_anns_mailbox(&site, name, &password);
    }
    let told = super::doctor::doctor(&site, &[]).stdout;
    assert!(told.contains("looks at the part before the @ only"), "{told}");

    // An explicit setting: names are handed on again, and her mailbox is known by where it is.
    site.cli.done(&["alias", "remove", "@example.net"]);
    site.add_settings("main_password.unknown_names = \"hand-on\"\n");
    assert_in(&imap(&site, HOME, "carol@example.test", MAIN_PASSWORD));
    refused(&site, "ann@example.net");
    site.assert_nothing_secret();
}

fn a_renamed_user_is_judged_by_the_new_name(series: Series) {
    let plan = Plan::new(Mode::Front).on(series).with_postfix().settings(UNTIL);
    let Some(site) = plan.start() else { return };
    write_users(
        &site,
        "users",
        &[
            line(&site, ANN, "ann", ""),
            line(&site, BOB, "bob", ""),
            line(&site, "a.smith@example.test", "ann", &format!("user={ANN}")),
            line(&site, "smith@example.test", "ann", &format!("userdb_user={ANN}")),
            line(&site, "asmith@example.test", "ann", ""),
        ],
    );
    site.secret(ANN, MAIN_PASSWORD);
    for account in [ANN, BOB] {
        site.cli.done(&["account", "add", account]);
    }
    let renamed = ["a.smith@example.test", "smith@example.test", "asmith@example.test"];
    for name in renamed {
        everywhere(&site, name, MAIN_PASSWORD).iter().for_each(|answer| assert_in(answer));
    }
    let events = site.cli.done(&["--json", "events", "--account", ANN]);
    for name in renamed {
        assert!(events.contains(name), "its owner sees {name}: {events}");
    }
    site.cli.done(&["account", "set", ANN, "--two-factor", "on"]);
    renamed.iter().for_each(|name| refused(&site, name));
    site.cli.done(&["account", "set", ANN, "--two-factor", "off"]);
    site.cli.done(&["account", "disable", ANN]);
    renamed.iter().for_each(|name| refused(&site, name));
    let mut pop3 = Pop3::open(HOME, Dovecot::at(&site, POP3));
    assert_in(&pop3.login(BOB, MAIN_PASSWORD));
    site.assert_nothing_secret();
}
