//! The simulated world as a broker.
