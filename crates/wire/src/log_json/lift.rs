//! Objects that are embedded in texts: `Response: {"path": …}` as the shop's plan logs it, or a whole JSON line that a
//! shipper wrapped into its own `message` or `log`.

use std::mem;

use super::draft::Draft;
use super::read;
use super::scan::Scanner;

/// Adds the fields of the object at the end of the message, as far as the record has none of their names. The text
/// stays as it is, but for what is masked in it.
pub(super) fn lift(draft: &mut Draft<'_>) {
    let Some(text) = draft.liftable() else { return };
    if let Some(start) = object_start(&text) {
        if start == 0 {
            draft.message_is_object();
        }
        let (needs_source, own_edits) = (draft.needs_source, mem::take(&mut draft.scratch.edits));
        draft.embedded = true;
        let read = read::object(&mut Scanner::new(&text[start..]), draft);
        debug_assert!(read.is_ok(), "object_start has read it before");
        draft.embedded = false;
        draft.needs_source = needs_source;
        let mut edits = mem::replace(&mut draft.scratch.edits, own_edits);
        if let Some(masker) = draft.settings.masker.as_ref().filter(|_| !edits.is_empty()) {
            // What is masked by its name first, then what looks like a number, as in every text.
            let by_name = format!("{}{}", &text[..start], edits.applied(&text[start..]));
            let mut masked = String::new();
            let by_pattern = masker.text(&by_name, &mut masked);
            draft.replace_message(if by_pattern { &masked } else { &by_name });
        }
    }
    draft.scratch.message = text;
}

/// Where an object begins that ends where the text ends. Braces before it are common: `[job{7}] Response: {…}`.
fn object_start(text: &str) -> Option<usize> {
    const TRIES_MAX: usize = 4; // Each looks at the whole rest.
    memchr::memchr_iter(b'{', text.as_bytes()).take(TRIES_MAX).find(|start| {
        let mut scanner = Scanner::new(&text[*start..]);
        scanner.skip_text().is_ok() && scanner.end().is_ok()
    })
}
