//! Frequent English words: what tells a word from a string of letters, and where one ends without a space.

use std::sync::LazyLock;

/// The words of `words.txt`, most frequent first, as a tree of letters.
pub(super) struct Vocabulary {
    nodes: Vec<Node>,
}

/// The children of a node stand side by side in the order of the alphabet.
#[derive(Clone, Copy, Default)]
struct Node {
    /// Which letters lead on, one bit each.
    letters: u32,
    first_child: u32,
    /// How rare the word is that ends here; nought where none does.
    cost: u16,
}

/// A place in the tree: the letters read so far.
#[derive(Clone, Copy)]
pub(super) struct Prefix(u32);

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::new(words()));

/// All words, most frequent first.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    include_str!("words.txt").split_ascii_whitespace()
}

impl Vocabulary {
    pub(super) const START: Prefix = Prefix(0);

    pub(super) fn new<'w>(words: impl Iterator<Item = &'w str>) -> Vocabulary {
        let mut words: Vec<(&[u8], u16)> =
            words.enumerate().map(|(rank, word)| (word.as_bytes(), cost(rank))).collect();
        words.sort_unstable();
        let mut nodes = vec![Node::default()];
        // Breadth first, so that the children of each node are made together.
        let mut open = std::collections::VecDeque::from([(0_usize, 0..words.len(), 0_usize)]);
        while let Some((node, range, depth)) = open.pop_front() {
            let mut at = range.start;
            if words.get(at).is_some_and(|(word, _)| word.len() == depth) {
                nodes[node].cost = words[at].1;
                at += 1;
            }
            nodes[node].first_child = u32::try_from(nodes.len()).expect("the list has fewer letters than 2^32");
            while at < range.end {
                let letter = words[at].0[depth];
                let same = words[at..range.end].partition_point(|(word, _)| word[depth] == letter);
                nodes[node].letters |= 1 << (letter - b'a');
                open.push_back((nodes.len(), at..at + same, depth + 1));
                nodes.push(Node::default());
                at += same;
            }
        }
        Vocabulary { nodes }
    }

    /// One letter on, in either case.
    pub(super) fn step(&self, prefix: Prefix, letter: u8) -> Option<Prefix> {
        let index = u32::from((letter | 0x20).wrapping_sub(b'a'));
        let node = self.nodes[prefix.0 as usize];
        let bit = 1_u32.checked_shl(index)?;
        (node.letters & bit != 0).then(|| Prefix(node.first_child + (node.letters & (bit - 1)).count_ones()))
    }

    /// How rare the word is that the letters make; nothing where they make none.
    pub(super) fn cost(&self, prefix: Prefix) -> Option<u16> {
        let cost = self.nodes[prefix.0 as usize].cost;
        (cost > 0).then_some(cost)
    }

    pub(super) fn has(&self, word: &[u8]) -> bool {
        let end = word.iter().try_fold(Self::START, |prefix, &letter| self.step(prefix, letter));
        end.is_some_and(|end| self.cost(end).is_some())
    }
}

/// The negative logarithm of the frequency by Zipf's law, in 64ths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no logarithm of a rank leaves the range")]
fn cost(rank: usize) -> u16 {
    ((rank as f64 + 1.0).ln().mul_add(64.0, 150.0)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_either_case_and_their_beginnings_are_not() {
        assert!(VOCABULARY.has(b"ignore") && VOCABULARY.has(b"IGNORE") && VOCABULARY.has(b"a"));
        assert!(!VOCABULARY.has(b"ignor") && !VOCABULARY.has(b"xqz") && !VOCABULARY.has(b"") && !VOCABULARY.has(b"i{"));
    }

    #[test]
    fn frequent_words_cost_less() {
        let words = Vocabulary::new(["the", "them", "theme"].into_iter());
        let cost = |word: &str| {
            let end = word.bytes().try_fold(Vocabulary::START, |at, letter| words.step(at, letter))?;
            words.cost(end)
        };
        assert!(cost("the") < cost("them") && cost("them") < cost("theme"));
        assert_eq!(cost("th"), None);
    }

    #[test]
    fn the_list_holds_lower_case_words_once_each() {
        let words: Vec<&str> = words().collect();
        let once: std::collections::HashSet<&&str> = words.iter().collect();
        assert_eq!(words.len(), once.len());
        assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }
}
