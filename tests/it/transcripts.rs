//! Plays `tests/transcripts/*.txt` against a whole gate over real sockets, byte for byte.
//!
//! ```text
//! # why this story is told
//! G: ann@example.org has password "phone" = Fj7kQm2RxT9wBn4c     the scene, in plain words (scene.rs)
//! G: lockout.failures = 3                                        any setting, as in sidegate.toml
//! @ client            opens an auth-client connection, past its handshake; or goes back to it
//! @ master            the same for auth-master
//! @ dict              the same for Dovecot 2.3's dict
//! @ client 2          a second one; `@ client 1.4` and `@ client 2 1.4` say VERSION 1 4
//! @ raw client        one on which nothing was said yet: the handshake is part of the story
//! C: AUTH\t1\tPLAIN\tservice=imap\tresp={ann@example.org Fj7kQm2RxT9wBn4c}
//! S: OK\t1\tuser=ann@example.org
//! S: (closed)         the server closes, and has said nothing else
//! S: (nothing)        it has nothing to say: a harmless question right behind is answered first
//! C: (closes)         the client closes, and the server has nothing more to say
//! U> AUTH\t1\tPLAIN\t...     what the upstream is asked
//! U< OK\t1\tuser=...         what it answers; `(closed)`: it closes instead
//! U: goes away        nobody listens any more; `comes back`: again
//! T: +1h              the clock moves
//! D: stops            the daemon stops in order; `starts`: again, over the same store
//! ```
//!
//! A line ends in one LF on the wire, unless it ends in `\c`. What braces may hold is told in
//! `script.rs`. At its end a story must be over: no connection may have anything more to say.

mod scene;
mod script;
mod stage;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;

pub(crate) use self::script::Speech;
use self::script::{Line, Step};
use self::stage::Stage;

/// Stories that are played at the same time.
const AT_ONCE: usize = 6;

#[tokio::test]
async fn every_transcript_plays_as_written() {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    let mut plays = Vec::new();
    for path in files() {
        let seats = Arc::clone(&seats);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let play = tokio::spawn(async move {
            let _seat = seats.acquire().await;
            play(&std::fs::read_to_string(path).unwrap()).await
        });
        plays.push((name, play));
    }
    assert!(plays.len() > 40, "the transcripts are where they were");
    let mut failures = Vec::new();
    for (name, play) in plays {
        match play.await {
            Ok(Ok(())) => {}
            Ok(Err((number, why))) => failures.push(format!("tests/transcripts/{name}:{number}: {why}")),
            Err(panic) => failures.push(format!("tests/transcripts/{name}: {panic}")),
        }
    }
    assert!(failures.is_empty(), "{} failed\n\n{}\n", failures.len(), failures.join("\n\n"));
}

#[tokio::test]
async fn a_story_that_goes_otherwise_says_where_and_how() {
    let story =
        |end: &str| format!("# A comment\n@ client\nC: AUTH\\t1\\tPLAIN\\tservice=imap\\tresp=!\n{end}");
    let said = "FAIL\\t1\\tcode=invalid_base64\\treason=Invalid base64 data in initial response";
    for (end, line, why) in [
        ("S: FAIL\\t2", 4, format!("not as written\n  expected FAIL\\t2\n  got      {said}")),
        ("S: FAIL\\t1\\c", 4, format!("not as written\n  expected FAIL\\t1\\c\n  got      {said}")),
        ("S: (nothing)", 4, format!("not as written\n  expected (nothing)\n  got      {said}")),
        ("S: (closed)", 4, format!("not as written\n  expected (closed)\n  got      {said}")),
        (
            "# over",
            3,
            format!("at the end of client: not as written\n  expected nothing more\n  got      {said}"),
        ),
        ("U> AUTH", 4, "the scene has no upstream".to_owned()),
        ("X: AUTH", 4, "`X: AUTH` is no line of a transcript".to_owned()),
        ("G: ann is tired", 4, "`ann` is not a full mail address like name@example.org".to_owned()),
    ] {
        assert_eq!(play(&story(end)).await, Err((line, why)), "{end}");
    }
}

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "txt")).collect();
    files.sort();
    files
}

/// Plays one story; the error is the line's number and what is wrong there.
async fn play(text: &str) -> Result<(), (usize, String)> {
    let lines = script::parse(text)?;
    let first = lines.iter().position(|line| !matches!(line.step, Step::Scene(_))).unwrap_or(lines.len());
    let (opening, story) = lines.split_at(first);
    let scene: Vec<_> = opening.iter().map(|line| (line.number, line.step.scene())).collect();
    let mut stage = Stage::set(&scene).await?;
    for Line { number, step } in story {
        stage.play(step).await.map_err(|why| (*number, why))?;
    }
    let last = lines.last().map_or(0, |line| line.number);
    stage.close().await.map_err(|why| (last, why))
}

/// Everything that clients say on one connection of a story, with its implied handshake.
pub(crate) struct ClientSide {
    pub(crate) story: String,
    pub(crate) speech: Speech,
    pub(crate) bytes: Vec<u8>,
}

/// What clients say in all stories. Random values are zeros.
pub(crate) fn client_sides() -> Vec<ClientSide> {
    let mut all = Vec::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = script::parse(&text).unwrap_or_else(|(number, why)| panic!("{path:?}:{number}: {why}"));
        for (speech, bytes) in script::client_bytes(&lines) {
            let story = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.push(ClientSide { story, speech, bytes });
        }
    }
    all
}
