//! What must hold for any bytes taken for a remote write body: whatever is kept comes back unchanged when it is sent
//! on, and nothing of it is refused the second time.

use lingshao_model::{Refusals, SeriesBatch};
use lingshao_wire::remote_write::{Decoded, WireError};

pub type Decode = fn(&[u8], &mut SeriesBatch, &mut Refusals) -> Result<Decoded, WireError>;

pub fn round_trip(bytes: &[u8], decode: Decode, encode: fn(&SeriesBatch) -> Vec<u8>) {
    let (mut batch, mut refusals) = (SeriesBatch::default(), Refusals::default());
    let Ok(decoded) = decode(bytes, &mut batch, &mut refusals) else { return };
    assert_eq!(decoded.samples as usize, batch.sample_count());
    assert!(batch.series_count() as u64 <= decoded.series);
    let (mut again, mut none) = (SeriesBatch::default(), Refusals::default());
    decode(&encode(&batch), &mut again, &mut none).expect("our own body is valid");
    assert!(none.is_empty(), "{none}");
    assert_eq!(batch.series_count(), again.series_count());
    for (sent, kept) in batch.series().zip(again.series()) {
        assert_eq!((sent.labels, sent.times), (kept.labels, kept.times));
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(sent.values), bits(kept.values));
    }
}
