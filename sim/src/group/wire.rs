//! What goes over the wire between a member and its coordinator. Topics are the fleet's, not a world's.

use super::Refusal;
use crate::record::PartitionId;

/// A member of a group. Ordered as the random ids of real members are: by nothing that means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberId {
    /// Drawn; what a real id would be sorted by.
    pub(crate) rank: u32,
    /// Counts up over the coordinator's life.
    pub(crate) number: u32,
}

/// Where a response goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) instance: u32,
    pub(crate) consumer: u32,
    /// Counts the starts of the instance: what was meant for a process that has died reaches nobody.
    pub(crate) incarnation: u32,
}

/// What a member says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// The topics it wants, sorted.
    pub(crate) topics: Vec<u32>,
    /// What it has already, sorted. Empty under an eager assignor.
    pub(crate) owned: Vec<PartitionId>,
    /// The generation in which it got that.
    pub(crate) generation: i32,
}

/// One member, as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) id: MemberId,
    pub(crate) instance: Option<u32>,
    pub(crate) subscription: Subscription,
}

/// An assignment: each member's partitions.
pub(crate) type Assignments = Vec<(MemberId, Vec<PartitionId>)>;

/// Who sends a request of the classic protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) id: MemberId,
    pub(crate) instance: Option<u32>,
    pub(crate) generation: i32,
}

/// `ConsumerGroupHeartbeat`.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) id: Option<MemberId>,
    pub(crate) instance: Option<u32>,
    /// 0 to join, negative to leave.
    pub(crate) epoch: i32,
    pub(crate) topics: Vec<u32>,
    /// What it has, if that has changed.
    pub(crate) owned: Option<Vec<PartitionId>>,
}

/// From a member to its coordinator.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Join {
        id: Option<MemberId>,
        instance: Option<u32>,
        subscription: Subscription,
    },
    Sync {
        sender: Sender,
        assignments: Assignments,
    },
    Heartbeat {
        sender: Sender,
    },
    Leave {
        sender: Sender,
    },
    /// All there is in the consumer protocol.
    Beat(Beat),
    /// `OffsetCommit`; without a sender: of a consumer that is no member.
    Commit {
        sender: Option<Sender>,
        offsets: Vec<(PartitionId, i64)>,
    },
    /// `OffsetFetch`.
    Offsets {
        partitions: Vec<PartitionId>,
    },
}

/// From a coordinator to a member.
#[derive(Clone, Debug)]
pub(crate) enum Response {
    /// Join again with this id.
    IdRequired(MemberId),
    /// With the whole group if this member leads it.
    Joined {
        id: MemberId,
        generation: i32,
        members: Option<Vec<Joined>>,
    },
    Synced {
        partitions: Vec<PartitionId>,
    },
    /// The member's epoch, and what it may have if that has changed.
    Beat {
        id: MemberId,
        epoch: i32,
        assignment: Option<Vec<PartitionId>>,
    },
    /// A join, sync or beat is refused.
    Refused(Refusal),
    Alive(Result<(), Refusal>),
    Left,
    Committed(Result<(), Refusal>),
    Offsets(Vec<(PartitionId, Option<i64>)>),
}
