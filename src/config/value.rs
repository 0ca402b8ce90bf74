//! One value becomes what a setting takes, or a fault with its cure.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::complaint::Fault;
use super::tree::{Node, Place, Value};
use super::{Choice, Command, Peer, duration, text};

/// A value, or everything that is wrong with it, each with its place. Broken values are wrong without a word.
pub(super) type Parsed<T> = Result<T, Vec<(Place, Fault)>>;

/// The value is of a kind that the setting does not take.
fn wrong_kind<T>(node: &Node, wanted: &str, cure: &str) -> Parsed<T> {
    match node.value {
        Value::Broken => Err(Vec::new()),
        _ => at(node, Err(Fault::new(format!("must be {wanted}, not {}", node.kind()), cure))),
    }
}

/// Gives a fault its place.
fn at<T>(node: &Node, result: Result<T, Fault>) -> Parsed<T> {
    result.map_err(|fault| vec![(node.place, fault)])
}

/// A value outside its range.
fn in_range<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) -> Result<T, Fault> {
    let (least, most) = (show(range.start()), show(range.end()));
    let problem = if value < *range.start() {
        format!("{} is below the least, {least}", show(&value))
    } else if value > *range.end() {
        format!("{} is above the most, {most}", show(&value))
    } else {
        return Ok(value);
    };
    Err(Fault::new(problem, format!("choose from {least} to {most}")))
}

/// A whole number.
pub(super) fn number<T: TryFrom<i128>>(range: RangeInclusive<u32>) -> impl Fn(&Node) -> Parsed<T> {
    let wide = i128::from(*range.start())..=i128::from(*range.end());
    let cure = format!("choose from {} to {}", wide.start(), wide.end());
    move |node| match &node.value {
        Value::Number(number) => {
            let fits = in_range(*number, &wide, i128::to_string).and_then(|number| {
                let too_wide = |_| Fault::new(format!("{number} does not fit"), &cure);
                T::try_from(number).map_err(too_wide)
            });
            at(node, fits)
        }
        Value::Text(text) if text.parse::<i128>().is_ok() => {
            wrong_kind(node, "a number", &format!("write {text} without quotes"))
        }
        _ => wrong_kind(node, "a number", &cure),
    }
}

/// True or false.
pub(super) fn truth(node: &Node) -> Parsed<bool> {
    match &node.value {
        Value::Truth(truth) => Ok(*truth),
        _ => wrong_kind(node, "true or false", "write true or false, without quotes"),
    }
}

/// A program and its arguments.
pub(super) fn command(node: &Node) -> Parsed<Command> {
    let words = list(line(|word| Ok(word.to_owned())))(node)?;
    let Some((program, arguments)) = words.split_first() else {
        let cure = "write [\"/usr/local/bin/notify\"], or take the line out";
        return at(node, Err(Fault::new("names no program", cure)));
    };
    let program = at(node, text::path(program))?;
    Ok(Command { program, arguments: arguments.to_vec() })
}

/// One of the words of a choice.
pub(super) fn word<C: Choice>(node: &Node) -> Parsed<C> {
    let words: Vec<String> = C::WORDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let cure = format!("write {}", words.join(" or "));
    let Value::Text(text) = &node.value else {
        return wrong_kind(node, "text", &cure);
    };
    let choice = C::WORDS.iter().find(|(word, _)| word == text);
    let choice = choice.map(|(_, choice)| *choice);
    at(node, choice.ok_or_else(|| Fault::new(format!("\"{text}\" is no choice"), cure)))
}

/// Text that `parse` makes something of. No setting takes empty text or more than a line.
pub(super) fn line<T>(parse: impl Fn(&str) -> Result<T, Fault>) -> impl Fn(&Node) -> Parsed<T> {
    move |node| match &node.value {
        Value::Text(text) => at(node, one_line(text).and_then(&parse)),
        _ => wrong_kind(node, "text", "put it between double quotes"),
    }
}

fn one_line(text: &str) -> Result<&str, Fault> {
    if text.trim().is_empty() {
        Err(Fault::new("is empty", "write something, or take the line out"))
    } else if text.contains(char::is_control) {
        Err(Fault::new("has a line break or control character", "write it in one line"))
    } else {
        Ok(text)
    }
}

/// Every entry of a list.
pub(super) fn list<T>(parse: impl Fn(&Node) -> Parsed<T>) -> impl Fn(&Node) -> Parsed<Vec<T>> {
    move |node| {
        let Value::List(entries) = &node.value else {
            return wrong_kind(node, "a list", "put it between square brackets");
        };
        let (mut values, mut faults, mut broken) = (Vec::new(), Vec::new(), false);
        for entry in entries {
            match parse(entry) {
                Ok(value) => values.push(value),
                Err(more) => {
                    broken = true;
                    faults.extend(more);
                }
            }
        }
        if broken { Err(faults) } else { Ok(values) }
    }
}

/// A duration between two others.
pub(super) fn time(range: RangeInclusive<Duration>) -> impl Fn(&Node) -> Parsed<Duration> {
    move |node| match &node.value {
        Value::Number(number) => at(node, Err(duration::no_unit(number))),
        Value::Text(text) => {
            let parsed = one_line(text).and_then(duration::parse);
            at(node, parsed.and_then(|time| in_range(time, &range, |time| duration::show(*time))))
        }
        _ => wrong_kind(node, "a duration", duration::FORM),
    }
}

/// The permissions of a socket: a zero and three octal digits.
pub(super) fn mode(node: &Node) -> Parsed<u32> {
    const CURE: &str = "write four octal digits as text, such as \"0660\"";
    let Value::Text(text) = &node.value else {
        return wrong_kind(node, "text", CURE);
    };
    let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = (octal && text.len() == 4 && text.starts_with('0'))
        .then(|| u32::from_str_radix(text, 8).ok())
        .flatten();
    let fault = || Fault::new(format!("\"{text}\" is no mode of a socket"), CURE);
    at(node, mode.ok_or_else(fault))
}

/// A user, by name or number.
pub(super) fn peer(node: &Node) -> Parsed<Peer> {
    match &node.value {
        Value::Number(_) => number(0..=u32::MAX - 1)(node).map(Peer::Uid),
        Value::Text(name) if name.parse::<u32>().is_ok() => {
            let cure = format!("write {name} without quotes");
            at(node, Err(Fault::new(format!("\"{name}\" is a number, not a name"), cure)))
        }
        Value::Text(_) => line(text::name)(node).map(Peer::Name),
        _ => wrong_kind(node, "a user", "write its name between quotes, or its number without"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Level, syntax};
    use super::*;

    /// What a parser makes of a value: the value, or its faults in one line each.
    fn parsed<T: std::fmt::Debug>(parse: impl Fn(&Node) -> Parsed<T>, toml: &str) -> String {
        let part = syntax::parse(0, &format!("x = {toml}"));
        match parse(&part.table["x"]) {
            Ok(value) => format!("{value:?}"),
            Err(faults) => {
                let line = |(place, fault): (Place, Fault)| format!("{} {fault}", place.position);
                faults.into_iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[track_caller]
    fn check<T: std::fmt::Debug>(parse: impl Fn(&Node) -> Parsed<T>, toml: &str, expected: &str) {
        assert_eq!(parsed(parse, toml), expected, "{toml}");
    }

    #[test]
    fn numbers_have_a_range() {
        let small = || number::<u8>(1..=10);
        check(small(), "1", "1");
        check(small(), "10", "10");
        check(small(), "0x0a", "10");
        check(small(), "0", "1:5 0 is below the least, 1; choose from 1 to 10");
        check(small(), "11", "1:5 11 is above the most, 10; choose from 1 to 10");
        check(small(), "-1", "1:5 -1 is below the least, 1; choose from 1 to 10");
        check(small(), "\"7\"", "1:5 must be a number, not text; write 7 without quotes");
        check(small(), "1.5", "1:5 must be a number, not a fraction; choose from 1 to 10");
        check(small(), "true", "1:5 must be a number, not true or false; choose from 1 to 10");
    }

    #[test]
    fn a_number_too_wide_for_its_type_is_refused() {
        check(number::<u8>(1..=1000), "300", "1:5 300 does not fit; choose from 1 to 1000");
    }

    #[test]
    fn choices_are_words() {
        const CURE: &str = "write \"error\" or \"warn\" or \"info\" or \"debug\" or \"trace\"";
        check(word::<Level>, "\"warn\"", "Warn");
        check(word::<Level>, "\"warning\"", &format!("1:5 \"warning\" is no choice; {CURE}"));
        check(word::<Level>, "3", &format!("1:5 must be text, not a number; {CURE}"));
    }

    #[test]
    fn every_word_names_its_choice() {
        for (word, level) in Level::WORDS {
            assert_eq!(level.word(), *word);
        }
    }

    #[test]
    fn modes_are_octal_text() {
        const CURE: &str = "write four octal digits as text, such as \"0660\"";
        check(mode, "\"0660\"", &0o660.to_string());
        for bits in 0..=0o777 {
            check(mode, &format!("\"{bits:04o}\""), &bits.to_string());
        }
        check(mode, "660", &format!("1:5 must be text, not a number; {CURE}"));
        for wrong in ["0680", "660", "066", "4660", "00660", "", "rw-", "+660", "0o660"] {
            check(mode, &format!("\"{wrong}\""), &format!("1:5 \"{wrong}\" is no mode of a socket; {CURE}"));
        }
    }

    #[test]
    fn durations_have_a_unit_and_a_range() {
        let short = || time(Duration::from_secs(1)..=Duration::from_secs(3600));
        check(short(), "\"90s\"", "90s");
        check(short(), "\"1h\"", "3600s");
        check(short(), "\"999ms\"", "1:5 999ms is below the least, 1s; choose from 1s to 1h");
        check(short(), "\"1d\"", "1:5 1d is above the most, 1h; choose from 1s to 1h");
        check(
            short(),
            "90",
            "1:5 90 has no unit; write \"90s\" for seconds; the units are ms, s, m, h and d",
        );
    }

    #[test]
    fn users_have_a_name_or_a_number() {
        check(peer, "\"dovenull\"", "Name(\"dovenull\")");
        check(peer, "0", "Uid(0)");
        check(peer, "4294967294", "Uid(4294967294)");
        check(peer, "\"111\"", "1:5 \"111\" is a number, not a name; write 111 without quotes");
        check(
            peer,
            "4294967295",
            "1:5 4294967295 is above the most, 4294967294; choose from 0 to 4294967294",
        );
        check(peer, "\" \"", "1:5 is empty; write something, or take the line out");
    }

    #[test]
    fn truth_is_written_without_quotes() {
        const CURE: &str = "write true or false, without quotes";
        check(truth, "true", "true");
        check(truth, "false", "false");
        check(truth, "\"yes\"", &format!("1:5 must be true or false, not text; {CURE}"));
        check(truth, "1", &format!("1:5 must be true or false, not a number; {CURE}"));
    }

    #[test]
    fn a_command_is_a_whole_path_and_arguments() {
        check(command, "['/bin/a', '-b c']", "Command { program: \"/bin/a\", arguments: [\"-b c\"] }");
        check(command, "['a']", "1:5 \"a\" is no whole path; write it from the first / on");
        check(command, "[]", "1:5 names no program; write [\"/usr/local/bin/notify\"], or take the line out");
        check(command, "'/bin/a'", "1:5 must be a list, not text; put it between square brackets");
    }

    #[test]
    fn every_wrong_entry_of_a_list_is_told() {
        check(list(number::<u8>(1..=9)), "[]", "[]");
        check(list(number::<u8>(1..=9)), "[1, 2]", "[1, 2]");
        check(
            list(number::<u8>(1..=9)),
            "[0, 2, 10]",
            "1:6 0 is below the least, 1; choose from 1 to 9\n1:12 10 is above the most, 9; choose from 1 to 9",
        );
        check(
            list(number::<u8>(1..=9)),
            "1",
            "1:5 must be a list, not a number; put it between square brackets",
        );
    }

    #[test]
    fn text_is_one_line_and_not_empty() {
        let any = || line(|text| Ok(text.to_owned()));
        check(any(), "\"a\"", "\"a\"");
        check(any(), "\"a\\nb\"", "1:5 has a line break or control character; write it in one line");
        check(any(), "\"\"", "1:5 is empty; write something, or take the line out");
        check(any(), "1", "1:5 must be text, not a number; put it between double quotes");
    }

    #[test]
    fn a_broken_value_is_not_told_twice() {
        check(number::<u8>(1..=9), "yes", "");
        check(word::<Level>, "yes", "");
        check(list(word::<Level>), "[yes]", "");
        check(mode, "0660", "");
        check(peer, "yes", "");
    }
}
