//! What we ship makes no server complain: the checks of Postfix 3.7 and 3.10 and of nginx 1.22 and 1.26 (Debian 12 and 13),
//! with each choice of our files, say nothing of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::plan::have_beside;
use crate::postfix::in_place;
use crate::process::run;
use crate::series::{Series, with_each_dovecot};
use crate::site::shipped;

with_each_dovecot!(postfix_has_nothing_to_say, nginx_has_nothing_to_say);

/// What may follow `main.cf`, as each file tells the administrator to do.
const CHOICES: [&[&str]; 5] = [
    &[],
    &["sending.cf"],
    &["sender-login.cf", "header-check.cf"],
    &["sending.cf", "header-check.cf"],
    &["cyrus.cf"],
];

fn read(name: &str) -> String {
    fs::read_to_string(shipped(name)).expect("a shipped file")
}

/// The lines of a check that name one of these files.
fn complaints(checked: &Output, files: &[&str]) -> String {
    let said = [checked.stdout.as_slice(), &checked.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.lines()
        .filter(|line| files.iter().any(|file| line.contains(file)))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Postfix's own check of a private configuration; what it says of the two files.
fn check(series: Series, folder: &Path, main: &str, master: &str) -> String {
    fs::write(folder.join("main.cf"), main).expect("main.cf");
    fs::write(folder.join("master.cf"), master).expect("master.cf");
    let checked = series.command("postfix").arg("-c").arg(folder).arg("check").current_dir("/").output();
    complaints(&checked.expect("postfix can be started"), &["/main.cf", "/master.cf"])
}

fn postfix_has_nothing_to_say(series: Series) {
    if !have_beside(series, &["postfix"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for name in ["queue", "data"] {
        fs::create_dir(at.join(name)).expect("a folder");
    }
    run(Command::new("chown").arg("postfix").arg(at.join("data")));
    let own = format!(
        "compatibility_level = 3.6\nmyhostname = mx.example.org\nqueue_directory = {0}/queue\ndata_directory = {0}/data\n",
        at.display()
    );
    let main = own + &read("postfix/main.cf");
    let master = read("postfix/master.cf") + &read("nginx/postfix-master.cf");
    for choice in CHOICES {
        let main =
            choice.iter().fold(main.clone(), |main, file| in_place(&main, &read(&format!("postfix/{file}"))));
        let master = match choice.contains(&"header-check.cf") {
            true => master.replace("\n#  -o smtpd_milters=", "\n  -o smtpd_milters="),
            false => master.clone(),
        };
        assert_eq!(check(series, at, &main, &master), "", "{choice:?}");
    }
    // It would have said so.
    let undefined = main.replace("\nsidegate_client_restrictions =\n", "\n");
    assert!(
        check(series, at, &undefined, &master).contains("undefined parameter: sidegate_client_restrictions")
    );
    let twice = main.clone() + "smtpd_sasl_path = private/auth\n";
    assert!(check(series, at, &twice, &master).contains("overriding earlier entry: smtpd_sasl_path"));
}

fn nginx_has_nothing_to_say(series: Series) {
    if !have_beside(series, &["nginx"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=portal.example.org", "-keyout", &path("key.pem"), "-out", &path("cert.pem")]));
    // It binds while it checks; not every machine that tests has IPv6.
    let portal = read("nginx/portal.conf")
        .replace("listen 443 ", "listen 127.0.7.95:20443 ")
        .replace("listen 80;", "listen 127.0.7.95:20080;")
        .replace("    listen [::]:443 ssl;\n", "")
        .replace("    listen [::]:80;\n", "")
        .replace("/etc/ssl/certs/portal.pem", &path("cert.pem"))
        .replace("/etc/ssl/private/portal.key", &path("key.pem"));
    fs::write(path("portal.conf"), portal).expect("portal.conf");
    let whole = format!(
        "user www-data;\npid {0}/pid;\nevents {{}}\nhttp {{\naccess_log off;\ninclude {0}/portal.conf;\n}}\n",
        folder.path().display()
    );
    fs::write(path("nginx.conf"), whole).expect("nginx.conf");
    let checked =
        series.command("nginx").args(["-t", "-q", "-e", "stderr", "-c", &path("nginx.conf")]).output();
    let checked = checked.expect("nginx can be started");
    assert_eq!(complaints(&checked, &["["]), "");
    assert!(checked.status.success());
}
