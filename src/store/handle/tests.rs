//! The threads of a store.

use super::*;
use crate::clock::Timestamp;
use crate::store::sqlite::Sqlite;

fn name(text: &str) -> AccountName {
    AccountName::parse(text, None).unwrap()
}

fn open() -> (tempfile::TempDir, StoreHandle) {
    let folder = tempfile::tempdir().unwrap();
    let handle = StoreHandle::open(&Sqlite::at(folder.path().join("store.db"))).unwrap();
    (folder, handle)
}

async fn add(handle: &StoreHandle, account: &str) -> Result<i64> {
    let account = name(account);
    handle.change(account.clone(), move |tables| tables.add_account(&account, Timestamp(1))).await
}

#[tokio::test]
async fn a_change_is_seen_by_whoever_asks_after_it() {
    let (_folder, handle) = open();
    assert_eq!(handle.account(&name("ann@example.org")).await, Ok(None));
    let id = add(&handle, "ann@example.org").await.unwrap();
    assert_eq!(handle.account(&name("ann@example.org")).await.unwrap().unwrap().id, id);
    let disable = move |tables: &mut dyn Tables| tables.set_account(id, false, true);
    handle.change(name("ann@example.org"), disable).await.unwrap();
    assert!(!handle.account(&name("ann@example.org")).await.unwrap().unwrap().enabled);
}

#[tokio::test]
async fn one_bad_piece_of_work_spoils_no_other() {
    let (_folder, handle) = open();
    add(&handle, "ann@example.org").await.unwrap();
    // All three queue before the writer can take the first: they share a commit or not, and
    // the outcome is the same.
    let (again, bob, eve) = tokio::join!(
        add(&handle, "ann@example.org"),
        add(&handle, "bob@example.org"),
        add(&handle, "eve@example.org")
    );
    assert!(matches!(again, Err(StoreError::Failed(_))), "{again:?}");
    assert!(bob.is_ok() && eve.is_ok());
}

#[tokio::test]
async fn a_panic_is_that_of_one_piece_of_work() {
    let (_folder, handle) = open();
    for _ in 0..3 {
        let bad = handle.write(
            |tables| {
                tables.add_account(&name("half@example.org"), Timestamp(1))?;
                panic!("a fault that was put there")
            },
            |()| (),
        );
        let (bad, good) = tokio::join!(bad, add(&handle, "ann@example.org"));
        assert_eq!(bad, Err(StoreError::Fault));
        assert!(good.is_ok());
        let read = handle.read(|_| -> Result<()> { panic!("a fault that was put there") });
        assert_eq!(read.await, Err(StoreError::Fault));
        assert_eq!(handle.account(&name("half@example.org")).await, Ok(None), "rolled back");
        let id = handle.account(&name("ann@example.org")).await.unwrap().unwrap().id;
        handle.change(name("ann@example.org"), move |tables| tables.remove_account(id)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_store_closes() {
    let (folder, handle) = open();
    let waiting: Vec<_> = (0..500)
        .map(|n| {
            let account = name(&format!("{n}@example.org"));
            handle.post(move |tables| tables.add_account(&account, Timestamp(1)).map(drop)).unwrap()
        })
        .collect();
    drop(handle);
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), Ok(()));
    }
    let handle = StoreHandle::open(&Sqlite::at(folder.path().join("store.db"))).unwrap();
    assert_eq!(handle.read(|tables| tables.counts()).await.unwrap().accounts, 500);
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let (_folder, handle) = open();
    let (release, wait) = sync_channel::<()>(0);
    let wait = Mutex::new(wait);
    let hold = handle
        .post(move |_| {
            let _ = wait.lock().unwrap().recv();
            Ok(())
        })
        .unwrap();
    let mut fitted = 0;
    let full = loop {
        match handle.post(|_| Ok(())) {
            Ok(_) => fitted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, StoreError::Busy);
    // The brake itself, or what the writer took off the queue before it met it, makes the difference.
    assert!((WRITES_MAX - 1..WRITES_MAX + BATCH_MAX).contains(&fitted), "{fitted}");
    drop(release);
    assert_eq!(hold.await.unwrap(), Ok(()));
}
