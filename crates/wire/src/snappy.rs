//! Snappy block format (google/snappy `format_description.txt`), decompression within limits.
//!
//! The declared length is checked against both limits before a byte is allocated, so that a bomb or a lying header
//! costs nothing.

/// What a block may decompress to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes after decompression. 32 MiB is four times the largest block that a common sender makes
    /// (vmagent: 8 MiB; Prometheus with 2,000 samples per request stays below 1 MiB), and the bound that
    /// Prometheus and VictoriaMetrics themselves put on a body.
    pub bytes_max: usize,
    /// Most bytes after decompression for each byte before it. The densest element of the format copies 64 bytes
    /// for 3 (a copy with a 2-byte offset), 21.3 to 1: a header that declares more than 22 to 1 is lying.
    pub ratio_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> DecodeLimits {
        DecodeLimits { bytes_max: 32 << 20, ratio_max: 22 }
    }
}

/// Why a block was not decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnappyError {
    /// Not even the header is there.
    #[error("not a snappy block: {block_bytes} bytes without a valid length header")]
    Header {
        /// Length of the block.
        block_bytes: usize,
    },
    /// Declares more than the limit.
    #[error(
        "snappy block declares {declared} bytes, more than the limit of {bytes_max}; send smaller requests"
    )]
    TooLarge {
        /// What the header says.
        declared: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Declares more than its own length could ever hold.
    #[error(
        "snappy block of {block_bytes} bytes declares {declared} bytes, more than {ratio_max} to 1: \
         the header lies"
    )]
    Ratio {
        /// Length of the block.
        block_bytes: usize,
        /// What the header says.
        declared: usize,
        /// The limit.
        ratio_max: usize,
    },
    /// The elements are not valid or do not add up to the declared length.
    #[error("damaged snappy block of {block_bytes} bytes that declares {declared}: {cause}")]
    Damaged {
        /// Length of the block.
        block_bytes: usize,
        /// What the header says.
        declared: usize,
        /// What the decoder found.
        cause: String,
    },
}

/// Decompresses `block` into `out`, which then holds exactly the result; its memory is reused. After an error the
/// content of `out` means nothing.
pub fn decompress(block: &[u8], limits: &DecodeLimits, out: &mut Vec<u8>) -> Result<(), SnappyError> {
    let block_bytes = block.len();
    let header = SnappyError::Header { block_bytes };
    if block.is_empty() {
        return Err(header); // The library takes nothing for the empty text; the format demands a length.
    }
    let declared = snap::raw::decompress_len(block).map_err(|_| header)?;
    if declared > limits.bytes_max {
        return Err(SnappyError::TooLarge { declared, bytes_max: limits.bytes_max });
    }
    if declared > block_bytes.saturating_mul(limits.ratio_max) {
        return Err(SnappyError::Ratio { block_bytes, declared, ratio_max: limits.ratio_max });
    }
    out.resize(declared, 0); // Not cleared first: bytes that are there need not be zeroed again.
    let damaged = |cause: String| SnappyError::Damaged { block_bytes, declared, cause };
    let written =
        snap::raw::Decoder::new().decompress(block, out).map_err(|error| damaged(error.to_string()))?;
    if written != declared {
        return Err(damaged(format!("only {written} bytes came out")));
    }
    Ok(())
}

/// Compresses: for tests and for sending.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).expect("requests are limited far below the format's 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(block: &[u8], expected: &str) {
        let mut out = Vec::new();
        let error = decompress(block, &DecodeLimits::default(), &mut out).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(out.capacity() <= block.len() * 22, "{} bytes allocated", out.capacity());
    }

    #[test]
    fn bombs_and_lies_are_refused_before_allocation() {
        check(b"", "not a snappy block: 0 bytes without a valid length header");
        check(b"\xff\xff\xff", "not a snappy block: 3 bytes without a valid length header");
        check(
            b"\x80\x80\x80\x80\x08\x00",
            "snappy block declares 2147483648 bytes, more than the limit of 33554432; send smaller requests",
        );
        check(
            b"\xe8\x07\x00a",
            "snappy block of 4 bytes declares 1000 bytes, more than 22 to 1: the header lies",
        );
    }

    #[test]
    fn a_length_that_the_elements_do_not_reach_is_damage() {
        let mut block = compress(b"hello, hello, hello");
        block[0] += 1;
        let mut out = Vec::new();
        let error = decompress(&block, &DecodeLimits::default(), &mut out).unwrap_err();
        assert!(error.to_string().starts_with("damaged snappy block of "), "{error}");
    }

    #[test]
    fn the_densest_real_block_is_within_the_ratio() {
        let zeros = vec![0; 1 << 20];
        let block = compress(&zeros);
        let mut out = vec![7; 3];
        decompress(&block, &DecodeLimits::default(), &mut out).unwrap();
        assert_eq!(out, zeros);
        let limits = DecodeLimits { bytes_max: (1 << 20) - 1, ..DecodeLimits::default() };
        let error = decompress(&block, &limits, &mut out).unwrap_err();
        assert_eq!(error, SnappyError::TooLarge { declared: 1 << 20, bytes_max: (1 << 20) - 1 });
    }

    proptest! {
        #[test]
        fn whatever_is_compressed_comes_back_even_into_used_memory(bytes: Vec<u8>, used: Vec<u8>) {
            let mut out = used;
            decompress(&compress(&bytes), &DecodeLimits::default(), &mut out).unwrap();
            prop_assert_eq!(out, bytes);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = decompress(&bytes, &DecodeLimits::default(), &mut Vec::new());
        }
    }
}
