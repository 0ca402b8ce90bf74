//! The store's keys: 32 random bytes each in a file of their own, outside the database. The current one comes first, the
//! former ones behind it, newest first.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::gate::key::{KEY_BYTES, KEYS_MAX, KeyId, KeyRing, StoreKey};

/// Why there is no store key, with the cure.
#[derive(Debug, thiserror::Error)]
#[error("store key {path}: {problem}")]
pub struct KeyFileError {
    path: String,
    problem: String,
}

impl KeyFileError {
    fn of(path: &Path) -> impl Fn(String) -> Self {
        move |problem| Self { path: path.display().to_string(), problem }
    }
}

/// Reads the keys; makes one when the file is missing.
///
/// # Errors
/// The file cannot be read or made, has another length, or others may read it.
pub fn load(path: &Path, entropy: &Entropy) -> Result<KeyRing, KeyFileError> {
    let fail = KeyFileError::of(path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = Zeroizing::new(entropy.bytes::<KEY_BYTES>());
            put(path, &key[..]).map_err(|error| fail(format!("cannot be made: {error}")))?;
            File::open(path).map_err(|error| fail(format!("cannot be opened: {error}")))?
        }
        Err(error) => return Err(fail(format!("cannot be opened: {error}"))),
    };
    Ok(ring(&read(path, file)?))
}

/// Puts a new key before those of the file, which must be those that are in force.
///
/// # Errors
/// The file is another one, full, a credential of systemd, or cannot be written; it is as it was then.
pub fn rotate(path: &Path, in_force: &KeyRing, entropy: &Entropy) -> Result<KeyRing, KeyFileError> {
    let keys = read_in_force(path, in_force)?;
    if keys.len() >= KEYS_MAX * KEY_BYTES {
        let problem = format!(
            "has {KEYS_MAX} keys already; forget one that nothing is under (sidegate key show, sidegate key forget)"
        );
        return Err(KeyFileError::of(path)(problem));
    }
    let mut all = Zeroizing::new(Vec::with_capacity(keys.len() + KEY_BYTES));
    all.extend_from_slice(&Zeroizing::new(entropy.bytes::<KEY_BYTES>())[..]);
    all.extend_from_slice(&keys);
    replace(path, &all)
}

/// Takes a former key out of the file, which must have those that are in force.
///
/// # Errors
/// As for [`rotate`].
pub fn forget(path: &Path, in_force: &KeyRing, id: KeyId) -> Result<KeyRing, KeyFileError> {
    let keys = read_in_force(path, in_force)?;
    let mut left = Zeroizing::new(Vec::with_capacity(keys.len()));
    for (place, key) in keys.as_chunks::<KEY_BYTES>().0.iter().enumerate() {
        if place == 0 || StoreKey::new(key).id() != id {
            left.extend_from_slice(key);
        }
    }
    replace(path, &left)
}

/// Whether systemd hands the file over (`LoadCredential=`): nobody can write it then.
#[must_use]
pub fn is_credential(path: &Path) -> bool {
    let handed = std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| path.starts_with(folder));
    handed || path.starts_with("/run/credentials")
}

/// Whether the file has the keys that are in force.
///
/// # Errors
/// It has others, cannot be read, or others may read it.
pub fn check(path: &Path, in_force: &KeyRing) -> Result<(), KeyFileError> {
    read_in_force(path, in_force).map(drop)
}

/// The ids of a file's keys; none where it is missing or cannot be read.
#[must_use]
pub fn ids(path: &Path) -> Vec<KeyId> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    read(path, file).map(|keys| ring(&keys).ids().collect()).unwrap_or_default()
}

fn ring(keys: &[u8]) -> KeyRing {
    let mut keys = keys.as_chunks::<KEY_BYTES>().0.iter().map(StoreKey::new);
    let current = keys.next().expect("a file without a key was refused");
    KeyRing::new(current, keys)
}

/// All keys of a file, the current one first: one after the other, each of [`KEY_BYTES`].
fn read(path: &Path, mut file: File) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let fail = KeyFileError::of(path);
    let about = file.metadata().map_err(|error| fail(error.to_string()))?;
    if about.mode() & 0o077 != 0 {
        let mode = about.mode() & 0o777;
        return Err(fail(format!(
            "others may read it (mode {mode:04o}); run: chmod 0600 {}",
            path.display()
        )));
    }
    let bytes = usize::try_from(about.len()).unwrap_or(usize::MAX);
    if bytes == 0 || !bytes.is_multiple_of(KEY_BYTES) || bytes > KEYS_MAX * KEY_BYTES {
        return Err(fail(format!(
            "has {bytes} bytes instead of {KEY_BYTES} for each of 1 to {KEYS_MAX} keys; restore it from your backup. \
             Without the old key, remove the file and run sidegated --make-missing: logins go on, each slower once, and \
             second factors have to be reset"
        )));
    }
    let mut keys = Zeroizing::new(vec![0; bytes]);
    file.read_exact(&mut keys).map_err(|error| fail(format!("cannot be read: {error}")))?;
    Ok(keys)
}

fn read_in_force(path: &Path, in_force: &KeyRing) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let fail = KeyFileError::of(path);
    let file = File::open(path).map_err(|error| fail(format!("cannot be opened: {error}")))?;
    let keys = read(path, file)?;
    if !ring(&keys).ids().eq(in_force.ids()) {
        return Err(fail(
            "was changed since sidegated read it; put the one back that is in force, or restart sidegated"
                .to_owned(),
        ));
    }
    Ok(keys)
}

fn replace(path: &Path, keys: &[u8]) -> Result<KeyRing, KeyFileError> {
    let fail = KeyFileError::of(path);
    if is_credential(path) {
        return Err(fail(
            "is a credential of systemd, which nobody can write. In the file that LoadCredential= names, put 32 random \
             bytes before those that are there (the newest key comes first), and restart sidegated"
                .to_owned(),
        ));
    }
    // A link stays one: what it leads to is replaced.
    let target = fs::canonicalize(path).map_err(|error| fail(error.to_string()))?;
    put(&target, keys).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => fail(format!(
            "cannot be replaced: {error}; the daemon's user must be able to write its folder (store.key_file)"
        )),
        _ => fail(format!("cannot be replaced: {error}")),
    })?;
    Ok(ring(keys))
}

/// Writes keys aside and puts them in place whole, so that no half key is ever found. They are on the disk when this
/// returns.
fn put(path: &Path, keys: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(keys)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        let made = load(&path, &Entropy::system()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(&path, &Entropy::system()).unwrap().current().id(), made.current().id());
    }

    #[test]
    fn a_key_that_others_may_read_or_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        load(&path, &Entropy::system()).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let error = load(&path, &Entropy::system()).unwrap_err().to_string();
        assert!(error.contains("chmod 0600"), "{error}");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        for length in [0, KEY_BYTES - 1, KEY_BYTES + 1, (KEYS_MAX + 1) * KEY_BYTES] {
            fs::write(&path, vec![1; length]).unwrap();
            let error = load(&path, &Entropy::system()).unwrap_err().to_string();
            assert!(error.contains(&format!("has {length} bytes")), "{error}");
        }
    }

    fn ids(ring: &KeyRing) -> Vec<KeyId> {
        ring.ids().collect()
    }

    #[test]
    fn a_new_key_comes_first_and_a_former_one_can_be_forgotten() {
        let (folder, entropy) = (tempfile::tempdir().unwrap(), Entropy::system());
        let path = folder.path().join("store.key");
        let mut ring = load(&path, &entropy).unwrap();
        let first = ring.current().id();
        for count in 2..=KEYS_MAX {
            ring = rotate(&path, &ring, &entropy).unwrap();
            assert_eq!((ring.ids().count(), ring.oldest().id()), (count, first));
            assert_eq!(ids(&load(&path, &entropy).unwrap()), ids(&ring));
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let full = rotate(&path, &ring, &entropy).unwrap_err().to_string();
        assert!(full.contains("16 keys already") && full.contains("key forget"), "{full}");
        let current = ring.current().id();
        ring = forget(&path, &ring, first).unwrap();
        assert!(ring.get(first).is_none() && ring.ids().count() == KEYS_MAX - 1);
        ring = forget(&path, &ring, current).unwrap();
        assert_eq!(ring.current().id(), current, "the current one stays");
        assert_eq!(ids(&load(&path, &entropy).unwrap()), ids(&ring));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_is_not_the_one_in_force_or_cannot_be_written_stays() {
        let (folder, entropy) = (tempfile::tempdir().unwrap(), Entropy::system());
        let path = folder.path().join("store.key");
        let ring = load(&path, &entropy).unwrap();
        let other = KeyRing::new(StoreKey::new(&[1; KEY_BYTES]), []);
        let before = fs::read(&path).unwrap();
        for result in [rotate(&path, &other, &entropy), forget(&path, &other, ring.current().id())] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("restart sidegated"), "{error}");
        }
        assert!(check(&path, &ring).is_ok() && check(&path, &other).is_err());
        // The place of the file aside is taken by a folder.
        fs::create_dir(path.with_extension("new")).unwrap();
        let error = rotate(&path, &ring, &entropy).unwrap_err().to_string();
        assert!(error.contains("cannot be replaced"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_credential_of_systemd_is_known_by_its_place_and_a_link_stays_one() {
        assert!(is_credential(Path::new("/run/credentials/sidegate.service/store.key")));
        assert!(!is_credential(Path::new("/var/lib/sidegate/store.key")));
        let (folder, entropy) = (tempfile::tempdir().unwrap(), Entropy::system());
        let (path, link) = (folder.path().join("store.key"), folder.path().join("link.key"));
        let ring = load(&path, &entropy).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let ring = rotate(&link, &ring, &entropy).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(ids(&load(&path, &entropy).unwrap()), ids(&ring));
    }
}
