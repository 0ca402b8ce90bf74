//! Against databases that are written here, in MaxMind's format 2.0.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use Language::{En, ZhCn};

/// A value of the data section.
enum Value {
    Text(&'static str),
    /// Of so many bytes: 2, 4 or 8.
    Number(u8, u64),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

use Value::{List, Map, Number, Text};

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Text(text) => {
                control(2, text.len(), out);
                out.extend(text.as_bytes());
            }
            Number(bytes, number) => {
                control(
                    match bytes {
                        2 => 5,
                        4 => 6,
                        _ => 9,
                    },
                    usize::from(*bytes),
                    out,
                );
                out.extend(&number.to_be_bytes()[8 - usize::from(*bytes)..]);
            }
            List(values) => {
                control(11, values.len(), out);
                values.iter().for_each(|value| value.write(out));
            }
            Map(pairs) => {
                control(7, pairs.len(), out);
                for (key, value) in pairs {
                    Text(key).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// Kind and length: kinds past 7 have a byte of their own, lengths from 29 on too.
fn control(kind: u8, length: usize, out: &mut Vec<u8>) {
    let short = u8::try_from(length.min(29)).unwrap();
    if kind > 7 {
        out.extend([short, kind - 7]);
    } else {
        out.push((kind << 5) | short);
    }
    if length >= 29 {
        out.push(u8::try_from(length - 29).unwrap());
    }
}

/// Node or value behind a bit.
#[derive(Clone, Copy)]
enum Next {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database of these networks: a tree of bits, the values, and what it is.
fn database(entries: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Next::Nothing; 2]];
    let mut data = Vec::new();
    for (network, value) in entries {
        let network: ipnet::IpNet = network.parse().unwrap();
        let (bits, length) = match network {
            ipnet::IpNet::V4(v4) => (u128::from(v4.network().to_bits()), 96 + v4.prefix_len()),
            ipnet::IpNet::V6(v6) => (v6.network().to_bits(), v6.prefix_len()),
        };
        let mut at = 0;
        for depth in 0..length {
            let bit = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth == length - 1 {
                nodes[at][bit] = Next::Data(data.len());
            } else if let Next::Node(next) = nodes[at][bit] {
                at = next;
            } else {
                nodes.push([Next::Nothing; 2]);
                nodes[at][bit] = Next::Node(nodes.len() - 1);
                at = nodes.len() - 1;
            }
        }
        value.write(&mut data);
    }
    let mut file = Vec::new();
    for next in nodes.iter().flatten() {
        let record = match *next {
            Next::Nothing => nodes.len(),
            Next::Node(node) => node,
            Next::Data(offset) => nodes.len() + 16 + offset,
        };
        file.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    Map(vec![
        ("binary_format_major_version", Number(2, 2)),
        ("binary_format_minor_version", Number(2, 0)),
        ("build_epoch", Number(8, 1_700_000_000)),
        ("database_type", Text("Test-City")),
        ("description", Map(vec![])),
        ("ip_version", Number(2, 6)),
        ("languages", List(vec![])),
        ("node_count", Number(4, nodes.len() as u64)),
        ("record_size", Number(2, 24)),
    ])
    .write(&mut file);
    file
}

fn names(names: &[(&'static str, &'static str)]) -> Value {
    Map(vec![("names", Map(names.iter().map(|(language, name)| (*language, Text(name))).collect()))])
}

fn places(entries: &[(&str, Value)]) -> (Places, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    fs::write(&path, database(entries)).unwrap();
    let places = Places::default();
    places.load(&path).unwrap();
    (places, folder)
}

fn china() -> (&'static str, Value) {
    ("country", names(&[("en", "China"), ("zh-CN", "中国")]))
}

fn cities() -> Vec<(&'static str, Value)> {
    let shanghai = Map(vec![
        ("city", names(&[("en", "Shanghai"), ("zh-CN", "上海")])),
        china(),
        ("subdivisions", List(vec![names(&[("en", "Shanghai"), ("zh-CN", "上海市")])])),
    ]);
    let nanjing = Map(vec![
        ("city", names(&[("en", "Nanjing"), ("zh-CN", "南京")])),
        china(),
        ("subdivisions", List(vec![names(&[("en", "Jiangsu"), ("zh-CN", "江苏")])])),
    ]);
    vec![
        ("203.0.113.0/24", shanghai),
        ("198.51.100.0/25", nanjing),
        ("2001:db8:1::/48", Map(vec![china()])),
        (
            "192.0.2.0/24",
            Map(vec![("city", names(&[("en", "Graz")])), ("country", names(&[("en", "Austria")]))]),
        ),
        ("10.0.0.0/8", Map(vec![china()])),
        ("fd00::/16", Map(vec![china()])),
    ]
}

#[test]
fn a_place_is_told_in_the_language_of_the_page() {
    let (places, _folder) = places(&cities());
    for (address, english, chinese) in [
        ("203.0.113.7", "Shanghai, China", "中国 上海"),
        ("::ffff:203.0.113.7", "Shanghai, China", "中国 上海"),
        ("198.51.100.127", "Nanjing, Jiangsu, China", "中国 江苏 南京"),
        ("198.51.100.128", "", ""),
        ("2001:db8:1:2::3", "China", "中国"),
        ("2001:db8:1::/64", "China", "中国"),
        // No name in Chinese: English is better than nothing.
        ("192.0.2.1", "Graz, Austria", "Austria Graz"),
        // Never for networks that are everywhere.
        ("10.1.2.3", "", ""),
        ("fd00::1", "", ""),
        ("127.0.0.1", "", ""),
        ("no address", "", ""),
        ("", "", ""),
    ] {
        assert_eq!(places.place_of(address, En), english, "{address}");
        assert_eq!(places.place_of(address, ZhCn), chinese, "{address}");
    }
}

#[test]
fn without_a_file_nothing_is_known_and_a_broken_one_does_not_replace_a_good_one() {
    let none = Places::default();
    assert_eq!(none.place_of("203.0.113.7", En), "");
    let (places, folder) = places(&cities());
    let broken = folder.path().join("broken.mmdb");
    fs::write(&broken, b"<html>log in first</html>").unwrap();
    let complaint = places.load(&broken).unwrap_err();
    assert!(complaint.to_string().contains("broken.mmdb: not a GeoIP database"), "{complaint}");
    let absent = places.load(&folder.path().join("absent.mmdb")).unwrap_err();
    assert!(matches!(absent, PlaceError::Read { .. }), "{absent}");
    assert_eq!(places.place_of("203.0.113.7", En), "Shanghai, China");
    let newer = folder.path().join("newer.mmdb");
    fs::write(&newer, database(&[("203.0.113.0/24", Map(vec![china()]))])).unwrap();
    places.load(&newer).unwrap();
    assert_eq!(places.place_of("203.0.113.7", En), "China");
}

#[test]
fn no_name_and_no_file_is_too_long() {
    let long: &'static str = Box::leak("x".repeat(NAME_CHARS_MAX + 1).into_boxed_str());
    let entry = |name| Map(vec![("country", names(&[("en", name)]))]);
    let (places, folder) = places(&[
        ("203.0.113.0/25", entry(&long[1..])),
        ("203.0.113.128/25", entry(long)),
        ("192.0.2.0/24", entry("a\u{7}b")),
    ]);
    assert_eq!(places.place_of("203.0.113.1", En), long[1..]);
    assert_eq!(places.place_of("203.0.113.129", En), "");
    assert_eq!(places.place_of("192.0.2.1", En), "");

    let path = folder.path().join("city.mmdb");
    let bytes = fs::metadata(&path).unwrap().len();
    assert!(read(&path, bytes).is_ok());
    assert!(matches!(read(&path, bytes - 1), Err(PlaceError::TooLarge(_))));
}

/// Whatever a file holds, an answer is a place or nothing.
#[test]
fn a_damaged_file_tells_nothing_and_breaks_nothing() {
    let good = database(&cities());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mmdb");
    let mut seen = BTreeMap::new();
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        let places = Places::default();
        let read = places.load(&path).is_ok();
        *seen.entry(read).or_insert(0) += 1;
        for address in ["203.0.113.7", "198.51.100.1", "2001:db8:1::1"] {
            let _ = places.place_of(address, ZhCn);
        }
    }
    assert!(seen.len() == 2, "some are still files, some are not: {seen:?}");
}
