//! One instance of a simulated fleet as a broker.

use std::cell::RefCell;
use std::rc::Rc;

use fairdrain_sim::fleet::Fleet;

use super::{input, submit};
use crate::Time;
use crate::broker::{Action, Broker, BrokerError, Input, Signal};

/// An instance of a [`Fleet`] behind the seam. Waiting for its next input lets time pass for the whole fleet; inputs of the others wait
/// until somebody asks for them. So one test can drive several sessions by hand, in whatever order it likes.
#[derive(Clone, Debug)]
pub struct SimMember {
    fleet: Rc<RefCell<Fleet>>,
    instance: u32,
    signals: Vec<Signal>,
}

impl SimMember {
    /// A broker that is this instance.
    #[must_use]
    pub fn new(fleet: Rc<RefCell<Fleet>>, instance: u32) -> Self {
        Self { fleet, instance, signals: Vec::new() }
    }

    /// The whole fleet.
    #[must_use]
    pub fn fleet(&self) -> &Rc<RefCell<Fleet>> {
        &self.fleet
    }
}

impl Broker for SimMember {
    fn submit(&mut self, action: Action) -> Result<(), BrokerError> {
        submit(self.fleet.borrow_mut().world_mut(self.instance), action);
        Ok(())
    }

    fn next(&mut self) -> Result<(Time, Input), BrokerError> {
        let mut fleet = self.fleet.borrow_mut();
        let (now, output) = fleet.next_of(self.instance).ok_or(BrokerError::Stuck)?;
        self.signals.append(fleet.world_mut(self.instance).signals());
        Ok((now, input(output)))
    }

    fn has_input(&self) -> bool {
        self.fleet.borrow().world(self.instance).has_output()
    }

    fn signals(&mut self) -> &mut Vec<Signal> {
        &mut self.signals
    }
}
