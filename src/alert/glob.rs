//! Patterns with `*` and `?`, compiled without risk.
//!
//! globset ends the thread where it cannot compile what it has parsed: braces
//! in braces hundreds of levels deep, or megabytes of text. A configuration must
//! never do that.

use globset::{Glob, GlobMatcher, GlobSetBuilder};

/// Bytes of a pattern: thousands of names in braces, and far from what
/// compiles to more than globset allows.
const LONGEST: usize = 64 << 10;

/// The matcher of `glob`.
///
/// # Errors
///
/// It is nested too deeply, or too long.
pub fn matcher(glob: &Glob) -> Result<GlobMatcher, &'static str> {
    let fits = glob.glob().len() <= LONGEST
        // the same compiler, but one that says that it cannot
        && GlobSetBuilder::new().add(glob.clone()).build().is_ok();
    match fits {
        true => Ok(glob.compile_matcher()),
        false => Err("it is too long, or nested too deeply"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;

    #[test]
    fn patterns_that_cannot_be_compiled_are_refused() {
        let refused = |pattern: &str| matcher(&Glob::new(pattern).unwrap()).is_err();
        let nested = |depth: usize| format!("{}a{}", "{b,".repeat(depth), "}".repeat(depth));
        for depth in [1, 10, 50] {
            assert!(!refused(&nested(depth)), "{depth}");
        }
        for depth in [300, 2000] {
            assert!(refused(&nested(depth)), "{depth}");
        }
        assert!(refused(&"[ab]*".repeat(1 << 20)));
        let names: Vec<String> = (0..5000).map(|n| format!("web-{n}")).collect();
        let many = Glob::new(&format!("{{{}}}", names.join(","))).unwrap();
        assert!(matcher(&many).unwrap().is_match("web-4711"));
    }
}
