//! Any text: an expression whose printed forms read back as itself, or an error that points into the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_promql::{ParseOptions, parse_selector, parse_with};

fuzz_target!(|query: &str| {
    if let Ok(matchers) = parse_selector(query) {
        matchers.iter().for_each(|matcher| assert_eq!(matcher.matches(""), matcher.matches_empty()));
    }
    let expr = match parse_with(query, ParseOptions::all()) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(error.span.start <= query.len() && !error.message.is_empty());
            return;
        }
    };
    expr.walk(&mut |node| assert!(query.get(node.span().start..node.span().end).is_some()));
    for printed in [expr.to_string(), expr.prettify()] {
        let again = parse_with(&printed, ParseOptions::all()).expect("what is printed can be read");
        assert_eq!(again.to_string(), expr.to_string());
    }
});
