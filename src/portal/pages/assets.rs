//! The style sheet and the script: in the program, under addresses that change with what is in them.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// How much of the digest an address carries, in bytes.
const DIGEST_BYTES: usize = 8;

/// A file that pages load.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served. What is there never changes: it may be cached for ever.
    pub url: String,
    /// For `Content-Type`.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("css", "text/css; charset=utf-8", include_bytes!("asset/portal.css")));
/// The script. Nothing but passkeys needs it.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("js", "text/javascript; charset=utf-8", include_bytes!("asset/portal.js")));

/// The file at that address.
#[must_use]
pub fn at(url: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT].into_iter().find(|asset| asset.url == url)
}

fn asset(extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = Sha256::digest(bytes);
    let url = format!("/assets/{}.{extension}", HEXLOWER.encode(&digest[..DIGEST_BYTES]));
    Asset { url, media_type, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_follows_its_content() {
        assert_ne!(asset("css", "text/css", b"a").url, asset("css", "text/css", b"b").url);
        assert!(at(&STYLE.url).is_some_and(|found| found.media_type.starts_with("text/css")));
        assert!(at("/assets/portal.css").is_none());
    }

    #[test]
    fn nothing_comes_from_outside() {
        for asset in [&*STYLE, &*SCRIPT] {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            for word in ["http:", "https:", "url(", "@import", "eval(", "innerHTML"] {
                assert!(!text.contains(word), "{} contains {word}", asset.url);
            }
        }
    }
}
