//! Parameters in the URL.

use super::EsError;
use crate::yaml::nearest;

/// Those that every call knows.
const EVERYWHERE: &[&str] = &["pretty", "human", "error_trace", "format", "filter_path"];

/// Names and values of a URL, decoded.
#[derive(Clone, Debug, Default)]
pub struct UrlParams {
    path: String,
    pairs: Vec<(String, String)>,
}

impl UrlParams {
    /// Of a call; the path is what messages name.
    pub fn new(path: &str, pairs: Vec<(String, String)>) -> UrlParams {
        UrlParams { path: path.to_owned(), pairs }
    }

    /// The last value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A list with commas; `None` without the name.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        self.get(name).map(list)
    }

    /// `true`, `false`, or nothing at all, which is `true`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, EsError> {
        match self.get(name) {
            None => Ok(None),
            Some("" | "true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(value) => Err(EsError::argument(format!(
                "Failed to parse value [{}] as only [true] or [false] are allowed.",
                shorten(value)
            ))),
        }
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, EsError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| {
            EsError::argument(format!(
                "Failed to parse int parameter [{name}] with value [{}]",
                shorten(value)
            ))
            .because(EsError::new(
                400,
                "number_format_exception",
                format!("For input string: \"{}\"", shorten(value)),
            ))
        })
    }

    /// A span of time with its unit, in milliseconds.
    pub fn duration(&self, name: &str) -> Result<Option<u64>, EsError> {
        self.get(name).map(|text| super::duration::read(text, name)).transpose()
    }

    /// Whether the answer is indented.
    pub fn is_pretty(&self) -> bool {
        self.get("pretty").is_some_and(|value| value != "false")
    }

    /// Refuses names that are not among these.
    pub fn only(&self, known: &[&str]) -> Result<(), EsError> {
        let is_known = |name: &str| known.contains(&name) || EVERYWHERE.contains(&name);
        let mut strange: Vec<&str> =
            self.pairs.iter().map(|(name, _)| name.as_str()).filter(|name| !is_known(name)).collect();
        strange.sort_unstable();
        strange.dedup();
        if strange.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = strange.iter().take(10).map(|name| self.strange(name, known)).collect();
        let plural = if strange.len() > 1 { "s" } else { "" };
        let path = &self.path;
        Err(EsError::argument(format!(
            "request [{path}] contains unrecognized parameter{plural}: {}",
            named.join(", ")
        )))
    }

    fn strange(&self, name: &str, known: &[&str]) -> String {
        match nearest(name, known.iter().copied()) {
            Some(meant) => format!("[{}] -> did you mean [{meant}]?", shorten(name)),
            None => format!("[{}]", shorten(name)),
        }
    }
}

/// Items between commas, without blanks around them and without empty ones.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Values from outside are quoted back only so far.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> UrlParams {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        UrlParams::new("/shop/_search", owned)
    }

    #[test]
    fn values_are_read_by_their_kind() {
        let own = params(&[("q", "a"), ("q", "b"), ("lenient", ""), ("size", "5"), ("sort", "a:desc, b,")]);
        assert_eq!(own.get("q"), Some("b"));
        assert_eq!(own.flag("lenient"), Ok(Some(true)));
        assert_eq!(own.number("size"), Ok(Some(5)));
        assert_eq!(own.list("sort"), Some(vec!["a:desc".to_owned(), "b".to_owned()]));
        let bad = params(&[("lenient", "1"), ("size", "x")]);
        assert_eq!(
            bad.flag("lenient").unwrap_err().reason,
            "Failed to parse value [1] as only [true] or [false] are allowed."
        );
        assert_eq!(
            bad.number("size").unwrap_err().reason,
            "Failed to parse int parameter [size] with value [x]"
        );
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let refused = |pairs: &[(&str, &str)]| params(pairs).only(&["size", "q"]).unwrap_err().reason;
        assert_eq!(params(&[("q", ""), ("pretty", "")]).only(&["q"]), Ok(()));
        assert_eq!(
            refused(&[("sizes", "1")]),
            "request [/shop/_search] contains unrecognized parameter: [sizes] -> did you mean [size]?"
        );
        assert_eq!(
            refused(&[("xyzzy", "1"), ("foobar", "2")]),
            "request [/shop/_search] contains unrecognized parameters: [foobar], [xyzzy]"
        );
    }
}
