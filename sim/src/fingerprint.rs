//! A rolling hash over everything that happens.

/// A rolling 64-bit hash: equal for equal sequences of words, on every machine and in every build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Takes a word in. Rotate, xor, multiply (as in `FxHash`): a few cycles, and order matters.
    pub fn push(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// The hash of all words so far.
    #[must_use]
    pub const fn get(self) -> u64 {
        crate::seed::mix(self.0)
    }
}
