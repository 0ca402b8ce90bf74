//! What pages load: the style sheet, the script, the icon and a site's logo, under addresses that change with what is in
//! them.

use std::borrow::Cow;
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::config::portal::{Colour, Logo, LogoKind};

/// How much of the digest an address carries, in bytes.
const DIGEST_BYTES: usize = 8;

/// A file that pages load.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Where it is served. What is there never changes: it may be cached for ever.
    pub url: String,
    /// For `Content-Type`.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: Cow<'static, [u8]>,
}

/// Drawings.
pub const SVG: &str = "image/svg+xml";
/// Pictures.
const PNG: &str = "image/png";

/// What a site looks like.
#[derive(Clone, Debug)]
pub struct Looks {
    /// The style sheet, with the site's colour.
    pub style: Asset,
    /// The site's logo, if it has one.
    pub logo: Option<Asset>,
    /// What browsers show beside the title.
    pub icon: Asset,
}

impl Default for Looks {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Looks {
    /// With the colour and the logo of a site.
    #[must_use]
    pub fn new(colour: Option<Colour>, logo: Option<Logo>) -> Self {
        let style = match colour {
            None => STYLE.clone(),
            Some(colour) => {
                let dark = colour.on_dark();
                let own = format!(
                    ":root {{ --accent: {colour}; }}\n@media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark}; }} }}\n"
                );
                asset("css", STYLE.media_type, [&*STYLE.bytes, own.as_bytes()].concat())
            }
        };
        let logo = logo.map(|logo| match logo.kind {
            LogoKind::Svg => asset("svg", SVG, logo.bytes),
            LogoKind::Png => asset("png", PNG, logo.bytes),
        });
        let icon = logo.clone().unwrap_or_else(|| ICON.clone());
        Self { style, logo, icon }
    }

    /// The file at that address.
    #[must_use]
    pub fn at(&self, url: &str) -> Option<&Asset> {
        [&self.style, &SCRIPT, &self.icon].into_iter().find(|asset| asset.url == url)
    }
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("css", "text/css; charset=utf-8", &include_bytes!("asset/portal.css")[..]));
/// The script. Nothing but passkeys needs it.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("js", "text/javascript; charset=utf-8", &include_bytes!("asset/portal.js")[..]));
/// An icon of ours.
static ICON: LazyLock<Asset> = LazyLock::new(|| asset("svg", SVG, &include_bytes!("asset/icon.svg")[..]));

fn asset(extension: &str, media_type: &'static str, bytes: impl Into<Cow<'static, [u8]>>) -> Asset {
    let bytes = bytes.into();
    let digest = Sha256::digest(&bytes);
    let url = format!("/assets/{}.{extension}", HEXLOWER.encode(&digest[..DIGEST_BYTES]));
    Asset { url, media_type, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use crate::config::portal::Portal;

    #[test]
    fn an_address_follows_its_content() {
        let of = |bytes: &'static [u8]| asset("css", "text/css", bytes).url;
        assert_ne!(of(b"a"), of(b"b"));
        let looks = Looks::default();
        assert!(looks.at(&STYLE.url).is_some_and(|found| found.media_type.starts_with("text/css")));
        assert!(looks.at(&ICON.url).is_some() && looks.at("/assets/portal.css").is_none());
    }

    #[test]
    fn a_site_has_a_colour_and_a_logo_of_its_own() {
        let logo = Logo { kind: LogoKind::Png, bytes: b"a picture".to_vec() };
        let text = "site.url = 'https://a.example'\nlisten.path = '/run/x'\nsite.colour = '#7a0019'";
        let source = Source { name: String::new(), text: text.to_owned() };
        let looks = Looks::new(Portal::from_sources(&[source]).unwrap().site.colour, Some(logo));
        let style = String::from_utf8(looks.style.bytes.to_vec()).unwrap();
        assert!(style.ends_with(" } }\n") && style.contains("--accent: #7a0019;"));
        assert_ne!(looks.style.url, STYLE.url);
        assert!(looks.at(&STYLE.url).is_none(), "what nobody loads is not there");
        assert_eq!(looks.at(&looks.icon.url).map(|icon| icon.media_type), Some("image/png"));
    }

    #[test]
    fn nothing_comes_from_outside() {
        for asset in [&*STYLE, &*SCRIPT] {
            let text = std::str::from_utf8(&asset.bytes).unwrap();
            for word in ["http:", "https:", "url(", "@import", "eval(", "innerHTML"] {
                assert!(!text.contains(word), "{} contains {word}", asset.url);
            }
        }
    }
}
