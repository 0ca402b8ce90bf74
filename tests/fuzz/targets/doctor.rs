//! What `sidegate doctor` reads: doveconf, postconf and nginx, whatever they print. Whatever is found wrong has a
//! cure.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sidegate::config::{Config, Source};
use sidegate::doctor::nginx::Nginx;
use sidegate::doctor::postfix::Postfix;
use sidegate::doctor::tree::Block;
use sidegate::doctor::{Examined, Host, Level, Seen, dict_file, findings};

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = include_str!("../../../conf/sidegate/full.toml").to_owned();
    Config::from_sources(&[Source { name: "full.toml".into(), text }]).expect("what is shipped is taken")
});

fn names_of(block: &Block, depth: usize) -> usize {
    assert!(depth < 10_000);
    block.blocks.iter().map(|inner| names_of(inner, depth + 1)).sum::<usize>() + block.settings.len()
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let parts: Vec<&str> = text.split('\u{c}').collect();
    let part = |place: usize| parts.get(place).copied().unwrap_or_default();
    let dovecot = Block::parse(part(0));
    assert!(names_of(&dovecot, 0) <= part(0).lines().count());
    for (name, value) in &dovecot.settings {
        assert!(!name.contains('=') && value.trim() == value);
        let _ = (dovecot.is_on(name, true), dovecot.words(name));
    }
    let _ = dict_file(&dovecot);
    let postfix = Postfix::parse(part(0), part(1), part(2));
    for service in postfix.smtpd() {
        let _ = (
            postfix.of(service, "smtpd_recipient_restrictions"),
            service.is_submission(),
            service.is_port_25(),
        );
    }
    let nginx = Nginx::parse(part(3));
    for server in &nginx.servers {
        assert!(server.headers.iter().all(|name| name.to_lowercase() == *name), "{server:?}");
    }
    let found = findings(&Examined {
        config: Ok(CONFIG.clone()),
        dovecot: Seen::Is(dovecot),
        postfix: Seen::Is(postfix),
        nginx: Seen::Is(nginx),
        portal: Seen::Absent,
        doors: Vec::new(),
        links: Vec::new(),
        host: Host::default(),
        daemon: Err("nobody answers".into()),
    });
    for finding in &found {
        assert!(!finding.what.is_empty(), "{finding:?}");
        assert!(finding.level < Level::Warn || !finding.cure.is_empty(), "{finding:?} has no cure");
    }
});
