//! A ledger on a disk that is full: a real file system of two megabytes, where this system lets a test mount one.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;
use things_core::{BulkItem, Downlink, FPort, LedgerError};
use things_sim::Sim;
use things_store::{ItemState, JobId, NewJob, SqliteStore, Store};

/// A file system in memory, until it is dropped.
struct Disk(TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(disk.0.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(disk)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Without a mount there is nothing to undo.
        let _ = Command::new("umount").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

fn item(number: u64) -> BulkItem {
    let dev_eui = format!("{number:016X}").parse().unwrap();
    let downlink = Downlink::raw(dev_eui, FPort::new(1).unwrap(), [1; 100]).unwrap();
    downlink.external_reference(format!("item-{number}")).unwrap().into()
}

fn create(path: &Path, number: u64, count: u64) -> Result<JobId, LedgerError> {
    let job = NewJob {
        id: JobId::generate(number, 1),
        created: SystemTime::now(),
        source: String::new(),
        digest: String::new(),
        account: "an account".to_owned(),
        options: String::new(),
    };
    SqliteStore::open(path)?.create(&job, &mut (0..count).map(|number| Ok(item(number))))?;
    Ok(job.id)
}

#[test]
fn a_full_disk_ends_a_run_which_goes_on_once_there_is_room() {
    let Some(disk) = Disk::mount("size=2m") else {
        eprintln!("skipped: the full disk, because no file system can be mounted here");
        return;
    };
    let path = disk.path().join("ledger.db");
    let job = create(&path, 1, 200).unwrap();
    // A job that is too large leaves nothing behind.
    let error = create(&path, 2, 10_000).unwrap_err();
    assert!(error.to_string().contains("is full: no room for more; make room on its disk"), "{error}");
    assert_eq!(SqliteStore::open(&path).unwrap().jobs().unwrap().len(), 1);

    let sim = Sim::builder().keep_requests(0).start().unwrap();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulk"));
        command.arg(&path).args([job.as_str(), "an account"]).envs(sim.environment());
        command.output().unwrap()
    };
    // Less and less room, so that it ends before the first request, and later.
    let (filler, mut failed) = (disk.path().join("filler"), 0);
    for room in [40_000, 100_000, 200_000, 400_000] {
        fs::write(&filler, vec![1; 4 << 20]).unwrap_err();
        let size = fs::metadata(&filler).unwrap().len();
        fs::File::options().write(true).open(&filler).unwrap().set_len(size.saturating_sub(room)).unwrap();
        let output = run();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            failed += 1;
            assert!(told.contains("is full: no room for more") || told.contains("no room"), "{told}");
        }
        fs::remove_file(&filler).unwrap();
        accounted_for(&path, &job, &sim);
    }
    assert!(failed > 0, "the disk was never full");
    let output = run();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    accounted_for(&path, &job, &sim);
    let counts = SqliteStore::open(&path).unwrap().job(&job).unwrap().unwrap().counts;
    assert_eq!((counts.total(), counts.is_finished()), (200, true));
}

/// What arrived has a claim, and arrived once.
fn accounted_for(path: &Path, job: &JobId, sim: &Sim) {
    let mut arrived = HashSet::new();
    for downlink in sim.downlinks() {
        assert!(arrived.insert(downlink.external_reference.unwrap()), "it was sent twice");
    }
    for item in SqliteStore::open(path).unwrap().items(job, None, 0, usize::MAX).unwrap() {
        let reference = item.item.downlink.reference().unwrap().as_str();
        let open = matches!(item.state, ItemState::Pending | ItemState::NotSent);
        assert!(!(open && arrived.contains(reference)), "{reference} was sent, and is {:?}", item.state);
    }
}
