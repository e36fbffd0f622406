//! What a record's JSON becomes before it is kept as `source`.

use std::borrow::Cow;
use std::ops::Range;

use crate::prometheus_api::string;

/// Values that are replaced by texts.
#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<Edit>,
    text: String,
}

#[derive(Debug)]
struct Edit {
    token: Range<usize>,
    /// In `Edits::text`.
    text: Range<usize>,
}

impl Edits {
    pub(super) fn clear(&mut self) {
        self.edits.clear();
        self.text.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The value that stands there becomes a text; the last word counts.
    pub(super) fn push(&mut self, token: Range<usize>, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.edits.push(Edit { token, text: start..self.text.len() });
    }

    /// The JSON with all of it done. Control characters, which a sender forgot to escape, become blanks.
    pub(super) fn applied<'j>(&mut self, json: &'j str) -> Cow<'j, str> {
        if self.edits.is_empty() && !json.bytes().any(|byte| byte < b' ') {
            return Cow::Borrowed(json);
        }
        // Stable: of two edits of one place, the later one stays behind the earlier.
        self.edits.sort_by_key(|edit| edit.token.start);
        let mut out = Vec::with_capacity(json.len());
        let mut copied = 0;
        for (index, edit) in self.edits.iter().enumerate() {
            let next = self.edits.get(index + 1);
            if edit.token.is_empty() || next.is_some_and(|next| next.token.start == edit.token.start) {
                continue;
            }
            out.extend_from_slice(&json.as_bytes()[copied..edit.token.start]);
            string(&mut out, &self.text[edit.text.clone()]);
            copied = edit.token.end;
        }
        out.extend_from_slice(&json.as_bytes()[copied..]);
        out.iter_mut().filter(|byte| **byte < b' ').for_each(|byte| *byte = b' ');
        Cow::Owned(String::from_utf8(out).expect("tokens begin and end between characters"))
    }
}
