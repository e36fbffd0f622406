//! The `_id` of records that came without one.

const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "ls0000000";
const LENGTH: usize = 20;

/// The id made of a record's number: 20 characters that are safe in an address and sort as the numbers do.
pub fn id_of(seq: u64) -> String {
    let mut id = String::with_capacity(LENGTH);
    id.push_str(PREFIX);
    for place in (0..11).rev() {
        id.push(DIGITS[(seq >> (6 * place)) as usize % 64] as char);
    }
    id
}

/// The number of a made id.
pub fn seq_of(id: &str) -> Option<u64> {
    let digits = id.strip_prefix(PREFIX).filter(|digits| digits.len() == LENGTH - PREFIX.len())?;
    let seq = digits.bytes().try_fold(0_u64, |seq, digit| {
        let value = DIGITS.iter().position(|known| *known == digit)? as u64;
        seq.checked_mul(64)?.checked_add(value)
    })?;
    (id_of(seq) == id).then_some(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_like_their_numbers_and_come_back() {
        let numbers = [0, 1, 63, 64, 4095, 1 << 40, u64::MAX - 1, u64::MAX];
        let ids = numbers.map(id_of);
        assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 20), "{ids:?}");
        assert_eq!(ids.each_ref().map(|id| seq_of(id)), numbers.map(Some));
        for bad in ["", "ls0000000", "ls0000000-----------x", "xs0000000-----------", "ls0000000zzzzzzzzzzz"]
        {
            assert_eq!(seq_of(bad), None, "{bad}");
        }
    }
}
