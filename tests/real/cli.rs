//! The command line `sidegate`, as an administrator types it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Calls the built `sidegate` on one daemon's control socket.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) socket: PathBuf,
}

/// What a call left behind.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cli {
    /// Runs `sidegate --socket … ARGS`.
    pub(crate) fn call(&self, args: &[&str]) -> Called {
        let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .arg("--socket")
            .arg(&self.socket)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("sidegate can be started");
        Called {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed and returns what it printed.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let called = self.call(args);
        assert_eq!(called.code, Some(0), "sidegate {}: {called:?}", args.join(" "));
        called.stdout
    }

    /// Runs a command with `--json` that must succeed, and reads what it printed: one document, or one on each line.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend_from_slice(args);
        let text = self.done(&all);
        let documents: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        let mut documents = documents.unwrap_or_else(|e| panic!("{args:?} printed {text:?}: {e}"));
        match documents.len() {
            1 => documents.remove(0),
            _ => Value::Array(documents),
        }
    }

    /// Whether a daemon answers.
    pub(crate) fn answers(&self) -> bool {
        self.call(&["status"]).code == Some(0)
    }
}

/// Whether `text` is a string value anywhere in a JSON document.
pub(crate) fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(s) => s == text,
        Value::Array(items) => items.iter().any(|v| mentions(v, text)),
        Value::Object(fields) => fields.values().any(|v| mentions(v, text)),
        _ => false,
    }
}

/// How many logins in the answer of `sidegate --json events` came from `address` and ended for `reason`.
pub(crate) fn logins(value: &Value, address: &str, reason: &str) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(|v| logins(v, address, reason)).sum(),
        Value::Object(fields) if fields.contains_key("kind") => {
            let is = |name: &str, wanted: &str| fields.get(name).is_some_and(|v| v == wanted);
            let meant = is("kind", "login") && is("address", address) && is("reason", reason);
            // Refusals of a blocked address are summed up.
            if meant { fields.get("count").and_then(Value::as_u64).unwrap_or(1) } else { 0 }
        }
        Value::Object(fields) => fields.values().map(|v| logins(v, address, reason)).sum(),
        _ => 0,
    }
}
