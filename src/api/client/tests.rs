//! The client against a daemon of sorts.

use std::path::PathBuf;

use super::caller::unreachable;
use super::*;
use crate::api::{Nothing, Status};
use axum::Json;
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::{delete, get, post};
use tempfile::TempDir;

/// A daemon of sorts, on a socket in a folder of its own. It ends with the test program.
pub(crate) fn daemon(router: Router) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::UnixListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (folder, path)
}

/// A refusal as the daemon words it.
pub(crate) fn refusal(status: u16, error: &str, message: &str) -> (StatusCode, Json<ErrorBody>) {
    let body = ErrorBody { error: error.into(), message: message.into() };
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

fn client(router: Router) -> (TempDir, Client) {
    let (folder, path) = daemon(router);
    (folder, Client::new(&path).unwrap())
}

fn refused(result: Result<Answer, ClientError>) -> (u16, String) {
    match result {
        Err(ClientError::Refused { status, body }) => (status, body.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_arrives_as_it_was_meant() {
    let name = "ann+x%2F@example.org/../ü ?#";
    let router = Router::new().route(
        "/v1/accounts/{address}",
        get(|axum::extract::Path(a): axum::extract::Path<String>| async { a }),
    );
    let (_folder, client) = client(router);
    let answer = client.get(&Target::of(&["accounts", name])).unwrap();
    assert_eq!(answer.bytes(), name.as_bytes());
}

#[test]
fn yes_and_no() {
    let router = Router::new()
        .route("/v1/yes", delete(|| async { Json(Nothing {}) }).patch(|| async { Json(Nothing {}) }))
        .route("/v1/lost", get(|| async { refusal(404, "not-found", "no such account") }))
        .route("/v1/full", post(|| async { refusal(409, "refused", "six is the most") }))
        .route("/v1/later", get(|| async { refusal(503, "unavailable", "the disk is full") }))
        .route("/v1/odd", get(|uri: Uri| async move { (StatusCode::IM_A_TEAPOT, uri.to_string()) }));
    let (_folder, client) = client(router);
    assert_eq!(client.delete(&Target::of(&["yes"])).unwrap().read::<Nothing>().unwrap(), Nothing {});
    assert_eq!(client.patch(&Target::of(&["yes"]), &Nothing {}).unwrap().bytes(), b"{}");
    let get = |name: &str| refused(client.get(&Target::of(&[name])));
    assert_eq!(get("lost"), (404, "no such account".into()));
    assert_eq!(get("later"), (503, "the disk is full".into()));
    let full = refused(client.post(&Target::of(&["full"]), &Nothing {}));
    assert_eq!(full, (409, "six is the most".into()));
    assert_eq!(get("odd").0, 418);
    assert!(get("odd").1.contains("418"));
}

#[test]
fn an_answer_has_a_limit() {
    let router = Router::new().route("/v1/long", get(|| async { "x".repeat(1000) }));
    let (_folder, mut client) = client(router);
    let long = Target::of(&["long"]);
    client.caller.answer_bytes_max = 1000;
    assert_eq!(client.get(&long).unwrap().bytes().len(), 1000);
    client.caller.answer_bytes_max = 999;
    let error = client.get(&long).unwrap_err();
    assert!(matches!(&error, ClientError::Broken(why) if why.contains("longer than 999")), "{error}");
}

#[test]
fn a_silent_daemon_is_left() {
    let router = Router::new().route("/v1/slow", get(std::future::pending::<()>));
    let (_folder, mut client) = client(router);
    client.caller.answer_wait = Duration::from_millis(50);
    client.piece_wait = client.caller.answer_wait;
    let slow = Target::of(&["slow"]);
    assert!(matches!(client.get(&slow), Err(ClientError::Broken(_))));
    let download = client.download(&slow, &mut Vec::new(), &mut |_| ());
    assert!(matches!(download, Err(ClientError::Broken(_))));
}

#[test]
fn a_secret_in_a_strange_answer_is_not_told() {
    let router = Router::new().route("/v1/x", get(|| async { r#"{"pid":"Fj7kQm2RxT9wBn4c"}"# }));
    let (_folder, client) = client(router);
    let answer = client.get(&Target::of(&["x"])).unwrap();
    let error = answer.read::<Status>().unwrap_err();
    assert!(!format!("{answer:?} {error} {error:?}").contains("Fj7k"), "{error}");
}

#[test]
fn a_download_is_counted_and_its_end_is_known() {
    let router = Router::new().route("/v1/backup", get(|| async { vec![7_u8; 300_000] }));
    let (_folder, client) = client(router);
    let (mut sink, mut seen) = (Vec::new(), 0);
    let total = client.download(&Target::of(&["backup"]), &mut sink, &mut |bytes| seen = bytes).unwrap();
    assert_eq!((total, seen, sink.len()), (300_000, 300_000, 300_000));
    let lost = client.download(&Target::of(&["lost"]), &mut sink, &mut |_| ());
    assert!(matches!(lost, Err(ClientError::Refused { status: 404, .. })));
}

#[test]
fn nobody_there_is_told_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let try_path = |path: &Path| match Client::new(path).unwrap().get(&Target::of(&["status"])) {
        Err(ClientError::Unreachable(why)) => why,
        other => panic!("{other:?}"),
    };
    let missing = folder.path().join("control");
    let why = try_path(&missing);
    assert!(why.contains(missing.to_str().unwrap()) && why.contains("--socket"), "{why}");
    drop(std::os::unix::net::UnixListener::bind(&missing).unwrap());
    let why = try_path(&missing);
    assert!(why.contains("nobody answers") && why.contains("systemctl"), "{why}");
    let why = unreachable(&missing, &io::ErrorKind::PermissionDenied.into()).to_string();
    assert!(why.contains("[control]") && why.contains("root"), "{why}");
    let why = try_path(&folder.path().join("x".repeat(200)));
    assert!(why.contains("cannot connect"), "{why}");
}

#[test]
fn an_answer_cut_off_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = io::Read::read(&mut stream, &mut [0; 4096]);
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").unwrap();
        }
    });
    let client = Client::new(&path).unwrap();
    let target = Target::of(&["backup"]);
    assert!(matches!(client.get(&target), Err(ClientError::Broken(_))));
    let mut sink = Vec::new();
    assert!(matches!(client.download(&target, &mut sink, &mut |_| ()), Err(ClientError::Broken(_))));
    assert_eq!(sink, b"abc");
}
