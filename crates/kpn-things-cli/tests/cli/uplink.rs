//! `things uplink sign` and `verify`.

use std::fs;

use crate::tool::{bare, command, file, folder, run_with_input};

/// The vector that KPN publishes.
const BODY: &str = r#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#;
const TOKEN: &str = "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748";

fn secrets(name: &str) -> String {
    file(&format!("uplink-{name}.secrets"), "\u{feff}# two of them\nactive=MYKEY2\r\nretiring=MYKEY1\n")
}

fn verify(secrets: &str, token: &str, body: &str) -> crate::tool::Ran {
    let body = file(&format!("uplink-{}.json", body.len()), body);
    bare(&["uplink", "verify", "--secret-file", secrets, "--token", token, &body])
}

#[test]
fn the_published_vector_is_signed_and_verified() {
    let (secrets, body) = (secrets("vector"), file("uplink-vector.json", BODY));
    let sign = ["uplink", "sign", "--secret-file", &secrets];
    assert_eq!(bare(&[&sign[..], &[&body]].concat()).exits(0).out, format!("{TOKEN}\n"));
    let ran = run_with_input(command(&[&sign[..], &["-"]].concat()), BODY).exits(0);
    assert_eq!(ran.out, format!("{TOKEN}\n"));
    let ran = verify(&secrets, TOKEN, BODY).exits(0);
    assert_eq!(ran.out, "active\n");
    let retiring = bare(&[&sign[..], &["--label", "retiring", &body]].concat()).exits(0).out;
    let ran =
        verify(&secrets, retiring.trim(), BODY).exits(0).complains("the retiring secret is still in use");
    assert_eq!(ran.out, "retiring\n");
    bare(&[&sign[..], &["--label", "old", &body]].concat())
        .exits(2)
        .complains("has no secret \"old\", but: active, retiring");
}

#[test]
fn a_token_that_does_not_match_is_refused_with_its_reason() {
    let secrets = secrets("refused");
    for (token, reason) in [
        ("", "has 0 hex digits: expected 64"),
        (&TOKEN[1..], "has 63 hex digits: expected 64"),
        (&TOKEN.replace('d', "x"), "has a character that is not 0-9 or a-f at position 2"),
        (&TOKEN.replace('4', "5"), "does not match the body and any secret"),
    ] {
        let ran = verify(&secrets, token, BODY).exits(1).complains(reason);
        assert!(ran.out.is_empty() && !ran.err.contains("hint:") && !ran.err.contains("MYKEY"), "{ran:?}");
    }
}

#[test]
fn the_usual_reasons_for_another_token_are_named() {
    let secrets = secrets("hints");
    for (token, body, hint) in [
        (TOKEN.to_owned(), format!("{BODY}\n"), "hint: it matches the body without the line end"),
        (TOKEN.to_owned(), format!("{BODY}\r\n"), "hint: it matches the body without the line end"),
        (
            TOKEN.to_owned(),
            format!("\u{feff}{BODY}"),
            "hint: it matches the body without the byte order mark",
        ),
        (
            things_uplink::sign("MYKEY2", format!("{BODY}\n")),
            BODY.to_owned(),
            "hint: it matches the body with a line end",
        ),
        (TOKEN.to_uppercase(), BODY.to_owned(), "match the secret \"active\""),
        (format!("Things-Message-Token: {TOKEN}"), BODY.to_owned(), "match the secret \"active\""),
    ] {
        verify(&secrets, &token, &body).exits(1).complains(hint);
    }
}

#[test]
fn a_secret_file_that_cannot_be_used_is_refused_without_its_text() {
    let body = file("uplink-bad.json", BODY);
    for (name, text, reason) in [
        ("empty", "\n# nothing\n", "the secret file has no secret"),
        ("label", "active=\n", "line 1 of the secret file has a label and no secret"),
        ("blank", "MYKEY2 \n", "begins or ends with a blank"),
        ("twice", "MYKEY2\nother=MYKEY2\n", "line 2 of the secret file has the same secret as line 1"),
    ] {
        let path = file(&format!("uplink-{name}.secrets"), text);
        let ran = bare(&["uplink", "sign", "--secret-file", &path, &body]).exits(2).complains(reason);
        assert!(ran.err.contains(&path) && !ran.err.contains("MYKEY"), "{ran:?}");
    }
    bare(&["uplink", "sign", "--secret-file", "no-such-file", &body]).exits(2).complains("no-such-file");
    let ran = run_with_input(command(&["uplink", "sign", "--secret-file", "-", "-"]), BODY).exits(2);
    ran.complains("the body cannot be read from stdin, because the secret is read from it");
}

#[test]
fn bytes_that_are_no_text_are_signed_as_they_are() {
    let path = folder("uplink-bytes").join("body");
    fs::write(&path, [0xff, 0, b'\r', b'\n']).unwrap();
    let ran = bare(&["uplink", "sign", "--secret-file", &secrets("bytes"), path.to_str().unwrap()]).exits(0);
    assert_eq!(ran.out.trim(), things_uplink::sign("MYKEY2", [0xff, 0, b'\r', b'\n']));
}
