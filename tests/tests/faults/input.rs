//! What cannot be right: refused before anything is sent, with a reason.

use std::time::Duration;

use http::Method;
use things_core::senml::{BaseName, Number, Pack, Record};
use things_core::{
    Builder, Config, Credentials, Downlink, Error, ErrorKind, FPort, ListDevices, Payload, RawCall,
};
use things_sim::Sim;

use crate::client::{Client, quick, settings};
use crate::downlinks::downlink;
use crate::trial::{Trial, share};

const DEV_EUI: &str = "0059AC0000181EB6";

/// Where input is handed in, for a client that has a simulator to send it to.
struct Desk {
    trial: Trial,
    client: Client,
}

impl Desk {
    /// A call with this input has to be refused, in words that name it and say why.
    fn refuses(&mut self, input: &str, result: Result<(), Error>, what: &str, why: &str) {
        let error = result.as_ref().err();
        let named =
            error.is_some_and(|error| error.message().contains(what) && error.message().contains(why));
        let kind = error.map(Error::kind);
        self.trial.holds(kind == Some(ErrorKind::Input) && named, || {
            format!("{what} {input:?}: {kind:?} {result:?}, for {why:?}")
        });
    }

    fn dev_eui(&self, text: &str) -> Result<(), Error> {
        let downlink = Downlink::raw(text.parse()?, FPort::new(1)?, [1])?;
        self.client.call(&downlink).map(drop)
    }

    fn port(&self, number: u64) -> Result<(), Error> {
        let downlink = Downlink::raw(DEV_EUI.parse()?, number.try_into()?, [1])?;
        self.client.call(&downlink).map(drop)
    }

    fn port_text(&self, text: &str) -> Result<(), Error> {
        self.port(text.parse::<FPort>()?.number().into())
    }

    fn payload(&self, bytes: impl Into<Vec<u8>>) -> Result<(), Error> {
        let downlink = Downlink::raw(DEV_EUI.parse()?, FPort::new(1)?, bytes)?;
        self.client.call(&downlink).map(drop)
    }

    fn payload_hex(&self, text: &str) -> Result<(), Error> {
        self.payload(text.parse::<Payload>()?.bytes())
    }

    fn reference(&self, text: &str) -> Result<(), Error> {
        self.client.call(&downlink(0).external_reference(text)?).map(drop)
    }

    fn customer(&self, id: &str) -> Result<(), Error> {
        self.client.for_customer(id)?.call(&ListDevices::new()).map(drop)
    }

    fn path(&self, path: &str) -> Result<(), Error> {
        self.client.call(&RawCall::get(path)).map(drop)
    }

    fn header(&self, name: &str, value: &str) -> Result<(), Error> {
        self.client.call(&RawCall::get("/api/devices").header(name, value)).map(drop)
    }

    fn pack(&self, json: &str) -> Result<(), Error> {
        self.client.call(&Downlink::senml(Pack::from_json(json)?)?).map(drop)
    }
}

/// A trial with each client. In the end the simulator must have seen nothing of what was tried.
fn at_each(tried: impl Fn(&mut Desk)) {
    for name in Client::NAMES {
        let sim = Sim::builder().start().unwrap();
        let client = Client::new(name, settings(&sim).retry(quick(1)).build().unwrap());
        let mut desk = Desk { trial: Trial::new("R27", name), client };
        tried(&mut desk);
        let requests = sim.calls_total();
        desk.trial.holds(requests == 0, || format!("{requests} requests for what cannot be right"));
        desk.trial.end();
    }
}

const DIGITS: &str = "expected 16 hex digits";

#[test]
fn r27_downlink_that_no_device_could_get_is_not_sent() {
    at_each(|desk| {
        for (text, why) in [
            ("", "is empty"),
            ("0059AC0000181EB", "has 15 hex digits"),
            ("0059AC0000181EB60", "has 17 hex digits"),
            ("0059AC0000181EBG", "has 'G' at position 16"),
            ("０059AC0000181EB6", "has '０' at position 1"),
            ("٠059AC0000181EB6", "at position 1"),
            (" 0059AC0000181EB6", "has ' ' at position 1"),
            ("0059AC0000181EB6\n", "at position 17"),
            ("0059AC0000181EB6\0", "at position 17"),
            ("0059AC0000181EB6\r\nx: y", "at position 17"),
            ("0x0059AC0000181EB6", "starts with 0x"),
            ("00-59:AC-00-00-18-1E-B6", "has ':' at position 6"),
            ("00-59AC0000181EB6", "between some pairs"),
            ("../../api/devices", "at position 1"),
            ("urn:dev:DEVEUI:0059AC0000181EB6:", "at position 1"),
        ] {
            desk.refuses(text, desk.dev_eui(text), "DevEUI", why);
            desk.refuses(text, desk.dev_eui(text), "DevEUI", DIGITS);
        }
        for (number, why) in [
            (0, "MAC commands"),
            (224, "test port"),
            (225, "reserved"),
            (255, "reserved"),
            (256, "one byte"),
            (257, "one byte"),
            (65_537, "one byte"),
            (u64::MAX, "one byte"),
        ] {
            desk.refuses(&number.to_string(), desk.port(number), "FPort", why);
            desk.refuses(&number.to_string(), desk.port_text(&number.to_string()), "FPort", why);
        }
        for text in
            ["", "-1", "+1", "1.0", "1e2", "0x1", " 1", "1\n", "1\0", "１", "١", "18446744073709551617"]
        {
            desk.refuses(text, desk.port_text(text), "FPort", "is not a number from 1 to 223");
        }
        for (text, why) in [
            ("", "is empty"),
            ("012", "an odd number"),
            ("0x", "has no digits after 0x"),
            ("01 2", "an odd number, at position 4"),
            ("01-02-", "ends with '-'"),
            ("0g", "has 'g' at position 2"),
            ("０1", "has '０' at position 1"),
            ("01\0", "at position 3"),
            (&"00".repeat(243), "has 243 bytes"),
        ] {
            desk.refuses(text, desk.payload_hex(text), "payload", why);
        }
        for (length, why) in [(0, "is empty"), (243, "has 243 bytes"), (70_000, "has 70000 bytes")] {
            desk.refuses(&format!("{length} bytes"), desk.payload(vec![0; length]), "payload", why);
        }
        for (text, why) in [
            ("", "is empty"),
            (" a", "space"),
            ("a ", "space"),
            ("a\n", "line break"),
            ("a\r\nx: y", "line break (U+000D) at position 2"),
            ("a\0b", "control character (U+0000) at position 2"),
            ("a\u{85}b", "control character (U+0085) at position 2"),
        ] {
            desk.refuses(text, desk.reference(text), "external reference", why);
        }
        for (json, why) in [
            ("", "is not JSON"),
            ("{}", "is not a JSON array"),
            ("[]", "is empty"),
            (r#"[{"n":"a","v":NaN}]"#, "is not JSON"),
        ] {
            desk.refuses(json, desk.pack(json), "SenML pack", why);
        }
        for (json, why) in [
            ("[1]", "1 is not an object"),
            (r#"[{"bn":"urn:dev:a:","n":"b\u0000","v":1}]"#, "RFC 8428 does not allow"),
            (r#"[{"bn":"urn:dev:a:","n":"../b\r\n","v":1}]"#, "RFC 8428 does not allow"),
            (r#"[{"n":"a","v":"1"}]"#, "wrong type"),
            (r#"[{"n":"a","v":1,"vs":"1"}]"#, "more than one value"),
            (r#"[{"n":"a","n":"b"}]"#, "twice"),
            (r#"[{"n":"a","vs":"\ud800"}]"#, "half of a surrogate pair"),
            (r#"[{"n":"a","v":1e309}]"#, "beyond the range of a double"),
            (r#"[{"vs":"1"}]"#, "is empty"),
            (r#"[{"n":"a","v":1}]"#, "1 names no device"),
            (r#"[{"bn":"urn:dev:a:","n":"a"},{"bn":"urn:dev:b:","n":"b"}]"#, "2 is about another device"),
        ] {
            desk.refuses(json, desk.pack(json), "SenML record", why);
        }
        for (vs, why) in [
            (r#""vs":"0x0102""#, "starts with 0x"),
            (r#""vs":"102""#, "an odd number"),
            (r#""vs":"AQI=""#, "has 'Q' at position 2"),
            (&format!(r#""vs":"{}""#, "00".repeat(300)), "has 300 bytes"),
            (r#""v":102"#, "is not a text"),
        ] {
            let json = format!(r#"[{{"bn":"urn:dev:DEVEUI:{DEV_EUI}:","n":"payloadHex",{vs}}}]"#);
            desk.refuses(&json, desk.pack(&json), "payload of SenML record 1", why);
        }
        for (text, result) in [
            ("", BaseName::new("").map(drop)),
            ("urn:dev:a b:", BaseName::new("urn:dev:a b:").map(drop)),
            ("../a", BaseName::device_uuid("../a\r\n").map(drop)),
            ("a\0", Record::new("a\0").map(drop)),
            ("NaN", Number::try_from(f64::NAN).map(drop)),
            ("infinity", Number::try_from(f64::INFINITY).map(drop)),
        ] {
            desk.refuses(text, result.map_err(Error::from), "SenML", "");
        }
        for imei in ["", "4901542032375180000", "49015420323751x", "４９０15420323"] {
            desk.refuses(
                imei,
                BaseName::imei(imei).map(drop).map_err(Error::from),
                "IMEI",
                "14 to 16 digits",
            );
        }
    });
}

#[test]
fn r27_call_that_would_leave_its_place_is_not_sent() {
    at_each(|desk| {
        for (id, why) in [
            ("", "is empty"),
            (".", "relative path"),
            ("..", "relative path"),
            ("../devices", "'/'"),
            ("a/b", "'/'"),
            ("a\\b", "'\\\\'"),
            ("a?b", "'?'"),
            ("a#b", "'#'"),
            ("a%2Fb", "'%'"),
            ("a b", "' '"),
            ("é", "'é'"),
            ("a\r\nx: y", "line break (U+000D) at position 2"),
            ("a\0", "control character (U+0000) at position 2"),
            ("a\n", "line break"),
            (" a", "space"),
        ] {
            desk.refuses(id, desk.customer(id), "customer id", why);
        }
        for (path, why) in [
            ("C:/api/devices", "Git Bash"),
            ("https://evil.example/api", "the token goes to no other server"),
            ("http://evil.example/", "the token goes to no other server"),
            ("http://127.0.0.1@evil.example/", "the token goes to no other server"),
            ("..", "segment"),
            ("/..", "segment"),
            ("/api/../login", "segment"),
            ("/api/./devices", "segment"),
            ("/api/%2e%2E/login", "segment"),
            ("/api/.%2e", "segment"),
            ("/api\\..\\login", "control character"),
            ("/api#login", "control character"),
            ("/api/devices HTTP/1.1\r\nx: y\r\n\r\n", "control character"),
            ("/api\0", "control character"),
            ("/api\t", "control character"),
            ("/api\u{85}", "control character"),
            (&format!("/{}", "a".repeat(70_000)), "does not make a URL"),
        ] {
            desk.refuses(path.get(..40).unwrap_or(path), desk.path(path), "path", why);
        }
        for name in [
            "Authorization",
            "X-Client-Id",
            "KPN-Things-Security-Context",
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "Proxy-Connection",
            "Proxy-Authorization",
            "TE",
            "Trailer",
            "Upgrade",
            "Expect",
        ] {
            desk.refuses(name, desk.header(name, "x"), "header", "is set by the");
        }
        desk.refuses("User-Agent", desk.header("User-Agent", "x"), "header", "set your program's name");
        for name in ["", "a b", "a:", "a\r\nb", "é", "a\0"] {
            desk.refuses(name, desk.header(name, "x"), "header", "is not an HTTP field name");
        }
        for value in [" a", "a ", "\ta", "a\n"] {
            desk.refuses(value, desk.header("x-note", value), "header", "x-note starts or ends with a space");
        }
        for value in ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "a\tb", "a\u{7f}", "é"] {
            desk.refuses(value, desk.header("x-note", value), "header", "x-note has a control character");
        }
        for (method, why) in
            [(Method::CONNECT, "requests a tunnel"), (Method::TRACE, "must not carry a token")]
        {
            let call = RawCall::new(method.clone(), "/api/devices");
            desk.refuses(method.as_str(), desk.client.call(&call).map(drop), "method", why);
        }
        let post = RawCall::new(Method::POST, "/api/x").body("text/plain\r\nx: y", "a");
        desk.refuses(
            "a type of two lines",
            desk.client.call(&post).map(drop),
            "header",
            "content-type has a control",
        );
        let get = RawCall::get("/api/devices").json("{}");
        desk.refuses(
            "a GET with a body",
            desk.client.call(&get).map(drop),
            "body",
            "cannot be sent with GET",
        );
        let none = ListDevices::new().page_size(0);
        desk.refuses("pages of none", desk.client.call(&none).map(drop), "page size", "is 0");
        let nothing = ListDevices::new().sort_by("");
        desk.refuses(
            "an order by nothing",
            desk.client.call(&nothing).map(drop),
            "sort property",
            "is empty",
        );
    });
}

/// Puts a character in at any place.
fn spoilt(random: &mut fastrand::Rng, text: &str, by: &[char]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    chars.insert(random.usize(0..=chars.len()), by[random.usize(0..by.len())]);
    chars.into_iter().collect()
}

#[test]
fn r27_input_of_chance_that_cannot_be_right_is_not_sent() {
    const CONTROL: [char; 6] = ['\0', '\r', '\n', '\t', '\u{7f}', '\u{85}'];
    const STRAY: [char; 12] = ['/', '\\', '?', '#', '%', ' ', 'é', '\0', '\r', '\n', '１', '\u{202e}'];
    at_each(|desk| {
        let mut random = desk.trial.random();
        for _ in 0..share(300, 100_000) {
            let hex: String = (0..16).map(|_| random.char('0'..='9')).collect();
            let text = match random.bool() {
                true => spoilt(&mut random, &hex, &['g', 'x', '０', '٣', ' ', '.', '/', '\0', '\n']),
                false => {
                    hex.repeat(4)[..[random.usize(1..16), random.usize(17..64)][random.usize(0..2)]].into()
                }
            };
            desk.refuses(&text, desk.dev_eui(&text), "DevEUI", DIGITS);
            let number = if random.bool() { random.u64(224..1_000) } else { random.u64(1_000..) };
            desk.refuses(&number.to_string(), desk.port(number), "FPort", "applications have 1 to 223");
            let length = random.usize(243..2_000);
            desk.refuses(&format!("{length} bytes"), desk.payload(vec![0; length]), "payload", "at most 242");
            let text = match random.bool() {
                true => spoilt(&mut random, &hex, &['g', '０', '.', '/', '\0', '\u{202e}']),
                false => hex[..2 * random.usize(0..8) + 1].to_owned(),
            };
            desk.refuses(&text, desk.payload_hex(&text), "payload", "expected two hex digits per byte");
            let text = spoilt(&mut random, "valve 42", &CONTROL);
            desk.refuses(&text, desk.reference(&text), "external reference", "");
            let text = spoilt(&mut random, "79658ca8-f1ba", &STRAY);
            desk.refuses(&text, desk.customer(&text), "customer id", "");
            let text = spoilt(&mut random, "/api/devices?a=b", &CONTROL);
            desk.refuses(&text, desk.path(&text), "path", "");
            let mut segments: Vec<_> = ["api", "v1", "devices"].into();
            let dots = [".", "..", "%2e", "%2E.", ".%2e", "%2e%2E"][random.usize(0..6)];
            segments.insert(random.usize(0..=3), dots);
            let text = format!("/{}", segments.join("/"));
            desk.refuses(&text, desk.path(&text), "path", "segment");
            let text = spoilt(&mut random, "a plain value", &['\0', '\r', '\n', '\t', 'é', '\u{7f}']);
            desk.refuses(&text, desk.header("x-note", &text), "header", "x-note ");
        }
    });
}

#[test]
fn r27_settings_that_cannot_be_right_make_no_client() {
    type Change = fn(Builder<Config>) -> Builder<Config>;
    const KEY: fn(&str, &str, &str) -> Credentials =
        |tenant, key, secret| Credentials::new(tenant, key, secret);
    let cases: [(Change, &[&str]); 27] = [
        (|it| it.credentials(KEY("", "k", "hush!")), &["tenant id", "missing"]),
        (|it| it.credentials(KEY("..", "k", "hush!")), &["tenant id", "relative path"]),
        (|it| it.credentials(KEY("../evil", "k", "hush!")), &["tenant id", "'/'"]),
        (|it| it.credentials(KEY("a?b", "k", "hush!")), &["tenant id", "'?'"]),
        (|it| it.credentials(KEY("t", "", "hush!")), &["key id", "missing"]),
        (|it| it.credentials(KEY("t", "k\0", "hush!")), &["key id", "control character"]),
        (|it| it.credentials(KEY("t", "k", "")), &["key secret", "missing"]),
        (|it| it.credentials(KEY("t", "k", "hush!\n")), &["key secret", "line break"]),
        (|it| it.credentials(KEY("t", "k", " hush!")), &["key secret", "space"]),
        (|it| it.credentials(KEY("t", "k", "hush!").application_id("")), &["application id", "is empty"]),
        (|it| it.base_url(""), &["base URL", "is empty"]),
        (|it| it.base_url("api.kpnthings.com"), &["base URL", "not an absolute URL"]),
        (|it| it.base_url("http://api.kpnthings.com"), &["base URL", "plain http"]),
        (|it| it.base_url("ftp://127.0.0.1"), &["base URL", "scheme"]),
        (|it| it.base_url("https://user:hush!@127.0.0.1"), &["base URL", "user name or password"]),
        (|it| it.base_url("https://127.0.0.1/?a=b"), &["base URL", "query"]),
        (|it| it.base_url("https://127.0.0.1/#a"), &["base URL", "fragment"]),
        (|it| it.base_url("https://127.0.0.1\r\nx: y"), &["base URL", "a line break"]),
        (|it| it.grip_base_url("http://auth.grip-on-it.com"), &["GRIP base URL", "plain http"]),
        (|it| it.token_url("https://127.0.0.1/token"), &["token URL", "different servers"]),
        (|it| it.customer("a/../b"), &["customer id", "'/'"]),
        (|it| it.security_context("hush!\r\nx: y"), &["security context", "a line break"]),
        (|it| it.timeout(Duration::ZERO), &["timeout", "zero"]),
        (|it| it.attempt_timeout(Duration::ZERO), &["attempt timeout", "zero"]),
        (|it| it.connect_timeout(Duration::ZERO), &["connect timeout", "zero"]),
        (|it| it.retry(quick(0)), &["number of attempts", "0"]),
        (|it| it.ca_bundle("hush!"), &["CA bundle", "no certificate"]),
    ];
    at_each(|desk| {
        let sim = Sim::builder().start().unwrap();
        for (change, parts) in &cases {
            let error = change(settings(&sim)).build().err();
            let kept = error.as_ref().is_some_and(|error| {
                let text = error.to_string();
                error.kind() == ErrorKind::Config
                    && parts.iter().all(|part| text.contains(part))
                    && !text.contains("hush!")
            });
            desk.trial.holds(kept, || format!("{error:?}, for {parts:?}"));
        }
    });
}

#[test]
fn r27_what_is_right_is_sent() {
    for name in Client::NAMES {
        let sim = Sim::builder().start().unwrap();
        let client = Client::new(name, settings(&sim).build().unwrap());
        let mut desk = Desk { trial: Trial::new("R27", name), client };
        for result in [
            desk.dev_eui("00-59-ac-00-00-18-1e-b6"),
            desk.port(1),
            desk.port(223),
            desk.port_text("1"),
            desk.payload([0]),
            desk.payload([0; 242]),
            desk.payload_hex("0102fF"),
            desk.reference("a&b=c é %/../"),
            desk.pack(r#"[{"bn":"urn:dev:IMEI:490154203237518:","n":"open","vb":true}]"#),
        ] {
            desk.trial.holds(result.is_ok(), || format!("{result:?}"));
        }
        let (sent, tried) = (sim.downlinks_received(), 9);
        desk.trial.holds(sent == tried, || format!("{sent} of {tried} downlinks"));
        desk.trial.end();
    }
}
