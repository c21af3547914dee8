//! What the benches share: the worlds they run.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![expect(unreachable_pub, reason = "a module of several programs, not of a library")]

use fairdrain::policy::Name;
use fairdrain::run::{RunSpec, Simulation};
use fairdrain::scenario::{Client, Scenario};

pub mod alloc;

pub const CLIENTS: [(&str, Client); 3] =
    [("aiokafka", Client::Aiokafka), ("librdkafka", Client::Librdkafka), ("ideal", Client::Ideal)];

/// The small world: 166 records in five topics.
pub fn small() -> Scenario {
    five_topics([100, 50, 10, 5, 1])
}

/// The documented backlog: 15 160 records in five topics.
pub fn documented() -> Scenario {
    five_topics([10_000, 5_000, 100, 50, 10])
}

/// Five topics of 200-byte values in batches of 100, ten keys, and an application that needs no time.
pub fn five_topics(backlogs: [u64; 5]) -> Scenario {
    let topic = |(name, backlog)| {
        format!(
            "[[topics]]\nname = \"{name}\"\nbacklog = {backlog}\nvalue_bytes = 200\nbatch_records = 100\nkeys = 10\n"
        )
    };
    scenario(&["A", "B", "C", "D", "E"].into_iter().zip(backlogs).map(topic).collect::<String>())
}

/// So many topics, each with so many records of 200 bytes in batches of 100.
pub fn equal_topics(topics: u32, records: u64) -> Scenario {
    scenario(&format!(
        "[[topics]]\nname = \"t[1-{topics}]\"\nbacklog = {records}\nvalue_bytes = 200\nbatch_records = 100\n"
    ))
}

fn scenario(topics: &str) -> Scenario {
    let text = format!(
        "schema_version = 1\nname = \"bench\"\n{topics}\n\
         [consumer]\npoll.timeout.ms = 1000\n\
         [application]\nprocessing_per_record = \"0 ms\"\nblocking = false\n\
         [limits]\ntime = \"100 h\"\n"
    );
    Scenario::from_toml(&text, "bench.toml").unwrap_or_else(|errors| panic!("{errors}")).scenario
}

/// A scenario made ready; `None` if the client can't do the scheduler.
pub fn prepare(scenario: &Scenario, client: Client, scheduler: Name, cap: u32) -> Option<Simulation> {
    Simulation::new(scenario, &RunSpec { client, scheduler, cap, seed: 0 }).ok()
}

/// Whether only to show that the bench works: `cargo bench -- --test`, as criterion has it.
pub fn is_test() -> bool {
    std::env::args().any(|arg| arg == "--test")
}

/// Whether this program is to run at all: `cargo test --benches` starts benches of their own main without `--bench`.
pub fn is_bench() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}
