//! Headers of segments and records: `docs/format/wal.md`.

use crate::bytes::{u32_at, u64_at};

/// Longest payload of one record.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

pub(crate) const SEGMENT_HEADER_BYTES: usize = 48;
pub(crate) const RECORD_HEADER_BYTES: usize = 32;
pub(crate) const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"LSHAOWAL";
const FLAG_MARK: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) segment: u64,
    pub(crate) first_sequence: u64,
    pub(crate) durable: u64,
    pub(crate) salt: u32,
}

/// What the first bytes of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Ours(SegmentHeader),
    Newer(u32),
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) length: u32,
    pub(crate) sequence: u64,
    pub(crate) durable: u64,
    pub(crate) kind: u8,
    pub(crate) mark: bool,
    pub(crate) salt: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[0..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.segment.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[32..40].copy_from_slice(&self.durable.to_le_bytes());
        out[40..44].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[0..12]), &out[16..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Head {
        if bytes.len() < SEGMENT_HEADER_BYTES || &bytes[0..8] != MAGIC {
            return Head::Bad;
        }
        let bytes = &bytes[..SEGMENT_HEADER_BYTES];
        if u32_at(bytes, 12) != crc32c::crc32c_append(crc32c::crc32c(&bytes[0..12]), &bytes[16..]) {
            return Head::Bad;
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return if version > VERSION { Head::Newer(version) } else { Head::Bad };
        }
        let header = SegmentHeader {
            segment: u64_at(bytes, 16),
            first_sequence: u64_at(bytes, 24),
            durable: u64_at(bytes, 32),
            salt: u32_at(bytes, 40),
        };
        let valid = header.first_sequence > 0 && header.durable < header.first_sequence;
        if valid && u32_at(bytes, 44) == 0 { Head::Ours(header) } else { Head::Bad }
    }
}

impl RecordHeader {
    /// The record's header, with the checksum over it and the payload.
    pub(crate) fn encode(&self, payload: &[u8]) -> [u8; RECORD_HEADER_BYTES] {
        debug_assert_eq!(self.length as usize, payload.len(), "the header tells the payload's length");
        let mut out = [0; RECORD_HEADER_BYTES];
        out[4..8].copy_from_slice(&self.length.to_le_bytes());
        out[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        out[16..24].copy_from_slice(&self.durable.to_le_bytes());
        out[24] = self.kind;
        out[25] = if self.mark { FLAG_MARK } else { 0 };
        out[28..32].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[4..]), payload);
        out[0..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// A header that may be one; the checksum is not looked at.
    pub(crate) fn decode(bytes: &[u8]) -> Option<RecordHeader> {
        let header = RecordHeader {
            length: u32_at(bytes, 4),
            sequence: u64_at(bytes, 8),
            durable: u64_at(bytes, 16),
            kind: bytes[24],
            mark: bytes[25] == FLAG_MARK,
            salt: u32_at(bytes, 28),
        };
        let plausible = bytes[25] <= FLAG_MARK
            && bytes[26..28] == [0, 0]
            && header.length as usize <= PAYLOAD_BYTES_MAX
            && header.durable < header.sequence
            && header.sequence < u64::MAX;
        plausible.then_some(header)
    }

    pub(crate) fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.length)
    }
}

/// Whether a whole record, header and payload, has the checksum that it says.
pub(crate) fn checks(record: &[u8]) -> bool {
    u32_at(record, 0) == crc32c::crc32c(&record[4..])
}

/// Whether bytes at the end of a segment are the beginning of a record that was not written whole; a record whose length alone is
/// wrong is none.
pub(crate) fn is_beginning(bytes: &[u8]) -> bool {
    let Some(payload) = bytes.len().checked_sub(RECORD_HEADER_BYTES) else { return true };
    let length = u32_at(bytes, 4) as usize;
    payload < length && length <= PAYLOAD_BYTES_MAX && !checks_with(payload as u32, bytes)
}

/// As [`checks`], had the record this length.
fn checks_with(length: u32, record: &[u8]) -> bool {
    u32_at(record, 0) == crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), &record[8..])
}

/// The file name of a segment.
pub(crate) fn segment_name(segment: u64) -> String {
    format!("{segment:010}.wal")
}

/// The number in a segment's file name; `None` for other names.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number: u64 = name.strip_suffix(".wal")?.parse().ok()?;
    (segment_name(number) == name && number < u64::MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_reads_back_as_written(
            payload in prop::collection::vec(any::<u8>(), 0..2000),
            kind: u8, mark: bool, salt: u32, durable in 0..1_000_000u64, ahead in 1..1_000u64,
        ) {
            let header = RecordHeader {
                length: payload.len() as u32, sequence: durable + ahead, durable, kind, mark, salt,
            };
            let record = [&header.encode(&payload)[..], &payload].concat();
            prop_assert_eq!(RecordHeader::decode(&record), Some(header));
            prop_assert!(checks(&record));
        }

        #[test]
        fn any_flipped_bit_of_a_record_is_noticed(
            payload in prop::collection::vec(any::<u8>(), 0..300), bit: prop::sample::Index,
        ) {
            let header = RecordHeader {
                length: payload.len() as u32, sequence: 9, durable: 3, kind: 7, mark: false, salt: 5,
            };
            let mut record = [&header.encode(&payload)[..], &payload].concat();
            let bit = bit.index(record.len() * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!checks(&record));
        }
    }

    #[test]
    fn less_than_a_record_is_a_beginning_and_a_whole_one_is_none_whatever_is_wrong_with_it() {
        let payload = [7; 40];
        let header = RecordHeader { length: 40, sequence: 9, durable: 3, kind: 7, mark: false, salt: 5 };
        let record = [&header.encode(&payload)[..], &payload].concat();
        for bytes in 0..record.len() {
            assert!(is_beginning(&record[..bytes]), "{bytes}");
        }
        for bit in 0..record.len() * 8 {
            let mut record = record.clone();
            record[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_beginning(&record), "{bit}");
        }
    }

    #[test]
    fn only_whole_names_are_segments() {
        let names = ["0000000012.wal", "12.wal", "0000000012.wal.tmp", "00000000x2.wal", "12345678901.wal"];
        assert_eq!(names.map(segment_number), [Some(12), None, None, None, Some(12_345_678_901)]);
    }
}
