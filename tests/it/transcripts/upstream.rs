//! Dovecot's own auth process, played from the script: two sockets that answer what the story says. Only what Sidegate asks
//! its user database at a login, beside what a mail process asks, is answered without the story: nobody is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::world::PATIENCE;

/// What the upstream was asked, and where its answer goes; `None` closes.
type Asked = (Vec<u8>, mpsc::UnboundedSender<Option<Vec<u8>>>);

/// The scripted upstream.
pub(super) struct Upstream {
    folder: PathBuf,
    offers: String,
    asked: mpsc::UnboundedReceiver<Asked>,
    tell: mpsc::UnboundedSender<Asked>,
    /// Where the last question came from.
    answers: Option<mpsc::UnboundedSender<Option<Vec<u8>>>>,
    doors: Vec<AbortHandle>,
    /// A mail process asks, and the story tells the answer.
    users_are_told: Arc<AtomicBool>,
}

impl Upstream {
    /// An upstream that is away; `offers` are the MECH lines beside PLAIN and LOGIN.
    pub(super) fn away(folder: &Path, offers: String) -> Self {
        let (tell, asked) = mpsc::unbounded_channel();
        Self {
            folder: folder.to_owned(),
            offers,
            asked,
            tell,
            answers: None,
            doors: Vec::new(),
            users_are_told: Arc::default(),
        }
    }

    /// The path of its socket for `auth` or `userdb`.
    pub(super) fn path(folder: &Path, socket: &str) -> PathBuf {
        folder.join(format!("upstream-{socket}"))
    }

    /// Listens.
    pub(super) fn come(&mut self) -> Result<(), String> {
        let client = format!(
            "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n{}SPID\t1\nCUID\t1\nCOOKIE\t{}\nDONE\n",
            self.offers,
            "0".repeat(32)
        );
        for (socket, greeting) in [("auth", client), ("userdb", "VERSION\t1\t1\nSPID\t1\n".to_owned())] {
            let listener = UnixListener::bind(Self::path(&self.folder, socket)).map_err(|e| e.to_string())?;
            let told = Arc::clone(&self.users_are_told);
            let serving = serve(listener, greeting.into(), self.tell.clone(), told);
            self.doors.push(tokio::spawn(serving).abort_handle());
        }
        Ok(())
    }

    /// Closes everything; nobody listens any more.
    pub(super) fn go(&mut self) -> Result<(), String> {
        self.doors.drain(..).for_each(|door| door.abort());
        for socket in ["auth", "userdb"] {
            std::fs::remove_file(Self::path(&self.folder, socket)).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// From now on the story tells who the user database knows, or no longer.
    pub(super) fn tell_users(&self, told: bool) {
        self.users_are_told.store(told, Ordering::Relaxed);
    }

    /// The next line that it is asked, with its end.
    pub(super) async fn hear(&mut self) -> Result<Vec<u8>, String> {
        let asked = timeout(PATIENCE, self.asked.recv()).await;
        let (line, answers) = asked.ok().flatten().ok_or("the upstream was asked nothing")?;
        self.answers = Some(answers);
        Ok(line)
    }

    /// Answers where the last question came from; `None` closes.
    pub(super) fn say(&self, bytes: Option<Vec<u8>>) -> Result<(), String> {
        let answers = self.answers.as_ref().ok_or("the upstream was asked nothing yet")?;
        answers.send(bytes).map_err(|_| "the question was taken back".to_owned())
    }

    /// What it was asked and the story says nothing of.
    pub(super) fn left(&mut self) -> Option<Vec<u8>> {
        self.asked.try_recv().ok().map(|(line, _)| line)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.doors.iter().for_each(AbortHandle::abort);
    }
}

async fn serve(
    listener: UnixListener,
    greeting: Arc<str>,
    tell: mpsc::UnboundedSender<Asked>,
    told: Arc<AtomicBool>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&greeting), tell.clone(), Arc::clone(&told)));
    }
}

async fn converse(
    stream: UnixStream,
    greeting: Arc<str>,
    tell: mpsc::UnboundedSender<Asked>,
    told: Arc<AtomicBool>,
) -> Result<(), std::io::Error> {
    let (reader, mut writer) = stream.into_split();
    writer.write_all(greeting.as_bytes()).await?;
    let (answers, mut spoken) = mpsc::unbounded_channel();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        tokio::select! {
            read = reader.read_until(b'\n', &mut line) => {
                if read? == 0 {
                    return Ok(());
                }
                let line = std::mem::take(&mut line);
                let handshake = line.starts_with(b"VERSION\t1\t") || line.starts_with(b"CPID\t");
                if let Some(rest) = line.strip_prefix(b"USER\t").filter(|_| !told.load(Ordering::Relaxed)) {
                    let id = rest.split(|byte| *byte == b'\t').next().unwrap_or_default();
                    writer.write_all(&[b"NOTFOUND\t", id, b"\n"].concat()).await?;
                } else if !handshake {
                    // The story may be over.
                    let _ = tell.send((line, answers.clone()));
                }
            }
            spoken = spoken.recv() => match spoken {
                Some(Some(bytes)) => writer.write_all(&bytes).await?,
                Some(None) | None => return Ok(()),
            }
        }
    }
}
