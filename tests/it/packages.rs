//! What `packaging/build.sh` would put into the .deb and the .rpm, without building either.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const STAGE: &str = "target/packages/stage/";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder`, as its path from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// What both packages take, laid out by `packaging/gather.sh`. The programs and what is made from them are only named
/// here: that is all that matters for where they go.
fn stage(folder: &Path) -> PathBuf {
    let [bin, manual, stage] = ["bin", "manual", "stage"].map(|name| folder.join(name));
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&manual).unwrap();
    for program in ["sidegate", "sidegated", "sidegate-portal"] {
        fs::write(bin.join(program), program).unwrap();
        for name in [".8", ".bash", ".fish"].map(|end| format!("{program}{end}")) {
            fs::write(manual.join(&name), &name).unwrap();
        }
        fs::write(manual.join(format!("_{program}")), program).unwrap();
    }
    for page in ["sidegate.toml.5", "portal.toml.5", "sidegate.7"] {
        fs::write(manual.join(page), page).unwrap();
    }
    let gather = Command::new(project("packaging/gather.sh")).args([&bin, &manual, &stage]).output().unwrap();
    assert!(gather.status.success(), "{}", String::from_utf8_lossy(&gather.stderr));
    stage
}

struct Asset {
    source: String,
    dest: String,
    mode: u32,
    /// Kept at an upgrade; Debian's tool does that for all of /etc by itself.
    config: bool,
}

impl Asset {
    /// Which files of the stage (or which file of the project) it takes, and where they go.
    fn places(&self, staged: &BTreeSet<String>) -> BTreeMap<String, String> {
        let Some(pattern) = self.source.strip_prefix(STAGE) else {
            assert!(project(&self.source).is_file(), "there is no {}", self.source);
            let name = self.source.rsplit('/').next().unwrap();
            let dest = if self.dest.ends_with('/') { self.dest.clone() + name } else { self.dest.clone() };
            return BTreeMap::from([(self.source.clone(), dest)]);
        };
        let (base, name) = match pattern.split_once('*') {
            Some((base, _)) => (base, &pattern[base.len()..]),
            None => pattern.split_at(pattern.rfind('/').unwrap() + 1),
        };
        let fits = |rest: &str| match name.strip_prefix('*') {
            None => rest == name,
            Some("*/*") => true,
            Some(end) => !rest.contains('/') && rest.ends_with(end),
        };
        let taken: BTreeMap<_, _> = staged
            .iter()
            .filter_map(|file| Some((file, file.strip_prefix(base)?)))
            .filter(|(_, rest)| fits(rest))
            .map(|(file, rest)| (file.clone(), format!("{}{rest}", self.dest)))
            .collect();
        assert!(!taken.is_empty(), "{} is nothing", self.source);
        taken
    }
}

fn assets(tool: &str) -> Vec<Asset> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let one = |value: &toml::Value| {
        let (source, dest, mode, config) = match value {
            toml::Value::Array(parts) => {
                let dest = format!("/{}", text(&parts[1]));
                (text(&parts[0]), dest.clone(), text(&parts[2]), dest.starts_with("/etc/"))
            }
            parts => {
                let config = parts.get("config").is_some_and(|kind| kind.as_str() == Some("noreplace"));
                (text(&parts["source"]), text(&parts["dest"]), text(&parts["mode"]), config)
            }
        };
        Asset { source, dest, mode: u32::from_str_radix(&mode, 8).unwrap(), config }
    };
    manifest["package"]["metadata"][tool]["assets"].as_array().unwrap().iter().map(one).collect()
}

/// Each file of the stage with its place, mode and whether an administrator's changes are kept.
fn installed(tool: &str, stage: &Path) -> BTreeMap<String, (String, u32, bool)> {
    let staged = files(stage);
    let mut found = BTreeMap::new();
    for asset in assets(tool) {
        for (source, dest) in asset.places(&staged) {
            if staged.contains(&source) {
                let mode = fs::metadata(stage.join(&source)).unwrap().permissions().mode() & 0o7777;
                assert_eq!(asset.mode, mode, "{tool}: {source}");
            }
            let twice = found.insert(source.clone(), (dest, asset.mode, asset.config));
            assert!(twice.is_none(), "{tool} takes {source} twice");
        }
    }
    for file in staged {
        assert!(found.contains_key(&file), "{tool} leaves out {file}");
    }
    found
}

#[test]
fn both_packages_install_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path());
    let mut deb = installed("deb", &stage);
    let mut rpm = installed("generate-rpm", &stage);
    for (path, (dest, _, config)) in deb.iter().chain(&rpm) {
        assert_eq!(*config, dest.starts_with("/etc/"), "{path}: an administrator's changes are kept in /etc");
    }
    // Where the two kinds of distribution differ: licences, the steps, and zsh's folder.
    for (packages, own) in [
        (&mut deb, ["packaging/README.package", "packaging/debian/lintian-overrides"].as_slice()),
        (&mut rpm, ["packaging/README.package", "LICENSE-MIT", "LICENSE-APACHE"].as_slice()),
    ] {
        for path in own {
            assert!(packages.remove(*path).is_some(), "{path}");
        }
        for (dest, ..) in packages.values_mut() {
            *dest = dest.replace("/zsh/vendor-completions/", "/zsh/site-functions/");
        }
    }
    assert_eq!(deb, rpm);
    for (path, (dest, ..)) in deb {
        assert_eq!(format!("/{}", path.replace("vendor-completions", "site-functions")), dest);
    }
}

#[test]
fn everything_in_conf_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path());
    let packed: Vec<_> = files(&stage).into_iter().map(|path| fs::read(stage.join(path)).unwrap()).collect();
    for path in files(&project("conf")) {
        if let Some(page) = path.strip_prefix("man/") {
            // By examples/manual.rs, with the pages that it makes.
            let section = page.rsplit('.').next().unwrap();
            assert!(stage.join(format!("usr/share/man/man{section}/{page}.gz")).is_file(), "{page}");
            continue;
        }
        let content = fs::read(project("conf").join(&path)).unwrap();
        assert!(packed.contains(&content), "conf/{path} is in no package");
    }
}

/// The services give up what they do not need: systemd's own measure, on which 9.2 is a bare service.
#[test]
fn services_are_hardened() {
    let mut seen = 0;
    for name in files(&project("packaging/systemd")).into_iter().filter(|name| name.ends_with(".service")) {
        seen += 1;
        let unit = project("packaging/systemd").join(&name);
        let looked = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=20", "--no-pager"])
            .arg(unit)
            .output();
        match looked {
            Ok(said) => {
                let text = String::from_utf8_lossy(&said.stdout);
                assert!(said.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&said.stderr));
            }
            Err(_) if std::env::var_os("CI").is_none() => eprintln!("SKIPPED: systemd-analyze is not here"),
            Err(error) => panic!("systemd-analyze: {error}"),
        }
    }
    assert_eq!(seen, 2);
}

/// Whoever removes a package must not be left with a socket that starts what is gone.
#[test]
fn removal_ends_every_unit() {
    let sockets: Vec<_> =
        files(&project("packaging/systemd")).into_iter().filter(|name| name.ends_with(".socket")).collect();
    assert!(sockets.len() > 10, "{sockets:?}");
    for script in ["debian/postrm", "rpm/post.sh", "rpm/preun.sh", "rpm/postun.sh"] {
        assert!(read(&format!("packaging/{script}")).contains("sidegate-portal.service"), "{script}");
    }
    for script in ["debian/prerm", "debian/postrm", "rpm/post.sh", "rpm/preun.sh"] {
        let script = read(&format!("packaging/{script}"));
        let named: Vec<_> = script
            .split_whitespace()
            .map(|word| word.trim_end_matches(';'))
            .filter(|word| word.starts_with("sidegate-") && word.ends_with(".socket"))
            .collect();
        assert_eq!(named, sockets, "{script}");
    }
}

/// A removal asks first whether a mail server still leads here, before anything is stopped; an upgrade does not.
#[test]
fn a_removal_asks_first_and_an_upgrade_does_not() {
    for (script, only, stops) in [
        ("packaging/debian/prerm", "if [ \"$1\" = remove ]; then", "deb-systemd-invoke stop"),
        ("packaging/rpm/preun.sh", "if [ \"$1\" -eq 0 ]; then", "systemctl --no-reload disable"),
    ] {
        let text = read(script);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{script}: {what}"));
        let asks = at("/usr/libexec/sidegate/leave.sh");
        assert!(at(only) < asks && asks < at(stops), "{script}");
        assert!(!text[at(only)..asks].contains("\nfi"), "{script}: not for upgrades");
    }
    assert!(read("packaging/debian/prerm").starts_with("#!/bin/sh\nset -e\n"), "or its answer is lost");
    assert!(read("packaging/rpm/preun.sh").contains("leave.sh || exit 1\n"));
}

/// The lines of a shell function.
fn function(script: &str, name: &str) -> String {
    let text = read(script);
    let start = text.find(&format!("\n{name}() {{")).unwrap_or_else(|| panic!("{script}: {name}"));
    text[start..].split_once("\n}\n").unwrap().0.to_owned()
}

/// When the files are gone no script of the package is left to be called, so each has it written out.
#[test]
fn what_dovecot_still_includes_is_held_everywhere_alike() {
    let held = function("packaging/install.sh", "hold_places");
    for script in ["packaging/debian/postrm", "packaging/rpm/postun.sh"] {
        assert_eq!(function(script, "hold_places"), held, "{script}");
        assert!(read(script).matches("hold_places").count() > 1, "{script}: and called");
    }
}

#[test]
fn the_daemon_waits_for_its_disk_and_for_the_clock() {
    let unit = read("packaging/systemd/sidegate.service");
    let section = unit.split("[Service]").next().unwrap();
    for line in ["RequiresMountsFor=/var/lib/sidegate", "After=time-sync.target"] {
        assert!(section.lines().any(|told| told == line), "{line}");
    }
}

/// The socket that the portal asks at is open to its group, and to nobody else but root.
#[test]
fn the_portal_reaches_the_control_socket() {
    let unit = read("packaging/systemd/sidegate-control.socket");
    let portal = read("packaging/systemd/sidegate-portal.service");
    let group = portal.lines().find_map(|line| line.strip_prefix("Group=")).unwrap();
    for line in [format!("SocketGroup={group}"), "SocketMode=0660".to_owned()] {
        assert!(unit.lines().any(|told| told == line), "{line}");
    }
    assert!(read("packaging/systemd/sidegate.sysusers").contains(&format!("\nu {group} ")));
}

/// A log in a file: the folder is there before the unit needs it, and the file is rotated where it lies.
#[test]
fn a_log_in_a_file_has_its_folder_and_is_rotated() {
    let unit = read("packaging/systemd/log-file.conf");
    let file = unit.lines().find_map(|line| line.strip_prefix("StandardError=append:")).unwrap();
    let (folder, name) = file.rsplit_once('/').unwrap();
    assert!(read("packaging/systemd/sidegate.tmpfiles").contains(&format!("\nd {folder} 0750 ")));
    assert!(read("packaging/logrotate").contains(&format!("\n{folder}/*.log {{")) && name.ends_with(".log"));
    assert!(read("conf/fail2ban/jail.d/sidegate.conf").contains(&format!("\nlogpath = {file}\n")));
}

#[test]
fn the_unit_has_room_for_every_connection_that_the_daemon_leaves() {
    let unit = read("packaging/systemd/sidegate.service");
    let room = unit.lines().find_map(|line| line.strip_prefix("FileDescriptorStoreMax=")).unwrap();
    assert!(room.parse::<usize>().unwrap() > sidegate::systemd::STORED_MAX, "and for what tells of them");
}
