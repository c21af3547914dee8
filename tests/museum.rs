//! The museum of cliffs: every cliff of `sim/scenarios/clients` is red under the client's own behaviour, green under each of its
//! fixes, and gone in a client without its mechanism. What is expected stands in museum.toml; what came out is the table in
//! docs/clients.md. To write that anew: `FAIRDRAIN_WRITE_DOCS=1 cargo test --test museum`.

#![cfg(feature = "cli")]

mod exhibit;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use exhibit::{Museum, Shown};
use fairdrain::scenario::{Client, Parsed, Scenario, bundled_of_clients};
use fairdrain_sim::choice::Point;

const BEGIN: &str = "<!-- museum: written by tests/museum.rs -->\n";
const END: &str = "<!-- end of museum -->\n";

/// The scenarios that show no cliff, but how clients drain.
const NO_CLIFFS: [&str; 2] = ["chunks", "java-subscribe"];

fn museum() -> Museum {
    toml::from_str(include_str!("museum.toml")).unwrap_or_else(|e| panic!("{e}"))
}

fn load(name: &str) -> Parsed {
    Scenario::load(Path::new(&format!("clients/{name}"))).unwrap_or_else(|e| panic!("{e}"))
}

/// Scenarios of the clients, without their folder.
fn names() -> impl Iterator<Item = &'static str> {
    bundled_of_clients().iter().map(|b| b.name.trim_start_matches("clients/"))
}

/// The scenarios that are a cliff with its fix.
fn fixes(cliff: &str) -> Vec<&'static str> {
    names().filter(|name| name.strip_prefix(cliff).is_some_and(|rest| rest.starts_with("-by-"))).collect()
}

/// What a scenario says, without what it is called.
fn lines(name: &str) -> Vec<&'static str> {
    let bundled = bundled_of_clients().iter().find(|b| b.name.trim_start_matches("clients/") == name);
    let text = bundled.unwrap_or_else(|| panic!("no scenario {name}")).text;
    let of_its_own = |line: &&str| ["#", "name = \"", "description = "].iter().all(|p| !line.starts_with(p));
    // The names of topics are the same, so it does no harm that they are left out.
    text.lines().filter(of_its_own).filter(|line| !line.is_empty()).collect()
}

/// The lines that a fix has and its cliff has not.
fn changed(cliff: &str, fix: &str) -> Vec<&'static str> {
    let before = lines(cliff);
    lines(fix).into_iter().filter(|line| !before.contains(line)).collect()
}

#[test]
fn every_cliff_is_in_the_museum_with_a_fix() {
    let museum = museum();
    let mut there: Vec<&str> = museum.cliff.iter().map(|c| c.name.as_str()).chain(NO_CLIFFS).collect();
    let mut expected: Vec<&str> = names().filter(|name| !name.contains("-by-")).collect();
    there.sort_unstable();
    expected.sort_unstable();
    assert_eq!(there, expected);
    let fixed: usize = museum.cliff.iter().map(|c| fixes(&c.name).len()).sum();
    assert_eq!(fixed, names().filter(|name| name.contains("-by-")).count(), "a fix belongs to one cliff");
    assert!(museum.cliff.iter().all(|c| !fixes(&c.name).is_empty()));
}

#[test]
fn every_cliff_says_in_its_file_what_it_is_and_what_it_stands_for() {
    for cliff in &museum().cliff {
        let text =
            bundled_of_clients().iter().find(|b| b.name.trim_start_matches("clients/") == cliff.name).unwrap().text;
        let head = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).collect::<Vec<_>>().join(" ");
        for part in ["Symptom: ", "Mechanism: ", "Fix: ", "Issue: "] {
            assert!(head.contains(part), "{} lacks its {part}", cliff.name);
        }
        let (_, issue) = head.split_once("Issue: ").expect("there is one");
        assert_eq!(cliff.issues.is_empty(), issue == "no public one known", "{}", cliff.name);
        assert!(cliff.issues.iter().all(|i| head.contains(&i.name)), "{}: {issue}", cliff.name);
    }
}

#[test]
fn a_fix_changes_no_more_than_the_lines_that_cure() {
    for cliff in &museum().cliff {
        for fix in fixes(&cliff.name) {
            let (changed, before, after) = (changed(&cliff.name, fix), lines(&cliff.name), lines(fix));
            assert!((1..=3).contains(&changed.len()), "{fix}: {changed:?}");
            let kept = before.iter().filter(|line| after.contains(line)).count();
            assert!(kept + 3 >= before.len(), "{fix} lacks lines of the cliff");
        }
    }
}

#[test]
fn cliffs_are_red_and_their_fixes_green() {
    let mut wrong = String::new();
    for cliff in &museum().cliff {
        let red = Shown::new(&load(&cliff.name));
        for symptom in &cliff.symptoms {
            println!("{}: {}", cliff.name, symptom.say(&red));
            if !symptom.is_red(&red) {
                let _ = writeln!(wrong, "{} is not red: {}", cliff.name, symptom.say(&red));
            }
        }
        for fix in fixes(&cliff.name) {
            let green = Shown::new(&load(fix));
            for symptom in &cliff.symptoms {
                println!("  {fix}: {}", symptom.say(&green));
                assert!(symptom.green < symptom.red(), "{}: what is green would be red, too", cliff.name);
                if green.worst(&symptom.what) > symptom.green {
                    let _ = writeln!(wrong, "{fix} is not green: {}", symptom.say(&green));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// That a cliff is red says something about its mechanism only if it is not red without.
#[test]
fn no_cliff_is_red_in_a_client_without_its_mechanism() {
    for cliff in &museum().cliff {
        let parsed = load(&cliff.name);
        let client: Client = cliff.gone_with.parse().unwrap_or_else(|e| panic!("{}: {e}", cliff.name));
        assert_ne!(client, parsed.scenario.consumer.client, "{}", cliff.name);
        let without = Shown::new(&parsed.with_client(client).unwrap_or_else(|e| panic!("{e}")));
        for symptom in &cliff.symptoms {
            assert!(!symptom.is_red(&without), "{} with {client}: {}", cliff.name, symptom.say(&without));
        }
    }
}

/// The recordings have what the scenarios show: the same number of stalls in every repeat, or none where it is fixed.
#[test]
fn recorded_runs_of_the_real_clients_have_the_cliffs_too() {
    let mut recorded = 0;
    for cliff in &museum().cliff {
        for runs in &cliff.recorded {
            let measured = runs.measured();
            println!("{}: {} of {}: {measured:?}", cliff.name, runs.what, runs.runs);
            let [from, to] = runs.each;
            assert!(measured.iter().all(|n| (from..=to).contains(n)), "{}: {measured:?}", runs.runs);
            recorded += measured.len();
        }
    }
    assert!(recorded >= 40, "{recorded} recordings");
}

/// The table of docs/clients.md.
fn table() -> String {
    let link = |name: &str| format!("[{name}](../sim/scenarios/clients/{name}.toml)");
    let mut out =
        String::from("\n| cliff | as it is | fix | with it | public issue | recorded |\n|---|---|---|---|---|---|\n");
    for cliff in &museum().cliff {
        let say = |shown: &Shown| cliff.symptoms.iter().map(|s| s.say(shown)).collect::<Vec<_>>().join(", ");
        let red = say(&Shown::new(&load(&cliff.name)));
        let issues: Vec<String> = cliff.issues.iter().map(|i| format!("[{}]({})", i.name, i.url)).collect();
        let of_recording = |r: &exhibit::Recorded| match (r.each, r.what.as_str()) {
            ([1, 1], "stalls") => format!("{}: 1 stall", r.runs),
            ([n, same], "stalls") if n == same => format!("{}: {n} stalls", r.runs),
            ([from, to], "stalls") => format!("{}: {from} to {to} stalls", r.runs),
            ([n, _], _) => {
                format!("{}: {} at the start", r.runs, if n > 0 { "an empty poll" } else { "no empty poll" })
            }
        };
        let recorded = cliff.recorded.iter().map(of_recording).collect::<Vec<_>>().join(", ");
        let issues = if issues.is_empty() { "none known".to_owned() } else { issues.join(", ") };
        for (i, fix) in fixes(&cliff.name).into_iter().enumerate() {
            let fixed = load(fix);
            let file = format!("[{}](../sim/scenarios/clients/{fix}.toml)", &fix[cliff.name.len() + 1..]);
            let how = &fixed.scenario.description;
            let green = say(&Shown::new(&fixed));
            let [name, red, issues, recorded] = match i {
                0 => [&*link(&cliff.name), &red, &issues, &recorded],
                _ => [""; 4],
            };
            let _ = writeln!(out, "| {name} | {red} | {file}: {how} | {green} | {issues} | {recorded} |");
        }
    }
    out.push('\n');
    out
}

fn page() -> (PathBuf, String) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
    let text = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    (page, text)
}

/// Files of `sim/src/client` that serve several models and are none.
const NO_MODELS: [&str; 4] = ["mod.rs", "settings.rs", "costs.rs", "metadata.rs"];

#[test]
fn every_model_begins_with_what_it_does_not_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/src/client");
    let mut models = 0;
    for entry in fs::read_dir(folder).expect("the folder of the models") {
        let path = entry.expect("an entry").path();
        // `x.rs` with `x/` beside it, or `x/mod.rs`.
        let file = if path.is_dir() { path.join("mod.rs") } else { path.clone() };
        if !file.is_file() || NO_MODELS.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        models += 1;
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(head.contains("Does not model"), "{} does not say what it leaves out", file.display());
    }
    let mut clients: Vec<&str> = Client::all().map(|c| c.name().trim_end_matches("-async")).collect();
    clients.dedup();
    assert_eq!(models, clients.len(), "a model file for each of {clients:?}");
}

#[test]
fn every_choice_point_and_every_client_is_in_the_page() {
    let (_, text) = page();
    let point = |point: &Point| format!("| `{point}` |");
    let client = |client: Client| format!("`{client}`");
    let wanted = Point::ALL.iter().map(point).chain(Client::all().map(client));
    let missing: Vec<String> = wanted.filter(|wanted| !text.contains(wanted)).collect();
    assert!(missing.is_empty(), "docs/clients.md lacks {missing:?}");
}

#[test]
fn the_table_in_the_page_is_what_the_museum_shows() {
    let (page, text) = page();
    let (before, rest) = text.split_once(BEGIN).expect("the table has a beginning");
    let (there, after) = rest.split_once(END).expect("the table has an end");
    let table = table();
    if std::env::var_os("FAIRDRAIN_WRITE_DOCS").is_some() {
        fs::write(&page, format!("{before}{BEGIN}{table}{END}{after}")).expect("the page can be written");
        return;
    }
    assert!(
        there == table,
        "docs/clients.md does not show what the museum does; write it anew: FAIRDRAIN_WRITE_DOCS=1 cargo test --test museum"
    );
}
