//! Everything else that has a body: several searches, counts, scrolls, aliases, indices and their fields. Each either is
//! taken or refused with a client's status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::{LogTime, Mapping};
use lingshao_wire::date_math;
use lingshao_wire::es::{Context, EsError, UrlParams, count, cursor, indices, mapping, multi, search};
use lingshao_wire::json::Node;

fuzz_target!(|bytes: &[u8]| {
    let zone = date_math::zone("UTC").expect("a known zone");
    let described = Mapping::default();
    let context = Context { now: LogTime::from_millis(1_750_000_000_123), time_zone: &zone, mapping: &described };
    let params = UrlParams::default();
    if let Ok(items) = multi::split(bytes, &params, &context) {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert!(2 * items.len() <= lines + 1);
        let answers: Vec<Result<Vec<u8>, EsError>> = items
            .iter()
            .map(|item| search::read(item.body, &params, &context).map(|_| b"{\"took\":1}".to_vec()))
            .collect();
        let json = multi::render(1, &answers);
        Node::parse_within(std::str::from_utf8(&json).expect("text"), 256).expect("an answer is JSON");
    }
    check(count::read(bytes, &params, &context).map(drop));
    check(cursor::read_scroll(bytes, None, &params, &context).map(drop));
    check(cursor::read_clear_scroll(bytes, None, &context).map(drop));
    check(cursor::read_close_pit(bytes, &context).map(drop));
    check(indices::read_aliases(bytes, &context).map(drop));
    check(mapping::read_field_caps(bytes, &params, &context).map(drop));
    match indices::read_index(bytes, &context) {
        Ok(request) => {
            let fields = mapping::IndexFields { index: "a", mapping: &request.mapping, seen: &[] };
            let json = mapping::render(&[fields]);
            Node::parse_within(std::str::from_utf8(&json).expect("text"), 256).expect("an answer is JSON");
        }
        Err(error) => check(Err(error)),
    }
});

fn check(read: Result<(), EsError>) {
    if let Err(error) = read {
        assert!((400..500).contains(&error.status));
        Node::parse_within(std::str::from_utf8(&error.render()).expect("text"), 256).expect("an error is JSON");
    }
}
