//! Runs a parsed template, with the places and words of Go's errors (`text/template`, `exec.go`).

use std::fmt;

use super::functions::{self, Args, Function, Outside, Type};
use super::html::HtmlWriter;
use super::number::quote;
use super::parse::{Trees, is_empty};
use super::print::push_printed;
use super::tree::{Branch, Command, Node, Number, Operand, Pipe, Place, Term, Tree};
use super::value::{ListKind, Value};
use super::{OUTPUT_BYTES_MAX, STEPS_MAX, TemplateError};

/// Most templates, blocks and parentheses that may be open: recursion must end before the stack does.
const DEPTH_MAX: usize = 200;
/// Bytes that cost one step when a function makes or reads them.
const SIZE_OF_STEP: usize = 1024;
/// What an element of a list or map counts as, in bytes.
const SIZE_OF_ELEMENT: usize = 16;
/// Steps that compiling a pattern costs: one within its limit of size may take some milliseconds. Constant ones are
/// compiled once, when the template is parsed.
const STEPS_OF_PATTERN: usize = 50;

/// Where templates are looked up: the text's own, then those of the set.
#[derive(Clone, Copy)]
pub(super) struct Library<'a> {
    pub(super) own: &'a Trees,
    pub(super) shared: Option<&'a Trees>,
}

impl<'a> Library<'a> {
    pub(super) fn get(self, name: &str) -> Option<&'a Tree> {
        let own = self.own.get(name);
        let shared = self.shared.and_then(|shared| shared.get(name));
        // An empty one does not take the place of another.
        let chosen = match (own, shared) {
            (Some(own), Some(shared)) if is_empty(&own.root) => Some(shared),
            (Some(own), _) => Some(own),
            (None, shared) => shared,
        };
        chosen.map(|tree| &**tree)
    }
}

/// Where text goes.
pub(super) enum Output {
    Plain(String),
    Html(HtmlWriter),
}

impl Output {
    fn len(&self) -> usize {
        match self {
            Output::Plain(out) => out.len(),
            Output::Html(writer) => writer.len(),
        }
    }
}

/// Runs a template over a value.
pub(super) fn execute<'a>(
    library: Library<'a>,
    tree: &'a Tree,
    data: &Value<'a>,
    outside: Outside<'_>,
    output: Output,
) -> Result<String, TemplateError> {
    let mut machine = Machine {
        library,
        tree,
        at: At::Start,
        variables: vec![("$", data.clone())],
        frame: 0,
        depth: 0,
        steps: 0,
        outside,
        output,
        last_command: None,
    };
    machine.walk_list(data, &tree.root)?;
    match machine.output {
        Output::Plain(out) => Ok(out),
        Output::Html(writer) => Ok(writer.finish()),
    }
}

/// What is being worked on, for errors.
#[derive(Clone, Copy)]
enum At<'a> {
    Start,
    Node(&'a Node),
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
}

impl At<'_> {
    fn place(&self) -> Place {
        match self {
            At::Start => 0,
            At::Pipe(pipe) => pipe.place,
            At::Command(command) => command.place,
            At::Operand(operand) => operand.place,
            At::Node(node) => match node {
                Node::Text(_) => 0,
                Node::Action { place, .. } | Node::Template { place, .. } => *place,
                Node::If(branch) | Node::With(branch) | Node::Range(branch) => branch.place,
                Node::Break(place) | Node::Continue(place) => *place,
            },
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Start => Ok(()),
            At::Node(node) => node.fmt(f),
            At::Pipe(pipe) => pipe.fmt(f),
            At::Command(command) => command.fmt(f),
            At::Operand(operand) => operand.fmt(f),
        }
    }
}

/// How a list of nodes was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    AtItsEnd,
    ByBreak,
    ByContinue,
}

type Ran<T> = Result<T, TemplateError>;

struct Machine<'a, 'o> {
    library: Library<'a>,
    tree: &'a Tree,
    at: At<'a>,
    /// A stack; a template sees those from `frame` on.
    variables: Vec<(&'a str, Value<'a>)>,
    frame: usize,
    depth: usize,
    steps: usize,
    outside: Outside<'o>,
    output: Output,
    /// Of the action that is run: an escaper at its end does nothing where the output is escaped that way anyway.
    last_command: Option<&'a Command>,
}

impl<'a> Machine<'a, '_> {
    fn error<T>(&self, what: impl fmt::Display) -> Ran<T> {
        let (location, line) = self.tree.source.location(self.at.place());
        let name = quote(&self.tree.name);
        let message = format!("template: {location}: executing {name} at <{}>: {what}", self.at);
        Err(TemplateError { message, line })
    }

    fn step(&mut self, cost: usize) -> Ran<()> {
        self.steps += cost;
        if self.steps > STEPS_MAX {
            return self.error(format!("it takes more than {STEPS_MAX} steps"));
        }
        Ok(())
    }

    /// Counts what is open.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Ran<T>) -> Ran<T> {
        if self.depth >= DEPTH_MAX {
            return self.error(format!("exceeded maximum template depth ({DEPTH_MAX})"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn walk_list(&mut self, dot: &Value<'a>, nodes: &'a [Node]) -> Ran<Left> {
        for node in nodes {
            self.at = At::Node(node);
            self.step(1)?;
            let left = self.walk(dot, node)?;
            if left != Left::AtItsEnd {
                return Ok(left);
            }
        }
        Ok(Left::AtItsEnd)
    }

    fn walk(&mut self, dot: &Value<'a>, node: &'a Node) -> Ran<Left> {
        match node {
            Node::Text(text) => self.write_text(text)?,
            Node::Action { pipe, .. } => {
                self.last_command = pipe.commands.last();
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at = At::Node(node);
                    self.print(&value)?;
                }
            }
            Node::If(branch) => return self.deeper(|machine| machine.walk_if_or_with(dot, branch, false)),
            Node::With(branch) => return self.deeper(|machine| machine.walk_if_or_with(dot, branch, true)),
            Node::Range(branch) => return self.deeper(|machine| machine.walk_range(dot, branch)),
            Node::Template { name, pipe, .. } => {
                self.deeper(|machine| machine.walk_template(dot, name, pipe.as_ref()))?;
            }
            Node::Break(_) => return Ok(Left::ByBreak),
            Node::Continue(_) => return Ok(Left::ByContinue),
        }
        Ok(Left::AtItsEnd)
    }

    fn write_text(&mut self, text: &str) -> Ran<()> {
        match &mut self.output {
            Output::Plain(out) => out.push_str(text),
            Output::Html(writer) => writer.literal(text),
        }
        self.check_length()
    }

    fn check_length(&self) -> Ran<()> {
        if self.output.len() > OUTPUT_BYTES_MAX {
            return self.error(format!("it writes more than {OUTPUT_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    fn print(&mut self, value: &Value<'a>) -> Ran<()> {
        let written = match &mut self.output {
            Output::Plain(out) => {
                push_printed(out, value);
                Ok(())
            }
            Output::Html(writer) => writer.value(value),
        };
        match written {
            Ok(()) => self.check_length(),
            Err(what) => self.error(what),
        }
    }

    fn walk_if_or_with(&mut self, dot: &Value<'a>, branch: &'a Branch, with: bool) -> Ran<Left> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let left = if value.is_true() {
            self.walk_list(if with { &value } else { dot }, &branch.body)
        } else {
            self.walk_list(dot, branch.otherwise.as_deref().unwrap_or(&[]))
        };
        self.variables.truncate(mark);
        left
    }

    fn walk_range(&mut self, dot: &Value<'a>, branch: &'a Branch) -> Ran<Left> {
        let outer = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let mark = self.variables.len();
        let elements = self.elements(&value, branch)?;
        self.step(elements.len() * SIZE_OF_ELEMENT / SIZE_OF_STEP)?;
        let mut left = Left::AtItsEnd;
        if elements.is_empty() {
            left = self.walk_list(dot, branch.otherwise.as_deref().unwrap_or(&[]))?;
        }
        for (index, element) in elements {
            self.step(1)?;
            self.set_range_variables(branch, index, &element)?;
            let ended = self.walk_list(&element, &branch.body)?;
            self.variables.truncate(mark);
            if ended == Left::ByBreak {
                break;
            }
        }
        self.variables.truncate(outer);
        Ok(left)
    }

    /// What there is to go through, each with its index or name.
    fn elements(&mut self, value: &Value<'a>, branch: &'a Branch) -> Ran<Vec<(Value<'a>, Value<'a>)>> {
        let numbered = |index: usize| Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
        let elements = match value {
            Value::List(list) => {
                let items = list.items().iter().cloned().enumerate();
                items.map(|(index, item)| (numbered(index), item)).collect()
            }
            Value::TextMap(map) => {
                map.entries().into_iter().map(|(name, text)| (Value::Text(name), Value::Text(text))).collect()
            }
            Value::AnyMap(map) => {
                map.entries().iter().map(|(name, value)| (Value::Text(name.clone()), value.clone())).collect()
            }
            Value::Missing | Value::NilInterface => Vec::new(),
            _ => match (value.as_int(), value.as_uint()) {
                (None, None) => return self.error(format!("range can't iterate over {}", shown(value))),
                _ if branch.pipe.variables.len() > 1 => {
                    let what = format!("can't use {} to iterate over more than one variable", shown(value));
                    return self.error(what);
                }
                (Some(count), _) => {
                    let count = count.min(i64::try_from(STEPS_MAX).unwrap_or(0) + 1);
                    (0..count).map(|number| (Value::Missing, like(value, number))).collect()
                }
                (_, Some(count)) => {
                    let count = i64::try_from(count).unwrap_or(i64::MAX).min(10_001);
                    (0..count).map(|number| (Value::Missing, like(value, number))).collect()
                }
            },
        };
        Ok(elements)
    }

    fn set_range_variables(&mut self, branch: &'a Branch, index: Value<'a>, element: &Value<'a>) -> Ran<()> {
        let names = &branch.pipe.variables;
        let top = self.variables.len();
        match (names.as_slice(), branch.pipe.assigns) {
            ([], _) => Ok(()),
            ([one], true) => self.assign(one, element.clone()),
            ([first, second, ..], true) => {
                self.assign(first, index)?;
                self.assign(second, element.clone())
            }
            ([_], false) => {
                self.variables[top - 1].1 = element.clone();
                Ok(())
            }
            (_, false) => {
                self.variables[top - 1].1 = element.clone();
                self.variables[top - 2].1 = index;
                Ok(())
            }
        }
    }

    fn walk_template(&mut self, dot: &Value<'a>, name: &'a str, pipe: Option<&'a Pipe>) -> Ran<()> {
        let Some(tree) = self.library.get(name) else {
            return self.error(format!("template {} not defined", quote(name)));
        };
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Missing,
        };
        let (outer_tree, outer_frame, outer_at) = (self.tree, self.frame, self.at);
        self.tree = tree;
        self.frame = self.variables.len();
        self.variables.push(("$", dot.clone()));
        self.walk_list(&dot, &tree.root)?;
        self.variables.truncate(self.frame);
        (self.tree, self.frame, self.at) = (outer_tree, outer_frame, outer_at);
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value<'a>) -> Ran<()> {
        match self.variables[self.frame..].iter_mut().rev().find(|(own, _)| *own == name) {
            Some((_, held)) => {
                *held = value;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn variable(&self, name: &str) -> Ran<Value<'a>> {
        match self.variables[self.frame..].iter().rev().find(|(own, _)| *own == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn pipeline(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Ran<Value<'a>> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.unwrapped());
        }
        let value = value.unwrap_or(Value::Missing);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value<'a>, command: &'a Command, last: Option<Value<'a>>) -> Ran<Value<'a>> {
        let first = &command.operands[0];
        let arguments = &command.operands[1..];
        match &first.term {
            Term::Field(fields) => {
                self.at = At::Operand(first);
                self.fields(dot, dot.clone(), first, fields, arguments, last)
            }
            Term::Chain(inner, fields) => self.chain(dot, first, inner, fields, arguments, last),
            Term::Function(function) => {
                self.at = At::Operand(first);
                self.call(dot, function, None, At::Command(command), arguments, last)
            }
            Term::Pipe(pipe) => {
                self.no_arguments(first, arguments, last.as_ref())?;
                self.deeper(|machine| machine.pipeline(dot, pipe))
            }
            Term::Variable { name, fields } => self.variable_node(dot, first, name, fields, arguments, last),
            term => {
                self.at = At::Operand(first);
                self.no_arguments(first, arguments, last.as_ref())?;
                match term {
                    Term::Bool(value) => Ok(Value::Bool(*value)),
                    Term::Dot => Ok(dot.clone()),
                    Term::Number(number) => self.ideal(number),
                    Term::Text(literal) => Ok(Value::text(literal.text.as_str())),
                    _ => self.error("nil is not a command"),
                }
            }
        }
    }

    fn no_arguments(&self, first: &Operand, arguments: &[Operand], last: Option<&Value<'a>>) -> Ran<()> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        let first = match &first.term {
            Term::Pipe(pipe) => pipe.to_string(),
            _ => first.to_string(),
        };
        self.error(format!("can't give argument to non-function {first}"))
    }

    fn variable_node(
        &mut self,
        dot: &Value<'a>,
        operand: &'a Operand,
        name: &str,
        fields: &'a [String],
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Ran<Value<'a>> {
        self.at = At::Operand(operand);
        let value = self.variable(name)?;
        if fields.is_empty() {
            self.no_arguments(operand, arguments, last.as_ref())?;
            return Ok(value);
        }
        self.fields(dot, value, operand, fields, arguments, last)
    }

    fn chain(
        &mut self,
        dot: &Value<'a>,
        operand: &'a Operand,
        inner: &'a Operand,
        fields: &'a [String],
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Ran<Value<'a>> {
        self.at = At::Operand(inner);
        let value = match &inner.term {
            Term::Pipe(pipe) => self.deeper(|machine| machine.pipeline(dot, pipe))?,
            Term::Function(function) => self.call(dot, function, None, At::Operand(inner), &[], None)?,
            _ => Value::Missing,
        };
        self.fields(dot, value, operand, fields, arguments, last)
    }

    /// `.X.Y.Z`, of which the last may be a method that takes arguments.
    fn fields(
        &mut self,
        dot: &Value<'a>,
        receiver: Value<'a>,
        node: &'a Operand,
        fields: &'a [String],
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Ran<Value<'a>> {
        let Some((final_field, before)) = fields.split_last() else { return Ok(receiver) };
        let mut receiver = receiver;
        for field in before {
            receiver = self.field(dot, field, node, &[], None, receiver)?;
        }
        self.field(dot, final_field, node, arguments, last, receiver)
    }

    fn field(
        &mut self,
        dot: &Value<'a>,
        name: &'a str,
        node: &'a Operand,
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
        receiver: Value<'a>,
    ) -> Ran<Value<'a>> {
        match &receiver {
            Value::Missing => return Ok(Value::Missing),
            Value::NilInterface | Value::NilSample => {
                return self.error(format!("nil pointer evaluating {}.{name}", receiver.type_name()));
            }
            _ => {}
        }
        if let Some(method) = functions::method(&receiver, name) {
            return self.call(dot, method, Some(receiver), At::Operand(node), arguments, last);
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        let found = match &receiver {
            // What is missing is the zero of its type (`missingkey=zero`).
            Value::TextMap(_) | Value::AnyMap(_) if has_arguments => {
                return self.error(format!("{name} is not a method but has arguments"));
            }
            Value::TextMap(map) => Some(Value::Text(map.get(name).unwrap_or("".into()))),
            Value::AnyMap(map) => Some(map.get(name).cloned().unwrap_or(Value::NilInterface)),
            _ => struct_field(&receiver, name),
        };
        match found {
            Some(_) if has_arguments => {
                self.error(format!("{name} has arguments but cannot be invoked as function"))
            }
            Some(value) => Ok(value),
            None => self.error(format!("can't evaluate field {name} in type {}", receiver.type_name())),
        }
    }

    /// `node` is where an error of the function itself is told.
    fn call(
        &mut self,
        dot: &Value<'a>,
        function: Function,
        receiver: Option<Value<'a>>,
        node: At<'a>,
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Ran<Value<'a>> {
        self.step(1)?;
        let name = function.name;
        let wanted = function.parameters.len();
        let given = arguments.len() + usize::from(last.is_some());
        if function.variadic.is_some() {
            if given < wanted {
                let given = arguments.len();
                return self
                    .error(format!("wrong number of args for {name}: want at least {wanted} got {given}"));
            }
        } else if given != wanted {
            return self.error(format!("wrong number of args for {name}: want {wanted} got {given}"));
        }
        if receiver.is_none() && (name == "and" || name == "or") {
            return self.and_or(dot, name == "or", arguments, last);
        }
        let mut values = Vec::with_capacity(given + 1);
        let is_call = receiver.is_none() && name == "call";
        values.extend(receiver);
        let kind =
            |index: usize| function.parameters.get(index).copied().or(function.variadic).unwrap_or(Type::Any);
        for (index, argument) in arguments.iter().enumerate() {
            let value = self.argument(dot, kind(index), argument)?;
            values.push(value);
        }
        if let Some(last) = last {
            let value = self.fitting(last, kind(arguments.len()))?;
            values.push(value);
        }
        if is_call {
            let name = match arguments.first() {
                Some(argument) => argument.to_string(),
                None => shown(&values[0]),
            };
            self.at = node;
            return self.error(format!("error calling call: {}", functions::call_error(&name, &values[0])));
        }
        self.run(function, &values, node, arguments.first())
    }

    fn run(
        &mut self,
        function: Function,
        values: &[Value<'a>],
        node: At<'a>,
        first: Option<&'a Operand>,
    ) -> Ran<Value<'a>> {
        let pattern = match first.map(|operand| &operand.term) {
            Some(Term::Text(literal)) => literal.pattern.as_ref(),
            _ => None,
        };
        if pattern.is_none() && matches!(function.name, "match" | "reReplaceAll") {
            self.step(STEPS_OF_PATTERN)?;
        }
        let mut size: usize = values.iter().map(size).sum();
        let args = Args { values, pattern };
        let is_last =
            matches!((node, self.last_command), (At::Command(own), Some(last)) if std::ptr::eq(own, last));
        let result = match (&self.output, function.name) {
            (Output::Html(writer), name) if is_last && writer.escapes_again(name) => {
                functions::once_escaped(&mut self.outside, function, &args)
            }
            _ => (function.run)(&mut self.outside, &args),
        };
        match result {
            Ok(value) => {
                size += self::size(&value);
                self.step(size / SIZE_OF_STEP)?;
                Ok(value)
            }
            Err(what) => {
                self.at = node;
                self.error(format!("error calling {}: {what}", function.name))
            }
        }
    }

    /// The first that decides, or the last.
    fn and_or(
        &mut self,
        dot: &Value<'a>,
        is_or: bool,
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Ran<Value<'a>> {
        let mut value = Value::Missing;
        for argument in arguments {
            value = self.argument(dot, Type::Reflect, argument)?;
            if value.is_true() == is_or {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn argument(&mut self, dot: &Value<'a>, kind: Type, operand: &'a Operand) -> Ran<Value<'a>> {
        self.at = At::Operand(operand);
        let value = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => {
                return match kind.nil() {
                    Some(nil) => Ok(nil),
                    None => self.error(format!("cannot assign nil to {}", kind.name())),
                };
            }
            Term::Field(fields) => self.fields(dot, dot.clone(), operand, fields, &[], None)?,
            Term::Variable { name, fields } => self.variable_node(dot, operand, name, fields, &[], None)?,
            Term::Pipe(pipe) => self.deeper(|machine| machine.pipeline(dot, pipe))?,
            Term::Function(function) => self.call(dot, function, None, At::Operand(operand), &[], None)?,
            Term::Chain(inner, fields) => self.chain(dot, operand, inner, fields, &[], None)?,
            Term::Bool(_) | Term::Text(_) | Term::Number(_) => return self.constant(kind, operand),
        };
        self.fitting(value, kind)
    }

    /// A constant as the type that is wanted.
    fn constant(&mut self, kind: Type, operand: &'a Operand) -> Ran<Value<'a>> {
        match (kind, &operand.term) {
            (Type::Any | Type::Reflect, Term::Bool(value)) => Ok(Value::Bool(*value)),
            (Type::Any | Type::Reflect, Term::Number(number)) => self.ideal(number),
            (Type::Any | Type::Reflect | Type::Text, Term::Text(literal)) => {
                Ok(Value::text(literal.text.as_str()))
            }
            (Type::Int, Term::Number(Number { int: Some(int), .. })) => Ok(Value::Int(*int)),
            (Type::Duration, Term::Number(Number { int: Some(int), .. })) => {
                Ok(Value::Duration(*int, super::value::Held::Plain))
            }
            (Type::Text, _) => self.error(format!("expected string; found {operand}")),
            (Type::Int | Type::Duration, _) => self.error(format!("expected integer; found {operand}")),
            _ => self.error(format!("can't handle {operand} for arg of type {}", kind.name())),
        }
    }

    /// A number where no type is wanted.
    fn ideal(&self, number: &Number) -> Ran<Value<'a>> {
        let written = &number.written;
        let lower = written.to_ascii_lowercase();
        let is_hex_int = lower.starts_with("0x") && lower.len() > 2 && !lower.contains('p');
        let is_float = !is_hex_int && !written.starts_with('\'') && lower.contains(['.', 'e', 'p']);
        match number {
            Number { float: Some(float), .. } if is_float => Ok(Value::Float(*float)),
            Number { int: Some(int), .. } => Ok(Value::Int(*int)),
            Number { uint: Some(_), .. } => self.error(format!("{written} overflows int")),
            _ => Ok(Value::Missing),
        }
    }

    /// A value where a type is wanted.
    fn fitting(&self, value: Value<'a>, kind: Type) -> Ran<Value<'a>> {
        if value.is_missing() {
            return match kind.nil() {
                Some(nil) => Ok(nil),
                None => self.error(format!("invalid value; expected {}", kind.name())),
            };
        }
        if kind.takes(&value) {
            return Ok(value);
        }
        let (wanted, got) = (kind.name(), value.type_name());
        self.error(format!("wrong type for value; expected {wanted}; got {got}"))
    }
}

fn struct_field<'a>(value: &Value<'a>, name: &str) -> Option<Value<'a>> {
    match value {
        Value::Rule(data) => {
            let fields = super::rule_fields(data);
            fields.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
        }
        Value::Notification(view) => view.field(name),
        Value::Alert(view) => view.field(name),
        Value::Pair(pair) => match name {
            "Name" => Some(Value::Text(pair.0.clone())),
            "Value" => Some(Value::Text(pair.1.clone())),
            _ => None,
        },
        Value::Sample(sample) => match name {
            "Labels" => {
                let pairs = super::value::Pairs::SampleLabels(std::rc::Rc::clone(sample));
                Some(Value::TextMap(super::value::TextMap { pairs, is_kv: false }))
            }
            "Value" => Some(Value::Float(sample.value)),
            _ => None,
        },
        _ => None,
    }
}

/// A number of the type of another.
fn like<'a>(value: &Value<'a>, number: i64) -> Value<'a> {
    match value {
        Value::Int64(_) => Value::Int64(number),
        Value::Month(_) => Value::Month(number),
        Value::Weekday(_) => Value::Weekday(number),
        Value::Duration(_, held) => Value::Duration(number, *held),
        Value::Uint8(_) => Value::Uint8(u8::try_from(number).unwrap_or(0)),
        _ => Value::Int(number),
    }
}

/// As `%v` shows it.
fn shown(value: &Value<'_>) -> String {
    super::print::sprint(std::slice::from_ref(value))
}

/// Bytes, about.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::List(list) if list.kind == ListKind::Texts => {
            list.items().iter().map(|item| SIZE_OF_ELEMENT + item.as_text().map_or(0, str::len)).sum()
        }
        Value::List(list) => SIZE_OF_ELEMENT * list.items().len(),
        Value::AnyMap(map) => SIZE_OF_ELEMENT * map.entries().len(),
        Value::TextMap(map) => SIZE_OF_ELEMENT * map.len(),
        _ => value.as_text().map_or(0, str::len),
    }
}
