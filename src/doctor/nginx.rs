//! nginx's mail proxy: what `nginx -T` prints, and whether its logins come to Sidegate.

use std::path::Path;

use super::inside::unasked;
use super::{Examined, Finding, Findings, Seen};
use crate::config::{Backends, Choice, Config, Endpoint, ListenProtocol, Listener, Peer};

/// What nginx prints before each file.
const FILE_MARK: &str = "# configuration file ";
/// Blocks within blocks; nginx itself has four.
const DEPTH_MAX: usize = 32;
/// Files that include files.
const INCLUDES_MAX: usize = 8;
/// The header with the shared secret, and where a login is asked about.
const KEY_HEADER: &str = "x-sidegate-key";
const AUTH_PATH: &str = "/auth";
const SHIPPED: &str = "conf/nginx/mail.conf";

/// A directive, with what stands in its braces if it has some. Never shown: one of them holds the shared secret.
#[derive(Clone, Default)]
struct Directive {
    words: Vec<String>,
    block: Vec<Directive>,
}

impl Directive {
    fn is(&self, name: &str) -> bool {
        self.words.first().is_some_and(|word| word == name)
    }
}

/// A server of the mail proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// What it speaks: imap, pop3, smtp.
    pub protocol: String,
    /// Where it listens, for people.
    pub listens: String,
    /// Whom it asks about logins.
    pub auth_http: String,
    /// The names of the headers it adds to its questions, in lower case. Not their values: one is a secret.
    pub headers: Vec<String>,
}

/// What matters of nginx's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nginx {
    /// The user of its workers, if it is written.
    pub user: Option<String>,
    /// The servers of its mail proxy.
    pub servers: Vec<MailServer>,
}

impl Nginx {
    /// Reads what `nginx -T` printed: each file, behind a line with its name. What makes no sense is passed over, since
    /// nginx has checked it.
    #[must_use]
    pub fn parse(dump: &str) -> Self {
        let files = files(dump);
        let Some((main, directives)) = files.first() else { return Self::default() };
        let folder = Path::new(main).parent().unwrap_or(Path::new("/"));
        let all = included(directives, folder, &files, 0);
        let user = all.iter().find(|directive| directive.is("user"));
        let mails = all.iter().filter(|directive| directive.is("mail"));
        let servers = mails.flat_map(|mail| {
            let servers = mail.block.iter().filter(|directive| directive.is("server"));
            servers.map(|server| mail_server(&mail.block, &server.block))
        });
        Self { user: user.and_then(|user| user.words.get(1).cloned()), servers: servers.collect() }
    }
}

/// The files of a dump, the main one first.
fn files(dump: &str) -> Vec<(String, Vec<Directive>)> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for line in dump.lines() {
        match (line.strip_prefix(FILE_MARK).and_then(|rest| rest.strip_suffix(':')), texts.last_mut()) {
            (Some(name), _) => texts.push((name.to_owned(), String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    texts.into_iter().map(|(name, text)| (name, directives(&text))).collect()
}

/// A piece of a file.
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            ';' => tokens.push(Token::End),
            '{' => tokens.push(Token::Open),
            '}' => tokens.push(Token::Close),
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                while let Some(c) = chars.next().filter(|c| *c != quote) {
                    let escaped = c == '\\' && chars.peek().is_some_and(|next| *next == quote);
                    word.extend(if escaped { chars.next() } else { Some(c) });
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                // `${name}` is a variable, not a block.
                while let Some(c) =
                    chars.next_if(|c| !c.is_whitespace() && *c != ';' && (*c != '{' || word.ends_with('$')))
                {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    tokens
}

fn directives(text: &str) -> Vec<Directive> {
    let mut open = vec![Directive::default()];
    let mut words = Vec::new();
    // Braces that are too deep are counted, so that those around them close where they should.
    let mut too_deep = 0;
    for token in tokens(text) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open if open.len() < DEPTH_MAX => {
                open.push(Directive { words: std::mem::take(&mut words), block: Vec::new() });
            }
            Token::Open => too_deep += 1,
            Token::Close if too_deep > 0 => too_deep -= 1,
            Token::Close => {
                words.clear();
                close(&mut open);
            }
            Token::End => {
                let words = std::mem::take(&mut words);
                if let Some(inner) = open.last_mut().filter(|_| !words.is_empty()) {
                    inner.block.push(Directive { words, block: Vec::new() });
                }
            }
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().unwrap_or_default().block
}

/// The innermost block is complete.
fn close(open: &mut Vec<Directive>) {
    if open.len() > 1
        && let (Some(block), Some(outer)) = (open.pop(), open.last_mut())
    {
        outer.block.push(block);
    }
}

/// The directives with those of included files in their place.
fn included(
    directives: &[Directive],
    folder: &Path,
    files: &[(String, Vec<Directive>)],
    depth: usize,
) -> Vec<Directive> {
    let mut all = Vec::new();
    for directive in directives {
        match directive.words.get(1).filter(|_| directive.is("include")) {
            Some(pattern) if depth < INCLUDES_MAX => {
                let pattern = folder.join(pattern).display().to_string();
                for (_, inside) in files.iter().filter(|(name, _)| is_like(name, &pattern)) {
                    all.extend(included(inside, folder, files, depth + 1));
                }
            }
            Some(_) => {}
            None => {
                let block = included(&directive.block, folder, files, depth);
                all.push(Directive { words: directive.words.clone(), block });
            }
        }
    }
    all
}

/// Whether a name is what a pattern with `*` and `?` means.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        let same = |(c, wanted): (char, char)| wanted == '?' && c != '/' || c == wanted;
        return name.chars().count() == pattern.chars().count()
            && name.chars().zip(pattern.chars()).all(same);
    };
    let start: String = name.chars().take(before.chars().count()).collect();
    let Some(rest) = name.get(start.len()..).filter(|_| is_like(&start, before)) else { return false };
    // The star stands for any part of one name.
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.take_while(|at| !rest[..*at].contains('/')).any(|at| is_like(&rest[at..], after))
}

/// A server with what it inherits.
fn mail_server(mail: &[Directive], server: &[Directive]) -> MailServer {
    let all = |name: &str| -> Vec<&Directive> {
        let own: Vec<&Directive> = server.iter().filter(|directive| directive.is(name)).collect();
        if own.is_empty() { mail.iter().filter(|directive| directive.is(name)).collect() } else { own }
    };
    let value = |name: &str| all(name).first().and_then(|directive| directive.words.get(1).cloned());
    let listens = value("listen").unwrap_or_default();
    let by_port = match listens.rsplit(':').next().unwrap_or_default() {
        "143" | "993" => "imap",
        "110" | "995" => "pop3",
        _ => "smtp",
    };
    let headers = all("auth_http_header");
    MailServer {
        protocol: value("protocol").unwrap_or_else(|| by_port.to_owned()),
        listens,
        auth_http: value("auth_http").unwrap_or_default(),
        headers: headers
            .iter()
            .filter_map(|header| header.words.get(1))
            .map(|name| name.to_lowercase())
            .collect(),
    }
}

/// The place that an `auth_http` leads to, as Sidegate writes it, and the path that is asked for there.
fn asks_at(auth_http: &str) -> (String, String) {
    let rest = auth_http.strip_prefix("http://").unwrap_or(auth_http);
    if let Some(socket) = rest.strip_prefix("unix:") {
        let (socket, path) = socket.split_once(':').unwrap_or((socket, "/"));
        return (socket.to_owned(), path.to_owned());
    }
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let host = host.replace("localhost", "127.0.0.1");
    let port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    (if port { host } else { format!("{host}:80") }, path.to_owned())
}

/// Whether the listener is for nginx.
fn has_backends(listener: &Listener) -> bool {
    listener.backends != Backends::default()
}

/// Whether not everybody on this host may ask there.
fn is_guarded(listener: &Listener) -> bool {
    let by_kernel = matches!(listener.place, Endpoint::Path(_))
        && (listener.peers.is_some() || listener.mode & 0o006 == 0);
    by_kernel || listener.key_file.is_some()
}

pub(super) fn judge(config: &Config, examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("nginx");
    let http = |listener: &&Listener| listener.protocol == ListenProtocol::Http;
    let expected = config.listen.iter().filter(http).any(has_backends);
    let nginx = match &examined.nginx {
        Seen::Is(nginx) => nginx,
        // Where nobody expects it, it is of no interest.
        _ if !expected => return found.list,
        Seen::Absent => {
            found.not_checked("nginx is not here", "take \"backends\" out, if no nginx asks Sidegate");
            return found.list;
        }
        Seen::Failed(why) if !examined.host.root => {
            found.not_checked(format!("nginx -T fails: {why}"), "run doctor as root");
            return found.list;
        }
        Seen::Failed(why) => {
            found.bad(format!("nginx -T fails: {why}"), "correct nginx's configuration");
            return found.list;
        }
    };
    if nginx.servers.is_empty() {
        if expected {
            found.warn(
                "nginx has no mail proxy, and a listener has \"backends\" for it",
                format!("include {SHIPPED}, or take \"backends\" out"),
            );
        }
        return found.list;
    }
    for server in &nginx.servers {
        asks(server, nginx, config, examined, &mut found);
    }
    if found.all_well() {
        found.ok("the logins of nginx's mail proxy come to Sidegate");
    }
    found.list
}

/// Whether one server asks Sidegate, and as it should.
fn asks(server: &MailServer, nginx: &Nginx, config: &Config, examined: &Examined, found: &mut Findings) {
    let name = format!("{} on {}", server.protocol, server.listens);
    let (place, path) = asks_at(&server.auth_http);
    let door = config
        .listen
        .iter()
        .find(|listener| listener.protocol == ListenProtocol::Http && listener.place.to_string() == place);
    let Some(door) = door else {
        found.bad(
            format!("{name}: auth_http leads to {place}, where Sidegate does not listen: logins go past it"),
            format!("auth_http as in {SHIPPED}, and a listener with protocol \"http\" there"),
        );
        return;
    };
    if path != AUTH_PATH {
        found.bad(
            format!("{name}: auth_http asks for {path}, which is nothing here: nobody gets in"),
            format!("auth_http with {AUTH_PATH} at its end, as in {SHIPPED}"),
        );
    }
    if door.key_file.is_some() && !server.headers.iter().any(|header| header == KEY_HEADER) {
        found.bad(
            format!("{name}: the key that {place} asks for is not shown: nobody gets in"),
            "auth_http_header X-Sidegate-Key with what is in key_file; let not everybody read that file of nginx",
        );
    }
    if !is_guarded(door) {
        found.warn(
            format!("every user of this host can ask {place}, for any client address"),
            "key_file in this [[listen]] and auth_http_header X-Sidegate-Key in nginx, or a path with \"peers\"",
        );
    }
    backend(server, door, &name, found);
    if let (Some(user), Some(peers)) = (&nginx.user, &door.peers)
        && peers.iter().all(|peer| matches!(peer, Peer::Name(known) if known != user))
    {
        found.bad(
            format!("nginx's workers run as {user}, whom {place} does not let in"),
            format!("write {user} into \"peers\" of this [[listen]]"),
        );
    }
    if let Ok(daemon) = &examined.daemon
        && let Some(since) = unasked(daemon, &place)
    {
        found.warn(
            format!("nginx has asked {place} nothing {since}"),
            "restart nginx if its configuration is new; nothing, if nobody has logged in",
        );
    }
}

/// Whether whoever may log in is sent somewhere.
fn backend(server: &MailServer, door: &Listener, name: &str, found: &mut Findings) {
    let backend = match server.protocol.as_str() {
        "imap" => door.backends.imap,
        "pop3" => door.backends.pop3,
        _ => door.backends.smtp,
    };
    if backend.is_none() {
        found.bad(
            format!("{name}: no backend for {}: every login fails temporarily", server.protocol),
            format!(
                "{} = \"address:port\" in \"backends\" of the {} listener",
                server.protocol,
                door.protocol.word()
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DUMP: &str = "\
nginx: configuration file /etc/nginx/nginx.conf test is successful
# configuration file /etc/nginx/nginx.conf:
user www-data;  # the workers
include /etc/nginx/modules-enabled/*.conf;
http { server { listen 80; location / { return 200 \"mail { }\"; set $x \"${uri}\"; } } }
include mail.d/?ail*.conf;
# configuration file /etc/nginx/modules-enabled/50-mod-mail.conf:
load_module modules/ngx_mail_module.so;
# configuration file /etc/nginx/mail.d/mail.conf:
mail {
    auth_http 'http://localhost:8026/auth';
    auth_http_header X-Sidegate-Key \"a secret; {not} shown\";
    server { listen [::]:993 ssl; include /etc/nginx/tls; }
    server { listen 587; protocol smtp; auth_http unix:/run/sidegate/http:/auth; auth_http_header X-Other y; }
}
# configuration file /etc/nginx/tls:
ssl_certificate ${dir}/x.pem; protocol pop3;
";

    #[test]
    fn a_dump_is_read_with_its_includes() {
        let nginx = Nginx::parse(DUMP);
        assert_eq!(nginx.user.as_deref(), Some("www-data"));
        let server = |protocol: &str, listens: &str, auth_http: &str, header: &str| MailServer {
            protocol: protocol.into(),
            listens: listens.into(),
            auth_http: auth_http.into(),
            headers: vec![header.into()],
        };
        assert_eq!(
            nginx.servers,
            [
                server("pop3", "[::]:993", "http://localhost:8026/auth", "x-sidegate-key"),
                server("smtp", "587", "unix:/run/sidegate/http:/auth", "x-other"),
            ]
        );
        assert!(!format!("{nginx:?}").contains("a secret"));
        assert_eq!(Nginx::parse("nothing of it\n"), Nginx::default());
    }

    #[test]
    fn the_place_that_is_asked_is_written_as_sidegate_writes_it() {
        for (auth_http, place, path) in [
            ("http://unix:/run/sidegate/http:/auth", "/run/sidegate/http", "/auth"),
            ("localhost:8026/auth", "127.0.0.1:8026", "/auth"),
            ("http://[::1]:8026", "[::1]:8026", "/"),
            ("http://192.0.2.1/x?y", "192.0.2.1:80", "/x?y"),
        ] {
            assert_eq!(asks_at(auth_http), (place.to_owned(), path.to_owned()), "{auth_http}");
        }
    }

    #[test]
    fn patterns_mean_files_of_one_folder() {
        for (name, pattern, like) in [
            ("/etc/a.conf", "/etc/*.conf", true),
            ("/etc/b/a.conf", "/etc/*.conf", false),
            ("/etc/b/a.conf", "/etc/*/?.conf", true),
            ("/etc/a.conf", "/etc/a.conf", true),
            ("/etc/aa.conf", "/etc/?.conf", false),
            ("/etc/é.conf", "/etc/?.conf", true),
            ("", "*", true),
        ] {
            assert_eq!(is_like(name, pattern), like, "{name} {pattern}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-z{};\"'#$\\\\ \n]{0,80}", name in "[a/é]{0,6}", pattern in "[a/é*?]{0,6}") {
            let _ = Nginx::parse(&format!("{FILE_MARK}/x:\nmail {{ {text}"));
            let _ = is_like(&name, &pattern);
        }

        #[test]
        fn deep_blocks_are_bounded(depth in 1_usize..200) {
            let text = format!("{}x;{} mail {{ server {{ listen 143; }} }}", "a {".repeat(depth), "}".repeat(depth));
            prop_assert_eq!(Nginx::parse(&format!("{FILE_MARK}/x:\n{text}")).servers.len(), 1);
        }
    }
}
