//! What a site looks like: the colour of its links and buttons, and its logo.
//!
//! A colour is given once. On light pages it is used as it is, and refused where it could not be read; for dark pages it is
//! made as much lighter as they need. A logo is a drawing (SVG) without anything that acts or loads, or a picture (PNG): what
//! it is, its content says.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::config::complaint::Fault;

/// The least contrast of letters to what is behind them (WCAG 2.2, 1.4.3).
pub const CONTRAST_MIN: f64 = 4.5;
/// The largest file of a logo, in bytes: every visitor loads it.
pub const LOGO_BYTES_MAX: usize = 131_072;
/// The longest side of a picture, in pixels. It is shown 32 pixels high.
pub const LOGO_SIDE_MAX: u32 = 2_048;

/// The darkest ground that coloured letters stand on, on light pages; the same colours are in `portal.css`.
const LIGHT_GROUND: Colour = Colour([0xea, 0xee, 0xf2]);
/// The lightest, on dark pages.
const DARK_GROUND: Colour = Colour([0x22, 0x29, 0x31]);
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0; 3]);
/// In so many steps a colour is mixed with white or black.
const STEPS: u16 = 64;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// Reads `#0b5cad`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let is_six = |digits: &&str| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = text.strip_prefix('#').filter(is_six);
        let digits = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some([0, red, green, blue]) = digits.map(u32::to_be_bytes) else {
            return Err(Fault::new(format!("\"{text}\" is no colour"), "write it as \"#0b5cad\""));
        };
        let colour = Self([red, green, blue]);
        let contrast = colour.contrast(LIGHT_GROUND);
        if contrast < CONTRAST_MIN {
            let darker = colour.towards(BLACK, LIGHT_GROUND);
            let problem = format!(
                "{text} cannot be read on light pages: its contrast is {:.1}:1, and {CONTRAST_MIN}:1 is the least",
                (contrast * 10.0).floor() / 10.0
            );
            return Err(Fault::new(problem, format!("write \"{darker}\", the same colour, darker")));
        }
        Ok(colour)
    }

    /// As it is used on dark pages.
    #[must_use]
    pub fn on_dark(self) -> Self {
        self.towards(WHITE, DARK_GROUND)
    }

    /// Mixed with the other as much as it needs to be read on `ground`.
    fn towards(self, other: Self, ground: Self) -> Self {
        let mixed = |step: u16| {
            let mix = |from: u8, to: u8| {
                let sum = u16::from(from) * (STEPS - step) + u16::from(to) * step;
                u8::try_from(sum / STEPS).unwrap_or(u8::MAX)
            };
            Self(std::array::from_fn(|at| mix(self.0[at], other.0[at])))
        };
        (0..=STEPS).map(mixed).find(|colour| colour.contrast(ground) >= CONTRAST_MIN).unwrap_or(other)
    }

    /// From 1 to 21 (WCAG 2.2).
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(two) / one.min(two)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// A logo, as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// What it is.
    pub kind: LogoKind,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a logo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoKind {
    /// A drawing.
    Svg,
    /// A picture.
    Png,
}

/// Why a logo cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogoError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is larger than [`LOGO_BYTES_MAX`].
    #[error("has more than {LOGO_BYTES_MAX} bytes")]
    TooLarge,
    /// It is neither of the two.
    #[error("is neither SVG nor PNG")]
    Neither,
    /// A picture whose size is not told, or is more than [`LOGO_SIDE_MAX`].
    #[error("has sides of more than {LOGO_SIDE_MAX} pixels, or none")]
    Sides,
    /// A drawing that is more than one.
    #[error("is a drawing with {0}, which a logo must not have")]
    Acts(String),
}

impl LogoError {
    /// What to do about it.
    pub(super) fn cure(&self) -> &'static str {
        match self {
            Self::Read(_) => "let the portal's user read the file",
            Self::TooLarge | Self::Sides => "make it smaller: it is shown 32 pixels high",
            Self::Neither => "save it as one of these",
            Self::Acts(_) => "save it as a plain drawing, or as PNG",
        }
    }
}

impl Logo {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no logo.
    pub fn read(path: &Path) -> Result<Self, LogoError> {
        let mut bytes = Vec::new();
        let most = u64::try_from(LOGO_BYTES_MAX).unwrap_or(u64::MAX);
        File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        Self::of(bytes)
    }

    /// Looks at what is in a file.
    fn of(bytes: Vec<u8>) -> Result<Self, LogoError> {
        if bytes.len() > LOGO_BYTES_MAX {
            return Err(LogoError::TooLarge);
        }
        let kind = if bytes.starts_with(PNG) {
            let side = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            // The first chunk says the size (PNG 11.2.1).
            let sides = [side(16), side(20)].map(Option::unwrap_or_default);
            if !sides.iter().all(|side| (1..=LOGO_SIDE_MAX).contains(side)) {
                return Err(LogoError::Sides);
            }
            LogoKind::Png
        } else {
            is_drawing(std::str::from_utf8(&bytes).map_err(|_| LogoError::Neither)?)?;
            LogoKind::Svg
        };
        Ok(Self { kind, bytes })
    }
}

/// Whether it is a drawing and nothing more. Browsers run nothing in one that a page shows; somebody may open it alone.
fn is_drawing(text: &str) -> Result<(), LogoError> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut root = true;
    loop {
        match reader.read_event().map_err(|_| LogoError::Neither)? {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.local_name();
                let name: &str = name.as_ref();
                if std::mem::take(&mut root) && name != "svg" {
                    return Err(LogoError::Neither);
                }
                harmless(name, &tag)?;
            }
            Event::DocType(_) => return Err(LogoError::Acts("a DOCTYPE".to_owned())),
            Event::PI(_) => return Err(LogoError::Acts("a processing instruction".to_owned())),
            Event::Eof if root => return Err(LogoError::Neither),
            Event::Eof => return Ok(()),
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

/// Elements that run something, or carry what is no drawing.
const ACTING: [&str; 8] =
    ["script", "foreignobject", "iframe", "object", "embed", "audio", "video", "handler"];

fn harmless(name: &str, tag: &BytesStart<'_>) -> Result<(), LogoError> {
    if ACTING.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(LogoError::Acts(format!("<{name}>")));
    }
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| LogoError::Neither)?;
        let local = attribute.key.local_name();
        let local: &str = local.as_ref();
        let value: &str = attribute.value.as_ref();
        let value = value.trim();
        let leads_away = local.eq_ignore_ascii_case("href")
            && !value.starts_with('#')
            && !value.starts_with("data:image/");
        let acts = local.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("on"));
        if acts || leads_away {
            return Err(LogoError::Acts(format!("the attribute {local}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).unwrap()
    }

    #[test]
    fn a_colour_can_be_read_on_light_pages_and_is_lighter_on_dark_ones() {
        assert_eq!(colour("#0b5cad").to_string(), "#0b5cad");
        assert_eq!(colour("#0B5CAD"), colour("#0b5cad"));
        for text in ["#0b5cad", "#000000", "#7a0019", "#005a30", "#4b2e83"] {
            let dark = colour(text).on_dark();
            assert!(dark.contrast(DARK_GROUND) >= CONTRAST_MIN, "{text}: {dark}");
        }
        for wrong in ["", "0b5cad", "#0b5ca", "#0b5cadf", "#0b5cag", "blue", "#+b5cad"] {
            assert!(Colour::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_contrast_is_that_of_wcag() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 1e-9);
        // #767676 is the lightest grey that may stand on white, #777777 is not.
        assert!(
            Colour([0x76; 3]).contrast(WHITE) >= CONTRAST_MIN
                && Colour([0x77; 3]).contrast(WHITE) < CONTRAST_MIN
        );
        let refused = Colour::parse("#ffcc00").unwrap_err();
        assert!(refused.problem.contains("1.2:1"), "{refused}");
        let darker = refused.cure.split('"').nth(1).unwrap();
        assert!(colour(darker).contrast(LIGHT_GROUND) >= CONTRAST_MIN, "{darker} is what it says");
    }

    #[test]
    fn the_grounds_are_those_of_the_style_sheet() {
        let sheet = include_str!("../../portal/pages/asset/portal.css");
        for ground in [LIGHT_GROUND, DARK_GROUND] {
            assert!(sheet.contains(&format!("--soft: {ground};")), "{ground}");
        }
    }

    fn svg(inside: &str) -> Vec<u8> {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{inside}</svg>").into_bytes()
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        [PNG, &[0, 0, 0, 13], b"IHDR", &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat()
    }

    #[test]
    fn what_a_logo_is_its_content_says() {
        let kind = |bytes: Vec<u8>| Logo::of(bytes).map(|logo| logo.kind).map_err(|error| error.to_string());
        assert_eq!(kind(png(64, LOGO_SIDE_MAX)), Ok(LogoKind::Png));
        for wrong in [png(LOGO_SIDE_MAX + 1, 64), png(0, 64), PNG.to_vec()] {
            assert!(kind(wrong).unwrap_err().contains("pixels"));
        }
        assert_eq!(kind(svg("<path d=\"M0 0h9\" style=\"fill:red\"/>")), Ok(LogoKind::Svg));
        assert_eq!(kind(svg("<defs><g id=\"a\"/></defs><use href=\"#a\"/>")), Ok(LogoKind::Svg));
        let declared = [b"\xef\xbb\xbf<?xml version=\"1.0\"?><!-- drawn -->".to_vec(), svg("")].concat();
        assert_eq!(kind(declared), Ok(LogoKind::Svg));
        for neither in [&b""[..], b"GIF89a", b"\xff\xd8\xff", b"<html></html>", b"<svg", b"plain"] {
            assert!(kind(neither.to_vec()).unwrap_err().contains("neither"), "{neither:?}");
        }
    }

    #[test]
    fn a_logo_has_a_largest_size() {
        let of = |bytes: usize| Logo::of(svg(&" ".repeat(bytes - svg("").len())));
        assert!(of(LOGO_BYTES_MAX).is_ok());
        assert!(matches!(of(LOGO_BYTES_MAX + 1), Err(LogoError::TooLarge)));
    }

    #[test]
    fn a_drawing_neither_acts_nor_loads() {
        for inside in [
            "<script>alert(1)</script>",
            "<ScRiPt/>",
            "<svg:script xmlns:svg=\"http://www.w3.org/2000/svg\"/>",
            "<foreignObject><p xmlns=\"http://www.w3.org/1999/xhtml\">a</p></foreignObject>",
            "<g onload=\"alert(1)\"/>",
            "<g ONclick='a'/>",
            "<a href=\"javascript:alert(1)\"/>",
            "<image href=\"https://evil.example/a.png\"/>",
            "<use xlink:href=\" https://evil.example/#a\"/>",
            "<use xlink:href=\"data:text/html,a\"/>",
            "<?xml-stylesheet href=\"https://evil.example/a.css\"?>",
        ] {
            assert!(matches!(Logo::of(svg(inside)), Err(LogoError::Acts(_))), "{inside}");
        }
        let entity = [b"<!DOCTYPE svg [<!ENTITY a \"b\">]>".to_vec(), svg("&a;")].concat();
        assert!(matches!(Logo::of(entity), Err(LogoError::Acts(_))));
    }
}
