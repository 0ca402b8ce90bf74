//! In which language somebody is answered: as chosen before, else as the browser wants it, else as the site has it.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

use crate::config::Language;
use crate::portal::pages::text::from_tag;

/// The most wishes that are looked at.
const WISHES_MAX: usize = 20;

/// The language of an answer.
pub(crate) fn language(chosen: Option<&str>, headers: &HeaderMap, site: Language) -> Language {
    chosen.and_then(from_tag).or_else(|| wished(headers)).unwrap_or(site)
}

/// The first of the browser's wishes that we have (RFC 9110, 12.5.4).
fn wished(headers: &HeaderMap) -> Option<Language> {
    let line = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut wishes: Vec<(f32, Language)> = line
        .split(',')
        .take(WISHES_MAX)
        .filter_map(|wish| {
            let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.parse().ok().filter(|weight| *weight > 0.0)?;
            Some((weight, spoken(tag.trim())?))
        })
        .collect();
    // The first of equals stays first.
    wishes.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    wishes.first().map(|(_, language)| *language)
}

/// A language of ours that whoever wants that one reads. Chinese is Chinese, in whatever script.
fn spoken(tag: &str) -> Option<Language> {
    let primary = tag.split('-').next().unwrap_or_default();
    if primary.eq_ignore_ascii_case("zh") {
        Some(Language::ZhCn)
    } else if primary.eq_ignore_ascii_case("en") {
        Some(Language::En)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn of(chosen: Option<&str>, wish: &str) -> Language {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_str(wish).unwrap())]);
        language(chosen, &headers, Language::En)
    }

    #[test]
    fn what_was_chosen_wins_over_the_browser_and_that_over_the_site() {
        assert_eq!(of(Some("en"), "zh-CN"), Language::En);
        assert_eq!(of(Some("zh-CN"), "en"), Language::ZhCn);
        assert_eq!(of(Some("fr"), "zh-CN,zh;q=0.9,en;q=0.8"), Language::ZhCn);
        assert_eq!(of(None, "fr,en;q=0.5,zh-TW;q=0.6"), Language::ZhCn);
        assert_eq!(of(None, "en-GB, zh"), Language::En);
        assert_eq!(of(None, "zh;q=0, fr"), Language::En);
        assert_eq!(language(None, &HeaderMap::new(), Language::ZhCn), Language::ZhCn);
        for odd in ["", ";;;", "zh;q=x", "*", "en;q=-1", "-"] {
            assert_eq!(of(None, odd), Language::En, "{odd}");
        }
    }

    #[test]
    fn there_is_a_most_of_wishes() {
        assert_eq!(of(None, &format!("{}zh", "fr,".repeat(WISHES_MAX - 1))), Language::ZhCn);
        assert_eq!(of(None, &format!("{}zh", "fr,".repeat(WISHES_MAX))), Language::En);
    }
}
