//! Alone in its process: other tests have threads too.
#![cfg(all(feature = "kafka", target_os = "linux"))]

use fairdrain::broker::kafka::Target;
use fairdrain::policy::Name;
use kafka_support::{drain, scenario, topic};

mod kafka_support;

#[test]
fn no_thread_is_left_when_a_run_is_over() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    drain(&scenario(vec![topic("A", 500), topic("B", 10)]), &Name::ALL, &Target::Mock).unwrap();
    assert_eq!(threads(), before);
}
