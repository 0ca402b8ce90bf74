//! What Dovecot's own auth process answers: whatever it says, every question is over, and what is handed on stays in its
//! line.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sidegate::gate::question::Found;
use sidegate::gate::secret::Secret;
use sidegate::upstream::{Said, Upstream};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};

const GREETING: &[u8] =
    b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tXOAUTH2\nSPID\t1\nCUID\t2\nCOOKIE\t00\nDONE\n";
const PATIENCE: Duration = Duration::from_millis(5);

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));
static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder"));

/// Greets, hears one question, answers with these bytes and closes.
async fn serve(listener: UnixListener, greeting: Vec<u8>, answer: Vec<u8>) {
    let talk = |mut stream: UnixStream| {
        let (greeting, answer) = (greeting.clone(), answer.clone());
        async move {
            let mut heard = [0; 1_024];
            stream.write_all(&greeting).await?;
            // Its handshake, and the question.
            while !heard.contains(&b'=') && stream.read(&mut heard).await? > 0 {}
            stream.write_all(&answer).await
        }
    };
    while let Ok((stream, _)) = listener.accept().await {
        // Whoever is gone hears nothing.
        let _ = talk(stream).await;
    }
}

fn socket(name: &str) -> (UnixListener, PathBuf) {
    let path = FOLDER.path().join(name);
    let _ = fs::remove_file(&path);
    (UnixListener::bind(&path).expect("a socket"), path)
}

fn in_one_line(fields: &[u8]) {
    assert!(!fields.contains(&b'\n'), "{}", fields.escape_ascii());
}

async fn ask(bytes: &[u8]) {
    // A greeting of its own, where the bytes have one.
    let (greeting, answer) = match bytes.iter().position(|byte| *byte == 0x0c) {
        Some(end) => (bytes[..end].to_vec(), bytes[end + 1..].to_vec()),
        None => (GREETING.to_vec(), bytes.to_vec()),
    };
    let ((auth, auth_path), (userdb, userdb_path)) = (socket("auth"), socket("userdb"));
    let master = if greeting == GREETING { b"VERSION\t1\t1\nSPID\t1\n".to_vec() } else { greeting.clone() };
    let servers =
        [tokio::spawn(serve(auth, greeting, answer.clone())), tokio::spawn(serve(userdb, master, answer))];
    let upstream = Upstream::start(&auth_path, &userdb_path, PATIENCE);
    match upstream.plain("ann@example.org", &Secret::new(*b"S3cr&t!"), b"service=imap").await {
        Ok(Said::Ok(user, fields)) => {
            assert!(!user.is_empty());
            in_one_line(&fields);
        }
        Ok(Said::Fail(_, fields)) => in_one_line(&fields),
        Ok(Said::Challenge(id, data)) => {
            assert_eq!(id, 1);
            in_one_line(&data);
        }
        Ok(Said::Trouble) | Err(_) => {}
    }
    for command in ["USER", "PASS"] {
        if let Ok(Found::User(_, fields)) = upstream.lookup(command, "ann", b"service=imap").await {
            in_one_line(&fields);
        }
    }
    // A handshake that does not end is waited for longer than a fuzzer has time.
    let _ = tokio::time::timeout(PATIENCE, upstream.list(b"service=imap")).await;
    servers.iter().for_each(|server| server.abort());
}

fuzz_target!(|bytes: &[u8]| RUNTIME.block_on(ask(bytes)));
