//! Traces on the command line: files, and folders of them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use fairdrain::fidelity::ReplayError;
use fairdrain::trace::Trace;

use super::exit::Usage;

/// The traces that some paths stand for, each once, in the order of their names: files, and of folders every file that ends in
/// .jsonl, in the folders in them too. Links are not followed, so that the walk ends.
pub(super) fn collect(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let cannot = |error| Usage(format!("can't read {}: {error}", path.display()));
        if !fs::metadata(path).map_err(cannot)?.is_dir() {
            files.push(path.to_owned());
            continue;
        }
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            let cannot = |error| Usage(format!("can't read {}: {error}", folder.display()));
            for entry in fs::read_dir(&folder).map_err(cannot)? {
                let entry = entry.map_err(cannot)?;
                if entry.file_type().map_err(cannot)?.is_dir() {
                    folders.push(entry.path());
                } else if entry.path().extension().is_some_and(|e| e == "jsonl") {
                    files.push(entry.path());
                }
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// A trace with the bytes of its file.
pub(super) fn read(file: &Path) -> anyhow::Result<(Trace, Vec<u8>)> {
    let cannot = |error| Usage(format!("can't read {}: {error}", file.display()));
    if !fs::metadata(file).map_err(cannot)?.is_file() {
        return Err(Usage(format!("{} is not a regular file: a trace is read as a whole", file.display())).into());
    }
    let mut bytes = Vec::new();
    fs::File::open(file).and_then(|f| f.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(
            Usage(format!("{} has more than {FILE_BYTES_MAX} bytes: no trace is that long", file.display())).into()
        );
    }
    Ok((Trace::read(&bytes[..], file)?, bytes))
}

/// A thousand times the longest recording so far.
const FILE_BYTES_MAX: u64 = 1 << 29;

/// Why a trace can't be replayed, as an error with its place. `Err`: there is no model of its client, which is no error.
pub(super) fn refused(file: &Path, error: ReplayError) -> Result<anyhow::Error, ReplayError> {
    match error {
        ReplayError::Client(_) => Err(error),
        // Of the header, which is the first line.
        ReplayError::Header(_) | ReplayError::Topic(_) => Ok(Usage(format!("{}:1: {error}", file.display())).into()),
        // Polls begin with the second line.
        ReplayError::Consumer { line, .. } => Ok(Usage(format!("{}:{}: {error}", file.display(), line + 2)).into()),
        error @ ReplayError::Model(_) => Ok(anyhow::Error::from(error).context(file.display().to_string())),
    }
}

/// A trace's name in a profile or report: its folder, which is its scenario's, and the file.
pub(super) fn name(file: &Path) -> String {
    let part = |p: Option<&std::ffi::OsStr>| p.map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    match file.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{}", part(Some(folder)), part(file.file_name())),
        None => part(file.file_name()),
    }
}
