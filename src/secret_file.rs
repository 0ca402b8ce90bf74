//! Secrets that stand in files of their own: shared keys and passwords of one line.
//!
//! Not everybody may be able to read such a file. What it holds is in no error.

use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::gate::secret::Secret;

/// The longest shared key, and the shortest that is worth the name.
const KEY_BYTES: RangeInclusive<usize> = 16..=1024;
/// Passwords are as long as somebody else made them.
const PASSWORD_BYTES: RangeInclusive<usize> = 1..=1024;

/// Where systemd says what it passes.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why a secret cannot be used, with the cure.
#[derive(Debug, thiserror::Error)]
#[error("{path}: `{setting}`: {problem}")]
pub struct SecretFileError {
    path: PathBuf,
    setting: &'static str,
    problem: String,
}

/// Reads a key that two programs share.
///
/// # Errors
/// The file cannot be read, everybody may read it, or what stands in it is no key.
pub fn key(path: &Path, setting: &'static str) -> Result<Secret, SecretFileError> {
    let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
    let cure = format!(
        "holds no secret of {least} to {most} letters and digits in one line; make one with: openssl rand -hex 24"
    );
    read(path, setting, KEY_BYTES, |key| key.bytes().all(|byte| byte.is_ascii_graphic()), cure)
}

/// Reads a password that another program wants from us.
///
/// # Errors
/// The file cannot be read, everybody may read it, or it is not one line of text.
pub fn password(path: &Path, setting: &'static str) -> Result<Secret, SecretFileError> {
    let cure = format!("holds no password; write it in one line of at most {} bytes", PASSWORD_BYTES.end());
    read(path, setting, PASSWORD_BYTES, |password| !password.contains(char::is_control), cure)
}

/// A bare name is that of a credential, which systemd passes in a folder of its own (systemd.exec(5), `LoadCredential=`).
fn place(path: &Path, credentials: Option<PathBuf>) -> PathBuf {
    match credentials {
        Some(folder) if path.is_relative() => folder.join(path),
        _ => path.to_owned(),
    }
}

fn read(
    path: &Path,
    setting: &'static str,
    bytes: RangeInclusive<usize>,
    fits: impl Fn(&str) -> bool,
    cure: String,
) -> Result<Secret, SecretFileError> {
    let path = &place(path, std::env::var_os(CREDENTIALS).map(PathBuf::from));
    let fail = |problem: String| SecretFileError { path: path.to_owned(), setting, problem };
    let system = |error: io::Error| fail(format!("cannot be read: {error}"));
    let file = File::open(path).map_err(system)?;
    let mode = file.metadata().map_err(system)?.mode() & 0o777;
    if mode & 0o007 != 0 {
        let problem = format!("everybody may use it (mode {mode:04o}); run: chmod o= {}", path.display());
        return Err(fail(problem));
    }
    // The longest, and the end of its line.
    let most = *bytes.end() + 2;
    let mut text = Zeroizing::new(Vec::new());
    file.take(most as u64 + 1).read_to_end(&mut text).map_err(system)?;
    match std::str::from_utf8(&text).map(str::trim) {
        Ok(_) if text.len() > most => Err(fail(cure)),
        Ok(secret) if bytes.contains(&secret.len()) && fits(secret) => Ok(Secret::new(secret)),
        _ => Err(fail(cure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// What is found in a file with this text and mode.
    fn found(
        read: impl Fn(&Path, &'static str) -> Result<Secret, SecretFileError>,
        text: &[u8],
        mode: u32,
    ) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        read(&path, "x_file").map(|secret| secret.reveal().to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_file_is_for_few_eyes_and_holds_one_line() {
        let secret = "0123456789abcdef";
        assert_eq!(found(key, format!("{secret}\n").as_bytes(), 0o640), Ok(secret.into()));
        let error = found(key, secret.as_bytes(), 0o644).unwrap_err();
        assert!(error.contains("chmod o=") && error.contains("`x_file`"), "{error}");
        for bad in ["", "short", "0123456789abcdef 0123", &"x".repeat(KEY_BYTES.end() + 1)] {
            assert!(found(key, bad.as_bytes(), 0o600).unwrap_err().contains("openssl rand"), "{bad}");
        }
        assert!(key(Path::new("/missing"), "x_file").is_err());
    }

    #[test]
    fn a_bare_name_is_a_credential() {
        let folder = || Some(PathBuf::from("/run/credentials/x"));
        assert_eq!(place(Path::new("sms.secret"), folder()), Path::new("/run/credentials/x/sms.secret"));
        assert_eq!(place(Path::new("/etc/sms.secret"), folder()), Path::new("/etc/sms.secret"));
        assert_eq!(place(Path::new("sms.secret"), None), Path::new("sms.secret"));
    }

    #[test]
    fn a_password_is_one_line_of_text_and_in_no_error() {
        assert_eq!(found(password, "pass wörd\r\n".as_bytes(), 0o600), Ok("pass wörd".into()));
        let longest = "x".repeat(*PASSWORD_BYTES.end());
        assert_eq!(found(password, longest.as_bytes(), 0o600), Ok(longest.clone().into()));
        // Cut off, the last one would fit.
        for bad in ["", " \n", "hunter2\nhunter2", &format!("{longest}x"), &format!("   {longest}x")] {
            let error = found(password, bad.as_bytes(), 0o600).unwrap_err();
            assert!(error.contains("one line") && !error.contains("hunter2"), "{error}");
        }
        assert!(found(password, b"\xff", 0o600).is_err());
    }
}
