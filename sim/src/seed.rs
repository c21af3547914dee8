//! Randomness: one stream per entity (a consumer, a connection, a topic by its place in the list), so that taking a fault out of a
//! scenario, or its last topic, moves no other draw.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What kind of thing draws. Part of a stream's name: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Domain {
    /// A client's own choices (request order, start segments).
    Client = 1,
    /// Latency of a connection.
    Network = 2,
    /// Order of simultaneous events.
    Ties = 3,
    /// Permutations of the topics' names.
    Repeat = 4,
}

/// The stream of one entity: `ChaCha8` keyed by seed, domain and entity.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The stream of an entity. The same three numbers give the same stream for ever (golden vectors in the tests).
    #[must_use]
    pub fn new(seed: u64, domain: Domain, entity: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, domain as u64, entity, 0]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self { rng: ChaCha8Rng::from_seed(key) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A number below `n`, each equally likely. `n` must not be 0.
    ///
    /// Lemire, "Fast random integer generation in an interval" (2019): the high half of a product, with the biased low end redrawn.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below 0");
        let biased = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 >= biased {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts a slice into uniformly random order (Fisher-Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// A 64-bit mixing function (the finaliser of `SplitMix64`; Steele, Lea and Flood 2014): for values that must be a pure function of
/// their place, such as a record's key, where a stream would have to be advanced to it.
#[must_use]
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change here changes every recorded fingerprint: it is never a refactoring.
    #[test]
    fn streams_give_the_golden_vectors() {
        let draw = |seed, domain, entity| {
            let mut s = Stream::new(seed, domain, entity);
            [s.bits(), s.bits(), s.below(1000), s.below(3)]
        };
        assert_eq!(draw(0, Domain::Client, 0), GOLDEN[0]);
        assert_eq!(draw(1, Domain::Client, 0), GOLDEN[1]);
        assert_eq!(draw(0, Domain::Network, 0), GOLDEN[2]);
        assert_eq!(draw(0, Domain::Client, 1), GOLDEN[3]);
        let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
        Stream::new(42, Domain::Client, 7).shuffle(&mut order);
        assert_eq!(order, GOLDEN_SHUFFLE);
        assert_eq!([mix(0), mix(1)], [0xe220_a839_7b1d_cdaf, 0x910a_2dec_8902_5cc1]);
    }

    const GOLDEN: [[u64; 4]; 4] = [
        [4606029925845525861, 5881008411243030533, 370, 1],
        [4344717217939160907, 15305578173110765368, 492, 1],
        [13401477096143823361, 7740415239162266461, 402, 1],
        [12368115685094891718, 14853530443299866942, 617, 0],
    ];
    const GOLDEN_SHUFFLE: [u8; 8] = [1, 6, 5, 0, 2, 4, 7, 3];

    #[test]
    fn every_order_of_three_is_about_equally_likely() {
        let mut seen = [0u32; 6];
        for entity in 0..6000 {
            let mut order = [0, 1, 2];
            Stream::new(9, Domain::Client, entity).shuffle(&mut order);
            seen[order[0] * 2 + usize::from(order[1] > order[2])] += 1;
        }
        assert!(seen.iter().all(|&n| (900..1100).contains(&n)), "{seen:?}");
    }
}
