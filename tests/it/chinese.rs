//! Chinese texts: a space stands between Chinese and Latin words or digits, and the words for rights are those that people
//! know.

use std::fs;
use std::path::{Path, PathBuf};

/// What is no text for people.
const EXCEPT: [&str; 2] = ["a-z中", "fffd}"];
/// Variables that are in Chinese themselves where they stand beside it.
const CHINESE_VARIABLES: [&str; 2] = ["{ $provider }", "{limit}"];

fn is_han(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c)
}

/// Where Chinese and Latin touch in a line, or Chinese and a variable.
fn touching(line: &str) -> Option<String> {
    let mut plain = line.replace("\\n", " ").replace("\\r", " ").replace("\\t", " ").replace("\\0", " ");
    for variable in CHINESE_VARIABLES {
        plain = plain.replace(variable, "中");
    }
    let characters: Vec<char> = plain.chars().collect();
    characters.windows(2).enumerate().find_map(|(at, pair)| {
        let latin = |c: char| c.is_ascii_alphanumeric() || c == '{' || c == '}';
        let dated = |c: char| c.is_ascii_digit() || "Ymd".contains(c);
        let date =
            [(0, 1), (1, 0)].iter().any(|(han, other)| "年月日".contains(pair[*han]) && dated(pair[*other]));
        let touch = is_han(pair[0]) && latin(pair[1]) || latin(pair[0]) && is_han(pair[1]);
        let around: String =
            characters[at.saturating_sub(4)..(at + 5).min(characters.len())].iter().collect();
        (touch && !date && !EXCEPT.iter().any(|fine| around.contains(fine))).then_some(around)
    })
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let wanted =
            ["rs", "ftl", "html", "md", "js"].map(Some).contains(&path.extension().and_then(|e| e.to_str()));
        if path.is_dir() {
            files(&path, found);
        } else if wanted {
            found.push(path);
        }
    }
}

/// All that people may be told: pages, notices, messages, the guide.
fn texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["src", "conf/guide"] {
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn a_space_stands_between_chinese_and_latin_words() {
    for wrong in ["设置Foxmail", "iPhone描述文件", "最近7天", "近日Outlook", "设置{ $program }"]
    {
        assert!(touching(wrong).is_some(), "{wrong}");
    }
    for right in ["设置 Foxmail", "2027年1月15日", "请在{ $provider }中确认", "权限：SMTP，端口 25。"]
    {
        assert_eq!(touching(right), None, "{right}");
    }
    let texts = texts();
    assert!(texts.iter().any(|(path, _)| path.ends_with("conf/guide/user.zh-CN.md")));
    assert!(texts.iter().any(|(path, _)| path.ends_with("src/portal/pages/text/zh-CN.ftl")));
    let mut wrong = Vec::new();
    for (path, text) in &texts {
        let lines = (1..).zip(text.lines());
        wrong.extend(lines.filter_map(|(number, line)| {
            touching(line).map(|around| format!("{}:{number}: {around}", path.display()))
        }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// 代发 is the mark on a mail that was sent on behalf of somebody. To send as somebody is 代理发送.
#[test]
fn to_send_as_somebody_is_not_called_by_the_mark_of_the_other_right() {
    for (path, text) in texts() {
        let mut rest = text.as_str();
        while let Some(at) = rest.find("代发") {
            let marked = rest[..at].ends_with(['“', '"']);
            // In the list of words it stands beside what it marks.
            assert!(marked, "{}: {}", path.display(), rest[at..].chars().take(20).collect::<String>());
            rest = &rest[at + "代发".len()..];
        }
    }
}
