//! What both versions do with good, bad and broken bodies.

use proptest::prelude::*;

use super::*;
use crate::protobuf::Writer;

type Decode = fn(&[u8], &mut SeriesBatch, &mut Refusals) -> Result<Decoded, WireError>;

/// Every series as one line: labels, then `value@time` with `<start` where known.
fn lines(batch: &SeriesBatch) -> Vec<String> {
    let line = |series: lingshao_model::BatchSeries<'_>| {
        let mut line = series.labels().to_string();
        for (index, (t, value)) in series.times.iter().zip(series.values).enumerate() {
            line.push_str(&format!(" {value}@{t}"));
            match series.starts.get(index) {
                None | Some(0) => {}
                Some(start) => line.push_str(&format!("<{start}")),
            }
        }
        line
    };
    batch.series().map(line).collect()
}

#[track_caller]
fn check(decode: Decode, body: &[u8], kept: &[&str], refused: &str) -> Decoded {
    let (mut batch, mut refusals) = (SeriesBatch::default(), Refusals::default());
    let decoded = decode(body, &mut batch, &mut refusals).unwrap();
    assert_eq!(lines(&batch), kept);
    assert_eq!(if refusals.is_empty() { String::new() } else { refusals.to_string() }, refused);
    assert_eq!(decoded.samples as usize, batch.sample_count());
    decoded
}

#[track_caller]
fn check_error(decode: Decode, body: &[u8], expected: &str) {
    let (mut batch, mut refusals) = (SeriesBatch::default(), Refusals::default());
    assert_eq!(decode(body, &mut batch, &mut refusals).unwrap_err().to_string(), expected);
}

/// A message with the fields that `fill` writes.
fn message(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    fill(&mut writer);
    writer.bytes
}

fn sample(value: f64, t: i64) -> Vec<u8> {
    message(|sample| {
        sample.double_field(1, value);
        sample.varint_field(2, t as u64);
    })
}

/// One series of version 1 with one sample `1@5`.
fn v1_series(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    message(|series| {
        for (name, value) in pairs {
            series.bytes_field(
                1,
                &message(|label| {
                    label.bytes_field(1, name);
                    label.bytes_field(2, value);
                }),
            );
        }
        series.bytes_field(2, &sample(1.0, 5));
    })
}

fn v1_request(series: &[Vec<u8>]) -> Vec<u8> {
    message(|request| series.iter().for_each(|series| request.bytes_field(1, series)))
}

/// Series of version 2 with one sample `1@5<3` each, over the symbols `"" __name__ up job shop`.
fn v2_request(references: &[&[u64]]) -> Vec<u8> {
    message(|request| {
        for symbol in ["", "__name__", "up", "job", "shop"] {
            request.bytes_field(4, symbol.as_bytes());
        }
        for references in references {
            request.bytes_field(
                5,
                &message(|series| {
                    let packed = message(|packed| references.iter().for_each(|index| packed.varint(*index)));
                    series.bytes_field(1, &packed);
                    let mut sample = sample(1.0, 5);
                    sample.extend_from_slice(&[0x18, 3]);
                    series.bytes_field(2, &sample);
                }),
            );
        }
    })
}

#[test]
fn labels_in_any_order_and_empty_values_make_one_series() {
    let body = v1_request(&[
        v1_series(&[(b"__name__", b"up"), (b"job", b"shop"), (b"zone", b"")]),
        v1_series(&[(b"job", b"shop"), (b"__name__", b"up")]),
    ]);
    check(decode_v1, &body, &[r#"up{job="shop"} 1@5"#, r#"up{job="shop"} 1@5"#], "");
}

#[test]
fn a_series_with_bad_labels_is_refused_alone() {
    let good = v1_series(&[(b"__name__", b"up")]);
    let check_bad = |pairs: &[(&[u8], &[u8])], refused: &str| {
        let body = v1_request(&[good.clone(), v1_series(pairs), good.clone()]);
        check(decode_v1, &body, &["up 1@5", "up 1@5"], refused);
    };
    check_bad(&[(b"job", b"a")], r#"1 samples refused: invalid labels (1, e.g. {job="a"}: no metric name)"#);
    check_bad(
        &[(b"__name__", b"x"), (b"", b"a")],
        "1 samples refused: invalid labels (1, e.g. x{}: empty label name)",
    );
    check_bad(
        &[(b"__name__", b"x"), (b"a", b"\xff")],
        "1 samples refused: invalid labels (1, e.g. x{}: a label is not UTF-8)",
    );
    check_bad(
        &[(b"__name__", b"x"), (b"a", b"1"), (b"a", b"2")],
        r#"1 samples refused: invalid labels (1, e.g. x{a="1", a="2"}: label name `a` stands twice)"#,
    );
    let many: Vec<(&[u8], &[u8])> = std::iter::once((&b"__name__"[..], &b"x"[..]))
        .chain((0..1024).map(|_| (&b"a"[..], &b"b"[..])))
        .collect();
    let body = v1_request(&[v1_series(&many), good.clone()]);
    let (mut batch, mut refusals) = (SeriesBatch::default(), Refusals::default());
    decode_v1(&body, &mut batch, &mut refusals).unwrap();
    assert_eq!(lines(&batch), ["up 1@5"]);
    let refused = refusals.iter().next().unwrap();
    assert_eq!((refused.reason, refused.count), (Refusal::LabelLimit, 1));
    assert!(refused.example.ends_with("…: more than 1024 labels"), "{}", refused.example);
    assert!(refused.example.chars().count() < 250);
}

#[test]
fn what_is_not_stored_is_counted() {
    let series = message(|series| {
        series.bytes_field(
            1,
            &message(|label| {
                label.bytes_field(1, b"__name__");
                label.bytes_field(2, b"h");
            }),
        );
        series.bytes_field(3, &sample(2.0, 5));
        series.bytes_field(4, b"");
        series.bytes_field(4, b"");
    });
    let mut body = v1_request(&[series]);
    body.extend_from_slice(&message(|request| request.bytes_field(3, b"")));
    let decoded =
        check(decode_v1, &body, &[], "2 samples refused: native histograms are not kept yet (2, e.g. h{})");
    assert_eq!(decoded, Decoded { series: 1, samples: 0, histograms: 2, exemplars: 1, metadata: 1 });
}

#[test]
fn fields_in_any_order_unknown_fields_and_long_texts() {
    let long = "x".repeat(300);
    let series = message(|series| {
        series.bytes_field(
            2,
            &message(|sample| {
                sample.varint_field(2, 7);
                sample.varint_field(9, 1);
                sample.double_field(1, 2.5);
            }),
        );
        series.double_field(77, 1.0);
        series.bytes_field(
            1,
            &message(|label| {
                label.bytes_field(2, long.as_bytes());
                label.bytes_field(1, b"__name__");
            }),
        );
        series.bytes_field(2, &message(|sample| sample.varint_field(2, -1i64 as u64)));
    });
    check(decode_v1, &v1_request(&[series]), &[&format!("{long} 2.5@7 0@-1")], "");
}

#[test]
fn a_body_that_is_not_protobuf_names_the_byte() {
    check_error(
        decode_v1,
        b"\x0a\x05\x0a",
        "malformed protobuf at byte 1: a length that reaches beyond the end",
    );
    check_error(
        decode_v1,
        b"\x0a\x02\x0a\x05",
        "malformed protobuf at byte 3: a length that reaches beyond the end",
    );
    check_error(decode_v1, b"\x80", "malformed protobuf at byte 0: the bytes end inside a varint");
    check_error(
        decode_v1,
        b"\x0b",
        "malformed protobuf at byte 0: a group, which these messages do not have",
    );
    check_error(decode_v1, b"\x07", "malformed protobuf at byte 0: unknown wire type");
    check_error(decode_v1, b"\x02\x00", "malformed protobuf at byte 0: field number out of range");
    check_error(
        decode_v1,
        b"\x08\x01",
        "malformed protobuf at byte 1: a known field in another encoding than its own",
    );
    check_error(
        decode_v1,
        b"\x0a\x06\x12\x04\x09\x01\x02\x03",
        "malformed protobuf at byte 5: the bytes end inside a 64-bit number",
    );
    check_error(decode_v1, b"not a body", "malformed protobuf at byte 0: unknown wire type");
}

#[test]
fn a_broken_series_leaves_no_samples_behind() {
    let mut broken = v1_series(&[(b"__name__", b"x")]);
    broken.push(0x0a);
    let body = v1_request(&[v1_series(&[(b"__name__", b"up")]), broken]);
    let (mut batch, mut refusals) = (SeriesBatch::default(), Refusals::default());
    decode_v1(&body, &mut batch, &mut refusals).unwrap_err();
    assert_eq!((lines(&batch), batch.pending()), (vec!["up 1@5".to_owned()], 0));
}

#[test]
fn a_flood_of_empty_samples_is_refused() {
    let flood = b"\x12\x00".repeat(SAMPLES_MAX + 1);
    let body = message(|request| request.bytes_field(1, &flood));
    check_error(decode_v1, &body, "more than 2000000 samples in one request; send smaller requests");
    let flood = b"\x22\x00".repeat(SYMBOLS_MAX + 1);
    check_error(decode_v2, &flood, "more than 1000000 symbols in one request; send smaller requests");
}

#[test]
fn version_2_series_refer_to_symbols() {
    let up = r#"up{job="shop"} 1@5<3"#;
    check(decode_v2, &v2_request(&[&[1, 2, 3, 4], &[3, 4, 1, 2]]), &[up, up], "");
    check(
        decode_v2,
        &v2_request(&[&[1, 2, 3, 4], &[1, 2, 3], &[1, 2, 3, 5], &[1, 2, 0, 4]]),
        &[up],
        "3 samples refused: invalid labels (3, e.g. up{}: an odd number of label references)",
    );
    check(
        decode_v2,
        &v2_request(&[&[1, 2, 3, 5]]),
        &[],
        "1 samples refused: invalid labels (1, e.g. up{}: a label reference beyond the symbols)",
    );
    check(
        decode_v2,
        &v2_request(&[&[1, 2, 0, 4]]),
        &[],
        "1 samples refused: invalid labels (1, e.g. up{}: empty label name)",
    );
}

#[test]
fn version_2_accepts_unpacked_references_and_symbols_behind_the_series() {
    let body = message(|request| {
        request.bytes_field(
            5,
            &message(|series| {
                series.varint_field(1, 1);
                series.varint_field(1, 2);
                series.bytes_field(2, &sample(1.0, 5));
            }),
        );
        for symbol in ["", "__name__", "up"] {
            request.bytes_field(4, symbol.as_bytes());
        }
    });
    check(decode_v2, &body, &["up 1@5"], "");
}

#[test]
fn version_2_demands_the_empty_symbol_and_a_sample() {
    let no_empty = message(|request| {
        request.bytes_field(4, b"a");
        request.bytes_field(5, b"");
    });
    check_error(decode_v2, &no_empty, "the first symbol must be the empty string (remote write 2.0)");
    check_error(decode_v2, b"\x2a\x00", "the first symbol must be the empty string (remote write 2.0)");
    check(decode_v2, b"", &[], "");
    let empty = message(|request| {
        for symbol in ["", "__name__", "up"] {
            request.bytes_field(4, symbol.as_bytes());
        }
        request.bytes_field(5, b"\x0a\x02\x01\x02\x2a\x00");
    });
    let decoded = check(
        decode_v2,
        &empty,
        &[],
        "1 samples refused: a series must have at least one sample or histogram (1, e.g. up{})",
    );
    assert_eq!(decoded.metadata, 1);
}

#[test]
fn headers_choose_the_version() {
    let check = |content_type, encoding, expected: Result<Version, &str>| {
        let found = negotiate(content_type, encoding);
        assert_eq!(
            found.as_ref().map_err(ToString::to_string),
            expected.as_ref().map_err(ToString::to_string)
        );
    };
    let wrong_type = |text| {
        format!(
            "unsupported content type `{text}`; send `application/x-protobuf` with \
             `proto=prometheus.WriteRequest` or `proto=io.prometheus.write.v2.Request`"
        )
    };
    check(None, None, Ok(Version::V1));
    check(Some("application/x-protobuf"), Some("snappy"), Ok(Version::V1));
    check(Some("application/x-protobuf;proto=prometheus.WriteRequest"), Some("snappy"), Ok(Version::V1));
    check(Some("Application/X-Protobuf; proto=io.prometheus.write.v2.Request"), None, Ok(Version::V2));
    check(Some("application/json"), None, Err(&wrong_type("application/json")));
    check(
        Some("application/x-protobuf;proto=x.Y"),
        None,
        Err(&wrong_type("application/x-protobuf;proto=x.Y")),
    );
    check(
        Some("application/x-protobuf"),
        Some("gzip"),
        Err("unsupported content encoding `gzip`; remote write is compressed with `snappy` (block format)"),
    );
}

fn batches() -> impl Strategy<Value = SeriesBatch> {
    let pairs = prop::collection::btree_map("[a-z_é]{1,9}", ".{1,9}", 0..6);
    let samples = prop::collection::vec((any::<i64>(), any::<u64>(), 0..9i64), 1..5);
    prop::collection::vec((pairs, samples), 0..8).prop_map(|all| {
        let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
        for (pairs, samples) in all {
            labels.clear();
            labels.push(METRIC_NAME, "name");
            pairs.iter().for_each(|(name, value)| labels.push(name, value));
            for (t, bits, start) in samples {
                let start = (start != 0).then_some(Timestamp(start));
                batch.push(Timestamp(t), start, f64::from_bits(bits));
            }
            batch.finish_series(&mut labels).unwrap();
        }
        batch
    })
}

/// Everything but start timestamps, values by their bits.
fn columns(batch: &SeriesBatch) -> Vec<(Vec<u8>, Vec<i64>, Vec<u64>)> {
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
    batch
        .series()
        .map(|series| (series.labels.to_vec(), series.times.to_vec(), bits(series.values)))
        .collect()
}

fn starts(batch: &SeriesBatch) -> Vec<i64> {
    let of = |series: lingshao_model::BatchSeries<'_>| match series.starts {
        [] => vec![0; series.times.len()],
        starts => starts.to_vec(),
    };
    batch.series().flat_map(of).collect()
}

fn decode_all(decode: Decode, body: &[u8]) -> Result<SeriesBatch, WireError> {
    let (mut batch, mut refusals) = (SeriesBatch::default(), Refusals::default());
    decode(body, &mut batch, &mut refusals).map(|_| batch)
}

proptest! {
    #[test]
    fn version_1_comes_back_bit_for_bit(batch in batches()) {
        let decoded = decode_all(decode_v1, &encode_v1(&batch)).unwrap();
        prop_assert_eq!(columns(&decoded), columns(&batch));
    }

    #[test]
    fn version_2_comes_back_bit_for_bit_with_starts(batch in batches()) {
        let decoded = decode_all(decode_v2, &encode_v2(&batch)).unwrap();
        prop_assert_eq!(columns(&decoded), columns(&batch));
        prop_assert_eq!(starts(&decoded), starts(&batch));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = decode_all(decode_v1, &bytes);
        let _ = decode_all(decode_v2, &bytes);
    }
}

/// Cuts and flips must end in an error or in a batch that holds together, never in a panic.
#[test]
fn every_cut_and_every_flipped_bit_is_survived() {
    let v1 = v1_request(&[
        v1_series(&[(b"__name__", b"up"), (b"job", b"shop")]),
        v1_series(&[(b"__name__", b"x")]),
    ]);
    let v2 = v2_request(&[&[1, 2, 3, 4], &[1, 2]]);
    for (decode, body) in [(decode_v1 as Decode, v1), (decode_v2, v2)] {
        let survive = |body: &[u8]| {
            if let Ok(batch) = decode_all(decode, body) {
                assert_eq!(lines(&batch).len(), batch.series_count());
            }
        };
        for end in 0..body.len() {
            survive(&body[..end]);
            for bit in 0..8 {
                let mut flipped = body.clone();
                flipped[end] ^= 1 << bit;
                survive(&flipped);
            }
        }
    }
}
