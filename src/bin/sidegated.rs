//! The daemon.

fn main() -> std::process::ExitCode {
    sidegate::daemon::main()
}
