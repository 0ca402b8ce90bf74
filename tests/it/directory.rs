//! An upstream of a few lines, which opens mailboxes by rules of its own: by the part before the `@` alone, or under
//! other names. It remembers whom it was asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The name under which everybody is known who is not known under another.
pub(crate) const ANYBODY: &str = "*";
/// The home of somebody about whom the user database only says that it has trouble.
pub(crate) const TROUBLE: &str = "trouble";

/// A mailbox behind one or several names.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What opens it.
    pub(crate) password: String,
    /// The name that the password database returns; empty: the one that it was asked for.
    pub(crate) user: String,
    /// The name that the user database returns; empty: the one that it was asked for.
    pub(crate) found: String,
    /// Where the mail lives; empty: the user database knows nobody of the name.
    pub(crate) home: String,
}

/// What it knows, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    entries: BTreeMap<String, Entry>,
    /// Only the part before the `@` counts.
    by_local_part: bool,
    asked: Vec<String>,
    /// Whose password was looked at.
    tried: Vec<String>,
}

/// A running upstream.
#[derive(Clone, Debug)]
pub(crate) struct Upstream(Arc<Mutex<Directory>>);

impl Upstream {
    /// Listens at `auth` and `userdb` in a folder.
    pub(crate) fn start(folder: &Path, by_local_part: bool) -> Self {
        let upstream = Self(Arc::new(Mutex::new(Directory { by_local_part, ..Directory::default() })));
        for (socket, is_auth) in [("auth", true), ("userdb", false)] {
            let listener = UnixListener::bind(folder.join(socket)).unwrap();
            let upstream = upstream.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(upstream.clone().serve(stream, is_auth));
                }
            });
        }
        upstream
    }

    /// A user database that knows nobody, for an upstream whose own part is played elsewhere.
    pub(crate) fn nobody_at(userdb: &Path) {
        let nobody = Self(Arc::default());
        let listener = UnixListener::bind(userdb).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(nobody.clone().serve(stream, false));
            }
        });
    }

    /// The settings that name it.
    pub(crate) fn settings(folder: &Path) -> String {
        let (auth, userdb) = (folder.join("auth"), folder.join("userdb"));
        format!("[upstream]\nauth = {auth:?}\nuserdb = {userdb:?}\n")
    }

    /// Gives a name a mailbox.
    pub(crate) fn add(&self, name: &str, password: &str, home: &str) {
        self.add_as(
            name,
            Entry { password: password.into(), user: String::new(), found: String::new(), home: home.into() },
        );
    }

    /// The same, with names of its own.
    pub(crate) fn add_as(&self, name: &str, entry: Entry) {
        self.0.lock().unwrap().entries.insert(name.to_owned(), entry);
    }

    /// Names whose passwords were looked at since the last time.
    pub(crate) fn tried(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().tried)
    }

    /// Names that the user database was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    async fn serve(self, stream: UnixStream, is_auth: bool) {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let hello = match is_auth {
            true => {
                "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n"
            }
            false => "VERSION\t1\t1\nSPID\t1\n",
        };
        writer.write_all(hello.as_bytes()).await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = self.answer(&line);
            if writer.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, line: &str) -> String {
        let fields: Vec<&str> = line.split('\t').collect();
        let mut directory = self.0.lock().unwrap();
        match fields.as_slice() {
            ["AUTH", id, "PLAIN", rest @ ..] => {
                let resp = rest.iter().find_map(|field| field.strip_prefix("resp=")).unwrap();
                let message = String::from_utf8(BASE64.decode(resp.as_bytes()).unwrap()).unwrap();
                let [_, name, password] = message.split('\0').collect::<Vec<_>>().try_into().unwrap();
                directory.tried.push(name.to_owned());
                match directory.find(name).filter(|entry| entry.password == password) {
                    Some(entry) => format!("OK\t{id}\tuser={}\n", or(&entry.user, name)),
                    None => format!("FAIL\t{id}\tuser={name}\n"),
                }
            }
            ["USER", id, name, ..] => {
                directory.asked.push((*name).to_owned());
                match directory.find(name).filter(|entry| !entry.home.is_empty()) {
                    Some(entry) if entry.home == TROUBLE => format!("FAIL\t{id}\n"),
                    Some(entry) => {
                        format!(
                            "USER\t{id}\t{}\tuid=5000\tgid=5000\thome={}\n",
                            or(&entry.found, name),
                            entry.home
                        )
                    }
                    None => format!("NOTFOUND\t{id}\n"),
                }
            }
            ["LIST", id, ..] => {
                let names = directory.entries.keys();
                names.map(|name| format!("LIST\t{id}\t{name}\n")).collect::<String>()
                    + &format!("DONE\t{id}\t\n")
            }
            _ => String::new(),
        }
    }
}

impl Directory {
    fn find(&self, name: &str) -> Option<Entry> {
        let local = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        match self.by_local_part {
            false => self.entries.get(name).or_else(|| self.entries.get(ANYBODY)).cloned(),
            true => self
                .entries
                .iter()
                .find(|(known, _)| local(known) == local(name))
                .map(|(_, entry)| entry.clone()),
        }
    }
}

fn or<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    if name.is_empty() { otherwise } else { name }
}
