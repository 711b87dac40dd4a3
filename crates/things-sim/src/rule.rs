//! A rule: a fault, the route that it applies to, and the calls.

use crate::fault::Fault;
use crate::route::Route;
use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, one_of};
use crate::uplink::UplinkFault;
use crate::when::When;
use std::fmt;
use std::str::FromStr;

/// One rule of the simulator's faults.
///
/// Several rules may apply to one call. Latencies add up. They combine with any other fault, and so do
/// [`Fault::RevokeToken`], [`Fault::Coding`] and [`Fault::EchoHeader`]. Of the remaining faults, the rule that was added
/// first wins.
///
/// A rule is written as `ROUTE[@WHEN]=FAULT`:
///
/// ```
/// use things_sim::{Fault, FaultRule, Route, When};
///
/// let rule: FaultRule = "downlinks@2=drop-after".parse()?;
/// assert_eq!(rule, FaultRule { route: Some(Route::Downlinks), when: When::Calls(2..=2), fault: Fault::DropAfter });
/// assert_eq!(rule.to_string(), "downlinks@2=drop-after");
/// # Ok::<(), things_sim::ParseRuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// The route; `None` means every route. It has no effect if the fault is a [`Fault::Uplink`].
    pub route: Option<Route>,
    /// The calls of that route that get the fault.
    pub when: When,
    /// The fault.
    pub fault: Fault,
}

impl FromStr for FaultRule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = Part::of(text);
        let Some((calls, fault)) = rule.split_once('=') else {
            return Err(without_fault(rule));
        };
        let (route, when) = match calls.split_once('@') {
            Some((route, when)) => (route, Some(when)),
            None => (calls, None),
        };
        let known = read_route(route)?;
        let when = when.map_or(Ok(When::Always), When::read)?;
        let Known::Requests(known) = known else {
            return Ok(Self { route: None, when, fault: Fault::Uplink(UplinkFault::read(fault)?) });
        };
        match Fault::read(fault)? {
            Fault::Uplink(fault) => {
                let problem = format!("`{}` is a fault of uplinks", fault.name());
                Err(route.error(problem, format!("use uplink={}", fault.name())).suggest(UPLINK.to_owned()))
            }
            fault => Ok(Self { route: known, when, fault }),
        }
    }
}

impl FaultRule {
    /// Whether the rule counts the requests on a route.
    pub(crate) fn applies_to(&self, route: Route) -> bool {
        !matches!(self.fault, Fault::Uplink(_)) && self.route.is_none_or(|wanted| wanted == route)
    }
}

/// The route of the uplinks that the simulator posts.
const UPLINK: &str = "uplink";

/// The names of the routes, as a rule writes them.
const ROUTES: [&str; 8] =
    ["token", "devices", "downlinks", "context-switch", "ingestion", "other", "any", UPLINK];

/// What a rule applies to.
enum Known {
    /// The requests on a route; `None` means every request.
    Requests(Option<Route>),
    /// The posts of uplinks.
    Uplink,
}

fn read_route(part: Part<'_>) -> Result<Known, ParseRuleError> {
    match part.text() {
        "any" => Ok(Known::Requests(None)),
        UPLINK => Ok(Known::Uplink),
        name => match name.parse() {
            Ok(route) => Ok(Known::Requests(Some(route))),
            Err(_) => Err(part.unknown("route", ROUTES, one_of(&ROUTES))),
        },
    }
}

/// The error for a rule without `=`.
fn without_fault(rule: Part<'_>) -> ParseRuleError {
    const EXPECTED: &str = "use ROUTE[@WHEN]=FAULT, as in downlinks@2=drop-after";
    let route = rule.split_once(':').map_or(rule, |(route, _)| route);
    let route = route.split_once('@').map_or(route, |(route, _)| route);
    if rule.is_empty() {
        rule.missing("the rule", EXPECTED)
    } else if let Ok(fault) = Fault::read(rule) {
        let route = if matches!(fault, Fault::Uplink(_)) { UPLINK } else { "any" };
        let error = rule.error("the route is missing", EXPECTED);
        error.suggest(format!("{route}={}", rule.text()))
    } else if let Err(error) = read_route(route) {
        error
    } else {
        let fault = rule.split_once(':').and_then(|(route, fault)| {
            Fault::read(fault).ok().map(|_| format!("{}={}", route.text(), fault.text()))
        });
        match fault {
            Some(meant) => rule.error("the rule has no `=`", EXPECTED).suggest(meant),
            None => rule.missing("the fault", EXPECTED),
        }
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.fault, self.route) {
            (Fault::Uplink(_), _) => UPLINK,
            (_, Some(route)) => route.name(),
            (_, None) => "any",
        })?;
        if self.when != When::Always {
            write!(f, "@{}", self.when)?;
        }
        write!(f, "={}", self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_they_are_read() {
        for text in [
            "token=drop-before",
            "devices@3=drop-after",
            "downlinks@3-5=stall",
            "context-switch@3-=stall-after",
            "other@every-10=revoke",
            "any@5%=latency:20ms",
            "any@0.07%=latency:1500us",
            "any@100%=latency:2s",
            "any=latency:0ms",
            "devices=truncate:100",
            "devices=rate-limit:5/s",
            "any=refuse:spring",
            "token=refuse:oauth,200",
            "devices=refuse:html",
            "devices=gzip",
            "devices=gzip-unless-identity",
            "token=bom",
            "devices=utf-16",
            "devices=utf-16le",
            "devices=utf-16be",
            "devices=charset:ISO-8859-1",
            "ingestion@2=status:503",
            "uplink=wrong-secret",
            "uplink@1-2=altered-body",
            "uplink@every-3=doubled-header",
            "uplink@50%=no-header",
            "uplink=duplicate",
            "any=echo:header",
            "downlinks=echo:body",
            "devices@5%=status:503,Retry-After:2",
            r"devices=status:503,Retry-After:Wed\, 21 Oct 2026 07:28:00 GMT,X-Path:a\\b",
            r#"token@1=status-after:500,Content-Type:text/plain,body:{"a":1\,"b":"x:y"}"#,
        ] {
            let rule: FaultRule = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
            assert_eq!(rule.to_string().parse::<FaultRule>().unwrap(), rule);
        }
        assert_eq!("any@always=stall".parse::<FaultRule>().unwrap().to_string(), "any=stall");
    }

    #[test]
    fn the_parts_mean_what_they_say() {
        let rule: FaultRule = r"devices@5%=status:503,Retry-After:2,X:a\,b".parse().unwrap();
        let headers = vec![("Retry-After".to_owned(), "2".to_owned()), ("X".to_owned(), "a,b".to_owned())];
        let fault = Fault::Status { status: 503, headers, body: None, processed: false };
        assert_eq!(rule, FaultRule { route: Some(Route::Devices), when: When::Chance(0.05), fault });
    }
}
