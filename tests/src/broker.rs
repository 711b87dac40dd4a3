//! A real MQTT broker, mosquitto, for the tests of what comes from one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broker that does not start fails the test")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, MqttOptions, Outgoing, Packet, QoS};
use tempfile::TempDir;

/// A broker in a folder of its own, which is killed when this is dropped.
#[derive(Debug)]
pub struct Broker {
    folder: TempDir,
    program: &'static str,
    port: u16,
    child: Option<Child>,
}

/// How a broker is set up.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// Everybody may connect.
    Open,
    /// Everybody may connect by TLS, to a broker with this certificate and key.
    Tls(&'a Path, &'a Path),
    /// Nobody knows the password.
    Closed,
}

impl Broker {
    /// Starts a broker. `None`, and a line that says so, if mosquitto is not installed.
    pub fn start(access: Access<'_>) -> Option<Self> {
        let names = ["mosquitto", "/usr/sbin/mosquitto"];
        let is_there = |name: &&str| Command::new(name).arg("-h").stdout(Stdio::null()).status().is_ok();
        let Some(program) = names.into_iter().find(is_there) else {
            eprintln!("skipped: mosquitto is not installed, so nothing comes from an MQTT broker");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let access = match access {
            Access::Open => "allow_anonymous true".to_owned(),
            Access::Tls(certificate, key) => {
                format!("allow_anonymous true\ncertfile {}\nkeyfile {}", certificate.display(), key.display())
            }
            Access::Closed => "allow_anonymous false".to_owned(),
        };
        let place = folder.path().display();
        let user = if is_root() { "user root\n" } else { "" };
        let text = format!(
            "listener {port} 127.0.0.1\n{access}\n{user}persistence true\npersistence_location {place}/\n\
             max_queued_messages 0\nlog_dest none\n"
        );
        fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        let mut broker = Self { folder, program, port, child: None };
        broker.run();
        Some(broker)
    }

    /// Starts it again after `stop`.
    pub fn run(&mut self) {
        let mut command = Command::new(self.program);
        command.arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "mosquitto does not start");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it in order, so that it keeps its sessions.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").arg(child.id().to_string()).status().unwrap();
            child.wait().unwrap();
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Publishes messages with QoS 1. Returns after the broker has confirmed all of them.
    pub fn publish(&self, topic: &str, payloads: impl IntoIterator<Item = Vec<u8>>) {
        let options = MqttOptions::new("publisher", "127.0.0.1", self.port);
        let (client, mut events) = Client::new(options, 100);
        let payloads: Vec<_> = payloads.into_iter().collect();
        let (topic, mut missing) = (topic.to_owned(), payloads.len());
        thread::scope(|scope| {
            scope.spawn(move || {
                for payload in payloads {
                    client.publish(&topic, QoS::AtLeastOnce, false, payload).unwrap();
                }
            });
            for event in events.iter() {
                match event.unwrap() {
                    Event::Incoming(Packet::PubAck(_)) => missing -= 1,
                    Event::Outgoing(Outgoing::Disconnect) => panic!("the publisher was disconnected"),
                    _ => {}
                }
                if missing == 0 {
                    break;
                }
            }
        });
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended is not minded.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}
