//! The store key: 32 random bytes in a file of their own, outside the database.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::gate::key::{KEY_BYTES, StoreKey};

/// Why there is no store key, with the cure.
#[derive(Debug, thiserror::Error)]
#[error("store key {path}: {problem}")]
pub struct KeyFileError {
    path: String,
    problem: String,
}

/// Reads the key; makes it when the file is missing.
///
/// # Errors
/// The file cannot be read or made, has another length, or others may read it.
pub fn load(path: &Path, entropy: &Entropy) -> Result<StoreKey, KeyFileError> {
    let fail = |problem: String| KeyFileError { path: path.display().to_string(), problem };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path, entropy).map_err(|error| fail(format!("cannot be made: {error}")))?
        }
        Err(error) => return Err(fail(format!("cannot be opened: {error}"))),
    };
    let about = file.metadata().map_err(|error| fail(error.to_string()))?;
    if about.mode() & 0o077 != 0 {
        let mode = about.mode() & 0o777;
        return Err(fail(format!(
            "others may read it (mode {mode:04o}); run: chmod 0600 {}",
            path.display()
        )));
    }
    if about.len() != KEY_BYTES as u64 {
        return Err(fail(format!(
            "has {} bytes instead of {KEY_BYTES}; restore it from your backup. Without the old key, remove \
             the file: a new one is made, and logins go on, each slower once",
            about.len()
        )));
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    file.read_exact(&mut key[..]).map_err(|error| fail(format!("cannot be read: {error}")))?;
    Ok(StoreKey::new(&key))
}

/// Writes a new key aside and puts it in place whole, so that no half key is ever found.
fn make(path: &Path, entropy: &Entropy) -> std::io::Result<File> {
    let aside = path.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let key = Zeroizing::new(entropy.bytes::<KEY_BYTES>());
    file.write_all(&key[..])?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    File::open(path)
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
        assert_eq!(load(&path, &Entropy::system()).unwrap().id(), made.id());
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
        for length in [0, KEY_BYTES - 1, KEY_BYTES + 1] {
            fs::write(&path, vec![1; length]).unwrap();
            let error = load(&path, &Entropy::system()).unwrap_err().to_string();
            assert!(error.contains(&format!("has {length} bytes")), "{error}");
        }
    }
}
