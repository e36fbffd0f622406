//! Integers and bytes in blocks: byte planes, each compressed where that helps.

use zstd::bulk::{Compressor, Decompressor};

use crate::bytes::{Corrupt, Reader, put_signed, put_varint};

/// Level 1: on logs, 3 costs twice the time for 3 % less.
const LEVEL: i32 = 1;
/// Shorter pieces are kept as they are: a frame has ten bytes of its own.
const ZIPPED_BYTES_MIN: usize = 48;
/// Values of a column at most: twice those of a full block, for what its last row adds. A damaged count costs no more.
const COUNT_MAX: usize = 2 * crate::block::VALUES_MAX;

const CONSTANT: u8 = 0;
const PLAIN: u8 = 1;
const ZIPPED: u8 = 2;

/// Compression and its memory, for as long as a file is written.
pub(crate) struct Zip {
    compressor: Compressor<'static>,
    plane: Vec<u8>,
}

/// Decompression and its memory, for as long as a column is read.
pub(crate) struct Unzip(Decompressor<'static>);

impl Zip {
    pub(crate) fn new() -> Zip {
        let compressor = Compressor::new(LEVEL).expect("the level exists");
        Zip { compressor, plane: Vec::new() }
    }

    /// Bytes whose number the reader will know.
    pub(crate) fn bytes(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if let [first, rest @ ..] = bytes
            && rest.iter().all(|byte| byte == first)
        {
            out.extend_from_slice(&[CONSTANT, *first]);
            return;
        }
        if bytes.len() >= ZIPPED_BYTES_MIN
            && let Ok(zipped) = self.compressor.compress(bytes)
            && zipped.len() + zipped.len() / 32 < bytes.len()
        {
            out.push(ZIPPED);
            put_varint(out, zipped.len() as u64);
            out.extend_from_slice(&zipped);
            return;
        }
        out.push(PLAIN);
        out.extend_from_slice(bytes);
    }

    /// Integers whose number the reader will know.
    pub(crate) fn ints(&mut self, out: &mut Vec<u8>, values: &[i64]) {
        let Some(first) = values.first() else { return };
        let differences = || values.windows(2).map(|two| two[1].wrapping_sub(two[0]));
        let (plain, stepped) = (Frame::around(&values.iter().copied()), Frame::around(&differences()));
        if values.len() > 1 && stepped.width < plain.width {
            out.push(1);
            put_signed(out, *first);
            self.planes(out, stepped, &differences());
        } else {
            out.push(0);
            self.planes(out, plain, &values.iter().copied());
        }
    }

    fn planes(&mut self, out: &mut Vec<u8>, frame: Frame, values: &(impl Iterator<Item = i64> + Clone)) {
        put_signed(out, frame.least);
        put_varint(out, frame.divisor);
        out.push(frame.width);
        for nth in 0..frame.width {
            let mut plane = std::mem::take(&mut self.plane);
            plane.clear();
            if frame.divisor == 1 {
                plane.extend(values.clone().map(|value| (frame.offset(value) >> (8 * nth)) as u8));
            } else {
                plane.extend(
                    values.clone().map(|value| ((frame.offset(value) / frame.divisor) >> (8 * nth)) as u8),
                );
            }
            self.bytes(out, &plane);
            self.plane = plane;
        }
    }
}

/// All values are `least` plus a multiple of `divisor` that `width` bytes hold.
#[derive(Clone, Copy)]
struct Frame {
    least: i64,
    divisor: u64,
    width: u8,
}

impl Frame {
    fn around(values: &(impl Iterator<Item = i64> + Clone)) -> Frame {
        let (least, greatest) =
            values.clone().fold((i64::MAX, i64::MIN), |(least, greatest), v| (least.min(v), greatest.max(v)));
        let mut frame = Frame { least, divisor: 1, width: 0 };
        let largest = frame.offset(greatest);
        // Times are nanoseconds of which most clocks tell milliseconds.
        let divides =
            |divisor: &u64| values.clone().all(|value| frame.offset(value).is_multiple_of(*divisor));
        frame.divisor = [1_000_000_000, 1_000_000, 1_000].into_iter().find(divides).unwrap_or(1);
        frame.width = (largest / frame.divisor).checked_ilog2().map_or(0, |bits| (bits / 8 + 1) as u8);
        frame
    }

    #[inline]
    fn offset(self, value: i64) -> u64 {
        value.wrapping_sub(self.least) as u64
    }
}

impl Unzip {
    pub(crate) fn new() -> Unzip {
        Unzip(Decompressor::new().expect("memory for decompression"))
    }

    /// Reads `count` bytes.
    pub(crate) fn bytes(&mut self, reader: &mut Reader<'_>, count: usize) -> Result<Vec<u8>, Corrupt> {
        match reader.byte()? {
            _ if count > COUNT_MAX => Err(Corrupt),
            CONSTANT => Ok(vec![reader.byte()?; count]),
            PLAIN => Ok(reader.bytes(count)?.to_vec()),
            ZIPPED => {
                let length = reader.count()?;
                let zipped = reader.bytes(length)?;
                // No frame of so few bytes holds so many: a guard for damaged counts.
                if count / 32_768 > length {
                    return Err(Corrupt);
                }
                let out = self.0.decompress(zipped, count).map_err(|_| Corrupt)?;
                if out.len() == count { Ok(out) } else { Err(Corrupt) }
            }
            _ => Err(Corrupt),
        }
    }

    /// Reads `count` integers.
    pub(crate) fn ints(&mut self, reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Corrupt> {
        if count == 0 {
            return Ok(Vec::new());
        }
        match reader.byte()? {
            0 => self.planes(reader, count),
            1 => {
                let mut value = reader.signed()?;
                let steps = self.planes(reader, count - 1)?;
                let mut values = Vec::with_capacity(count);
                values.push(value);
                for step in steps {
                    value = value.wrapping_add(step);
                    values.push(value);
                }
                Ok(values)
            }
            _ => Err(Corrupt),
        }
    }

    /// Steps over `count` integers.
    pub(crate) fn skip_ints(&mut self, reader: &mut Reader<'_>, count: usize) -> Result<(), Corrupt> {
        if count == 0 {
            return Ok(());
        }
        let stepped = match reader.byte()? {
            0 => 0,
            1 => {
                reader.signed()?;
                1
            }
            _ => return Err(Corrupt),
        };
        reader.signed()?;
        reader.varint()?;
        let width = reader.byte()?;
        if count > COUNT_MAX || width > 8 {
            return Err(Corrupt);
        }
        (0..width).try_for_each(|_| skip_bytes(reader, count - stepped))
    }

    fn planes(&mut self, reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Corrupt> {
        let (least, divisor, width) = (reader.signed()?, reader.varint()?, reader.byte()?);
        if count > COUNT_MAX || width > 8 {
            return Err(Corrupt);
        }
        if width == 0 {
            return Ok(vec![least; count]);
        }
        let first = self.bytes(reader, count)?;
        let mut offsets: Vec<u64> = first.into_iter().map(u64::from).collect();
        for nth in 1..width {
            let plane = self.bytes(reader, count)?;
            for (offset, byte) in offsets.iter_mut().zip(plane) {
                *offset |= u64::from(byte) << (8 * nth);
            }
        }
        let value = |offset: u64| least.wrapping_add(offset.wrapping_mul(divisor) as i64);
        Ok(offsets.into_iter().map(value).collect())
    }
}

fn skip_bytes(reader: &mut Reader<'_>, count: usize) -> Result<(), Corrupt> {
    let length = match reader.byte()? {
        CONSTANT => 1,
        PLAIN => count,
        ZIPPED => reader.count()?,
        _ => return Err(Corrupt),
    };
    reader.bytes(length).map(drop)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(values: &[i64]) -> usize {
        let mut out = Vec::new();
        Zip::new().ints(&mut out, values);
        let mut reader = Reader::new(&out);
        assert_eq!(Unzip::new().ints(&mut reader, values.len()).as_deref(), Ok(values));
        assert_eq!(reader.end(), Ok(()));
        let mut reader = Reader::new(&out);
        assert_eq!(Unzip::new().skip_ints(&mut reader, values.len()), Ok(()));
        assert_eq!(reader.end(), Ok(()), "as far as they go");
        out.len()
    }

    #[test]
    fn ints_come_back_and_regular_ones_are_small() {
        check(&[]);
        check(&[i64::MIN, i64::MAX, 0, -1]);
        let millis: Vec<i64> = (0..10_000).map(|n| 1_700_000_000_000_000_000 + n * 86_000_000).collect();
        assert!(check(&millis) < 30, "equal steps take no place");
        assert!(check(&vec![7; 10_000]) < 10, "nor do equal values");
    }

    proptest! {
        #[test]
        fn any_ints_come_back(values in prop::collection::vec(any::<i64>(), 0..300), shift in 0..64u32) {
            check(&values.iter().map(|value| value >> shift).collect::<Vec<_>>());
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..100_000usize) {
            drop(Unzip::new().ints(&mut Reader::new(&bytes), count));
            drop(Unzip::new().bytes(&mut Reader::new(&bytes), count));
            let _ = Unzip::new().skip_ints(&mut Reader::new(&bytes), count);
        }
    }
}
