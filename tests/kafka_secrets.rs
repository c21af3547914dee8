//! A secret planted in every place that takes one comes out nowhere: not in reports, not in errors, not in librdkafka's own words.
#![cfg(all(feature = "kafka", feature = "cli"))]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time")]

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// What must never be seen.
const PLANTED: &str = "xyzzy-planted-4711";

const SMALL: &str = "schema_version = 1\nname = \"small\"\n[[topics]]\nname = \"A\"\nbacklog = 200\n[consumer]\nclient = \"librdkafka\"\n";

fn fairdrain(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fairdrain")).args(args).output().unwrap()
}

/// All that a command says, in which the secret must not be.
fn said(args: &[&str]) -> (i32, String) {
    let out = fairdrain(args);
    let all = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(!all.contains(PLANTED), "{args:?}:\n{all}");
    (out.status.code().unwrap(), all)
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn no_command_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (scenario, config, result) = (path("small.toml"), path("client.properties"), path("result.json"));
    fs::write(&scenario, SMALL).unwrap();
    // Known only to a librdkafka that was built with OpenSSL.
    let key = if cfg!(feature = "ssl") { format!("ssl.key.password={PLANTED}\n") } else { String::new() };
    fs::write(&config, format!("# who\nsasl.username=me\nsasl.password={PLANTED}\n{key}")).unwrap();
    let password = format!("sasl.password={PLANTED}");
    let secret = ["-X", password.as_str(), "-X", "debug=all", "--command-config", config.as_str()];
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dead = format!("127.0.0.1:{port}");

    // It works: the report has the command that gives it again.
    for format in ["json", "table", "markdown", "csv"] {
        let run = ["run", &scenario, "--scheduler", "fair", "--backend", "mock", "--format", format];
        let (code, all) = said(&with(&run, &secret));
        assert_eq!(code, 0, "{all}");
    }
    let compare = ["compare", &scenario, "--scheduler", "fair,single", "--backend", "mock", "-o", &result];
    assert_eq!(said(&with(&compare, &secret)).0, 0);
    let written = fs::read_to_string(&result).unwrap();
    assert!(!written.contains(PLANTED) && written.contains("sasl.password"), "{written}");

    // It does not: whatever librdkafka says about it.
    for (more, code) in [
        (vec!["-X", "security.protocol=sasl_plaintext", "-X", "sasl.mechanism=PLAIN"], 7),
        (vec!["-X", "security.protocol=sasl_plaintext", "-X", "sasl.mechanism=NONE"], 2),
        (vec!["-X", "session.timeout.ms=400000"], 2),
    ] {
        let run = ["run", &scenario, "--backend", "kafka", "--bootstrap-server", &dead];
        let (got, all) = said(&[&run[..], &secret, &more].concat());
        assert_eq!(got, code, "{more:?}: {all}");
        assert!(all.lines().count() <= 2, "{all}");
    }
    for wrong in
        ["sasl.passwrod", "ssl.key.pasword", "sasl.jaas.config", "sasl.oauthbearer.client.secrets", "ssl.key.pem"]
    {
        let property = format!("{wrong}={PLANTED}");
        let (code, all) = said(&["run", &scenario, "--backend", "mock", "-X", &property]);
        assert_ne!(code, 0, "{property}: {all}");
    }
    fs::write(&config, format!("sasl.password={PLANTED}\n{PLANTED}\n")).unwrap();
    let (code, all) = said(&["run", &scenario, "--backend", "mock", "--command-config", &config]);
    assert!(code == 2 && all.contains("client.properties:2"), "{all}");
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_secrets -- --ignored"]
fn a_wrong_password_is_one_message_without_it_and_the_right_one_lets_in() {
    let servers =
        std::env::var("FAIRDRAIN_KAFKA_SASL").expect("FAIRDRAIN_KAFKA_SASL=host:port; scripts/kafka run sets it");
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("small.toml");
    fs::write(&scenario, SMALL).unwrap();
    let login = |password: &str| {
        let config = folder.path().join("client.properties");
        let who = "security.protocol=sasl_plaintext\nsasl.mechanism=PLAIN\nsasl.username=fairdrain\n";
        fs::write(&config, format!("{who}sasl.password={password}\n")).unwrap();
        let began = Instant::now();
        let (scenario, config) = (scenario.to_str().unwrap(), config.to_str().unwrap());
        let run = ["run", scenario, "--scheduler", "fair", "--backend", "kafka", "--bootstrap-server", &servers];
        let answer = said(&with(&run, &["--command-config", config]));
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        answer
    };
    let (code, all) = login(PLANTED);
    assert_eq!(code, 2, "{all}");
    assert!(all.contains("does not let us in") && all.contains(&servers) && all.lines().count() == 1, "{all}");
    println!("{all}");
    let (code, all) = login("open-sesame");
    assert_eq!(code, 0, "{all}");
}
