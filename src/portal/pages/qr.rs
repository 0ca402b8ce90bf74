//! QR codes as drawings (SVG).

use qrcode::QrCode;
use qrcode::render::svg;

/// The side of a drawing, in pixels, at least.
const SIDE_MIN: u32 = 200;

/// A drawing of the text, with its quiet zone; `None`: it is too long for one. Dark on light also on a dark page, as
/// many cameras need it.
#[must_use]
pub fn drawing(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let image = code.render::<svg::Color<'_>>().min_dimensions(SIDE_MIN, SIDE_MIN).build();
    // A page has no place for the declaration before it.
    image.find("<svg").map(|start| image[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that the largest code holds with medium correction (ISO/IEC 18004).
    const BYTES_MAX: usize = 2_331;

    #[test]
    fn a_code_is_a_drawing_of_numbers() {
        let image = drawing("\"><script>").unwrap();
        assert!(image.starts_with("<svg") && image.ends_with("</svg>"));
        assert!(!image.contains("script") && !image.contains("style="));
    }

    #[test]
    fn what_is_too_long_has_none() {
        assert!(drawing(&"a".repeat(BYTES_MAX)).is_some());
        assert!(drawing(&"a".repeat(BYTES_MAX + 1)).is_none());
    }
}
