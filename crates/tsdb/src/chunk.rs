//! Encoding of one series' samples, bit-exact: byte tokens, written one sample at a time, read whole chunks.
//!
//! The format is `docs/format/chunk.md`. The ideas: a scrape comes at a fixed distance and most values repeat
//! their last step, so a run of such samples is one byte; most other values are integers or short decimals, so a
//! sample is the byte-long difference from the last one; what is neither is XORed with its predecessor.

/// Samples after which a series starts a new chunk. A reader decodes whole chunks: more would make an instant
/// query slower, fewer would spend more on chunk heads.
pub(crate) const SAMPLES_PER_CHUNK: u16 = 128;

const RUN: u8 = 0b0000_0000;
const STEP: u8 = 0b0100_0000;
const STEP_CHANGE: u8 = 0b1000_0000;
const OTHER: u8 = 0b1100_0000;
const KIND_MASK: u8 = 0b1100_0000;
const REST_MASK: u8 = 0b0011_1111;

/// Largest number that stands inside a `STEP` or `STEP_CHANGE` token; above it, the token says how many bytes follow.
const INLINE_MAX: u8 = 58;
/// `OTHER` tokens: 0..=35 are XORs, see [`xor_code`].
const DECIMAL: u8 = 36;
const EXPONENT_MAX: u8 = 6;
const TIME_CHANGE: u8 = 44;
const START_CHANGE: u8 = 45;
const POWERS: [f64; EXPONENT_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Integers beyond this are not exact in an `f64`.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Exponent that stands for "values are XORed".
const RAW: u8 = 255;

/// What the next sample of a chunk is encoded against. Starts anew with each chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoder {
    /// Last time, milliseconds.
    pub(crate) t: i64,
    /// Last distance between times.
    dt: i64,
    /// Last start timestamp, 0 for none.
    start: i64,
    /// Last value's bits.
    pub(crate) bits: u64,
    /// Last value as an integer, valid unless `exponent` is `RAW`.
    integer: i64,
    /// Last step between integers.
    step: i64,
    /// Samples in the chunk.
    pub(crate) count: u16,
    /// Decimal places of the integers, or `RAW`.
    exponent: u8,
    /// The last byte written is a run that may grow.
    in_run: bool,
}

impl Encoder {
    pub(crate) const EMPTY: Encoder = Encoder {
        t: 0,
        dt: 0,
        start: 0,
        bits: 0,
        integer: 0,
        step: 0,
        count: 0,
        exponent: RAW,
        in_run: false,
    };

    /// Appends a sample. Its time must be later than the last one's; the first one's time is not written (it
    /// stands in the chunk's head). `start` is 0 for none.
    #[inline]
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, t: i64, start: i64, value: f64) {
        let bits = value.to_bits();
        if self.count > 0 {
            let dt = t.wrapping_sub(self.t);
            if dt != self.dt {
                out.push(OTHER | TIME_CHANGE);
                push_varint(out, zigzag(dt.wrapping_sub(self.dt)));
                self.dt = dt;
                self.in_run = false;
            }
        }
        if start != self.start {
            out.push(OTHER | START_CHANGE);
            push_varint(out, zigzag(start.wrapping_sub(t)));
            self.start = start;
            self.in_run = false;
        }
        self.t = t;
        self.count += 1;
        if self.exponent == RAW {
            self.push_after_raw(out, bits, value);
        } else {
            self.push_after_integer(out, bits, value);
        }
        self.bits = bits;
    }

    #[inline]
    fn push_after_integer(&mut self, out: &mut Vec<u8>, bits: u64, value: f64) {
        if bits == self.bits && self.step == 0 {
            return self.push_run(out);
        }
        let Some(integer) = as_integer(value, self.exponent) else {
            return self.push_unlike(out, bits, value);
        };
        let step = integer.wrapping_sub(self.integer);
        let change = step.wrapping_sub(self.step);
        if change == 0 {
            self.integer = integer;
            return self.push_run(out);
        }
        let (step_code, change_code) = (zigzag(step), zigzag(change));
        if change_code < step_code {
            push_number(out, STEP_CHANGE, change_code);
        } else {
            push_number(out, STEP, step_code);
        }
        (self.integer, self.step, self.in_run) = (integer, step, false);
    }

    #[inline]
    fn push_after_raw(&mut self, out: &mut Vec<u8>, bits: u64, value: f64) {
        if bits == self.bits && self.count > 1 {
            self.push_run(out);
        } else {
            self.push_unlike(out, bits, value);
        }
    }

    /// A value that does not fit the current exponent: the smallest exponent that it fits, else an XOR.
    #[cold]
    fn push_unlike(&mut self, out: &mut Vec<u8>, bits: u64, value: f64) {
        self.in_run = false;
        match smallest_exponent(value) {
            Some((exponent, integer)) => {
                out.push(OTHER | (DECIMAL + exponent));
                push_varint(out, zigzag(integer));
                (self.exponent, self.integer, self.step) = (exponent, integer, 0);
            }
            None => {
                push_xor(out, bits ^ self.bits);
                self.exponent = RAW;
            }
        }
    }

    #[inline]
    fn push_run(&mut self, out: &mut Vec<u8>) {
        match out.last_mut() {
            Some(last) if self.in_run && *last < REST_MASK => *last += 1,
            _ => {
                out.push(RUN);
                self.in_run = true;
            }
        }
    }
}

/// Columns that chunks are decoded into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// Empty as long as no sample has a start timestamp.
    pub(crate) starts: Vec<i64>,
}

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.starts.clear();
    }

    pub(crate) fn push(&mut self, t: i64, start: i64, value: f64) {
        if start != 0 && self.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
        }
        self.times.push(t);
        self.values.push(value);
        if start != 0 || !self.starts.is_empty() {
            self.starts.push(start);
        }
    }

    pub(crate) fn start(&self, index: usize) -> i64 {
        self.starts.get(index).copied().unwrap_or(0)
    }

    /// Keeps the samples with `from <= t <= to`; times must be ascending.
    pub(crate) fn clip(&mut self, from: i64, to: i64) {
        let end = self.times.partition_point(|t| *t <= to);
        let begin = self.times[..end].partition_point(|t| *t < from);
        self.keep(begin, end);
    }

    fn keep(&mut self, begin: usize, end: usize) {
        for column in [&mut self.times, &mut self.starts] {
            if !column.is_empty() {
                column.truncate(end);
                column.drain(..begin);
            }
        }
        self.values.truncate(end);
        self.values.drain(..begin);
    }
}

/// The bytes of a chunk are not a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunk stops inside a sample or holds an unknown token")]
pub(crate) struct BadChunk;

/// Appends a chunk's `count` samples, the first at `first_t`, to the columns.
pub(crate) fn decode(bytes: &[u8], first_t: i64, count: u16, out: &mut Columns) -> Result<(), BadChunk> {
    let mut reader = Reader { bytes };
    let mut left = usize::from(count);
    let (mut t, mut dt, mut start) = (first_t, 0_i64, 0_i64);
    let (mut bits, mut integer, mut step, mut exponent) = (0_u64, 0_i64, 0_i64, RAW);
    let mut fresh = true;
    out.times.reserve(left);
    out.values.reserve(left);
    while left > 0 {
        let token = reader.byte()?;
        let rest = token & REST_MASK;
        match token & KIND_MASK {
            RUN => {
                let length = usize::from(rest) + 1;
                if length > left || fresh {
                    return Err(BadChunk);
                }
                left -= length;
                for _ in 0..length {
                    t = t.wrapping_add(dt);
                    if exponent != RAW && step != 0 {
                        integer = integer.wrapping_add(step);
                        bits = from_integer(integer, exponent).to_bits();
                    }
                    emit(out, t, start, bits);
                }
                continue;
            }
            STEP => step = unzigzag(reader.number(rest)?),
            STEP_CHANGE => step = step.wrapping_add(unzigzag(reader.number(rest)?)),
            _ => match rest {
                TIME_CHANGE => {
                    dt = dt.wrapping_add(unzigzag(reader.varint()?));
                    continue;
                }
                START_CHANGE => {
                    let at = if fresh { t } else { t.wrapping_add(dt) };
                    start = at.wrapping_add(unzigzag(reader.varint()?));
                    continue;
                }
                code if (DECIMAL..=DECIMAL + EXPONENT_MAX).contains(&code) => {
                    (exponent, integer, step) = (code - DECIMAL, unzigzag(reader.varint()?), 0);
                    bits = from_integer(integer, exponent).to_bits();
                }
                code if code < DECIMAL => {
                    bits ^= reader.xor(code)?;
                    exponent = RAW;
                }
                _ => return Err(BadChunk),
            },
        }
        if token & KIND_MASK != OTHER {
            if exponent == RAW {
                return Err(BadChunk);
            }
            integer = integer.wrapping_add(step);
            bits = from_integer(integer, exponent).to_bits();
        }
        if !fresh {
            t = t.wrapping_add(dt);
        }
        fresh = false;
        left -= 1;
        emit(out, t, start, bits);
    }
    Ok(())
}

#[inline]
fn emit(out: &mut Columns, t: i64, start: i64, bits: u64) {
    out.push(t, start, f64::from_bits(bits));
}

/// The value times ten to the exponent, if that is an integer from which the value comes back bit for bit.
#[inline]
fn as_integer(value: f64, exponent: u8) -> Option<i64> {
    let scaled = (value * POWERS[usize::from(exponent)]).round();
    if !(-EXACT_MAX..=EXACT_MAX).contains(&scaled) {
        return None;
    }
    let integer = scaled as i64;
    (from_integer(integer, exponent).to_bits() == value.to_bits()).then_some(integer)
}

#[inline]
fn from_integer(integer: i64, exponent: u8) -> f64 {
    if exponent == 0 { integer as f64 } else { integer as f64 / POWERS[usize::from(exponent)] }
}

fn smallest_exponent(value: f64) -> Option<(u8, i64)> {
    if let Some(integer) = as_integer(value, 0) {
        return Some((0, integer));
    }
    as_integer(value, EXPONENT_MAX)?; // What does not fit the largest fits none (but for huge values, which XOR well).
    (1..=EXPONENT_MAX).find_map(|exponent| as_integer(value, exponent).map(|integer| (exponent, integer)))
}

/// Significant bytes and trailing zero bytes of an XOR as one number below 36.
fn xor_code(significant: u32, trailing: u32) -> u8 {
    // Row `significant - 1` of a triangle holds the 9 - significant possible numbers of trailing bytes.
    let row = significant - 1;
    u8::try_from(row * 8 - row * (row.max(1) - 1) / 2 + trailing).expect("below 36")
}

fn xor_shape(code: u8) -> (usize, usize) {
    let (mut row, mut rest) = (0, usize::from(code));
    while rest >= 8 - row {
        rest -= 8 - row;
        row += 1;
    }
    (row + 1, rest)
}

fn push_xor(out: &mut Vec<u8>, xor: u64) {
    let trailing = (xor.trailing_zeros() / 8).min(7);
    let leading = xor.leading_zeros() / 8;
    let significant = 8 - leading.min(7 - trailing) - trailing;
    out.push(OTHER | xor_code(significant, trailing));
    out.extend_from_slice(&(xor >> (8 * trailing)).to_le_bytes()[..significant as usize]);
}

#[inline]
fn push_number(out: &mut Vec<u8>, kind: u8, number: u64) {
    if number <= u64::from(INLINE_MAX) {
        return out.push(kind | number as u8);
    }
    let (code, length) = match number {
        0..=0xff => (59, 1),
        0x100..=0xffff => (60, 2),
        0x1_0000..=0xff_ffff => (61, 3),
        0x100_0000..=0xffff_ffff => (62, 4),
        _ => (63, 8),
    };
    out.push(kind | code);
    out.extend_from_slice(&number.to_le_bytes()[..length]);
}

pub(crate) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

#[inline]
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Bytes that may end too early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, BadChunk> {
        let (first, rest) = self.bytes.split_first().ok_or(BadChunk)?;
        self.bytes = rest;
        Ok(*first)
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], BadChunk> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(BadChunk)?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn little_endian(&mut self, length: usize) -> Result<u64, BadChunk> {
        let mut buffer = [0; 8];
        buffer[..length].copy_from_slice(self.take(length)?);
        Ok(u64::from_le_bytes(buffer))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, BadChunk> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BadChunk)
    }

    #[inline]
    fn number(&mut self, code: u8) -> Result<u64, BadChunk> {
        match code {
            0..=INLINE_MAX => Ok(u64::from(code)),
            59..=62 => self.little_endian(usize::from(code) - 58),
            _ => self.little_endian(8),
        }
    }

    #[inline]
    fn xor(&mut self, code: u8) -> Result<u64, BadChunk> {
        let (significant, trailing) = xor_shape(code);
        Ok(self.little_endian(significant)? << (8 * trailing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(samples: &[(i64, i64, f64)]) -> usize {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::EMPTY;
        samples.iter().for_each(|(t, start, value)| encoder.push(&mut bytes, *t, *start, *value));
        let mut columns = Columns::default();
        decode(&bytes, samples[0].0, u16::try_from(samples.len()).unwrap(), &mut columns).unwrap();
        for (index, (t, start, value)) in samples.iter().enumerate() {
            assert_eq!(columns.times[index], *t);
            assert_eq!(columns.start(index), *start);
            assert_eq!(columns.values[index].to_bits(), value.to_bits(), "sample {index}");
        }
        assert_eq!(columns.times.len(), samples.len());
        bytes.len()
    }

    #[track_caller]
    fn check_size(value: impl Fn(i64) -> f64, bytes_max: usize) {
        let samples: Vec<_> = (0..128).map(|n| (1_700_000_000_000 + n * 15_000, 0, value(n))).collect();
        let bytes = round_trip(&samples);
        assert!(bytes <= bytes_max, "{bytes} bytes");
    }

    #[test]
    fn shapes_of_a_shop_stay_small() {
        check_size(|_| 0.0, 10);
        check_size(|n| n as f64, 12);
        check_size(|n| (n * n % 50) as f64, 160);
        check_size(|n| (n * 37 + n * n % 11) as f64 / 100.0, 145);
        check_size(|n| (n as f64).sqrt(), 1_130);
    }

    #[test]
    fn the_xor_codes_are_a_bijection() {
        let mut seen = [false; 36];
        for significant in 1..=8_u32 {
            for trailing in 0..=8 - significant {
                let code = xor_code(significant, trailing);
                assert_eq!(xor_shape(code), (significant as usize, trailing as usize));
                assert!(!std::mem::replace(&mut seen[usize::from(code)], true));
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-1000_i64..1000).prop_map(|n| n as f64),
            (-100_000_i64..100_000).prop_map(|n| n as f64 / 100.0),
            Just(f64::from_bits(lingshao_model::STALE_NAN_BITS)),
            Just(-0.0),
            Just(9_007_199_254_740_993.0),
        ]
    }

    proptest! {
        #[test]
        fn any_samples_come_back_bit_for_bit(
            first in -4_000_000_000_000_i64..4_000_000_000_000,
            rest in proptest::collection::vec((1_i64..100_000, prop_oneof![Just(0_i64), 1..5_i64], any_value(), any::<bool>()), 1..128),
        ) {
            let mut t = first;
            let mut samples = Vec::new();
            let mut dt = 15_000;
            for (new_dt, start, value, keep) in rest {
                samples.push((t, start, value));
                dt = if keep { dt } else { new_dt };
                t += dt;
            }
            round_trip(&samples);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0..200_u16) {
            let mut columns = Columns::default();
            if decode(&bytes, 0, count, &mut columns).is_ok() {
                prop_assert_eq!(columns.times.len(), usize::from(count));
            }
        }
    }
}
