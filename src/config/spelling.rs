//! "Did you mean …?": the word that was probably meant.

/// Longest word that is looked up; a longer one is no slip of the finger.
const WORD_CHARS_MAX: usize = 64;

/// The nearest of `known`, if one is near: at most a third of its letters are wrong, missing, surplus or
/// swapped.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word)?;
    known
        .into_iter()
        .filter_map(|candidate| Some((distance(&word, &plain(candidate)?), candidate)))
        .filter(|(slips, candidate)| *slips <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// The word without what people mix up freely: capitals, and hyphens for underscores.
fn plain(word: &str) -> Option<Vec<char>> {
    let chars: Vec<char> = word.to_lowercase().replace('-', "_").chars().collect();
    (chars.len() <= WORD_CHARS_MAX).then_some(chars)
}

/// How many slips lead from one word to the other, two swapped neighbours being one slip (optimal string
/// alignment).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let differs = usize::from(from[i - 1] != to[j - 1]);
            let mut slips = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if swapped {
                slips = slips.min(rows[i - 2][j - 2] + 1);
            }
            row.push(slips);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWN: [&str; 4] = ["failures", "block_for", "repeats", "path"];

    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(nearest(word, KNOWN), expected, "{word}");
    }

    #[test]
    fn a_slip_finds_its_word() {
        check("failure", Some("failures"));
        check("failuers", Some("failures"));
        check("block-for", Some("block_for"));
        check("BlockFor", Some("block_for"));
        check("pth", Some("path"));
    }

    #[test]
    fn another_word_finds_nothing() {
        check("banana", None);
        check("pits", None);
        check("", None);
        check(&"f".repeat(WORD_CHARS_MAX + 1), None);
    }

    #[test]
    fn slips_are_counted() {
        let count =
            |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("abc", "abc"), 0);
        assert_eq!(count("abc", "acb"), 1);
        assert_eq!(count("kitten", "sitting"), 3);
    }

    proptest! {
        #[test]
        fn the_way_back_is_as_long(a in "[a-d]{0,8}", b in "[a-d]{0,8}") {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
        }
    }
}
