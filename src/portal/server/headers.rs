//! What every answer says to browsers: what a page may load and do, and who may keep it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;

use crate::config::portal::Portal;

/// How long browsers come back encrypted only: a year, as the lists of browsers want it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// For a file whose address changes with what is in it.
pub(crate) const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The headers of this site.
#[derive(Clone, Debug)]
pub(crate) struct Headers {
    policy: HeaderValue,
    https: bool,
}

impl Headers {
    /// Forms may lead to the sign-in providers of the settings, and nowhere else outside.
    pub(crate) fn new(settings: &Portal) -> Self {
        let providers = [
            settings.wechat.as_ref().map(|wechat| &wechat.login_url),
            settings.wecom.as_ref().map(|wecom| &wecom.login_url),
            settings.dingtalk.as_ref().map(|dingtalk| &dingtalk.login_url),
        ];
        let origins = providers.into_iter().flatten().filter_map(|url| Url::parse(url).ok());
        let origins: String = origins.map(|url| format!(" {}", url.origin().ascii_serialization())).collect();
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'{origins}; \
             base-uri 'none'; frame-ancestors 'none'"
        );
        // An origin in ASCII always fits.
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { policy, https: settings.site.url.is_https() }
    }

    /// Adds them to an answer. One that says nothing of it is not kept.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        let fixed: [(HeaderName, HeaderValue); 5] = [
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            // A form without Fetch Metadata has to say its origin.
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ),
            (
                HeaderName::from_static("permissions-policy"),
                HeaderValue::from_static(
                    "publickey-credentials-get=(self), publickey-credentials-create=(self), clipboard-write=(self), \
                     camera=(), geolocation=(), microphone=(), payment=(), usb=()",
                ),
            ),
        ];
        headers.extend(fixed);
        headers.entry(CONTENT_SECURITY_POLICY).or_insert_with(|| self.policy.clone());
        if self.https {
            headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
        }
        headers.entry(CACHE_CONTROL).or_insert(NOT_KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn added(text: &str) -> HeaderMap {
        let source = Source { name: String::new(), text: text.to_owned() };
        let mut headers = HeaderMap::new();
        Headers::new(&Portal::from_sources(&[source]).unwrap()).add(&mut headers);
        headers
    }

    #[test]
    fn a_page_loads_from_us_and_posts_to_us() {
        let headers = added("site.url = 'https://account.example.org'\nlisten.path = '/run/x'");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("form-action 'self'; "));
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], HSTS);
    }

    #[test]
    fn forms_may_lead_to_the_providers_of_the_settings() {
        let headers = added(
            "site.url = 'http://127.0.0.1:8025'\n[dingtalk]\nclient_id = 'a'\nsecret_file = '/b'\n\
             [wecom]\ncorp_id = 'c'\nagent_id = 'd'\nsecret_file = '/e'\nlogin_url = 'https://login.example/x'",
        );
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("form-action 'self' https://login.example https://login.dingtalk.com;"),
            "{policy}"
        );
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn an_answer_may_be_kept_if_it_says_so() {
        let source = Source {
            name: String::new(),
            text: "site.url = 'https://a.example'\nlisten.path = '/run/x'".into(),
        };
        let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, FOR_EVER)]);
        Headers::new(&Portal::from_sources(&[source]).unwrap()).add(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], FOR_EVER);
    }
}
