use crate::tool::{bare, command, run};

#[test]
fn the_demo_needs_no_account_and_shows_what_was_received() {
    let ran = bare(&["demo"]).exits(0);
    assert_eq!(ran.err, "");
    // The downlink goes to a device that the list above it shows.
    let (list, rest) = ran.out.split_once("$ things downlink send ").unwrap();
    let eui = rest.split(' ').next().unwrap();
    let device = list.lines().find(|line| line.contains(eui)).expect(eui);
    let name = device.split("  ").find(|cell| !cell.is_empty()).unwrap();
    assert!(
        list.contains(&format!("Send two bytes to {name}, the device with the DevEUI {eui}\n")),
        "{list}"
    );
    let record = format!(r#"[{{"bn":"urn:dev:DEVEUI:{eui}:","n":"payloadHex","vs":"0102"}}]"#);
    ran.prints("45 devices on 3 pages")
        .prints(&record)
        .prints("3 devices on 1 page")
        .prints("accepted with 201 Created")
        .prints("1 request   for an access token")
        .prints("4 requests  for pages of devices")
        .prints("with the reference demo-1")
        .prints("KPN_THINGS_TENANT_ID")
        .prints("things auth check")
        .prints("things sim -- things devices list");
}

#[test]
fn the_demo_ignores_the_environment() {
    let mut command = command(&["demo"]);
    command
        .env("KPN_THINGS_TOKEN_URL", "https://grip.invalid/token")
        .env("KPN_THINGS_CUSTOMER_ID", "a/b")
        .env("KPN_THINGS_POSTMAN_ENVIRONMENT", "/nowhere");
    run(command).exits(0).prints("45 devices");
}
