//! glibc's allocator, told to be frugal. Where there is another one, nothing is done.
//!
//! It gives each thread a heap of its own, and what one has freed no other uses.
//! It gives memory back from the end of a heap alone, so that what was freed below
//! something that stays is kept: after a storm of 50,000 incidents that was three
//! quarters of all that was held (docs/performance.md). There are two functions of C for that,
//! and no library that is kept well has them: this file is the only one with `unsafe`.

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "two functions of glibc that take numbers alone")]
mod glibc {
    use std::ffi::c_int;

    // malloc.h; mallopt(3), malloc_trim(3)
    unsafe extern "C" {
        pub unsafe fn mallopt(parameter: c_int, value: c_int) -> c_int;
        // takes the locks that it needs, and touches nothing that is in use
        pub safe fn malloc_trim(pad: usize) -> c_int;
    }

    const M_ARENA_MAX: c_int = -8;

    pub fn one_heap() -> bool {
        // SAFETY: it takes numbers and no pointers, and sets how many heaps may
        // be made from then on; what is allocated already stays as it is.
        unsafe { mallopt(M_ARENA_MAX, 1) == 1 }
    }
}

/// Has all threads share one heap. For the beginning of a program, before there
/// are others. A number that somebody chose (`MALLOC_ARENA_MAX`) is left alone.
pub fn share() {
    #[cfg(target_env = "gnu")]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        // where it cannot be done, there are more of them: no more than that
        let _ = glibc::one_heap();
    }
}

/// Gives memory that nobody uses back to the system. Takes milliseconds, in which
/// no other thread gets any.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    glibc::malloc_trim(0);
}

#[cfg(target_env = "gnu")]
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Megabytes that this process holds.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<usize>().unwrap() / 1024
    }

    #[test]
    fn what_is_free_below_something_that_stays_goes_back_to_the_system() {
        let before = resident();
        let many: Vec<Vec<u8>> = (0..300 << 10).map(|_| vec![1; 1024]).collect();
        let pieces = many.into_iter().enumerate();
        let kept: Vec<Vec<u8>> = pieces
            .filter(|(n, _)| n % 1000 == 999)
            .map(|(_, piece)| piece)
            .collect();
        give_back();
        // other tests run beside this one
        let after = resident();
        assert!(after < before + 150, "{before} MB, then {after} MB");
        assert_eq!(kept.len(), 307);
    }
}
