//! The one loop that runs a session against a broker, simulated or real.

use crate::broker::{Action, Broker, BrokerError, Input, Signal};
use crate::policy::Policy;
use crate::session::Session;
use crate::{Time, TopicSet};

/// Told everything that happens in a run, in order; decides when it is over.
pub trait Observer {
    /// The session asks for something.
    fn on_action(&mut self, now: Time, action: &Action);

    /// A fact that only observers may know.
    fn on_signal(&mut self, signal: &Signal);

    /// The session is about to be told something.
    fn on_input(&mut self, now: Time, input: &Input);

    /// The topics that still block incomplete inputs, if that has changed since the last call.
    fn demand(&mut self) -> Option<TopicSet>;

    /// Whether the run should stop now. Asked after every input.
    fn is_done(&self, now: Time) -> bool;
}

/// Why [`drive`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// The session has closed everything.
    Closed(Time),
    /// The process died; a new session may go on with the same broker.
    Crashed(Time),
}

/// Runs a session to its end: until the observer says that it is done, and then through stop and close.
///
/// # Errors
/// [`BrokerError`] if the backend is gone.
pub fn drive<P: Policy, B: Broker, O: Observer>(
    session: &mut Session<P>,
    broker: &mut B,
    observer: &mut O,
) -> Result<Driven, BrokerError> {
    let mut now = session.now();
    let mut stopping = false;
    loop {
        while let Some(action) = session.poll_action() {
            observer.on_action(now, &action);
            broker.submit(action)?;
        }
        loop {
            let input;
            (now, input) = broker.next()?;
            for signal in broker.signals().drain(..) {
                observer.on_signal(&signal);
            }
            observer.on_input(now, &input);
            match input {
                Input::Closed => return Ok(Driven::Closed(now)),
                Input::Crashed => return Ok(Driven::Crashed(now)),
                input => session.handle(now, input),
            }
            if let Some(demand) = observer.demand() {
                session.handle(now, Input::Demand(demand));
            }
            if !stopping && observer.is_done(now) {
                stopping = true;
                session.handle(now, Input::Stop);
            }
            if !broker.has_input() {
                break;
            }
        }
    }
}
