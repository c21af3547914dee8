//! A set of topics.

use crate::TopicId;

/// A set of topics as a bit set: iteration is in the order of the scenario's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSet {
    words: Vec<u64>,
}

impl TopicSet {
    /// Adds a topic. Returns whether it was new.
    pub fn insert(&mut self, topic: TopicId) -> bool {
        let (word, bit) = (topic.index() / 64, 1 << (topic.index() % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Takes a topic out. Returns whether it was in.
    pub fn remove(&mut self, topic: TopicId) -> bool {
        let (word, bit) = (topic.index() / 64, 1 << (topic.index() % 64));
        let Some(w) = self.words.get_mut(word) else { return false };
        let was = *w & bit != 0;
        *w &= !bit;
        was
    }

    /// Whether a topic is in the set.
    #[must_use]
    pub fn contains(&self, topic: TopicId) -> bool {
        self.words.get(topic.index() / 64).is_some_and(|w| w & (1 << (topic.index() % 64)) != 0)
    }

    /// Whether no topic is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// How many topics are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// The topics, in the order of the scenario's list.
    pub fn iter(&self) -> impl Iterator<Item = TopicId> + '_ {
        self.words.iter().enumerate().flat_map(|(i, &word)| {
            core::iter::successors((word != 0).then_some(word), |w| {
                let rest = w & (w - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |w| TopicId((i * 64) as u32 + w.trailing_zeros()))
        })
    }
}

impl FromIterator<TopicId> for TopicSet {
    fn from_iter<I: IntoIterator<Item = TopicId>>(topics: I) -> Self {
        let mut set = Self::default();
        for topic in topics {
            set.insert(topic);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in_and_not_taken_out() {
        let mut set: TopicSet = [3, 200, 64].map(TopicId).into_iter().collect();
        assert!(!set.insert(TopicId(64)) && set.remove(TopicId(3)) && !set.remove(TopicId(4)));
        assert_eq!(set.iter().collect::<Vec<_>>(), [TopicId(64), TopicId(200)]);
        assert_eq!((set.len(), set.contains(TopicId(3)), set.contains(TopicId(10_000))), (2, false, false));
    }

    #[test]
    fn an_emptied_set_is_empty() {
        let mut set = TopicSet::default();
        assert!(set.is_empty());
        set.insert(TopicId(70));
        set.remove(TopicId(70));
        assert!(set.is_empty() && set.iter().next().is_none());
    }
}
