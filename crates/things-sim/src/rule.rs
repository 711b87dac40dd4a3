//! A rule: a fault, the route that it applies to, and the calls.

use crate::fault::Fault;
use crate::route::Route;
use crate::syntax::{ParseRuleError, error};
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
    /// The route; `None` means every route.
    pub route: Option<Route>,
    /// The calls of that route that get the fault.
    pub when: When,
    /// The fault.
    pub fault: Fault,
}

impl FromStr for FaultRule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((calls, fault)) = text.split_once('=') else {
            return error(format!("`{text}` is not ROUTE[@WHEN]=FAULT, as in downlinks@2=drop-after"));
        };
        let (route, when) = match calls.split_once('@') {
            Some((route, when)) => (route, when.parse()?),
            None => (calls, When::Always),
        };
        let route = match route {
            "any" => None,
            route => match route.parse() {
                Ok(route) => Some(route),
                Err(_) => {
                    return error(format!(
                        "unknown route `{route}`: use token, devices, downlinks, context-switch, other or any"
                    ));
                }
            },
        };
        Ok(Self { route, when, fault: fault.parse()? })
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.route.map_or("any", Route::name))?;
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

    #[test]
    fn errors_say_what_is_allowed() {
        for (text, hint) in [
            ("devices", "ROUTE[@WHEN]=FAULT"),
            ("device=stall", "context-switch, other or any"),
            ("devices@0=stall", "counted from 1"),
            ("devices@5-3=stall", "every-10"),
            ("devices@every-0=stall", "every-10"),
            ("devices@101%=stall", "5%"),
            ("devices@NaN%=stall", "5%"),
            ("devices@-5%=stall", "5%"),
            ("devices@=stall", "3-5"),
            ("devices=explode", "drop-before"),
            ("devices=stall:1", "stall-after"),
            ("devices=latency", "latency:20ms"),
            ("devices=latency:20", "s, ms, us or ns"),
            ("devices=latency:ms", "20ms"),
            ("devices=truncate:x", "truncate:100"),
            ("devices=rate-limit:5", "5/s"),
            ("devices=refuse:no", "spring-errors"),
            ("devices=refuse:spring,99", "200 to 599"),
            ("devices=charset:a b", "charset:utf-8"),
            ("devices=echo:trailer", "echo:body"),
            ("devices=status:99", "200 to 599"),
            ("devices=status:503,Retry-After", "Name:value"),
            ("devices=status:503,Retry-After:Wed, 21 Oct 2026 07:28:00 GMT", "\\,"),
            ("devices=status:503,X:a\r\nY", "Name:value"),
        ] {
            let message = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }
}
