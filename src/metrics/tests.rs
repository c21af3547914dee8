//! Order statistics.

use crate::Duration;

#[test]
fn order_statistics_are_elements_of_the_sorted_times() {
    let times = |n: u64| (1..=n).rev().map(Duration::from_nanos).collect::<Vec<_>>();
    let ns = |n| Some(Duration::from_nanos(n));
    for (completed, keys, expected) in [
        // Elements 1, ceil(10), ceil(19), 20.
        (20, 20, [ns(1), ns(10), ns(19), ns(20)]),
        // ceil(10.5) = 11, ceil(19.95) = 20.
        (21, 21, [ns(1), ns(11), ns(20), ns(21)]),
        (1, 1, [ns(1), ns(1), ns(1), ns(1)]),
        (19, 20, [ns(1), ns(10), ns(19), None]),
        (10, 20, [ns(1), ns(10), None, None]),
        (9, 20, [ns(1), None, None, None]),
        (0, 20, [None; 4]),
        (0, 0, [None; 4]),
    ] {
        let ttci = super::Ttci::of(&mut times(completed), keys);
        assert_eq!([ttci.first, ttci.p50, ttci.p95, ttci.max], expected, "{completed} of {keys}");
        assert_eq!(u64::from(ttci.never), u64::from(keys) - completed);
    }
}
