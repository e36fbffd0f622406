//! What a sample costs in each codec, on 1,000 series with 8 labels each: `cargo bench -p lingshao-wire`.
//! Prints the best of several rounds in nanoseconds per sample; a shared machine only ever adds time.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use lingshao_model::{Labels, LabelsBuilder, Refusals, SeriesBatch, Timestamp};
use lingshao_wire::exposition::{Entry, Format, MetricType, Page, PageWriter};
use lingshao_wire::{prometheus_api, remote_write, snappy};

const SERIES: usize = 1_000;
const ROUNDS: usize = 200;

fn main() {
    let (batch, page) = (batch(), page());
    let (v1, v2) = (remote_write::encode_v1(&batch), remote_write::encode_v2(&batch));
    println!("remote write body: {} bytes v1, {} bytes v2; page: {} bytes", v1.len(), v2.len(), page.len());

    let mut used = SeriesBatch::default();
    let mut decode = |name, decode: Decode, body: &[u8]| {
        report(name, || {
            used.clear();
            let mut refusals = Refusals::default();
            let decoded = decode(black_box(body), &mut used, &mut refusals).expect("our own body is valid");
            assert_eq!((decoded.samples as usize, refusals.is_empty()), (SERIES, true));
        });
    };
    decode("decode_v1", remote_write::decode_v1, &v1);
    decode("decode_v2", remote_write::decode_v2, &v2);

    let block = snappy::compress(&v1);
    let mut body = Vec::new();
    report("snappy (v1 body)", || {
        snappy::decompress(black_box(&block), &snappy::DecodeLimits::default(), &mut body)
            .expect("our own block is valid");
    });
    report("text, no labels read", || samples(&page, Format::Text, |_| {}));
    let mut labels = LabelsBuilder::default();
    report("text, all labels read", || {
        samples(&page, Format::Text, |sample| {
            labels.clear();
            sample.labels(&mut labels);
            black_box(labels.encoded().expect("our own labels are valid"));
        });
    });
    let open_metrics = open_metrics(&page);
    report("OpenMetrics, no labels read", || samples(&open_metrics, Format::OpenMetrics, |_| {}));
    render();
}

type Decode =
    fn(&[u8], &mut SeriesBatch, &mut Refusals) -> Result<remote_write::Decoded, remote_write::WireError>;

fn report(name: &str, mut round: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_nanos() as f64 / SERIES as f64);
    }
    println!("{name:32} {best:8.1} ns/sample");
}

fn samples(page: &[u8], format: Format, mut visit: impl FnMut(&lingshao_wire::exposition::Sample<'_>)) {
    let mut count = 0;
    for entry in Page::new(black_box(page), format).expect("our own page is UTF-8") {
        if let Entry::Sample(sample) = entry.expect("our own page is valid") {
            black_box(sample.value);
            visit(&sample);
            count += 1;
        }
    }
    assert_eq!(count, SERIES);
}

/// The labels of a request counter as a shop's back end sends them.
fn pairs(index: usize) -> [(&'static str, String); 8] {
    [
        ("__name__", "http_requests_total".to_owned()),
        ("cluster", "hangzhou-1".to_owned()),
        ("endpoint", format!("/api/v1/products/{index}")),
        ("env", "production".to_owned()),
        ("instance", format!("10.0.0.{}:8000", index % 50)),
        ("job", "shop-backend".to_owned()),
        ("method", ["GET", "POST"][index % 2].to_owned()),
        ("status", ["200", "404", "500"][index % 3].to_owned()),
    ]
}

fn value(index: usize) -> f64 {
    if index.is_multiple_of(4) { index as f64 * 1.37 } else { index as f64 * 1000.0 }
}

fn batch() -> SeriesBatch {
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    for index in 0..SERIES {
        labels.clear();
        pairs(index).iter().for_each(|(name, value)| labels.push(name, value));
        batch.push(Timestamp(1_700_000_000_000), None, value(index));
        batch.finish_series(&mut labels).expect("the labels are sorted");
    }
    batch
}

fn page() -> Vec<u8> {
    let mut page = PageWriter::default();
    page.family("http_requests_total", MetricType::Counter, "Requests.");
    for index in 0..SERIES {
        let pairs = pairs(index);
        let labels: Vec<_> = pairs[1..].iter().map(|(name, value)| (*name, value.as_str())).collect();
        page.sample(&pairs[0].1, &labels, value(index));
    }
    page.finish()
}

fn open_metrics(page: &[u8]) -> Vec<u8> {
    let mut page = page.to_vec();
    page.extend_from_slice(b"# EOF\n");
    page
}

fn render() {
    let labels = Labels::from_pairs(pairs(1)).expect("the labels are sorted");
    let points: Vec<(i64, f64)> =
        (0..SERIES).map(|index| (1_700_000_000_000 + 15_123 * index as i64, value(index))).collect();
    let mut out = Vec::new();
    report("matrix as JSON", || {
        out.clear();
        prometheus_api::matrix(&mut out, [(&labels, black_box(&points[..]))]);
    });
}
