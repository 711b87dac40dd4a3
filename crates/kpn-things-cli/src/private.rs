//! Files and folders that only their owner can read, because they hold secrets.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Creates a folder that only its owner can enter, unless it exists.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Opens a file for a lock, and creates it if it does not exist.
pub(crate) fn open_lock(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).truncate(false).write(true).open(path)
}

/// Opens a file to write after its end, and creates it if it does not exist.
pub(crate) fn open_to_append(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).append(true).open(path)
}

/// Replaces a file at once, so that no reader sees a part of it. `durable` writes it to the disk first.
pub(crate) fn replace(path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
    // A link to the file stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // A temporary file is readable by its owner alone.
    let mut file = tempfile::Builder::new().tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    if durable {
        file.as_file().sync_all()?;
    }
    file.persist(&path).map(drop).map_err(|error| error.error)
}

/// Whether a file does not exist, or cannot exist because its folder is none.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether users other than the owner can read or change the file or folder.
#[cfg(unix)]
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// On other systems, a file has the permissions of the user's folder that it is in.
#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_: &Path) -> bool {
    false
}
