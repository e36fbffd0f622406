//! MD5 (RFC 1321), which `hashmod` is defined by; nothing here relies on it being hard to invert.

/// The last eight bytes of the digest as a big-endian number, as Prometheus takes them.
pub(super) fn last_eight_bytes(message: &[u8]) -> u64 {
    let [_, _, c, d] = digest(message);
    (u64::from(c.swap_bytes()) << 32) | u64::from(d.swap_bytes())
}

const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

fn digest(message: &[u8]) -> [u32; 4] {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let bits = (message.len() as u64).wrapping_mul(8);
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend_from_slice(&bits.to_le_bytes());
    let constants = constants();
    for block in padded.as_chunks::<64>().0 {
        add_block(&mut state, block, &constants);
    }
    state
}

/// `floor(2^32 × |sin(i + 1)|)`, as the RFC defines them.
fn constants() -> [u32; 64] {
    std::array::from_fn(|step| ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32)
}

fn add_block(state: &mut [u32; 4], block: &[u8; 64], constants: &[u32; 64]) {
    let words: [u32; 16] = std::array::from_fn(|word| {
        let at = word * 4;
        u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
    });
    let [mut a, mut b, mut c, mut d] = *state;
    for step in 0..64 {
        let (mixed, word) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
            2 => (b ^ c ^ d, (3 * step + 5) % 16),
            _ => (c ^ (b | !d), (7 * step) % 16),
        };
        let sum = a.wrapping_add(mixed).wrapping_add(constants[step]).wrapping_add(words[word]);
        let turned = sum.rotate_left(SHIFTS[step / 16][step % 4]);
        (a, b, c, d) = (d, b.wrapping_add(turned), b, c);
    }
    for (own, add) in state.iter_mut().zip([a, b, c, d]) {
        *own = own.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_rfc() {
        let hex = |text: &str| {
            let words = digest(text.as_bytes());
            words.iter().map(|word| format!("{:08x}", word.swap_bytes())).collect::<String>()
        };
        assert_eq!(hex(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(&"1234567890".repeat(8)), "57edf4a22be3c955ac49da2e2107b67a");
    }
}
