//! How clauses become a tree: by precedence, or as Lucene's classic parser does it.

use lingshao_model::log::LogQuery;

use super::{MinimumShouldMatch, Operator};

/// What stands before a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// `+`
    Must,
    /// `-`, `!`, `NOT`
    Not,
}

/// A part of a text between operators.
pub(super) struct Clause {
    /// What stands between it and the one before it.
    pub(super) joined: Option<Operator>,
    pub(super) sign: Option<Sign>,
    /// `None` if nothing can be searched for: a dash alone.
    pub(super) query: Option<LogQuery>,
    /// A single word without anything around it, which Lucene reads together with its neighbours.
    pub(super) plain: Option<String>,
    /// Whether it begins with a lone `*`, which keeps Lucene from joining the words before it.
    pub(super) is_star: bool,
}

/// It does not hold.
pub(super) fn negated(query: LogQuery) -> LogQuery {
    match query {
        LogQuery::All => LogQuery::Nothing,
        LogQuery::Nothing => LogQuery::All,
        query => LogQuery::Not(Box::new(query)),
    }
}

/// NOT binds tighter than AND, AND tighter than OR; neighbours are joined by `default`.
pub(super) fn by_precedence(clauses: Vec<Clause>, default: Operator) -> Option<LogQuery> {
    let mut alternatives: Vec<Vec<LogQuery>> = Vec::new();
    for clause in clauses {
        let Some(query) = clause.query else { continue };
        let query = if clause.sign == Some(Sign::Not) { negated(query) } else { query };
        match alternatives.last_mut() {
            Some(parts) if clause.joined.unwrap_or(default) == Operator::And => parts.push(query),
            _ => alternatives.push(vec![query]),
        }
    }
    one_or(alternatives.into_iter().filter_map(|parts| one_or(parts, LogQuery::And)).collect(), LogQuery::Or)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    Not,
}

/// Lucene's rules: AND makes both its neighbours required, OR makes the one before it optional where neighbours are
/// required by default, and optional clauses do not matter beside required ones, unless so many of them are asked for.
pub(super) fn classic(
    clauses: Vec<Clause>,
    default: Operator,
    minimum: Option<MinimumShouldMatch<'_>>,
) -> Option<LogQuery> {
    let mut placed: Vec<(Occur, LogQuery)> = Vec::new();
    for clause in clauses {
        if let Some((occur, _)) = placed.last_mut().filter(|(occur, _)| *occur != Occur::Not) {
            match clause.joined {
                Some(Operator::And) => *occur = Occur::Must,
                Some(Operator::Or) if default == Operator::And => *occur = Occur::Should,
                _ => {}
            }
        }
        let occur = match (clause.sign, default, clause.joined) {
            (Some(Sign::Not), ..) => Occur::Not,
            (Some(Sign::Must), Operator::Or, _) | (None, Operator::Or, Some(Operator::And)) => Occur::Must,
            (_, Operator::And, joined) if joined != Some(Operator::Or) => Occur::Must,
            _ => Occur::Should,
        };
        if let Some(query) = clause.query {
            placed.push((occur, query));
        }
    }
    boolean(placed, minimum)
}

fn boolean(placed: Vec<(Occur, LogQuery)>, minimum: Option<MinimumShouldMatch<'_>>) -> Option<LogQuery> {
    let has_must = placed.iter().any(|(occur, _)| *occur == Occur::Must);
    let (mut required, mut optional) = (Vec::new(), Vec::new());
    for (occur, query) in placed {
        match occur {
            Occur::Must => required.push(query),
            Occur::Not => required.push(negated(query)),
            Occur::Should => optional.push(query),
        }
    }
    let wanted = match minimum {
        Some(minimum) if !optional.is_empty() => minimum(optional.len()),
        _ => 0,
    };
    let chosen = match wanted {
        0 if has_must => None,
        0 | 1 => one_or(optional, LogQuery::Or),
        min => Some(LogQuery::AtLeast { min, of: optional }),
    };
    one_or(chosen.into_iter().chain(required).collect(), LogQuery::And)
}

/// Nothing of nothing, one as it is, several joined.
fn one_or(mut queries: Vec<LogQuery>, join: fn(Vec<LogQuery>) -> LogQuery) -> Option<LogQuery> {
    if queries.len() > 1 { Some(join(queries)) } else { queries.pop() }
}
