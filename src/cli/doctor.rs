//! `doctor`: what this program was built with, and whether it works here.

use std::path::Path;

use anyhow::Context as _;
use fairdrain::policy::Name;
use fairdrain::run::{RunSpec, simulate};
use fairdrain::scenario::{Client, Scenario, bundled};

use super::exit::Exit;
use super::output::print;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command.
pub(crate) fn run(_: &Args) -> anyhow::Result<Exit> {
    let feature = |name: &str, on: bool| format!("{} {name}", if on { "with" } else { "without" });
    let features = [
        feature("kafka", cfg!(feature = "kafka")),
        feature("ssl", cfg!(feature = "ssl")),
        feature("sasl", cfg!(feature = "sasl")),
        feature("zstd", cfg!(feature = "zstd")),
    ];
    let clients: Vec<String> = Client::all().map(|c| c.to_string()).collect();
    let schedulers: Vec<String> = Name::ALL.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        ("fairdrain", env!("CARGO_PKG_VERSION").to_owned()),
        ("built", format!("{}, {}", if cfg!(debug_assertions) { "debug" } else { "release" }, features.join(", "))),
        ("system", format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)),
        ("processors", std::thread::available_parallelism().map_or_else(|e| e.to_string(), |n| n.to_string())),
        ("clients", clients.join(", ")),
        ("schedulers", schedulers.join(", ")),
        ("scenarios", format!("{} bundled", bundled().len())),
    ];
    #[cfg(feature = "kafka")]
    lines.push(("librdkafka", fairdrain::broker::kafka::librdkafka_version()));
    let (first, second) = (self_test()?, self_test()?);
    lines.push((
        "self-test",
        format!("fingerprint {first:016x}, {}", if first == second { "twice" } else { "not repeated" }),
    ));
    if cfg!(debug_assertions) {
        lines.push(("note", "a debug build is many times slower: use cargo run --release".into()));
    }
    let text: String = lines.iter().map(|(what, is)| format!("{what:<12} {is}\n")).collect();
    print(text.as_bytes())?;
    Ok(if first == second { Exit::Fine } else { Exit::Nondeterminism })
}

/// Simulates the documented backlog; the fingerprint is the same on every machine.
fn self_test() -> anyhow::Result<u64> {
    let scenario = Scenario::load(Path::new("documented-backlog"))?.scenario;
    let spec = RunSpec { client: Client::Aiokafka, scheduler: Name::Fair, cap: 500, seed: 1 };
    simulate(&scenario, &spec)?.fingerprint.context("a simulation has a fingerprint")
}
