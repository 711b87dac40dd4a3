//! The current API: both transports list it in whatever form it pages, and report its end.

use std::io::ErrorKind as IoErrorKind;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use things_core::{
    Config, Error, ErrorKind, Filter, ListResource, ListedDownlink, Resource, Retirement, RetryPolicy, Watch,
};
use things_reqwest::StreamExt;
use things_sim::{DeviceSpec, Sim, SimBuilder};

use crate::client::Client;

fn simulator(devices: usize, quirks: &[&str]) -> SimBuilder {
    let device = |number: usize| DeviceSpec { uuid: Some(format!("d{number:02}")), ..DeviceSpec::named("n") };
    let builder =
        (0..devices).fold(Sim::builder().devices(0), |builder, number| builder.device(device(number)));
    quirks.iter().fold(builder, |builder, quirk| builder.quirk(quirk.parse().unwrap()))
}

/// The key of the simulator, and few attempts.
fn config(sim: &Sim) -> Config {
    let key = sim.credentials();
    let credentials = things_core::Credentials::new(&key.tenant_id, &key.key_id, key.key_secret.clone())
        .application_id(&key.application_id);
    let retry = RetryPolicy { max_attempts: 2, ..Default::default() };
    let builder = things_core::Builder::new(credentials, Ok);
    builder.base_url(sim.url()).grip_base_url(sim.url()).retry(retry).max_pages(100).build().unwrap()
}

/// Lists devices, and returns the ids and the error at the end.
fn list(client: &Client, limit: u32) -> (Vec<String>, Option<Error>) {
    let results: Vec<Result<things_core::Item, Error>> = match client {
        Client::Ureq(client) => client.current().devices().limit(limit).into_iter().collect(),
        Client::Reqwest(client, runtime) => {
            runtime.block_on(client.current().devices().limit(limit).stream().collect())
        }
    };
    let (mut ids, mut error) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(item) => ids.push(item.id().unwrap().into_owned()),
            Err(last) => error = Some(last),
        }
    }
    (ids, error)
}

fn all(devices: usize) -> Vec<String> {
    (0..devices).map(|number| format!("d{number:02}")).collect()
}

#[test]
fn every_form_of_link_in_every_field_leads_to_all_items() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let other_port = format!("port-{}", elsewhere.local_addr().unwrap().port());
    for form in ["url", "path", "query", "cursor", &other_port] {
        for field in ["next", "next-page", "links", "hal"] {
            let quirks = [&*format!("next-link:{form}"), &format!("next-field:{field}"), "empty-items:1"];
            let sim = simulator(7, &quirks).start().unwrap();
            for client in Client::both(&config(&sim)) {
                let (ids, error) = list(&client, 3);
                assert_eq!((ids, error.is_none()), (all(7), true), "{quirks:?}: {client:?}");
            }
            // Three pages of devices and the empty one, for each client.
            let pages = sim.requests().into_iter().filter(|request| request.target.starts_with("/devices"));
            assert_eq!(pages.count(), 8, "{quirks:?}");
        }
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), IoErrorKind::WouldBlock, "nothing connected");
}

#[test]
fn a_link_elsewhere_without_a_cursor_gets_no_request_and_is_an_error() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let link = format!("next-link:bare-port-{}", elsewhere.local_addr().unwrap().port());
    let sim = simulator(5, &[&link]).start().unwrap();
    for client in Client::both(&config(&sim)) {
        let (ids, error) = list(&client, 3);
        assert_eq!((ids, error.unwrap().kind()), (all(3), ErrorKind::Listing), "{client:?}");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), IoErrorKind::WouldBlock, "nothing connected");
}

#[test]
fn a_loop_of_links_ends_in_an_error_after_its_items() {
    for form in ["url", "cursor"] {
        let sim = simulator(4, &["next-loop", &format!("next-link:{form}")]).start().unwrap();
        for client in Client::both(&config(&sim)) {
            let (ids, error) = list(&client, 2);
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Listing, "{client:?}: {error}");
            assert!(ids.starts_with(&all(4)) && ids.len() <= 6, "{ids:?}");
        }
    }
}

#[test]
fn a_token_that_dies_between_pages_is_fetched_again_after_302_and_401() {
    for quirks in [&["current-token:401"][..], &[]] {
        let sim = simulator(5, quirks).fault("other@2=revoke".parse().unwrap()).start().unwrap();
        let [client, _] = Client::both(&config(&sim));
        assert_eq!(list(&client, 2).0, all(5));
        assert_eq!(sim.tokens_issued(), 2, "{quirks:?}");
        let [_, client] = Client::both(&config(&sim));
        sim.clear_faults();
        sim.add_fault("other@2=revoke".parse().unwrap());
        assert_eq!(list(&client, 2).0, all(5));
        assert_eq!(sim.tokens_issued(), 4, "{quirks:?}");
    }
}

#[test]
fn an_error_of_any_form_shows_its_reason_and_its_reference() {
    const WHY: &str = "sort: there is no field none";
    for (form, reason, reference) in [
        ("problem", WHY, Some("/devices")),
        ("gateway", WHY, Some("sim-1")),
        ("camara", WHY, None),
        ("spring", WHY, None),
    ] {
        let sim = simulator(1, &[&format!("current-errors:{form}")]).start().unwrap();
        for client in Client::both(&config(&sim)) {
            let query = ListResource::new(Resource::Devices).sort("none");
            let error = client.call(&query).unwrap_err();
            assert_eq!(
                (error.kind(), error.reference()),
                (ErrorKind::BadRequest, reference),
                "{form}: {error}"
            );
            assert!(error.message().contains(reason), "{form}: {error}");
        }
        let accept = sim.requests().last().unwrap().header("accept").unwrap().to_owned();
        assert_eq!(accept, "application/json, application/problem+json");
    }
}

#[test]
fn what_cannot_be_right_is_not_sent() {
    let sim = simulator(1, &[]).start().unwrap();
    for client in Client::both(&config(&sim)) {
        let query = ListResource::new(Resource::Projects).filter(Filter::Barcode, "1");
        let error = client.call(&query).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Input, "barcode is not a filter of /projects")
        );
    }
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn the_downlinks_of_a_device_show_how_far_they_got() {
    let sim = simulator(1, &["downlink-progress:reads-1"]).start().unwrap();
    for client in Client::both(&config(&sim)) {
        sim.reset();
        client.call(&crate::client::downlink()).unwrap();
        let device = "0059AC0000181EB6".parse().unwrap();
        let query = ListResource::downlinks_of(&device, "2026-01-01T00:00:00Z");
        let mut states = Vec::new();
        for _ in 0..3 {
            let page = client.call(&query).unwrap();
            let [item] = page.items.try_into().unwrap_or_else(|items| panic!("{items:?}"));
            let downlink = ListedDownlink::from(item);
            states.push((downlink.state().map(|state| state.name()), downlink.state_field()));
        }
        let field = Some("status".to_owned());
        assert_eq!(states, [(Some("Pending"), field.clone()), (Some("Executing"), field), (None, None)]);
    }
}

#[derive(Default)]
struct Announced(Mutex<Vec<String>>);

impl Watch for Announced {
    fn announced(&self, retirement: &Retirement) {
        self.0.lock().unwrap().push(retirement.to_string());
    }
}

#[test]
fn the_end_of_an_endpoint_is_reported_once_per_path() {
    let sim = simulator(5, &["sunset", "deprecation"]).start().unwrap();
    for client in Client::both(&config(&sim)) {
        let watch = Arc::new(Announced::default());
        let watched = Arc::clone(&watch) as Arc<dyn Watch>;
        let client = match client {
            Client::Ureq(client) => Client::Ureq(client.with_watch(watched)),
            Client::Reqwest(client, runtime) => Client::Reqwest(client.with_watch(watched), runtime),
        };
        for _ in 0..2 {
            assert_eq!(list(&client, 2).0, all(5));
            client.call(&crate::client::downlink()).unwrap();
        }
        let texts = watch.0.lock().unwrap();
        let end = "Deprecation: Thu, 01 Jan 2026 00:00:00 GMT; Sunset: Wed, 31 Dec 2031 23:59:59 GMT";
        let expected = [
            format!("POST {}/v2/{}/oidc/idp/c1/token", sim.url(), sim.credentials().tenant_id),
            format!("GET {}/devices", sim.url()),
            format!("POST {}/api/actuator/downlinks", sim.url()),
        ];
        assert_eq!(*texts, expected.map(|url| format!("the service announces the end of {url}: {end}")));
    }
}
