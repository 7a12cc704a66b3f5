//! The search for literals that opens everything else: where in a view one of some hundred words stands.
//!
//! An automaton for so many words is larger than a cache, and a scan would wait for memory at every byte. Here four bytes
//! at a time are hashed into a bit set of 8 KiB, and only what passes it is compared.

use std::ops::Range;

use crate::scan::normalise::fold;

/// Finds every literal wherever it stands, also inside of others and of words.
pub(crate) struct Literals {
    /// A bit for each hash of the first bytes of a literal.
    filter: Box<[u64; FILTER_WORDS]>,
    /// For each hash where its bucket begins among `entries`; it ends where the next one begins.
    index: Box<[u16]>,
    entries: Vec<Literal>,
}

/// A literal in lower case, and the name that its owner gave it.
#[derive(Clone)]
struct Literal {
    /// The first eight bytes as `word_at` sees them, which tell most texts apart without a comparison.
    start: u64,
    mask: u64,
    name: usize,
    bytes: Box<[u8]>,
}

impl Literals {
    /// The literals must be folded, and of three bytes or more; each is named by its place among them.
    pub(crate) fn new(literals: &[String]) -> Literals {
        let mut entries: Vec<(usize, Literal)> = Vec::new();
        for (name, literal) in literals.iter().enumerate() {
            let literal = Literal::new(literal.to_ascii_lowercase().as_bytes(), name);
            entries.extend(hashes_of(&literal.bytes).into_iter().map(|hash| (hash, literal.clone())));
        }
        // Stable, so that literals of one bucket keep their order.
        entries.sort_by_key(|(hash, _)| *hash);
        let mut filter = Box::new([0; FILTER_WORDS]);
        entries.iter().for_each(|(hash, _)| filter[hash / 64] |= 1 << (hash % 64));
        let before = |hash| entries.partition_point(|(other, _)| *other < hash);
        let narrow = |place| u16::try_from(place).expect("literals are few");
        let index = (0..=HASHES).map(|hash| narrow(before(hash))).collect();
        Literals { filter, index, entries: entries.into_iter().map(|(_, literal)| literal).collect() }
    }

    /// Hands over the name of each literal found and where it stands, by where it starts.
    ///
    /// The time is linear: at each byte the literals of one bucket at most are compared, each to its first difference.
    pub(crate) fn each(&self, view: &str, mut found: impl FnMut(usize, Range<usize>)) {
        let bytes = view.as_bytes();
        let mut at = 0;
        while let Some(head) = bytes[at..].first_chunk::<HEAD_BYTES>() {
            let hash = hash_of(*head);
            if self.passes(hash) {
                self.compare(hash, bytes, at, &mut found);
            }
            at += 1;
        }
        if let &[first, second, third] = &bytes[at..] {
            self.compare(hash_of([first, second, third, 0]), bytes, at, &mut found);
        }
    }

    fn passes(&self, hash: usize) -> bool {
        self.filter[hash / 64] >> (hash % 64) & 1 == 1
    }

    fn compare(&self, hash: usize, bytes: &[u8], at: usize, found: &mut impl FnMut(usize, Range<usize>)) {
        let start = word_at(bytes, at);
        for literal in &self.entries[usize::from(self.index[hash])..usize::from(self.index[hash + 1])] {
            if start & literal.mask == literal.start && literal.is_whole(bytes, at) {
                found(literal.name, at..at + literal.bytes.len());
            }
        }
    }
}

/// The hashes of all that a literal may begin with.
fn hashes_of(literal: &[u8]) -> Vec<usize> {
    if let Some(head) = literal.first_chunk::<HEAD_BYTES>() {
        return vec![hash_of(*head)];
    }
    let &[first, second, third] = literal else {
        panic!("a literal has three bytes or more");
    };
    // Any byte may follow, and at the end of a text the one that pads it.
    let mut hashes: Vec<_> = (0..=u8::MAX).map(|fourth| hash_of([first, second, third, fourth])).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

impl Literal {
    fn new(bytes: &[u8], name: usize) -> Literal {
        let mask = if bytes.len() < 8 { (1 << (8 * bytes.len())) - 1 } else { u64::MAX };
        Literal { bytes: bytes.into(), start: word_at(bytes, 0) & mask, mask, name }
    }

    fn is_whole(&self, bytes: &[u8], at: usize) -> bool {
        bytes.get(at..at + self.bytes.len()).is_some_and(|text| text.eq_ignore_ascii_case(&self.bytes))
    }
}

/// The next eight bytes, the same for letters of either case; padded at the end of a text.
fn word_at(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at..];
    let word = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
        let mut padded = [0; 8];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    });
    u64::from_le_bytes(word) | 0x2020_2020_2020_2020
}

/// The same for letters of either case. Other bytes may share a hash, which comparing tells apart.
fn hash_of(head: [u8; HEAD_BYTES]) -> usize {
    let folded = u32::from_le_bytes(head) | 0x2020_2020;
    (folded.wrapping_mul(0x9E37_79B1) >> (u32::BITS - HASH_BITS)) as usize
}

const HEAD_BYTES: usize = 4;
const HASH_BITS: u32 = 16;
const HASHES: usize = 1 << HASH_BITS;
const FILTER_WORDS: usize = HASHES / 64;

/// Whether one of a few literals stands in a text, of which most texts have none or have one soon.
pub(crate) struct AnyOf {
    /// A bit for each hash of the first bytes of a literal.
    filter: [u64; FEW_HASHES / 64],
    /// Which of four bytes the shortest literal has.
    head: u32,
    literals: Vec<Literal>,
}

impl AnyOf {
    /// The literals must have two bytes or more.
    pub(crate) fn new(literals: &[&str]) -> AnyOf {
        let folded = literals.iter().map(|literal| fold(literal).to_ascii_lowercase());
        let literals: Vec<Literal> = folded.map(|literal| Literal::new(literal.as_bytes(), 0)).collect();
        let shortest = literals.iter().map(|literal| literal.bytes.len()).min().unwrap_or(HEAD_BYTES);
        assert!(shortest >= 2, "a literal has two bytes or more");
        let head = u32::MAX >> (8 * HEAD_BYTES.saturating_sub(shortest));
        let mut filter = [0; FEW_HASHES / 64];
        for literal in &literals {
            let hash = few_hash(literal.start as u32 & head);
            filter[hash / 64] |= 1 << (hash % 64);
        }
        AnyOf { filter, head, literals }
    }

    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(head) = text[at..].first_chunk::<HEAD_BYTES>() {
            let hash = few_hash((u32::from_le_bytes(*head) | 0x2020_2020) & self.head);
            if self.filter[hash / 64] >> (hash % 64) & 1 == 1 && self.stands_at(text, at) {
                return true;
            }
            at += 1;
        }
        (at..text.len()).any(|at| self.stands_at(text, at))
    }

    fn stands_at(&self, text: &[u8], at: usize) -> bool {
        let start = word_at(text, at);
        self.literals.iter().any(|literal| start & literal.mask == literal.start && literal.is_whole(text, at))
    }
}

fn few_hash(head: u32) -> usize {
    (head.wrapping_mul(0x9E37_79B1) >> (u32::BITS - FEW_HASHES.ilog2())) as usize
}

const FEW_HASHES: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(literals: &[&str], view: &str) -> Vec<(usize, Range<usize>)> {
        let literals: Vec<_> = literals.iter().map(|literal| (*literal).to_owned()).collect();
        let mut found = Vec::new();
        Literals::new(&literals).each(view, |name, span| found.push((name, span)));
        found
    }

    #[test]
    fn literals_are_found_in_either_case_and_inside_of_each_other() {
        assert_eq!(found(&["ignore", "ignor", "nore"], "xIGNOREx"), [(0, 1..7), (1, 1..6), (2, 3..7)]);
        assert_eq!(found(&["ignore"], "ignor ignor"), []);
    }

    #[test]
    fn a_literal_of_three_bytes_is_found_anywhere_and_at_the_end() {
        assert_eq!(found(&["忘", "ur "], "忘ur x忘"), [(0, 0..3), (1, 3..6), (0, 7..10)]);
        assert_eq!(found(&["忘"], "ab"), []);
    }

    #[test]
    fn bytes_that_only_share_a_hash_are_not_taken_for_letters() {
        assert_eq!(found(&["{abc"], "[abc"), []);
    }

    #[test]
    fn any_of_a_few_literals_is_found_in_either_case_at_the_edges_too() {
        let any = AnyOf::new(&["system prompt", "ai", "Été"]);
        for text in ["AI", "x ai", "ai x", "the SYSTEM PROMPT.", "system prompt", "ete"] {
            assert!(any.is_in(text.as_bytes()), "{text}");
        }
        for text in ["", "a", "a i", "system promp", "xystem prompt"] {
            assert!(!any.is_in(text.as_bytes()), "{text}");
        }
    }
}
