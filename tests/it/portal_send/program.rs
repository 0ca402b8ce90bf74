//! The command: what it is given, what its end means, and that it ends.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use sidegate::portal::send::SendError;
use sidegate::portal::send::command::{Command, CommandSettings};

use super::{CODE, IMPATIENT, PATIENT, harmless, refused, text};

/// Runs these lines by the shell, which the test asks for itself.
async fn run(folder: &Path, lines: &str, timeout: Duration) -> Result<(), SendError> {
    let script = folder.join("script");
    fs::write(&script, lines).unwrap();
    let arguments = vec![script.display().to_string(), "$HOME; an argument".into()];
    let settings = CommandSettings { program: "/bin/sh".into(), arguments, timeout };
    Command::new(&settings).unwrap().send(&text()).await
}

#[tokio::test]
async fn the_code_stands_on_the_standard_input_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let lines = format!("cat > {place}/in\n/usr/bin/env > {place}/env\nprintf %s \"$1\" > {place}/argument");
    assert_eq!(run(folder.path(), &lines, PATIENT).await, Ok(()));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("in"), format!("{CODE}\n"));
    assert_eq!(read("argument"), "$HOME; an argument", "no shell looks at it");
    let variables = read("env");
    for line in [
        "SIDEGATE_PHONE=+8613812345678",
        "SIDEGATE_MINUTES=5",
        "SIDEGATE_LOCALE=zh-CN",
        "SIDEGATE_TEMPLATE=SMS_154950909",
        "SIDEGATE_REQUEST_ID=r-7",
    ] {
        assert!(variables.lines().any(|found| found == line), "{line} in {variables}");
    }
    // The shell adds PWD, SHLVL and _ by itself.
    let ours = ["SIDEGATE_", "PATH=", "PWD=", "SHLVL=", "_=", "OLDPWD="];
    assert!(variables.lines().all(|line| ours.iter().any(|ours| line.starts_with(ours))), "{variables}");
    assert!(!variables.contains(CODE));
}

#[tokio::test]
async fn its_status_is_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |lines: &str| run(folder.path(), lines, PATIENT).await;
    assert_eq!(run("exit 0").await, Ok(()), "it need not read");
    let told = format!("echo \"no $SIDEGATE_PHONE {CODE}\" >&2; exit 3");
    assert_eq!(refused(run(&told).await.unwrap_err()), "status-3");
    assert_eq!(refused(run("kill -9 $$").await.unwrap_err()), "killed");
    for status in [69, 75] {
        let error = harmless(run(&format!("exit {status}")).await.unwrap_err());
        assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
    }
    let none = CommandSettings { program: "/nonexistent/sms".into(), ..CommandSettings::default() };
    let error = harmless(Command::new(&none).unwrap().send(&text()).await.unwrap_err());
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn who_does_not_end_is_killed_with_all_that_he_started() {
    let folder = tempfile::tempdir().unwrap();
    let slow = run(folder.path(), "exec sleep 1000", IMPATIENT).await;
    assert_eq!(slow.map_err(harmless), Err(SendError::Timeout(IMPATIENT)));
    let place = folder.path().join("pid");
    let lines = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}\nwait", place.display());
    let path = folder.path().to_owned();
    let sending = tokio::spawn(async move { run(&path, &lines, PATIENT).await });
    within_patience(|| place.exists()).await;
    let started = Pid::from_raw(fs::read_to_string(place).unwrap().trim().parse().unwrap());
    assert!(kill(started, None).is_ok());
    // As the end of its time does it.
    sending.abort();
    within_patience(|| kill(started, None).is_err() || zombie(started)).await;
}

async fn within_patience(seen: impl Fn() -> bool) {
    let wait = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENT, wait).await.unwrap();
}

/// Whether it has ended and only waits to be asked for.
fn zombie(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
