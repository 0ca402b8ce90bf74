//! `sidegate config check`: what the daemon would say about a configuration, without a daemon.

use std::path::Path;

use serde_json::{Value, json};

use super::output::Out;
use super::{Failure, note};
use crate::config::{Complaint, Config};

/// `sidegate config check`
pub(super) fn check(file: &Path, out: &mut Out) -> Result<(), Failure> {
    let error = match Config::load(file) {
        Ok(config) if out.style.json => {
            let remarks = config.remarks();
            let remarks: Vec<Value> =
                remarks.iter().map(|one| json!({ "problem": one.problem, "cure": one.cure })).collect();
            return out.value(&json!({ "complaints": [], "remarks": remarks }));
        }
        Ok(config) => {
            config.remarks().iter().try_for_each(|remark| out.line(&format!("remark: {remark}")))?;
            return out.line(&format!("{}: no mistakes", file.display()));
        }
        Err(error) => error,
    };
    if out.style.json {
        let complaints: Vec<Value> = error.complaints.iter().map(complaint).collect();
        out.value(&json!({ "complaints": complaints }))?;
    } else {
        note(&error.to_string());
    }
    Err(Failure::Told)
}

fn complaint(complaint: &Complaint) -> Value {
    json!({
        "file": complaint.file,
        "line": complaint.position.map(|position| position.line),
        "column": complaint.position.map(|position| position.column),
        "key": complaint.key,
        "problem": complaint.fault.problem,
        "cure": complaint.fault.cure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::sink;

    fn checked(text: &str, json: bool) -> (Option<u8>, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sidegate.toml");
        std::fs::write(&file, text).unwrap();
        let (mut out, seen) = sink(json);
        let status = check(&file, &mut out).err().map(|failure| failure.status());
        (status, seen.text())
    }

    const GOOD: &str = "[[listen]]\nprotocol = \"auth-client\"\npath = \"/run/sidegate/auth\"\n";

    #[test]
    fn a_good_file_and_a_bad_one() {
        let (status, text) = checked(GOOD, false);
        assert_eq!(status, None);
        assert!(text.ends_with("/sidegate.toml: no mistakes\n"), "{text}");
        assert_eq!(checked("nonsense = 1\n", false), (Some(1), String::new()));
        assert_eq!(checked(GOOD, true), (None, "{\"complaints\":[],\"remarks\":[]}\n".into()));
        let (status, text) = checked(&format!("{GOOD}mode = 7\n"), true);
        assert_eq!(status, Some(1));
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["complaints"][0]["line"], 4);
    }
}
