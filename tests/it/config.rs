//! The shipped configuration is true, and mistakes are told in words that help.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sidegate::config::{
    Accounts, Argon2, Backends, ClientPasswords, Command, Config, Control, Endpoint, ListenProtocol,
    Listener, Lockout, Mail, Mandatory, Messages, Notices, Peer, People, Server, Sharing, Smtp, SmtpLogin,
    SmtpTls, Source, Upstream, Userdb, Webhook,
};
use sidegate::gate::mandatory::Whom;
use sidegate::gate::name::GroupName;
use sidegate::gate::sharing::Prefix;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(text: &str) -> Config {
    let source = Source { name: "sidegate.toml".into(), text: text.into() };
    Config::from_sources(&[source]).unwrap_or_else(|error| panic!("{error}"))
}

/// The listener that a configuration cannot do without.
fn first_listener() -> Listener {
    Listener::new(ListenProtocol::AuthClient, "/run/sidegate/auth")
}

/// The defaults, with that listener.
fn defaults() -> Config {
    Config { listen: vec![first_listener()], ..Config::default() }
}

/// The shipped file with every setting that is switched off switched on.
fn everything_on() -> String {
    let text = fs::read_to_string(here("conf/sidegate.toml")).expect("the shipped file");
    let on = |line: &str| {
        let setting =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c == '[' || c.is_lowercase()));
        format!("{}\n", setting.unwrap_or(line))
    };
    text.lines().map(on).collect()
}

#[test]
fn store_control_and_a_listener_are_a_complete_configuration() {
    let text = r#"
        [store]
        path = "/var/lib/sidegate/sidegate.db"
        key_file = "/var/lib/sidegate/store.key"
        [control]
        path = "/run/sidegate/control"
        [[listen]]
        protocol = "auth-client"
        path = "/run/sidegate/auth"
    "#;
    assert_eq!(read(text), defaults());
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let shipped = Config::load(&here("conf/sidegate.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(shipped, defaults());
}

/// What is switched off shows the default, or where there is none the example that stands here.
#[test]
fn the_shipped_file_switched_on_is_the_defaults_and_the_examples() {
    let mut expected = Config {
        upstream: Some(Upstream {
            auth: "/run/dovecot/sg-back-client".into(),
            userdb: "/run/dovecot/sg-back-userdb".into(),
            timeout: Upstream::TIMEOUT_DEFAULT,
        }),
        userdb: Some(Userdb { uid: 5000, gid: 5000, home: "/srv/mail/%{domain}/%{username}".into() }),
        accounts: Accounts {
            domains: Some(vec!["example.org".into(), "example.net".into()]),
            default_domain: Some("example.org".into()),
        },
        lockout: Lockout { nat64_prefixes: vec!["2001:db8:64::/96".parse().unwrap()], ..Lockout::default() },
        client_passwords: ClientPasswords {
            argon2: Argon2 { seats: Some(2), ..Argon2::default() },
            ..ClientPasswords::default()
        },
        control: Control {
            group: Some("sidegate-admin".into()),
            portal: vec![Peer::Name("sidegate-portal".into())],
            ..Control::default()
        },
        people: People {
            origin: Some("https://mail.example.org".into()),
            relying_party: Some("example.org".into()),
            administrators: GroupName::parse("postmasters").ok(),
            mandatory: vec![Mandatory {
                whom: Whom::Group("staff".into()),
                from: Some(jiff::civil::date(2027, 1, 31)),
                grace: Mandatory::GRACE_DEFAULT,
            }],
            ..People::default()
        },
        sharing: Some(Sharing {
            folder: "/var/lib/sidegate-sharing".into(),
            prefix: Prefix::parse("shared/%{owner}/").unwrap(),
        }),
        notices: example_notices(),
        ..defaults()
    };
    let name = |name: &str| Peer::Name(name.into());
    expected.listen[0].group = Some("dovecot".into());
    expected.listen[0].peers = Some(vec![name("dovenull"), name("root"), Peer::Uid(111)]);
    expected.listen.push(Listener {
        group: Some("dovecot".into()),
        peers: Some(vec![name("root"), name("vmail")]),
        ..Listener::new(ListenProtocol::AuthMaster, "/run/sidegate/auth-master")
    });
    expected.listen.push(Listener {
        place: Endpoint::Address("127.0.0.1:8026".parse().unwrap()),
        key_file: Some("/etc/sidegate/http.key".into()),
        backends: Backends {
            imap: "127.0.0.1:143".parse().ok(),
            pop3: "127.0.0.1:110".parse().ok(),
            smtp: "127.0.0.1:587".parse().ok(),
        },
        ..Listener::new(ListenProtocol::Http, "")
    });
    let mut config = read(&everything_on());
    let messages = std::mem::take(&mut config.messages);
    assert_eq!(config, expected);
    check_example_messages(messages);
}

fn example_notices() -> Notices {
    let login = SmtpLogin {
        user: "sidegate@example.org".into(),
        password_file: "/etc/sidegate/smtp.password".into(),
    };
    Notices {
        mail: Some(Mail {
            owner: true,
            administrator: Some("postmaster@example.org".into()),
            from: "sidegate@example.org".into(),
            smtp: Smtp {
                server: Server { host: "mail.example.org".into(), port: 587 },
                tls: SmtpTls::Starttls,
                login: Some(login),
                ca_file: Some("/etc/sidegate/smtp-ca.pem".into()),
            },
        }),
        webhook: Some(Webhook {
            url: "https://chat.example.org/hooks/7".into(),
            key_file: Some("/etc/sidegate/webhook.key".into()),
            ca_file: Some("/etc/sidegate/webhook-ca.pem".into()),
        }),
        command: Some(Command {
            program: "/usr/local/bin/notify".into(),
            arguments: vec!["--sidegate".into()],
        }),
        ..Notices::default()
    }
}

/// Mail to the owner through the server of this host needs two lines.
#[test]
fn mail_through_this_host_is_not_encrypted_and_goes_to_the_owner() {
    let first = "[[listen]]\nprotocol = 'auth-client'\npath = '/run/sidegate/auth'\n";
    let config = read(&format!("{first}[notices]\nfrom = 'a@b.c'\nsmtp.server = 'localhost:25'\n"));
    let mail = config.notices.mail.unwrap();
    assert_eq!((mail.owner, mail.administrator, mail.smtp.tls), (true, None, SmtpTls::None));
}

#[test]
fn the_address_of_a_webhook_is_not_printed() {
    let webhook = example_notices().webhook.unwrap();
    assert!(!format!("{webhook:?}").contains("chat.example.org"));
}

fn check_example_messages(messages: Messages) {
    assert_eq!(messages.portal_url.as_deref(), Some("https://mail.example.org/portal"));
    assert!(messages.wrong.is_some_and(|text| text.contains("{portal}")));
    assert!(messages.blocked.is_some_and(|text| text.contains("{until}")));
    assert_eq!(messages.language, Messages::default().language);
}

#[test]
fn the_shipped_file_shows_every_key() {
    let table: toml::Table = everything_on().parse().unwrap();
    let mut shown = BTreeSet::new();
    collect_keys("", &toml::Value::Table(table), &mut shown);
    let known: BTreeSet<String> = Config::known_keys().into_iter().collect();
    assert_eq!(shown, known);
}

/// The path of every setting; what is not a section is one.
pub(crate) fn collect_keys(path: &str, value: &toml::Value, keys: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                collect_keys(format!("{path}.{key}").trim_start_matches('.'), value, keys);
            }
        }
        toml::Value::Array(entries) if entries.iter().any(toml::Value::is_table) => {
            entries.iter().for_each(|entry| collect_keys(path, entry, keys));
        }
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

#[test]
fn files_in_conf_d_override_settings_and_add_listeners() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    fs::copy(here("conf/sidegate.toml"), folder.path().join("sidegate.toml")).unwrap();
    write("conf.d/20-later.toml", "[lockout]\nfailures = 7\n");
    write(
        "conf.d/10-site.toml",
        "lockout.failures = 5\nlockout.exempt = ['10.0.0.0/8']\n[[listen]]\nprotocol = 'auth-client'\npath = '/a'\n",
    );
    let mut expected = defaults();
    expected.lockout.failures = 7;
    expected.lockout.exempt = vec!["10.0.0.0/8".parse().unwrap()];
    expected.listen.push(Listener::new(ListenProtocol::AuthClient, "/a"));
    let config = Config::load(&folder.path().join("sidegate.toml"));
    assert_eq!(config, Ok(expected));
}

#[test]
fn there_is_a_most_of_listeners() {
    let listeners = |number: usize| -> String {
        (0..number)
            .map(|number| format!("[[listen]]\nprotocol = 'auth-client'\npath = '/run/{number}'\n"))
            .collect()
    };
    assert_eq!(read(&listeners(64)).listen.len(), 64);
    let source = Source { name: "sidegate.toml".into(), text: listeners(65) };
    let error = Config::from_sources(&[source]).unwrap_err().to_string();
    assert_eq!(
        error,
        "sidegate.toml:1:1: listen: 65 listeners, more than 64; let several programs share one"
    );
}

/// `tests/bad-config/NN-mistake.toml`, or `NN-mistake/sidegate.toml` where `conf.d` has a part in it, is
/// answered with what stands in `NN-mistake.error`. With `SIDEGATE_WRITE_ERRORS` set these files are
/// written anew, to be read in a diff.
#[test]
fn every_mistake_of_the_gallery_is_told_in_full() {
    let gallery = here("tests/bad-config");
    let mut seen = 0;
    for entry in fs::read_dir(&gallery).unwrap() {
        let path = entry.unwrap().path();
        // The portal's own are in a folder beside them: tests/it/portal_config.rs.
        if path.extension().is_some_and(|extension| extension == "error") || path.ends_with("portal") {
            continue;
        }
        let file = if path.is_dir() { path.join("sidegate.toml") } else { path.clone() };
        let told = told(&file);
        let expected = path.with_extension("error");
        if std::env::var_os("SIDEGATE_WRITE_ERRORS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&expected).unwrap(), "{}", expected.display());
        seen += 1;
    }
    assert!(seen >= 20, "{seen} mistakes");
}

/// The complaints about a file, with paths that begin at its folder.
fn told(file: &Path) -> String {
    let folder = format!("{}/", file.parent().expect("a file in a folder").display());
    match Config::load(file) {
        Ok(_) => panic!("{} is no mistake", file.display()),
        Err(error) => format!("{error}\n").replace(&folder, ""),
    }
}
