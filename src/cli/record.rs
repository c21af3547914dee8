//! `record`: a real librdkafka drains topics of a live cluster, and a trace says what each poll returned.

use std::path::PathBuf;

use fairdrain::trace::Mode;

use super::backend;
use super::exit::{Exit, usage};
use super::output::Shown;

/// Arguments of `record`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing on the cluster changes: no group is joined, nothing is committed. Ctrl-C ends the recording; what there is by then is kept,
and its last line says so.

Examples:
  fairdrain record --bootstrap-server localhost:9092 --topic orders --topic audit -o run.jsonl
  fairdrain fidelity run.jsonl                     does the model of librdkafka do the same?
  fairdrain record --bootstrap-server broker:9093 --command-config client.properties --batch-layout none --topic orders
  fairdrain record --bootstrap-server localhost:9092 --topic orders --layout-only      the batches alone, as JSON")]
pub(crate) struct Args {
    /// Brokers of the cluster, separated by commas
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: String,

    /// A topic to drain (may be repeated); they are assigned in this order
    #[arg(long = "topic", value_name = "NAME", required = true)]
    topics: Vec<String>,

    /// How consumers are polled, in the trace's words
    #[arg(long, value_enum, default_value_t = Polled::Single)]
    mode: Polled,

    /// Most records of one poll, or of one hand-over of `fair`
    #[arg(long, value_name = "RECORDS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    max_poll_records: u32,

    /// Timeout of a poll, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    poll_timeout: u32,

    /// `beginning`, or the offset at which each partition begins
    #[arg(long, value_name = "OFFSET", default_value = "beginning", value_parser = from)]
    from: Begin,

    /// End after so many records
    #[arg(long, value_name = "RECORDS")]
    limit: Option<u64>,

    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    time: Option<u64>,

    /// A property of librdkafka (may be repeated)
    // Not parsed by clap: its errors repeat the value, which may be a password.
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    properties: Vec<String>,

    /// A file of such properties, one KEY=VALUE a line: the place for passwords
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,

    /// Whether to read beforehand how the records lie in batches, which replaying needs; plain connections only
    #[arg(long, value_enum, default_value_t = BatchLayout::Read)]
    batch_layout: BatchLayout,

    /// Read the batches and write them as JSON (a header's `scenario`); drain nothing
    #[arg(long)]
    layout_only: bool,

    /// The scenario's name in the header
    #[arg(long, value_name = "NAME", default_value = "recorded")]
    name: String,

    /// Version of the brokers, for the header: they don't tell
    #[arg(long, value_name = "VERSION", default_value = "unknown")]
    broker_version: String,

    /// Number of the repetition, for the header
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,

    /// The file to write; standard output unless given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Whether batches are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum BatchLayout {
    /// All that will be drained is read once more, without keeping it
    Read,
    /// The header leaves them out; such a trace can't be replayed
    None,
}

/// A mode of the trace format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Polled {
    /// One consumer on all topics
    Single,
    /// One consumer, deficit round robin over split queues
    Fair,
    /// A consumer a topic, all polled together
    MultiGather,
    /// A consumer a topic, polled in turn
    MultiSequential,
    /// A consumer a topic, each on its own
    MultiIndependent,
}

impl From<Polled> for Mode {
    fn from(polled: Polled) -> Self {
        match polled {
            Polled::Single => Self::Single,
            Polled::Fair => Self::Fair,
            Polled::MultiGather => Self::MultiGather,
            Polled::MultiSequential => Self::MultiSequential,
            Polled::MultiIndependent => Self::MultiIndependent,
        }
    }
}

/// Where to begin; `None`: at the beginning.
#[derive(Clone, Copy, Debug)]
struct Begin(Option<i64>);

fn from(text: &str) -> Result<Begin, String> {
    match (text, text.parse::<i64>()) {
        ("beginning", _) => Ok(Begin(None)),
        (_, Ok(offset @ 0..)) => Ok(Begin(Some(offset))),
        _ => Err("`beginning` or an offset of 0 or more".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    if let Some(twice) = args.topics.iter().enumerate().find_map(|(i, t)| args.topics[..i].contains(t).then_some(t)) {
        usage!("topic {twice} is given twice");
    }
    if args.layout_only && args.batch_layout == BatchLayout::None {
        usage!("--layout-only reads batches, and --batch-layout none does not");
    }
    let properties = backend::properties(args.command_config.as_deref(), &args.properties)?;
    #[cfg(feature = "kafka")]
    return real::run(args, properties, shown);
    #[cfg(not(feature = "kafka"))]
    {
        let _ = (properties, shown, Mode::from(args.mode));
        let Args { bootstrap_server, max_poll_records, poll_timeout, from, limit, time, .. } = args;
        let _ = (bootstrap_server, max_poll_records, poll_timeout, from.0, limit, time);
        let _ = (&args.name, &args.broker_version, args.repeat, &args.output);
        usage!("this fairdrain was built without librdkafka: build it with the feature `kafka`")
    }
}

#[cfg(feature = "kafka")]
mod real {
    use std::io::{self, BufWriter, IsTerminal, Write};
    use std::sync::Arc;

    use fairdrain::Duration;
    use fairdrain::broker::kafka::{self, Layout, Options, Recorded, Recording, Target};

    use fairdrain::report::file::Pending;

    use super::super::exit::Exit;
    use super::super::interrupt;
    use super::super::output::{Shown, note};
    use super::{Args, BatchLayout};

    pub(super) fn run(args: &Args, properties: Vec<(String, String)>, shown: Shown) -> anyhow::Result<Exit> {
        let interrupt = interrupt::listen()?;
        let target = Target::Cluster(args.bootstrap_server.clone());
        let options = Options { properties, interrupt: Arc::clone(&interrupt), ..Options::default() };
        let recording = Recording {
            name: &args.name,
            topics: &args.topics,
            mode: args.mode.into(),
            cap: args.max_poll_records,
            poll_timeout: Duration::from_millis(args.poll_timeout.into()),
            from: args.from.0.map_or(kafka::From::Beginning, kafka::From::Offset),
            limit: args.limit,
            time: args.time.map(|seconds| Duration::from_millis(seconds.saturating_mul(1000))),
            layout: match args.batch_layout {
                BatchLayout::Read => Layout::Read,
                BatchLayout::None => Layout::None,
            },
            broker_version: &args.broker_version,
            repeat: args.repeat,
            target: &target,
            options: &options,
        };
        if args.layout_only {
            let backlog = kafka::backlog(&recording)?;
            let mut output = open(args)?;
            serde_json::to_writer(&mut output, &backlog)?;
            writeln!(output)?;
            finish(output)?;
            return Ok(Exit::Fine);
        }
        let progress = |done: u64, total: u64| {
            if !shown.quiet && io::stderr().is_terminal() {
                note(&format!("{done} of {total} records"));
            }
        };
        let (recorded, output) = kafka::record(&recording, open(args)?, progress)?;
        finish(output)?;
        Ok(tell(&recorded, shown))
    }

    /// Where the trace goes. A file appears at the end: an attempt that fails costs no earlier recording.
    enum Output {
        Stdout(io::Stdout),
        File(Pending),
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self {
                Self::Stdout(out) => out.write(bytes),
                Self::File(file) => file.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            match self {
                Self::Stdout(out) => out.flush(),
                Self::File(file) => file.flush(),
            }
        }
    }

    fn open(args: &Args) -> anyhow::Result<BufWriter<Output>> {
        Ok(BufWriter::new(match &args.output {
            None => Output::Stdout(io::stdout()),
            Some(path) => Output::File(Pending::create(path)?),
        }))
    }

    fn finish(output: BufWriter<Output>) -> anyhow::Result<()> {
        match output.into_inner().map_err(io::IntoInnerError::into_error)? {
            Output::Stdout(mut out) => out.flush()?,
            Output::File(file) => file.finish()?,
        }
        Ok(())
    }

    fn tell(recorded: &Recorded, shown: Shown) -> Exit {
        let Recorded { polls, records, total, partial, took } = recorded;
        if !shown.quiet {
            let seconds = took.as_nanos() as f64 / 1e9;
            note(&format!("{records} of {total} records in {polls} polls, {seconds:.2} s"));
        }
        match partial.as_deref() {
            None if *total == 0 => {
                note("warning: there was nothing to drain");
                Exit::NothingMeasured
            }
            None => Exit::Fine,
            Some("interrupted") => Exit::Interrupted,
            Some(reason) => {
                note(&format!("warning: not all has been drained: {reason}"));
                if reason.starts_with("limited") { Exit::Fine } else { Exit::LimitReached }
            }
        }
    }
}
