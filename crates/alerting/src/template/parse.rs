//! Tokens to trees, with the errors of Go's `text/template/parse`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::{self, Function};
use super::lex::{Kind, Lexer, Token};
use super::number::{parse_float, parse_integer, quote, unquote, unquote_character};
use super::tree::{Branch, Command, Literal, Node, Number, Operand, Pipe, Place, Source, Term, Tree};
use super::{FunctionSet, TemplateError};

/// Most blocks and parentheses within each other: recursion must end before the stack does. Go allows 10,000.
const NESTING_MAX: usize = 100;

/// Trees by name.
pub(super) type Trees = BTreeMap<String, Arc<Tree>>;

/// Parses a text and what it defines; the text's own tree bears `name`.
pub(super) fn parse(set: FunctionSet, name: &str, text: &str) -> Result<Trees, TemplateError> {
    let mut parser = Parser {
        set,
        lexer: Lexer::new(text),
        ahead: Vec::with_capacity(3),
        last_line: 0,
        scope: Scope::default(),
        nesting: 0,
        source: Arc::new(Source { name: name.to_owned(), text: text.to_owned() }),
        trees: Trees::new(),
    };
    let root = parser.top_level()?;
    parser.add(name.to_owned(), root)?;
    Ok(parser.trees)
}

/// Whether there is nothing but blanks and definitions in it.
pub(super) fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

struct Parser<'t> {
    set: FunctionSet,
    lexer: Lexer<'t>,
    /// Tokens to be read again, the next one last.
    ahead: Vec<Token<'t>>,
    /// Line of the token that the lexer gave last; errors are told there.
    last_line: usize,
    scope: Scope,
    nesting: usize,
    source: Arc<Source>,
    trees: Trees,
}

/// What begins anew inside a definition.
struct Scope {
    variables: Vec<String>,
    /// How many `range` are open.
    ranges: usize,
    /// Line on which the action began, 0 outside of actions.
    action_line: usize,
}

impl Default for Scope {
    fn default() -> Scope {
        Scope { variables: vec!["$".to_owned()], ranges: 0, action_line: 0 }
    }
}

/// What a textual or control item is.
enum Item {
    Node(Node),
    End,
    Else { if_or_with_follows: bool },
}

type Parsed<T> = Result<T, TemplateError>;

impl<'t> Parser<'t> {
    fn next(&mut self) -> Token<'t> {
        if let Some(token) = self.ahead.pop() {
            return token;
        }
        let token = self.lexer.next();
        self.last_line = token.line;
        token
    }

    fn next_non_space(&mut self) -> Token<'t> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek(&mut self) -> Kind {
        let token = self.next();
        let kind = token.kind;
        self.ahead.push(token);
        kind
    }

    /// Drops spaces.
    fn peek_non_space(&mut self) -> (Kind, Place) {
        let token = self.next_non_space();
        let seen = (token.kind, token.at);
        self.ahead.push(token);
        seen
    }

    fn error<T>(&self, what: impl std::fmt::Display) -> Parsed<T> {
        let line = self.last_line;
        Err(TemplateError { message: format!("template: {}:{line}: {what}", self.source.name), line })
    }

    fn unexpected<T>(&self, token: &Token<'t>, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.describe()));
        }
        let mut extra = String::new();
        let began = self.scope.action_line;
        if began != 0 && began != token.line {
            let lead = if token.value.ends_with(" action") { "" } else { " in action" };
            extra = format!("{lead} started at {}:{began}", self.source.name);
        }
        self.error(format!("{}{extra}", token.value))
    }

    fn expect(&mut self, kinds: &[Kind], context: &str) -> Parsed<Token<'t>> {
        let token = self.next_non_space();
        if kinds.contains(&token.kind) { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Counts what stands within something else.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX {
            return self.error("max expression depth exceeded");
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn top_level(&mut self) -> Parsed<Vec<Node>> {
        let mut root = Vec::new();
        while self.peek() != Kind::Eof {
            let token = self.next();
            if token.kind == Kind::LeftDelim {
                let word = self.next_non_space();
                if word.kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.ahead.push(word);
            }
            self.ahead.push(token);
            match self.text_or_action()? {
                Item::Node(node) => root.push(node),
                Item::End => return self.error("unexpected {{end}}"),
                Item::Else { .. } => return self.error("unexpected {{else}}"),
            }
        }
        Ok(root)
    }

    /// Keeps a template, unless it is empty and one of that name is there.
    fn add(&mut self, name: String, root: Vec<Node>) -> Parsed<()> {
        if self.trees.get(&name).is_some_and(|tree| !is_empty(&tree.root)) {
            if is_empty(&root) {
                return Ok(());
            }
            return self.error(format!("template: multiple definition of template {}", quote(&name)));
        }
        let tree = Tree { name: name.clone(), source: Arc::clone(&self.source), root };
        self.trees.insert(name, Arc::new(tree));
        Ok(())
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.scope);
        let token = self.expect(&[Kind::Str, Kind::RawString], CONTEXT)?;
        let name = self.unquoted(&token)?;
        self.expect(&[Kind::RightDelim], CONTEXT)?;
        let root = self.body_until_end(CONTEXT)?;
        self.add(name, root)?;
        self.scope = outer;
        Ok(())
    }

    fn body_until_end(&mut self, context: &str) -> Parsed<Vec<Node>> {
        match self.item_list()? {
            (root, Item::End) => Ok(root),
            _ => self.error(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn unquoted(&self, token: &Token<'t>) -> Parsed<String> {
        match unquote(&token.value) {
            Some(text) => Ok(text),
            None => self.error("invalid syntax"),
        }
    }

    /// Items up to an end or else.
    fn item_list(&mut self) -> Parsed<(Vec<Node>, Item)> {
        let mut nodes = Vec::new();
        while self.peek_non_space().0 != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                end => return Ok((nodes, end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.value.into_owned()))),
            Kind::LeftDelim => {
                self.scope.action_line = token.line;
                let item = self.nested(Parser::action)?;
                self.scope.action_line = 0;
                Ok(item)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.leave("{{break}}", Node::Break(token.at))?,
            Kind::Continue => self.leave("{{continue}}", Node::Continue(token.at))?,
            Kind::Else => return self.otherwise(),
            Kind::End => {
                self.expect(&[Kind::RightDelim], "end")?;
                return Ok(Item::End);
            }
            Kind::If => Node::If(self.branch("if")?),
            Kind::Range => Node::Range(self.branch("range")?),
            Kind::With => Node::With(self.branch("with")?),
            Kind::Template => self.template()?,
            _ => {
                let place = token.at;
                self.ahead.push(token);
                Node::Action { place, pipe: self.pipeline("command", Kind::RightDelim)? }
            }
        };
        Ok(Item::Node(node))
    }

    fn leave(&mut self, word: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, word);
        }
        if self.scope.ranges == 0 {
            return self.error(format!("{word} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn otherwise(&mut self) -> Parsed<Item> {
        let if_or_with_follows = matches!(self.peek_non_space().0, Kind::If | Kind::With);
        if !if_or_with_follows {
            self.expect(&[Kind::RightDelim], "else")?;
        }
        Ok(Item::Else { if_or_with_follows })
    }

    fn branch(&mut self, word: &str) -> Parsed<Branch> {
        let known = self.scope.variables.len();
        let pipe = self.pipeline(word, Kind::RightDelim)?;
        let ranges = usize::from(word == "range");
        self.scope.ranges += ranges;
        let (body, end) = self.item_list()?;
        self.scope.ranges -= ranges;
        let otherwise = match end {
            Item::Else { if_or_with_follows } => Some(self.else_body(word, if_or_with_follows)?),
            _ => None,
        };
        self.scope.variables.truncate(known);
        Ok(Branch { place: pipe.place, pipe, body, otherwise })
    }

    /// `{{else if x}}` is `{{else}}{{if x}}` with one end for both.
    fn else_body(&mut self, word: &str, if_or_with_follows: bool) -> Parsed<Vec<Node>> {
        if if_or_with_follows {
            match (word, self.peek()) {
                ("if", Kind::If) => {
                    self.next();
                    return Ok(vec![Node::If(self.nested(|parser| parser.branch("if"))?)]);
                }
                ("with", Kind::With) => {
                    self.next();
                    return Ok(vec![Node::With(self.nested(|parser| parser.branch("with"))?)]);
                }
                _ => {}
            }
        }
        match self.item_list()? {
            (body, Item::End) => Ok(body),
            _ => self.error("expected end; found {{else}}"),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outer = std::mem::take(&mut self.scope);
        let root = self.body_until_end(CONTEXT)?;
        self.add(name.clone(), root)?;
        self.scope = outer;
        Ok(Node::Template { place: token.at, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let following = self.next_non_space();
        let pipe = if following.kind == Kind::RightDelim {
            None
        } else {
            self.ahead.push(following);
            Some(self.pipeline(CONTEXT, Kind::RightDelim)?)
        };
        Ok(Node::Template { place: token.at, name, pipe })
    }

    fn template_name(&self, token: &Token<'t>, context: &str) -> Parsed<String> {
        match token.kind {
            Kind::Str | Kind::RawString => self.unquoted(token),
            _ => self.unexpected(token, context),
        }
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let place = self.peek_non_space().1;
        let (variables, assigns) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => {
                    self.ahead.push(token);
                    commands.push(self.command()?);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        self.check_commands(&commands, context)?;
        Ok(Pipe { place, assigns, variables, commands })
    }

    fn check_commands(&self, commands: &[Command], context: &str) -> Parsed<()> {
        if commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        let inert = |command: &Command| {
            let first = &command.operands[0].term;
            matches!(first, Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text(_))
        };
        match commands.iter().skip(1).position(inert) {
            Some(index) => self.error(format!("non executable command in pipeline stage {}", index + 2)),
            None => Ok(()),
        }
    }

    /// `$x :=`, `$x =`, and for `range` `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let mut names = Vec::new();
        loop {
            if self.peek_non_space().0 != Kind::Variable {
                return Ok((names, false));
            }
            let variable = self.next();
            let after = self.next();
            // A space in between must be there again when this is no declaration.
            let (space, sign) =
                if after.kind == Kind::Space { (Some(after), self.next_non_space()) } else { (None, after) };
            let is_comma = sign.kind == Kind::Char && sign.value == ",";
            if !is_comma && !matches!(sign.kind, Kind::Assign | Kind::Declare) {
                self.ahead.push(sign);
                self.ahead.extend(space);
                self.ahead.push(variable);
                return Ok((names, false));
            }
            names.push(variable.value.to_string());
            self.scope.variables.push(variable.value.into_owned());
            if !is_comma {
                return Ok((names, sign.kind == Kind::Assign));
            }
            if context != "range" || names.len() >= 2 {
                return self.error(format!("too many declarations in {context}"));
            }
            let following = self.peek_non_space().0;
            if !matches!(following, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                return self.error("range can only initialize variables");
            }
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let place = self.peek_non_space().1;
        let mut operands = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.ahead.push(token);
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if operands.is_empty() {
            return self.error("empty command");
        }
        compile_pattern(&mut operands);
        Ok(Command { place, operands })
    }

    /// A term and the fields behind it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(mut operand) = self.term()? else { return Ok(None) };
        if self.peek() != Kind::Field {
            return Ok(Some(operand));
        }
        let mut place = None;
        let mut chained = Vec::new();
        while self.peek() == Kind::Field {
            let token = self.next();
            place.get_or_insert(token.at);
            chained.push(token.value[1..].to_owned());
        }
        let place = place.unwrap_or(operand.place);
        match &mut operand.term {
            Term::Field(fields) | Term::Variable { fields, .. } => {
                fields.append(&mut chained);
                operand.place = place;
                Ok(Some(operand))
            }
            Term::Bool(_) | Term::Text(_) | Term::Number(_) | Term::Nil | Term::Dot => {
                self.error(format!("unexpected . after term {}", quote(&operand.to_string())))
            }
            _ => Ok(Some(Operand { place, term: Term::Chain(Box::new(operand), chained) })),
        }
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let place = token.at;
        let term = match token.kind {
            Kind::Identifier => Term::Function(self.function(&token.value)?),
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => self.variable(&token.value)?,
            Kind::Field => Term::Field(vec![token.value[1..].to_owned()]),
            Kind::Bool => Term::Bool(token.value == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => match number(&token.value, token.kind) {
                Ok(number) => Term::Number(number),
                Err(what) => return self.error(what),
            },
            Kind::LeftParen => {
                let pipe =
                    self.nested(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                return Ok(Some(Operand { place: pipe.place, term: Term::Pipe(Box::new(pipe)) }));
            }
            Kind::Str | Kind::RawString => {
                let text = self.unquoted(&token)?;
                Term::Text(Literal { quoted: token.value.to_string(), text, pattern: None })
            }
            _ => {
                self.ahead.push(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { place, term }))
    }

    fn function(&self, name: &str) -> Parsed<Function> {
        match functions::find(self.set, name) {
            Some(function) => Ok(function),
            None => self.error(format!("function {} not defined", quote(name))),
        }
    }

    fn variable(&self, name: &str) -> Parsed<Term> {
        if !self.scope.variables.iter().any(|known| known == name) {
            return self.error(format!("undefined variable {}", quote(name)));
        }
        Ok(Term::Variable { name: name.to_owned(), fields: Vec::new() })
    }
}

/// Patterns are nearly always constants: compiled here, they cost nothing later.
fn compile_pattern(operands: &mut [Operand]) {
    let [Operand { term: Term::Function(function), .. }, Operand { term: Term::Text(literal), .. }, ..] =
        operands
    else {
        return;
    };
    if matches!(function.name, "match" | "reReplaceAll") {
        literal.pattern = lingshao_model::unanchored_regex(&literal.text).ok();
    }
}

fn number(written: &str, kind: Kind) -> Result<Number, String> {
    let mut number = Number { written: written.to_owned(), int: None, uint: None, float: None };
    if kind == Kind::CharConstant {
        let code = u32::from(unquote_character(written)?);
        number.int = Some(i64::from(code));
        number.uint = Some(u64::from(code));
        number.float = Some(f64::from(code));
        return Ok(number);
    }
    if let Some((negative, magnitude)) = parse_integer(written) {
        let signed = i128::from(magnitude) * if negative { -1 } else { 1 };
        number.int = i64::try_from(signed).ok();
        let unsigned = !written.starts_with(['+', '-']) || magnitude == 0;
        number.uint = unsigned.then_some(magnitude);
    }
    number.float = number.int.map(|int| int as f64).or(number.uint.map(|uint| uint as f64));
    if number.float.is_none()
        && let Ok(float) = parse_float(written)
    {
        if !written.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(written)));
        }
        number.float = Some(float);
        let int = float as i64;
        number.int = (int as f64 == float && int != i64::MAX).then_some(int);
        let uint = float as u64;
        number.uint = (uint as f64 == float && uint != u64::MAX).then_some(uint);
    }
    if number.float.is_none() {
        return Err(format!("illegal number syntax: {}", quote(written)));
    }
    Ok(number)
}
