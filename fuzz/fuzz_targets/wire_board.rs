//! A board: every panel has a place in the text, and every byte of a filled-in expression leads back into the original;
//! what is saved of it is a board again, with the same title.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_wire::board;
use lingshao_wire::grafana::{Board, Filled};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines_max = text.matches('\n').count() + 1;
    let meant = Board::is_meant_by(text);
    match Board::read(text) {
        Err(error) => assert!(error.at.line <= lines_max && !error.to_string().is_empty()),
        Ok(board) => {
            assert!(meant);
            for panel in board.all_panels() {
                assert!(panel.at.line <= lines_max);
                for target in &panel.targets {
                    assert!(target.position_within(text, target.expr.len()).line <= lines_max);
                    check(&target.expr);
                }
            }
        }
    }
    check(text);
    if let Ok(upload) = board::Upload::read(text) {
        let saved = board::Board::read(&upload.board.render("u", 7)).expect("what we write is a board");
        assert_eq!((&saved.title, saved.uid.as_deref(), saved.version), (&upload.board.title, Some("u"), Some(7)));
    }
});

fn check(expr: &str) {
    for filled in Filled::of(expr) {
        let mut last = 0;
        for offset in 0..=filled.text.len() {
            let (from, to) = (filled.original(offset), filled.original_end(offset));
            assert!(last <= from && from <= expr.len() && to <= expr.len());
            last = from;
        }
        let _restored = filled.restored(&filled.text);
    }
}
