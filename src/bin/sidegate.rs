//! The administrator's command line.

fn main() -> std::process::ExitCode {
    sidegate::cli::main()
}
