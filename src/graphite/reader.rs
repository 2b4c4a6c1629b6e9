//! Who takes the series of one target's answer.

use super::series::Series;

/// Takes the series of one target's answer while it arrives.
///
/// It is cloned before it has taken any: a target may have to be asked for more
/// than once until there is an answer, and each try begins with a fresh one.
pub trait Reader: Clone + Send + 'static {
    /// Takes the next series.
    fn take(&mut self, series: Series<'_>);
}
