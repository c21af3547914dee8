//! Jain's fairness index of the service that topics have received.

/// Up to this many topics, demands that have grown enter every value of the index.
const TOPICS_UP_TO_DATE: usize = 64;

/// Beyond that, when the service has grown by one part in so many.
const UPDATES: u64 = 64;

/// One, as a share in fixed point.
const ONE: f64 = (1_u64 << 32) as f64;

/// The mean over time of Jain's index (R. Jain, D. Chiu, W. Hawe 1984: (Σx)² / (n Σx²)) of x = service / fair share.
///
/// The fair share is max-min: the service so far is given out in equal parts, but to no topic more than it demands. With the topics
/// sorted by demand, those whose share is all they demand (*filled*) are a prefix that grows with the service; the others share the
/// rest equally. Sums over both groups are kept, in whole numbers, so that a value of the index costs O(1).
#[derive(Clone, Debug)]
pub(super) struct Jain {
    topics: Vec<Topic>,
    /// Topics with a demand, smallest first.
    order: Vec<u32>,
    /// How many of `order` are filled, and what they demand together.
    filled: usize,
    filled_demand: u64,
    /// Records delivered of all topics.
    service: u64,
    /// Of topics not filled: sums of service and of its square.
    open: (u64, u128),
    /// Of filled topics: sums of service / demand, and of its square, in 2^-32 and 2^-64.
    full: (u64, u128),
    /// A demand has grown since the order was made, and the service then.
    stale: bool,
    ordered_at: u64,
    /// The index now; `None` before anything was delivered.
    index: Option<f64>,
    /// Time for which it has held so far, and what was before: time, and sum of index times time. In nanoseconds.
    held: u64,
    sum: f64,
    time: u64,
}

#[derive(Clone, Copy, Debug)]
struct Topic {
    /// As of when the order was made.
    demand: u64,
    /// Grown since.
    more: u64,
    service: u64,
    filled: bool,
}

impl Jain {
    /// Topics with these demands.
    pub(super) fn new(demands: impl IntoIterator<Item = u64>) -> Self {
        let topics: Vec<_> =
            demands.into_iter().map(|demand| Topic { demand, more: 0, service: 0, filled: false }).collect();
        let mut it = Self {
            order: Vec::with_capacity(topics.len()),
            topics,
            filled: 0,
            filled_demand: 0,
            service: 0,
            open: (0, 0),
            full: (0, 0),
            stale: false,
            ordered_at: 0,
            index: None,
            held: 0,
            sum: 0.0,
            time: 0,
        };
        it.order_by_demand();
        it
    }

    /// Time has passed during which two or more topics were backlogged.
    pub(super) fn hold(&mut self, nanos: u64) {
        self.held += nanos;
    }

    /// More records have arrived.
    pub(super) fn demand(&mut self, topic: usize, records: u64) {
        self.topics[topic].more += records;
        self.stale = true;
    }

    /// New records have been delivered. [`evaluate`](Self::evaluate) is due after the last of a poll.
    pub(super) fn serve(&mut self, topic: usize, records: u64) {
        self.service += records;
        self.account(topic, false);
        self.topics[topic].service += records;
        self.account(topic, true);
    }

    /// The index is another from now on.
    pub(super) fn evaluate(&mut self) {
        self.close();
        let due =
            self.topics.len() <= TOPICS_UP_TO_DATE || (self.service - self.ordered_at) * UPDATES >= self.ordered_at;
        if self.stale && due {
            self.order_by_demand();
        }
        while let Some(&topic) = self.order.get(self.filled) {
            let demand = self.topics[topic as usize].demand;
            let open = (self.order.len() - self.filled) as u64;
            if u128::from(demand) * u128::from(open) > u128::from(self.service.saturating_sub(self.filled_demand)) {
                break;
            }
            self.account(topic as usize, false);
            self.topics[topic as usize].filled = true;
            self.account(topic as usize, true);
            self.filled += 1;
            self.filled_demand += demand;
        }
        // x of an open topic is its service divided by (the rest of the service / the number of open topics).
        let open = (self.order.len() - self.filled) as f64;
        let per_record = if open > 0.0 { open / (self.service - self.filled_demand) as f64 } else { 0.0 };
        let sum = self.full.0 as f64 / ONE + self.open.0 as f64 * per_record;
        let squares = float(self.full.1) / (ONE * ONE) + float(self.open.1) * per_record * per_record;
        self.index = (self.service > 0 && squares > 0.0).then(|| sum * sum / (self.order.len() as f64 * squares));
    }

    /// The mean so far; `None` if there was no time with an index and two backlogged topics.
    pub(super) fn mean(mut self) -> Option<f64> {
        self.close();
        (self.time > 0).then(|| self.sum / self.time as f64)
    }

    /// Books the time for which the present index has held.
    fn close(&mut self) {
        let held = core::mem::take(&mut self.held);
        if let Some(index) = self.index {
            self.sum += index * held as f64;
            self.time += held;
        }
    }

    /// Sorts the topics anew, all of them open.
    fn order_by_demand(&mut self) {
        let Self { topics, order, .. } = self;
        for topic in &mut *topics {
            topic.demand += core::mem::take(&mut topic.more);
        }
        order.clear();
        order.extend((0..topics.len() as u32).filter(|&i| topics[i as usize].demand > 0));
        order.sort_unstable_by_key(|&i| (topics[i as usize].demand, i));
        (self.filled, self.filled_demand, self.open, self.full) = (0, 0, (0, 0), (0, 0));
        (self.stale, self.ordered_at) = (false, self.service);
        for i in 0..self.topics.len() {
            self.topics[i].filled = false;
            self.account(i, true);
        }
    }

    /// Adds a topic to the sums of its group, or takes it out.
    fn account(&mut self, topic: usize, add: bool) {
        let Topic { demand, service, filled, .. } = self.topics[topic];
        if demand == 0 {
            return;
        }
        if filled {
            let share = (service as f64 / demand as f64 * ONE) as u64;
            let square = u128::from(share) * u128::from(share);
            let (sum, squares) = self.full;
            self.full = if add { (sum + share, squares + square) } else { (sum - share, squares - square) };
        } else {
            let square = u128::from(service) * u128::from(service);
            let (sum, squares) = self.open;
            self.open = if add { (sum + service, squares + square) } else { (sum - service, squares - square) };
        }
    }
}

/// The nearest float. Most sums fit 64 bits, which a processor converts in one instruction.
fn float(n: u128) -> f64 {
    u64::try_from(n).map_or_else(|_| n as f64, |n| n as f64)
}
