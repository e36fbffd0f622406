//! Clauses, from the operators between them down to single terms.

use lingshao_model::log::{FieldSelection, FieldTest, LogQuery, QueryValue, Test};

use super::combine::{self, Clause, Sign};
use super::note::{HintKind, Notes};
use super::reader::{Place, Reader, Term, is_identifier};
use super::{CLAUSES_MAX, DEPTH_MAX, Dialect, Message, Operator, Options, Parsed, QueryError};

/// What addresses begin with; a field of such a name can be asked in quotes.
const SCHEMES: [&str; 16] = [
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "file",
    "tcp",
    "udp",
    "redis",
    "rediss",
    "postgres",
    "postgresql",
    "mysql",
    "mongodb",
    "amqp",
    "s3",
];

/// Reads one text.
pub(super) struct Parser<'t, 'o> {
    pub(super) reader: Reader<'t>,
    pub(super) options: &'o Options<'o>,
    pub(super) notes: Notes,
    pub(super) regexes: usize,
    count: usize,
    depth: usize,
}

/// The fields that a term asks.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) fields: FieldSelection,
    /// If it is one, and not a pattern.
    pub(super) name: Option<String>,
    lenient: bool,
}

impl Target {
    fn new(fields: FieldSelection, options: &Options<'_>) -> Target {
        let name = match &fields {
            FieldSelection::One(name) => Some(name.clone()),
            _ => None,
        };
        // Among all fields there are always some whose type does not fit.
        Target { lenient: options.lenient || fields == FieldSelection::Any, fields, name }
    }

    pub(super) fn ask(&self, test: Test) -> LogQuery {
        LogQuery::Field(Box::new(FieldTest { fields: self.fields.clone(), test, lenient: self.lenient }))
    }

    pub(super) fn exists(&self) -> LogQuery {
        match self.fields {
            FieldSelection::Any => LogQuery::All,
            _ => self.ask(Test::Exists),
        }
    }

    /// As somebody would type it.
    pub(super) fn shown(&self) -> String {
        match &self.fields {
            FieldSelection::Any => "*".to_owned(),
            FieldSelection::One(name) => name.clone(),
            FieldSelection::Several(names) => names.join(","),
        }
    }

    pub(super) fn with_fields(&self, fields: FieldSelection) -> Target {
        Target { fields, name: None, lenient: self.lenient }
    }

    pub(super) fn with_name(&self, name: String) -> Target {
        self.with_fields(FieldSelection::One(name))
    }

    /// `_exists_:name`
    pub(super) fn asks_existence(&self) -> bool {
        self.name.as_deref() == Some("_exists_")
    }
}

/// How a clause looks; operators in lower case stand only between such that are more than a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Word,
    Structured,
}

impl<'t, 'o> Parser<'t, 'o> {
    pub(super) fn over(text: &'t str, options: &'o Options<'o>) -> Parser<'t, 'o> {
        let reader = Reader::over(text, options.dialect);
        Parser { reader, options, notes: Notes::default(), regexes: 0, count: 0, depth: 0 }
    }

    pub(super) fn whole(mut self) -> Result<Parsed, QueryError> {
        let target = Target::new(self.options.default_fields.clone(), self.options);
        let query = self.clauses(&target)?.unwrap_or(LogQuery::Nothing);
        Ok(Parsed { query, departures: self.notes.departures, hints: self.notes.hints })
    }

    /// Clauses up to the end, or to the bracket that closes them.
    fn clauses(&mut self, target: &Target) -> Result<Option<LogQuery>, QueryError> {
        let mut clauses: Vec<Clause> = Vec::new();
        let mut before = None;
        loop {
            self.reader.skip_blanks();
            match self.reader.mark() {
                None => break,
                Some(')') if self.depth > 0 => break,
                Some(')') => return Err(self.wrong_mark(Message::UnopenedGroup)),
                Some(_) => {}
            }
            let start = self.reader.at;
            let joined = self.conjunction(before)?;
            let behind = if joined.is_some() { Some(Shape::Structured) } else { before };
            let sign = self.sign(behind);
            if joined.is_some() || sign.is_some() {
                self.needs_more(start)?;
            }
            let (clause, shape) = self.clause(target)?;
            clauses.push(Clause { joined, sign, ..clause });
            before = Some(shape);
        }
        Ok(self.combined(target, clauses))
    }

    fn combined(&self, target: &Target, clauses: Vec<Clause>) -> Option<LogQuery> {
        let default = self.options.default_operator;
        match self.options.dialect {
            Dialect::Box => combine::by_precedence(clauses, default),
            Dialect::Elasticsearch => {
                // Counted clauses are those of the text, and only the outermost are counted.
                let minimum = self.options.minimum_should_match.filter(|_| self.depth == 0);
                let clauses = match minimum {
                    Some(_) => clauses,
                    None => self.with_runs(target, clauses),
                };
                combine::classic(clauses, default, minimum)
            }
        }
    }

    /// Lucene gives neighbouring words to the field together: `f:(to be)` asks a keyword field for `to be`, and a text
    /// field for either.
    fn with_runs(&self, target: &Target, clauses: Vec<Clause>) -> Vec<Clause> {
        let goes_on: Vec<bool> = (0..clauses.len()).map(|at| continues_run(&clauses, at)).collect();
        let mut made: Vec<Clause> = Vec::new();
        for (clause, goes_on) in clauses.into_iter().zip(goes_on) {
            match (made.last_mut().and_then(|last| last.plain.as_mut()), &clause.plain) {
                (Some(run), Some(word)) if goes_on => {
                    run.push(' ');
                    run.push_str(word);
                }
                _ => made.push(clause),
            }
        }
        for clause in &mut made {
            if let Some(run) = clause.plain.as_ref().filter(|run| run.contains(' ')) {
                clause.query = Some(self.words(target, QueryValue::new(run)));
            }
        }
        made
    }

    /// An operator between two clauses.
    fn conjunction(&mut self, before: Option<Shape>) -> Result<Option<Operator>, QueryError> {
        let start = self.reader.at;
        let words =
            [("AND", Operator::And), ("OR", Operator::Or), ("&&", Operator::And), ("||", Operator::Or)];
        let lower = [("and", Operator::And), ("or", Operator::Or)];
        let found = words.into_iter().find(|(word, _)| self.reader.is_word(word)).or_else(|| {
            let found =
                lower.into_iter().find(|(word, _)| self.reader.is_box() && self.reader.is_word(word))?;
            (before == Some(Shape::Structured) && self.is_structured_behind(found.0.len())).then_some(found)
        });
        let Some((word, operator)) = found else { return Ok(None) };
        self.reader.at += word.len();
        if before.is_none() {
            return Err(self.reader.error(start, Message::NothingBefore { operator: word.to_owned() }));
        }
        self.reader.skip_blanks();
        Ok(Some(operator))
    }

    /// `+`, `-`, `!`, `NOT` before a clause. Two negations are none.
    fn sign(&mut self, before: Option<Shape>) -> Option<Sign> {
        let mut sign = None;
        while let Some((length, found)) = self.sign_here(before) {
            self.reader.at += length;
            self.reader.skip_blanks();
            sign = match (sign, found) {
                (None, found) => Some(found),
                (Some(Sign::Not), Sign::Not) => Some(Sign::Must),
                (Some(sign), Sign::Must) => Some(sign),
                (Some(Sign::Must), Sign::Not) => Some(Sign::Not),
            };
        }
        sign
    }

    fn sign_here(&self, before: Option<Shape>) -> Option<(usize, Sign)> {
        if self.reader.is_word("NOT") {
            return Some((3, Sign::Not));
        }
        if self.reader.is_word("not") {
            let is_operator = before != Some(Shape::Word) && self.is_structured_behind(3);
            return (self.reader.is_box() && is_operator).then_some((3, Sign::Not));
        }
        let sign = match self.reader.raw()? {
            '+' => Sign::Must,
            '-' | '!' => Sign::Not,
            _ => return None,
        };
        let behind = self.reader.rest()[1..].chars().next();
        let stands_alone = match self.options.dialect {
            Dialect::Elasticsearch => behind.is_some_and(char::is_whitespace),
            Dialect::Box => behind.is_none_or(|next| next.is_whitespace() || "-+=><!|&".contains(next)),
        };
        (!stands_alone).then_some((1, sign))
    }

    /// Whether what follows a word of so many bytes is a field with a value, a group or a quoted text.
    fn is_structured_behind(&self, length: usize) -> bool {
        let mut ahead = self.reader;
        ahead.at += length;
        ahead.skip_blanks();
        for not in ["NOT", "not"] {
            if ahead.is_word(not) {
                ahead.at += not.len();
                ahead.skip_blanks();
                break;
            }
        }
        if matches!(ahead.mark(), Some('-' | '!' | '+')) {
            ahead.bump();
        }
        if matches!(ahead.mark(), Some('(' | '"')) {
            return true;
        }
        let Ok(term) = ahead.term(Place::Start) else { return false };
        ahead.skip_blanks();
        !term.text.is_empty() && (ahead.mark() == Some(':') || matches!(ahead.mark(), Some('>' | '<')))
    }

    /// Behind an operator there has to be a clause.
    fn needs_more(&mut self, start: usize) -> Result<(), QueryError> {
        if !matches!(self.reader.mark(), None | Some(')')) {
            return Ok(());
        }
        let operator = self.reader.since(start).trim().to_owned();
        Err(self.reader.error(start, Message::NothingBehind { operator }))
    }

    fn clause(&mut self, target: &Target) -> Result<(Clause, Shape), QueryError> {
        self.count += 1;
        if self.count > CLAUSES_MAX {
            return Err(self.wrong_mark(Message::TooManyClauses));
        }
        let start = self.reader.at;
        if let Some(fields) = self.quoted_name() {
            return Ok((clause(self.fielded(fields, start)?), Shape::Structured));
        }
        match self.reader.mark() {
            Some('(' | '"' | '[' | '{' | '~') => Ok((clause(self.value_of(target)?), Shape::Structured)),
            Some('/') => Ok((clause(self.value_of(target)?), Shape::Word)),
            _ => self.word(target),
        }
    }

    /// The box takes `"my field":x`.
    fn quoted_name(&mut self) -> Option<FieldSelection> {
        if !self.reader.is_box() || self.reader.mark() != Some('"') {
            return None;
        }
        let mut ahead = self.reader;
        let name = ahead.quoted().ok()?;
        if ahead.mark() != Some(':') {
            return None;
        }
        self.note_full_width();
        self.reader.at = ahead.at;
        Some(FieldSelection::One(name))
    }

    /// A term that begins without a mark of its own: a word, or a field and its value.
    fn word(&mut self, target: &Target) -> Result<(Clause, Shape), QueryError> {
        let start = self.reader.at;
        if self.is_comparison(target)? {
            return Ok((clause(Some(self.comparison(target)?)), Shape::Structured));
        }
        let mut term = self.reader.term(Place::Start)?;
        if term.text.is_empty() {
            return Err(match self.reader.mark() {
                Some(':') => self.wrong_mark(Message::MissingField),
                _ => self.wrong_mark(Message::Unexpected { character: self.reader.raw().unwrap_or(' ') }),
            });
        }
        if matches!(term.bare(), "AND" | "OR" | "NOT" | "&&" | "||") {
            return Err(self.reader.error(start, Message::NothingBefore { operator: term.text }));
        }
        if self.is_text_with_colon(&term) {
            self.reader.at = start;
            term = self.reader.term(Place::Value)?;
        } else if let Some(fields) = self.field_here(&term) {
            return Ok((clause(self.fielded(fields, start)?), Shape::Structured));
        } else if let Some(query) = self.field_without_colon(&term)? {
            return Ok((clause(Some(query)), Shape::Structured));
        }
        Ok((self.plain_word(target, term)?, Shape::Word))
    }

    fn plain_word(&mut self, target: &Target, term: Term) -> Result<Clause, QueryError> {
        if matches!(term.bare(), "+" | "-" | "!") {
            // Lucene's analyzer finds nothing in it.
            self.no_word(&term);
            return Ok(clause(None));
        }
        self.word_hints(&term);
        let end = self.reader.at;
        let is_star = term.is_star();
        // A number is found for itself, also where a keyword field would have been asked for all of them as one text.
        let plain = Some(term.text.clone()).filter(|text| term.wildcards == 0 && is_text(text));
        let query = self.term_query(target, term)?;
        // Nor are a fuzzy word, a boosted one and a dash alone joined with their neighbours.
        let plain = plain.filter(|_| self.reader.at == end && query.is_some());
        Ok(Clause { plain, is_star, ..clause(query) })
    }

    /// Whether `>5` stands here for fields that are known: `status:(>=500 OR <200)`.
    fn is_comparison(&self, target: &Target) -> Result<bool, QueryError> {
        let mut ahead = self.reader;
        let Some(operator) = ahead.comparison() else { return Ok(false) };
        let next = ahead.raw();
        if target.fields != FieldSelection::Any {
            return Ok(next.is_some_and(|next| !next.is_whitespace() && next != ')'));
        }
        match next {
            Some('0'..='9') if self.reader.is_box() => {
                Err(ahead.error(self.reader.at, Message::ComparisonWithoutField { operator }))
            }
            _ => Ok(false),
        }
    }

    /// Nothing can be searched for.
    pub(super) fn no_word(&mut self, term: &Term) {
        if self.reader.is_box() {
            self.notes.hint(term.start, term.end, HintKind::NoWord);
        }
    }

    /// `127.0.0.1:8080`, `12:30:45`, `http://…`: no field is named so.
    fn is_text_with_colon(&self, term: &Term) -> bool {
        let behind = self.reader.rest().strip_prefix(':').filter(|_| !term.is_escaped);
        let Some(behind) = behind else { return false };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let is_word = behind.starts_with(|next: char| !next.is_whitespace() && next != ')');
        let is_address = behind.starts_with("//") && SCHEMES.contains(&term.text.as_str());
        is_address || (self.reader.is_box() && is_word && is_number(&term.text))
    }

    /// The field that a term names, if a colon follows it, also behind blanks.
    fn field_here(&mut self, term: &Term) -> Option<FieldSelection> {
        let mut ahead = self.reader;
        ahead.skip_blanks();
        if ahead.mark() != Some(':') {
            return None;
        }
        self.reader.at = ahead.at;
        // Elasticsearch's own way to write a pattern of names is `payload.\*:x`.
        let name = term.text.clone();
        Some(match name.contains('*') {
            false => FieldSelection::One(name),
            true if name == "*" => FieldSelection::Any,
            true => FieldSelection::Several(vec![name]),
        })
    }

    /// The colon and what follows it.
    fn fielded(&mut self, fields: FieldSelection, start: usize) -> Result<Option<LogQuery>, QueryError> {
        self.take_mark();
        self.reader.skip_blanks();
        let target = Target::new(fields, self.options);
        let is_operator = ["AND", "OR", "NOT", "&&", "||"].iter().any(|word| self.reader.is_word(word));
        if is_operator || matches!(self.reader.mark(), None | Some(')')) {
            return Err(self.reader.error(start, Message::MissingValue { field: target.shown() }));
        }
        self.value_of(&target)
    }

    /// A value: in brackets, in quotes, between slashes, behind a comparison, or as it stands.
    pub(super) fn value_of(&mut self, target: &Target) -> Result<Option<LogQuery>, QueryError> {
        match self.reader.mark() {
            Some('(') => self.group(target),
            Some('"') => self.phrase(target),
            Some('[' | '{') => self.range(target).map(Some),
            Some('/') => self.slashed(target).map(Some),
            Some('~') => self.quoted_regex(target).map(Some),
            Some('>' | '<') => self.comparison(target).map(Some),
            _ => {
                let term = self.reader.term(Place::Value)?;
                if term.text.is_empty() {
                    let character = self.reader.raw().unwrap_or(' ');
                    return Err(self.wrong_mark(Message::Unexpected { character }));
                }
                self.term_query(target, term)
            }
        }
    }

    fn group(&mut self, target: &Target) -> Result<Option<LogQuery>, QueryError> {
        let open = self.reader.at;
        self.take_mark();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.reader.error(open, Message::TooDeep));
        }
        self.reader.skip_blanks();
        if self.reader.mark() == Some(')') {
            self.reader.bump();
            return Err(self.reader.error(open, Message::EmptyGroup));
        }
        let query = self.clauses(target)?;
        self.depth -= 1;
        if self.reader.mark() != Some(')') {
            self.reader.at = open;
            self.reader.bump();
            return Err(self.reader.error(open, Message::UnclosedGroup));
        }
        self.take_mark();
        self.skip_boost()?;
        Ok(query)
    }

    /// The box: `f = x` is a mistake, `f > 2` and `f>2` are comparisons.
    fn field_without_colon(&mut self, term: &Term) -> Result<Option<LogQuery>, QueryError> {
        if !self.reader.is_box() || term.wildcards > 0 {
            return Ok(None);
        }
        let mut ahead = self.reader;
        if ahead.skip_blanks() && !term.is_escaped {
            self.refuse_equals(term, ahead)?;
            if matches!(ahead.mark(), Some('>' | '<')) && is_identifier(&term.text) {
                self.reader.at = ahead.at;
                let target = Target::new(FieldSelection::One(term.text.clone()), self.options);
                return self.comparison(&target).map(Some);
            }
        }
        let Some(length) = term.bare().find(['>', '<', '＞', '＜']) else { return Ok(None) };
        let (name, value) = term.text.split_at(length);
        let value = value.trim_start_matches(['>', '<', '＞', '＜', '=', '-']);
        if !is_identifier(name) || !value.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(None);
        }
        self.reader.at = term.start + length;
        self.comparison(&Target::new(FieldSelection::One(name.to_owned()), self.options)).map(Some)
    }

    fn refuse_equals(&mut self, term: &Term, mut ahead: Reader<'t>) -> Result<(), QueryError> {
        let operators = ["==", "!=", "="];
        let Some(operator) = operators.into_iter().find(|sign| ahead.rest().starts_with(sign)) else {
            return Ok(());
        };
        let start = ahead.at;
        ahead.at += operator.len();
        let end = ahead.at;
        if !ahead.skip_blanks() || !is_identifier(&term.text) {
            return Ok(());
        }
        let value = ahead.rest().split_whitespace().next().unwrap_or("value");
        let sign = if operator == "!=" { "NOT " } else { "" };
        let instead = format!("{sign}{}:{value}", term.text);
        Err(QueryError { start, end, message: Message::EqualsSign { operator, instead } })
    }

    fn word_hints(&mut self, term: &Term) {
        if !self.reader.is_box() {
            return;
        }
        let operator = match term.bare() {
            "and" => "AND",
            "or" => "OR",
            "not" => "NOT",
            bare => {
                let parts =
                    bare.split_once('=').filter(|(name, value)| is_identifier(name) && !value.is_empty());
                if let Some((name, value)) = parts.filter(|(_, value)| !value.starts_with('=')) {
                    let instead = format!("{name}:{value}");
                    self.notes.hint(term.start, term.end, HintKind::EqualsInWord { instead });
                }
                return;
            }
        };
        let word = term.text.clone();
        self.notes.hint(term.start, term.end, HintKind::WordNotOperator { word, operator });
    }

    /// What stands in quotes here.
    pub(super) fn quoted(&mut self) -> Result<String, QueryError> {
        self.note_full_width();
        self.reader.quoted()
    }

    /// Takes a mark, and tells if it was a full-width one.
    pub(super) fn take_mark(&mut self) -> Option<char> {
        let mark = self.reader.mark();
        self.note_full_width();
        self.reader.bump();
        mark
    }

    pub(super) fn note_full_width(&mut self) {
        if let (Some(typed), Some(read)) = (self.reader.raw(), self.reader.mark()) {
            let start = self.reader.at;
            if typed != read && !self.notes.hints.iter().any(|hint| is_full_width(&hint.kind, typed)) {
                self.notes.hint(start, start + typed.len_utf8(), HintKind::FullWidth { typed, read });
            }
        }
    }

    /// `^2`: hits are ordered by time, so it only has to be a number.
    pub(super) fn skip_boost(&mut self) -> Result<(), QueryError> {
        if self.reader.mark() != Some('^') {
            return Ok(());
        }
        let start = self.reader.at;
        self.reader.bump();
        let rest = self.reader.rest();
        let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        self.reader.at += length;
        match rest[..length].parse::<f64>() {
            Ok(_) => Ok(()),
            Err(_) => Err(self.reader.error(start, Message::BadBoost)),
        }
    }

    /// An error about the character here.
    pub(super) fn wrong_mark(&self, message: Message) -> QueryError {
        let (start, width) = (self.reader.at, self.reader.raw().map_or(0, char::len_utf8));
        QueryError { start, end: start + width, message }
    }
}

fn clause(query: Option<LogQuery>) -> Clause {
    Clause { joined: None, sign: None, query, plain: None, is_star: false }
}

/// Whether a clause is a word that belongs to the run of words before it: both have nothing around them, and what
/// follows does not ask for this word alone.
fn continues_run(clauses: &[Clause], at: usize) -> bool {
    let is_free =
        |clause: &Clause| clause.plain.is_some() && clause.joined.is_none() && clause.sign.is_none();
    let leaves_free = |next: &Clause| next.joined.is_none() && (next.sign.is_some() || !next.is_star);
    at > 0
        && is_free(&clauses[at - 1])
        && is_free(&clauses[at])
        && clauses.get(at + 1).is_none_or(leaves_free)
}

fn is_text(text: &str) -> bool {
    let value = QueryValue::new(text);
    value.number.is_none() && value.ip.is_none() && !text.starts_with(['>', '<'])
}

fn is_full_width(kind: &HintKind, mark: char) -> bool {
    matches!(kind, HintKind::FullWidth { typed, .. } if *typed == mark)
}
