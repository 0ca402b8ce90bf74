//! A private Postfix with submission and submissions in their chroot, delivering to the site's Dovecot over LMTP.
//!
//! What is not Sidegate's comes from `examples/site/`. `conf/postfix/*.cf` are used as they stand, but for the path of
//! `sasl/`. In `conf/postfix/master.cf` and `conf/nginx/postfix-master.cf`
//! the names of the services are turned into the site's address and a high port,
//! so that several sites can run beside a mail server of this machine.

use std::fs;
use std::net::SocketAddrV4;
use std::process::Command;
use std::time::Duration;

use crate::process::{listens, run, wait_until};
use crate::site::{Site, shipped, user_id};

/// STARTTLS.
pub(crate) const SUBMISSION: u16 = 10587;
/// TLS from the start.
pub(crate) const SUBMISSIONS: u16 = 10465;
/// Where nginx hands clients on.
pub(crate) const FROM_NGINX: u16 = 10588;

/// The site's Postfix.
#[derive(Debug)]
pub(crate) struct Postfix {
    etc: std::path::PathBuf,
}

impl Postfix {
    /// Starts it and waits until both services listen. Sidegate must be there already: without it smtpd dies, and
    /// Postfix leaves the service alone for a minute.
    pub(crate) fn start(site: &Site, files: &[&str]) -> Postfix {
        let etc = site.path("postfix/etc");
        fs::create_dir(&etc).expect("a folder");
        let data = site.path("postfix/data");
        fs::create_dir(&data).expect("a folder");
        std::os::unix::fs::chown(&data, Some(user_id("postfix")), None).expect("chown");
        let mut main = site.example("postfix-main.cf") + &read("postfix/main.cf");
        for file in files {
            let more =
                read(&format!("postfix/{file}")).replace("/etc/postfix/", &format!("{}/", etc.display()));
            main = in_place(&main, &more);
        }
        fs::create_dir(etc.join("sasl")).expect("a folder");
        fs::write(etc.join("sasl/smtpd.conf"), read("postfix/sasl/smtpd.conf")).expect("smtpd.conf");
        fs::write(etc.join("main.cf"), main).expect("main.cf");
        let mut master = master_cf(site);
        if files.contains(&"header-check.cf") {
            // As the file tells the administrator to do.
            assert_eq!(master.matches("\n#  -o smtpd_milters=").count(), 2);
            master = master.replace("\n#  -o smtpd_milters=", "\n  -o smtpd_milters=");
        }
        fs::write(etc.join("master.cf"), master).expect("master.cf");
        let postfix = Postfix { etc };
        let log = site.path("logs/postfix-start");
        let out = fs::File::create(&log).expect("a log file");
        let err = out.try_clone().expect("its second handle");
        // To a file and not a pipe: master keeps it open as long as it lives.
        let started = postfix.command("start").stdout(out).stderr(err).status();
        let text = || fs::read_to_string(&log).unwrap_or_default();
        assert!(started.is_ok_and(|s| s.success()), "postfix start:\n{}", text());
        wait_until("Postfix listens", Duration::from_secs(20), || {
            [SUBMISSION, SUBMISSIONS].iter().all(|port| listens(Postfix::at(site, *port)))
        });
        postfix
    }

    /// Where a service of the site listens.
    pub(crate) fn at(site: &Site, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(site.host, port)
    }

    /// Changes a setting of `main.cf`, for whoever connects from now on.
    pub(crate) fn set(&self, setting: &str) {
        run(Command::new("postconf").arg("-c").arg(&self.etc).args(["-e", setting]));
        run(&mut self.command("reload"));
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("postfix");
        command.arg("-c").arg(&self.etc).arg(verb).current_dir("/");
        command
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It ends the master process this configuration belongs to, and waits for it; not for ever.
        let mut command = Command::new("timeout");
        command.args(["60", "postfix", "-c"]).arg(&self.etc).arg("stop").current_dir("/");
        let _ = command.output();
    }
}

/// `main.cf` with more settings, in the place of those of the same names, as each file tells the administrator to do.
pub(crate) fn in_place(main: &str, more: &str) -> String {
    let name = |line: &str| Some(line.split_once(" =")?.0.to_owned()).filter(|name| !name.starts_with('#'));
    let names: Vec<String> = more.lines().filter_map(name).collect();
    let stays = |line: &&str| name(line).is_none_or(|name| !names.contains(&name));
    main.lines().filter(stays).map(|line| format!("{line}\n")).collect::<String>() + more
}

fn read(name: &str) -> String {
    fs::read_to_string(shipped(name)).expect("a shipped file")
}

fn master_cf(site: &Site) -> String {
    let mut services = read("postfix/master.cf");
    for (name, port) in [("submission inet", SUBMISSION), ("submissions inet", SUBMISSIONS)] {
        assert_eq!(services.matches(&format!("\n{name} ")).count(), 1, "{name} in master.cf");
        let ours = format!("\n{}:{port} inet ", site.host);
        services = services.replace(&format!("\n{name} "), &ours);
    }
    let from_nginx = read("nginx/postfix-master.cf");
    let place = format!("\n127.0.0.1:{FROM_NGINX} inet ");
    assert_eq!(from_nginx.matches(&place).count(), 1, "the place nginx connects to");
    services += &from_nginx.replace(&place, &format!("\n{}:{FROM_NGINX} inet ", site.host));
    site.example("postfix-master.cf") + &services
}
