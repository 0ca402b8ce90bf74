//! Hands delegations to Dovecot: writes the two files of [`crate::gate::sharing`] where it reads them.
//!
//! Dovecot looks at the files at every command that needs them, as the user whose mail it is. So they are readable by
//! everybody, are never half written, and never missing once they were there: each is written beside its name and
//! renamed into place. Dovecot's own programs never write them; they could not.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::gate::sharing::{Delegation, Prefix, texts};

/// Mail processes run as users of their own, who are in no group of ours.
const MODE: u32 = 0o644;

/// Where the two files are, and what they say of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingFiles {
    /// The global ACL file.
    pub acl: PathBuf,
    /// The sharing map.
    pub map: PathBuf,
    /// Under which name delegates find the mailboxes of an owner.
    pub prefix: Prefix,
}

impl SharingFiles {
    /// The files `acl` and `map` of a folder, as the shipped configurations of Dovecot name them.
    #[must_use]
    pub fn in_folder(folder: &Path, prefix: Prefix) -> Self {
        Self { acl: folder.join("acl"), map: folder.join("map"), prefix }
    }

    /// Writes what these delegations, which are all there are, mean to Dovecot; not at all if it stands there already.
    /// Returns the delegations that could not be written. Blocks; one call at a time.
    ///
    /// # Errors
    /// A file cannot be written. What stood there before still does.
    pub fn write(&self, delegations: &[Delegation]) -> io::Result<Vec<Delegation>> {
        let texts = texts(&self.prefix, delegations);
        // Rights first: what the map says without them is a name that cannot be opened.
        put(&self.acl, &texts.acl)?;
        put(&self.map, &texts.map)?;
        Ok(texts.unwritable)
    }
}

/// Makes a file have this text, whole or not at all.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if stands(path, text)? {
        return Ok(());
    }
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    // No name that Dovecot would give a lock or a new file of its own.
    let aside = path.with_extension("sidegate");
    // Left behind if the machine went down at the wrong moment.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let placed = write_aside(&aside, text, next_second(path)?).and_then(|()| fs::rename(&aside, path));
    if placed.is_err() {
        let _ = fs::remove_file(&aside);
    }
    placed?;
    // The new name is on disk too before anybody is told that a right is gone.
    File::open(folder)?.sync_all()
}

/// Whether the file is what it should be already. One that mail processes cannot read is not.
fn stands(path: &Path, text: &str) -> io::Result<bool> {
    let mode = match fs::metadata(path) {
        Ok(found) => found.mode() & 0o7777,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(mode == MODE && fs::read(path)? == text.as_bytes())
}

fn write_aside(aside: &Path, text: &str, not_before: SystemTime) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(aside)?;
    // The daemon's umask took the mode away again.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(text.as_bytes())?;
    if file.metadata()?.modified()? < not_before {
        file.set_modified(not_before)?;
    }
    file.sync_all()
}

/// The earliest time that a new file may bear. Dovecot 2.3 and 2.4 take a file of the same size and second for the same
/// rights, and a session would keep what it should lose until the second is over.
fn next_second(path: &Path) -> io::Result<SystemTime> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.modified()? + Duration::from_secs(1)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(SystemTime::UNIX_EPOCH),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::delegation::Right;

    fn files(folder: &Path) -> SharingFiles {
        SharingFiles::in_folder(folder, Prefix::parse("shared/%{owner}/").unwrap())
    }

    fn delegation(owner: &str, delegate: &str) -> Delegation {
        (owner.into(), delegate.into(), Right::Read)
    }

    #[test]
    fn a_grant_is_written_and_a_revoke_takes_it_away() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let granted = delegation("team@example.org", "bob@example.org");
        assert_eq!(files.write(&[granted]).unwrap(), []);
        assert!(fs::read_to_string(&files.acl).unwrap().contains("user=bob@example.org"));
        assert!(fs::read_to_string(&files.map).unwrap().contains("bob@example.org/team@example.org"));
        assert_eq!(files.write(&[]).unwrap(), []);
        assert!(!fs::read_to_string(&files.acl).unwrap().contains("user=bob@example.org"));
        assert_eq!(fs::read_to_string(&files.map).unwrap(), "");
    }

    #[test]
    fn the_files_are_there_from_the_first_write_for_everybody_to_read_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        // What a crash left behind.
        fs::write(folder.path().join("acl.sidegate"), "half a li").unwrap();
        files.write(&[]).unwrap();
        let mut names = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().mode() & 0o7777, MODE, "{entry:?}");
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["acl", "map"]);
    }

    #[test]
    fn what_stands_there_already_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let (one, other) = (delegation("team@example.org", "bob@example.org"), delegation("a@b", "c@d"));
        let inode = |path| fs::metadata(path).unwrap().ino();
        files.write(&[one.clone(), other.clone()]).unwrap();
        let before = (inode(&files.acl), inode(&files.map));
        files.write(&[other, one]).unwrap();
        assert_eq!((inode(&files.acl), inode(&files.map)), before);
        // But one that nobody can read, or that somebody changed, is.
        fs::set_permissions(&files.acl, Permissions::from_mode(0o600)).unwrap();
        fs::write(&files.map, "rubbish").unwrap();
        files.write(&[]).unwrap();
        assert_eq!(fs::metadata(&files.acl).unwrap().mode() & 0o7777, MODE);
        assert_eq!(fs::read_to_string(&files.map).unwrap(), "");
    }

    #[test]
    fn no_two_texts_have_the_same_second() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let mut last = 0;
        for delegate in ["ann@example.org", "bob@example.org", "cid@example.org"] {
            files.write(&[delegation("team@example.org", delegate)]).unwrap();
            let second = fs::metadata(&files.acl).unwrap().mtime();
            assert!(second > last, "{second} after {last}");
            last = second;
        }
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let hostile = delegation("*@example.org", "bob@example.org");
        assert_eq!(files(folder.path()).write(std::slice::from_ref(&hostile)).unwrap(), [hostile]);
        let gone = files(&folder.path().join("gone"));
        assert_eq!(gone.write(&[]).unwrap_err().kind(), ErrorKind::NotFound);
        // Something else has the name: it stays, and nothing is left beside it.
        let files = files(folder.path());
        fs::remove_file(&files.acl).unwrap();
        fs::create_dir(&files.acl).unwrap();
        assert!(files.write(&[]).is_err());
        assert!(!folder.path().join("acl.sidegate").exists());
    }
}
