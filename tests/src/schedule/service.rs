//! The service of a schedule: the simulator's pages, with changes before they are read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use things_core::{Error, Fleet, TransportError, TransportErrorKind};
use things_sim::DeviceList;

use super::changes::{Asked, Changes};
use super::{Listed, Said, Schedule};
use crate::dice::Dice;
use crate::driver::Network;
use crate::timeline::Timeline;

/// The longest way of a request, and of a response, in milliseconds.
const TRAVEL: u64 = 20;

pub(super) struct Service {
    timeline: Timeline,
    dice: Dice,
    lost: u64,
    list: RefCell<DeviceList>,
    changes: RefCell<Changes>,
    stayed: RefCell<Vec<String>>,
    known: RefCell<BTreeSet<String>>,
    pages: RefCell<BTreeMap<u64, Said>>,
    devices: RefCell<Vec<String>>,
    end: RefCell<Option<Result<Fleet, Error>>>,
}

impl Service {
    pub(super) fn new(schedule: &Schedule, timeline: Timeline) -> Self {
        let list = schedule.simulator().device_list();
        let uuids = sorted(list.uuids());
        Self {
            timeline,
            dice: Dice::new(!schedule.seed),
            lost: schedule.lost,
            list: RefCell::new(list),
            changes: RefCell::new(Changes::new(schedule)),
            known: RefCell::new(uuids.iter().cloned().collect()),
            stayed: RefCell::new(uuids),
            pages: RefCell::default(),
            devices: RefCell::default(),
            end: RefCell::default(),
        }
    }

    /// Notes what was handed out, and how the listing ended.
    pub(super) fn end(&self, devices: Vec<String>, end: Result<Fleet, Error>) {
        self.devices.replace(devices);
        self.end.replace(Some(end));
    }

    /// What came of the listing, once it has ended.
    pub(super) fn listed(&self) -> Option<Listed> {
        let end = self.end.take()?;
        let devices = self.devices.take();
        let (stayed, known, pages) = (self.stayed.take(), self.known.take(), self.pages.take());
        Some(Listed { end, devices, stayed, known, pages })
    }

    async fn travel(&self) {
        let arrival = self.timeline.now() + self.dice.ms(TRAVEL);
        self.timeline.sleep_until(arrival).await;
    }

    /// Changes the devices, and reads a page of them: its status and body, and the devices that are there now.
    fn read(&self, query: &str) -> (StatusCode, String, Vec<String>) {
        let mut list = self.list.borrow_mut();
        self.changes.borrow_mut().make(&list, &Asked::read(query), &self.dice);
        let (status, body) = match list.page(query) {
            Ok(page) => (StatusCode::OK, page.into_owned()),
            Err(reason) => (StatusCode::BAD_REQUEST, json!({"status": 400, "message": reason}).to_string()),
        };
        let there = sorted(list.uuids());
        let mut known = self.known.borrow_mut();
        for uuid in &there {
            if !known.contains(uuid) {
                known.insert(uuid.clone());
            }
        }
        (status, body, there)
    }

    /// Notes what a page proves that was received.
    fn received(&self, query: &str, body: &str, there: &[String]) {
        self.stayed.borrow_mut().retain(|uuid| there.binary_search(uuid).is_ok());
        self.pages.borrow_mut().insert(Asked::read(query).page, Said::read(body));
    }
}

impl Network for Service {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let Some(query) = request.uri().query() else {
            let token = json!({"access_token": "a-token", "expires_in": 3600});
            return Ok(response(StatusCode::OK, token.to_string()));
        };
        self.travel().await;
        let (status, body, there) = self.read(query);
        self.travel().await;
        if self.dice.percent(self.lost) {
            return Err(TransportErrorKind::Interrupted.into());
        }
        if status.is_success() {
            self.received(query, &body, &there);
        }
        Ok(response(status, body))
    }
}

impl Said {
    fn read(body: &str) -> Self {
        let page: Value = serde_json::from_str(body).unwrap_or_default();
        let devices = page.pointer("/content").and_then(Value::as_array);
        let uuid = |device: &Value| device.pointer("/uuid").and_then(Value::as_str).map(str::to_owned);
        let total = page.pointer("/totalElements").or_else(|| page.pointer("/page/totalElements"));
        // The simulator may write numbers as text or with a fraction.
        let text = total.map(|total| total.as_str().map_or_else(|| total.to_string(), str::to_owned));
        Self {
            devices: devices.into_iter().flatten().filter_map(uuid).collect(),
            total: text.and_then(|text| text.trim_end_matches(".0").parse().ok()),
        }
    }
}

fn response(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
}

fn sorted(mut uuids: Vec<String>) -> Vec<String> {
    uuids.sort_unstable();
    uuids
}
