//! `sidegate backup`: the database into a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::json;

use super::Failure;
use super::output::{self, Out};
use super::progress::Progress;
use crate::api::client::{Client, Target};

/// `sidegate backup`
pub(super) fn backup(file: &Path, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let shown = file.display();
    if fs::symlink_metadata(file).is_ok() {
        return Err(exists(file));
    }
    let part = Part::create(file)?;
    let bytes = fetch(&part, client)?;
    part.finish(file)?;
    if out.style.json {
        return out.value(&json!({ "file": file.to_string_lossy(), "bytes": bytes }));
    }
    out.line(&format!("{shown}: {}", output::bytes(bytes)))?;
    out.line(
        "The key file (store.key_file in the configuration) is not in it: back it up too, in another place.",
    )
}

fn exists(file: &Path) -> Failure {
    Failure::Said(format!("{} exists; a backup overwrites nothing", file.display()))
}

fn fetch(part: &Part, client: &Client) -> Result<u64, Failure> {
    let mut progress = Progress::new();
    let mut sink = BufWriter::new(&part.file);
    let done = client.download(&Target::of(&["backup"]), &mut sink, &mut |bytes| {
        progress.show(|| output::bytes(bytes));
    });
    progress.clear();
    let bytes = match done {
        Err(crate::api::client::ClientError::Write(error)) => return Err(part.trouble("write", &error)),
        done => done?,
    };
    sink.flush().map_err(|error| part.trouble("write", &error))?;
    if bytes == 0 {
        return Err(Failure::Said("sidegated sent an empty backup".into()));
    }
    Ok(bytes)
}

/// The file while it is not yet whole; it goes away unless it is finished.
struct Part {
    path: PathBuf,
    file: File,
    /// It has its final name; what is called `path` now is somebody else's.
    finished: bool,
}

impl Part {
    fn create(target: &Path) -> Result<Self, Failure> {
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => Ok(Self { path, file, finished: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::Said(format!(
                "{} exists: another backup is under way, or one was cut off; then remove it",
                path.display()
            ))),
            Err(error) => Err(Failure::Said(format!("cannot make {}: {error}", path.display()))),
        }
    }

    /// Brings it to the disk under its final name, which must still be free.
    fn finish(mut self, target: &Path) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| self.trouble("write", &error))?;
        match renameat2(AT_FDCWD, &self.path, AT_FDCWD, target, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EEXIST) => return Err(exists(target)),
            // Some file systems do not know how to refuse; the name was free a moment ago.
            Err(Errno::EINVAL | Errno::ENOSYS) if fs::symlink_metadata(target).is_err() => {
                fs::rename(&self.path, target).map_err(|error| self.trouble("rename", &error))?;
            }
            Err(error) => return Err(self.trouble("rename", &error.into())),
        }
        self.finished = true;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The name itself reaches the disk; where a folder cannot be opened, the system sees to it.
        if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn trouble(&self, what: &str, error: &io::Error) -> Failure {
        Failure::Said(format!("cannot {what} {}: {error}", self.path.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::client::tests::{daemon, refusal};
    use crate::cli::tests::sink;
    use axum::Router;
    use axum::routing::get;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn good() -> (TempDir, Client) {
        let (folder, socket) = daemon(Router::new().route("/v1/backup", get(|| async { "SQLite format 3" })));
        (folder, Client::new(&socket).unwrap())
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_backup_is_whole_private_and_names_the_key_file() {
        let (folder, client) = good();
        let (mut out, seen) = sink(false);
        let file = folder.path().join("copy.db");
        backup(&file, &client, &mut out).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"SQLite format 3");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(&folder), ["control", "copy.db"]);
        assert!(seen.text().contains("copy.db: 15 bytes\n") && seen.text().contains("key_file"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let (folder, client) = good();
        for taken in ["copy.db", "copy.db.part"] {
            fs::write(folder.path().join(taken), "mine").unwrap();
            let error = backup(&folder.path().join("copy.db"), &client, &mut sink(false).0).unwrap_err();
            assert!(error.to_string().contains(taken), "{error}");
            assert_eq!(names(&folder), ["control", taken]);
            assert_eq!(fs::read(folder.path().join(taken)).unwrap(), b"mine");
            fs::remove_file(folder.path().join(taken)).unwrap();
        }
    }

    #[test]
    fn a_name_taken_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.db");
        let part = Part::create(&file).unwrap();
        fs::write(&file, "mine").unwrap();
        assert!(part.finish(&file).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        assert_eq!(names(&folder), ["copy.db"]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let route = get(|| async { refusal(503, "unavailable", "try again later") });
        let (folder, socket) = daemon(Router::new().route("/v1/backup", route));
        let client = Client::new(&socket).unwrap();
        let error = backup(&folder.path().join("copy.db"), &client, &mut sink(false).0).unwrap_err();
        assert_eq!(error.status(), 1);
        assert_eq!(names(&folder), ["control"]);
    }
}
