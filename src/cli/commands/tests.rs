//! The list of commands is consistent, explained, and its examples are right.

use super::*;
use clap::CommandFactory;
use clap::error::ErrorKind;

fn parse(line: &[&str]) -> Result<Cli, ErrorKind> {
    Cli::try_parse_from([&["sidegate"], line].concat()).map_err(|error| error.kind())
}

#[test]
fn the_list_is_consistent() {
    Cli::command().debug_assert();
}

fn check_help(command: &clap::Command, leaves: &mut usize) {
    let name = command.get_name();
    assert!(command.get_about().is_some(), "{name} says what it does");
    for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
        assert!(argument.get_help().is_some(), "{name} explains {}", argument.get_id());
    }
    if command.has_subcommands() {
        command.get_subcommands().for_each(|command| check_help(command, leaves));
    } else {
        *leaves += 1;
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("sidegate "), "{name} has an example");
    }
}

#[test]
fn every_command_is_explained_with_an_example() {
    let mut leaves = 0;
    check_help(&Cli::command(), &mut leaves);
    assert_eq!(leaves, 42);
}

/// Takes `a "b c" d` apart.
fn words(line: &str) -> Vec<String> {
    let cut = |(n, part): (usize, &str)| match n % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    };
    line.split('"').enumerate().flat_map(cut).collect()
}

fn check_examples(command: &clap::Command, seen: &mut usize) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for line in help.lines().filter_map(|line| line.strip_prefix("  sidegate ")) {
        let line = line.split(['|', '<', '>']).next().unwrap_or_default();
        let words = words(line);
        let parsed = parse(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
        *seen += 1;
    }
    command.get_subcommands().for_each(|command| check_examples(command, seen));
}

#[test]
fn every_example_is_right() {
    let mut seen = 0;
    check_examples(&Cli::command(), &mut seen);
    assert!(seen > 26, "{seen}");
}

/// What README and the manual show can be typed.
#[test]
fn every_command_of_the_documents_is_right() {
    let mut seen = 0;
    for text in [include_str!("../../../README.md"), include_str!("../../../conf/man/sidegate.7")] {
        let lines =
            text.lines().map(|line| line.split(['#', '|', '<', '>']).next().unwrap_or_default().trim());
        for line in lines.filter_map(|line| line.strip_prefix("sidegate ")) {
            let words = words(line);
            let parsed = parse(&words.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn exactly_one_way_to_say_which_password() {
    let revoke = ["password", "revoke", "ann@example.org"];
    let with = |rest: &[&str]| parse(&[&revoke, rest].concat()).map(|_| ());
    assert_eq!(with(&["3"]), Ok(()));
    assert_eq!(with(&["--name", "Phone"]), Ok(()));
    assert_eq!(with(&["--all"]), Ok(()));
    assert_eq!(with(&[]), Err(ErrorKind::MissingRequiredArgument));
    assert_eq!(with(&["3", "--all"]), Err(ErrorKind::ArgumentConflict));
    assert_eq!(with(&["--name", "Phone", "--all"]), Err(ErrorKind::ArgumentConflict));
    assert_eq!(with(&["three"]), Err(ErrorKind::ValueValidation));
}

#[test]
fn values_are_read_at_the_door() {
    assert_eq!(seconds("90d"), Ok(7_776_000));
    for wrong in ["0s", "500ms", "90", "5000000000s", ""] {
        assert!(seconds(wrong).is_err(), "{wrong}");
    }
    assert_eq!(network("192.0.2.0/24").map(|net| net.to_string()), Ok("192.0.2.0/24".into()));
    assert_eq!(network("192.0.2.7").map(|net| net.to_string()), Ok("192.0.2.7/32".into()));
    assert!(network("here").is_err());
    let kinds = |kinds| parse(&["events", "--kind", kinds]).map(|_| ());
    assert_eq!(kinds("login,block-added"), Ok(()));
    for wrong in ["blok-added", "login,", ""] {
        assert_eq!(kinds(wrong), Err(ErrorKind::InvalidValue), "{wrong}");
    }
    let limit = |n| parse(&["events", "--limit", n]).map(|_| ());
    assert_eq!(limit("10000"), Ok(()));
    assert_eq!(limit("10001"), Err(ErrorKind::ValueValidation));
    assert_eq!(limit("0"), Err(ErrorKind::ValueValidation));
    assert_eq!(parse(&["account", "show", ""]).err(), Some(ErrorKind::InvalidValue));
}

#[test]
fn global_options_stand_anywhere() {
    let cli = parse(&["block", "list", "--json", "--socket", "/x"]).unwrap();
    assert!(cli.json && cli.socket == std::path::Path::new("/x"));
}
