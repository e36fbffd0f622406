//! As much of DER and X.509 (RFC 5280) as it takes to find a public key and a serial number. What a certificate
//! promises beyond that (names, dates, its issuer's signature) is not looked at: it was given by the person who
//! configured us, as the bare key would be.

use super::KeyError;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`: the version of a certificate.
const VERSION: u8 = 0xa0;
/// `rsaEncryption`, 1.2.840.113549.1.1.1, with its tag and length.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// What the verifier takes: 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Values one after the other.
struct Reader<'a>(&'a [u8]);

/// What is needed of a certificate.
pub(super) struct Certificate<'a> {
    /// Big-endian, without zeros in front.
    pub(super) serial: &'a [u8],
    /// As [`rsa_key`] gives it.
    pub(super) key: &'a [u8],
}

/// `Certificate`: serial number and key.
pub(super) fn certificate(der: &[u8]) -> Result<Certificate<'_>, KeyError> {
    let mut outer = Reader(der);
    let mut signed = Reader(outer.expect(SEQUENCE)?);
    let mut body = Reader(signed.expect(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.expect(VERSION)?;
    }
    let serial = body.expect(INTEGER)?;
    for _ in ["signature", "issuer", "validity", "subject"] {
        body.expect(SEQUENCE)?;
    }
    let key = key_info(&mut body)?;
    Ok(Certificate { serial: without_zeros(serial), key })
}

/// `SubjectPublicKeyInfo` of an RSA key: the `RSAPublicKey` in it.
pub(super) fn rsa_key(der: &[u8]) -> Result<&[u8], KeyError> {
    key_info(&mut Reader(der))
}

fn key_info<'a>(from: &mut Reader<'a>) -> Result<&'a [u8], KeyError> {
    let mut info = Reader(from.expect(SEQUENCE)?);
    let algorithm = info.expect(SEQUENCE)?;
    if !algorithm.starts_with(RSA) {
        return Err(KeyError::NotRsa);
    }
    // The first byte counts the bits that are missing at the end: none.
    let [0, key @ ..] = info.expect(BIT_STRING)? else { return Err(KeyError::Malformed) };
    let mut numbers = Reader(Reader(key).expect(SEQUENCE)?);
    let modulus = without_zeros(numbers.expect(INTEGER)?);
    numbers.expect(INTEGER)?;
    if MODULUS_BYTES.contains(&modulus.len()) { Ok(key) } else { Err(KeyError::NotRsa) }
}

/// Integers have a zero in front where they would look negative.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

impl<'a> Reader<'a> {
    /// The content of the next value, which has this tag.
    fn expect(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        let (own, rest) = self.0.split_first().ok_or(KeyError::Malformed)?;
        if *own != tag {
            return Err(KeyError::Malformed);
        }
        let (first, rest) = rest.split_first().ok_or(KeyError::Malformed)?;
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // Two bytes of length are enough for the 64 KiB that are read of a file.
            0x81 | 0x82 => {
                let (length, rest) =
                    rest.split_at_checked(usize::from(*first - 0x80)).ok_or(KeyError::Malformed)?;
                (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return Err(KeyError::Malformed),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(KeyError::Malformed)?;
        self.0 = rest;
        Ok(content)
    }
}
