//! sidegate(7), `conf/man/sidegate.7`: what it lists is what there is.

use std::fs;
use std::path::{Path, PathBuf};

use sidegate::clock::Timestamp;
use sidegate::config::{Choice, ListenProtocol};
use sidegate::gate::event::Kind;
use sidegate::gate::login::Reason;
use sidegate::gate::name::AccountName;
use sidegate::gate::record::Block;
use sidegate::metrics::{Counters, Gauges, page};

const MANUAL: &str = include_str!("../../conf/man/sidegate.7");

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A section, from its head to the next.
fn section(name: &str) -> &'static str {
    let (_, rest) = MANUAL.split_once(&format!("\n.Sh {name}\n")).unwrap_or_else(|| panic!("no {name}"));
    rest.split("\n.Sh ").next().unwrap()
}

/// What the items of this macro are called.
fn items<'a>(section: &'a str, macro_name: &str) -> Vec<&'a str> {
    let head = format!(".It {macro_name} ");
    section.lines().filter_map(|line| line.strip_prefix(head.as_str())).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_kind_of_event_is_explained_in_its_order() {
    assert_eq!(items(section("EVENTS"), "Cm"), Kind::ALL.map(Kind::word));
}

#[test]
fn every_reason_of_a_refusal_is_explained() {
    let block = Block::by_hand(Timestamp(0), Timestamp(0), "");
    let reasons = [
        Reason::Blocked(block),
        Reason::WrongPassword,
        Reason::EmptyPassword,
        Reason::WrongFactor,
        Reason::UnknownAccount,
        Reason::BadName,
        Reason::Unreadable,
        Reason::NotHandedOn,
        Reason::OthersMailbox(AccountName::parse("ann@example.org", None).unwrap()),
        Reason::Disabled,
        Reason::Revoked { id: 1, name: String::new() },
        Reason::Expired,
        Reason::WrongProtocol,
        Reason::WrongNetwork,
        Reason::AtWebmail,
        Reason::MainPassword,
    ];
    // A new reason stops the build here: it belongs into the list above and into the manual.
    let places = reasons.iter().map(|reason| match reason {
        Reason::Blocked(_) => 0,
        Reason::WrongPassword => 1,
        Reason::EmptyPassword => 2,
        Reason::WrongFactor => 3,
        Reason::UnknownAccount => 4,
        Reason::BadName => 5,
        Reason::Unreadable => 6,
        Reason::NotHandedOn => 7,
        Reason::OthersMailbox(_) => 8,
        Reason::Disabled => 9,
        Reason::Revoked { .. } => 10,
        Reason::Expired => 11,
        Reason::WrongProtocol => 12,
        Reason::WrongNetwork => 13,
        Reason::AtWebmail => 14,
        Reason::MainPassword => 15,
    });
    assert!(places.eq(0..reasons.len()));
    let refused = section("REASONS").split("\n.Pp\n").next().unwrap();
    assert_eq!(items(refused, "Cm"), reasons.each_ref().map(Reason::word));
}

/// Words in quotes that are made into a `Verdict::Defer`.
#[test]
fn every_reason_of_a_deferral_is_explained() {
    let mut files = Vec::new();
    sources(&project().join("src/service"), &mut files);
    let mut words: Vec<String> = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for line in code.lines() {
            let deferred = ["Verdict::Defer(\"", "HasherError::Full => \"", "HasherError::Late => \""]
                .into_iter()
                .chain(["HasherError::Unusable => \"", "const NO_ROOM: &str = \""])
                .filter_map(|head| line.split_once(head))
                .filter_map(|(_, rest)| rest.split_once('"'));
            words.extend(deferred.map(|(word, _)| word.to_owned()));
        }
    }
    words.sort();
    words.dedup();
    let (_, deferred) = section("REASONS").split_once("\n.Pp\n").unwrap();
    let mut explained = items(deferred, "Cm");
    explained.sort_unstable();
    assert_eq!(explained, words);
}

#[test]
fn every_number_for_monitoring_is_explained_in_its_order() {
    let gauges = Gauges {
        sources: 0,
        blocks: 0,
        hashing_queue: 0,
        store_writable: true,
        upstream_connected: Some(true),
        started: 0,
    };
    let text = page(&Counters::default(), &gauges);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names: Vec<&str> = types.map(|(name, _)| name).collect();
    assert_eq!(items(section("METRICS"), "Cm"), names);
}

#[test]
fn every_protocol_and_every_socket_unit_is_named() {
    let words: Vec<&str> = ListenProtocol::WORDS.iter().map(|(word, _)| *word).collect();
    assert_eq!(items(section("LISTENERS"), "Cm"), words);
    let (mut units, files) = (0, section("FILES"));
    for entry in fs::read_dir(project().join("packaging/systemd")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".socket") {
            assert!(files.split_whitespace().any(|word| word == name), "{name} is not in FILES");
            units += 1;
        }
    }
    assert!(units > 5);
}

/// The seconds or the number that a constant is set to: literals and products of them, as they stand there or as a
/// `Duration` of seconds.
fn value(text: &str) -> Option<u64> {
    let text =
        text.strip_prefix("Duration::from_secs(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    text.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().ok()).product()
}

/// The constant `name` of the module that is called so; a module's tests are no part of it.
fn constants(module: &str, name: &str, files: &[PathBuf]) -> Vec<u64> {
    let is_it = |path: &&PathBuf| {
        let folder = path.parent().and_then(Path::file_name);
        path.file_stem().unwrap() == module
            || (path.ends_with("mod.rs") && folder.is_some_and(|f| f == module))
    };
    let of_file = |path: &PathBuf| -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let set = code.lines().filter_map(|line| line.split_once(&format!("const {name}: ")));
        set.filter_map(|(_, rest)| value(rest.split_once("= ")?.1.strip_suffix(';')?)).collect()
    };
    files.iter().filter(is_it).flat_map(of_file).collect()
}

#[test]
fn every_limit_is_what_the_source_says() {
    let mut files = Vec::new();
    sources(&project().join("src"), &mut files);
    let limits = items(section("LIMITS"), "Dv");
    assert!(limits.len() > 20);
    for limit in limits {
        let (name, told) = limit.split_once(" No = ").unwrap_or_else(|| panic!("{limit}"));
        let (module, name) = name.split_once("::").unwrap_or_else(|| panic!("{limit}"));
        let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{limit}"));
        let told = match told.split_once(' ') {
            Some((days, "d")) => number(days) * 86_400,
            Some((seconds, "s")) => number(seconds),
            _ => number(told),
        };
        assert_eq!(constants(module, name, &files), [told], "{limit}");
    }
}

/// What documents call by its path from the top is there.
#[test]
fn every_file_that_is_named_exists() {
    let folders = ["src/", "conf/", "tests/", "examples/", "packaging/", ".ci/", ".github/", "benches/"];
    let mut seen = 0;
    for document in [
        "README.md",
        "conf/README.md",
        "packaging/README.md",
        ".github/CONTRIBUTING.md",
        ".github/SECURITY.md",
        "conf/man/sidegate.7",
    ] {
        let text = fs::read_to_string(project().join(document)).unwrap();
        let words = text.split(|c: char| c.is_whitespace() || "`()[]|,:;\"".contains(c));
        let words = words.map(|word| word.trim_end_matches(['.', '/']));
        for word in words.filter(|word| folders.iter().any(|folder| word.starts_with(folder))) {
            if word.contains(['*', '{']) || word.contains("NN") {
                continue;
            }
            seen += 1;
            assert!(project().join(word).exists(), "{document} names {word}");
        }
    }
    assert!(seen > 60, "{seen}");
}

/// The formatter says what is wrong with the page, where it is installed; `tests/run.sh` installs it.
#[test]
fn the_page_is_good_mdoc() {
    let page = project().join("conf/man/sidegate.7");
    let linted =
        std::process::Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(page).output();
    match linted {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout)),
        Err(_) if std::env::var_os("CI").is_none() => eprintln!("SKIPPED: mandoc is not here"),
        Err(error) => panic!("mandoc: {error}"),
    }
}
