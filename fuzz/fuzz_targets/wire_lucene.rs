//! Any text, by both sets of habits: a tree that can be written and read again, or an error that points into the text.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use lingshao_model::log::LogTime;
use lingshao_wire::date_math::{self, Clock, DateFormats};
use lingshao_wire::lucene::{Message, Options, Parsed, QueryError, parse, print};

fuzz_target!(|text: &str| {
    let clock = Clock { now: LogTime(1_749_947_400_000_000_000), zone: &TimeZone::UTC };
    let search_box = Options::search_box(clock.clone());
    if let Some(parsed) = checked(text, parse(text, &search_box)) {
        let printed = print(&parsed.query).expect("the box has words for what it read");
        let again = parse(&printed, &search_box);
        // What is written may be longer than what was read, and so may be too long.
        if printed.len() < 8192 {
            assert_eq!(again.expect("what is printed can be read").query, parsed.query, "{printed}");
        }
    }
    if let Some(parsed) = checked(text, parse(text, &Options::elasticsearch(clock.clone()))) {
        // The box has no words for some of what Elasticsearch's dialect can ask.
        let Some(printed) = print(&parsed.query) else { return };
        // Words that stood together are written one by one, which may be too many, or nested too deeply.
        match parse(&printed, &search_box).map_err(|error| error.message) {
            Ok(_) | Err(Message::TooLong | Message::TooDeep | Message::TooManyClauses) => {}
            Err(message) => panic!("{printed}: {message}"),
        }
    }
    let _ = date_math::read(text, &DateFormats::elasticsearch(), &clock);
    if let Ok(formats) = DateFormats::read(text) {
        let written = formats.write(clock.now, clock.zone);
        let _ = date_math::read(&written, &formats, &clock);
    }
});

fn checked(text: &str, result: Result<Parsed, QueryError>) -> Option<Parsed> {
    match result {
        Ok(parsed) => {
            parsed.departures.iter().for_each(|note| assert!(text.get(note.start..note.end).is_some()));
            parsed.hints.iter().for_each(|note| assert!(text.get(note.start..note.end).is_some()));
            Some(parsed)
        }
        Err(error) => {
            assert!(text.get(error.start..error.end).is_some(), "{error:?}");
            None
        }
    }
}
