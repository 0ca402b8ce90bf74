//! What a login process is offered beside PLAIN and LOGIN: what the upstream offers, also where both start together.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use crate::world::{PATIENCE, World};

/// A gate where main passwords are good for something, and the folder where its upstream will be.
async fn start() -> (World, tempfile::TempDir) {
    let upstream = tempfile::tempdir().unwrap();
    let (auth, userdb) = (upstream.path().join("auth"), upstream.path().join("userdb"));
    let settings = format!(
        "[main_password]\nmail_clients = \"until-two-factor\"\n[upstream]\nauth = \"{}\"\nuserdb = \"{}\"\n",
        auth.display(),
        userdb.display()
    );
    (World::start(&settings).await, upstream)
}

/// The mechanisms in the greeting of a connection.
async fn offered(world: &World) -> Vec<String> {
    let mut lines = BufReader::new(UnixStream::connect(world.socket("client")).await.unwrap()).lines();
    let mut mechanisms = Vec::new();
    loop {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        if let Some(mechanism) = line.strip_prefix("MECH\t") {
            mechanisms.push(mechanism.split('\t').next().unwrap().to_owned());
        }
        if line == "DONE" {
            return mechanisms;
        }
    }
}

/// Offers SCRAM-SHA-256 to whoever connects first, and keeps the connection.
async fn offer_scram(folder: &Path) -> UnixStream {
    let listener = UnixListener::bind(folder.join("auth")).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tSCRAM-SHA-256\nDONE\n").await.unwrap();
    stream
}

#[tokio::test]
async fn who_comes_before_the_upstream_is_offered_what_it_offers() {
    let (world, upstream) = start().await;
    let late = async {
        sleep(Duration::from_millis(300)).await;
        offer_scram(upstream.path()).await
    };
    let (mechanisms, connection) = tokio::join!(offered(&world), late);
    assert_eq!(mechanisms, ["PLAIN", "LOGIN", "SCRAM-SHA-256"]);

    // What it offered last holds while it is away.
    drop(connection);
    assert_eq!(offered(&world).await, ["PLAIN", "LOGIN", "SCRAM-SHA-256"]);
}

#[tokio::test]
async fn an_upstream_that_never_comes_keeps_nobody_waiting() {
    let (world, _upstream) = start().await;
    assert_eq!(offered(&world).await, ["PLAIN", "LOGIN"]);
}
