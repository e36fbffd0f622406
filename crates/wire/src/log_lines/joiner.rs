//! Lines that belong to the one before them.

/// Longest record of several lines: the largest stack traces of Java have some hundreds of lines; what comes behind
/// begins a record of its own.
const LINES_MAX: usize = 1_000;
/// Longest record of several lines in bytes: what of a text can be searched.
const BYTES_MAX: usize = crate::log_json::VALUE_BYTES_MAX;

/// Joins stack traces to the line that they belong to. A line continues the one before if it begins with a blank, or
/// with `Traceback`, `Caused by:`, `Suppressed:`, `...`, `goroutine `, or is a bare exception of Java's; in a traceback
/// of Python's also its last line, which names the exception. Objects never continue anything.
#[derive(Debug, Default)]
pub struct Joiner {
    text: String,
    lines: usize,
    in_traceback: bool,
}

impl Joiner {
    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Takes the next line; gives the record that it ends.
    pub fn push(&mut self, line: &str) -> Option<String> {
        let fits = self.lines < LINES_MAX && self.text.len() + 1 + line.len() <= BYTES_MAX;
        if self.lines > 0 && fits && self.continues(line) {
            self.text.push('\n');
            self.text.push_str(line);
            self.lines += 1;
            return None;
        }
        let ended = self.finish();
        self.in_traceback = line.starts_with("Traceback");
        self.text.push_str(line);
        self.lines = 1;
        ended
    }

    /// Gives what is held back: no more lines, or none for a while.
    pub fn finish(&mut self) -> Option<String> {
        let ended = (self.lines > 0).then(|| std::mem::take(&mut self.text));
        self.lines = 0;
        self.in_traceback = false;
        ended.map(|text| text.trim_end().to_owned())
    }

    fn continues(&mut self, line: &str) -> bool {
        const HEADS: [&str; 7] = [
            " ",
            "\t",
            "Caused by:",
            "Suppressed:",
            "...",
            "During handling of the above exception",
            "The above exception was the direct cause",
        ];
        if line.starts_with("Traceback") {
            self.in_traceback = true;
            return true;
        }
        if line.is_empty() || HEADS.iter().any(|head| line.starts_with(head)) {
            return true;
        }
        if line.starts_with('{') {
            return false;
        }
        // `ValueError: …` ends a traceback.
        std::mem::take(&mut self.in_traceback) || line.starts_with("goroutine ") || is_java_exception(line)
    }
}

/// `java.lang.IllegalStateException: …`
fn is_java_exception(line: &str) -> bool {
    let name = line.split([':', ' ']).next().unwrap_or(line);
    name.contains('.')
        && (name.ends_with("Exception") || name.ends_with("Error"))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[&str]) {
        let mut joiner = Joiner::default();
        let mut records: Vec<String> = lines.iter().filter_map(|line| joiner.push(line)).collect();
        records.extend(joiner.finish());
        assert_eq!(records, expected);
        assert!(joiner.is_empty());
    }

    #[test]
    fn stack_traces_belong_to_their_line() {
        check(&[], &[]);
        check(&["a", "b"], &["a", "b"]);
        check(
            &[
                "ERROR x",
                "java.lang.IllegalStateException: no",
                "\tat a.B.c(B.java:1)",
                "Caused by: d",
                "\t... 3 more",
                "INFO y",
            ],
            &[
                "ERROR x\njava.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: d\n\t... 3 more",
                "INFO y",
            ],
        );
        check(
            &[
                "ERROR x",
                "Traceback (most recent call last):",
                "  File \"a.py\", line 1",
                "ValueError: no",
                "INFO y",
            ],
            &[
                "ERROR x\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no",
                "INFO y",
            ],
        );
        check(
            &[
                "Traceback (most recent call last):",
                "  a",
                "KeyError: 1",
                "",
                "During handling of the above exception, another exception occurred:",
                "",
                "Traceback (most recent call last):",
                "  b",
                "ValueError: 2",
                "c",
            ],
            &[
                "Traceback (most recent call last):\n  a\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  b\nValueError: 2",
                "c",
            ],
        );
        check(
            &["panic: x", "", "goroutine 1 [running]:", "\tmain.go:1"],
            &["panic: x\n\ngoroutine 1 [running]:\n\tmain.go:1"],
        );
        check(&["{\"a\":1}", "{\"a\":2}"], &["{\"a\":1}", "{\"a\":2}"]);
        check(&[" a", "b", "", "c"], &[" a", "b", "c"]);
    }

    #[test]
    fn what_never_ends_is_cut() {
        let mut joiner = Joiner::default();
        assert_eq!(joiner.push("a"), None);
        let records: Vec<String> = (0..2 * LINES_MAX).filter_map(|_| joiner.push("\tat b")).collect();
        assert_eq!(
            records.iter().map(|record| record.lines().count()).collect::<Vec<_>>(),
            [LINES_MAX, LINES_MAX]
        );
        let long = format!(" {}", "x".repeat(BYTES_MAX / 2));
        assert_eq!((joiner.push(&long).is_some(), joiner.push(&long).is_some()), (false, true));
    }
}
