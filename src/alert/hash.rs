//! A hash that is the same on every machine and in every release.
//!
//! Schedules are spread by it and over-long keys end in it, so it must never
//! change: FNV-1a, 64 bits (draft-eastlake-fnv), finished with a mixer so that
//! short names spread evenly.

/// The hash of `bytes`.
pub fn stable(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV's high bits are weak on short input; this is the finisher of splitmix64
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
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
    fn it_is_the_same_in_every_release() {
        // schedules and keys in the field rest on these values
        assert_eq!(stable(b""), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(stable(b"Load"), 0x828a_cad8_7846_455c);
    }

    #[test]
    fn similar_names_spread_evenly() {
        let mut minutes = [0_u32; 60];
        for number in 0..6000 {
            let minute = stable(format!("web-{number}").as_bytes()) % 60;
            minutes[usize::try_from(minute).unwrap()] += 1;
        }
        assert!(
            minutes.iter().all(|count| (60..=140).contains(count)),
            "{minutes:?}"
        );
    }
}
