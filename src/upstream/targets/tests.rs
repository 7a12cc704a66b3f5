use super::*;
use crate::upstream::config::Failover;

fn group(name: &str, aliases: &[&str]) -> ModelGroup {
    ModelGroup { name: name.into(), aliases: aliases.iter().map(ToString::to_string).collect(), targets: Vec::new() }
}

#[test]
fn exact_name_comes_before_every_pattern_and_the_longer_pattern_before_the_shorter() {
    let groups =
        [group("*", &[]), group("claude-*", &["sonnet"]), group("claude-opus-*", &[]), group("claude-opus-4", &[])];
    let names = Names::of(&groups);
    let found = |model: &str| names.find(model).map(|group| groups[group].name.as_str());
    assert_eq!(found("claude-opus-4"), Some("claude-opus-4"));
    assert_eq!(found("claude-opus-5"), Some("claude-opus-*"));
    assert_eq!(found("claude-"), Some("claude-*"));
    assert_eq!(found("sonnet"), Some("claude-*"));
    assert_eq!(found("sonnet-4"), Some("*"));
    assert_eq!(Names::of(&groups[1..]).find("sonnet-4"), None);
}

fn upstream(name: &str) -> Upstream {
    Upstream {
        name: name.into(),
        dialect: crate::route::Dialect::OpenAi,
        base: crate::upstream::config::BaseUrl::parse("http://localhost").unwrap(),
        credential: None,
        model: None,
        timeouts: crate::upstream::config::Timeouts::default(),
        apis: Apis::of(crate::route::Dialect::OpenAi),
        health: None,
        metadata: crate::upstream::config::Metadata { headers: false, body: false },
        protocol: crate::upstream::config::Protocol::Auto,
        ca_file: None,
    }
}

/// How often each of two targets of one rank, with these weights, comes first.
fn turns(weights: [u32; 2]) -> [f64; 2] {
    let upstreams = vec![upstream("a"), upstream("b"), upstream("c")];
    let targets = Targets::new(Config { upstreams, models: Vec::new(), failover: Failover::default() });
    let candidate = |index: usize, rank, weight| Candidate {
        target: &targets.all()[index],
        upstream: &targets.upstreams()[index],
        model: None,
        wire: Wire::Native,
        context_window: None,
        is_a_guess: false,
        rank,
        weight,
    };
    let mut first = [0.0; 2];
    for _ in 0..DRAWS {
        let mut candidates = vec![candidate(0, 1, weights[0]), candidate(1, 1, weights[1]), candidate(2, 2, 1000)];
        take_turns(&mut candidates);
        assert_eq!(&*candidates[2].upstream.name, "c", "a later rank comes later, whatever its weight");
        first[candidates[0].target.upstream] += 1.0 / f64::from(DRAWS);
    }
    first
}

const DRAWS: u32 = 20_000;

/// Twenty thousand draws leave a part that is off by 0.02 less likely than one in ten million.
#[test]
fn targets_of_one_rank_take_turns_by_their_weights() {
    for (weights, expected) in [([1, 1], 0.5), ([3, 1], 0.75), ([1, 9], 0.1)] {
        let first = turns(weights);
        assert!((first[0] - expected).abs() < 0.02, "{weights:?}: {first:?}");
    }
}
