use fairdrain::policy::Name;
use fairdrain::run::*;
use fairdrain::scenario::*;
fn main() {
    let file = std::env::args().nth(1).unwrap();
    let parsed = Scenario::load(std::path::Path::new(&file)).unwrap();
    let s = parsed.scenario;
    for client in [Client::Aiokafka, Client::Librdkafka, Client::Ideal] {
        for scheduler in Name::ALL {
            let cap = if scheduler == Name::Single {
                s.consumer.max_poll_records
            } else {
                s.scheduler.max_poll_records.unwrap_or(s.consumer.max_poll_records)
            };
            let t = std::time::Instant::now();
            let m = simulate(&s, &RunSpec { client, scheduler, cap, seed: 1 }).unwrap();
            let e = t.elapsed();
            let d = |x: Option<fairdrain::Duration>| x.map_or("-".into(), |d| d.to_string());
            println!(
                "{client:?} {scheduler} end {:?} drain {} ttci {}/{}/{}/{} gap {:?} jain {:?} polls {}/{} buf {:?} bound {} fp {:x?} first {:?} [{e:?}]",
                m.end,
                d(m.drain),
                d(m.ttci.first),
                d(m.ttci.p50),
                d(m.ttci.p95),
                d(m.ttci.max),
                m.gap_max.map(|(d, t)| (d.to_string(), t)),
                m.jain,
                m.polls,
                m.polls_empty,
                m.buffered_bytes_peak,
                m.bound.drain,
                m.fingerprint,
                m.topics.iter().map(|t| t.first_poll).collect::<Vec<_>>()
            );
            if std::env::args().nth(2).is_some() {
                for (i, t) in m.topics.iter().enumerate() {
                    println!(
                        "    {} wait {} completion {} blame {:?}",
                        i,
                        t.wait,
                        d(t.completion),
                        t.blame.as_ref().map(|b| b.iter().map(|(c, d)| format!("{c:?}={d}")).collect::<Vec<_>>())
                    );
                }
            }
        }
    }
}
