//! A web server written by hand, which can do what no good one does: answer too much, half, late or never.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What came.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    /// The path as it came.
    pub(super) path: String,
    /// The parameters of the query in their order, as they came.
    pub(super) raw: Vec<(String, String)>,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Asked {
    /// The parameters of the query, decoded.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        self.raw.iter().map(|(name, value)| (decode(name), decode(value))).collect()
    }

    /// One of them. It may stand there once.
    pub(super) fn parameter(&self, wanted: &str) -> String {
        let query = self.query();
        let found: Vec<_> = query.iter().filter(|(name, _)| name == wanted).collect();
        let [(_, value)] = found.as_slice() else { return String::new() };
        value.clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.query().into_iter().map(|(name, _)| name).collect()
    }

    /// A header. It may stand there once.
    pub(super) fn header(&self, wanted: &str) -> String {
        let found: Vec<_> = self.headers.iter().filter(|(name, _)| name == wanted).collect();
        let [(_, value)] = found.as_slice() else { return String::new() };
        value.clone()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A status and a body.
    Say(u16, String),
    /// A redirect to the same server.
    Redirect,
    /// So many bytes, and as many are promised.
    Long(usize),
    /// So many bytes, and nothing is promised: the end of the connection is the end.
    Endless(usize),
    /// Less than was promised.
    Cut,
    /// Nothing, and the connection closes.
    Close,
    /// Nothing, ever.
    Never,
    /// The beginning of an answer, and no more.
    Stall,
}

impl Reply {
    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self::Say(200, value.to_string())
    }
}

type Judge = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running server.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    /// Starts it on a free port.
    pub(super) async fn start(judge: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, judge).await
    }

    /// Starts one that is encrypted, and says which file its client has to trust.
    pub(super) async fn encrypted(folder: &Path, reply: Reply) -> (Self, PathBuf) {
        let (authority, acceptor) = certificate(folder);
        (Self::start_with(Some(acceptor), move |_| reply.clone()).await, authority)
    }

    async fn start_with(
        acceptor: Option<TlsAcceptor>,
        judge: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, judge): (_, Arc<Judge>) = (asked.clone(), Arc::new(judge));
        let task = tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (kept, judge, acceptor) = (kept.clone(), judge.clone(), acceptor.clone());
                // The client may leave in the middle.
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(tcp, &kept, &*judge).await,
                        Some(acceptor) => serve(acceptor.accept(tcp).await.ok()?, &kept, &*judge).await,
                    }
                });
            }
        });
        Self { address, asked, task }
    }

    /// One that always says the same.
    pub(super) async fn saying(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came until now.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The only question that came.
    pub(super) fn only(&self) -> Asked {
        let asked = self.asked();
        let [only] = asked.as_slice() else { panic!("{} questions", asked.len()) };
        only.clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    kept: &Mutex<Vec<Asked>>,
    judge: &Judge,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut asked = Asked { method, path: path.to_owned(), raw: pairs(query), ..Asked::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    asked.body = String::from_utf8(body).ok()?;
    kept.lock().unwrap().push(asked.clone());
    let head =
        |status: u16, length: usize| format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
    let said = match judge(&asked) {
        Reply::Say(status, body) => head(status, body.len()) + &body,
        Reply::Redirect => "HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned(),
        Reply::Long(bytes) => head(200, bytes) + &" ".repeat(bytes),
        Reply::Endless(bytes) => "HTTP/1.1 200 X\r\n\r\n".to_owned() + &" ".repeat(bytes),
        Reply::Cut => head(200, 100) + "{",
        Reply::Close => String::new(),
        Reply::Never => std::future::pending().await,
        Reply::Stall => {
            stream.write_all((head(200, 100) + "{").as_bytes()).await.ok()?;
            std::future::pending().await
        }
    };
    stream.write_all(said.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// A certificate for 127.0.0.1 that signs itself.
fn certificate(folder: &Path) -> (PathBuf, TlsAcceptor) {
    let (pem, key) = (folder.join("peer.pem"), folder.join("peer.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=peer", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-out"])
        .args([&pem, Path::new("-keyout"), &key])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let chain = vec![CertificateDer::from_pem_file(&pem).unwrap()];
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&key).unwrap());
    (pem, TlsAcceptor::from(Arc::new(config.unwrap())))
}

/// The pairs of a query or a form, still encoded.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(a, b)| (a.into(), b.into())).collect()
}

/// `%41` and `+` as forms have them.
pub(super) fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// RFC 3986: letters, digits and `-_.~` stay, all else is `%XX`.
pub(super) fn encode(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

pub(super) fn hash(text: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// HMAC-SHA256 as RFC 2104 defines it, for keys of at most a block.
pub(super) fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::digest([&pad(0x36)[..], text].concat());
    Sha256::digest([&pad(0x5c)[..], &inner[..]].concat()).to_vec()
}
