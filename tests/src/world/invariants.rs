//! What holds in every world, whatever its server does: questions to its story.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use things_core::{ErrorKind, Outcome, Stage};

use super::World;
use super::story::{Course, Exchange, Place, Story};
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
    no_request_is_earlier_than_its_server_asks,
    repeats_stay_within_the_budget,
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
            Some(Err(None)) => false,
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

/// As far as the policy waits at all.
fn no_request_is_earlier_than_its_server_asks(story: &Story<'_>) -> Violations {
    let longest = story.world.policy.max_retry_after;
    let mut violations = Vec::new();
    for course in story.calls.values() {
        let mut asked = Vec::new();
        for exchange in &course.exchanges {
            let endpoint = exchange.request.endpoint;
            if asked.iter().any(|(known, until)| *known == endpoint && exchange.sent.at < *until) {
                violations.push(format!("{exchange}, earlier than the server asked"));
            }
            if let (Some(over), Some(reply)) = (exchange.over, exchange.reply) {
                asked.extend(reply.not_before.map(|until| (endpoint, until.min(over.at + longest))));
            }
        }
    }
    violations
}

/// Twenty repeats, and one more with every sixth call.
fn repeats_stay_within_the_budget(story: &Story<'_>) -> Violations {
    let (mut calls, mut repeats) = (0, 0);
    let mut violations = Vec::new();
    for entry in &story.world.trace {
        match entry.event {
            Event::Begins { .. } => calls += 1,
            Event::Pauses { .. } => repeats += 1,
            _ => continue,
        }
        if repeats > 20 + calls / 6 {
            violations.push(format!("repeat number {repeats} at {:?}, after {calls} calls", entry.at));
        }
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
        if let Event::Sends(Request {
            endpoint: endpoint @ (Endpoint::Token | Endpoint::Switch(_)), ..
        }) = event
        {
            fetching.insert((*call, *endpoint));
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
