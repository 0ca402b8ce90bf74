//! Lines that mail programs write, lines that forgers write, and noise.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn read(line: impl AsRef<[u8]>) -> Option<String> {
    addresses(line.as_ref()).map(|found| found.join(" "))
}

#[test]
fn what_mail_programs_write() {
    for line in [
        "ann@x.test",
        "<ann@x.test>",
        "  < ann@x.test > ",
        "Ann <ann@x.test>",
        "Ann<ann@x.test>",
        "\"Ann\"<ann@x.test>",
        "Ann B. Clark <ann@x.test>",
        "\"Clark, Ann\" <ann@x.test>",
        "\"Ann \\\"the boss\\\" Clark\" <ann@x.test>",
        "ann@x.test (Ann Clark)",
        "Ann (Sales (and more)) Clark <ann@x.test> (at work)",
        "ann@x.test <ann@x.test>",
        "\"ann@x.test\" <ann@x.test>",
        "\"Ann <ann@x.test>\" <ann@x.test>",
        "Ann Clark\r\n <ann@x.test>",
        "Ann\n\t<ann@x.test>\n",
        "=?utf-8?B?5byg5LiJ?= <ann@x.test>",
        "\"=?GB2312?B?1cXI/Q==?=\" <ann@x.test>",
        "张三 <ann@x.test>",
        "\"张三（销售部）\" <ann@x.test>",
        "[Team] Ann's desk! <ann@x.test>",
        "ann@x.test,",
        ", ann@x.test, ann@x.test",
    ] {
        assert_eq!(read(line).as_deref(), Some("ann@x.test"), "{line:?}");
    }
    let gb2312 = [b"\xd5\xc5\xc8\xfd".as_slice(), b" <ann@x.test>"].concat();
    assert_eq!(read(gb2312).as_deref(), Some("ann@x.test"));
    assert_eq!(read("jürgen@bücher.test").as_deref(), Some("jürgen@bücher.test"));
    assert_eq!(read("a@x, B <b@x>, \"C\" <c@x>").as_deref(), Some("a@x b@x c@x"));
}

#[test]
fn a_display_name_may_be_anything_but_an_address_in_brackets() {
    for name in
        ["\"boss@x.test\"", "=?utf-8?Q?boss=40x.test?=", "=?utf-8?B?Ym9zc0B4LnRlc3Q=?=", "\"a > b < c\""]
    {
        assert_eq!(read(format!("{name} <ann@x>")).as_deref(), Some("ann@x"), "{name}");
    }
    // 社世 in ISO-2022-JP: `<R@$` between its escapes.
    assert_eq!(read("=?ISO-2022-JP?B?GyRCPFJAJBsoQg==?= <ann@x>").as_deref(), Some("ann@x"));
}

#[test]
fn whatever_could_be_taken_for_an_address_is_found() {
    for line in [
        "boss@x <ann@x>",
        "the boss@x now <ann@x>",
        "\"Boss <boss@x>\" <ann@x>",
        "\"Boss <boss@x\" <ann@x>",
        "=?utf-8?Q?Boss_=3Cboss=40x=3E?= <ann@x>",
        "=?utf-8?B?Qm9zcyA8Ym9zc0B4Pg==?= <ann@x>",
        "=?utf-8?B?Qm9zcyA8Ym9zc0B4Pg?= <ann@x>",
        "\"=?utf-8?B?Qm9zcyA8Ym9zc0B4Pg==?=\" <ann@x>",
        "=?utf-8?Q?=3Cboss?= =?utf-8?Q?=40x?= <ann@x>",
        "(boss@x) ann@x",
        "ann@x (see (boss@x))",
        "ann@x (=?utf-8?Q?boss=40x?=)",
        "ann@x, boss@x",
    ] {
        let found = addresses(line.as_bytes()).unwrap();
        assert!(found.iter().any(|address| address == "boss@x"), "{line}: {found:?}");
        assert!(found.iter().any(|address| address == "ann@x"), "{line}: {found:?}");
    }
    // Encoded words are no part of an address.
    assert_eq!(read("=?utf-8?Q?boss?=@x").as_deref(), Some("=?utf-8?Q?boss?=@x"));
}

#[test]
fn what_mail_programs_could_disagree_on_is_unreadable() {
    for line in [
        "",
        " ",
        ",",
        "(ann)",
        "(ann@x)",
        "(<) ann@x",
        "ann@x (=?utf-8?Q?=3C?=)",
        "ann",
        "Ann Clark",
        "\"ann@x\"",
        "Ann <>",
        "Ann <ann>",
        "Clark, Ann <ann@x>",
        "Ann ann@x",
        "ann @ x",
        "ann@x@y",
        "@x",
        "ann@",
        "<boss@x> <ann@x>",
        "<ann@x> boss@x",
        "<ann@x>\"b\"",
        "<<ann@x>>",
        "<ann@x",
        "ann@x>",
        "<boss@x,ann@x>",
        "<@relay.test:ann@x>",
        "<ann (boss)@x>",
        "<an n@x>",
        "<\"ann\"@x>",
        "\"ann\"@x",
        "ann\"b\"@x",
        "\"Ann\"B <ann@x>",
        "Ann\"B\" <ann@x>",
        "\"Ann\"\"B\" <ann@x>",
        "ann(b)@x",
        "friends: ann@x, boss@x;",
        "ann@x;",
        "ann@[192.0.2.1]",
        "\"Ann <ann@x>",
        "\"Ann\\\" <ann@x>",
        "(Ann <ann@x>",
        "Ann) <ann@x>",
        "\\\"Ann\\\" <ann@x>",
        "(x\\",
        "ann@x (\\(Ann)",
        "ann@x (\\boss@x)",
        "\"Boss \\<boss@x>\" <ann@x>",
        "\"Boss <bo\\\\ss@x>\" <ann@x>",
        "\"Boss <b o@x>\" <ann@x>",
        "ann@x\nboss@x",
        "ann@x\rboss@x",
        "ann@x\r\nboss@x",
        "ann@x\0boss@x",
        "ann@x\u{7f}",
        "ann@x\u{85}",
        "ann\u{2003}b@x",
        "=?utf-8?Q?Boss=00?= <ann@x>",
        "=?utf-8?Q?boss=40x=0A?=@y <ann@x>",
        "=?utf-8?B?Ym9zc0B4AA==?= <ann@x>",
    ] {
        assert_eq!(read(line), None, "{line:?}");
    }
    assert_eq!(read(b"Ann <ann\xff@x>"), None);
    // Big5 with a backslash for its second byte ends the quotes elsewhere for whoever reads bytes.
    assert_eq!(read(b"\"\xb3\x5c\" <ann@x>"), None);
}

#[test]
fn there_is_a_most_of_addresses() {
    let line = |count: usize| (0..count).map(|n| format!("a{n}@x")).collect::<Vec<_>>().join(",");
    assert_eq!(addresses(line(ADDRESSES_MAX).as_bytes()).unwrap().len(), ADDRESSES_MAX);
    assert_eq!(addresses(line(ADDRESSES_MAX + 1).as_bytes()), None);
}

/// Lines put together from what matters to a parser.
fn line() -> impl Strategy<Value = String> {
    let piece = select(
        &[
            "ann@x",
            "boss@x",
            "<",
            ">",
            "<ann@x>",
            "<boss@x>",
            "\"",
            "\\",
            "(",
            ")",
            ",",
            ";",
            ":",
            " ",
            "\n ",
            "\r\n\t",
            "Ann",
            "@",
            "=?utf-8?Q?",
            "=3C",
            "=40",
            "?=",
            "=?u?B?Qm9zcyA8Ym9zc0B4Pg==?=",
            "é",
            "\0",
            "\r",
        ][..],
    );
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What a reader takes for addresses who knows neither quotes nor comments: what has an `@` in each
/// `<…>`, or if there is none, every word with `@` in it.
fn careless(line: &str) -> Vec<String> {
    let brackets = line.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    let texts: Vec<&str> = if line.contains('<') { brackets.collect() } else { vec![line] };
    let ends = |c: char| c.is_whitespace() || "(),;:\"\\".contains(c);
    let words = texts.into_iter().flat_map(|text| text.split(ends));
    words.filter(|word| word.contains('@')).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_read_or_not_but_ends(bytes in vec(any::<u8>(), 0..200)) {
        let _ = addresses(&bytes);
    }

    #[test]
    fn a_careless_reader_sees_no_address_that_was_not_found(line in line()) {
        if let Some(found) = addresses(line.as_bytes()) {
            // Without brackets a quoted string could only be a name.
            let bare = line.contains('<') || !line.contains('"');
            for address in careless(&line) {
                prop_assert!(!bare || found.contains(&address), "{:?}: {} is not in {:?}", line, address, found);
            }
        }
    }
}
