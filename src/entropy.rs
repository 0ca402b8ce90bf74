//! Where random bytes come from: the operating system, or a seed in tests.

use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// A source of random bytes, handed in at start so that a test run can repeat exactly.
#[derive(Debug)]
pub struct Entropy {
    /// `None` is the operating system; `Some` is a seed and how often it was drawn from.
    seed: Option<Mutex<(u64, u64)>>,
}

impl Entropy {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self { seed: None }
    }

    /// A repeatable sequence. For tests only: whoever knows the seed knows every byte.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { seed: Some(Mutex::new((seed, 0))) }
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing secret can be made then.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.seed {
            None => getrandom::fill(&mut bytes).expect("the operating system gives random bytes"),
            Some(state) => {
                let mut state = state.lock().expect("no holder of this lock panics");
                for chunk in bytes.chunks_mut(32) {
                    let mut hash = Sha256::new();
                    hash.update(state.0.to_be_bytes());
                    hash.update(state.1.to_be_bytes());
                    state.1 += 1;
                    chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let first: [u8; 40] = Entropy::from_seed(7).bytes();
        assert_eq!(first, Entropy::from_seed(7).bytes());
        assert_ne!(first, Entropy::from_seed(8).bytes());
        assert_ne!(Entropy::system().bytes::<40>(), Entropy::system().bytes::<40>());
    }
}
