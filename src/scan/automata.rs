//! The rules' patterns as automata, and the memory that searching takes.
//!
//! An automaton's states are made as texts need them, and kept for the next text. How many there are is for whoever writes
//! texts to say, so that all of them together are held to a budget: past it they are forgotten, and made anew.

use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

/// A pattern that searches in linear time: forward for the end of a match, and back from there for its start.
pub(super) struct Automaton {
    forward: DFA,
    /// Most patterns never match in the life of a process, and this takes as much room as the other.
    backward: LazyLock<DFA, Box<dyn FnOnce() -> DFA + Send + Sync>>,
    /// Its place among the states.
    number: usize,
}

impl Automaton {
    /// ASCII letters match in either case; all others are lower-case in a view already, which keeps the automata free of
    /// Unicode tables.
    pub(super) fn compile(pattern: &str, number: usize) -> Automaton {
        let again = pattern.to_owned();
        Automaton {
            forward: build(pattern, dfa::Config::new(), false),
            backward: LazyLock::new(Box::new(move || {
                build(&again, dfa::Config::new().match_kind(MatchKind::All), true)
            })),
            number,
        }
    }

    fn find(&self, known: &mut Known, text: &[u8], start: usize) -> Option<Range<usize>> {
        let input = Input::new(text).range(start..);
        let found = self.forward.try_search_fwd(&mut known.forward, &input).expect(NEVER_GIVES_UP)?;
        let backward = known.backward.get_or_insert_with(|| self.backward.create_cache());
        let input = input.range(start..found.offset()).anchored(Anchored::Yes);
        let first = self.backward.try_search_rev(backward, &input).expect(NEVER_GIVES_UP);
        Some(first.expect("what ends has a start").offset()..found.offset())
    }
}

fn build(pattern: &str, config: dfa::Config, reverse: bool) -> DFA {
    let syntax = syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).multi_line(true);
    let states = config.cache_capacity(AUTOMATON_BYTES_MAX).skip_cache_capacity_check(true);
    let nfa = thompson::Config::new().utf8(false).reverse(reverse).shrink(true);
    let built = DFA::builder().syntax(syntax).thompson(nfa).configure(states).build(pattern);
    built.expect("built-in patterns are compiled by every test run")
}

const NEVER_GIVES_UP: &str = "the search gives up for no reason, since it was not told of any";

/// The states of all automata, one set for each scan that runs at a time.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<States>>);

/// What is known by now of each automaton, by its index.
#[derive(Default)]
pub(super) struct States {
    of: Vec<Option<Known>>,
    bytes: usize,
    /// Grows each time that some are forgotten.
    age: u32,
}

struct Known {
    forward: Cache,
    /// Made with the first match.
    backward: Option<Cache>,
    bytes: usize,
    /// When it was used last.
    age: u32,
}

impl Memory {
    pub(super) fn take(&self) -> States {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, states: States) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(states);
    }
}

impl States {
    /// The first match of an automaton in the text from a byte on. What lies before stays in sight, so that word boundaries
    /// hold there.
    pub(super) fn find(&mut self, automaton: &Automaton, text: &[u8], start: usize) -> Option<Range<usize>> {
        if self.bytes > STATES_BYTES_MAX {
            self.forget();
        }
        if self.of.len() <= automaton.number {
            self.of.resize_with(automaton.number + 1, || None);
        }
        let new = || Known { forward: automaton.forward.create_cache(), backward: None, bytes: 0, age: 0 };
        let known = self.of[automaton.number].get_or_insert_with(new);
        known.age = self.age;
        let found = automaton.find(known, text, start);
        // One that was cleared as it ran had been as large.
        let now = known.forward.memory_usage() + known.backward.as_ref().map_or(0, Cache::memory_usage);
        let bytes = now.max(known.bytes);
        self.bytes += bytes - known.bytes;
        known.bytes = bytes;
        found
    }

    /// Lets go of what was not used since the last time, and of all where that is not much.
    fn forget(&mut self) {
        let idle = |known: &Option<Known>| known.as_ref().is_some_and(|known| known.age < self.age);
        let idle: Vec<usize> = (0..self.of.len()).filter(|index| idle(&self.of[*index])).collect();
        for index in idle {
            self.bytes -= self.of[index].take().map_or(0, |known| known.bytes);
        }
        if self.bytes > STATES_BYTES_MAX / 4 * 3 {
            (self.of, self.bytes) = (Vec::new(), 0);
        }
        self.age += 1;
    }
}

/// Of one automaton, in each direction.
const AUTOMATON_BYTES_MAX: usize = 1 << 20;
/// Of all of them, for each scan that runs at a time.
const STATES_BYTES_MAX: usize = 48 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn match_is_found_behind_the_start_and_sees_what_lies_before_it() {
        let automaton = Automaton::compile(r"\bcat", 0);
        let mut states = States::default();
        assert_eq!(states.find(&automaton, b"a Cat, a tomcat, a cat", 3), Some(19..22));
        assert_eq!(states.find(&automaton, b"a tomcat", 5), None);
        assert_eq!(states.find(&automaton, b"a tomcat", 9), None);
    }

    /// Counted repeats of what overlaps have more states than anybody wants to keep.
    #[test]
    fn states_are_held_to_their_budget_and_matches_stay_the_same() {
        let automata: Vec<Automaton> =
            (0..80).map(|number| Automaton::compile(r"[ab]*a[ab]{12}[cd][ab]{3}", number)).collect();
        let mut states = States::default();
        let mut random = 1_u64;
        let mut text = Vec::new();
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push(b"ab"[usize::from(random >> 63 == 1)]);
        }
        text.extend(b"aaaaaaaaaaaaacaaa");
        let mut forgot = false;
        for automaton in automata.iter().cycle().take(2 * automata.len()) {
            let age = states.age;
            assert!(states.find(automaton, &text, 0).is_some_and(|found| found.end == text.len()));
            forgot |= states.age > age;
            assert!(states.bytes < STATES_BYTES_MAX + 4 * AUTOMATON_BYTES_MAX, "{}", states.bytes);
            let known = states.of.iter().flatten().map(|known| known.bytes).sum::<usize>();
            assert_eq!(known, states.bytes);
        }
        assert!(forgot, "{}", states.bytes);
    }

    #[test]
    fn what_was_used_lately_is_kept_where_there_is_room() {
        let [idle, used] = [0, 1].map(|number| Automaton::compile("a", number));
        let mut states = States::default();
        states.find(&idle, b"a", 0);
        states.forget();
        states.find(&used, b"a", 0);
        states.forget();
        assert!(states.of[0].is_none() && states.of[1].is_some());
    }
}
