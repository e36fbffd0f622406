//! Clauses as Lucene's own parser makes them: `classic.tsv` holds its answers. Trees are compared by what they find:
//! for every combination of terms that a record may or may not hold, both have to say the same.

use std::collections::BTreeSet;

use super::*;

const ANSWERS: &str = include_str!("classic.tsv");

/// A query of Lucene's.
enum Tree {
    Leaf(String),
    Clauses(Vec<(char, Tree)>),
}

/// Reads `(Term<_:a> +Term<_:b> -(…))`.
fn tree(text: &mut &str) -> Tree {
    let Some(mut inner) = text.strip_prefix('(') else {
        let end = text.find('>').unwrap() + 1;
        let (leaf, rest) = text.split_at(end);
        *text = rest;
        return Tree::Leaf(leaf.to_owned());
    };
    let mut clauses = Vec::new();
    while !inner.starts_with(')') {
        inner = inner.trim_start();
        let occur = if inner.starts_with(['+', '-']) { inner.as_bytes()[0] as char } else { ' ' };
        inner = inner.trim_start_matches(['+', '-']);
        clauses.push((occur, tree(&mut inner)));
    }
    *text = &inner[1..];
    Tree::Clauses(clauses)
}

fn leaves(tree: &Tree, into: &mut BTreeSet<String>) {
    match tree {
        Tree::Leaf(leaf) if is_all(leaf) => {}
        Tree::Leaf(leaf) => drop(into.insert(leaf.clone())),
        Tree::Clauses(clauses) => clauses.iter().for_each(|(_, clause)| leaves(clause, into)),
    }
}

/// Elasticsearch reads a star without a field so.
fn is_all(leaf: &str) -> bool {
    matches!(leaf, "Wildcard<_:*>" | "MatchAllDocs<*:*>")
}

/// Whether a record that holds `terms` is found. Elasticsearch adds a match-all to clauses that are all negative.
fn finds(tree: &Tree, terms: &BTreeSet<&str>) -> bool {
    match tree {
        Tree::Leaf(leaf) => is_all(leaf) || terms.contains(leaf.as_str()),
        Tree::Clauses(clauses) => {
            let of = |occur| clauses.iter().filter(move |(own, _)| *own == occur).map(|(_, clause)| clause);
            let has_optional = of(' ').next().is_some();
            of('+').all(|clause| finds(clause, terms))
                && !of('-').any(|clause| finds(clause, terms))
                && (of('+').next().is_some() || !has_optional || of(' ').any(|clause| finds(clause, terms)))
        }
    }
}

/// The same for a tree of ours.
fn ours(query: &LogQuery, terms: &BTreeSet<&str>) -> bool {
    match query {
        LogQuery::All => true,
        LogQuery::Nothing => false,
        LogQuery::And(parts) => parts.iter().all(|part| ours(part, terms)),
        LogQuery::Or(parts) => parts.iter().any(|part| ours(part, terms)),
        LogQuery::Not(inner) => !ours(inner, terms),
        LogQuery::Field(test) => {
            let (all, leaves) = leaves_of(test);
            let mut held = leaves.iter().map(|leaf| terms.contains(leaf.as_str()));
            if all { held.all(|held| held) } else { held.any(|held| held) }
        }
        other => panic!("no text of the table makes {other:?}"),
    }
}

/// What Lucene calls it, word for word where its analyzer cuts; and whether all of them are needed.
fn leaves_of(test: &FieldTest) -> (bool, Vec<String>) {
    let field = match &test.fields {
        FieldSelection::Any => "_",
        FieldSelection::One(name) => name,
        FieldSelection::Several(_) => panic!("no text of the table asks several fields"),
    };
    let one = |leaf: String| (true, vec![leaf]);
    match &test.test {
        Test::Exists => one(format!("Wildcard<{field}:*>")),
        Test::Words { value, join, .. } => {
            let lower = value.text.to_lowercase();
            let words: Vec<&str> = lower
                .split(|character: char| !(character.is_alphanumeric() || "_.':".contains(character)))
                .filter(|word| !word.is_empty())
                .collect();
            match join {
                Join::Phrase { slop } if words.len() > 1 => {
                    let slop = if *slop > 0 { format!("~{slop}") } else { String::new() };
                    one(format!("Phrase<{field}:\"{}\"{slop}>", words.join(" ")))
                }
                join => {
                    let words = words.iter().map(|word| format!("Term<{field}:{word}>")).collect();
                    (*join != Join::Any, words)
                }
            }
        }
        Test::Prefix { text, .. } => one(format!("Prefix<{field}:{text}*>")),
        Test::Wildcard { pattern, .. } => one(format!("Wildcard<{field}:{pattern}>")),
        Test::Fuzzy { text, edits, .. } => one(format!("Fuzzy<{field}:{text}~{edits}>")),
        Test::Range { lower, upper } => {
            let text = |bound: &Bound| match bound {
                Bound::Open => "*".to_owned(),
                Bound::Included(value) | Bound::Excluded(value) => value.text.clone(),
            };
            let open =
                if matches!(lower, Bound::Included(_)) || lower_is_open(lower, upper) { '[' } else { '{' };
            let close = if matches!(upper, Bound::Excluded(_)) { '}' } else { ']' };
            one(format!("TermRange<{field}:{open}{} TO {}{close}>", text(lower), text(upper)))
        }
        other => panic!("no text of the table makes {other:?}"),
    }
}

/// An open end has no bracket of its own; the table's texts have `{* TO c}` for it.
fn lower_is_open(lower: &Bound, upper: &Bound) -> bool {
    *lower == Bound::Open && !matches!(upper, Bound::Excluded(_))
}

/// Where the trees differ, if they do.
fn difference(operator: &str, text: &str, answer: &str) -> Option<String> {
    let default_operator = if operator == "AND" { Operator::And } else { Operator::Or };
    let parsed = options(Dialect::Elasticsearch, |options| {
        parse(text, &Options { default_operator, ..options.clone() })
    });
    let query = match parsed {
        Ok(parsed) => parsed.query,
        Err(error) => return Some(format!("{operator} {text}: {error}")),
    };
    let theirs = tree(&mut &*answer);
    let mut names = BTreeSet::new();
    leaves(&theirs, &mut names);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let differs = (0..1_u32 << names.len()).any(|combination| {
        let terms = names.iter().enumerate().filter(|(at, _)| combination & (1 << at) != 0);
        let terms: BTreeSet<&str> = terms.map(|(_, name)| *name).collect();
        ours(&query, &terms) != finds(&theirs, &terms)
    });
    differs.then(|| format!("{operator} {text}\n  theirs {answer}\n  ours {}", show(&query)))
}

#[test]
fn clauses_find_what_lucenes_find() {
    let lines: Vec<&str> =
        ANSWERS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() > 1200, "the table is complete");
    let wrong: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            let [operator, text, answer] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            difference(operator, text, answer)
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
