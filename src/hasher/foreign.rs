//! Imported hashes: Argon2 of any kind, bcrypt and SHA512-CRYPT, over the secret itself and not over D.

use argon2::{Algorithm, Params, PasswordHash, Version};
use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{HasherError, Memory};
use crate::gate::foreign::{FOREIGN_SECRET_BYTES_MAX, ForeignHash, Scheme};
use crate::gate::pasted::visible;
use crate::gate::secret::Secret;

/// Whether a hash belongs to a secret: as it was typed, or else without white space and what else nobody sees.
pub(super) fn proves(memory: &mut Memory, secret: &Secret, hash: &ForeignHash) -> Result<bool, HasherError> {
    let typed = secret.reveal();
    // Where the other systems hashed, a string ended at its first zero byte.
    if typed.len() > FOREIGN_SECRET_BYTES_MAX || typed.contains(&0) {
        return Ok(false);
    }
    // The room is reserved at once: growing would leave copies behind.
    let mut bare = Zeroizing::new(Vec::with_capacity(typed.len()));
    visible(typed).for_each(|part| bare.extend_from_slice(part));
    // Nobody gets in with nothing, whatever somebody may have hashed.
    if bare.is_empty() {
        return Ok(false);
    }
    Ok(is_of(memory, typed, hash)? || (bare.len() < typed.len() && is_of(memory, &bare, hash)?))
}

fn is_of(memory: &mut Memory, secret: &[u8], hash: &ForeignHash) -> Result<bool, HasherError> {
    match hash.scheme() {
        Scheme::Argon2 => argon2(memory, secret, hash.reveal()),
        Scheme::Bcrypt => bcrypt::verify(secret, hash.reveal()).map_err(|_| HasherError::Unusable),
        Scheme::Sha512Crypt => match ShaCrypt::default().verify_password(secret, hash.reveal()) {
            Ok(()) => Ok(true),
            Err(sha_crypt::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(_) => Err(HasherError::Unusable),
        },
    }
}

fn argon2(memory: &mut Memory, secret: &[u8], phc: &str) -> Result<bool, HasherError> {
    let parsed = PasswordHash::new(phc).map_err(|_| HasherError::Unusable)?;
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| HasherError::Unusable)?;
    let params = Params::try_from(&parsed).map_err(|_| HasherError::Unusable)?;
    // A string without a version is of the first one.
    let version = Version::try_from(parsed.version.unwrap_or(0x10)).map_err(|_| HasherError::Unusable)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Err(HasherError::Unusable) };
    let mut hash = Zeroizing::new(vec![0; expected.len()]);
    memory.argon2(algorithm, params, version, secret, salt.as_ref(), &mut hash)?;
    Ok(hash.ct_eq(expected.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by other programs: `doveadm pw` of Dovecot 2.3, crypt(3) of libxcrypt, `openssl passwd`.
    const OF_OTHERS: [(&str, &str); 10] = [
        ("hunter two", "{BLF-CRYPT}$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO"),
        (
            "hunter two",
            "{SHA512-CRYPT}$6$NZ3tIB44bg7nk780$8TxN/lz2m8DtFtf1/MdmPm/yARbD8puoQ77O.7NQTMZXupLU2j7T1RWWopQrN69zUQh8e5\
             ynplGiPcZji15Ij0",
        ),
        (
            "hunter two",
            "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$5uKb7WN+YvuA7LvKvD0lwg$13we0OF/zdwiR937k5CGWHQV9IXcTmWqAF5mxq\
             FDAck",
        ),
        (
            "hunter two",
            "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$NbyRVLhoUsC8U1xT2XtuIA$JpwV94qub39m2XX0S5ZkStQU/VkKjobCvwnDzOzn\
             vjY",
        ),
        ("gr\u{fc}n5", "{BLF-CRYPT}$2y$04$/LUbW7gkuX7EyVyrIzgQ3.TlVOQECSn.cL4LfJP8Ww/Ygwns/QZKu"),
        (
            "gr\u{fc}n5",
            "{SHA512-CRYPT}$6$rounds=1000$gS9Zqu5TvA6ymnF0$DEXMaxjM0uS1bY2BXwPDZZ.53kDxBECb5mK9t0beDuMcivrNTLdY/NrZj\
             KYKGCkEsVbqKRt0oVLBzAa1V5FHl0",
        ),
        (
            "gr\u{fc}n5",
            "$6$saltstring$7pYUF1eiZ2v5jaD9GhFFQXL53j.bDkfJKrFcQ46.hnA/GsUi.aKIhdIwBRPe6y6WsUio.VQ/zI07Xwa3hBgLW1",
        ),
        (
            "gr\u{fc}n5",
            "$6$rounds=1234$abc$FsrDA6GZTWMSdvw7PaDk1eJDJXtfX0HI0YxPiswrAMdv705PK9nEbTipKE5/HCthHy82dlDrD0sz0SMEY0HR\
             A0",
        ),
        ("correct horse", "$2a$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
        ("x", "{CRYPT}$2y$05$uYw9HjDbv1.zoZy73wkKve1YocvdlFeBLKiYYJ2qbApRCS1siJIsC"),
    ];

    fn check(secret: &str, hash: &str) -> bool {
        let hash = ForeignHash::parse(hash).unwrap();
        proves(&mut Memory::default(), &Secret::new(secret.as_bytes()), &hash).unwrap()
    }

    #[test]
    fn hashes_of_other_programs_prove_their_secrets_and_no_other() {
        for (secret, hash) in OF_OTHERS {
            assert!(check(secret, hash), "{hash}");
            assert!(!check(&secret.to_uppercase(), hash), "{hash}");
            assert!(!check(&format!("{secret}x"), hash), "{hash}");
        }
    }

    #[test]
    fn long_secrets_are_what_other_programs_make_of_them() {
        let (x80, x300) = ("x".repeat(80), "x".repeat(300));
        let bcrypt = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
        assert!(check(&x80, bcrypt) && check(&x80[..72], bcrypt), "bcrypt looks at 72 bytes");
        assert!(!check(&x80[..71], bcrypt));
        let sha512 = "$6$rounds=1000$abc$5ejynR5HS9F7PP2DhZDDZ2gaP8BiHFAOQbTEwDmTM7Si9a0ECjFMOMC9Nc0qqm6ZafZUJT.XbERS23\
                      ocz7cjq1";
        assert!(check(&x300, sha512));
        assert!(!check(&"x".repeat(299), sha512));
        let at_most = "x".repeat(FOREIGN_SECRET_BYTES_MAX);
        assert!(check(&at_most, bcrypt), "at the limit");
        assert!(!check(&format!("{at_most}x"), bcrypt), "past it nothing is tried");
    }

    #[test]
    fn white_space_is_dropped_only_if_it_does_not_belong_there() {
        let x = OF_OTHERS[9].1;
        assert!(check(" x\r\n", x));
        let spaced = OF_OTHERS[8].1;
        assert!(!check("correcthorse", spaced), "white space of the password itself is asked for");
        assert!(!check("correct  horse", spaced));
    }

    /// Else every wrong password of an account would be a temporary failure, for as long as the hash is there.
    #[test]
    fn what_is_taken_at_import_can_be_verified() {
        let phc = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hjnWNLdrTJRFG4FJvZd1b3Kj3Zg2sSpvmBSNAbNAlyo";
        let bcrypt = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
        let sha512 = OF_OTHERS[5].1.trim_start_matches("{SHA512-CRYPT}");
        let (mut taken, mut refused) = (0, 0);
        for hash in [phc, bcrypt, sha512] {
            for place in 0..hash.len() {
                for other in ["", ".", "/", "1", "5", "A", "z", "$", "=", ",", "+", "-", "_", " ", "\u{e9}"] {
                    let changed = format!("{}{other}{}", &hash[..place], &hash[place + 1..]);
                    let Ok(parsed) = ForeignHash::parse(&changed) else {
                        refused += 1;
                        continue;
                    };
                    // A costly one is like a cheap one, but for the time it takes.
                    if ["$15$", "$14$", "$54$"].iter().any(|cost| changed.contains(cost)) {
                        continue;
                    }
                    let proved = proves(&mut Memory::default(), &Secret::new(*b"secret"), &parsed);
                    assert_eq!(proved, Ok(false), "{changed}");
                    taken += 1;
                }
            }
        }
        assert!(taken > 500 && refused > 500, "{taken} {refused}");
    }

    #[test]
    fn nobody_gets_in_with_nothing() {
        let hash = bcrypt::hash_with_salt(b"", 4, [7; 16]).unwrap().to_string();
        for nothing in ["", " ", "\t\r\n", "\0", "\0x"] {
            assert!(!check(nothing, &hash), "{nothing:?}");
        }
    }

    #[test]
    fn the_first_version_and_several_lanes_of_argon2_are_known() {
        for (version, word) in [(Version::V0x10, "v=16$"), (Version::V0x10, ""), (Version::V0x13, "v=19$")] {
            let params = Params::new(64, 2, 4, Some(32)).unwrap();
            let mut hash = [0; 32];
            let maker = argon2::Argon2::new(Algorithm::Argon2d, version, params);
            maker.hash_password_into(b"secret", &[7; 16], &mut hash).unwrap();
            let encode = |bytes: &[u8]| data_encoding::BASE64_NOPAD.encode(bytes);
            let phc = format!("$argon2d${word}m=64,t=2,p=4${}${}", encode(&[7; 16]), encode(&hash));
            assert!(check("secret", &phc) && !check("Secret", &phc), "{phc}");
        }
    }
}
