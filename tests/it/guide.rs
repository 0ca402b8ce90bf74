//! The guide for people, `conf/guide`: both languages tell the same, its words stand on the pages, its pictures are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sidegate::portal::pages::help::Program;
use sidegate::portal::pages::routes;

/// What all pictures may have, in bytes: the guide comes with the packages.
const PICTURES_BYTES_MAX: u64 = 1_000_000;
const LANGUAGES: [&str; 2] = ["en", "zh-CN"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/guide")
}

fn guide(language: &str) -> String {
    fs::read_to_string(folder().join(format!("user.{language}.md"))).unwrap()
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(found, _)| found).collect()
}

/// What stands between two like marks: every other part.
fn marked<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    text.split(mark).skip(1).step_by(2).collect()
}

/// The paths of pages that are named.
fn pages(text: &str) -> Vec<&str> {
    marked(text, "`").into_iter().filter(|code| code.starts_with('/')).collect()
}

/// The files of pictures that are shown, without their language.
fn pictures<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let end = format!(".{language}.png");
    let files = between(text, "](", ")").into_iter().filter(|file| file.starts_with("pictures/"));
    files
        .map(|file| file.strip_suffix(&end).unwrap_or_else(|| panic!("{file} is not of {language}")))
        .collect()
}

/// What a chapter consists of, whatever the language.
#[derive(Debug, PartialEq)]
struct Chapter {
    /// The rank of its head.
    rank: usize,
    pages: Vec<String>,
    pictures: Vec<String>,
    steps: usize,
    points: usize,
}

fn chapters(language: &str) -> Vec<Chapter> {
    let text = guide(language);
    let mut chapters: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            chapters.push(String::new());
        }
        let chapter = chapters.last_mut().expect("the guide begins with a head");
        chapter.push_str(line);
        chapter.push('\n');
    }
    chapters.iter().map(|text| Chapter::read(text, language)).collect()
}

impl Chapter {
    fn read(text: &str, language: &str) -> Self {
        let owned = |found: Vec<&str>| -> Vec<String> { found.into_iter().map(str::to_owned).collect() };
        Self {
            rank: text.chars().take_while(|&mark| mark == '#').count(),
            pages: owned(pages(text)),
            pictures: owned(pictures(text, language)),
            steps: text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).count(),
            points: text.lines().filter(|line| line.starts_with('-')).count(),
        }
    }
}

#[test]
fn both_languages_have_the_same_chapters() {
    let [english, chinese] = LANGUAGES.map(chapters);
    for (number, (one, other)) in english.iter().zip(&chinese).enumerate() {
        assert_eq!(one, other, "chapter {number}");
    }
    assert_eq!(english.len(), chinese.len());
    assert!(english.len() > 15);
}

#[test]
fn each_page_is_one_of_the_portals() {
    for language in LANGUAGES {
        let text = guide(language);
        for page in pages(&text) {
            assert!(routes::shown(page), "{language}: {page}");
        }
        for program in Program::ALL {
            assert!(pages(&text).contains(&program.path().as_str()), "{language}: {program:?} is missing");
        }
    }
}

/// Bold is what stands on a page.
#[test]
fn bold_words_stand_on_the_pages() {
    for language in LANGUAGES {
        let path = format!("src/portal/pages/text/{language}.ftl");
        let texts = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let texts: BTreeSet<&str> =
            texts.lines().filter_map(|line| line.split_once(" = ")).map(|(_, text)| text).collect();
        let guide = guide(language);
        // The one that says what bold means stands at the beginning.
        let bold = marked(&guide, "**");
        assert!(bold.len() > 30);
        for words in &bold[1..] {
            assert!(texts.contains(words), "{language}: no page says {words:?}");
        }
    }
}

#[test]
fn each_picture_is_there_and_shown() {
    let mut shown = BTreeSet::new();
    for language in LANGUAGES {
        let text = guide(language);
        let named = pictures(&text, language).into_iter().map(|name| format!("{name}.{language}.png"));
        shown.extend(named);
    }
    let mut bytes = 0;
    for file in fs::read_dir(folder().join("pictures")).unwrap() {
        let file = file.unwrap();
        let name = format!("pictures/{}", file.file_name().to_str().unwrap());
        assert!(shown.remove(&name), "{name} is not shown");
        assert!(fs::read(file.path()).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        bytes += file.metadata().unwrap().len();
    }
    assert!(shown.is_empty(), "not there: {shown:?}");
    assert!(bytes < PICTURES_BYTES_MAX, "the pictures have {bytes} bytes");
}
