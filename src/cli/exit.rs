//! How a command ends: the exit codes, and what an error says on its way out.

use std::io;
use std::process::ExitCode;

use fairdrain::broker::BrokerError;
#[cfg(feature = "kafka")]
use fairdrain::broker::kafka;
use fairdrain::report::file::FileError;
use fairdrain::report::{Ends, Report};
use fairdrain::run::RunError;
use fairdrain::scenario::{LoadError, ScenarioErrors};
use fairdrain::trace::TraceError;

use super::output;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    Fine = 0,
    Internal = 1,
    Usage = 2,
    GateFailed = 3,
    NothingMeasured = 4,
    Nondeterminism = 5,
    LimitReached = 6,
    Unreachable = 7,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// How a command ends that has this to report.
    pub(crate) fn of(report: &Report) -> Self {
        let fleets = || report.fleets().iter().flat_map(|f| &f.rows).map(|r| r.ends);
        let rows = || report.results().iter().flat_map(|c| &c.rows).map(|r| r.ends).chain(fleets());
        let any = |count: fn(&Ends) -> u32| rows().any(|ends| count(&ends) > 0);
        if !report.complete || any(|e| e.interrupted) {
            Self::Interrupted
        } else if rows().next().is_none() || any(|e| e.failed) {
            Self::NothingMeasured
        } else if any(|e| e.limit_reached) {
            Self::LimitReached
        } else {
            Self::Fine
        }
    }
}

/// An argument or combination of arguments that makes no sense; says what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Ends with [`Usage`].
macro_rules! usage {
    ($($arg:tt)*) => { return Err($crate::cli::exit::Usage(format!($($arg)*)).into()) };
}
pub(crate) use usage;

/// Prints an error with its causes and gives it its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let exit = code_of(error);
    if exit != Exit::Fine {
        output::note(&labelled(&fairdrain_message(error)));
    }
    exit.into()
}

/// A message as it is printed. Those about scenario files bring their label along.
pub(super) fn labelled(message: &str) -> String {
    if message.starts_with("error: ") { message.to_owned() } else { format!("error: {message}") }
}

/// The error and its causes, leaving out a cause that the message already repeats.
fn fairdrain_message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            message += &format!(": {cause}");
        }
    }
    message
}

fn code_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(known).unwrap_or(Exit::Internal)
}

fn known(error: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if error.is::<Usage>() || error.is::<LoadError>() || error.is::<TraceError>() || error.is::<ScenarioErrors>() {
        return Some(Exit::Usage);
    }
    if let Some(RunError::Incapable(_) | RunError::Split(_) | RunError::Unsupported(_)) = error.downcast_ref() {
        return Some(Exit::Usage);
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return Some(if error.is_usage() { Exit::Usage } else { Exit::Internal });
    }
    #[cfg(feature = "kafka")]
    match error.downcast_ref::<kafka::Error>() {
        Some(kafka::Error::Unsupported { .. } | kafka::Error::Property { .. } | kafka::Error::Contradiction(_)) => {
            return Some(Exit::Usage);
        }
        Some(kafka::Error::Broker(error)) => return Some(backend(error)),
        Some(kafka::Error::Interrupted) => return Some(Exit::Interrupted),
        None => {}
    }
    // The backend's reason may be wrapped (transparently) in a `RunError`.
    let reason = error.downcast_ref::<BrokerError>().or(match error.downcast_ref::<RunError>() {
        Some(RunError::Backend(reason)) => Some(reason),
        _ => None,
    });
    if let Some(reason) = reason {
        return Some(backend(reason));
    }
    // Whoever read our output has seen enough (`| head`): that is no error of anybody's.
    let io = error.downcast_ref::<io::Error>()?;
    (io.kind() == io::ErrorKind::BrokenPipe).then_some(Exit::Fine)
}

fn backend(error: &BrokerError) -> Exit {
    match error {
        BrokerError::Unreachable { .. } => Exit::Unreachable,
        BrokerError::Refused(_) => Exit::Usage,
        BrokerError::Stuck => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fairdrain::Duration;

    #[test]
    fn every_kind_of_error_has_its_code() {
        let unreachable = || BrokerError::Unreachable {
            servers: "localhost:1".into(),
            waited: Duration::from_secs(1),
            reason: "refused".into(),
        };
        let code = |e: anyhow::Error| code_of(&e.context("while doing something"));
        assert_eq!(code(Usage("x".into()).into()), Exit::Usage);
        assert_eq!(code(unreachable().into()), Exit::Unreachable);
        assert_eq!(code(RunError::Backend(unreachable()).into()), Exit::Unreachable);
        assert_eq!(code(BrokerError::Stuck.into()), Exit::Internal);
        assert_eq!(code(io::Error::from(io::ErrorKind::BrokenPipe).into()), Exit::Fine);
        assert_eq!(code(io::Error::from(io::ErrorKind::StorageFull).into()), Exit::Internal);
        assert_eq!(code(anyhow::anyhow!("anything")), Exit::Internal);
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let error = anyhow::Error::from(io::Error::other("no space")).context("can't write x: no space");
        assert_eq!(fairdrain_message(&error), "can't write x: no space");
    }
}
