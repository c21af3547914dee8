//! Whether the records of one key stay together when several instances share the work.
//!
//! An input is complete when one instance has processed a record of its key of every required topic. That needs
//! **co-partitioned** topics: the same number of partitions, the same partitioner, and the same partition numbers of all of them on
//! one instance. Topics that no input needs, and a single required one, need none of it; nor does a single instance.
//!
//! Two things give the same numbers to one instance:
//! - one group, `range`, and members with equal subscriptions. `range` goes topic by topic: members in one order (of member ids, or
//!   of `group.instance.id`), each a run of consecutive partitions; so topics alike are cut alike (Kafka: clients'
//!   `RangeAssignor.assign`, group coordinator's `RangeAssignor`; librdkafka: `rd_kafka_range_assignor_assign_cb`);
//! - explicit assignment: instance i of n takes the partitions p with p mod n = i.
//!
//! Everything else may split a key: [`check`] refuses it, and says what to write instead.

use crate::policy::Name;
use crate::scenario::{Assignor, GroupProtocol, Ids, Partitioner, Scenario};

/// What keeps the records of a key together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// There is one instance.
    OneInstance,
    /// No input needs more than one topic.
    OneTopic,
    /// Each instance has the partition numbers that are its own.
    Explicit,
    /// One group and `range`, under equal subscriptions.
    Range,
}

/// A combination in which inputs may never be complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Topics with different numbers of partitions.
    #[error(
        "an input may never be complete: `{}` has {}, `{}` has {}, so that a key has different partition numbers in them; give all required \
         topics the same number of partitions, or set required = false where inputs can do without",
        .one.0, partitions(.one.1), .other.0, partitions(.other.1)
    )]
    PartitionCounts {
        /// A topic and its partitions.
        one: (String, u32),
        /// Another one.
        other: (String, u32),
    },
    /// Topics whose producers place keys differently.
    #[error(
        "an input may never be complete: producers place the keys of `{}` by {}, those of `{}` by {}, so that a key has different \
         partition numbers in them; set one partitioner in all producers (librdkafka: partitioner=murmur2_random is what Java's do)",
        .one.0, partitioner(.one.1), .other.0, partitioner(.other.1)
    )]
    Partitioners {
        /// A topic and its partitioner.
        one: (String, Option<Partitioner>),
        /// Another one.
        other: (String, Option<Partitioner>),
    },
    /// A topic whose keys are anywhere.
    #[error(
        "an input may never be complete: producers of `{topic}` place records without regard to their keys; use a partitioner that goes \
         by the key, such as murmur2, or set required = false"
    )]
    RandomPartitioner {
        /// The topic.
        topic: String,
    },
    /// A group for each topic.
    #[error(
        "an input may never be complete: under `{scheduler}` each topic has a group of its own, and each group deals out its partitions by \
         itself; use `single`, `fair` or `complete-first` with one group and assignor = \"range\", or explicit assignment, start = \"assign\""
    )]
    GroupPerTopic {
        /// The scheduler.
        scheduler: Name,
    },
    /// One group, in which each member subscribes to one topic.
    #[error(
        "an input may never be complete: the consumers of `{scheduler}` subscribe to one topic each, and which of a topic's members is \
         first depends on their ids; use `single`, `fair` or `complete-first`, or explicit assignment, start = \"assign\""
    )]
    Subscriptions {
        /// The scheduler.
        scheduler: Name,
    },
    /// An assignor that looks at the number of partitions, not at which.
    #[error(
        "an input may never be complete: `{}` deals out partitions without regard to their numbers; write assignor = \"range\" in [group] \
         ({})",
        .assignor.as_str(), property(*.protocol)
    )]
    Assignor {
        /// The assignor.
        assignor: Assignor,
        /// Whose.
        protocol: GroupProtocol,
    },
    /// Explicit assignment to instances that come and go.
    #[error(
        "partitions would have no owner: with start = \"assign\" the number of instances is fixed, and one of them {}; write start = \
         \"group\" in [consumer], or let every instance join at 0 s and return after it leaves",
        if *.late { "joins later" } else { "leaves and does not return" }
    )]
    Changing {
        /// It joins later; else it leaves for good.
        late: bool,
    },
}

fn partitions(n: u32) -> String {
    if n == 1 { "1 partition".to_owned() } else { format!("{n} partitions") }
}

fn partitioner(which: Option<Partitioner>) -> &'static str {
    which.map_or("a partitioner that is not named", Partitioner::as_str)
}

fn property(protocol: GroupProtocol) -> &'static str {
    match protocol {
        GroupProtocol::Classic => "partition.assignment.strategy=range",
        GroupProtocol::Consumer => "group.remote.assignor=range",
    }
}

/// What keeps the keys of a scenario together under a scheduler.
///
/// # Errors
/// [`Refusal`] if nothing does: some inputs might never be complete.
pub fn check(scenario: &Scenario, scheduler: Name) -> Result<Means, Refusal> {
    if scenario.instances.len() < 2 {
        return Ok(Means::OneInstance);
    }
    if scenario.is_explicit() {
        steady(scenario)?;
    }
    let mut required = scenario.topics.iter().filter(|t| t.required);
    let Some(first) = required.next() else { return Ok(Means::OneTopic) };
    let others: Vec<_> = required.collect();
    if others.is_empty() {
        return Ok(Means::OneTopic);
    }
    for topic in &others {
        if topic.partitions != first.partitions {
            return Err(Refusal::PartitionCounts {
                one: (first.name.clone(), first.partitions),
                other: (topic.name.clone(), topic.partitions),
            });
        }
    }
    if let Some(topic) = [first].iter().chain(&others).find(|t| t.partitioner == Some(Partitioner::Random)) {
        return Err(Refusal::RandomPartitioner { topic: topic.name.clone() });
    }
    for topic in &others {
        if topic.partitioner != first.partitioner {
            return Err(Refusal::Partitioners {
                one: (first.name.clone(), first.partitioner),
                other: (topic.name.clone(), topic.partitioner),
            });
        }
    }
    if scenario.is_explicit() {
        return Ok(Means::Explicit);
    }
    match (scenario.group.ids(scheduler), scheduler.has_consumer_a_topic()) {
        (Ids::PerTopic, true) => Err(Refusal::GroupPerTopic { scheduler }),
        (Ids::One, true) => Err(Refusal::Subscriptions { scheduler }),
        (_, false) if scenario.group.assignor != Assignor::Range => {
            Err(Refusal::Assignor { assignor: scenario.group.assignor, protocol: scenario.group.protocol })
        }
        // A consumer of all topics has one group, whatever `ids` says.
        (_, false) => Ok(Means::Range),
    }
}

/// Whether instance i of n has its partitions for as long as the run lasts, but for a restart.
fn steady(scenario: &Scenario) -> Result<(), Refusal> {
    for instance in &scenario.instances {
        if !instance.joins.is_zero() {
            return Err(Refusal::Changing { late: true });
        }
        if instance.leaves.is_some_and(|l| l.returns.is_none()) {
            return Err(Refusal::Changing { late: false });
        }
    }
    Ok(())
}
