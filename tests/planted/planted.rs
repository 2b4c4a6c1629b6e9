//! Which planted bug is switched on, by its number in `PLANTED`. Only the copy
//! that `tests/planted/run` builds has this module.

use std::sync::OnceLock;

/// Whether the bug with this number is on; none is where `PLANTED` is 0 or not set.
pub fn is(number: u32) -> bool {
    static ON: OnceLock<u32> = OnceLock::new();
    let on = ON.get_or_init(|| {
        let planted = std::env::var("PLANTED").unwrap_or_default();
        planted.parse().unwrap_or(0)
    });
    *on == number
}
