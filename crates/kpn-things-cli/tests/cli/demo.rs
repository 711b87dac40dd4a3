use crate::tool::{bare, command, run};

#[test]
fn the_demo_needs_no_account_and_shows_what_was_received() {
    let ran = bare(&["demo"]).exits(0);
    assert_eq!(ran.err, "");
    ran.prints("45 devices on 3 pages")
        .prints("3 devices on 1 page")
        .prints("accepted with 201 Created")
        .prints("1 request   for an access token")
        .prints("4 requests  for pages of devices")
        .prints(r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#)
        .prints("with the reference valve-42")
        .prints("KPN_THINGS_TENANT_ID")
        .prints("things auth check");
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
