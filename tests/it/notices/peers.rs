//! The other sides of notices: an SMTP server and a web server on free ports of this host, each with its
//! moods, and certificates for them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
pub(super) use tokio_rustls::TlsAcceptor as Acceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A self-signed certificate for 127.0.0.1 and localhost, or for somebody else.
pub(super) fn certificate(folder: &Path, name: &str, alternatives: &str) -> (PathBuf, Acceptor) {
    let (pem, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args([
            "-days",
            "2",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-addext", &format!("subjectAltName={alternatives}"), "-out"])
        .args([&pem, Path::new("-keyout"), &key])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&pem).unwrap()],
            PrivateKeyDer::from_pem_file(&key).unwrap(),
        );
    (pem, Acceptor::from(Arc::new(config.unwrap())))
}

/// What was said to a peer.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<String>>);

impl Heard {
    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, line: &str) {
        self.0.lock().unwrap().push_str(line);
    }
}

/// How an SMTP server behaves.
#[derive(Clone, Default)]
pub(super) struct Smtp {
    /// Commands that get this answer instead of a good one. An empty answer closes, `...` never comes.
    pub(super) answers: Vec<(&'static str, &'static str)>,
    /// TLS from the first byte on.
    pub(super) tls: Option<Acceptor>,
    /// TLS after STARTTLS.
    pub(super) starttls: Option<Acceptor>,
    pub(super) heard: Heard,
}

impl Smtp {
    pub(super) fn answering(answers: &[(&'static str, &'static str)]) -> Self {
        Self { answers: answers.to_vec(), ..Self::default() }
    }

    /// Starts it on a free port.
    pub(super) async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(server.clone().serve(tcp));
            }
        });
        address
    }

    async fn serve(self, tcp: TcpStream) {
        if let Some(acceptor) = &self.tls {
            // A client that does not trust us leaves here.
            if let Ok(tls) = acceptor.accept(tcp).await {
                self.talk(tls, true, false).await;
            }
            return;
        }
        let Some(tcp) = self.talk(tcp, true, self.starttls.is_some()).await else { return };
        if let Some(acceptor) = &self.starttls
            && let Ok(tls) = acceptor.accept(tcp).await
        {
            self.talk(tls, false, false).await;
        }
    }

    /// One dialogue; the stream, when the client wants it encrypted.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        greet: bool,
        starttls: bool,
    ) -> Option<S> {
        let mut stream = BufReader::new(stream);
        if greet && !self.say(&mut stream, "GREETING", "220 peer").await {
            return None;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            self.heard.note(&line);
            let verb = line.split_whitespace().next().unwrap_or_default().to_owned();
            let answer = match verb.as_str() {
                "EHLO" if starttls => "250-peer\r\n250-STARTTLS\r\n250 8BITMIME",
                "EHLO" => "250-peer\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                "STARTTLS" => "220 go",
                "AUTH" => "235 welcome",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            // Who is told what depends on the line, so that one recipient can be refused.
            if !self.say(&mut stream, line.trim_end(), answer).await {
                return None;
            }
            match verb.as_str() {
                "STARTTLS" => return Some(stream.into_inner()),
                "DATA" if self.mood("DATA").is_none() => self.take_message(&mut stream).await?,
                "QUIT" => return None,
                _ => {}
            }
        }
    }

    async fn take_message(&self, stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin)) -> Option<()> {
        let mut line = String::new();
        while line != ".\r\n" {
            line.clear();
            stream.read_line(&mut line).await.ok()?;
            self.heard.note(&line);
        }
        self.say(stream, ".", "250 taken").await.then_some(())
    }

    fn mood(&self, said: &str) -> Option<&'static str> {
        self.answers.iter().find(|(command, _)| said.starts_with(command)).map(|(_, answer)| *answer)
    }

    /// Whether the dialogue goes on.
    async fn say(&self, stream: &mut (impl AsyncWrite + Unpin), said: &str, good: &str) -> bool {
        match self.mood(said).unwrap_or(good) {
            "" => false,
            "..." => std::future::pending().await,
            "chatter" => loop {
                if stream.write_all(&[b'x'; 4096]).await.is_err() {
                    return false;
                }
            },
            answer => stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_ok(),
        }
    }
}

/// How a web server behaves.
#[derive(Clone, Default)]
pub(super) struct Web {
    /// The status of its answers; none is no answer.
    pub(super) status: Option<u16>,
    pub(super) tls: Option<Acceptor>,
    pub(super) requests: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
}

impl Web {
    /// Starts it on a free port.
    pub(super) async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(server.clone().serve(tcp));
            }
        });
        address
    }

    async fn serve(self, tcp: TcpStream) {
        match &self.tls {
            None => self.answer(tcp).await,
            Some(acceptor) => {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    self.answer(tls).await;
                }
            }
        }
    }

    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(async |request: Request<Incoming>| {
            let (head, body) = request.into_parts();
            let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let line = format!("{} {}", head.method, head.uri);
            self.requests.lock().unwrap().push((line, head.headers, body));
            let Some(status) = self.status else { return std::future::pending().await };
            let answer = Response::builder().status(status).header(LOCATION, "/elsewhere");
            Ok::<_, Infallible>(answer.body(Empty::<Bytes>::new()).unwrap())
        });
        // The client may leave in the middle.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}
