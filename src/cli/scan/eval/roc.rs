//! How well a score ranks attacks above honest texts, whatever its thresholds; and how far a share can be believed.

/// The score that may be exceeded by so large a share of honest texts and no larger. Of fewer texts than 1 / `share` that
/// is the highest of them. Without any there is none.
pub(super) fn cut(honest: &[f32], share: f64) -> Option<f32> {
    let mut falling = honest.to_vec();
    falling.sort_by(|one, other| other.total_cmp(one));
    let bound = share * count(honest.len());
    let place = (1..=honest.len()).take_while(|&exceeding| count(exceeding) <= bound).count();
    falling.get(place).copied()
}

/// The chance that an attack scores higher than an honest text, with ties half (Mann and Whitney). Both are sorted by it.
pub(super) fn auc(mut attacks: Vec<f32>, mut honest: Vec<f32>) -> Option<f64> {
    if attacks.is_empty() || honest.is_empty() {
        return None;
    }
    attacks.sort_by(f32::total_cmp);
    honest.sort_by(f32::total_cmp);
    let (mut below, mut up_to, mut won) = (0, 0, 0.0);
    for score in &attacks {
        below += honest[below..].partition_point(|other| other < score);
        up_to += honest[up_to..].partition_point(|other| other <= score);
        won += f64::midpoint(count(below), count(up_to));
    }
    Some(won / (count(attacks.len()) * count(honest.len())))
}

/// Where the true share lies, in 19 of 20 such samples (Wilson's interval): that 3 of 3 were found says little.
pub(super) fn interval(part: u64, whole: u64) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 1.0);
    }
    let (whole, share) = (ratio(whole), ratio(part) / ratio(whole));
    let spread = Z * Z / whole;
    let centre = share + spread / 2.0;
    let reach = Z * ((share * (1.0 - share) + spread / 4.0) / whole).sqrt();
    (((centre - reach) / (1.0 + spread)).max(0.0), ((centre + reach) / (1.0 + spread)).min(1.0))
}

/// Of a normal distribution, 95 % lie so many standard deviations around its middle.
const Z: f64 = 1.959_964;

fn count(length: usize) -> f64 {
    ratio(length as u64)
}

#[expect(clippy::cast_precision_loss, reason = "nobody labels 2^53 texts")]
pub(super) fn ratio(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_counts_ties_half() {
        assert_eq!(auc(vec![3.0, 0.0], vec![0.0, 3.0]), Some(0.5));
        assert_eq!(auc(vec![1.0, 2.0], vec![0.0, 0.5]), Some(1.0));
        assert_eq!(auc(vec![0.0], vec![1.0, 0.0, -1.0, -1.0]), Some(0.625));
        assert_eq!((auc(vec![], vec![1.0]), auc(vec![1.0], vec![])), (None, None));
    }

    #[test]
    fn auc_is_that_of_every_pair() {
        let attacks: Vec<f32> = (0..60_u16).map(|at| f32::from(at * 7 % 23)).collect();
        let honest: Vec<f32> = (0..40_u16).map(|at| f32::from(at * 5 % 19)).collect();
        let pair =
            |attack: f32, other: f32| if attack > other { 1.0 } else { f64::from(u8::from(attack == other)) / 2.0 };
        let won: f64 = attacks.iter().flat_map(|attack| honest.iter().map(|other| pair(*attack, *other))).sum();
        let measured = auc(attacks, honest).unwrap();
        assert!((measured - won / 2400.0).abs() < 1e-12, "{measured}");
    }

    #[test]
    fn cut_lets_the_asked_share_of_honest_texts_exceed_it() {
        let honest: Vec<f32> = (0..200_u8).map(f32::from).collect();
        assert_eq!((cut(&honest, 0.01), cut(&honest, 0.005)), (Some(197.0), Some(198.0)));
        assert_eq!(cut(&honest, 0.001), Some(199.0), "one of 200 is more than a thousandth");
        assert_eq!(cut(&[5.0; 300], 0.01), Some(5.0), "of a tie none exceeds");
        assert_eq!(cut(&[], 0.01), None);
    }

    #[test]
    fn interval_of_few_is_wide_and_of_many_is_not() {
        let (low, high) = interval(3, 3);
        assert!((0.43..0.45).contains(&low) && high > 0.9999, "{low} {high}");
        let (low, high) = interval(900, 1000);
        assert!((0.879..0.881).contains(&low) && (0.916..0.918).contains(&high), "{low} {high}");
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }
}
