//! A gate, its clients and its upstream while a story is played.

use std::collections::BTreeMap;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::scene::{self, Premises};
use super::script::{Entrance, Piece, Speech, Step};
use super::upstream::Upstream;
use crate::world::{PATIENCE, START, World};

/// A number that no story uses for a request.
const PROBE: u32 = 4_000_000_001;
/// A failure shows no more of a line.
const SHOWN_CHARS_MAX: usize = 600;

/// Everything that a story is played with.
pub(super) struct Stage {
    premises: Premises,
    /// `None` while the daemon is stopped; then what it left behind.
    world: Option<World>,
    left: Option<(tempfile::TempDir, sidegate::clock::Timestamp)>,
    upstream: Option<Upstream>,
    connections: BTreeMap<String, Connection>,
    present: String,
    values: BTreeMap<String, Vec<u8>>,
    last_cpid: u32,
}

struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    speech: Speech,
}

impl Stage {
    /// Starts a gate as the opening of a story says.
    pub(super) async fn set(opening: &[(usize, &str)]) -> Result<Self, (usize, String)> {
        let mut premises = Premises::default();
        let statements = || opening.iter().flat_map(|(n, line)| line.split("; ").map(|words| (*n, words)));
        let deeds: Vec<_> = statements().filter(|(_, words)| !premises.take(words)).collect();
        let folder = tempfile::tempdir().map_err(|e| (0, e.to_string()))?;
        let mut upstream = premises.upstream(folder.path());
        if let Some(upstream) = upstream.as_mut().filter(|_| !premises.upstream_away) {
            upstream.come().map_err(|e| (0, e))?;
        }
        let values = BTreeMap::from([("pid".to_owned(), std::process::id().to_string().into_bytes())]);
        let mut stage = Self {
            premises,
            world: None,
            left: Some((folder, START)),
            upstream,
            connections: BTreeMap::new(),
            present: String::new(),
            values,
            last_cpid: 4200,
        };
        stage.start().await.map_err(|e| (0, e))?;
        for (number, words) in deeds {
            scene::enact(stage.world().map_err(|e| (number, e))?, words).await.map_err(|e| (number, e))?;
        }
        Ok(stage)
    }

    fn world(&self) -> Result<&World, String> {
        self.world.as_ref().ok_or_else(|| "the daemon is stopped".to_owned())
    }

    async fn start(&mut self) -> Result<(), String> {
        let (folder, now) = self.left.take().ok_or("the daemon is running")?;
        let settings = self.premises.settings(folder.path());
        let world = World::start_in(folder, &settings, now).await;
        if !self.premises.upstream_away {
            timeout(PATIENCE, connected(&world)).await.map_err(|_| "no connection to the upstream")?;
        }
        self.world = Some(world);
        Ok(())
    }

    /// Plays one line.
    pub(super) async fn play(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Scene(words) => {
                for statement in words.split("; ") {
                    scene::enact(self.world()?, statement).await?;
                }
                Ok(())
            }
            Step::Enter(entrance) => self.enter(entrance).await,
            Step::Say(pieces) => {
                let bytes = self.fill(pieces)?;
                let asks_for_users = self.here()?.speech != Speech::Client;
                if let Some(upstream) = &self.upstream {
                    upstream.tell_users(asks_for_users);
                }
                let said = timeout(PATIENCE, self.here()?.writer.write_all(&bytes)).await;
                said.map_err(|_| "the server takes nothing")?.map_err(|e| e.to_string())
            }
            Step::Leave => {
                let connection = self.connections.remove(&self.present).ok_or("no connection is open")?;
                connection.end().await
            }
            Step::Hear(pieces) => {
                let heard = self.here()?.line().await?;
                self.compare(pieces, heard)
            }
            Step::HearNothing => self.here()?.hear_nothing().await,
            Step::HearClosed => {
                let connection = self.connections.get_mut(&self.present).ok_or("no connection is open")?;
                match connection.line().await? {
                    line if line.is_empty() => {
                        self.connections.remove(&self.present).map(|_| ()).ok_or_else(String::new)
                    }
                    line => Err(differs("(closed)", &line)),
                }
            }
            Step::Pass(time) => {
                self.world()?.pass(*time);
                Ok(())
            }
            Step::Stop => {
                let world = self.world.take().ok_or("the daemon is stopped")?;
                let now = world.service.now();
                self.left = Some((world.stop().await, now));
                Ok(())
            }
            Step::Start => {
                self.connections.clear();
                self.start().await
            }
            upstream => self.play_upstream(upstream).await,
        }
    }

    async fn play_upstream(&mut self, step: &Step) -> Result<(), String> {
        let away = "the scene has no upstream";
        match step {
            Step::UpstreamHears(pieces) => {
                let heard = self.upstream.as_mut().ok_or(away)?.hear().await?;
                self.compare(pieces, heard)
            }
            Step::UpstreamSays(pieces) => {
                let bytes = self.fill(pieces)?;
                let upstream = self.upstream.as_ref().ok_or(away)?;
                if bytes.starts_with(b"USER\t") {
                    upstream.tell_users(false);
                }
                upstream.say(Some(bytes))
            }
            Step::UpstreamCloses => self.upstream.as_ref().ok_or(away)?.say(None),
            Step::UpstreamGoes => self.upstream.as_mut().ok_or(away)?.go(),
            Step::UpstreamComes => self.upstream.as_mut().ok_or(away)?.come(),
            _ => Err("not played here".to_owned()),
        }
    }

    async fn enter(&mut self, entrance: &Entrance) -> Result<(), String> {
        self.present.clone_from(&entrance.label);
        if self.connections.contains_key(&self.present) {
            return Ok(());
        }
        let path = self.world()?.socket(entrance.speech.word());
        let (reader, writer) = UnixStream::connect(path).await.map_err(|e| e.to_string())?.into_split();
        let mut connection = Connection { reader: BufReader::new(reader), writer, speech: entrance.speech };
        if !entrance.raw {
            if entrance.speech == Speech::Client {
                self.last_cpid += 1;
                self.values.insert(entrance.own("cpid"), self.last_cpid.to_string().into_bytes());
            }
            let hello = entrance.hello(self.last_cpid);
            connection.writer.write_all(hello.as_bytes()).await.map_err(|e| e.to_string())?;
            // A dict's hello is not answered.
            let end: Option<&[u8]> = match entrance.speech {
                Speech::Client => Some(b"DONE\n"),
                Speech::Master => Some(b"SPID\t"),
                Speech::Dict => None,
            };
            let mut line = Vec::new();
            while end.is_some_and(|end| !line.starts_with(end)) {
                line = connection.line().await?;
                if let Some(cookie) = line.strip_prefix(b"COOKIE\t") {
                    self.values.insert(entrance.own("cookie"), cookie.trim_ascii().to_vec());
                }
                if line.is_empty() {
                    return Err("closed in the handshake".to_owned());
                }
            }
        }
        self.connections.insert(self.present.clone(), connection);
        Ok(())
    }

    fn here(&mut self) -> Result<&mut Connection, String> {
        self.connections.get_mut(&self.present).ok_or_else(|| "no connection is open: `@ client`".to_owned())
    }

    /// The bytes of a line whose values are all known.
    fn fill(&self, pieces: &[Piece]) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for piece in pieces {
            match self.known(piece) {
                Some(known) => bytes.extend_from_slice(&known),
                None => return Err(format!("{piece:?} is not known yet")),
            }
        }
        Ok(bytes)
    }

    fn known(&self, piece: &Piece) -> Option<Vec<u8>> {
        match piece {
            Piece::Bytes(bytes) => Some(bytes.clone()),
            Piece::Value(name) => self.values.get(name).cloned(),
            Piece::In(time) => {
                let at = self.world.as_ref()?.service.now().plus(*time);
                let at = jiff::Timestamp::from_second(at.0).ok()?.to_zoned(jiff::tz::TimeZone::system());
                Some(at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string().into_bytes())
            }
        }
    }

    /// Compares what was heard with what was to be heard, and notes values that are new.
    fn compare(&mut self, expected: &[Piece], heard: Vec<u8>) -> Result<(), String> {
        let mut rest = &heard[..];
        let mut shown = Vec::new();
        let mut same = true;
        let mut new = Vec::new();
        for piece in expected {
            let part = match (self.known(piece), piece) {
                (Some(known), _) => known,
                (None, Piece::Value(name)) => {
                    let end = rest.iter().position(|byte| b"\t\n\"".contains(byte)).unwrap_or(rest.len());
                    same &= plausible(name, &rest[..end]);
                    new.push((name.clone(), rest[..end].to_vec()));
                    rest = &rest[end..];
                    shown.extend_from_slice(format!("{{{name}}}").as_bytes());
                    continue;
                }
                (None, _) => return Err(format!("{piece:?} is not known")),
            };
            shown.extend_from_slice(&part);
            match rest.strip_prefix(&part[..]) {
                Some(after) => rest = after,
                None => same = false,
            }
        }
        if !same || !rest.is_empty() {
            return Err(differs(&show(&shown), &heard));
        }
        self.values.extend(new);
        Ok(())
    }

    /// The story is over: nobody may have anything more to say.
    pub(super) async fn close(mut self) -> Result<(), String> {
        if let Some(line) = self.upstream.as_mut().and_then(Upstream::left) {
            return Err(format!("at the end the upstream is asked {}", show(&line)));
        }
        for (label, connection) in std::mem::take(&mut self.connections) {
            connection.end().await.map_err(|why| format!("at the end of {label}: {why}"))?;
        }
        Ok(())
    }
}

impl Connection {
    /// The next line with its end; empty when the server has closed.
    async fn line(&mut self) -> Result<Vec<u8>, String> {
        let mut line = Vec::new();
        match timeout(PATIENCE, self.reader.read_until(b'\n', &mut line)).await {
            Err(_) => Err("no answer in time".to_owned()),
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::ConnectionReset => Err(error.to_string()),
            Ok(_) => Ok(line),
        }
    }

    /// The answer to a harmless question comes next.
    async fn hear_nothing(&mut self) -> Result<(), String> {
        let (question, answer) = match self.speech {
            Speech::Master => (format!("CACHE-FLUSH\t{PROBE}\n"), format!("OK\t{PROBE}\t0\n")),
            Speech::Client => {
                let answer = format!("FAIL\t{PROBE}\treason=Authentication request timed out\n");
                (format!("CONT\t{PROBE}\t\n"), answer)
            }
            Speech::Dict => ("Lshared/user\tno name\n".to_owned(), "N\n".to_owned()),
        };
        self.writer.write_all(question.as_bytes()).await.map_err(|e| e.to_string())?;
        let line = self.line().await?;
        if line == answer.as_bytes() { Ok(()) } else { Err(differs("(nothing)", &line)) }
    }

    /// Hangs up and waits until the server has noticed.
    async fn end(mut self) -> Result<(), String> {
        // The server may have closed already.
        let _ = self.writer.shutdown().await;
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, self.reader.read_to_end(&mut rest)).await;
        if !rest.is_empty() {
            return Err(differs("nothing more", &rest));
        }
        ended.map(|_| ()).map_err(|_| "the server does not hang up".to_owned())
    }
}

/// Returns when the gate has reached its upstream, if it has one.
async fn connected(world: &World) {
    while world.service.upstream().is_some_and(|upstream| !upstream.connected()) {
        yield_now().await;
    }
}

/// Whether a random value looks as it should.
fn plausible(name: &str, value: &[u8]) -> bool {
    match name.split(' ').next() {
        Some("cookie" | "random") => {
            value.len() == 32 && value.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }
        _ => !value.is_empty() && value[0] != b'0' && value.iter().all(u8::is_ascii_digit),
    }
}

fn differs(expected: &str, heard: &[u8]) -> String {
    let heard = if heard.is_empty() { "(closed)".to_owned() } else { show(heard) };
    format!("not as written\n  expected {expected}\n  got      {heard}")
}

/// Bytes as a transcript writes them.
fn show(bytes: &[u8]) -> String {
    let (line, end) = match bytes.strip_suffix(b"\n") {
        Some(line) => (line, ""),
        None => (bytes, "\\c"),
    };
    let mut text = String::new();
    for part in line.utf8_chunks() {
        for char in part.valid().chars() {
            match char {
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\\' => text.push_str("\\\\"),
                control if control.is_control() => text.push_str(&format!("\\x{:02x}", u32::from(control))),
                plain => text.push(plain),
            }
        }
        part.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS_MAX) {
        text.truncate(end);
        text.push_str(&format!("... ({} bytes)", bytes.len()));
    }
    text + end
}
