//! Small linear fits: bounded, robust, without anything random.

/// One equation: the effects, weighted with the unknown changes, should sum to what is missing.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) effects: Vec<f64>,
    pub(super) missing: f64,
    pub(super) weight: f64,
}

/// What came of a fit.
pub(super) struct Fit {
    pub(super) solution: Vec<f64>,
    /// Standard error of each.
    pub(super) uncertainty: Vec<f64>,
}

/// How often weights are computed anew, and how often each unknown is then improved in turn.
const REWEIGHTED: usize = 40;
const SWEEPS: usize = 200;
/// Below this an error is not made smaller any more: keeps weights finite.
const ERROR_MIN: f64 = 0.002;

/// The changes with the least weighted sum of absolute errors, each between `low` and `high`: least squares in which an equation weighs
/// the less, the larger its error was before.
pub(super) fn fit(rows: &[Row], unknowns: usize, low: f64, high: f64) -> Fit {
    let mut x = vec![0.0; unknowns];
    let mut weights: Vec<f64> = rows.iter().map(|row| row.weight).collect();
    for _ in 0..REWEIGHTED {
        let sum = |term: &dyn Fn(&Row) -> f64| -> f64 { rows.iter().zip(&weights).map(|(row, w)| w * term(row)).sum() };
        // The normal equations: what each unknown gives and takes, and what is missing.
        let products: Vec<Vec<f64>> = (0..unknowns)
            .map(|k| (0..unknowns).map(|j| sum(&|row| row.effects[k] * row.effects[j])).collect())
            .collect();
        let missing: Vec<f64> = (0..unknowns).map(|k| sum(&|row| row.effects[k] * row.missing)).collect();
        for _ in 0..SWEEPS {
            for k in 0..unknowns {
                let others: f64 = (0..unknowns).filter(|j| *j != k).map(|j| products[k][j] * x[j]).sum();
                if products[k][k] > 0.0 {
                    x[k] = ((missing[k] - others) / products[k][k]).clamp(low, high);
                }
            }
        }
        for (row, weight) in rows.iter().zip(&mut weights) {
            *weight = row.weight / row.left(&x).abs().max(ERROR_MIN);
        }
    }
    let uncertainty = (0..unknowns).map(|k| standard_error(rows, &x, k)).collect();
    Fit { solution: x, uncertainty }
}

impl Row {
    /// What a solution leaves to be explained.
    fn left(&self, x: &[f64]) -> f64 {
        self.missing - self.effects.iter().zip(x).map(|(effect, x)| effect * x).sum::<f64>()
    }
}

/// Of one unknown: the spread of what is left, over the part of its effect that no other unknown has. The moments of a recording are
/// not independent of each other (a slow run is slow throughout), so that a recording counts as one equation.
fn standard_error(rows: &[Row], x: &[f64], k: usize) -> f64 {
    let others: Vec<usize> = (0..x.len()).filter(|other| *other != k).collect();
    let own = remainder(rows, k, &others);
    let squares: f64 = rows.iter().zip(&own).map(|(row, own)| row.weight * own * own).sum();
    let mut errors: Vec<f64> = rows.iter().map(|row| row.left(x).abs()).collect();
    errors.sort_by(f64::total_cmp);
    // The median of the absolute errors, as the standard deviation of a normal distribution with that median.
    let spread = errors.get(errors.len() / 2).map_or(0.0, |median| 1.4826 * median).max(ERROR_MIN);
    if squares > 0.0 { spread / squares.sqrt() } else { f64::INFINITY }
}

/// How far an unknown moves the time that it moves most, as a share of it.
pub(super) fn reach(rows: &[Row], k: usize) -> f64 {
    rows.iter().map(|row| row.effects[k].abs()).fold(0.0, f64::max)
}

/// How much of an effect is its own.
pub(super) struct Apart {
    /// The size of the effect, and of what is left of it when others have explained what they can.
    pub(super) whole: f64,
    pub(super) left: f64,
    /// The one among the others that is most like it.
    pub(super) nearest: Option<usize>,
}

/// How much of an effect is not a mixture of other effects.
pub(super) fn apart(rows: &[Row], k: usize, others: &[usize]) -> Apart {
    let column = |k: usize| -> Vec<f64> { rows.iter().map(|row| row.effects[k]).collect() };
    let dot = |a: &[f64], b: &[f64]| -> f64 { rows.iter().zip(a).zip(b).map(|((row, a), b)| row.weight * a * b).sum() };
    let own = column(k);
    let left = remainder(rows, k, others);
    let alike = |other: usize| {
        let other = column(other);
        let sizes = (dot(&own, &own) * dot(&other, &other)).sqrt();
        if sizes > 0.0 { (dot(&own, &other) / sizes).abs() } else { 0.0 }
    };
    Apart {
        whole: dot(&own, &own).sqrt(),
        left: dot(&left, &left).sqrt(),
        nearest: others.iter().copied().max_by(|a, b| alike(*a).total_cmp(&alike(*b))),
    }
}

/// What of an effect is left when the others have explained what they can.
fn remainder(rows: &[Row], k: usize, others: &[usize]) -> Vec<f64> {
    let column = |k: usize| -> Vec<f64> { rows.iter().map(|row| row.effects[k]).collect() };
    let dot = |a: &[f64], b: &[f64]| -> f64 { rows.iter().zip(a).zip(b).map(|((row, a), b)| row.weight * a * b).sum() };
    // Gram-Schmidt, twice for the sake of rounding.
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let reduce = |mut v: Vec<f64>, basis: &[Vec<f64>]| {
        for _ in 0..2 {
            for b in basis {
                let along = dot(&v, b);
                v.iter_mut().zip(b).for_each(|(v, b)| *v -= along * b);
            }
        }
        v
    };
    for other in others {
        let whole = column(*other);
        let size = dot(&whole, &whole).sqrt();
        let v = reduce(whole, &basis);
        let left = dot(&v, &v).sqrt();
        if left > 1e-9 * size && left > 0.0 {
            basis.push(v.into_iter().map(|x| x / left).collect());
        }
    }
    reduce(column(k), &basis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(effects: &[f64], missing: f64) -> Row {
        Row { effects: effects.to_vec(), missing, weight: 1.0 }
    }

    #[test]
    fn a_straight_line_is_found_in_spite_of_a_hiccup() {
        let mut rows: Vec<Row> = (1..20).map(|n| row(&[1.0, f64::from(n)], 0.5 + 0.1 * f64::from(n))).collect();
        rows[7].missing += 100.0;
        let Fit { solution, .. } = fit(&rows, 2, -1.0, 10.0);
        assert!((solution[0] - 0.5).abs() < 0.02 && (solution[1] - 0.1).abs() < 0.01, "{solution:?}");
    }

    #[test]
    fn bounds_hold() {
        let rows = [row(&[1.0], 50.0), row(&[1.0], 60.0)];
        assert_eq!(fit(&rows, 1, -0.5, 2.0).solution, [2.0]);
    }

    #[test]
    fn a_mixture_of_others_is_not_apart() {
        let rows: Vec<Row> = (1..9).map(|n| f64::from(n)).map(|n| row(&[1.0, n, 3.0 + 2.0 * n, n * n], 0.0)).collect();
        let share = |k| {
            let apart = apart(&rows, k, &[0, 1]);
            apart.left / apart.whole
        };
        assert!(share(2) < 1e-9 && share(3) > 0.05);
        assert!(fit(&rows, 3, -1.0, 1.0).uncertainty[0] > 1e6, "what two unknowns share is nobody's");
    }
}
