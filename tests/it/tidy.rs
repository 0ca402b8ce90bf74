//! Rules about the source text itself.

use std::fs;
use std::path::{Path, PathBuf};

/// A file with more lines usually holds two ideas.
const LINES_MAX: usize = 500;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    assert!(!found.is_empty(), "{folder} has no sources");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The text before the tests at its end, without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn rules_and_protocols_are_pure() {
    let forbidden = [
        "async fn",
        "tokio::",
        "SystemTime",
        "Instant::now",
        "getrandom",
        "std::fs",
        "rusqlite",
        "tracing::",
    ];
    for folder in ["src/gate", "src/proto", "src/doctor"] {
        for (path, text) in sources(folder) {
            let code = code(&text);
            for word in forbidden {
                assert!(!code.contains(word), "{} contains {word}", path.display());
            }
        }
    }
}

/// The map at the head of `lib.rs` names every module of the three levels that it draws.
#[test]
fn the_map_names_every_module() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let map = read("src/lib.rs");
    for (file, prefix) in [("src/lib.rs", ""), ("src/gate/mod.rs", "gate::"), ("src/proto/mod.rs", "proto::")]
    {
        for line in read(file).lines() {
            let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) else {
                continue;
            };
            let named = format!("[`{prefix}{name}`]");
            let file = format!("{name}.rs");
            assert!(map.contains(&named) || map.contains(&file), "the map does not name {prefix}{name}");
        }
    }
}

#[test]
fn sql_stays_in_the_store() {
    for (path, text) in sources("src") {
        let inside = path.components().any(|part| part.as_os_str() == "store");
        assert!(inside || !code(&text).contains("rusqlite"), "{}", path.display());
    }
}

#[test]
fn nothing_is_waived_or_left_for_later() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[allow(", "#[ignore]", "FIXME", "XXX"];
    for (path, text) in sources("src") {
        for word in words {
            assert!(!text.contains(word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        assert!(text.lines().count() <= LINES_MAX, "{} is longer than {LINES_MAX} lines", path.display());
        assert!(text.starts_with("//!"), "{} does not begin with what it is for", path.display());
    }
}

#[test]
fn every_source_is_reachable_from_the_map() {
    for (path, _) in sources("src") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap();
        if ["lib", "mod"].contains(&name) || folder.ends_with("bin") {
            continue;
        }
        // `a/b.rs` is declared in `a/mod.rs`, or in `a.rs` beside the folder, or in `lib.rs`.
        let parents = [folder.join("mod.rs"), folder.with_extension("rs"), folder.join("lib.rs")];
        let declared = parents
            .iter()
            .filter_map(|parent| fs::read_to_string(parent).ok())
            .any(|text| text.lines().any(|line| line.ends_with(&format!("mod {name};"))));
        assert!(declared, "{} is in no map", path.display());
    }
}

/// A limit that only its own line and the documentation know limits nothing.
#[test]
fn every_limit_limits_something() {
    let helps_tests = |path: &Path| {
        let path = path.to_string_lossy();
        path.ends_with("/tests.rs") || path.contains("/contract") || path.contains("/gallery")
    };
    let sources: Vec<String> =
        sources("src").iter().filter(|(path, _)| !helps_tests(path)).map(|(_, text)| code(text)).collect();
    let named = |line: &str| {
        let name = line.trim_start().split_once("const ")?.1.split(':').next()?.trim().to_owned();
        (line.trim_start().starts_with("pub") && name.ends_with("_MAX")).then_some(name)
    };
    let limits: Vec<String> = sources.iter().flat_map(|text| text.lines().filter_map(named)).collect();
    assert!(limits.len() > 50, "limits are found as they are written: {limits:?}");
    for limit in &limits {
        let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let has = |line: &str| line.split(|c| !part_of_name(c)).any(|word| word == limit);
        let uses = |text: &str| {
            // What is imported is not yet used.
            let (mut importing, mut found) = (false, false);
            for line in text.lines() {
                let start = line.trim_start();
                importing |= start.starts_with("use ") || start.starts_with("pub use ");
                found |= !importing && named(line).is_none_or(|name| name != *limit) && has(line);
                importing &= !line.contains(';');
            }
            found
        };
        assert!(sources.iter().any(|text| uses(text)), "{limit} limits nothing");
    }
}
