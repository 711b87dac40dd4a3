//! The listings of several sub-customers.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use things_core::{Builder, Credentials, CustomerFleet, Error, ErrorKind};
use things_reqwest::StreamExt;
use things_sim::{Quirk, Route, Sim, SimBuilder, SortByUuid};
use things_tests::client::Client;
use things_tests::server::{Server, answer, read_request};

use crate::client::settings;

/// A simulator with this many sub-customers, `c-0` and so on, of which each has ten devices more than the one before.
fn customers(count: usize) -> (Vec<String>, SimBuilder) {
    let ids: Vec<_> = (0..count).map(|number| format!("c-{number}")).collect();
    let sim = Sim::builder().no_customers();
    let sim = ids.iter().enumerate().fold(sim, |sim, (number, id)| sim.customer(id, 10 * number));
    (ids, sim)
}

fn client(name: &str, sim: &Sim) -> Client {
    let known = sim.credentials();
    let credentials = Credentials::new(&known.tenant_id, &known.key_id, &*known.key_secret)
        .application_id(&known.application_id);
    let config = Builder::new(credentials, Ok).base_url(sim.url()).grip_base_url(sim.url());
    Client::new(name, config.build().unwrap())
}

/// Lists the devices of customers, with a proof or without.
fn fleets(client: &Client, ids: &[String], window: usize, proven: bool) -> Vec<Result<CustomerFleet, Error>> {
    match client {
        Client::Ureq(client) => {
            let devices = client.for_customers(ids).unwrap().devices().window(window);
            if proven { devices.verified().fleets().collect() } else { devices.fleets().collect() }
        }
        Client::Reqwest(client, runtime) => {
            let devices = client.for_customers(ids).unwrap().devices().window(window);
            runtime.block_on(async move {
                if proven {
                    devices.verified().fleets().collect().await
                } else {
                    devices.fleets().collect().await
                }
            })
        }
    }
}

/// How many devices each customer has, or why it has none.
fn counts(fleets: Vec<Result<CustomerFleet, Error>>) -> Vec<(String, Result<usize, ErrorKind>)> {
    let count = |fleet: CustomerFleet| {
        let result = fleet.result.map(|fleet| fleet.devices.len()).map_err(|error| error.kind());
        (fleet.customer.to_string(), result)
    };
    fleets.into_iter().map(|fleet| count(fleet.unwrap())).collect()
}

#[test]
fn fifty_customers_need_one_token_and_one_context_switch_each() {
    for name in Client::NAMES {
        for proven in [false, true] {
            let (ids, sim) = customers(50);
            let sim = sim.start().unwrap();
            let client = &client(name, &sim);
            let expected: Vec<_> = ids.iter().enumerate().map(|(n, id)| (id.clone(), Ok(10 * n))).collect();
            assert_eq!(counts(fleets(client, &ids, 8, proven)), expected, "{client:?}");
            assert_eq!(sim.calls(Route::Token), 1, "{client:?}");
            assert_eq!(sim.calls(Route::ContextSwitch), 50, "{client:?}");
            let mut switched: Vec<_> = sim
                .requests()
                .into_iter()
                .filter_map(|request| {
                    let path = request.target.strip_prefix("/api/v1/lifecycle/clients/")?;
                    Some(path.strip_suffix("/context-switch")?.to_owned())
                })
                .collect();
            switched.sort();
            let mut all = ids.clone();
            all.sort();
            assert_eq!(switched, all, "{client:?}");
        }
    }
}

#[test]
fn a_refused_customer_and_a_failing_one_do_not_end_the_others() {
    for name in Client::NAMES {
        let (mut ids, sim) = customers(4);
        ids.insert(1, "nobody".into());
        let sim = sim.start().unwrap();
        let client = &client(name, &sim);
        let found = counts(fleets(client, &ids, 4, false));
        let expected = [
            ("c-0", Ok(0)),
            ("nobody", Err(ErrorKind::Forbidden)),
            ("c-1", Ok(10)),
            ("c-2", Ok(20)),
            ("c-3", Ok(30)),
        ];
        assert_eq!(found, expected.map(|(id, result)| (id.to_owned(), result)), "{client:?}");
    }
}

/// After the first refusal, the session knows that the service does not order by uuid, and no call is made.
#[test]
fn customers_whose_listings_cannot_be_proven_all_have_their_error() {
    for name in Client::NAMES {
        let (ids, sim) = customers(6);
        let sim = sim.quirk(Quirk::SortByUuid(SortByUuid::Refused)).start().unwrap();
        let client = client(name, &sim);
        fleets(&client, &ids[..1], 1, false);
        let requests = sim.calls(Route::Devices);
        let expected: Vec<_> = ids.iter().map(|id| (id.clone(), Err(ErrorKind::Incomplete))).collect();
        assert_eq!(counts(fleets(&client, &ids, 2, true)), expected, "{name}");
        assert_eq!(sim.calls(Route::Devices), requests, "{name}");
    }
}

#[test]
fn a_key_without_access_is_the_error_of_all() {
    let (ids, sim) = customers(3);
    let sim = sim.fault("token=status:401".parse().unwrap()).start().unwrap();
    for name in Client::NAMES {
        let client = client(name, &sim);
        let found = fleets(&client, &ids, 4, false);
        let kinds: Vec<_> =
            found.into_iter().map(|item| item.map(drop).map_err(|error| error.kind())).collect();
        assert_eq!(kinds, [Err(ErrorKind::Auth)], "{client:?}");
    }
    assert_eq!(sim.calls(Route::Devices), 0);
}

/// What a server has seen: how many requests were open at a time, and of which customers.
#[derive(Default)]
struct Seen {
    open: usize,
    most: usize,
    customers: HashSet<String>,
}

/// A server with five pages for each customer. It answers the first page only once `least` requests are open.
fn crowded(least: usize, seen: &Arc<(Mutex<Seen>, Condvar)>) -> Server {
    let seen = Arc::clone(seen);
    Server::start(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let (lock, changed) = &*seen;
            let mut state = lock.lock().unwrap();
            state.open += 1;
            state.most = state.most.max(state.open);
            changed.notify_all();
            let number =
                request.head.split(['?', '&', ' ']).find_map(|part| part.strip_prefix("currentPage="));
            let body = match number.map(|number| number.parse::<u64>().unwrap()) {
                // A context switch.
                None => "{}".to_owned(),
                Some(number) => {
                    let wait =
                        changed.wait_timeout_while(state, Duration::from_secs(60), |seen| seen.most < least);
                    state = wait.unwrap().0;
                    let customer = request.header("x-client-id").unwrap().to_owned();
                    let devices = [json!({"uuid": format!("{customer} {number}")})];
                    state.customers.insert(customer);
                    json!({"content": devices, "number": number, "size": 1, "totalPages": 5, "totalElements": 5,
                        "last": number == 4})
                    .to_string()
                }
            };
            state.open -= 1;
            drop(state);
            answer(&mut stream, &body);
        }
    })
}

#[test]
fn the_window_bounds_the_calls_of_all_customers_together() {
    const WINDOW: usize = 3;
    for name in Client::NAMES {
        let seen = Arc::default();
        let server = crowded(WINDOW, &seen);
        let client = Client::new(name, settings(&server.http()).build().unwrap());
        let ids: Vec<_> = (0..20).map(|number| format!("c-{number}")).collect();
        let found = counts(fleets(&client, &ids, WINDOW, false));
        assert!(found.iter().all(|(_, result)| *result == Ok(5)) && found.len() == 20, "{name}: {found:?}");
        let seen = seen.0.lock().unwrap();
        assert_eq!((seen.most, seen.customers.len()), (WINDOW, 20), "{name}");
    }
}

#[test]
fn what_cannot_be_right_is_refused() {
    for client in Client::both(&settings("http://127.0.0.1:1").build().unwrap()) {
        let refused = |ids: &[&str]| match &client {
            Client::Ureq(client) => client.for_customers(ids.iter().copied()).unwrap_err(),
            Client::Reqwest(client, _) => client.for_customers(ids.iter().copied()).unwrap_err(),
        };
        assert_eq!(refused(&["a", "b", "a"]).message(), "customer id a is given twice");
        assert_eq!(refused(&["a", "b/c"]).kind(), ErrorKind::Input);
        let errors = fleets(&client, &["a".to_owned()], 65, true);
        assert!(matches!(&errors[..], [Err(error)] if error.kind() == ErrorKind::Input), "{errors:?}");
        assert!(fleets(&client, &[], 8, true).is_empty());
    }
}
