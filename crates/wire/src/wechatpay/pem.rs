//! PEM (RFC 7468): the armour of keys and certificates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::KeyError;

/// Far more than any key: an RSA key of 4096 bits takes 3.3 kB, a certificate 2 kB.
const BYTES_MAX: usize = 64 << 10;

/// The first block of the text: its label and its bytes.
pub(super) fn first(text: &str) -> Result<(&str, Vec<u8>), KeyError> {
    if BYTES_MAX < text.len() {
        return Err(KeyError::NotPem);
    }
    let (_, rest) = text.split_once("-----BEGIN ").ok_or(KeyError::NotPem)?;
    let (label, rest) = rest.split_once("-----").ok_or(KeyError::NotPem)?;
    let (body, rest) = rest.split_once("-----END ").ok_or(KeyError::NotPem)?;
    if !rest.strip_prefix(label).is_some_and(|rest| rest.starts_with("-----")) {
        return Err(KeyError::NotPem);
    }
    let body: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(body).map_err(|_| KeyError::NotPem)?;
    Ok((label, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &[u8])>) {
        let read = first(text).ok();
        let read = read.as_ref().map(|(label, bytes)| (*label, bytes.as_slice()));
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn the_first_block_is_read_and_nothing_around_it() {
        let block = "-----BEGIN A B-----\nAQID\r\nBAU=\n-----END A B-----\n";
        check(block, Some(("A B", &[1, 2, 3, 4, 5])));
        check(&format!("words before\n{block}-----BEGIN C-----\n"), Some(("A B", &[1, 2, 3, 4, 5])));
        check("-----BEGIN A-----\nAQID\n-----END B-----", None);
        check("-----BEGIN A-----\nAQI\n-----END A-----", None);
        check("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END A-----", None);
        check("AQID", None);
        check("-----BEGIN A-----AQID", None);
        check(&" ".repeat(BYTES_MAX).replacen("    ", block, 1), None);
    }
}
