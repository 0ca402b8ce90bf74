//! The texts of the configuration: the main file, then `conf.d/*.toml` beside it, or `portal.d/*.toml` for the portal.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Source;
use super::complaint::{Complaint, ConfigError, Fault};

/// The largest file: a thousand times the shipped one, and still nothing for the memory.
pub(super) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The most files in the folder beside it.
pub(super) const CONF_D_FILES_MAX: usize = 100;

/// Reads the file and those in the folder of that name beside it, or tells everything that keeps them from being read.
pub(super) fn read(path: &Path, folder: &str) -> Result<Vec<Source>, ConfigError> {
    let mut paths = vec![path.to_owned()];
    let mut complaints = Vec::new();
    match additions(&path.with_file_name(folder)) {
        Ok(more) => paths.extend(more),
        Err(complaint) => complaints.push(complaint),
    }
    let mut sources = Vec::new();
    for path in &paths {
        match text(path) {
            Ok(text) => sources.push(Source { name: path.display().to_string(), text }),
            Err(fault) => complaints.push(about(path, fault)),
        }
    }
    if complaints.is_empty() { Ok(sources) } else { Err(ConfigError { complaints }) }
}

/// The files in a folder in name order; hidden ones are an editor's. A missing folder is an empty one.
fn additions(folder: &Path) -> Result<Vec<PathBuf>, Complaint> {
    let mut paths = match list(folder) {
        Ok(paths) => paths,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(about(folder, unreadable(&error))),
    };
    if paths.len() > CONF_D_FILES_MAX {
        let problem = format!("holds {} files, more than {CONF_D_FILES_MAX}", paths.len());
        let fault = Fault::new(problem, "join some, or rename those that do not end in .toml on purpose");
        return Err(about(folder, fault));
    }
    paths.sort();
    Ok(paths)
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension() == Some(OsStr::new("toml")) && !hidden {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// What stands in one file. Reading stops past the limit, so that `/dev/zero` ends too.
fn text(path: &Path) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Fault::new(
            format!("is larger than {FILE_BYTES_MAX} bytes"),
            "check that it is the configuration",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Fault::new(format!("line {line} is not UTF-8"), "save the file as UTF-8")
    })
}

fn unreadable(error: &io::Error) -> Fault {
    let cure = match error.kind() {
        ErrorKind::NotFound => "check the path; the option --config names another file",
        ErrorKind::PermissionDenied => "let the daemon's user read it, and enter every folder above it",
        _ => "check that it is a file, and the disk behind it",
    };
    Fault::new(format!("cannot be read: {error}"), cure)
}

fn about(path: &Path, fault: Fault) -> Complaint {
    Complaint { file: path.display().to_string(), position: None, key: String::new(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The complaint about a main file with this content.
    fn complaint(content: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sidegate.toml");
        fs::write(&path, content).unwrap();
        let error = read(&path, "conf.d").err()?;
        Some(error.complaints[0].fault.problem.clone())
    }

    #[test]
    fn a_file_has_a_largest_size() {
        let full = vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap()];
        assert_eq!(complaint(&full), None);
        let over = [full, vec![b'#']].concat();
        assert_eq!(complaint(&over).unwrap(), "is larger than 1048576 bytes");
    }

    #[test]
    fn a_file_is_utf_8() {
        assert_eq!(complaint("# Grüße".as_bytes()), None);
        assert_eq!(complaint(b"#\n#\n# Gr\xfc\xdfe").unwrap(), "line 3 is not UTF-8");
    }

    #[test]
    fn conf_d_is_read_in_name_order_without_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sidegate.toml");
        let conf_d = folder.path().join("conf.d");
        fs::create_dir(&conf_d).unwrap();
        fs::write(&path, "# main").unwrap();
        for name in ["20.toml", "10.toml", "30.toml~", ".40.toml", "README"] {
            fs::write(conf_d.join(name), name).unwrap();
        }
        let texts: Vec<String> =
            read(&path, "conf.d").unwrap().into_iter().map(|source| source.text).collect();
        assert_eq!(texts, ["# main", "10.toml", "20.toml"]);
    }

    #[test]
    fn conf_d_has_a_largest_number_of_files() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..CONF_D_FILES_MAX {
            fs::write(folder.path().join(format!("{number}.toml")), "").unwrap();
        }
        assert_eq!(additions(folder.path()).unwrap().len(), CONF_D_FILES_MAX);
        fs::write(folder.path().join("more.toml"), "").unwrap();
        let complaint = additions(folder.path()).unwrap_err();
        assert_eq!(complaint.fault.problem, "holds 101 files, more than 100");
    }

    #[test]
    fn every_unreadable_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("conf.d/10.toml")).unwrap();
        let error = read(&folder.path().join("sidegate.toml"), "conf.d").unwrap_err();
        let problems: Vec<&str> = error.complaints.iter().map(|c| c.fault.problem.as_str()).collect();
        assert!(problems[0].contains("No such file"), "{problems:?}");
        assert!(problems[1].contains("Is a directory"), "{problems:?}");
    }
}
