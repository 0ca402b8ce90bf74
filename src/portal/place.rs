//! Where an address is, from a file of GeoIP that the administrator may give: MaxMind's format 2.0 with names of cities
//! or of countries (GeoLite2, GeoIP2, DB-IP).
//!
//! The file is read into memory whole: mapping it would crash the portal when somebody writes into it. Nobody is asked
//! over the network. What is not known is not shown: without a file, for private addresses, and where an entry cannot be
//! read.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use maxminddb::geoip2::{City, Names};
use maxminddb::{MaxMindDbError, Reader};

use crate::config::Language;
use crate::gate::translated::{Nat64, fold};

/// The largest file, in bytes. The largest that is sold, GeoIP2 Enterprise, is half of it.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// The longest name of a city or country that is shown, in characters; longer ones are none.
const NAME_CHARS_MAX: usize = 64;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no file of this kind.
    #[error("{path}: not a GeoIP database: {source}")]
    Format {
        /// Which.
        path: PathBuf,
        /// Why.
        source: MaxMindDbError,
    },
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("{path}: larger than {most} bytes", path = .0.display(), most = FILE_BYTES_MAX)]
    TooLarge(PathBuf),
}

/// The places of addresses.
#[derive(Debug, Default)]
pub struct Places {
    file: RwLock<Option<Arc<Reader<Vec<u8>>>>>,
}

impl Places {
    /// Reads the file, now and whenever it may be another.
    ///
    /// # Errors
    /// When it cannot be used. Then the one from before stays in use.
    pub fn load(&self, path: &Path) -> Result<(), PlaceError> {
        let reader = Arc::new(read(path, FILE_BYTES_MAX)?);
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = Some(reader);
        Ok(())
    }

    /// Where an address is, in words of that language; empty: unknown.
    #[must_use]
    pub fn place(&self, address: IpAddr, language: Language) -> String {
        let reader = self.file.read().unwrap_or_else(PoisonError::into_inner).clone();
        match (reader, fold(address, &Nat64::NONE)) {
            (Some(reader), Some(address)) if is_public(address) => {
                look_up(&reader, address, language).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// The same for an address, or the beginning of a network, in text.
    #[must_use]
    pub fn place_of(&self, text: &str, language: Language) -> String {
        let address = text.split('/').next().unwrap_or_default();
        address.parse().map(|address| self.place(address, language)).unwrap_or_default()
    }
}

fn read(path: &Path, most: u64) -> Result<Reader<Vec<u8>>, PlaceError> {
    let failed = |source| PlaceError::Read { path: path.into(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(PlaceError::TooLarge(path.into()));
    }
    Reader::from_source(bytes).map_err(|source| PlaceError::Format { path: path.into(), source })
}

/// An address that can be somewhere: databases made by hand name private ones at times.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64; // RFC 6598
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast())
        }
    }
}

fn look_up(reader: &Reader<Vec<u8>>, address: IpAddr, language: Language) -> Option<String> {
    let found: City<'_> = reader.lookup(address).ok()?.decode().ok()??;
    let country = name(&found.country.names, language);
    let region = found.subdivisions.first().and_then(|region| name(&region.names, language));
    let city = name(&found.city.names, language);
    let region = region.filter(|region| city.is_none_or(|city| !same(region, city)));
    let words: Vec<&str> = match language {
        // The larger comes first.
        Language::ZhCn => [country, region, city].into_iter().flatten().collect(),
        Language::En => [city, region, country].into_iter().flatten().collect(),
    };
    Some(words.join(if language == Language::ZhCn { " " } else { ", " }))
}

/// The name in that language, else in English.
fn name<'a>(names: &Names<'a>, language: Language) -> Option<&'a str> {
    let own = match language {
        Language::ZhCn => names.simplified_chinese,
        Language::En => None,
    };
    let fits = |name: &&str| {
        !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control)
    };
    own.filter(fits).or(names.english.filter(fits))
}

/// A city that is its own province: Shanghai, or 上海市 and 上海.
fn same(region: &str, city: &str) -> bool {
    region.starts_with(city) || city.starts_with(region)
}

#[cfg(test)]
#[path = "place/tests.rs"]
mod tests;
