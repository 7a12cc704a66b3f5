//! One call, from target to target: which comes next, whether it may, and what an attempt's end means for the rest.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::attempt::{self, Attempt, AttemptError, Finished, Verdict};
use super::breaker::{Admission, State};
use super::config::Backoff;
use super::targets::Candidate;
use super::{Directory, Reply, UpstreamError, Upstreams};
use crate::backoff::full_jitter;
use crate::call::Call;
use crate::metrics::AttemptOutcome;
use crate::seal::SealError;

/// A call under way.
pub(super) struct Run<'a> {
    upstreams: &'a Upstreams,
    directory: &'a Directory,
    call: &'a Call,
    /// Who has not been asked yet.
    candidates: VecDeque<Candidate<'a>>,
    started: Instant,
    deadline: Instant,
    attempts: u32,
    /// Upstreams that were asked, by their index.
    asked: Vec<usize>,
    /// The next attempt costs nothing of the retry budget: nobody can have worked on the one before.
    is_free: bool,
    /// The next attempt is paid for already.
    is_paid: bool,
    /// Only models that take more than so many tokens are of use.
    window_over: Option<u64>,
    past: Past,
}

/// An attempt under way. Dropped, it closes the call.
type Sent<'a> = Pin<Box<dyn Future<Output = Finished<'a>> + Send + 'a>>;

/// What is known of the targets that are past.
#[derive(Default)]
struct Past {
    /// The last answer that told of a failure.
    refused: Option<Reply>,
    failed: Option<(AttemptError, Arc<str>)>,
    /// When the first of those that are shut opens again.
    opens: Option<Instant>,
    /// What the first of those that cannot take the call has no word for.
    untranslatable: Option<String>,
    /// Why a tenant's own credential did not open.
    sealed: Option<SealError>,
}

impl<'a> Run<'a> {
    pub(super) fn new(upstreams: &'a Upstreams, call: &'a Call) -> Run<'a> {
        let directory = &*upstreams.directory;
        let started = Instant::now();
        directory.budget.deposit(started);
        if directory.hedges_calls() {
            directory.hedges.deposit(started);
        }
        let mut candidates: VecDeque<_> = directory.targets.of(call).into();
        // Where no other call could follow a failure, the first goes to whoever has not failed lately, and never to a guess.
        if !directory.budget.is_left(started) {
            let doubt = |each: &Candidate<'_>| (each.is_a_guess, each.target.breaker.failed_lately(started));
            candidates.make_contiguous().sort_by_key(doubt);
        }
        Run {
            upstreams,
            directory,
            call,
            candidates,
            started,
            deadline: started + directory.failover.deadline,
            attempts: 0,
            asked: Vec::new(),
            is_free: true,
            is_paid: false,
            window_over: None,
            past: Past::default(),
        }
    }

    /// Asks one target after the other, until one answers with its first content.
    pub(super) async fn go(mut self) -> Result<Reply, UpstreamError> {
        let mut answer = None;
        while answer.is_none() {
            let Some(attempt) = self.next().await else { break };
            answer = match self.late_after(&attempt) {
                None => self.ask(attempt).await,
                Some(late) => self.race(attempt, late).await,
            };
        }
        if self.is_paid {
            self.directory.budget.refund(Instant::now());
        }
        match answer {
            Some(reply) => Ok(self.tell(reply)),
            None => self.give_up(),
        }
    }

    /// The next target that lets the call in and has words for it, once it may be asked.
    async fn next(&mut self) -> Option<Attempt<'a>> {
        let attempt = self.admitted()?;
        let costs = !self.is_free;
        if !self.pay() {
            return None;
        }
        self.wait_before(&attempt.candidate).await;
        if Instant::now() >= self.deadline {
            // It is not made any more, so that what it cost is given back at the end.
            self.is_paid = costs;
            return None;
        }
        Some(attempt)
    }

    /// The next target that lets the call in and has words for it.
    fn admitted(&mut self) -> Option<Attempt<'a>> {
        while let Some(candidate) = self.candidates.pop_front() {
            let too_small = |over| candidate.context_window.is_none_or(|window| window <= over);
            if self.window_over.is_some_and(too_small) {
                continue;
            }
            let now = Instant::now();
            let payer = match self.directory.payer(self.call, candidate.target.upstream) {
                Ok(payer) => payer,
                Err(error) => {
                    self.past.sealed = Some(error);
                    continue;
                }
            };
            let shut = self.directory.shut_to(self.call, &candidate, &payer, now);
            let breaker = &candidate.target.breaker;
            let admission = match shut {
                Some(until) => Admission::Shut { until },
                None if payer.is_a_tenant() => breaker.admit_own(now),
                None => breaker.admit(now),
            };
            let trial = match admission {
                Admission::Admitted(trial) => trial,
                Admission::Shut { until } => {
                    self.past.opens = Some(self.past.opens.map_or(until, |earlier| earlier.min(until)));
                    continue;
                }
            };
            let prepared = match attempt::prepare(self.call, &candidate, payer) {
                Ok(prepared) => prepared,
                Err(untranslatable) => {
                    let upstream = &candidate.upstream.name;
                    self.past.untranslatable.get_or_insert(format!("{untranslatable} (upstream `{upstream}`)"));
                    continue;
                }
            };
            if trial.is_probe() {
                self.set_aside(now);
            }
            return Some(Attempt { candidate, trial, prepared });
        }
        None
    }

    /// A probe may well fail, and its call should not fail with it: what the next attempt costs is taken before. Where the
    /// budget is spent it goes all the same, or nobody would learn that the target is well again.
    fn set_aside(&mut self, now: Instant) {
        if !self.candidates.is_empty() && !self.is_paid {
            self.is_paid = self.directory.budget.withdraw(now);
        }
    }

    /// Takes what the next attempt costs out of the retry budget; the first costs nothing.
    fn pay(&mut self) -> bool {
        if std::mem::take(&mut self.is_free) {
            return true;
        }
        let paid = std::mem::take(&mut self.is_paid) || self.directory.budget.withdraw(Instant::now());
        if !paid {
            self.directory.metrics.refused_a_retry();
        }
        paid
    }

    /// Another upstream is asked at once; one that has just failed is given some time, and so are all after the second.
    async fn wait_before(&mut self, candidate: &Candidate<'a>) {
        let upstream = candidate.target.upstream;
        let known = self.asked.contains(&upstream);
        self.asked.push(upstream);
        if known || self.attempts >= 2 {
            let Backoff { min, max } = self.directory.failover.backoff;
            let left = self.deadline.saturating_duration_since(Instant::now());
            tokio::time::sleep(full_jitter(self.attempts - 1, min, max).min(left)).await;
        }
    }

    async fn ask(&mut self, attempt: Attempt<'a>) -> Option<Reply> {
        let candidate = attempt.candidate.clone();
        let finished = self.send(attempt, false).await;
        // The upstream may have closed a kept connection just as the request was sent. Where nobody else can be asked, it
        // is asked once more.
        let broke_unsaid = matches!(&finished.outcome, Err(error) if error.is_of_a_kept_connection());
        if broke_unsaid && self.is_alone() && self.directory.budget.withdraw(Instant::now()) {
            let Finished { trial, payer, .. } = finished;
            let prepared = attempt::prepare(self.call, &candidate, payer).ok()?;
            let finished = self.send(Attempt { candidate, trial, prepared }, true).await;
            return self.settle(finished);
        }
        self.settle(finished)
    }

    /// Nobody else was asked, and nobody else is open.
    fn is_alone(&self) -> bool {
        let now = Instant::now();
        self.attempts == 1 && self.candidates.iter().all(|each| each.target.breaker.state(now) != State::Closed)
    }

    /// Boxed, because an attempt's state is some kilobytes, which every future around it would be moved with.
    fn send(&mut self, attempt: Attempt<'a>, fresh: bool) -> Sent<'a> {
        self.attempts += 1;
        let connections = &self.upstreams.connections[attempt.candidate.target.upstream];
        Box::pin(attempt.run(connections, self.directory, self.deadline, fresh))
    }

    /// After how long another target is asked beside this one: the tenant opted in, and it is known what is late.
    fn late_after(&self, attempt: &Attempt<'a>) -> Option<Duration> {
        let principal = self.call.principal()?;
        if !self.directory.hedges_calls() || !principal.tenant.policy.hedging || self.candidates.is_empty() {
            return None;
        }
        attempt.candidate.target.latencies.quantile(self.directory.failover.hedging.quantile)
    }

    /// Asks a second target while the first is late. The first with content wins, and the other is closed.
    async fn race(&mut self, first: Attempt<'a>, late: Duration) -> Option<Reply> {
        let mut first = self.send(first, false);
        if let Ok(finished) = tokio::time::timeout(late, &mut first).await {
            return self.settle(finished);
        }
        let Some(second) = self.admitted() else { return self.settle(first.await) };
        if !self.directory.hedges.withdraw(Instant::now()) {
            self.candidates.push_front(second.candidate);
            return self.settle(first.await);
        }
        self.directory.metrics.hedged();
        self.asked.push(second.candidate.target.upstream);
        let second = self.send(second, false);
        let (finished, other) = match select(first, second).await {
            Either::Left((finished, other)) => (finished, other),
            Either::Right((finished, other)) => (finished, other),
        };
        match self.settle(finished) {
            Some(reply) if reply.status.is_success() => Some(reply),
            // A quick refusal has won nothing while the other may still answer.
            refused => self.settle(other.await).or(refused),
        }
    }

    /// What an attempt's end says of its target, and whether it is the answer.
    fn settle(&mut self, finished: Finished<'a>) -> Option<Reply> {
        let Finished { candidate, trial, payer, took, outcome } = finished;
        let now = Instant::now();
        match outcome_of(&outcome) {
            AttemptOutcome::Answered => self.directory.answered[candidate.target.upstream].add(),
            other => self.directory.metrics.attempted(&candidate.upstream.name, other),
        }
        let (reply, verdict) = match outcome {
            Ok(answered) => answered,
            Err(error) => {
                self.is_free = error.is_unprocessed();
                // That a call had no time left says nothing of who was asked last.
                if !matches!(error, AttemptError::Deadline) {
                    trial.failed(now);
                }
                self.past.failed = Some((error, candidate.upstream.name.clone()));
                return None;
            }
        };
        self.is_free = false;
        match verdict {
            Verdict::Good => {
                trial.succeeded(now);
                if self.directory.hedges_calls() {
                    candidate.target.latencies.record(took);
                }
                // What is said of a model that was only guessed says less than why the others did not answer.
                let is_wrong_guess = candidate.is_a_guess && reply.status.is_client_error();
                if is_wrong_guess && self.past.is_to_blame() {
                    return None;
                }
                return Some(reply);
            }
            Verdict::TooLong => {
                trial.succeeded(now);
                self.window_over = candidate.context_window.or(self.window_over);
                // Where nobody said how much a model takes, nobody is known to take more.
                if self.window_over.is_none() {
                    return Some(reply);
                }
            }
            Verdict::RateLimited { until } if payer.is_a_tenant() => {
                self.directory.shut_for(self.call, &candidate, until)
            }
            // What a tenant's own credential has left says nothing of the target.
            Verdict::Failed if payer.is_a_tenant() && reply.status.as_u16() == 429 => {
                self.directory.shut_for(self.call, &candidate, now + OWN_LIMIT_REST)
            }
            Verdict::RateLimited { until } => candidate.target.breaker.shut_until(now, until),
            Verdict::Failed => trial.failed(now),
        }
        self.past.refused = Some(reply);
        None
    }

    fn tell(&self, reply: Reply) -> Reply {
        Reply { attempts: self.attempts, waited: self.started.elapsed(), ..reply }
    }

    /// What an upstream said is worth more to the caller than our word that another could not be reached.
    fn give_up(mut self) -> Result<Reply, UpstreamError> {
        if let Some(reply) = self.past.refused.take() {
            return Ok(self.tell(reply));
        }
        let attempts = self.attempts;
        Err(match self.past {
            Past { failed: Some((error, upstream)), .. } => {
                let cause = error.to_string();
                if error.is_timeout() {
                    UpstreamError::Timeout { cause, upstream, attempts }
                } else {
                    UpstreamError::Unreachable { cause, upstream, attempts }
                }
            }
            Past { opens: Some(opens), .. } => {
                UpstreamError::AllShut { opens_after: opens.saturating_duration_since(Instant::now()) }
            }
            Past { sealed: Some(error), .. } => UpstreamError::Sealed(error),
            Past { untranslatable: Some(what), .. } => UpstreamError::Untranslatable(what),
            Past { .. } => UpstreamError::NoTarget(self.call.dialect()),
        })
    }
}

impl Past {
    /// Whether somebody else could have answered, were all well.
    fn is_to_blame(&self) -> bool {
        self.refused.is_some() || self.failed.is_some() || self.opens.is_some()
    }
}

/// How long a tenant's own credential rests at a target that limited its rate and did not say for how long.
const OWN_LIMIT_REST: Duration = Duration::from_secs(1);

fn outcome_of(outcome: &Result<(Reply, Verdict), AttemptError>) -> AttemptOutcome {
    match outcome {
        Ok((_, Verdict::Good | Verdict::TooLong)) => AttemptOutcome::Answered,
        Ok((_, Verdict::Failed)) => AttemptOutcome::Failed,
        Ok((_, Verdict::RateLimited { .. })) => AttemptOutcome::RateLimited,
        Err(error) if error.is_timeout() => AttemptOutcome::Timeout,
        Err(_) => AttemptOutcome::Unreachable,
    }
}
