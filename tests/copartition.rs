//! What keeps the records of a key on one instance, and what is refused because nothing does.

use fairdrain::copartition::{Means, Refusal, check};
use fairdrain::policy::Name;
use fairdrain::scenario::Scenario;

/// Two topics that inputs need, and what a case adds to them.
fn scenario(a: &str, b: &str, more: &str) -> Scenario {
    let text = format!(
        "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 100\npartitions = 4\n{a}\n[[topics]]\nname = \"B\"\nbacklog = 100\n\
         partitions = 4\n{b}\n[consumer]\nclient = \"librdkafka\"\n{more}"
    );
    Scenario::from_toml(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}")).scenario
}

const THREE: &str = "[[instances]]\ncount = 3\n";

/// The refusals, each by the scheduler and the lines that bring it about.
fn refused() -> Vec<(&'static str, Refusal)> {
    let cases: [(&str, Name, &str, &str, String); 11] = [
        ("roundrobin", Name::Fair, "", "", format!("[group]\nassignor = \"roundrobin\"\n{THREE}")),
        ("cooperative-sticky", Name::Fair, "", "", format!("[group]\nassignor = \"cooperative-sticky\"\n{THREE}")),
        ("uniform", Name::Single, "", "", format!("[group]\nprotocol = \"consumer\"\n{THREE}")),
        ("a group for each topic", Name::Multi, "", "", THREE.to_owned()),
        ("a group for each topic, by a barrier", Name::MultiGather, "", "", THREE.to_owned()),
        ("one group, a subscription for each topic", Name::Multi, "", "", format!("[group]\nids = \"one\"\n{THREE}")),
        ("a partitioner that is named for one topic", Name::Fair, "partitioner = \"murmur2\"", "", THREE.to_owned()),
        (
            "partitioners of two libraries",
            Name::Fair,
            "partitioner = \"murmur2\"",
            "partitioner = \"consistent_random\"",
            THREE.to_owned(),
        ),
        ("a partitioner that ignores keys", Name::Fair, "", "partitioner = \"random\"", THREE.to_owned()),
        (
            "explicit, one joins later",
            Name::Multi,
            "",
            "",
            "start = \"assign\"\n[[instances]]\n[[instances]]\njoins = \"5 s\"\n".to_owned(),
        ),
        (
            "explicit, one leaves for good",
            Name::Multi,
            "",
            "",
            "start = \"assign\"\ncommit = \"per-batch\"\n[[instances]]\n[[instances]]\nleaves = \"5 s\"\n".to_owned(),
        ),
    ];
    cases
        .into_iter()
        .map(|(what, scheduler, a, b, more)| {
            let refusal = check(&scenario(a, b, &more), scheduler);
            (what, refusal.expect_err(what))
        })
        .collect()
}

#[test]
fn what_may_split_a_key_is_refused_with_the_reason_and_what_to_write_instead() {
    let mut said: Vec<String> = refused().into_iter().map(|(what, refusal)| format!("{what}:\n  {refusal}")).collect();
    let mut uneven = scenario("", "", THREE);
    uneven.topics[1].partitions = 1;
    said.push(format!("partition counts:\n  {}", check(&uneven, Name::Fair).expect_err("4 and 1")));
    insta::assert_snapshot!("refusals", said.join("\n"));
}

#[test]
fn range_in_one_group_keeps_keys_together() {
    for protocol in ["classic", "consumer"] {
        let it = scenario("", "", &format!("[group]\nprotocol = \"{protocol}\"\nassignor = \"range\"\n{THREE}"));
        for scheduler in [Name::Single, Name::Fair, Name::CompleteFirst] {
            assert_eq!(check(&it, scheduler), Ok(Means::Range), "{protocol} {scheduler}");
        }
    }
}

#[test]
fn explicit_assignment_keeps_keys_together_under_every_scheduler() {
    let it = scenario("", "", &format!("start = \"assign\"\n{THREE}leaves = \"5 s\"\nreturns = \"6 s\"\n"));
    for scheduler in Name::ALL {
        assert_eq!(check(&it, scheduler), Ok(Means::Explicit), "{scheduler}");
    }
}

#[test]
fn one_instance_is_never_refused() {
    for more in ["", "[[instances]]\n", "start = \"assign\"\n[[instances]]\nleaves = \"5 s\"\n"] {
        let it = scenario("partitioner = \"murmur2\"", "partitioner = \"random\"", more);
        for scheduler in Name::ALL {
            assert_eq!(check(&it, scheduler), Ok(Means::OneInstance), "{scheduler} {more}");
        }
    }
}

#[test]
fn topics_that_no_input_needs_may_be_as_they_like() {
    let more = format!("[group]\nassignor = \"roundrobin\"\n{THREE}");
    let it = scenario("", "required = false\npartitioner = \"random\"", &more);
    for scheduler in Name::ALL {
        assert_eq!(check(&it, scheduler), Ok(Means::OneTopic), "{scheduler}");
    }
}
