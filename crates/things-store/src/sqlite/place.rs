//! Where a store may be: in a file of a file system of this machine.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use things_core::LedgerError;

use super::content::Content;
use super::process::ThreadLock;

/// Held while a file is looked for or created. Closing a file releases the locks that the process has on it, so a file
/// must not be found, and connected to, before the handle that created it is closed.
static CREATING: ThreadLock = ThreadLock::new();

/// Returns the real path of a file, or `None` if there is no such file.
///
/// Links are resolved, so that a file with two names has one lock. The file is not opened: closing it would release
/// the locks of a connection that this process has to it.
pub(crate) fn find(content: &Content, path: &Path) -> Result<Option<PathBuf>, LedgerError> {
    CREATING.hold(|| look(content, path))
}

fn look(content: &Content, path: &Path) -> Result<Option<PathBuf>, LedgerError> {
    let cannot = |error| cannot(content, path, "be found", error);
    let real = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        real => real.map_err(cannot)?,
    };
    let metadata = fs::metadata(&real).map_err(cannot)?;
    if metadata.is_dir() {
        return Err(LedgerError::new(format!("{} is a folder", path.display()))
            .hint(format!("name a file in it, such as {}.db", content.name)));
    }
    if !metadata.is_file() {
        return Err(LedgerError::new(format!("{} is not a file", path.display())).hint("name a file"));
    }
    Ok(Some(real))
}

/// Creates an empty file that only its owner can read, and returns its real path.
///
/// `file_system` returns the type of the file system that a path is on. Nothing is created on one of a network.
pub(crate) fn create(
    content: &Content,
    path: &Path,
    file_system: impl Fn(&Path) -> Option<u64>,
) -> Result<PathBuf, LedgerError> {
    CREATING.hold(|| create_empty(content, path, file_system))
}

fn create_empty(
    content: &Content,
    path: &Path,
    file_system: impl Fn(&Path) -> Option<u64>,
) -> Result<PathBuf, LedgerError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    refuse_network(content, path, file_system(folder))?;
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.write(true).create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(cannot(content, path, "be created", error))
        }
        // Another process created it meanwhile.
        _ => fs::canonicalize(path).map_err(|error| cannot(content, path, "be found", error)),
    }
}

fn cannot(content: &Content, path: &Path, what: &str, error: io::Error) -> LedgerError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "create its folder first, or name another file",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a file in a folder that you can write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on its disk",
        _ => "name another file",
    };
    LedgerError::new(format!("the {} {} cannot {what}: {error}", content.name, path.display()))
        .hint(hint)
        .cause(error)
}

/// Returns the type of the file system that a path is on, as `statfs` reports it.
#[cfg(target_os = "linux")]
pub(crate) fn file_system(path: &Path) -> Option<u64> {
    // The type has another width and sign on each architecture; its numbers have 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    rustix::fs::statfs(path).ok().map(|found| found.f_type as u64 & 0xFFFF_FFFF)
}

/// Other systems number their file systems in another way, and none is recognised there.
#[cfg(not(target_os = "linux"))]
pub(crate) fn file_system(_: &Path) -> Option<u64> {
    None
}

/// Refuses a file system of a network. Locks may have no effect there, so that two machines would hold the same file,
/// and the shared memory of SQLite's write-ahead log does not work.
pub(crate) fn refuse_network(
    content: &Content,
    path: &Path,
    file_system: Option<u64>,
) -> Result<(), LedgerError> {
    let name = match file_system {
        Some(0x6969) => "NFS",
        Some(0x517B) => "SMB",
        Some(0xFF53_4D42 | 0xFE53_4D42) => "CIFS",
        Some(0x0102_1997) => "9p",
        Some(0x6573_5546) => "FUSE",
        Some(0x5346_414F | 0x6B41_4653) => "AFS",
        Some(0x7375_7245) => "Coda",
        Some(0x00C3_6400) => "Ceph",
        Some(0x0BD0_0BD0) => "Lustre",
        Some(0x4750_4653) => "GPFS",
        Some(0x0116_1970) => "GFS2",
        Some(0x7461_636F) => "OCFS2",
        Some(0x564C) => "NCP",
        Some(0x786F_4256) => "VirtualBox",
        Some(0xBACB_ACBC) => "VMware",
        _ => return Ok(()),
    };
    Err(LedgerError::new(format!(
        "the {} {} is on a {name} file system, which several machines may share",
        content.name,
        path.display()
    ))
    .hint("name a file on a disk of this machine, or use PostgreSQL"))
}

#[cfg(test)]
mod tests {
    use super::super::schema::LEDGER;
    use super::*;

    #[test]
    fn a_file_system_of_a_network_is_refused_by_its_name() {
        let path = Path::new("/mnt/share/ledger.db");
        for (number, name) in [
            (0x6969, "NFS"),
            (0x517B, "SMB"),
            (0xFF53_4D42, "CIFS"),
            (0xFE53_4D42, "CIFS"),
            (0x0102_1997, "9p"),
            (0x6573_5546, "FUSE"),
            (0x00C3_6400, "Ceph"),
        ] {
            let error = refuse_network(&LEDGER, path, Some(number)).unwrap_err();
            assert!(error.message().contains(name), "{error}");
            assert!(error.message().contains("/mnt/share/ledger.db"), "{error}");
            assert!(error.advice().is_some_and(|hint| hint.contains("a disk of this machine")), "{error}");
        }
    }

    #[test]
    fn nothing_is_created_on_a_file_system_of_a_network() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let nfs = |of: &Path| {
            assert_eq!(of, folder.path());
            Some(0x6969)
        };
        assert!(create(&LEDGER, &path, nfs).unwrap_err().message().contains("NFS"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let current = |of: &Path| {
            assert_eq!(of, Path::new("."));
            Some(0x6969)
        };
        assert!(create(&LEDGER, Path::new("ledger.db"), current).is_err());
        assert!(create(&LEDGER, &path, |_| None).is_ok());
    }

    #[test]
    fn a_file_system_of_this_machine_is_not_refused() {
        // ext4, xfs, btrfs, tmpfs, overlayfs, zfs, f2fs, and a system that does not say.
        let local =
            [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1, 0xF2F5_2010].map(Some);
        for number in local.into_iter().chain([None]) {
            assert!(refuse_network(&LEDGER, Path::new("ledger.db"), number).is_ok(), "{number:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_file_system_of_a_folder_is_read() {
        assert_eq!(file_system(Path::new("/proc")), Some(0x9FA0));
        assert_eq!(file_system(Path::new("/nowhere/at/all")), None);
    }
}
