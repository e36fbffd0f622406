//! Replies byte for byte, and parameters with Prometheus' messages.

use lingshao_model::TimeDelta;
use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

#[track_caller]
fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn results_are_those_of_the_documentation() {
    let up = labels(&[("__name__", "up"), ("job", "prometheus")]);
    let empty = Labels::empty();
    check(
        |out| {
            let points = [(1_435_781_430_781, 1.0), (1_435_781_445_000, f64::NAN)];
            success(out, &[], &[], |out| matrix(out, [(&up, &points[..]), (&empty, &[])]));
        },
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"prometheus"},"values":[[1435781430.781,"1"],[1435781445,"NaN"]]},{"metric":{}}]}}"#,
    );
    check(
        |out| vector(out, [(&up, 1_435_781_451_008, -0.5), (&empty, -1_005, f64::INFINITY)]),
        r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"prometheus"},"value":[1435781451.008,"-0.5"]},{"metric":{},"value":[-1.005,"+Inf"]}]}"#,
    );
    check(|out| vector(out, []), r#"{"resultType":"vector","result":[]}"#);
    check(|out| scalar(out, Timestamp(4_000), 2.0), r#"{"resultType":"scalar","result":[4,"2"]}"#);
    check(
        |out| vector(out, [(&empty, 0, 1e21)]),
        r#"{"resultType":"vector","result":[{"metric":{},"value":[0,"1e+21"]}]}"#,
    );
    check(
        |out| scalar(out, Timestamp(0), 1e21),
        r#"{"resultType":"scalar","result":[0,"1000000000000000000000"]}"#,
    );
    check(|out| scalar(out, Timestamp(0), -1e-7), r#"{"resultType":"scalar","result":[0,"-0.0000001"]}"#);
    check(|out| text(out, Timestamp(90), "a\"b"), r#"{"resultType":"string","result":[0.090,"a\"b"]}"#);
    check(|out| label_sets(out, [&up, &empty]), r#"[{"__name__":"up","job":"prometheus"},{}]"#);
    check(|out| strings(out, ["a", "价"]), r#"["a","价"]"#);
}

#[test]
fn notes_stand_behind_the_data_and_errors_have_none() {
    check(
        |out| success(out, &["w".to_owned()], &["i \"1\"".to_owned()], |out| strings::<&str>(out, [])),
        r#"{"status":"success","data":[],"warnings":["w"],"infos":["i \"1\""]}"#,
    );
    check(
        |out| error(out, ErrorKind::BadData, "1:3: parse error: unexpected \"x\"\n"),
        r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected \"x\"\n"}"#,
    );
    assert_eq!((ErrorKind::Execution.status(), ErrorKind::Timeout.status()), (422, 503));
}

#[test]
fn texts_are_escaped() {
    check(
        |out| string(out, "\"\\/\n\r\t\u{8}\u{1f}\u{7f}<价>&\u{2028}"),
        "\"\\\"\\\\/\\n\\r\\t\\u0008\\u001f\u{7f}\\u003c价\\u003e\\u0026\u{2028}\"",
    );
}

#[test]
fn timestamps_at_the_edges() {
    check(|out| timestamp(out, i64::MIN), "-9223372036854775.808");
    check(|out| timestamp(out, i64::MAX), "9223372036854775.807");
    check(|out| timestamp(out, -1), "-0.001");
    check(|out| timestamp(out, 0), "0");
}

#[track_caller]
fn check_time(text: &str, expected: Result<i64, &str>) {
    let found = time("time", text).map(|t| t.0).map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[test]
fn instants() {
    check_time("1435781451.781", Ok(1_435_781_451_781));
    check_time("1.4357814517814e9", Ok(1_435_781_451_781));
    check_time("-1.5", Ok(-1_500));
    check_time("4", Ok(4_000));
    check_time("2015-07-01T20:10:51.781Z", Ok(1_435_781_451_781));
    check_time("-292273086-05-16T16:47:06Z", Ok(i64::MIN));
    check_time("292277025-08-18T07:12:54.999999999Z", Ok(i64::MAX));
    check_time("abc", Err(r#"invalid parameter "time": cannot parse "abc" to a valid timestamp"#));
    for text in ["", "NaN", "Inf", "1e30", "now", "0x10"] {
        assert!(time("time", text).is_err(), "{text}");
    }
}

#[test]
fn spans_and_limits() {
    let span = |text| duration("step", text).map(|span| span.0).map_err(|error| error.to_string());
    assert_eq!(span("15"), Ok(15_000));
    assert_eq!(span("0.5"), Ok(500));
    assert_eq!(span("1h30m"), Ok(5_400_000));
    assert_eq!(
        span("x"),
        Err(r#"invalid parameter "step": cannot parse "x" to a valid duration"#.to_owned())
    );
    assert_eq!(
        span("1e30"),
        Err(r#"invalid parameter "step": cannot parse "1e30" to a valid duration. It overflows int64"#
            .to_owned())
    );
    let most = |text| limit("limit", text).map_err(|error| error.to_string());
    assert_eq!(most("40000"), Ok(Some(40_000)));
    assert_eq!(most("0"), Ok(None));
    assert_eq!(most("-1"), Err(r#"invalid parameter "limit": limit must be non-negative"#.to_owned()));
    assert_eq!(most("x"), Err(r#"invalid parameter "limit": cannot parse "x" to a whole number"#.to_owned()));
}

#[test]
fn ranges() {
    let read = |start, end, step| range(start, end, step).map_err(|error| error.to_string());
    let expected = Range { start: Timestamp(1_000), end: Timestamp(2_000), step: TimeDelta(500) };
    assert_eq!(read("1", "2", "0.5"), Ok(expected));
    let step = r#"invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer"#;
    assert_eq!(read("1", "2", "0"), Err(step.to_owned()));
    assert_eq!(read("1", "2", "-1"), Err(step.to_owned()));
    assert_eq!(
        read("2", "1", "1"),
        Err(r#"invalid parameter "end": end timestamp must not be before start time"#.to_owned())
    );
    assert_eq!(
        read("", "1", "1"),
        Err(r#"invalid parameter "start": cannot parse "" to a valid timestamp"#.to_owned())
    );
}

#[test]
fn escaped_names() {
    let check = |name, expected: &str| assert_eq!(unescape_name(name), expected);
    check("job", "job");
    check("U__http_2e_host", "http.host");
    check("U__a__b", "a_b");
    check("U___540d_", "名");
    check("U___1F600_x", "😀x");
    check("U__", "");
    for broken in ["U__a_", "U__a_2e", "U__a_zz_", "U__a_d800_", "U__a_10ffff_", "U__a_+41_", "u__a__b"] {
        check(broken, broken);
    }
}

proptest! {
    #[test]
    fn any_text_reads_back_as_json(text: String) {
        let mut out = Vec::new();
        string(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn no_parameter_panics(text: String) {
        let _ = (time("t", &text), duration("d", &text), limit("l", &text), range(&text, &text, &text));
        unescape_name(&format!("U__{text}"));
    }

    #[test]
    fn instants_of_seconds_are_exact_to_the_millisecond(millis in -9_000_000_000_000i64..9_000_000_000_000) {
        let mut out = Vec::new();
        timestamp(&mut out, millis);
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(time("time", &text).unwrap(), Timestamp(millis));
    }
}
