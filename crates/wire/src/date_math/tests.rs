use super::*;

/// 2025-06-15T00:30:00.123456789Z, a Sunday; half past eight in Shanghai.
const NOW: LogTime = LogTime(1_749_947_400_123_456_789);

#[track_caller]
fn in_zone(zone_name: &str, formats: &str, text: &str, expected: &str) {
    let zone = zone(zone_name).unwrap();
    let read = read(text, &DateFormats::read(formats).unwrap(), &Clock { now: NOW, zone: &zone });
    let told = match read {
        Ok((first, last)) if first == last => first.to_string(),
        Ok((first, last)) => format!("{first} {last}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(told, expected, "{text} ({formats}, {zone_name})");
}

#[track_caller]
fn check(text: &str, expected: &str) {
    in_zone("Asia/Shanghai", "strict_date_optional_time||epoch_millis", text, expected);
}

#[test]
fn a_date_is_as_long_as_it_is_imprecise() {
    check("2025", "2024-12-31T16:00:00.000Z 2025-12-31T15:59:59.999999999Z");
    check("2025-06", "2025-05-31T16:00:00.000Z 2025-06-30T15:59:59.999999999Z");
    check("2024-02-29", "2024-02-28T16:00:00.000Z 2024-02-29T15:59:59.999999999Z");
    check("2025/06/15", "2025-06-14T16:00:00.000Z 2025-06-15T15:59:59.999999999Z");
    check("2025-06-15T", "2025-06-14T16:00:00.000Z 2025-06-15T15:59:59.999999999Z");
    check("2025-06-15T08", "2025-06-15T00:00:00.000Z 2025-06-15T00:59:59.999999999Z");
    check("2025-06-15T08:30", "2025-06-15T00:30:00.000Z 2025-06-15T00:30:59.999999999Z");
    check("2025-06-15 08:30:00", "2025-06-15T00:30:00.000Z 2025-06-15T00:30:00.999999999Z");
    check("2025-06-15T08:30:00.1Z", "2025-06-15T08:30:00.100Z 2025-06-15T08:30:00.199999999Z");
    check("2025-06-15T08:30:00,123", "2025-06-15T00:30:00.123Z 2025-06-15T00:30:00.123999999Z");
    check("2025-06-15T08:30:00.123456789123-05:00", "2025-06-15T13:30:00.123456789Z");
    check("2025-06-15T08:30+0930", "2025-06-14T23:00:00.000Z 2025-06-14T23:00:59.999999999Z");
    check("1749947400123", "2025-06-15T00:30:00.123Z 2025-06-15T00:30:00.123999999Z");
    check("-1", "1969-12-31T23:59:59.999Z 1969-12-31T23:59:59.999999999Z");
    check("9999-12-31", "2262-04-11T23:47:16.854775807Z");
    check("0001", "1677-09-21T00:12:43.145224192Z");
    for bad in [
        "",
        "x",
        "2025-13-01",
        "2025-02-29",
        "2025-06-15T25",
        "2025-06-15T08:30:00+99:00",
        "2025-6-1",
        "支付",
    ] {
        let told = format!(
            "failed to parse date field [{bad}] with format [strict_date_optional_time||epoch_millis]"
        );
        check(bad, &told);
    }
}

#[test]
fn maths_steps_and_rounds_in_the_zone() {
    check("now", "2025-06-15T00:30:00.123456789Z");
    check("now-1h", "2025-06-14T23:30:00.123456789Z");
    check("now+1y-2M+3w-4d+5H-6m+7s", "2026-05-02T05:24:07.123456789Z");
    check("now/d", "2025-06-14T16:00:00.000Z 2025-06-15T15:59:59.999999999Z");
    check("now/w", "2025-06-08T16:00:00.000Z 2025-06-15T15:59:59.999999999Z");
    check("now/M", "2025-05-31T16:00:00.000Z 2025-06-30T15:59:59.999999999Z");
    check("now/y", "2024-12-31T16:00:00.000Z 2025-12-31T15:59:59.999999999Z");
    check("now/h", "2025-06-15T00:00:00.000Z 2025-06-15T00:59:59.999999999Z");
    check("now/m", "2025-06-15T00:30:00.000Z 2025-06-15T00:30:59.999999999Z");
    check("now/s", "2025-06-15T00:30:00.000Z 2025-06-15T00:30:00.999999999Z");
    check("now-1d/d", "2025-06-13T16:00:00.000Z 2025-06-14T15:59:59.999999999Z");
    check("now/d-1h", "2025-06-14T15:00:00.000Z 2025-06-15T14:59:59.999999999Z");
    check("now-d", "2025-06-14T00:30:00.123456789Z");
    check("2025-06-15||+1d/d", "2025-06-15T16:00:00.000Z 2025-06-16T15:59:59.999999999Z");
    check("2025-01-31||+1M", "2025-02-27T16:00:00.000Z");
    check("2025-06-15||", "2025-06-14T16:00:00.000Z 2025-06-15T15:59:59.999999999Z");
    in_zone(
        "America/New_York",
        "date",
        "2025-03-09||/d",
        "2025-03-09T05:00:00.000Z 2025-03-10T03:59:59.999999999Z",
    );
    in_zone("+05:30", "date", "now/d", "2025-06-14T18:30:00.000Z 2025-06-15T18:29:59.999999999Z");
}

#[test]
fn wrong_maths_is_told() {
    for (text, maths) in [
        ("now-1x", "-1x"),
        ("now-", "-"),
        ("now-1", "-1"),
        ("now/2d", "/2d"),
        ("now-1h 2", "-1h 2"),
        ("now-999999999999999999999d", "-999999999999999999999d"),
        ("now-99999y", "-99999y"),
        ("2025-06-15||1d", "1d"),
    ] {
        check(text, &DateError::Maths { maths: maths.to_owned() }.to_string());
    }
    check(
        "nowhere",
        "failed to parse date field [nowhere] with format [strict_date_optional_time||epoch_millis]",
    );
}

#[test]
fn formats_read_and_write() {
    #[track_caller]
    fn both(format: &str, text: &str, first: &str) {
        let (zone, formats) = (zone("+08:00").unwrap(), DateFormats::read(format).unwrap());
        let (read, _) = read(text, &formats, &Clock { now: NOW, zone: &zone }).unwrap();
        assert_eq!(
            (read.to_string().as_str(), formats.write(read, &zone).as_str()),
            (first, text),
            "{format}"
        );
    }
    both("epoch_second", "1749947400", "2025-06-15T00:30:00.000Z");
    both("epoch_millis", "1749947400123", "2025-06-15T00:30:00.123Z");
    both("yyyy-MM-dd HH:mm:ss", "2025-06-15 08:30:00", "2025-06-15T00:30:00.000Z");
    both("uuuu-MM-dd'T'HH:mm:ss.SSSX", "2025-06-15T08:30:00.123+08", "2025-06-15T00:30:00.123Z");
    both("dd/MMM/yyyy:HH:mm:ss Z", "15/Jun/2025:08:30:00 +0800", "2025-06-15T00:30:00.000Z");
    both("MMMM d yyyy", "June 5 2025", "2025-06-04T16:00:00.000Z");
    both("basic_date", "20250615", "2025-06-14T16:00:00.000Z");
    both("strict_date_time", "2025-06-15T08:30:00.000+08:00", "2025-06-15T00:30:00.000Z");
    both("strict_date_optional_time", "2025-06-15T08:30:00.000+08:00", "2025-06-15T00:30:00.000Z");
    both(
        "strict_date_optional_time_nanos",
        "2025-06-15T08:30:00.123456789+08:00",
        "2025-06-15T00:30:00.123456789Z",
    );
    both("yyyy'年'M'月'd'日'", "2025年6月5日", "2025-06-04T16:00:00.000Z");
    both("HH:mm", "08:30", "1970-01-01T00:30:00.000Z");
    both("yyyy[-MM[-dd]]", "2025-06-15", "2025-06-14T16:00:00.000Z");
    both("''yyyy-MM-dd", "'2025-06-15", "2025-06-14T16:00:00.000Z");
    both("yy/M/d", "25/6/5", "2025-06-04T16:00:00.000Z");
    in_zone("+08:00", "yyyy[-MM[-dd]]", "2025-06", "2025-05-31T16:00:00.000Z 2025-06-30T15:59:59.999999999Z");
    in_zone("Z", "epoch_second", "1.5", "1970-01-01T00:00:01.500Z 1970-01-01T00:00:01.599999999Z");
    in_zone("Z", "basic_date||year", "2025", "2025-01-01T00:00:00.000Z 2025-12-31T23:59:59.999999999Z");
}

#[test]
fn what_is_no_format_is_named() {
    #[track_caller]
    fn wrong(format: &str, expected: &str) {
        assert_eq!(DateFormats::read(format).unwrap_err().to_string(), expected);
    }
    wrong("yyyy-ww", "`yyyy-ww` is no date format: `w` is not known");
    wrong("date||nonsense", "`nonsense` is no date format: `o` is not known");
    let unbalanced = |format: &str| FormatError::Unbalanced(format.to_owned()).to_string();
    for format in ["yyyy'T", "yyyy[MM", "yyyy]", &format!("{}{}", "[".repeat(9), "]".repeat(9))] {
        wrong(format, &unbalanced(format));
    }
    wrong(&"y".repeat(1025), "a date format has at most 1024 bytes");
}

#[test]
fn zones_are_read_by_name_and_by_offset() {
    for (text, offset) in
        [("UTC", 0), ("Z", 0), ("+08:00", 8), ("-0500", -5), ("+8", 8), ("UTC+8", 8), ("Asia/Shanghai", 8)]
    {
        let zone = zone(text).unwrap();
        assert_eq!(zone.to_offset(Timestamp::UNIX_EPOCH).seconds(), offset * 3600, "{text}");
    }
    for text in ["", "Mars/Olympus", "+99:00", "+8x", "8"] {
        assert_eq!(zone(text), None, "{text}");
    }
}
