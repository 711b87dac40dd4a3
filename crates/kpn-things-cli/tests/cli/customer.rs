use things_sim::{DEFAULT_CUSTOMER, Route};

use crate::tool::{Tool, bare, simulator};

#[test]
fn a_granted_switch_says_so() {
    let sim = simulator().start().unwrap();
    let ran = sim.things(&["customer", "switch", DEFAULT_CUSTOMER]).exits(0);
    ran.prints("granted: this API key may act for").prints(DEFAULT_CUSTOMER);
    assert_eq!(sim.calls(Route::ContextSwitch), 1);
    let json = sim.things(&["customer", "switch", DEFAULT_CUSTOMER, "--json"]).exits(0).json();
    assert_eq!(json["granted"], true);
    assert_eq!(json["body"]["clientId"], DEFAULT_CUSTOMER);
}

#[test]
fn a_refused_switch_says_so() {
    let sim = simulator().start().unwrap();
    let ran = sim.things(&["customer", "switch", "stranger"]).exits(1);
    ran.prints("not granted").complains("error: 403").complains("hint: ");
    assert_eq!(sim.things(&["customer", "switch", "stranger", "--json"]).exits(1).json()["granted"], false);
}

#[test]
fn the_customer_of_the_environment_is_left_out() {
    let sim = simulator().start().unwrap();
    let args = ["customer", "switch", DEFAULT_CUSTOMER];
    sim.things_with("KPN_THINGS_CUSTOMER_ID", "stranger", &args).exits(0);
    assert_eq!(sim.calls(Route::ContextSwitch), 1);
    sim.things(&["customer", "switch", DEFAULT_CUSTOMER, "--customer", "x"]).exits(2);
}

#[test]
fn an_id_that_would_leave_its_path_is_refused() {
    for id in ["a/b", "..", "a?b", "a%2Fb", ""] {
        bare(&["customer", "switch", id]).exits(2).complains("customer id");
    }
}
