//! A browser without a screen: cookies, the token of the last page, and headers as they are told.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::world::PATIENCE;

/// Where the portal is.
#[derive(Clone, Debug)]
pub(super) enum Door {
    /// Behind a web server on this host.
    Unix(PathBuf),
    /// At a port.
    Tcp(u16),
}

impl Door {
    /// Says something, and hears everything until the end.
    pub(super) fn say(&self, said: &[u8]) -> Vec<u8> {
        let mut heard = Vec::new();
        match self {
            Self::Unix(path) => {
                let mut stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                // A server that has heard enough closes.
                let _ = stream.write_all(said);
                let _ = stream.read_to_end(&mut heard);
            }
            Self::Tcp(port) => {
                let mut stream = TcpStream::connect(("127.0.0.1", *port)).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let _ = stream.write_all(said);
                let _ = stream.read_to_end(&mut heard);
            }
        }
        heard
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Page {
    pub(super) fn read(answer: &[u8]) -> Self {
        let text = String::from_utf8(answer.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or_default();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_owned()))
        };
        Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
    }

    /// A header; empty: there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// Where it leads.
    #[track_caller]
    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text());
        self.header("location")
    }

    /// The value of a field of a form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let at = self.body.find(&format!("name=\"{name}\""))?;
        let tag = &self.body[at..at + self.body[at..].find('>')?];
        let value = tag.split("value=\"").nth(1)?.split('"').next()?;
        Some(value.replace("&#39;", "'").replace("&#38;", "&"))
    }

    /// What it says, without its markup.
    pub(super) fn text(&self) -> String {
        let main = self.body.split("<main").nth(1).unwrap_or(&self.body);
        let parts = main.split('>').filter_map(|part| part.split('<').next());
        parts.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | ")
    }

    #[track_caller]
    pub(super) fn says(&self, words: &str) {
        assert!(self.text().contains(words), "{words:?} is not in {}: {}", self.status, self.text());
    }
}

/// A browser of somebody at an address.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    pub(super) door: Door,
    pub(super) site: String,
    /// What a web server in front says of its address.
    pub(super) address: String,
    pub(super) agent: String,
    pub(super) language: String,
    pub(super) cookies: BTreeMap<String, String>,
    /// The token of the last page that had one.
    pub(super) token: String,
    /// The number of the last page, until a form of it is sent.
    pub(super) number: String,
}

impl Browser {
    /// Looks at a page.
    pub(super) fn get(&mut self, path: &str) -> Page {
        self.ask("GET", path, &[("sec-fetch-site", "none")], "")
    }

    /// Sends a form of the last page.
    pub(super) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = self.form(fields);
        let origin = self.site.clone();
        self.ask("POST", path, &[("sec-fetch-site", "same-origin"), ("origin", &origin)], &body)
    }

    /// A form of the last page as it is sent. Sent again, it is another: few pages of ours are kept open.
    pub(super) fn form(&mut self, fields: &[(&str, &str)]) -> String {
        let number = std::mem::take(&mut self.number);
        let mut all = vec![("once", number.as_str())];
        all.extend(fields);
        encoded(&all, Some(&self.token))
    }

    /// Sends a form, and goes where it leads.
    #[track_caller]
    pub(super) fn post_and_go(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let sent = self.post(path, fields);
        let next = sent.location().to_owned();
        self.get(&next)
    }

    /// Any request; cookies are sent and kept.
    pub(super) fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let request = self.request(method, path, headers, body);
        let page = Page::read(&self.door.say(request.as_bytes()));
        self.keep(&page);
        page
    }

    /// A request as it is sent.
    pub(super) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: portal\r\nconnection: close\r\n");
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        add("x-forwarded-for", &self.address);
        add("user-agent", &self.agent);
        add("accept-language", &self.language);
        add("cookie", &cookies.join("; "));
        if method == "POST" {
            add("content-length", &body.len().to_string());
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                add("content-type", "application/x-www-form-urlencoded");
            }
        }
        headers.iter().for_each(|(name, value)| add(name, value));
        request + "\r\n" + body
    }

    /// Remembers what an answer says.
    pub(super) fn keep(&mut self, page: &Page) {
        for (_, line) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if line.contains("; Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(token) = page.field("csrf") {
            self.token = token;
        }
        if let Some(number) = page.field("once") {
            self.number = number;
        }
    }

    /// By how many accounts it is trusted, for all it knows.
    pub(super) fn trusts(&self) -> usize {
        self.cookies.keys().filter(|name| name.starts_with("__Host-sidegate-device-")).count()
    }

    /// Its session.
    pub(super) fn session(&self) -> Option<&str> {
        self.cookies.get("__Host-sidegate").map(String::as_str)
    }
}

/// Fields as a form has them.
pub(super) fn encoded(fields: &[(&str, &str)], token: Option<&str>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    if let Some(token) = token {
        form.append_pair("csrf", token);
    }
    form.extend_pairs(fields).finish()
}
