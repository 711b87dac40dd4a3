//! A PostgreSQL server for tests that are not written in Rust. Prints the URL of an empty database, and stops the server once
//! stdin is closed. Without PostgreSQL it says so on stderr, and prints nothing.

#[cfg(unix)]
fn main() {
    let Some(server) = things_tests::postgres::Server::start() else { return };
    println!("{}", server.database());
    // The end of the test is the end of its pipe, however it ended.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

#[cfg(not(unix))]
fn main() {
    eprintln!("skipped: the server of the tests needs Unix");
}
