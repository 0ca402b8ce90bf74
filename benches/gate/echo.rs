//! A server that speaks a dialect and decides nothing: what sockets and framing cost by themselves.

use std::path::Path;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::dialect::Dialect;

/// Serves until it is killed. One thread, as the daemon's sockets have.
pub(crate) async fn serve(dialect: Dialect, path: &Path) {
    let listener = UnixListener::bind(path).expect("a free path");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(echo(stream, dialect));
    }
}

async fn echo(mut stream: UnixStream, dialect: Dialect) {
    let (mut input, mut out) = (BytesMut::new(), BytesMut::from(dialect.greeting()));
    loop {
        if !out.is_empty() && stream.write_all_buf(&mut out).await.is_err() {
            return;
        }
        input.reserve(16_384);
        if !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            return;
        }
        while let Some(length) = dialect.request(&input) {
            dialect.echo(&input[..length], &mut out);
            input.advance(length);
            if dialect.is_single() {
                let _ = stream.write_all_buf(&mut out).await;
                return;
            }
        }
    }
}
