use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A breaker with a clock of its own, and the default config: 3 failures, or half of 10 calls within 10 s; 1 s to 30 s.
struct Bench {
    breaker: Arc<Breaker>,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let breaker = Breaker::new(BreakerConfig::default());
        Bench { breaker, now: Instant::now() }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn trial(&self) -> Trial {
        match self.breaker.admit(self.now) {
            Admission::Admitted(trial) => trial,
            Admission::Shut { until } => panic!("shut for {:?}", until - self.now),
        }
    }

    /// For how long it says to be shut; nothing where a call is let in.
    fn shut(&self) -> Option<Duration> {
        match self.breaker.admit(self.now) {
            Admission::Admitted(_) => None,
            Admission::Shut { until } => Some(until - self.now),
        }
    }

    fn succeed(&self) {
        self.trial().succeeded(self.now);
    }

    fn fail(&self) {
        self.trial().failed(self.now);
    }

    fn state(&self) -> State {
        self.breaker.state(self.now)
    }

    /// By failures in a row.
    fn open(&self) {
        (0..3).for_each(|_| self.fail());
        assert_eq!(self.state(), State::Open);
    }

    /// Waits for half open, and says how long that took.
    fn wait(&mut self) -> Duration {
        let time = self.shut().expect("it is open");
        self.pass(time - MILLISECOND);
        assert!(self.shut().is_some(), "not a millisecond too early");
        self.pass(MILLISECOND);
        assert_eq!(self.state(), State::HalfOpen);
        time
    }

    fn is_open_for(&self, seconds: u32) {
        let time = self.shut().expect("it is open");
        assert!((SECOND.mul_f64(0.8) * seconds..=SECOND * seconds).contains(&time), "{time:?} of {seconds} s");
    }
}

#[test]
fn three_failures_in_a_row_open_it_and_a_success_between_begins_anew() {
    let bench = Bench::new();
    for _ in 0..2 {
        bench.fail();
        bench.fail();
        bench.succeed();
    }
    bench.fail();
    bench.fail();
    assert_eq!(bench.state(), State::Closed);
    bench.fail();
    assert_eq!(bench.state(), State::Open);
    bench.is_open_for(1);
}

#[test]
fn r12_half_of_ten_calls_failing_open_it_and_fewer_do_not() {
    let bench = Bench::new();
    for _ in 0..4 {
        bench.succeed();
        bench.fail();
    }
    bench.succeed();
    assert_eq!(bench.state(), State::Closed, "half of nine");
    bench.fail();
    assert_eq!(bench.state(), State::Open, "half of ten");
    let bench = Bench::new();
    for _ in 0..200 {
        bench.fail();
        bench.succeed();
        bench.succeed();
    }
    assert_eq!(bench.state(), State::Closed, "a third of six hundred");
}

#[test]
fn failures_are_forgotten_after_the_window() {
    let mut bench = Bench::new();
    for _ in 0..4 {
        bench.succeed();
        bench.fail();
    }
    assert!(bench.breaker.failed_lately(bench.now + SECOND * 10));
    bench.pass(SECOND * 11);
    assert!(!bench.breaker.failed_lately(bench.now));
    (0..6).for_each(|_| bench.succeed());
    bench.fail();
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn open_time_doubles_with_each_probe_that_fails_up_to_its_bound() {
    let mut bench = Bench::new();
    bench.open();
    for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
        bench.is_open_for(seconds);
        bench.wait();
        bench.fail();
    }
}

#[test]
fn open_times_of_replicas_differ() {
    let times: std::collections::HashSet<Duration> = (0..20)
        .map(|_| {
            let bench = Bench::new();
            bench.open();
            bench.shut().expect("it is open")
        })
        .collect();
    assert!(times.len() > 10, "{times:?}");
}

#[test]
fn penalty_is_forgotten_only_after_as_long_a_time_of_being_closed() {
    for (opened, closed, then) in [(2, 9, 4), (2, 11, 1), (5, 15, 30), (5, 17, 1)] {
        let mut bench = Bench::new();
        bench.open();
        for _ in 1..opened {
            bench.wait();
            bench.fail();
        }
        bench.wait();
        bench.succeed();
        // A single failure now and then is no trouble.
        for _ in 0..closed {
            bench.fail();
            bench.succeed();
            bench.succeed();
            bench.pass(SECOND);
        }
        bench.open();
        bench.is_open_for(then);
    }
}

#[test]
fn calls_that_were_let_in_before_it_opened_do_not_double_its_time() {
    let mut bench = Bench::new();
    let mut slow: VecDeque<Trial> = (0..20).map(|_| bench.trial()).collect();
    let mut late = |bench: &Bench| (0..5).for_each(|_| slow.pop_front().expect("twenty are enough").failed(bench.now));
    late(&bench);
    bench.is_open_for(1);
    bench.wait();
    late(&bench);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.succeed();
    late(&bench);
    assert_eq!(bench.state(), State::Closed, "nor do they open it anew");
    bench.open();
    late(&bench);
    bench.is_open_for(2);
}

#[test]
fn late_success_of_a_call_from_before_does_not_close_it() {
    let bench = Bench::new();
    let slow = bench.trial();
    bench.open();
    slow.succeeded(bench.now);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn r13_one_probe_at_a_time_decides() {
    let mut bench = Bench::new();
    bench.open();
    bench.wait();
    let probe = bench.trial();
    assert!(probe.is_probe());
    assert!(bench.shut().is_some(), "while it is under way");
    assert_eq!(bench.state(), State::HalfOpen);
    drop(probe);
    let probe = bench.trial();
    assert!(bench.shut().is_some(), "its place was free at once, and is taken again");
    probe.succeeded(bench.now);
    assert_eq!(bench.state(), State::Closed);
    let (one, other) = (bench.trial(), bench.trial());
    assert!(!one.is_probe() && !other.is_probe());
}

#[test]
fn r13_of_threads_that_come_at_once_one_gets_the_probes_place() {
    let mut bench = Bench::new();
    bench.open();
    bench.wait();
    let (breaker, now) = (&bench.breaker, bench.now);
    let admissions: Vec<Admission> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| breaker.admit(now))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(admissions.iter().filter(|each| matches!(each, Admission::Admitted(_))).count(), 1);
}

#[test]
fn r08_nobody_is_let_in_before_the_upstreams_own_moment() {
    let mut bench = Bench::new();
    let answered = bench.trial();
    bench.breaker.shut_until(bench.now, bench.now + SECOND * 20);
    answered.failed(bench.now);
    bench.breaker.shut_until(bench.now, bench.now + SECOND * 5);
    bench.breaker.well(bench.now);
    assert_eq!(bench.shut(), Some(SECOND * 20), "neither a shorter time nor a health check ends it");
    bench.wait();
    let probe = bench.trial();
    assert!(probe.is_probe() && bench.shut().is_some());
    bench.breaker.shut_until(bench.now, bench.now + SECOND * 7);
    probe.succeeded(bench.now);
    assert_eq!(bench.shut(), Some(SECOND * 7), "whatever a call that was under way says");
    bench.wait();
    bench.succeed();
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn r08_moment_that_has_passed_shuts_nobody_out() {
    let bench = Bench::new();
    bench.breaker.shut_until(bench.now, bench.now);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn r08_being_asked_for_a_pause_is_no_failure() {
    let mut bench = Bench::new();
    bench.breaker.shut_until(bench.now, bench.now + SECOND * 5);
    bench.wait();
    bench.fail();
    bench.is_open_for(1);
}

#[test]
fn probe_that_was_under_way_when_the_upstream_asked_for_a_pause_stays_the_only_one() {
    let mut bench = Bench::new();
    bench.open();
    bench.wait();
    let slow = bench.trial();
    bench.breaker.shut_until(bench.now, bench.now + SECOND);
    bench.pass(SECOND);
    assert!(bench.shut().is_some());
    drop(slow);
    bench.succeed();
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn streams_that_break_count_as_failures_while_it_is_closed() {
    let mut bench = Bench::new();
    (0..20).for_each(|_| bench.succeed());
    bench.breaker.broke(bench.now);
    bench.breaker.broke(bench.now);
    assert_eq!(bench.state(), State::Closed);
    bench.breaker.broke(bench.now);
    bench.is_open_for(1);
    (0..20).for_each(|_| bench.breaker.broke(bench.now));
    bench.is_open_for(1);
    bench.wait();
    bench.breaker.broke(bench.now);
    assert_eq!(bench.state(), State::HalfOpen);
}

#[test]
fn stream_that_breaks_is_no_other_call() {
    let bench = Bench::new();
    for _ in 0..9 {
        bench.succeed();
        bench.breaker.broke(bench.now);
    }
    assert_eq!(bench.state(), State::Closed, "nine calls say too little");
    bench.succeed();
    bench.breaker.broke(bench.now);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn upstream_that_health_checks_call_ill_is_shut_until_they_call_it_well() {
    let mut bench = Bench::new();
    let slow = bench.trial();
    bench.breaker.ill(bench.now);
    slow.succeeded(bench.now);
    bench.pass(SECOND * 3600);
    bench.breaker.ill(bench.now);
    assert_eq!(bench.state(), State::Open);
    assert!(bench.shut().is_some());
    bench.breaker.well(bench.now);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.succeed();
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn health_check_that_succeeds_makes_it_half_open_at_once() {
    let bench = Bench::new();
    bench.breaker.well(bench.now);
    assert_eq!(bench.state(), State::Closed);
    bench.open();
    bench.breaker.well(bench.now);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.fail();
    bench.is_open_for(2);
}

#[test]
fn probe_of_before_does_not_open_what_is_ill() {
    let mut bench = Bench::new();
    bench.open();
    bench.wait();
    let probe = bench.trial();
    bench.breaker.ill(bench.now);
    probe.succeeded(bench.now);
    assert!(bench.shut().is_some());
}

/// Between two calls while the upstream flaps.
const STEP: Duration = Duration::from_millis(10);

/// The upstream is up for 2 s and down for 2 s, for ten minutes, at 100 calls a second that each take so long.
fn flap(takes: Duration) -> Vec<(Instant, Duration)> {
    let mut bench = Bench::new();
    let start = bench.now;
    let is_up = |at: Instant| (at - start).as_secs().is_multiple_of(4) || (at - start).as_secs() % 4 == 1;
    let mut under_way: VecDeque<(Instant, Trial)> = VecDeque::new();
    let mut openings = Vec::new();
    let mut before = State::Closed;
    while bench.now < start + SECOND * 600 {
        while let Some((end, _)) = under_way.front()
            && *end <= bench.now
        {
            let (end, trial) = under_way.pop_front().expect("it was seen");
            if is_up(end) { trial.succeeded(end) } else { trial.failed(end) }
        }
        if before == State::Closed && bench.state() == State::Open {
            openings.push((bench.now, bench.shut().expect("it is open")));
        }
        before = bench.state();
        if let Admission::Admitted(trial) = bench.breaker.admit(bench.now) {
            under_way.push_back((bench.now + takes, trial));
        }
        bench.pass(STEP);
    }
    openings
}

/// Traffic returns to a primary that flaps, which nobody can know, once a penalty and no more; and penalties grow, so that
/// it is once in half a minute at last. What is kept of it is of fixed size.
#[test]
fn r14_primary_that_flaps_is_switched_to_once_a_penalty() {
    // The longest open time, less its jitter and the step that it may have opened before.
    let longest = SECOND * 24 - STEP;
    for takes in [Duration::ZERO, MILLISECOND * 300, MILLISECOND * 1900] {
        let openings = flap(takes);
        assert!(openings.len() > 2, "it is tried again and again: {}", openings.len());
        for pair in openings.windows(2) {
            let ((opened, penalty), (again, next)) = (pair[0], pair[1]);
            assert!(again - opened >= penalty, "{takes:?}");
            assert!(next >= penalty || next >= longest, "{takes:?}: {penalty:?}, then {next:?}");
        }
        assert!(openings.len() <= 30, "{takes:?}: {} switches", openings.len());
        let (_, last) = openings.last().expect("there are some");
        assert!(*last >= longest, "{takes:?}: {last:?}");
    }
    assert!(size_of::<Breaker>() <= 512, "{}", size_of::<Breaker>());
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Admit,
    Succeed(usize),
    Fail(usize),
    Drop(usize),
    Broke,
    ShutFor(u64),
    Ill,
    Well,
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<usize>();
    prop_oneof![
        3 => (0_u64..5_000).prop_map(Step::Pass),
        6 => Just(Step::Admit),
        2 => which.prop_map(Step::Succeed),
        4 => which.prop_map(Step::Fail),
        1 => which.prop_map(Step::Drop),
        1 => Just(Step::Broke),
        1 => (0_u64..20_000).prop_map(Step::ShutFor),
        1 => Just(Step::Ill),
        2 => Just(Step::Well),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// R8 and R13: whatever happens in whatever order, with however many calls under way, there is one probe at a time,
    /// nobody is let in before the upstream's own moment or while it is ill, and once it is well and every probe has
    /// ended, traffic is back within 60 s.
    #[test]
    fn r13_one_probe_at_a_time_and_back_within_a_minute_whatever_happened(
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut bench = Bench::new();
        let mut under_way: Vec<Trial> = Vec::new();
        let (mut asked, mut ill) = (bench.now, false);
        for step in steps {
            let some = |which: usize, trials: &mut Vec<Trial>| {
                (!trials.is_empty()).then(|| trials.swap_remove(which % trials.len()))
            };
            match step {
                Step::Pass(millis) => bench.pass(Duration::from_millis(millis)),
                Step::Admit => match bench.breaker.admit(bench.now) {
                    Admission::Admitted(trial) => {
                        prop_assert!(bench.now >= asked && !ill);
                        under_way.push(trial);
                    }
                    Admission::Shut { until } => prop_assert!(until > bench.now && bench.state() != State::Closed),
                },
                Step::Succeed(which) => {
                    if let Some(trial) = some(which, &mut under_way) {
                        trial.succeeded(bench.now);
                    }
                }
                Step::Fail(which) => {
                    if let Some(trial) = some(which, &mut under_way) {
                        trial.failed(bench.now);
                    }
                }
                Step::Drop(which) => drop(some(which, &mut under_way)),
                Step::Broke => bench.breaker.broke(bench.now),
                Step::ShutFor(millis) => {
                    asked = asked.max(bench.now + Duration::from_millis(millis));
                    bench.breaker.shut_until(bench.now, bench.now + Duration::from_millis(millis));
                }
                Step::Ill => {
                    ill = true;
                    bench.breaker.ill(bench.now);
                }
                Step::Well => {
                    ill = false;
                    bench.breaker.well(bench.now);
                }
            }
            prop_assert!(under_way.iter().filter(|trial| trial.is_probe()).count() <= 1);
        }
        if ill {
            bench.breaker.well(bench.now);
        }
        under_way.retain(|trial| !trial.is_probe());
        let recovered = bench.now;
        if let Some(time) = bench.shut() {
            bench.pass(time);
        }
        bench.succeed();
        prop_assert_eq!(bench.state(), State::Closed);
        prop_assert!(bench.now - recovered <= SECOND * 60);
        (0..20).for_each(|_| bench.succeed());
    }
}
