//! What holds in every world, whatever its server does: questions to its story.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use things_core::{ErrorKind, Outcome, Stage};

use super::World;
use super::story::{Course, Exchange, Grant, Place, Story};
use super::trace::{Call, Endpoint, Entry, Event, Request, Token};

/// What breaks a rule, each in a sentence.
type Violations = Vec<String>;

const INVARIANTS: &[fn(&Story<'_>) -> Violations] = &[
    every_call_ends_by_its_deadline,
    one_token_request_is_in_flight_at_a_time,
    one_context_switch_is_in_flight_at_a_time_for_each_customer,
    no_downlink_is_done_twice,
    outcomes_of_downlinks_are_true,
    successes_and_attempts_are_true,
    no_expired_token_is_sent,
    no_token_known_to_be_rejected_is_sent,
    tokens_are_fetched_only_where_needed,
    context_switches_are_done_only_where_needed,
    calls_act_for_their_customer_once_it_was_switched_to,
    no_request_of_the_session_is_earlier_than_the_service_asks,
    retries_stay_within_the_budget,
    token_requests_stay_within_a_rate,
    no_call_with_a_good_token_waits_long_for_a_refresh,
    nobody_is_refused_because_of_a_refresh,
    a_forbidden_that_is_meant_costs_no_more_context_switches,
    attempts_stay_within_the_policy,
    calls_wait_only_while_another_fetches,
    listings_are_in_order_and_whole,
    redirects_are_not_followed,
];

pub(super) fn violations(world: &World) -> Violations {
    let story = Story::of(world);
    INVARIANTS.iter().flat_map(|invariant| invariant(&story)).collect()
}

fn every_call_ends_by_its_deadline(story: &Story<'_>) -> Violations {
    let late = story.calls.values().filter_map(|course| match course.over {
        None => Some(format!("{course} never ended")),
        Some(over) if over.at > course.deadline => Some(format!("{course} came to its end at {:?}", over.at)),
        Some(_) => None,
    });
    let stranded = story.world.stranded;
    late.chain((stranded > 0).then(|| format!("{stranded} tasks were never woken again"))).collect()
}

fn one_token_request_is_in_flight_at_a_time(story: &Story<'_>) -> Violations {
    overlapping(story, Endpoint::Token)
}

fn one_context_switch_is_in_flight_at_a_time_for_each_customer(story: &Story<'_>) -> Violations {
    let customers: BTreeSet<_> = story.calls.values().filter_map(|course| course.customer).collect();
    customers.into_iter().flat_map(|customer| overlapping(story, Endpoint::Switch(customer))).collect()
}

/// The requests to an endpoint that left before the one before was over.
fn overlapping(story: &Story<'_>, endpoint: Endpoint) -> Violations {
    let exchanges: Vec<_> =
        story.exchanges.iter().filter(|exchange| exchange.request.endpoint == endpoint).collect();
    let pairs = exchanges.iter().zip(exchanges.iter().skip(1));
    let overlapping = pairs.filter(|(one, next)| !one.is_over_before(next.sent));
    overlapping.map(|(one, next)| format!("{next}, and this was in flight: {one}")).collect()
}

fn no_downlink_is_done_twice(story: &Story<'_>) -> Violations {
    let twice = story.downlinks().filter(|course| course.times_done() > 1);
    twice.map(|course| format!("{course} was done {} times", course.times_done())).collect()
}

/// A success was done, what is told as not sent was not, and nothing that the server refused is told as unknown.
fn outcomes_of_downlinks_are_true(story: &Story<'_>) -> Violations {
    let is_true = |course: &Course| {
        let last = course.own().last().and_then(|exchange| exchange.reply);
        match course.ending.map(|ending| ending.result.map_err(|failure| failure.outcome)) {
            None => true,
            Some(Ok(_)) => course.times_done() == 1,
            Some(Err(Some(Outcome::NotSent))) => course.times_done() == 0,
            Some(Err(Some(Outcome::Unknown))) => !last.is_some_and(|reply| reply.refuses()),
            Some(Err(None | Some(Outcome::Accepted))) => false,
        }
    };
    let untrue = story.downlinks().filter(|course| !is_true(course));
    untrue.map(|course| format!("{course} was done {} times", course.times_done())).collect()
}

/// A success is the server's last word, and the attempts are the requests that were sent.
fn successes_and_attempts_are_true(story: &Story<'_>) -> Violations {
    let is_true = |course: &Course| {
        let Some(ending) = course.ending else { return true };
        let counted = ending.attempts as usize == course.own().count();
        let last = course.own().last();
        match ending.result {
            Ok(status) => {
                let last = last.filter(|exchange| exchange.succeeds()).and_then(|exchange| exchange.reply);
                counted && last.is_some_and(|reply| reply.status == Ok(status))
            }
            Err(failure) => counted || failure.stage != Stage::Call,
        }
    };
    let untrue = story.calls.values().filter(|course| !is_true(course));
    untrue.map(|course| format!("{course} sent {} requests of its own", course.own().count())).collect()
}

fn no_expired_token_is_sent(story: &Story<'_>) -> Violations {
    let expired = |exchange: &&Exchange| {
        let grant = exchange.request.token.and_then(|token| story.tokens.get(&token));
        grant.is_some_and(|grant| exchange.sent.at >= grant.fetched.at + grant.life)
    };
    story.exchanges.iter().filter(expired).map(|exchange| format!("{exchange}, which had expired")).collect()
}

fn no_token_known_to_be_rejected_is_sent(story: &Story<'_>) -> Violations {
    let rejected = rejected_tokens(story);
    let known = |exchange: &&Exchange| {
        let known = exchange.request.token.and_then(|token| rejected.get(&token));
        known.is_some_and(|known| *known < exchange.sent)
    };
    story
        .exchanges
        .iter()
        .filter(known)
        .map(|exchange| format!("{exchange}, which had been rejected"))
        .collect()
}

/// The tokens that were rejected, and when the client came to know.
///
/// One that replaced a rejected one is kept through its first second: where a key has no access every token is rejected,
/// and another one would not help.
fn rejected_tokens(story: &Story<'_>) -> BTreeMap<Token, Place> {
    let mut rejected = BTreeMap::<Token, Place>::new();
    let mut before = None;
    for (token, grant) in &story.tokens {
        let known = before.and_then(|before| rejected.get(before));
        let replaces = known.is_some_and(|known| *known < grant.fetched);
        let kept = |over: &Place| replaces && over.at < grant.fetched.at + Duration::from_secs(1);
        let carriers = story.exchanges.iter().filter(|exchange| exchange.request.token == Some(*token));
        let rejections =
            carriers.filter(|exchange| exchange.is_rejected()).filter_map(|exchange| exchange.over);
        rejected.extend(rejections.filter(|over| !kept(over)).min().map(|known| (*token, known)));
        before = Some(token);
    }
    rejected
}

/// There is none, it is due, which it is after 70 % of its life at the earliest, or it was rejected.
fn tokens_are_fetched_only_where_needed(story: &Story<'_>) -> Violations {
    let fetches = story.exchanges.iter().filter(|exchange| exchange.request.endpoint == Endpoint::Token);
    let needless = fetches.filter(|fetch| {
        let held = story.tokens.iter().rev().find(|(_, grant)| grant.fetched < fetch.sent);
        held.is_some_and(|(token, grant)| {
            let mut carriers = story.exchanges.iter().filter(|one| one.request.token == Some(*token));
            let rejected = carriers.any(|one| one.is_rejected() && one.is_over_before(fetch.sent));
            !rejected && fetch.sent.at < grant.fetched.at + grant.life.mul_f64(0.7)
        })
    });
    needless.map(|fetch| format!("{fetch}, and there is a good one")).collect()
}

/// It was not done yet, or a request for the customer was refused after it.
fn context_switches_are_done_only_where_needed(story: &Story<'_>) -> Violations {
    let needless = story.exchanges.iter().filter(|exchange| {
        let Endpoint::Switch(customer) = exchange.request.endpoint else { return false };
        story.switch_before(exchange, customer).is_some_and(|switch| {
            let mut requests = story.exchanges.iter().filter(|one| one.request.customer == Some(customer));
            let done = |one: &Exchange| one.is_answered(&[403]) && switch.is_over_before(one.sent);
            !requests.any(|one| done(one) && one.is_over_before(exchange.sent))
        })
    });
    needless.map(|exchange| format!("{exchange}, which was done")).collect()
}

fn calls_act_for_their_customer_once_it_was_switched_to(story: &Story<'_>) -> Violations {
    let wrong = story.calls.values().flat_map(|course| {
        let wrong = course.own().filter(|exchange| {
            let switched = |customer| story.switch_before(exchange, customer).is_some();
            exchange.request.customer != course.customer || !course.customer.is_none_or(switched)
        });
        wrong.map(move |exchange| format!("{exchange}, by {course}"))
    });
    wrong.collect()
}

/// A 429 or 503 asks the whole session, any other status the call that got it; as far as the policy waits at all.
fn no_request_of_the_session_is_earlier_than_the_service_asks(story: &Story<'_>) -> Violations {
    let longest = story.world.policy.max_retry_after;
    let service = |exchange: &Exchange| exchange.request.endpoint == Endpoint::Token;
    let mut violations = Vec::new();
    for exchange in &story.exchanges {
        let asked = story.exchanges.iter().any(|one| {
            let Some((over, reply)) = one.over.zip(one.reply) else { return false };
            let until = reply.not_before.map(|until| until.min(over.at + longest));
            // Nobody is refused a token because of what a refresh was told with another status.
            let own = one.call == exchange.call
                && one.request.endpoint == exchange.request.endpoint
                && one.request.endpoint != Endpoint::Token;
            over < exchange.sent
                && (own || one.is_answered(&[429, 503]) && service(one) == service(exchange))
                && until.is_some_and(|until| exchange.sent.at < until)
        });
        if asked {
            violations.push(format!("{exchange}, earlier than the service asked the session"));
        }
    }
    violations
}

/// Twenty retries, one more with every sixth call, and one per ten seconds. Retries that the service asked to wait for are
/// held back with the whole session, and cost nothing.
fn retries_stay_within_the_budget(story: &Story<'_>) -> Violations {
    let begun = |place: Place| story.calls.values().filter(|course| course.begun <= place).count();
    let mut retries: Vec<_> = story.calls.values().flat_map(Course::retries).collect();
    retries.sort();
    let excessive = retries
        .iter()
        .enumerate()
        .filter(|(nth, place)| // Twenty retries are worth 120 calls, and so is 200 s.
            6 * (nth + 1) > 120 + begun(**place) + (place.at.as_secs_f64() * 0.6) as usize);
    excessive.map(|(nth, place)| format!("retry number {} at {:?}", nth + 1, place.at)).collect()
}

/// At most two fetches begin per second, of so many requests each, whatever time the callers have and whoever drops its
/// calls. Rejected tokens and tokens that came to their end cost a fetch each.
fn token_requests_stay_within_a_rate(story: &Story<'_>) -> Violations {
    let fetches: Vec<_> =
        story.exchanges.iter().filter(|exchange| exchange.request.endpoint == Endpoint::Token).collect();
    let tries = story.world.policy.max_attempts as usize;
    let excessive = fetches.iter().enumerate().filter_map(|(first, fetch)| {
        let within = |one: &&&Exchange| one.sent.at < fetch.sent.at + Duration::from_secs(1);
        let requests = fetches.iter().skip(first).take_while(within).count();
        let arrived = |token: &Grant| {
            token.fetched >= fetch.sent && token.fetched.at < fetch.sent.at + Duration::from_secs(1)
        };
        let tokens = story.tokens.values().filter(|token| arrived(token)).count();
        let most = tries * (2 + 2 * tokens);
        (requests > most)
            .then(|| format!("{requests} token requests in a second, more than {most}, from {fetch}"))
    });
    excessive.collect()
}

/// A refresh may delay the call it goes with by the refresh timeout.
fn no_call_with_a_good_token_waits_long_for_a_refresh(story: &Story<'_>) -> Violations {
    let most = Duration::from_millis(3_002);
    let slow = story.exchanges.iter().filter(|fetch| {
        let Some(over) = fetch.over.filter(|_| fetch.request.endpoint == Endpoint::Token) else {
            return false;
        };
        let good = story.has_good_token(fetch.sent) && story.has_good_token(over);
        good && over.at - fetch.sent.at > most
    });
    slow.map(|fetch| format!("{fetch}, until {:?}, with a good token", fetch.over.map(|over| over.at)))
        .collect()
}

/// A call that fails with the fetch of another shares one that was made because there was no good token.
fn nobody_is_refused_because_of_a_refresh(story: &Story<'_>) -> Violations {
    let refused = story.calls.values().filter(|course| {
        let Some((ending, over)) = course.ending.zip(course.over) else { return false };
        let Err(failure) = ending.result else { return false };
        let own = course.exchanges.iter().any(|exchange| exchange.request.endpoint == Endpoint::Token);
        if failure.stage != Stage::Token || own {
            return false;
        }
        let mut fetches = story.exchanges.iter().rev();
        let shared = fetches.find(|one| one.request.endpoint == Endpoint::Token && one.is_over_before(over));
        shared.is_some_and(|fetch| {
            let asked_to_wait = fetch.reply.is_some_and(|reply| reply.not_before.is_some());
            !asked_to_wait && story.has_good_token(fetch.over.unwrap_or(fetch.sent))
        })
    });
    refused.map(|course| format!("{course} shared the failure of a refresh")).collect()
}

/// After a 403 that a new context switch did not lift there is none for minutes, unless another call dropped that switch.
fn a_forbidden_that_is_meant_costs_no_more_context_switches(story: &Story<'_>) -> Violations {
    let mut violations = Vec::new();
    for course in story.calls.values() {
        let Some(customer) = course.customer else { continue };
        let mut refusals = course.own().filter(|exchange| exchange.is_answered(&[403]));
        let (Some(_), Some(meant)) = (refusals.next(), refusals.next().and_then(|exchange| exchange.over))
        else {
            continue;
        };
        let again = story.exchanges.iter().filter(|exchange| {
            exchange.request.endpoint == Endpoint::Switch(customer)
                && exchange.sent > meant
                && exchange.sent.at < meant.at + Duration::from_secs(300)
                && story.switch_before(exchange, customer).is_some_and(|switch| {
                    let dropped = story.exchanges.iter().any(|one| {
                        one.call != course.call
                            && one.request.customer == Some(customer)
                            && one.is_answered(&[403])
                            && one.over > Some(switch.sent)
                            && one.over < Some(exchange.sent)
                    });
                    switch.is_over_before(meant) && !dropped
                })
        });
        violations.extend(
            again.map(|exchange| format!("{exchange}, though the service meant its 403 at {:?}", meant.at)),
        );
    }
    violations
}

/// As many requests as the policy allows, one more after a rejected token, and one after a forgotten context switch.
fn attempts_stay_within_the_policy(story: &Story<'_>) -> Violations {
    let most = story.world.policy.max_attempts as usize;
    let within = |course: &Course| {
        let rejected = usize::from(course.exchanges.iter().any(Exchange::is_rejected));
        let forgotten = usize::from(course.own().any(|exchange| exchange.is_answered(&[403])));
        let is_switch = |exchange: &&Exchange| matches!(exchange.request.endpoint, Endpoint::Switch(_));
        let switches: Vec<_> = course.exchanges.iter().filter(is_switch).collect();
        let mut switches = switches.split_inclusive(|exchange| exchange.succeeds());
        let tokens = course.exchanges.chunk_by(|one, next| next.goes_on_fetching_after(one));
        let mut tokens =
            tokens.filter(|fetch| fetch.iter().all(|one| one.request.endpoint == Endpoint::Token));
        tokens.all(|fetch| fetch.len() <= most)
            && switches.all(|fetch| fetch.len() <= most + rejected)
            && course.own().count() <= most + rejected + forgotten
    };
    let excessive = story.calls.values().filter(|course| !within(course));
    excessive.map(|course| format!("{course} sent {} requests", course.exchanges.len())).collect()
}

/// Whenever time passes, what each waiting call waits for is being fetched.
fn calls_wait_only_while_another_fetches(story: &Story<'_>) -> Violations {
    let switch = |call: &Call| story.calls.get(call)?.customer.map(Endpoint::Switch);
    let (mut waiting, mut fetching) = (BTreeSet::new(), BTreeSet::new());
    let mut violations = Vec::new();
    let mut now = Duration::ZERO;
    for Entry { at, call, event } in &story.world.trace {
        if *at > now {
            let is_fetched = |wanted| fetching.iter().any(|(_, endpoint)| Some(*endpoint) == wanted);
            let in_vain = |call: &&Call| !is_fetched(Some(Endpoint::Token)) && !is_fetched(switch(call));
            let in_vain = waiting.iter().filter(in_vain);
            violations.extend(in_vain.map(|call| format!("call {call} waited for nobody at {now:?}")));
            now = *at;
        }
        fetching.retain(|(other, endpoint)| other != call || !ends_fetch(event, *endpoint));
        match event {
            Event::Waits => drop(waiting.insert(*call)),
            _ => drop(waiting.remove(call)),
        }
        match event {
            Event::Sends(Request {
                endpoint: endpoint @ (Endpoint::Token | Endpoint::Switch(_)), ..
            }) => {
                fetching.extend([(*call, *endpoint)]);
            }
            // A leader that the session holds back has sent nothing yet.
            Event::Pauses { stage: Stage::Token, .. } => fetching.extend([(*call, Endpoint::Token)]),
            Event::Pauses { stage: Stage::ContextSwitch, .. } => {
                fetching.extend(switch(call).map(|one| (*call, one)))
            }
            _ => {}
        }
    }
    violations
}

/// Whether a call that does this does not fetch any more. A context switch may need a token on its way.
fn ends_fetch(event: &Event, endpoint: Endpoint) -> bool {
    match event {
        Event::Ends(_) | Event::Dropped => true,
        Event::Waits => endpoint == Endpoint::Token,
        Event::Sends(next) => match next.endpoint {
            Endpoint::Token => false,
            Endpoint::Switch(_) => endpoint == Endpoint::Token,
            _ => true,
        },
        _ => false,
    }
}

/// Each is of the same fleet: it comes in order, as far as it comes, and never contradicts itself.
fn listings_are_in_order_and_whole(story: &Story<'_>) -> Violations {
    let fleet = story.world.fleet.devices;
    let wrong = story.world.trace.iter().filter(|entry| match &entry.event {
        Event::Lists { devices, error } => {
            let in_order = devices.iter().copied().eq(0..devices.len() as u64);
            let whole = error.is_some() || devices.len() as u64 == fleet;
            !in_order || !whole || *error == Some(ErrorKind::Listing)
        }
        _ => false,
    });
    wrong.map(|entry| format!("of {fleet} devices, call {} {}", entry.call, entry.event)).collect()
}

fn redirects_are_not_followed(story: &Story<'_>) -> Violations {
    let followed = story.exchanges.iter().filter(|exchange| exchange.request.endpoint == Endpoint::Elsewhere);
    followed.map(ToString::to_string).collect()
}
