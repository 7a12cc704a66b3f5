//! The rules' patterns as automata, and the memory that searching takes.
//!
//! An automaton's states are made as texts need them, and kept for the next text. How many there are is for whoever writes
//! texts to say, so that all of them together are held to a budget: past it they are forgotten, and made anew.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::Input;
use regex_automata::hybrid::dfa;
use regex_automata::hybrid::regex::{Builder, Cache, Regex};
use regex_automata::util::syntax;

/// A pattern that searches in linear time.
pub(super) struct Automaton {
    regex: Regex,
    /// Its place among the states.
    number: usize,
}

impl Automaton {
    /// ASCII letters match in either case; all others are lower-case in a view already, which keeps the automata free of
    /// Unicode tables.
    pub(super) fn compile(pattern: &str, number: usize) -> Automaton {
        let syntax = syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).multi_line(true);
        let states = dfa::Config::new().cache_capacity(AUTOMATON_BYTES_MAX).skip_cache_capacity_check(true);
        let built = Builder::new().syntax(syntax).dfa(states).build(pattern);
        Automaton { regex: built.expect("built-in patterns are compiled by every test run"), number }
    }

    fn find(&self, cache: &mut Cache, text: &[u8], start: usize) -> Option<Range<usize>> {
        let found = self.regex.try_search(cache, &Input::new(text).range(start..));
        found.expect("the search gives up for no reason, since it was not told of any").map(|found| found.range())
    }
}

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
    cache: Cache,
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
        let new = || Known { cache: automaton.regex.create_cache(), bytes: 0, age: 0 };
        let known = self.of[automaton.number].get_or_insert_with(new);
        known.age = self.age;
        let found = automaton.find(&mut known.cache, text, start);
        // One that was cleared as it ran had been as large.
        let bytes = known.cache.memory_usage().max(known.bytes);
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
