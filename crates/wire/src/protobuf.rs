//! The little of the protobuf encoding that remote write needs, read in place.
//!
//! A [`Reader`] is a window of one body: nested messages are windows of the same bytes, so that an error names the
//! byte of the body. Nothing recurses; the caller's code has one level per message type.

/// Where a body stops being protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf at byte {offset}: {what}")]
pub struct ProtobufError {
    /// Byte of the decompressed body.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// How a field's value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint,
    Fixed64,
    Bytes,
    Fixed32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

type Result<T> = std::result::Result<T, ProtobufError>;

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Reader<'a> {
        Reader { body, at: 0 }
    }

    /// Whether the window is used up.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.body.len()
    }

    /// The error that something is wrong where the reader stands.
    #[cold]
    pub(crate) fn error(&self, what: &'static str) -> ProtobufError {
        ProtobufError { offset: self.at, what }
    }

    /// Where the reader stands in the body.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// What is left of the window.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.body[self.at..]
    }

    /// Steps over bytes that the caller has read through [`Reader::rest`].
    #[inline]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The next field's number and encoding, `None` at the end of the window.
    #[inline]
    pub(crate) fn field(&mut self) -> Result<Option<(u32, Wire)>> {
        if self.is_done() {
            return Ok(None);
        }
        let start = *self;
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            5 => Wire::Fixed32,
            3 | 4 => return Err(start.error("a group, which these messages do not have")),
            _ => return Err(start.error("unknown wire type")),
        };
        match u32::try_from(tag >> 3) {
            Ok(number) if number != 0 => Ok(Some((number, wire))),
            _ => Err(start.error("field number out of range")),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64> {
        match self.body.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for (index, byte) in self.rest().iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                return Err(self.error("varint of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(self.error("the bytes end inside a varint"))
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64> {
        match self.rest().first_chunk::<8>() {
            Some(bytes) => {
                self.at += 8;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(self.error("the bytes end inside a 64-bit number")),
        }
    }

    /// A length-prefixed value.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let window = self.message()?;
        Ok(window.rest())
    }

    /// A length-prefixed value as a window of its own.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Reader<'a>> {
        let start = *self;
        let length = self.varint()?;
        let left = self.body.len() - self.at;
        if length > left as u64 {
            return Err(start.error("a length that reaches beyond the end"));
        }
        let window = Reader { body: &self.body[..self.at + length as usize], at: self.at };
        self.at = window.body.len();
        Ok(window)
    }

    /// Steps over the value of a field that nobody asked for.
    pub(crate) fn skip(&mut self, wire: Wire) -> Result<()> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed64 => self.fixed64().map(drop),
            Wire::Bytes => self.message().map(drop),
            Wire::Fixed32 if self.rest().len() >= 4 => {
                self.at += 4;
                Ok(())
            }
            Wire::Fixed32 => Err(self.error("the bytes end inside a 32-bit number")),
        }
    }

    /// Refuses a known field in another encoding than its own.
    #[inline]
    pub(crate) fn expect(&self, wire: Wire, expected: Wire) -> Result<()> {
        if wire == expected { Ok(()) } else { Err(self.wrong_encoding()) }
    }

    /// The error that a known field is not encoded as its type demands.
    #[cold]
    pub(crate) fn wrong_encoding(&self) -> ProtobufError {
        self.error("a known field in another encoding than its own")
    }
}

/// Writes messages; nested ones are written into a second buffer first.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A varint field; left out when 0, as proto3 does.
    pub(crate) fn varint_field(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(number) << 3);
            self.varint(value);
        }
    }

    /// A double; left out when its bits are 0.
    pub(crate) fn double_field(&mut self, number: u32, value: f64) {
        if value.to_bits() != 0 {
            self.varint(u64::from(number) << 3 | 1);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(crate) fn bytes_field(&mut self, number: u32, value: &[u8]) {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_varint(bytes: &[u8], expected: std::result::Result<u64, &str>) {
        let mut reader = Reader::new(bytes);
        let read = reader.varint();
        assert_eq!(read.map_err(|error| error.what), expected);
        if read.is_ok() {
            assert!(reader.is_done());
        }
    }

    #[test]
    fn varints_of_every_length() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, !0 >> shift] {
                let mut writer = Writer::default();
                writer.varint(value);
                check_varint(&writer.bytes, Ok(value));
                check_varint(&writer.bytes[..writer.bytes.len() - 1], Err("the bytes end inside a varint"));
            }
        }
        check_varint(&[0x80, 0x00], Ok(0)); // Longer than needed, yet valid.
        check_varint(
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            Err("varint of more than 64 bits"),
        );
        check_varint(&[0xff; 11], Err("varint of more than 64 bits"));
    }
}
