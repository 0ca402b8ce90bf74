//! The log as CrowdSec reads it: `conf/crowdsec/` with the real CrowdSec, which reads it to its end and says whom it bans.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::run;
use crate::series::cached;
use crate::site::{Mode, Plan, Site, shipped};

use super::{HOME, assert_in, assert_refused, imap, pop3};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);

/// A CrowdSec with nothing of its own but what every one has: two parsers, and the profile that bans.
struct CrowdSec {
    root: PathBuf,
    etc: PathBuf,
}

impl CrowdSec {
    fn make(site: &Site) -> CrowdSec {
        let (root, etc) = (cached("crowdsec"), site.path("crowdsec"));
        let hub = root.join("usr/share/crowdsec/hub/parsers");
        for folder in ["parsers/s00-raw", "parsers/s01-parse", "parsers/s02-enrich", "scenarios", "hub"] {
            fs::create_dir_all(etc.join(folder)).expect("a folder");
        }
        let theirs = root.join("etc/crowdsec");
        for (from, to) in [
            (theirs.join("profiles.yaml"), "profiles.yaml"),
            (theirs.join("simulation.yaml"), "simulation.yaml"),
            (hub.join("s00-raw/crowdsecurity/syslog-logs.yaml"), "parsers/s00-raw/syslog-logs.yaml"),
            (hub.join("s02-enrich/crowdsecurity/dateparse-enrich.yaml"), "parsers/s02-enrich/dateparse.yaml"),
            (shipped("crowdsec/acquis.yaml"), "acquis.yaml"),
            (shipped("crowdsec/parsers/s01-parse/sidegate-logs.yaml"), "parsers/s01-parse/sidegate.yaml"),
        ] {
            fs::copy(&from, etc.join(to)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
        run(Command::new("cp").arg("-r").arg(theirs.join("patterns")).arg(&etc));
        // An index that names something, or CrowdSec 1.4 ends in a panic of its own.
        let nothing = r#"{"nobody/nothing":{"path":"nothing"}}"#;
        let kinds = ["parsers", "scenarios", "collections", "postoverflows"];
        let index = kinds.map(|kind| format!("\"{kind}\":{nothing}")).join(",");
        fs::write(etc.join("hub/.index.json"), format!("{{{index}}}")).expect("an index");
        fs::write(etc.join("config.yaml"), configuration(&etc)).expect("config.yaml");
        let crowdsec = CrowdSec { root, etc };
        crowdsec.introduce();
        crowdsec
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.root.join("usr/bin").join(name));
        command.arg("-c").arg(self.etc.join("config.yaml"));
        command
    }

    /// Its own halves have to know each other.
    fn introduce(&self) {
        let file = self.etc.join("credentials.yaml");
        run(self.program("cscli").args(["machines", "add", "test", "-a", "-f"]).arg(&file));
    }

    /// Whom it bans after reading `log` with one of the shipped scenarios.
    fn bans(&self, scenario: &str, log: &Path) -> Vec<String> {
        let folder = self.etc.join("scenarios");
        fs::remove_dir_all(&folder).expect("the scenarios of before");
        fs::create_dir(&folder).expect("a folder");
        fs::copy(shipped(&format!("crowdsec/scenarios/{scenario}")), folder.join(scenario)).expect("a copy");
        let mut command = self.program("crowdsec");
        command.arg("-dsn").arg(format!("file://{}", log.display())).args(["-type", "sidegate"]);
        let output = command.output().expect("crowdsec can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Acquisition is finished"), "{said}");
        let mut bans: Vec<String> = said
            .lines()
            .filter_map(|line| line.split_once(" ban on "))
            .map(|(_, whom)| whom.trim_end_matches('"').to_owned())
            .collect();
        bans.sort();
        bans
    }
}

fn configuration(etc: &Path) -> String {
    let etc = etc.display();
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    format!(
        "common:\n  daemonize: false\n  log_media: stdout\n  log_level: info\n  working_dir: .\n\
         config_paths:\n  config_dir: {etc}/\n  data_dir: {etc}/\n  simulation_path: {etc}/simulation.yaml\n  \
         hub_dir: {etc}/hub/\n  index_path: {etc}/hub/.index.json\n  notification_dir: {etc}/hub/\n  \
         plugin_dir: {etc}/hub/\n\
         crowdsec_service:\n  acquisition_path: {etc}/acquis.yaml\n  parser_routines: 1\n\
         cscli:\n  output: human\n\
         db_config:\n  log_level: info\n  type: sqlite\n  db_path: {etc}/crowdsec.db\n\
         api:\n  client:\n    credentials_path: {etc}/credentials.yaml\n  \
         server:\n    log_level: info\n    listen_uri: 127.0.0.1:{port}\n    profiles_path: {etc}/profiles.yaml\n\
         prometheus:\n  enabled: false\n"
    )
}

#[test]
fn crowdsec_bans_whom_sidegate_blocks_and_no_other() {
    let plan = Plan::new(Mode::Full).with_program("crowdsec").settings("[log]\nformat = \"json\"\n");
    let Some(mut site) = plan.start() else { return };
    for user in [ALICE, BOB] {
        site.account(user);
    }
    let password = site.password(ALICE, "Alice's \"refuse\" phone");
    for _ in 0..8 {
        assert_in(&imap(&site, HOME, ALICE, &password));
    }
    assert_refused(&imap(&site, HOME, ALICE, "one-slip"));
    for n in 0..10 {
        // A name that would be another address, if a quote could end it.
        let name = if n == 5 { "x\",\"address\":\"127.0.7.1" } else { BOB };
        assert_refused(&pop3(&site, GUESSER, name, &format!("guess-number-{n}")));
    }
    site.cli.done(&["block", "add", "2001:db8:1:2::3", "--reason", "\"event\":\"login\""]);
    // Ended, so that every line is in the file.
    site.stop_daemon("TERM");

    let (crowdsec, log) = (CrowdSec::make(&site), site.path("logs/sidegated"));
    assert_eq!(crowdsec.bans("sidegate-block.yaml", &log), [format!("Ip {GUESSER}")]);
    let ranges = "Alert.GetScope() == \"Ip\"";
    let profile = fs::read_to_string(crowdsec.etc.join("profiles.yaml")).expect("profiles.yaml");
    let wider = profile.replace(ranges, "Alert.GetScope() in [\"Ip\", \"Range\"]");
    fs::write(crowdsec.etc.join("profiles.yaml"), wider).expect("profiles.yaml");
    let both = [format!("Ip {GUESSER}"), "Range 2001:db8:1:2::/64".to_owned()];
    assert_eq!(crowdsec.bans("sidegate-block.yaml", &log), both);
    assert_eq!(crowdsec.bans("sidegate-login.yaml", &log), [format!("Ip {GUESSER}")]);
}
