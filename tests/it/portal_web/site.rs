//! A whole site: a daemon, another one that knows main passwords, and the portal before them.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime};

use data_encoding::BASE32_NOPAD;
use serde_json::json;
use sidegate::clock::Timestamp;
use sidegate::gate::totp::{Seed, Step};
use tempfile::TempDir;

use super::browser::{Browser, Door, Page};
use super::{ANN, BOB, HOME, MAIN};
use crate::daemon::Daemon;
use crate::wire::settle;
use crate::world::PATIENCE;

/// How the portal is reached.
pub(super) const URL: &str = "http://localhost:8025";
/// A browser that is known by name.
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// A site, ended when dropped.
pub(super) struct Site {
    pub(super) daemon: Option<Daemon>,
    /// Knows the main passwords of Ann and Bob, as client passwords of its own.
    _upstream: Daemon,
    portal: Option<Child>,
    pub(super) door: Door,
    folders: [TempDir; 2],
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill_portal();
    }
}

impl Site {
    /// With these settings of the daemon's `[portal]`, and of the portal.
    pub(super) fn start(people: &str, portal: &str) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        // Its user database knows nobody, and answers.
        let userdb = folders[1].path().join("master");
        settle(folders[1].path(), &format!("[[listen]]\nprotocol = \"auth-master\"\npath = {userdb:?}\n"));
        let upstream = Daemon::start(folders[1].path());
        for account in [ANN, BOB] {
            upstream.control("POST", "/v1/accounts", &json!({ "address": account }));
            // A client password is made, never chosen; an imported one may be any.
            let lines =
                json!({ "passwords": [{ "account": account, "name": "main", "hash": bcrypt(MAIN) }] });
            upstream.control("POST", "/v1/import/passwords", &lines);
        }
        let folder = folders[0].path();
        fs::create_dir(folder.join("conf.d")).unwrap();
        let auth = folders[1].path().join("client");
        let settings = format!(
            "[upstream]\nauth = {auth:?}\nuserdb = {userdb:?}\n[portal]\ndomains = [\"example.org\"]\n\
             factors = [\"totp\", \"sms\", \"mail\", \"wecom\"]\n{people}\n"
        );
        fs::write(folder.join("conf.d/people.toml"), settings).unwrap();
        let door = Door::Unix(folder.join("http"));
        let url =
            if portal.contains("[listen.tls]") { URL.replace("http:", "https:") } else { URL.to_owned() };
        let settings = format!(
            "[site]\nurl = {url:?}\ntime_zone = \"UTC\"\n[control]\npath = {:?}\n[sms]\ncommand = [\"/bin/sh\", \"-c\", {:?}]\n",
            folder.join("control"),
            format!("printf '%s ' $SIDEGATE_PHONE > {0}/sent; cat >> {0}/sent", folder.display()),
        );
        let listens = if portal.contains("[listen]") {
            String::new()
        } else {
            format!("[listen]\npath = {:?}\n", folder.join("http"))
        };
        fs::write(folder.join("portal.toml"), format!("{settings}{listens}")).unwrap();
        fs::create_dir(folder.join("portal.d")).unwrap();
        fs::write(folder.join("portal.d/more.toml"), portal).unwrap();
        let daemon = Some(Daemon::start(folder));
        let mut site = Self { daemon, _upstream: upstream, portal: None, door, folders };
        let listens = if portal.contains("[listen]") { portal } else { "" };
        if let Some(port) = listens.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('"').next()) {
            site.door = Door::Tcp(port.parse().unwrap());
        }
        site.start_portal();
        site
    }

    pub(super) fn folder(&self) -> &Path {
        self.folders[0].path()
    }

    /// Starts the portal, and waits until it listens.
    pub(super) fn start_portal(&mut self) {
        let log =
            fs::File::options().create(true).append(true).open(self.folder().join("portal.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sidegate-portal"))
            .arg("--config")
            .arg(self.folder().join("portal.toml"))
            .env("RUST_LOG", "sidegate=trace")
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        self.portal = Some(child);
        let deadline = Instant::now() + PATIENCE;
        let listens = || match &self.door {
            Door::Unix(path) => UnixStream::connect(path).is_ok(),
            Door::Tcp(port) => TcpStream::connect(("127.0.0.1", *port)).is_ok(),
        };
        while !listens() {
            assert!(Instant::now() < deadline, "the portal did not start: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// SIGKILL: it writes nothing on the way out.
    pub(super) fn kill_portal(&mut self) {
        if let Some(mut portal) = self.portal.take() {
            let _ = portal.kill();
            let _ = portal.wait();
        }
    }

    /// Sends the portal a signal by name.
    pub(super) fn signal(&self, name: &str) {
        let pid = self.portal.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the portal; its exit status.
    pub(super) fn end_portal(&mut self) -> Option<i32> {
        self.portal.take().unwrap().wait().unwrap().code()
    }

    /// What the portal wrote to its log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder().join("portal.log")).unwrap_or_default()
    }

    /// Waits until the portal's log says `text`.
    pub(super) fn await_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "the log never said `{text}`: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// What was sent to a phone last: its number and the code.
    pub(super) fn sent(&self) -> (String, String) {
        let text = fs::read_to_string(self.folder().join("sent")).unwrap_or_default();
        let (phone, code) = text.trim().split_once(' ').unwrap_or_default();
        (phone.to_owned(), code.to_owned())
    }

    pub(super) fn browser(&self) -> Browser {
        Browser {
            door: self.door.clone(),
            site: URL.to_owned(),
            address: HOME.to_owned(),
            agent: FIREFOX.to_owned(),
            language: "en".to_owned(),
            cookies: BTreeMap::new(),
            token: String::new(),
            number: String::new(),
        }
    }

    /// Somebody who signed in with the main password, and the page that this led to.
    #[track_caller]
    pub(super) fn signed_in(&self, account: &str) -> (Browser, Page) {
        let mut browser = self.browser();
        let page = self.sign_in(&mut browser, account);
        (browser, page)
    }

    #[track_caller]
    pub(super) fn sign_in(&self, browser: &mut Browser, account: &str) -> Page {
        browser.get("/sign-in");
        browser.post_and_go("/sign-in", &[("address", account), ("password", MAIN)])
    }

    /// Ann with an authenticator app. Its code of the step before this one is used up.
    #[track_caller]
    pub(super) fn with_app(&self) -> (Browser, App) {
        let (mut ann, _) = self.signed_in(ANN);
        let app = bind_app(&mut ann);
        (ann, app)
    }

    /// The daemon's control API.
    pub(super) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Blocks an address.
    pub(super) fn block(&self, address: &str) {
        self.daemon().control("POST", "/v1/blocks", &json!({ "address": address }));
    }
}

/// Binds an app named "Phone".
#[track_caller]
pub(super) fn bind_app(browser: &mut Browser) -> App {
    let page = browser.get("/factors/new/totp");
    let app = App::read(&page);
    let code = app.code(-1);
    let bound = browser.post_and_go("/factors/new/totp", &[("code", &code), ("name", "Phone")]);
    assert_eq!(bound.status, 200, "{}", bound.text());
    app
}

/// An authenticator app.
pub(super) struct App(Seed);

impl App {
    /// Takes the key from the page.
    #[track_caller]
    pub(super) fn read(page: &Page) -> Self {
        let key = page.body.split("<code class=\"secret\">").nth(1).and_then(|rest| rest.split('<').next());
        let key = key.unwrap_or_else(|| panic!("no key: {}", page.text())).replace(' ', "");
        Self(Seed::new(&BASE32_NOPAD.decode(key.as_bytes()).unwrap()).unwrap())
    }

    /// The code of a step near this one. Each is good once, and none before it afterwards.
    pub(super) fn code(&self, steps: i64) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let step = Step::at(Timestamp(i64::try_from(now).unwrap()));
        self.0.code(Step(step.0 + steps)).reveal().to_string()
    }
}

/// The cheapest there is: these tests are not about its strength.
fn bcrypt(password: &str) -> String {
    format!("{{BLF-CRYPT}}{}", bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap())
}
