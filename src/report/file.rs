//! Report files: whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a report was not written. What was in the file before is still there.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The path is a directory.
    #[error("can't write {}: it is a directory; name a file in it", .0.display())]
    Directory(PathBuf),
    /// The directory is not there.
    #[error("can't write {}: there is no directory {}; create it first", .path.display(), .folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The missing directory.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("can't write {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl FileError {
    /// Whether the path itself is wrong, so that trying again is no use.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Directory(_) | Self::NoFolder { .. } => true,
            Self::Io { error, .. } => matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory
            ),
        }
    }
}

/// Refuses a path that can't become a report, before anything has run.
///
/// # Errors
/// As [`write()`], as far as can be told without writing a report.
pub fn check(path: &Path) -> Result<(), FileError> {
    let target = Target::of(path)?;
    if let Target::File { folder, .. } = &target {
        // The only way to know whether a file can be made there is to make one; it is gone at the end of this line.
        tempfile::Builder::new().prefix(".fairdrain-").tempfile_in(folder).map_err(|error| io_error(path, error))?;
    }
    Ok(())
}

/// Writes a whole file: into a temporary one beside it, which then takes its place. Whatever goes wrong, a file that was there before
/// stays as it was. (A device or a pipe is written to as it is.)
///
/// # Errors
/// [`FileError`]: a directory, a missing directory, no permission, no space left.
pub fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    match Target::of(path)? {
        Target::Stream => {
            let mut file = fs::OpenOptions::new().write(true).open(path).map_err(|error| io_error(path, error))?;
            file.write_all(content).and_then(|()| file.flush()).map_err(|error| io_error(path, error))
        }
        Target::File { path: target, folder } => {
            replace(&target, &folder, content).map_err(|error| io_error(path, error))
        }
    }
}

/// A file that is written bit by bit, and appears whole or not at all: what was there before stays until [`finish`](Self::finish).
#[derive(Debug)]
pub struct Pending {
    path: PathBuf,
    file: PendingFile,
}

#[derive(Debug)]
enum PendingFile {
    Stream(fs::File),
    Beside { file: tempfile::NamedTempFile, target: PathBuf },
}

impl Pending {
    /// Begins a file.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = match Target::of(path)? {
            Target::Stream => fs::OpenOptions::new().write(true).open(path).map(PendingFile::Stream),
            Target::File { path: target, folder } => {
                beside(&target, &folder).map(|file| PendingFile::Beside { file, target })
            }
        };
        Ok(Self { path: path.to_owned(), file: file.map_err(|error| io_error(path, error))? })
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn finish(self) -> Result<(), FileError> {
        let done = match self.file {
            PendingFile::Stream(mut file) => file.flush(),
            PendingFile::Beside { file, target } => {
                file.as_file().sync_all().and_then(|()| file.persist(target).map(drop).map_err(|e| e.error))
            }
        };
        done.map_err(|error| io_error(&self.path, error))
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            PendingFile::Stream(file) => file.write(bytes),
            PendingFile::Beside { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            PendingFile::Stream(file) => file.flush(),
            PendingFile::Beside { file, .. } => file.flush(),
        }
    }
}

fn replace(target: &Path, folder: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = beside(target, folder)?;
    file.write_all(content)?;
    // Some file systems report a full disk only now.
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

/// A temporary file that is to take the place of this one.
fn beside(target: &Path, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fairdrain-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A report is no secret: the permissions the file had, or what the umask leaves (tempfile's own default is 0600).
        let mode = fs::metadata(target).map_or(0o666, |m| m.permissions().mode() & 0o777);
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    builder.tempfile_in(folder)
}

enum Target {
    /// A regular file, existing or not, symbolic links resolved.
    File { path: PathBuf, folder: PathBuf },
    /// `/dev/stdout`, a named pipe: nothing that could be replaced.
    Stream,
}

impl Target {
    fn of(path: &Path) -> Result<Self, FileError> {
        // Otherwise the rename would replace a symbolic link by a file.
        let resolved = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&resolved) {
            Ok(m) if m.is_dir() => return Err(FileError::Directory(path.to_owned())),
            Ok(m) if !m.is_file() => return Ok(Self::Stream),
            _ => {}
        }
        let folder = match resolved.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        if !folder.is_dir() {
            return Err(FileError::NoFolder { path: path.to_owned(), folder });
        }
        Ok(Self::File { path: resolved, folder })
    }
}

fn io_error(path: &Path, error: io::Error) -> FileError {
    FileError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_and_a_missing_directory_are_said_to_be_that() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(check(folder.path()), Err(FileError::Directory(_))));
        assert!(matches!(check(&folder.path().join("no/report.json")), Err(FileError::NoFolder { .. })));
        assert!(check(&folder.path().join("report.json")).is_ok());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_failed_write_leaves_the_old_file() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("report.json"), folder.path().join("link.json"));
        write(&path, b"old").unwrap();
        // Through a link, the file behind it changes and the link stays.
        symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // A disk that is full.
        if Path::new("/dev/full").exists() {
            let error = write(Path::new("/dev/full"), b"x").unwrap_err();
            assert!(error.to_string().contains("No space left"), "{error}");
        }
    }
}
