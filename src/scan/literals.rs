//! The search for literals that opens everything else: where in a view one of some hundred words stands.
//!
//! An automaton for so many words is larger than a cache, and a scan would wait for memory at every byte. Here four bytes
//! at a time are hashed into a bit set of 8 KiB, and only what passes it is compared.

use std::ops::Range;

/// Finds every literal wherever it stands, also inside of others and of words.
pub(crate) struct Literals {
    /// A bit for each hash of the first bytes of a literal.
    filter: Box<[u64; FILTER_WORDS]>,
    /// For each hash the entry of `buckets`, which is empty for those that the filter leaves out.
    index: Box<[u16]>,
    buckets: Vec<Vec<Literal>>,
}

/// A literal in lower case, and the name that its owner gave it.
struct Literal {
    bytes: Vec<u8>,
    /// The first eight bytes as `word_at` sees them, which tell most texts apart without a comparison.
    start: u64,
    mask: u64,
    name: usize,
}

impl Literals {
    /// The literals must be folded, and of three bytes or more; each is named by its place among them.
    pub(crate) fn new(literals: &[String]) -> Literals {
        let mut set =
            Literals { filter: Box::new([0; FILTER_WORDS]), index: vec![0; HASHES].into(), buckets: vec![Vec::new()] };
        for (name, literal) in literals.iter().enumerate() {
            set.add(literal.to_ascii_lowercase().as_bytes(), name);
        }
        set
    }

    fn add(&mut self, literal: &[u8], name: usize) {
        let Some(head) = literal.first_chunk::<HEAD_BYTES>() else {
            let &[first, second, third] = literal else {
                panic!("a literal has three bytes or more");
            };
            // Any byte may follow, and at the end of a text the one that pads it.
            let mut hashes: Vec<_> = (0..=u8::MAX).map(|fourth| hash_of([first, second, third, fourth])).collect();
            hashes.sort_unstable();
            hashes.dedup();
            hashes.into_iter().for_each(|hash| self.enter(hash, literal, name));
            return;
        };
        self.enter(hash_of(*head), literal, name);
    }

    fn enter(&mut self, hash: usize, literal: &[u8], name: usize) {
        self.filter[hash / 64] |= 1 << (hash % 64);
        if self.index[hash] == 0 {
            self.index[hash] = u16::try_from(self.buckets.len()).expect("literals are few");
            self.buckets.push(Vec::new());
        }
        self.buckets[usize::from(self.index[hash])].push(Literal::new(literal, name));
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
        for literal in &self.buckets[usize::from(self.index[hash])] {
            if start & literal.mask != literal.start {
                continue;
            }
            let span = at..at + literal.bytes.len();
            if bytes.get(span.clone()).is_some_and(|text| text.eq_ignore_ascii_case(&literal.bytes)) {
                found(literal.name, span);
            }
        }
    }
}

impl Literal {
    fn new(bytes: &[u8], name: usize) -> Literal {
        let mask = if bytes.len() < 8 { (1 << (8 * bytes.len())) - 1 } else { u64::MAX };
        Literal { bytes: bytes.to_vec(), start: word_at(bytes, 0) & mask, mask, name }
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
}
