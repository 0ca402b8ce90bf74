//! Files with keys and passwords: taken as they are, or refused without a word of what is in them.
#![no_main]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sidegate::entropy::Entropy;
use sidegate::gate::key::{KEY_BYTES, KEYS_MAX, StoreKey};
use sidegate::secret_file;
use sidegate::store::key_file;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    for name in ["key", "other"] {
        fs::write(folder.path().join(name), "").expect("a file");
        fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o600)).expect("its mode");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("key");
    fs::write(&path, bytes).expect("a file");
    match key_file::load(&path, &Entropy::from_seed(1)) {
        Ok(ring) => {
            let (keys, rest) = bytes.as_chunks::<KEY_BYTES>();
            assert!(rest.is_empty() && (1..=KEYS_MAX).contains(&keys.len()));
            assert!(ring.ids().eq(keys.iter().map(|key| StoreKey::new(key).id())));
            assert!(key_file::check(&path, &ring).is_ok());
        }
        Err(error) => {
            let fits = bytes.len().is_multiple_of(KEY_BYTES) && bytes.len() <= KEYS_MAX * KEY_BYTES;
            assert!(bytes.is_empty() || !fits, "{error}");
        }
    }
    let other = FOLDER.path().join("other");
    for read in [secret_file::key, secret_file::password] {
        let text = std::str::from_utf8(bytes).map(str::trim);
        match read(&path, "a.setting") {
            Ok(secret) => assert_eq!(text.map(str::as_bytes), Ok(secret.reveal())),
            Err(error) => {
                let nothing = read(&other, "a.setting").expect_err("there is nothing in it").to_string();
                assert_eq!(
                    error.to_string().replace("/key: ", "/other: "),
                    nothing,
                    "it tells what is in it"
                );
            }
        }
    }
});
