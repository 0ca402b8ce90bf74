//! What `sidegate doctor` says of a gallery of mail servers: healthy ones, and the same with one thing broken each.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sidegate::clock::Timestamp;
use sidegate::config::portal::Portal;
use sidegate::config::{Choice, Config, Endpoint, ListenProtocol, Listener, Source};
use sidegate::doctor::nginx::Nginx;
use sidegate::doctor::postfix::Postfix;
use sidegate::doctor::tree::Block;
use sidegate::doctor::{Examined, Finding, Host, Level, Seen, findings};

const NOW: Timestamp = Timestamp(1_795_000_000);

fn gallery() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doctor")
}

/// A file of the case, or the healthy one.
fn text(case: &Path, name: &str, healthy: &str) -> String {
    fs::read_to_string(case.join(name))
        .or_else(|_| fs::read_to_string(gallery().join("base").join(healthy)))
        .unwrap_or_else(|error| panic!("{name} of {}: {error}", case.display()))
}

/// The shipped configuration of this way, with more settings behind it.
fn configuration(way: &str, more: &str) -> Result<Config, String> {
    let name = if way.starts_with("passdb") { "passdb" } else { way };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/sidegate").join(format!("{name}.toml"));
    let shipped = Source { name: "sidegate.toml".into(), text: fs::read_to_string(file).unwrap() };
    let story = Source { name: "conf.d/more.toml".into(), text: more.into() };
    Config::from_sources(&[shipped, story]).map_err(|mistakes| mistakes.to_string())
}

/// A socket as it should be, and whoever asks gets an answer.
fn healthy_door(listener: &Listener) -> Value {
    let group = listener.group.as_deref().unwrap_or("sidegate");
    let file = json!({ "socket": true, "mode": listener.mode, "owner": "sidegate", "group": group });
    let file = if matches!(listener.place, Endpoint::Path(_)) { file } else { Value::Null };
    json!({
        "place": listener.place.to_string(),
        "file": file,
        "asked": [{ "user": "root", "outcome": { "answered": "an answer" } }],
    })
}

/// What a healthy machine says.
fn healthy(config: &Config) -> Value {
    let view = |listener: &Listener| {
        let (protocol, path) = (listener.protocol.word(), listener.place.to_string());
        json!({ "protocol": protocol, "path": path, "since": NOW.0 - 900_000, "last_question": NOW.0 - 60 })
    };
    let socket = |protocol| {
        config.listen.iter().find(|listener| listener.protocol == protocol).map(|l| l.place.to_string())
    };
    let (client, master) = (socket(ListenProtocol::AuthClient), socket(ListenProtocol::AuthMaster));
    let links = [("login/login", &client), ("auth-client", &client), ("auth-login", &client)]
        .into_iter()
        .chain([("auth-master", &master), ("auth-userdb", &master)])
        .map(|(name, to)| (name.to_owned(), json!({ "name": name, "leads_to": to })));
    let doors = config.listen.iter().map(|listener| (listener.place.to_string(), healthy_door(listener)));
    json!({
        "doors": doors.collect::<serde_json::Map<_, _>>(),
        "links": links.collect::<serde_json::Map<_, _>>(),
        "host": {
            "clock_synchronised": true, "now": NOW, "store_free": 5_000_000_000_u64, "root": true,
            "key_file": { "mode": 0o600, "owner": "sidegate", "group": "sidegate" },
        },
        "daemon": {
            "version": env!("CARGO_PKG_VERSION"), "now": NOW, "since": NOW.0 - 1_000_000,
            "config_file": "/etc/sidegate/sidegate.toml", "settings": config.fingerprint(),
            "store_writable": true, "store_check": "ok", "key_check": "ok", "keys_lost": [], "last_event": NOW.0 - 5,
            "upstream_connected": config.upstream.is_some().then_some(true),
            "descriptors": 40, "descriptors_max": 1024,
            "doors": config.listen.iter().map(view).collect::<Vec<_>>(),
            "address_missing": [], "proxies_suspected": [],
            "domains_ignored": false, "shared_mailboxes": [], "names_left": [], "passdb_away": false,
            "streaks": 0, "streaks_spared": 0,
        },
    })
}

/// RFC 7396, but null stays null.
fn patch(value: &mut Value, with: &Value) {
    match (value, with) {
        (Value::Object(value), Value::Object(with)) => {
            for (name, with) in with {
                patch(value.entry(name.clone()).or_insert(Value::Null), with);
            }
        }
        (value, with) => *value = with.clone(),
    }
}

fn list<T: serde::de::DeserializeOwned>(map: &Value) -> Vec<T> {
    let values = map.as_object().unwrap().values().cloned();
    values.map(|value| serde_json::from_value(value).unwrap()).collect()
}

/// The portal's settings of the case.
fn portal(text: &str) -> Seen<Portal> {
    match Portal::from_sources(&[Source { name: "portal.toml".into(), text: text.into() }]) {
        Ok(portal) => Seen::Is(portal),
        Err(mistakes) => Seen::Failed(mistakes.to_string()),
    }
}

/// `10-cache-2.3` is of that series; without one, 2.3.
fn examined(case: &Path) -> Examined {
    let name = case.file_name().unwrap().to_str().unwrap();
    let facts = fs::read_to_string(case.join("facts.json")).unwrap_or_else(|_| "{}".into());
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let way = facts["way"].as_str().unwrap_or("front");
    let series = if name.ends_with("2.4") { "2.4" } else { "2.3" };
    let config = configuration(way, facts["settings"].as_str().unwrap_or_default());
    let mut machine = healthy(config.as_ref().unwrap_or(&Config::default()));
    if let Some(with) = facts.get("machine") {
        patch(&mut machine, with);
    }
    let dovecot = text(case, "dovecot.txt", &format!("dovecot-{series}-{way}.txt"));
    let [main, master, own] = ["main", "master", "own"].map(|part| {
        let name = format!("postfix-{part}.txt");
        text(case, &name, &name)
    });
    let postfix = Seen::Is(Postfix::parse(&main, &master, &own));
    Examined {
        config,
        dovecot: Seen::Is(Block::parse(&dovecot)),
        postfix: if facts["postfix"] == json!(false) { Seen::Absent } else { postfix },
        nginx: match fs::read_to_string(case.join("nginx.txt")) {
            Ok(dump) => Seen::Is(Nginx::parse(&dump)),
            Err(_) => Seen::Absent,
        },
        portal: match facts["portal"].as_str() {
            Some(text) => portal(text),
            None => Seen::Absent,
        },
        doors: list(&machine["doors"]),
        links: list(&machine["links"]),
        host: serde_json::from_value::<Host>(machine["host"].clone()).unwrap(),
        daemon: match &machine["daemon"] {
            Value::String(why) => Err(why.clone()),
            said => Ok(serde_json::from_value(said.clone()).unwrap()),
        },
    }
}

fn told(found: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let cure =
            if finding.cure.is_empty() { String::new() } else { format!("    cure: {}\n", finding.cure) };
        format!("{}: {}: {}\n{cure}", finding.level.word(), finding.area, finding.what)
    };
    found.iter().map(line).collect()
}

/// `tests/doctor/NN-name/` leads to what stands in its `expected.txt`. With `SIDEGATE_WRITE_ERRORS` set these files are
/// written anew, to be read in a diff. A case below 10 is healthy; every other one has a finding with a cure.
#[test]
fn every_case_of_the_gallery_is_judged_as_expected() {
    let mut seen = [0, 0];
    let mut cases: Vec<PathBuf> =
        fs::read_dir(gallery()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases.iter().filter(|case| case.is_dir() && !case.ends_with("base")) {
        let found = findings(&examined(case));
        let told = told(&found);
        let expected = case.join("expected.txt");
        if std::env::var_os("SIDEGATE_WRITE_ERRORS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&expected).unwrap(), "{}", case.display());
        let healthy = case.file_name().unwrap().to_str().unwrap().starts_with('0');
        let wrong: Vec<&Finding> = found.iter().filter(|finding| finding.level >= Level::Warn).collect();
        assert_eq!(wrong.is_empty(), healthy, "{}: {told}", case.display());
        assert!(
            wrong.iter().all(|finding| !finding.cure.is_empty()),
            "{}: a cure is missing",
            case.display()
        );
        seen[usize::from(healthy)] += 1;
    }
    assert!(seen[0] >= 30 && seen[1] >= 5, "{seen:?}");
}
