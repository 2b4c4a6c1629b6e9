//! A small answer that is a large one once it is unpacked: for what reads answers, in the
//! library's own tests and on the real binary.

/// gzip of one line of `x`, 258 of them for each of `times`, without an end.
pub fn bomb(times: usize) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0_u32, 0);
    let mut put = |value: u32, length: u32| {
        bits |= value << count;
        count += length;
        while count >= 8 {
            bytes.push(u8::try_from(bits & 255).unwrap());
            bits >>= 8;
            count -= 8;
        }
    };
    put(0b011, 3); // the last block, fixed codes (RFC 1951)
    put((0x30 + u32::from(b'x')).reverse_bits() >> 24, 8);
    for _ in 0..times {
        put(0b1100_0101_u32.reverse_bits() >> 24, 8); // 258 bytes ...
        put(0, 5); // ... as the one before
    }
    bytes
}
