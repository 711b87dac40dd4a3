//! Faults: what goes wrong, on which route, and when.

use crate::random::Random;
use crate::route::Route;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One rule of the simulator's faults.
///
/// Several rules may hit a call. Latencies add up and are combined with any other fault, and so is
/// [`Fault::RevokeToken`]; of the remaining ones the rule that was added first wins.
///
/// Rules are written as `ROUTE[@WHEN]=FAULT`:
///
/// ```
/// use things_sim::{Fault, FaultRule, Route, When};
///
/// let rule: FaultRule = "downlinks@2=drop-after".parse()?;
/// assert_eq!(rule, FaultRule { route: Some(Route::Downlinks), when: When::Calls(2..=2), fault: Fault::DropAfter });
/// assert_eq!(rule.to_string(), "downlinks@2=drop-after");
/// # Ok::<(), things_sim::ParseFaultRuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// The route that it is for; `None` is every route.
    pub route: Option<Route>,
    /// Which of that route's calls it hits.
    pub when: When,
    /// What happens to them.
    pub fault: Fault,
}

/// Which calls a fault hits. Calls are counted from the moment the rule was added.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Every call.
    Always,
    /// The calls of these numbers; the first is 1.
    Calls(RangeInclusive<u64>),
    /// Every n-th call: `Every(10)` hits the 10th, the 20th and so on. 0 hits none.
    Every(u64),
    /// Each call with this probability, 0.0 to 1.0, decided by the simulator's seed.
    Chance(f64),
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The call is looked at this much later.
    Latency(Duration),
    /// This answer is given in place of the real one.
    Status {
        /// The status, 200 to 599.
        status: u16,
        /// Further headers, sent as they are.
        headers: Vec<(String, String)>,
        /// The body; JSON unless the headers say otherwise. `None` is an empty one.
        body: Option<String>,
        /// Whether the call takes effect all the same: the downlink is queued, the token issued.
        processed: bool,
    },
    /// The connection is closed, and the call has no effect.
    DropBefore,
    /// The call takes effect; then the connection is closed without an answer.
    DropAfter,
    /// The call takes effect. The answer declares its full length, this many bytes of its body are sent, and
    /// the connection is closed.
    Truncate(usize),
    /// The call has no effect and is never answered; the connection stays open.
    Stall,
    /// The call takes effect and is never answered; the connection stays open.
    StallAfter,
    /// Every token is revoked before the call is looked at.
    RevokeToken,
}

/// What the rules make of one call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) latency: Duration,
    pub(crate) revoke: bool,
    pub(crate) fault: Option<Fault>,
}

/// The rules that are in force.
#[derive(Debug)]
pub(crate) struct Faults {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rules: Vec<Active>,
    random: Random,
}

#[derive(Debug)]
struct Active {
    rule: FaultRule,
    calls: u64,
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>, random: Random) -> Self {
        let rules = rules.into_iter().map(|rule| Active { rule, calls: 0 }).collect();
        Self { state: Mutex::new(State { rules, random }) }
    }

    pub(crate) fn add(&self, rule: FaultRule) {
        self.state().rules.push(Active { rule, calls: 0 });
    }

    pub(crate) fn clear(&self) {
        self.state().rules.clear();
    }

    /// Counts a call, and says what happens to it.
    pub(crate) fn judge(&self, route: Route) -> Verdict {
        let mut state = self.state();
        let State { rules, random } = &mut *state;
        let mut verdict = Verdict::default();
        for active in rules.iter_mut().filter(|active| active.rule.route.is_none_or(|wanted| wanted == route))
        {
            active.calls += 1;
            if !active.rule.when.hits(active.calls, random) {
                continue;
            }
            match &active.rule.fault {
                Fault::Latency(latency) => verdict.latency = verdict.latency.saturating_add(*latency),
                Fault::RevokeToken => verdict.revoke = true,
                fault if verdict.fault.is_none() => verdict.fault = Some(fault.clone()),
                _ => {}
            }
        }
        verdict
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl When {
    fn hits(&self, call: u64, random: &mut Random) -> bool {
        match self {
            Self::Always => true,
            Self::Calls(numbers) => numbers.contains(&call),
            Self::Every(n) => *n > 0 && call.is_multiple_of(*n),
            Self::Chance(p) => random.chance(*p),
        }
    }
}

/// The text is not a [`FaultRule`]; the message says what is allowed in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFaultRuleError(String);

impl fmt::Display for ParseFaultRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseFaultRuleError {}

fn error<T>(message: impl Into<String>) -> Result<T, ParseFaultRuleError> {
    Err(ParseFaultRuleError(message.into()))
}

impl FromStr for FaultRule {
    type Err = ParseFaultRuleError;

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

impl FromStr for When {
    type Err = ParseFaultRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let when = if text == "always" {
            Some(Self::Always)
        } else if let Some(n) = text.strip_prefix("every-") {
            positive(n).map(Self::Every)
        } else if let Some(percent) = text.strip_suffix('%') {
            // Moved by its exponent, so that what was written is what is kept.
            let digits = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let chance = format!("{percent}e-2").parse().ok();
            chance.filter(|chance| digits && (0.0..=1.0).contains(chance)).map(Self::Chance)
        } else {
            match text.split_once('-') {
                None => positive(text).map(|n| Self::Calls(n..=n)),
                Some((from, "")) => positive(from).map(|from| Self::Calls(from..=u64::MAX)),
                Some((from, to)) => positive(from)
                    .zip(positive(to))
                    .filter(|(from, to)| from <= to)
                    .map(|(from, to)| Self::Calls(from..=to)),
            }
        };
        when.ok_or_else(|| {
            ParseFaultRuleError(format!(
                "`{text}` does not say when: use always, 3, 3-5, 3-, every-10 or 5%, calls being counted from 1"
            ))
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Calls(numbers) if numbers.start() == numbers.end() => write!(f, "{}", numbers.start()),
            Self::Calls(numbers) if *numbers.end() == u64::MAX => write!(f, "{}-", numbers.start()),
            Self::Calls(numbers) => write!(f, "{}-{}", numbers.start(), numbers.end()),
            Self::Every(n) => write!(f, "every-{n}"),
            Self::Chance(chance) => {
                let scientific = format!("{chance:e}");
                let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
                let exponent = exponent.parse::<i32>().unwrap_or_default() + 2;
                let percent: f64 = format!("{digits}e{exponent}").parse().unwrap_or(chance * 100.0);
                write!(f, "{percent}%")
            }
        }
    }
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

impl FromStr for Fault {
    type Err = ParseFaultRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        Ok(match (name, value) {
            ("latency", Some(duration)) => Self::Latency(parse_duration(duration)?),
            ("status", Some(answer)) => parse_status(answer, false)?,
            ("status-after", Some(answer)) => parse_status(answer, true)?,
            ("drop-before", None) => Self::DropBefore,
            ("drop-after", None) => Self::DropAfter,
            ("truncate", Some(bytes)) => match bytes.parse() {
                Ok(bytes) => Self::Truncate(bytes),
                Err(_) => return error(format!("`{bytes}` is not a number of bytes, as in truncate:100")),
            },
            ("stall", None) => Self::Stall,
            ("stall-after", None) => Self::StallAfter,
            ("revoke", None) => Self::RevokeToken,
            _ => {
                return error(format!(
                    "unknown fault `{text}`: use latency:20ms, status:503[,Name:value]*, \
                     status-after:500[,Name:value]*, drop-before, drop-after, truncate:100, stall, stall-after or revoke"
                ));
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(latency) => {
                f.write_str("latency:")?;
                write_duration(*latency, f)
            }
            Self::Status { status, headers, body, processed } => {
                write!(f, "status{}:{status}", if *processed { "-after" } else { "" })?;
                for (name, value) in headers {
                    write!(f, ",{name}:{}", escape(value))?;
                }
                match body {
                    Some(body) => write!(f, ",body:{}", escape(body)),
                    None => Ok(()),
                }
            }
            Self::DropBefore => f.write_str("drop-before"),
            Self::DropAfter => f.write_str("drop-after"),
            Self::Truncate(bytes) => write!(f, "truncate:{bytes}"),
            Self::Stall => f.write_str("stall"),
            Self::StallAfter => f.write_str("stall-after"),
            Self::RevokeToken => f.write_str("revoke"),
        }
    }
}

/// The units of a duration in nanoseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

fn parse_duration(text: &str) -> Result<Duration, ParseFaultRuleError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let nanos = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit)
        .and_then(|(_, nanos)| number.parse::<u64>().ok()?.checked_mul(nanos));
    match nanos {
        Some(nanos) => Ok(Duration::from_nanos(nanos)),
        None => {
            error(format!("`{text}` is not a duration: use a whole number of s, ms, us or ns, as in 20ms"))
        }
    }
}

fn write_duration(duration: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let nanos = duration.as_nanos();
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| nanos.is_multiple_of(u128::from(*size)))
        .filter(|_| nanos > 0)
        .unwrap_or(("ms", 1));
    write!(f, "{}{unit}", nanos / u128::from(size))
}

fn parse_status(text: &str, processed: bool) -> Result<Fault, ParseFaultRuleError> {
    let mut parts = split_unescaped(text).into_iter();
    let status = parts.next().unwrap_or_default();
    let Some(status) = status.parse().ok().filter(|status| (200..=599).contains(status)) else {
        return error(format!("`{status}` is not a status: use 200 to 599, as in status:503"));
    };
    let mut headers = Vec::new();
    let mut body = None;
    for part in parts {
        match part.split_once(':') {
            Some(("body", text)) => body = Some(text.to_owned()),
            Some((name, value)) if is_header_name(name) && !value.contains(char::is_control) => {
                headers.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                return error(format!(
                    "`{part}` is not a header: use Name:value, as in Retry-After:2, or body:TEXT; a comma inside a value is written \\,"
                ));
            }
        }
    }
    Ok(Fault::Status { status, headers, body, processed })
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Splits at commas, those after a backslash excepted, and takes the backslashes away.
fn split_unescaped(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => part.extend(letters.next()),
            ',' => parts.push(std::mem::take(&mut part)),
            letter => part.push(letter),
        }
    }
    parts.push(part);
    parts
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: &[&str]) -> Faults {
        Faults::new(rules.iter().map(|rule| rule.parse().unwrap()).collect(), Random::new(1))
    }

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
            ("devices=status:99", "200 to 599"),
            ("devices=status:503,Retry-After", "Name:value"),
            ("devices=status:503,Retry-After:Wed, 21 Oct 2026 07:28:00 GMT", "\\,"),
            ("devices=status:503,X:a\r\nY", "Name:value"),
        ] {
            let message = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }

    #[test]
    fn calls_are_counted_per_rule_and_route() {
        let faults = faults(&["devices@2=stall", "any@every-3=drop-before"]);
        assert_eq!(faults.judge(Route::Devices).fault, None);
        assert_eq!(faults.judge(Route::Token).fault, None);
        assert_eq!(faults.judge(Route::Devices).fault, Some(Fault::Stall));
        faults.add("devices@1=truncate:1".parse().unwrap());
        assert_eq!(faults.judge(Route::Devices).fault, Some(Fault::Truncate(1)));
        assert_eq!(faults.judge(Route::Devices).fault, None);
        faults.clear();
        assert_eq!(faults.judge(Route::Devices), Verdict::default());
    }

    #[test]
    fn latency_and_revocation_combine_and_the_first_of_the_others_wins() {
        let faults =
            faults(&["any=latency:1ms", "any=stall", "any=revoke", "any=latency:2ms", "any=drop-after"]);
        let expected = Verdict { latency: Duration::from_millis(3), revoke: true, fault: Some(Fault::Stall) };
        assert_eq!(faults.judge(Route::Other), expected);
    }

    #[test]
    fn chance_follows_the_seed() {
        let schedule = || {
            let faults = faults(&["any@30%=stall"]);
            (0..200).map(|_| faults.judge(Route::Devices).fault.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(schedule(), schedule());
        let hits = schedule().into_iter().filter(|hit| *hit).count();
        assert!((30..90).contains(&hits), "{hits}");
    }
}
