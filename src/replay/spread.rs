//! An even sample of the values that were read, for their quantiles: every
//! value while there are few, then every second, every fourth, and so on.

/// Values that are kept.
const KEPT: usize = 1 << 16;

/// A sample of values.
#[derive(Clone, Debug)]
pub struct Spread {
    kept: Vec<f64>,
    /// One of so many is kept.
    every: u64,
    seen: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            every: 1,
            seen: 0,
        }
    }
}

impl Spread {
    /// Adds a finite value.
    pub fn add(&mut self, value: f64) {
        if self.seen.is_multiple_of(self.every) {
            if self.kept.len() >= KEPT {
                let mut index = 0_usize;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.every *= 2;
            }
            // one that the halved sample would not hold is left out
            if self.seen.is_multiple_of(self.every) {
                self.kept.push(value);
            }
        }
        self.seen += 1;
    }

    /// The sample in order.
    pub fn sorted(&self) -> Vec<f64> {
        let mut values = self.kept.clone();
        values.sort_by(f64::total_cmp);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_row_is_sampled_evenly() {
        let mut spread = Spread::default();
        for value in 0..1_000_000 {
            spread.add(f64::from(value));
        }
        let sorted = spread.sorted();
        assert!(
            (KEPT / 2..=KEPT).contains(&sorted.len()),
            "{}",
            sorted.len()
        );
        let distance = 16.0;
        assert!(
            sorted
                .windows(2)
                .all(|pair| matches!(pair, [a, b] if b - a == distance))
        );
    }
}
