//! What was a matter of timing in a recorded run of the Java client: found by trying.
//!
//! A trace shows such a choice only by what follows from it. So the model runs with the ordinary value of each; where it departs from
//! the trace, the last choices before that are tried with their other values, and the one is kept that explains the most polls. All
//! that is not a choice still has to come out by itself.

use fairdrain_sim::choice::{Choice, Point};

use super::{Attempt, Replay, ReplayError};

/// How many choices before a difference are reconsidered.
const RECONSIDERED: usize = 8;

/// Goes on from a first attempt for as long as another choice explains more. Returns the choices.
pub(super) fn choices(attempt: &Attempt<'_>, script: Vec<Choice>) -> Result<Vec<Choice>, ReplayError> {
    let (mut best, mut taken) = attempt.until_it_differs(script)?;
    while best.polls_exact < best.polls {
        let mut better: Option<(Replay, Vec<Choice>)> = None;
        for place in (0..taken.len()).rev().take(RECONSIDERED) {
            for value in alternatives(&taken[place], attempt.slots()) {
                let mut script = taken[..place].to_vec();
                script.push(Choice { value: vec![value], ..taken[place].clone() });
                let (replay, choices) = attempt.until_it_differs(script)?;
                let so_far = better.as_ref().map_or(best.polls_exact, |(replay, _)| replay.polls_exact);
                if replay.refused.is_none() && replay.polls_exact > so_far {
                    better = Some((replay, choices));
                }
            }
        }
        // Each round explains a poll more, so there are at most as many as polls.
        let Some(found) = better else { break };
        (best, taken) = found;
    }
    Ok(taken)
}

/// The other values of a choice, in a world of so many partitions.
fn alternatives(choice: &Choice, slots: u64) -> impl Iterator<Item = u64> + use<> {
    let values = match choice.point {
        Point::JavaFired | Point::JavaStall => 0..2,
        Point::JavaSplit => 0..slots,
        Point::JavaRace => 0..slots + 2,
        Point::JavaAssignOrder => 0..4 * slots,
        _ => 0..0,
    };
    let current = choice.value.first().copied();
    values.filter(move |value| Some(*value) != current)
}
