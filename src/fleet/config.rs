//! From a scenario with instances to a simulated fleet.

use fairdrain_sim::fleet::{Fleet, FleetConfig, InstanceConfig};
use fairdrain_sim::group;

use crate::broker::sim::world_config;
use crate::policy::Name;
use crate::run::RunSpec;
use crate::scenario::{Assignor, GroupProtocol, Ids, OffsetReset, Scenario};

/// The fleet of a scenario at time zero, for a scheduler's consumers.
pub(super) fn fleet(scenario: &Scenario, spec: &RunSpec) -> Fleet {
    let world = world_config(scenario, spec.client, spec.scheduler, spec.cap);
    let group_ids: Vec<String> = if spec.scheduler.has_consumer_a_topic() {
        topic_groups(scenario, spec.scheduler).into_iter().map(|(_, group)| group).collect()
    } else {
        vec![scenario.group.id.clone()]
    };
    let instance = |i: usize| InstanceConfig {
        world: world.clone(),
        group_ids: group_ids.clone(),
        static_id: scenario.group.is_static.then(|| format!("{}-{}", scenario.group.id, i + 1)),
    };
    let instances = (0..scenario.instances.len()).map(instance).collect();
    let mut fleet = Fleet::new(&FleetConfig { group: group_config(scenario), instances });
    if scenario.is_explicit() {
        fleet.share_out();
    }
    fleet
}

/// By topic: its name, and the group whose member has it.
pub(super) fn topic_groups(scenario: &Scenario, scheduler: Name) -> Vec<(String, String)> {
    let per_topic = scheduler.has_consumer_a_topic() && scenario.group.ids(scheduler) == Ids::PerTopic;
    let group = |topic: &str| {
        if per_topic { scenario.group.id(scheduler, topic) } else { scenario.group.id.clone() }
    };
    scenario.topics.iter().map(|t| (t.name.clone(), group(&t.name))).collect()
}

fn group_config(scenario: &Scenario) -> group::GroupConfig {
    let g = &scenario.group;
    group::GroupConfig {
        protocol: match g.protocol {
            GroupProtocol::Classic => group::Protocol::Classic,
            GroupProtocol::Consumer => group::Protocol::Consumer,
        },
        assignor: match g.assignor {
            Assignor::Range => group::Assignor::Range,
            Assignor::RoundRobin => group::Assignor::RoundRobin,
            Assignor::CooperativeSticky => group::Assignor::CooperativeSticky,
            Assignor::Uniform => group::Assignor::Uniform,
        },
        session_timeout: g.session_timeout,
        heartbeat_interval: g.heartbeat_interval,
        max_poll_interval: g.max_poll_interval,
        initial_rebalance_delay: g.initial_rebalance_delay,
        offsets_retention: g.offsets_retention,
        offset_reset: match g.offset_reset {
            OffsetReset::Earliest => group::OffsetReset::Earliest,
            OffsetReset::Latest => group::OffsetReset::Latest,
            OffsetReset::None => group::OffsetReset::None,
        },
    }
}
