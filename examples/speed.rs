use fairdrain::policy::Name;
use fairdrain::run::*;
use fairdrain::scenario::*;
fn main() {
    let mut s = Scenario::load(std::path::Path::new("sim/scenarios/documented-backlog.toml")).unwrap().scenario;
    s.application.per_record = fairdrain::Duration::ZERO;
    let mut small = s.clone();
    for (t, b) in small.topics.iter_mut().zip([100, 50, 10, 5, 1]) {
        t.backlog = b;
    }
    for (what, s, caps) in [("documented", &s, vec![10, 500]), ("small", &small, vec![10])] {
        for cap in caps {
            for client in [Client::Aiokafka, Client::Librdkafka, Client::Ideal] {
                for scheduler in [Name::Single, Name::Multi, Name::Fair] {
                    let n = if what == "small" { 20000 } else { 1000 };
                    let t = std::time::Instant::now();
                    let mut polls = 0;
                    for seed in 0..n {
                        polls = simulate(s, &RunSpec { client, scheduler, cap, seed }).unwrap().polls;
                    }
                    let e = t.elapsed();
                    println!(
                        "{what} cap {cap} {client:?} {scheduler}: {:.0}/s ({polls} polls, {:.0} ns a poll)",
                        n as f64 / e.as_secs_f64(),
                        e.as_nanos() as f64 / n as f64 / polls as f64
                    );
                }
            }
        }
    }
}
