//! Texts in two languages, looked up by id (Fluent).
//!
//! `text/en.ftl` and `text/zh-CN.ftl` hold the same ids with the same variables; a test keeps them so.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::config::Language;

pub(super) const EN: &str = include_str!("text/en.ftl");
pub(super) const ZH_CN: &str = include_str!("text/zh-CN.ftl");

type Texts = FluentBundle<FluentResource>;

static EN_TEXTS: LazyLock<Texts> = LazyLock::new(|| texts(Language::En, EN));
static ZH_CN_TEXTS: LazyLock<Texts> = LazyLock::new(|| texts(Language::ZhCn, ZH_CN));

/// The tag of a language (BCP 47), as HTML and HTTP write it.
#[must_use]
pub fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::ZhCn => "zh-CN",
    }
}

/// The language of that tag.
#[must_use]
pub fn from_tag(tag: &str) -> Option<Language> {
    [Language::En, Language::ZhCn].into_iter().find(|&language| self::tag(language) == tag)
}

fn texts(language: Language, source: &str) -> Texts {
    let locale: LanguageIdentifier = tag(language).parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![locale]);
    // The marks around variables are invisible, and would be copied with an address.
    bundle.set_use_isolating(false);
    // What could be read is used; that nothing is lost is tested.
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(read, _)| read);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The text of that id. One that is missing, or lacks a variable, shows its id in `⟦⟧`; a test looks for that.
pub(super) fn text(language: Language, id: &str, args: Option<&FluentArgs<'_>>) -> String {
    let bundle = match language {
        Language::En => &*EN_TEXTS,
        Language::ZhCn => &*ZH_CN_TEXTS,
    };
    let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
        return format!("⟦{id}⟧");
    };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, args, &mut errors).into_owned();
    if errors.is_empty() { text } else { format!("⟦{id}: {text}⟧") }
}
