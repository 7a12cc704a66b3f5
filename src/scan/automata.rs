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
pub(super) struct Automaton(Regex);

impl Automaton {
    /// ASCII letters match in either case; all others are lower-case in a view already, which keeps the automata free of
    /// Unicode tables.
    pub(super) fn compile(pattern: &str) -> Automaton {
        let syntax = syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).multi_line(true);
        let states = dfa::Config::new().cache_capacity(AUTOMATON_BYTES_MAX).skip_cache_capacity_check(true);
        let built = Builder::new().syntax(syntax).dfa(states).build(pattern);
        Automaton(built.expect("built-in patterns are compiled by every test run"))
    }

    fn find(&self, cache: &mut Cache, text: &[u8], start: usize) -> Option<Range<usize>> {
        let found = self.0.try_search(cache, &Input::new(text).range(start..));
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
    pub(super) fn find(
        &mut self,
        index: usize,
        automaton: &Automaton,
        text: &[u8],
        start: usize,
    ) -> Option<Range<usize>> {
        if self.bytes > STATES_BYTES_MAX {
            self.forget();
        }
        if self.of.len() <= index {
            self.of.resize_with(index + 1, || None);
        }
        let new = || Known { cache: automaton.0.create_cache(), bytes: 0, age: 0 };
        let known = self.of[index].get_or_insert_with(new);
        known.age = self.age;
        let found = automaton.find(&mut known.cache, text, start);
        let bytes = known.cache.memory_usage();
        self.bytes += bytes.saturating_sub(known.bytes);
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
const STATES_BYTES_MAX: usize = 32 << 20;
