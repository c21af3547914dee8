//! Any legal scenario, however odd, under any scheduler and client: a run ends, and what it says adds up.

use fairdrain::metrics::{End, RunMetrics};
use fairdrain::policy::Name;
use fairdrain::run::{RunSpec, Simulation};
use fairdrain::scenario::{Client, Scenario};
use proptest::prelude::*;

const SCHEDULERS: [Name; 6] =
    [Name::Single, Name::MultiGather, Name::MultiSequential, Name::Multi, Name::Fair, Name::CompleteFirst];

/// One of these lines, or none.
fn line(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::option::of(prop::sample::select(choices)).prop_map(|l| l.map_or(String::new(), |l| format!("{l}\n")))
}

fn topic() -> impl Strategy<Value = String> {
    let sizes = [
        line(&["partitions = 2", "partitions = 7", "partitions = 40"]),
        line(&["value_bytes = 0", "value_bytes = 100_000", "value_bytes = { uniform = [0, 5_000] }"]),
        line(&["batch_records = 1", "batch_records = 7", "batch_records = 4_000", "compression_ratio = 1000.0"]),
        line(&["keys = 1", "keys = 1_000", "required = false", "weight = 1_000_000", "leader = 1", "key_bytes = 0"]),
        line(&["processing_per_record = \"1 ms\"", "processing_per_record = \"20 ms\""]),
    ];
    let arrival = line(&[
        "arrival = { rate = \"3/s\", until = \"2 s\" }",
        "arrival = { rate = \"6/min\", until = \"2 min\" }",
        "arrival = { rate = \"100_000/s\", batch_records = 1_000, until = \"20 ms\" }",
        "arrival = { rate = \"999/s\", batch_records = 10, until = \"10 s\" }",
    ]);
    (prop::sample::select(&[0_u32, 1, 2, 99, 100, 101, 3_000][..]), sizes, arrival)
        .prop_map(|(backlog, sizes, arrival)| format!("backlog = {backlog}\n{}{arrival}", sizes.concat()))
}

fn fault() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(
        &[
            "kind = \"broker-down\"\nbroker = 0",
            "kind = \"topic-fails\"\ntopic = \"T0\"",
            "kind = \"crash\"",
            "kind = \"latency-spike\"\nadd = \"2 s\"",
        ][..],
    );
    let from = prop::sample::select(&["0 s", "1 ns", "500 us", "3 ms", "1 s", "70 s"][..]);
    let until = prop::sample::select(&["1 ms", "2 s", "80 s", "10 h"][..]);
    (kind, from, until)
        .prop_map(|(kind, from, until)| format!("[[faults]]\n{kind}\nfrom = \"{from}\"\nuntil = \"{until}\"\n"))
}

fn scenario() -> impl Strategy<Value = String> {
    let consumer = [
        line(&["max.poll.records = 1", "max.poll.records = 3", "max.poll.records = 2_147_483_647"]),
        line(&["poll.timeout.ms = 0", "poll.timeout.ms = 1", "poll.timeout.ms = 5_000"]),
        line(&["fill = \"full\"", "fill = \"first\""]),
        line(&["start = \"group\"", "start = \"assign\""]),
        line(&["commit = \"per-batch\"", "commit = \"on-stop\"", "commit = \"none\""]),
        line(&["fetch.min.bytes = 100_000", "max.partition.fetch.bytes = 1_024", "fetch.max.wait.ms = 5"]),
        line(&["queued.min.messages = 1", "fetch.queue.backoff.ms = 0", "queued.max.messages.kbytes = 1"]),
    ];
    let world = [
        line(&["[application]\nworkers = 3", "[application]\nblocking = true\nprocessing_per_batch = \"5 ms\""]),
        line(&[
            "[network]\nlatency = \"0 s\"",
            "[network]\nlatency = \"5 h\"\njitter = \"1 s\"",
            "[network]\nbandwidth = \"1 B/s\"",
        ]),
        line(&["[brokers]\ncount = 3\nservice = \"0 s\"", "[brokers]\ncount = 2\nfetch.max.bytes = 1_024"]),
    ];
    let limits = prop::sample::select(&["time = \"10 s\"", "polls = 1", "time = \"1 ns\"", "time = \"20 s\""][..]);
    let topics = prop::collection::vec(topic(), 1..5);
    (topics, consumer, world, prop::collection::vec(fault(), 0..3), limits).prop_map(
        |(topics, consumer, world, faults, limits)| {
            let polls = if limits.contains("polls") { "" } else { "polls = 3_000\n" };
            let topics: String =
                topics.iter().enumerate().map(|(i, t)| format!("[[topics]]\nname = \"T{i}\"\n{t}")).collect();
            let (consumer, world, faults) = (consumer.concat(), world.concat(), faults.concat());
            format!("schema_version = 1\n{topics}[consumer]\n{consumer}{world}{faults}[limits]\n{limits}\n{polls}")
        },
    )
}

/// What holds for every run.
fn check(scenario: &Scenario, run: &RunMetrics) -> Result<(), TestCaseError> {
    match &run.end {
        End::Complete => {
            for (topic, of) in scenario.topics.iter().zip(&run.topics) {
                prop_assert_eq!(of.delivered, topic.backlog + of.arrived, "delivered of {}", &topic.name);
                prop_assert!(of.completion.is_some());
            }
            prop_assert!(run.drain.is_some());
        }
        End::LimitReached { left, .. } => {
            for ((topic, of), left) in scenario.topics.iter().zip(&run.topics).zip(left) {
                prop_assert!(*left <= topic.backlog && of.delivered <= topic.backlog + of.arrived);
                prop_assert_eq!(of.completion.is_some(), *left == 0, "{}: {} left", &topic.name, left);
            }
            prop_assert_eq!(run.drain.is_some(), left.iter().all(|l| *l == 0));
        }
        end => return Err(TestCaseError::fail(format!("ended as {end:?}"))),
    }
    for (topic, of) in scenario.topics.iter().zip(&run.topics) {
        let blamed: Option<u64> = of.blame.as_ref().map(|b| b.iter().map(|(_, d)| d.as_nanos()).sum());
        prop_assert_eq!(blamed, Some(of.wait.as_nanos()), "blame of {}", &topic.name);
        prop_assert!(of.wait <= run.ended_after && of.gap_max <= of.wait);
        prop_assert_eq!(of.first_record.is_some(), of.delivered > 0);
        if let (Some(first), Some(completion), true) = (of.first_record, of.completion, topic.backlog > 0) {
            prop_assert!(first <= completion && completion <= run.ended_after);
        }
    }
    let ttci = [run.ttci.first, run.ttci.p50, run.ttci.p95, run.ttci.max];
    prop_assert!(ttci.iter().flatten().is_sorted(), "{ttci:?}");
    prop_assert!(ttci.iter().is_sorted_by_key(|t| t.is_none()), "{ttci:?}");
    prop_assert!(run.jain.is_none_or(|j| (0.0..=1.0 + 1e-9).contains(&j)), "{:?}", run.jain);
    prop_assert!(run.polls_empty <= run.polls);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_ends_and_what_it_says_adds_up(text in scenario(), scheduler in 0..6_usize, client in 0..12_usize, seed: u64) {
        // Some combinations are refused (crashes that overlap, nothing to drain, no second broker): a fine answer too.
        let Ok(parsed) = Scenario::from_toml(&text, "any.toml") else { return Ok(()) };
        let client = Client::all().nth(client).expect("twelve clients");
        let Ok(parsed) = parsed.with_client(client) else { return Ok(()) };
        let scenario = parsed.scenario;
        let cap = scenario.consumer.max_poll_records;
        let spec = RunSpec { client, scheduler: SCHEDULERS[scheduler], cap, seed };
        let Ok(simulation) = Simulation::new(&scenario, &spec) else { return Ok(()) };
        let run = simulation.run(seed);
        check(&scenario, &run)?;
        prop_assert_eq!(simulation.run(seed), run);
    }
}
