//! Hints on how to fix an error.

use super::{ErrorKind, Form, Outcome, Report};
use crate::stage::Stage;
use crate::transport::NO_TLS;

/// Returns what the user can do, where the documentation or HTTP defines it.
pub(crate) fn hint(report: &Report, customer: Option<&str>) -> Option<String> {
    let status = report.status.map(|status| status.as_u16());
    let path = report.asked.as_ref().map(|(_, url)| url.as_str()).unwrap_or_default();
    if let (Some(setting), Some(404)) = (repeated_path(path, report.stage), status) {
        return Some(setting.into());
    }
    // Any other hint would be followed by another attempt, which could make two downlinks.
    if report.outcome == Some(Outcome::Unknown) {
        return Some("before you send it again, look for it in the KPN Things portal".into());
    }
    let redirected = matches!(status, Some(300..=399));
    if report.form == Some(Form::Page) && !redirected {
        let setting = match report.stage {
            Stage::Token => "KPN_THINGS_GRIP_BASE_URL",
            _ => "KPN_THINGS_BASE_URL",
        };
        return Some(format!(
            "a proxy or firewall may have responded in place of the service: check the network and {setting}"
        ));
    }
    let hint = match (report.kind, report.stage, status) {
        (ErrorKind::Auth, Stage::Token, Some(404)) => {
            "check the tenant id and GRIP's base URL (KPN_THINGS_TENANT_ID, KPN_THINGS_GRIP_BASE_URL)"
        }
        (ErrorKind::Auth, Stage::Token, Some(401)) => {
            "check the key id and the key secret (KPN_THINGS_KEY_ID, KPN_THINGS_KEY_SECRET)"
        }
        (ErrorKind::Auth, Stage::Token, _) => {
            "check tenant id, key id, key secret and application id (KPN_THINGS_*)"
        }
        (ErrorKind::Auth, _, _) if path.ends_with("/ingestion/ip/senml/v1") => {
            "check the secret of the device, and the UUID in the base name of the pack"
        }
        (ErrorKind::Auth, _, _) => "check in GRIP that the API key has the service \"KPN Things\"",
        (ErrorKind::Forbidden, _, _) => {
            let Some(customer) = customer else {
                return Some(match report.form {
                    Some(Form::Service) => "the access token is right, but has no authorisation for this".into(),
                    _ => "the API key may have no authorisation for this; a proxy or firewall can respond with 403 as well".into(),
                });
            };
            return Some(format!(
                "check that this key may act for customer {}, and that the customer has this resource",
                customer
            ));
        }
        (ErrorKind::BadRequest, _, _) => {
            "the service did not accept the body, the Accept header or a query parameter"
        }
        (ErrorKind::NotFound, _, _) if path.ends_with("/actuator/downlinks") => {
            "check the DevEUI: the service may not know the device; and the base URL (KPN_THINGS_BASE_URL)"
        }
        (ErrorKind::NotFound, _, _) => "check the base URL and the path (KPN_THINGS_BASE_URL)",
        (ErrorKind::RateLimited | ErrorKind::Server, _, _) => match report.retry_after {
            Some(wait) => return Some(format!("the service requests a wait of {} s", wait.as_secs())),
            None => "try again later",
        },
        (ErrorKind::Connect, _, _) if report.message.ends_with(NO_TLS) => {
            "the address starts with https://, and the server expects http://: for a simulator, use http://127.0.0.1 and its port"
        }
        (ErrorKind::Connect, _, _) if report.message.contains("certificate") => {
            "check the address; if a firewall inspects TLS, or the authority is your own, set its certificate (ca_bundle or SSL_CERT_FILE)"
        }
        (ErrorKind::Connect, _, _) if report.proxied => "check the proxy (HTTPS_PROXY, NO_PROXY)",
        (ErrorKind::Connect, Stage::Token, _) => {
            "check the network and GRIP's address (KPN_THINGS_GRIP_BASE_URL)"
        }
        (ErrorKind::Connect, _, _) => "check the network and the address (KPN_THINGS_BASE_URL)",
        (ErrorKind::TooLarge, _, _) => "request fewer devices per page, or allow larger responses",
        (ErrorKind::HeadTooLarge, _, _) => "check the address, and any proxy in between",
        (ErrorKind::Deadline, _, _) => "use a longer timeout, or try again later",
        (ErrorKind::UnexpectedStatus, _, Some(300..=399)) => {
            "redirects are never followed: set the address that is meant"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// Describes an address whose path contains a part twice, as it does when a base URL is one path too long.
fn repeated_path(url: &str, stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Token if url.matches("/token").count() > 1 => Some(
            "KPN_THINGS_GRIP_BASE_URL is a token URL: use the part before its path, or set it as the token URL",
        ),
        Stage::Call | Stage::ContextSwitch if url.contains("/api/api/") => {
            Some("the base URL must not end in /api, because every path begins with it (KPN_THINGS_BASE_URL)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::error::Error;

    #[test]
    fn a_hint_blames_only_what_the_evidence_shows() {
        use crate::transport::{TransportError, TransportErrorKind};
        let told = |error: TransportError| {
            let error = Error::from(error).with(|report| report.hint = hint(report, None));
            error.hint().unwrap_or_default().to_owned()
        };
        let connect = |cause: &str| TransportError::new(TransportErrorKind::Connect, cause);
        let refused = told(connect("connection refused"));
        assert!(!refused.contains("proxy") && !refused.contains("certificate"), "{refused}");
        let proxied = told(connect("connection refused").through("http://proxy:3128"));
        assert!(proxied.contains("HTTPS_PROXY") && !proxied.contains("BASE_URL"), "{proxied}");
        let no_tls = told(connect("io: received corrupt message of type InvalidContentType"));
        assert!(no_tls.contains("use http://127.0.0.1"), "{no_tls}");
        let untrusted = told(connect("invalid peer certificate: UnknownIssuer"));
        assert!(untrusted.contains("ca_bundle") && !untrusted.contains("proxy"), "{untrusted}");
    }

    #[test]
    fn an_address_with_a_part_too_many_is_named() {
        let told = |stage, url: &str| {
            let error = Error::new(ErrorKind::NotFound, stage, "").with(|report| {
                report.status = Some(StatusCode::NOT_FOUND);
                report.asked = Some((http::Method::GET, url.into()));
                report.hint = hint(report, None);
            });
            error.hint().unwrap_or_default().to_owned()
        };
        assert!(
            told(Stage::Call, "https://api.kpnthings.com/api/api/devices").contains("must not end in /api")
        );
        let grip = "https://auth.grip-on-it.com/v2/t/oidc/idp/c1/token";
        assert!(told(Stage::Token, &format!("{grip}/v2/t/oidc/idp/c1/token")).contains("is a token URL"));
        assert!(!told(Stage::Token, grip).contains("is a token URL"));
        let downlinks = "https://api.kpnthings.com/api/actuator/downlinks";
        assert!(told(Stage::Call, downlinks).starts_with("check the DevEUI"));
    }

    #[test]
    fn a_hint_says_what_the_user_can_do() {
        use ErrorKind::*;
        let unknown = Some(Outcome::Unknown);
        for (kind, stage, status, outcome, expected) in [
            (Auth, Stage::Token, Some(404), None, Some("KPN_THINGS_TENANT_ID")),
            (Auth, Stage::Token, Some(401), None, Some("KPN_THINGS_KEY_SECRET")),
            (Auth, Stage::Token, Some(400), None, Some("application id")),
            (Auth, Stage::Call, Some(302), None, Some("the API key has the service")),
            (Forbidden, Stage::Call, Some(403), None, Some("no authorisation")),
            (BadRequest, Stage::Call, Some(400), None, Some("the Accept header")),
            (NotFound, Stage::Call, Some(404), None, Some("the path")),
            (Server, Stage::Call, Some(500), None, Some("try again later")),
            (Server, Stage::Call, Some(500), unknown, Some("look for it")),
            (Connect, Stage::Token, None, None, Some("KPN_THINGS_GRIP_BASE_URL")),
            (Connect, Stage::Call, None, None, Some("KPN_THINGS_BASE_URL")),
            (TooLarge, Stage::Call, None, None, Some("fewer devices per page")),
            (HeadTooLarge, Stage::Call, None, None, Some("any proxy")),
            (Deadline, Stage::Call, None, None, Some("a longer timeout")),
            (Deadline, Stage::Call, None, unknown, Some("look for it")),
            (UnexpectedStatus, Stage::Call, Some(307), None, Some("redirects are never followed")),
            (UnexpectedStatus, Stage::Call, Some(418), None, None),
            (Timeout, Stage::Call, None, None, None),
        ] {
            let error = Error::new(kind, stage, "").with(|report| {
                report.status = status.map(|status| StatusCode::from_u16(status).unwrap());
                report.outcome = outcome;
                report.hint = hint(report, None);
            });
            let fits = error.hint().zip(expected).is_some_and(|(hint, part)| hint.contains(part));
            assert!(
                fits || (error.hint(), expected) == (None, None),
                "{kind:?} {stage:?}: {:?}",
                error.hint()
            );
        }
    }
}
