//! Integers and texts in bytes, and reading them back without trusting them.

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Takes values off the front of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// All that was read must be all that there is.
    pub(crate) fn end(&self) -> Result<(), Corrupt> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Corrupt) }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Corrupt> {
        let (first, rest) = self.bytes.split_first().ok_or(Corrupt)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Corrupt)?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Corrupt> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(Corrupt);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Corrupt)
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, Corrupt> {
        self.varint().map(unzigzag)
    }

    /// A number of things of which each takes at least a byte: never more than there are bytes.
    pub(crate) fn count(&mut self) -> Result<usize, Corrupt> {
        let count = self.size()?;
        if count <= self.bytes.len() { Ok(count) } else { Err(Corrupt) }
    }

    /// A number that fits the memory of this machine, but is otherwise not checked.
    pub(crate) fn size(&mut self) -> Result<usize, Corrupt> {
        usize::try_from(self.varint()?).map_err(|_| Corrupt)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Corrupt> {
        u32::try_from(self.varint()?).map_err(|_| Corrupt)
    }

    pub(crate) fn fixed_u64(&mut self) -> Result<u64, Corrupt> {
        Ok(u64::from_le_bytes(self.bytes(8)?.try_into().map_err(|_| Corrupt)?))
    }

    pub(crate) fn fixed_i64(&mut self) -> Result<i64, Corrupt> {
        Ok(i64::from_le_bytes(self.bytes(8)?.try_into().map_err(|_| Corrupt)?))
    }

    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, Corrupt> {
        let length = self.count()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_overlong_ones_are_refused() {
        let mut out = Vec::new();
        let numbers = [0, 1, -1, 63, -64, 64, 1 << 40, i64::MAX, i64::MIN];
        numbers.iter().for_each(|number| put_signed(&mut out, *number));
        let mut reader = Reader::new(&out);
        assert_eq!(numbers.map(|_| reader.signed().unwrap()), numbers);
        assert_eq!(reader.end(), Ok(()));
        assert_eq!(Reader::new(&[0x80]).varint(), Err(Corrupt));
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(Corrupt));
        assert_eq!(Reader::new(&[5, b'a']).text(), Err(Corrupt));
        assert_eq!(Reader::new(&[1, 0xff]).text(), Err(Corrupt));
    }
}
