//! A PostgreSQL server of the tests: on a temporary directory and a Unix socket, with fsync, and stopped when the process
//! that started it has ended, however it did.

#![allow(clippy::panic, reason = "a server that does not start fails the test")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The role that owns everything on the server.
const ROLE: &str = "things";

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    home: PathBuf,
    owner: Owner,
    port: u16,
    /// Stops the server once its standard input is closed.
    watchdog: Child,
}

/// The user that the server runs as. PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
    is_other: bool,
}

impl Server {
    /// The server that all tests of this process share. `None`, and a line on stderr, if PostgreSQL is not installed.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts a server. `None`, and a line on stderr, if PostgreSQL is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            // Tests capture what is printed, but not this.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: the tests of PostgreSQL need it (Debian: apt-get install postgresql)"
            );
            return None;
        };
        let (home, owner) = home();
        let watchdog = watchdog(&programs, &home, owner);
        let server = Self { programs, home, owner, port: free_port(), watchdog };
        server.run(
            "initdb",
            &["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", ROLE],
        );
        let settings = format!(
            "listen_addresses = ''\nport = {}\nunix_socket_directories = '{}'\nshared_buffers = 32MB\n\
             max_connections = 60\nlog_line_prefix = '%m [%p] '\nautovacuum_naptime = 1s\n",
            server.port,
            server.home.display()
        );
        server.configure(&settings);
        server.up();
        Some(server)
    }

    /// Adds lines to the configuration, which the next start reads.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn configure(&self, lines: &str) {
        let file = self.data().join("postgresql.conf");
        let mut settings = fs::read_to_string(&file).unwrap_or_default();
        settings.push_str(lines);
        fs::write(&file, settings).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The directory of the data, for files of the configuration.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The TCP port, for a server that listens on one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates a file of the server's user in the directory of the data.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.data().join(name);
        let written = fs::write(&path, content)
            .and_then(|()| fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)))
            .and_then(|()| self.owner.give(&path));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Creates an empty database, and returns its URL.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ledger_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}"));
        self.url(&name)
    }

    /// The URL of a database, on the Unix socket.
    pub fn url(&self, database: &str) -> String {
        let socket = self.home.display().to_string().replace('/', "%2F");
        format!("postgresql://{ROLE}@{socket}:{}/{database}", self.port)
    }

    /// Runs a statement with psql, and returns what it prints, without headers.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let output = self
            .command("psql")
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .arg(self.url(database))
            .output()
            .unwrap_or_else(|error| panic!("psql: {error}"));
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts a process with a transaction on a database, which sees everything that is there now as long as it runs.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn hold(&self, url: &str) -> Child {
        let statements = "begin isolation level repeatable read; select 1; select pg_sleep(3600)";
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-c", statements]).arg(url).stdout(Stdio::null());
        command.spawn().unwrap_or_else(|error| panic!("psql: {error}"))
    }

    /// Stops the server as a crash does: without a checkpoint, so that it recovers from its log when it starts.
    pub fn crash(&self) {
        self.run("pg_ctl", &["stop", "-s", "-w", "-m", "immediate"]);
    }

    /// Stops the server in order, and starts it again with its configuration.
    pub fn restart(&self) {
        self.run("pg_ctl", &["stop", "-s", "-w", "-m", "fast"]);
        self.up();
    }

    /// Starts the server again.
    pub fn up(&self) {
        let log = self.home.join("log").display().to_string();
        self.run("pg_ctl", &["start", "-s", "-w", "-t", "120", "-l", &log]);
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("PGDATA", self.data()).current_dir(&self.home).stdin(Stdio::null());
        self.owner.become_for(&mut command);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let errors = self.home.join("errors");
        let file = fs::File::create(&errors).unwrap_or_else(|error| panic!("{}: {error}", errors.display()));
        // A pipe would stay open as long as the server runs.
        let status = self.command(program).args(arguments).stdout(Stdio::null()).stderr(file).status();
        let status = status.unwrap_or_else(|error| panic!("{program}: {error}"));
        let read = |name: &str| fs::read_to_string(self.home.join(name)).unwrap_or_default();
        assert!(status.success(), "{program} ended with {status}: {}{}", read("errors"), read("log"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

impl Owner {
    fn become_for(self, command: &mut Command) {
        if self.is_other {
            command.uid(self.user).gid(self.group);
        }
    }

    fn give(self, path: &Path) -> std::io::Result<()> {
        if self.is_other { chown(path, Some(self.user), Some(self.group)) } else { Ok(()) }
    }
}

/// The directory with the programs of the newest version, if there is one.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let installed = versions.into_iter().rev().map(|(_, path)| path);
    let path = std::env::var_os("PATH").unwrap_or_default();
    installed.chain(std::env::split_paths(&path)).find(|path| path.join("initdb").is_file())
}

/// Creates the directory of a server, which belongs to the user that the server runs as.
fn home() -> (PathBuf, Owner) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("things-pg-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let home = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&home);
    let created = fs::create_dir(&home).and_then(|()| fs::metadata(&home));
    let created = created.unwrap_or_else(|error| panic!("{}: {error}", home.display()));
    let is_root = created.uid() == 0;
    let (user, group) = if is_root { ids_of("postgres") } else { (created.uid(), created.gid()) };
    let owner = Owner { user, group, is_other: is_root };
    owner.give(&home).unwrap_or_else(|error| panic!("{}: {error}", home.display()));
    (home, owner)
}

/// The ids of a user, or those of nobody.
fn ids_of(name: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        is_it.then_some((user, group))
    });
    ids.unwrap_or((65_534, 65_534))
}

/// Starts a process that waits for the end of this one, stops the server and removes its directory.
fn watchdog(programs: &Path, home: &Path, owner: Owner) -> Child {
    let script = "trap '' INT TERM HUP; cat >/dev/null; \"$0/pg_ctl\" stop -s -m immediate -D \"$1/data\"; rm -rf \"$1\"";
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(programs).arg(home).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    owner.become_for(&mut command);
    command.spawn().unwrap_or_else(|error| panic!("/bin/sh: {error}"))
}

/// A port that nothing listens on now. It names the Unix socket too.
fn free_port() -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.unwrap_or_else(|error| panic!("127.0.0.1: {error}")).port()
}
