//! Names of indices in paths, and what is said when they are made: settings, descriptions of fields, aliases.

use std::collections::BTreeMap;

use lingshao_model::log::Mapping;

use super::body::{Body, Context, did_you_mean};
use super::params::{list, shorten};
use super::{EsError, UrlParams, glob, mapping};
use crate::json::{Node, Value};

/// Most names of one path or of one request for aliases.
const NAMES_MAX: usize = 1024;

/// Which names may be missing, and what `*` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// Names that do not exist are left out.
    pub ignore_unavailable: bool,
    /// Patterns that match nothing are no error.
    pub allow_no_indices: bool,
    /// `*` stands for what exists; otherwise it is a letter.
    pub expands: bool,
}

impl Default for IndexOptions {
    fn default() -> IndexOptions {
        IndexOptions { ignore_unavailable: false, allow_no_indices: true, expands: true }
    }
}

impl IndexOptions {
    /// Of a URL.
    pub fn of(params: &UrlParams) -> Result<IndexOptions, EsError> {
        let mut options = IndexOptions::default();
        options.ignore_unavailable = params.flag("ignore_unavailable")?.unwrap_or(options.ignore_unavailable);
        options.allow_no_indices = params.flag("allow_no_indices")?.unwrap_or(options.allow_no_indices);
        if let Some(states) = params.list("expand_wildcards") {
            options.expand(&states)?;
        }
        Ok(options)
    }

    /// `open`, `closed`, `hidden`, `all` or `none`: ours are all open.
    pub(crate) fn expand(&mut self, states: &[String]) -> Result<(), EsError> {
        self.expands = false;
        for state in states.iter().flat_map(|states| list(states)) {
            match state.as_str() {
                "open" | "all" => self.expands = true,
                "closed" | "hidden" => {}
                "none" => self.expands = false,
                _ => {
                    let reason = format!("No valid expand wildcard value [{}]", shorten(&state));
                    return Err(EsError::argument(reason));
                }
            }
        }
        Ok(())
    }
}

/// What exists.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Indices, sorted.
    pub indices: &'a [String],
    /// Other names, and the indices that they stand for.
    pub aliases: &'a BTreeMap<String, Vec<String>>,
}

impl Existing<'_> {
    /// The indices that a path or a header names: `shop,logs-*,-logs-old`, `_all`, or nothing at all, which is all.
    /// Sorted, none twice.
    pub fn resolve(&self, names: &[String], options: IndexOptions) -> Result<Vec<String>, EsError> {
        if names.len() > NAMES_MAX {
            return Err(EsError::argument(format!("more than {NAMES_MAX} names of indices")));
        }
        let mut found: Vec<String> = Vec::new();
        let is_all = names.is_empty() || names.iter().all(|name| name == "_all");
        let everything = ["*".to_owned()];
        let names = if is_all { &everything[..] } else { names };
        let mut seen_pattern = false;
        for name in names {
            match name.strip_prefix('-').filter(|_| seen_pattern) {
                Some(excluded) => {
                    let matched = self.matching(excluded);
                    found.retain(|index| !matched.contains(index));
                }
                None if name.contains('*') && options.expands => {
                    seen_pattern = true;
                    let matched = self.matching(name);
                    if matched.is_empty() && !options.allow_no_indices {
                        return Err(EsError::no_index(&shorten(name)));
                    }
                    found.extend(matched);
                }
                None => self.named(name, options, &mut found)?,
            }
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() && !options.allow_no_indices {
            return Err(EsError::no_index(&shorten(&names.join(","))));
        }
        Ok(found)
    }

    fn named(&self, name: &str, options: IndexOptions, found: &mut Vec<String>) -> Result<(), EsError> {
        if self.indices.iter().any(|index| index == name) {
            found.push(name.to_owned());
            return Ok(());
        }
        match self.aliases.get(name) {
            Some(indices) => found.extend(indices.iter().cloned()),
            None if options.ignore_unavailable => {}
            None => return Err(EsError::no_index(&shorten(name))),
        }
        Ok(())
    }

    fn matching(&self, pattern: &str) -> Vec<String> {
        let own = self.indices.iter().filter(|index| glob::matches(pattern, index));
        let aliased = self.aliases.iter().filter(|(alias, _)| glob::matches(pattern, alias));
        own.chain(aliased.flat_map(|(_, indices)| indices)).cloned().collect()
    }
}

/// `PUT /INDEX`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexRequest {
    /// Described fields.
    pub mapping: Mapping,
    /// `settings` as they were given, JSON.
    pub settings: String,
    /// Other names.
    pub aliases: Vec<String>,
}

/// Reads the body that makes an index.
pub fn read_index(bytes: &[u8], context: &Context<'_>) -> Result<IndexRequest, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    let mut request = IndexRequest { settings: "{}".to_owned(), ..IndexRequest::default() };
    let mut described = None;
    for (name, node) in body.object(&root, "create_index")? {
        match name.as_str() {
            "settings" => {
                body.object(node, "settings")?;
                body.text.get(node.start..node.end).unwrap_or("{}").clone_into(&mut request.settings);
            }
            "mappings" => described = Some(node),
            "aliases" => {
                let members = body.object(node, "aliases")?;
                request.aliases = members.iter().map(|(alias, _)| alias.clone()).collect();
            }
            _ => {
                let meant = did_you_mean(name, &["settings", "mappings", "aliases"]);
                let reason = format!("unknown key [{}] for create index{meant}", shorten(name));
                return Err(EsError::new(400, "parse_exception", reason));
            }
        }
    }
    if let Some(node) = described {
        request.mapping = mapping::of_node(&body, node, &request.settings)?;
    }
    Ok(request)
}

/// One action of `POST /_aliases`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasAction {
    /// Names stand for these indices, too.
    Add {
        /// Patterns.
        indices: Vec<String>,
        /// Names.
        aliases: Vec<String>,
    },
    /// They do so no longer.
    Remove {
        /// Patterns.
        indices: Vec<String>,
        /// Patterns of names.
        aliases: Vec<String>,
        /// Whether it is an error if there is no such name.
        must_exist: bool,
    },
    /// Indices go.
    RemoveIndex {
        /// Patterns.
        indices: Vec<String>,
    },
}

/// Reads the body of `POST /_aliases`.
pub fn read_aliases(bytes: &[u8], context: &Context<'_>) -> Result<Vec<AliasAction>, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    let Some(Value::Array(items)) = root.get("actions").map(|node| &node.value) else {
        return Err(EsError::argument("No action specified"));
    };
    if items.len() > NAMES_MAX {
        return Err(EsError::argument(format!("more than {NAMES_MAX} actions")));
    }
    items.iter().map(|item| alias_action(&body, item)).collect()
}

fn alias_action(body: &Body<'_>, node: &Node) -> Result<AliasAction, EsError> {
    let [(kind, inner)] = body.object(node, "actions")? else {
        return Err(body.error(node, "an action is an object with one of add, remove and remove_index"));
    };
    let (mut indices, mut aliases, mut must_exist) = (Vec::new(), Vec::new(), true);
    for (name, value) in body.object(inner, "actions")? {
        match name.as_str() {
            "index" | "indices" => indices.extend(body.texts(value, name)?),
            "alias" | "aliases" => aliases.extend(body.texts(value, name)?),
            "must_exist" => must_exist = body.flag(value, name)?,
            "is_write_index" | "is_hidden" | "routing" | "index_routing" | "search_routing" => {}
            _ => {
                let reason =
                    format!("[{kind}] unknown field [{}]; filtered aliases are not supported", shorten(name));
                return Err(body.content_error(value, &reason));
            }
        }
    }
    if indices.is_empty() {
        return Err(EsError::argument(format!("One of [index] or [indices] is required for [{kind}]")));
    }
    match kind.as_str() {
        "add" | "remove" if aliases.is_empty() => {
            Err(EsError::argument(format!("One of [alias] or [aliases] is required for [{kind}]")))
        }
        "add" => Ok(AliasAction::Add { indices, aliases }),
        "remove" => Ok(AliasAction::Remove { indices, aliases, must_exist }),
        "remove_index" => Ok(AliasAction::RemoveIndex { indices }),
        _ => Err(body.content_error(inner, &format!("[aliases] unknown field [{}]", shorten(kind)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(names: &str, options: IndexOptions) -> Result<String, String> {
        let indices = ["app", "shop", "shop-old"].map(str::to_owned);
        let aliases = BTreeMap::from([("current".to_owned(), vec!["shop".to_owned()])]);
        let existing = Existing { indices: &indices, aliases: &aliases };
        existing.resolve(&list(names), options).map(|found| found.join(",")).map_err(|error| error.reason)
    }

    #[test]
    fn names_and_patterns_are_resolved() {
        let usual = IndexOptions::default();
        for (names, expected) in [
            ("", "app,shop,shop-old"),
            ("_all", "app,shop,shop-old"),
            ("*", "app,shop,shop-old"),
            ("shop", "shop"),
            ("shop,shop", "shop"),
            ("shop*", "shop,shop-old"),
            ("*,-shop*", "app"),
            ("shop*,-shop-old", "shop"),
            ("current,app", "app,shop"),
            ("curr*", "shop"),
            ("none*", ""),
        ] {
            assert_eq!(resolve(names, usual).as_deref(), Ok(expected), "{names}");
        }
        assert_eq!(resolve("shop,none", usual), Err("no such index [none]".to_owned()));
        assert_eq!(resolve("-shop", usual), Err("no such index [-shop]".to_owned()));
        let lenient = IndexOptions { ignore_unavailable: true, ..usual };
        assert_eq!(resolve("shop,none", lenient).as_deref(), Ok("shop"));
        let strict = IndexOptions { allow_no_indices: false, ..usual };
        assert_eq!(resolve("none*", strict), Err("no such index [none*]".to_owned()));
        let literal = IndexOptions { expands: false, ..usual };
        assert_eq!(resolve("shop*", literal), Err("no such index [shop*]".to_owned()));
    }

    #[test]
    fn actions_on_aliases_are_read() {
        let mapping = Mapping::default();
        let now = lingshao_model::log::LogTime(0);
        let context = Context { now, time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping };
        let read = |text: &str| read_aliases(text.as_bytes(), &context);
        let names = |name: &str| vec![name.to_owned()];
        assert_eq!(
            read(
                r#"{"actions": [{"add": {"index": "a", "alias": "x", "is_write_index": true}}, {"remove": {"indices": ["a"], "alias": "y"}}, {"remove_index": {"index": "b"}}]}"#
            ),
            Ok(vec![
                AliasAction::Add { indices: names("a"), aliases: names("x") },
                AliasAction::Remove { indices: names("a"), aliases: names("y"), must_exist: true },
                AliasAction::RemoveIndex { indices: names("b") },
            ])
        );
        let refused = |text: &str| read(text).unwrap_err().reason;
        assert_eq!(refused("{}"), "No action specified");
        assert_eq!(
            refused(r#"{"actions": [{"add": {"index": "a"}}]}"#),
            "One of [alias] or [aliases] is required for [add]"
        );
        assert_eq!(
            refused(r#"{"actions": [{"swap": {"index": "a"}}]}"#),
            "[1:23] [aliases] unknown field [swap]"
        );
    }
}
