//! Sizes of records.

use crate::record::PartitionId;
use crate::seed::mix;

/// Value bytes of a topic's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// All alike.
    Fixed(u32),
    /// Evenly distributed from the first to the second, both included.
    Uniform(u32, u32),
    /// Drawn from a table of sizes and their weights.
    Table(Vec<(u32, u32)>),
}

impl Sizes {
    /// Value bytes of the record at `offset`: a pure function of the [partition's seed](sizes_seed) and the offset.
    #[must_use]
    pub fn at(&self, seed: u64, offset: i64) -> u64 {
        match self {
            Self::Fixed(bytes) => u64::from(*bytes),
            Self::Uniform(low, high) => {
                let span = u64::from(high - low) + 1;
                u64::from(*low) + (((mix(seed ^ offset as u64) >> 32) * span) >> 32)
            }
            Self::Table(rows) => {
                let total: u64 = rows.iter().map(|(_, weight)| u64::from(*weight)).sum();
                let mut drawn = ((mix(seed ^ offset as u64) >> 32) * total) >> 32;
                for (bytes, weight) in rows {
                    match drawn.checked_sub(u64::from(*weight)) {
                        Some(rest) => drawn = rest,
                        None => return u64::from(*bytes),
                    }
                }
                unreachable!("drawn below the total of the weights")
            }
        }
    }

    /// The largest.
    #[must_use]
    pub fn max(&self) -> u32 {
        match self {
            Self::Fixed(bytes) | Self::Uniform(_, bytes) => *bytes,
            Self::Table(rows) => rows.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0),
        }
    }

    /// The mean, rounded down.
    #[must_use]
    pub fn mean(&self) -> u32 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Uniform(low, high) => low + (high - low) / 2,
            Self::Table(rows) => {
                let weights: u64 = rows.iter().map(|(_, weight)| u64::from(*weight)).sum();
                let bytes: u128 = rows.iter().map(|(bytes, weight)| u128::from(*bytes) * u128::from(*weight)).sum();
                // A mean of u32 is one.
                (bytes / u128::from(weights.max(1))) as u32
            }
        }
    }
}

/// What a partition's sizes are drawn from, given the seed of the data.
#[must_use]
pub const fn sizes_seed(seed: u64, partition: PartitionId) -> u64 {
    mix(seed ^ partition.entity())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_their_distribution() {
        let draw = |sizes: Sizes| (0..3000).map(|offset| sizes.at(7, offset)).collect::<Vec<_>>();
        assert!(draw(Sizes::Fixed(200)).iter().all(|&n| n == 200));
        let uniform = draw(Sizes::Uniform(10, 12));
        for n in 10..=12 {
            assert!((900..1100).contains(&uniform.iter().filter(|&&m| m == n).count()), "{n}");
        }
        let table = draw(Sizes::Table(vec![(5, 2), (7, 1)]));
        assert!((1900..2100).contains(&table.iter().filter(|&&m| m == 5).count()));
        assert!(table.iter().all(|m| [5, 7].contains(m)));
    }

    #[test]
    fn largest_and_mean_are_those_of_the_distribution() {
        let both = |sizes: Sizes| (sizes.max(), sizes.mean());
        assert_eq!(both(Sizes::Fixed(200)), (200, 200));
        assert_eq!(both(Sizes::Uniform(10, 13)), (13, 11));
        assert_eq!(both(Sizes::Table(vec![(5, 2), (8, 1)])), (8, 6));
    }
}
