//! Writes the manual pages and shell completions of all programs, made from what they parse, sidegate.toml(5) and
//! portal.toml(5) from the comments of the files in `conf/`, and sidegate(7) as it stands. Run by `packaging/build.sh`.
//!
//!     cargo run --example manual -- FOLDER
//!
//! With `SOURCE_DATE_EPOCH` in the environment nothing depends on when it runs; without it neither: no page has the date
//! of that day.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use sidegate::cli::commands::Cli;
use sidegate::{daemon, portal};

const SHIPPED: &str = include_str!("../conf/sidegate.toml");
const SHIPPED_PORTAL: &str = include_str!("../conf/portal.toml");
const OVERVIEW: &str = include_str!("../conf/man/sidegate.7");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: manual FOLDER")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    for (mut command, names) in [
        (Cli::command(), ["sidegate.bash", "_sidegate", "sidegate.fish"]),
        (daemon::command(), ["sidegated.bash", "_sidegated", "sidegated.fish"]),
        (portal::command(), ["sidegate-portal.bash", "_sidegate-portal", "sidegate-portal.fish"]),
    ] {
        let name = command.get_name().to_owned();
        for (shell, name_in_package) in [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().zip(names) {
            let made = generate_to(shell, &mut command, &name, folder)?;
            fs::rename(made, folder.join(name_in_package))?;
        }
        command.build();
        pages(&command, &name, folder)?;
    }
    fs::write(folder.join("sidegate.toml.5"), settings(&DAEMON))?;
    fs::write(folder.join("portal.toml.5"), settings(&PORTAL))?;
    fs::write(folder.join("sidegate.7"), OVERVIEW)?;
    Ok(())
}

/// The page of a command, and those of the commands below it: `sidegate-password-new(8)`.
fn pages(command: &Command, name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    // clap keeps names for good.
    let title: &'static str = name.to_owned().leak();
    let page = command.clone().name(title).version(None::<&str>);
    let man = Man::new(page)
        .title(name.to_uppercase())
        .section("8")
        .date("")
        .source(format!("Sidegate {}", env!("CARGO_PKG_VERSION")))
        .manual("Sidegate");
    let mut text = Vec::new();
    man.render(&mut text)?;
    fs::write(folder.join(format!("{name}.8")), undated(&String::from_utf8(text)?))?;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        pages(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}

/// The page with a date that is empty and not missing, or the next word would be taken for it.
fn undated(page: &str) -> String {
    page.replacen("  \"Sidegate ", " \"\" \"Sidegate ", 1)
}

/// A page about a file of settings.
struct Settings {
    title: &'static str,
    name: &'static str,
    description: &'static str,
    file: &'static str,
    see: &'static str,
}

const DAEMON: Settings = Settings {
    title: "SIDEGATE.TOML",
    name: "sidegate.toml - settings of sidegated, the side gate of a mail server",
    description: "sidegated reads /etc/sidegate/sidegate.toml, and then conf.d/*.toml beside it in the order of their names; \
                  what comes later wins. \"sidegate config check\" tells every mistake with its line and its cure. Below \
                  is a file that names every setting with its default and its reason.",
    file: SHIPPED,
    see: "sidegate(7), sidegated(8), sidegate(8), portal.toml(5)",
};

const PORTAL: Settings = Settings {
    title: "PORTAL.TOML",
    name: "portal.toml - settings of sidegate-portal, the pages of Sidegate for people",
    description: "sidegate-portal reads /etc/sidegate/portal.toml, and then portal.d/*.toml beside it in the order of their \
                  names; what comes later wins. \"sidegate-portal --check\" tells every mistake with its line and its \
                  cure. What people may do is decided by the daemon and stands in sidegate.toml(5), [portal]. Below is \
                  a file that names every setting with its default and its reason.",
    file: SHIPPED_PORTAL,
    see: "sidegate(7), sidegate-portal(8), sidegate.toml(5)",
};

/// The shipped file as it stands, which explains itself.
fn settings(about: &Settings) -> String {
    let mut roff = Roff::new();
    roff.control("TH", [about.title, "5", "", concat!("Sidegate ", env!("CARGO_PKG_VERSION")), "Sidegate"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(about.name)]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(about.description)]);
    roff.control("SH", ["SETTINGS"]);
    let mut page = roff.to_roff();
    page.push_str(".nf\n");
    for line in about.file.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('"', "\\(dq");
        // A dot in front would be a request.
        let guard = if line.starts_with('.') { "\\&" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{guard}{line}");
    }
    // Writing to a string cannot fail.
    let _ = writeln!(page, ".fi\n.SH SEE ALSO\n{}", about.see);
    undated(&page)
}
