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

    /// Whether a run that should stop is to be left as it stands, instead of ending what is in hand: in a simulation there is
    /// nothing to lose, and what is in hand may be hours of work.
    fn cuts_short(&self) -> bool {
        false
    }
}

/// Nobody looks on.
impl Observer for () {
    fn on_action(&mut self, _: Time, _: &Action) {}

    fn on_signal(&mut self, _: &Signal) {}

    fn on_input(&mut self, _: Time, _: &Input) {}

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        false
    }
}

/// Two observers of the same run: both are told everything, and either may end it. Demand is the first one's that has any.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn on_action(&mut self, now: Time, action: &Action) {
        self.0.on_action(now, action);
        self.1.on_action(now, action);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.0.on_signal(signal);
        self.1.on_signal(signal);
    }

    fn on_input(&mut self, now: Time, input: &Input) {
        self.0.on_input(now, input);
        self.1.on_input(now, input);
    }

    fn demand(&mut self) -> Option<TopicSet> {
        self.0.demand().or_else(|| self.1.demand())
    }

    fn is_done(&self, now: Time) -> bool {
        self.0.is_done(now) || self.1.is_done(now)
    }

    fn cuts_short(&self) -> bool {
        self.0.cuts_short() || self.1.cuts_short()
    }
}

/// Why [`drive`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// The session has closed everything.
    Closed(Time),
    /// The process died; a new session may go on with the same broker.
    Crashed(Time),
    /// The observer has cut the run short; the session has not closed anything.
    CutShort(Time),
}

/// Runs a session to its end: until the observer says that it is done, and then through stop and close (unless it is cut short).
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
                if observer.cuts_short() {
                    return Ok(Driven::CutShort(now));
                }
                stopping = true;
                session.handle(now, Input::Stop);
            }
            if !broker.has_input() {
                break;
            }
        }
    }
}
