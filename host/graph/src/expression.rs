//! Conditions and lists in CEL: checked when a bundle is loaded, evaluated over the few values they name.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Program, Value};
use signalbox_model::AgentInput;

use crate::json::Json;
use crate::reader::{listed, suggestion};

/// The longest expression: evaluation has no fuel, so what it may cost is bounded by what may be written.
const MAX_SOURCE_BYTES: usize = 1024;

/// The most text that an expression with `map`, `filter`, `all` or `exists` may read.
const MAX_READ_BYTES: usize = 32 << 10;

const VARIABLES: [&str; 3] = ["state", "input", "permissions"];
const INPUT_FIELDS: [&str; 5] = ["text", "type", "source", "data", "locationId"];

/// Functions that cost no more than what they read; `join`, `replace` and `format` multiply it and are left out.
const FUNCTIONS: [&str; 23] = [
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "has",
    "indexOf",
    "int",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "trim",
    "type",
    "uint",
    "upperAscii",
];
const MACROS: [&str; 5] = ["all", "exists", "exists_one", "filter", "map"];

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // The extension's names are its own, so adding it to the standard library cannot clash; a test calls each of them.
    let _ = environment.add_extension(cel::extensions::strings);
    Arc::new(environment)
});

/// Building it costs fifty times more than an evaluation, so it is built once and each evaluation opens a scope in it.
static CONTEXT: LazyLock<Context<'static, 'static>> = LazyLock::new(|| Context::with_env(Arc::clone(&ENVIRONMENT)));

/// What an edge may look at besides the channels: the input and the sender's permissions. Every field of the input
/// always has its type: a missing text or location is `""`, missing data is `{}`.
#[derive(Clone, Debug)]
pub struct Scope {
    input: Value,
    input_bytes: usize,
    permissions: Value,
}

impl Scope {
    /// What edges see of this input.
    pub fn new(input: &AgentInput, permissions: &[String]) -> Self {
        let data = input.content.data.clone().map_or(serde_json::json!({}), serde_json::Value::Object);
        let text = input.content.text.clone().unwrap_or_default();
        let input_bytes = text.len() + data.to_string().len();
        let field = |name: &str, value: serde_json::Value| (Key::from(name.to_owned()), cel_value(&value));
        let of = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        let fields = [
            field("text", text.into()),
            field("type", of(serde_json::to_value(input.input_type))),
            field("source", of(serde_json::to_value(input.source))),
            field("data", data),
            field("locationId", input.location_id.clone().unwrap_or_default().into()),
        ];
        let permissions = permissions.iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>();
        Self { input: map_of(fields), input_bytes, permissions: Value::List(Arc::new(permissions)) }
    }
}

/// What is wrong with an expression, and where in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpressionProblem {
    pub message: String,
    pub help: String,
    pub at: Option<Range<usize>>,
}

/// A compiled expression and the values it reads.
#[derive(Debug)]
pub(crate) struct Expression {
    source: String,
    program: Program,
    channels: Vec<String>,
    reads_input: bool,
    loops: bool,
}

impl Expression {
    /// Compiles and checks a source; the names of channels are checked by the caller, who knows them.
    pub fn compile(source: &str) -> Result<Self, Vec<ExpressionProblem>> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(vec![ExpressionProblem {
                message: format!("the expression has {} bytes, more than {MAX_SOURCE_BYTES}", source.len()),
                help: "let a node compute it into a channel".to_owned(),
                at: None,
            }]);
        }
        let program = ENVIRONMENT.compile(source).map_err(|errors| syntax_problems(source, &errors))?;
        let mut walk = Walk::new(source, &program);
        walk.visit(program.expression(), &mut Vec::new(), false);
        let Walk { channels, reads_input, loops, problems, .. } = walk;
        if !problems.is_empty() {
            return Err(problems);
        }
        let channels = channels.into_iter().collect();
        Ok(Self { source: source.to_owned(), program, channels, reads_input, loops })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The channels it reads, sorted.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Where in the source a channel is named, for a caret.
    pub fn place_of(&self, channel: &str) -> Option<Range<usize>> {
        [format!("state.{channel}"), format!("state[\"{channel}\"]"), format!("state['{channel}']")]
            .iter()
            .find_map(|written| self.source.find(written.as_str()).map(|start| start..start + written.len()))
    }

    /// Evaluates a condition.
    pub fn condition<'j>(&self, read: impl Fn(&str) -> Option<&'j Json>, scope: &Scope) -> Result<bool, String> {
        match self.evaluate(read, scope)? {
            Value::Bool(answer) => Ok(answer),
            other => Err(format!("it gives {}, not true or false", kind(&other))),
        }
    }

    /// Evaluates a list of items.
    pub fn items<'j>(
        &self,
        read: impl Fn(&str) -> Option<&'j Json>,
        scope: &Scope,
    ) -> Result<Vec<serde_json::Value>, String> {
        // A channel alone is taken as it is: no number changes its type on the way through CEL.
        if let [channel] = self.channels.as_slice()
            && self.source.trim().strip_prefix("state.") == Some(channel.as_str())
        {
            return match read(channel).map(Json::value) {
                Some(serde_json::Value::Array(items)) => Ok(items.clone()),
                Some(other) => Err(format!("`state.{channel}` is no list but {other:.60}")),
                None => Err(missing(channel)),
            };
        }
        match self.evaluate(read, scope)? {
            Value::List(items) => {
                items.iter().map(|item| item.json().map_err(|_| "an item has no form in JSON".to_owned())).collect()
            }
            other => Err(format!("it gives {}, not a list", kind(&other))),
        }
    }

    fn evaluate<'j>(&self, read: impl Fn(&str) -> Option<&'j Json>, scope: &Scope) -> Result<Value, String> {
        let mut bytes = if self.reads_input { scope.input_bytes } else { 0 };
        let mut fields = Vec::new();
        for channel in &self.channels {
            if let Some(json) = read(channel) {
                bytes += json.text().len();
                fields.push((Key::from(channel.clone()), cel_value(json.value())));
            }
        }
        if self.loops && bytes > MAX_READ_BYTES {
            return Err(format!("it loops over {bytes} bytes, more than {MAX_READ_BYTES}; let a node compute it"));
        }
        let mut inner = CONTEXT.new_inner_scope();
        inner.add_variable_from_value("state", map_of(fields));
        if self.reads_input {
            inner.add_variable_from_value("input", scope.input.clone());
        }
        inner.add_variable_from_value("permissions", scope.permissions.clone());
        self.program.execute(&inner).map_err(|error| match error {
            ExecutionError::NoSuchKey(key) if self.channels.contains(&key) => missing(&key),
            ExecutionError::NoSuchKey(key) => format!("there is no `{key}`; ask with `has(...)` first"),
            other => other.to_string(),
        })
    }
}

fn missing(channel: &str) -> String {
    format!("channel `{channel}` has no value yet; give it an `initial`, or ask with `has(state.{channel})` first")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::String(_) => "a string",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        _ => "something else",
    }
}

fn map_of(fields: impl IntoIterator<Item = (Key, Value)>) -> Value {
    Value::Map(Map { map: Arc::new(fields.into_iter().collect()) })
}

/// JSON as CEL sees it: whole numbers are `int`, not `uint`, so that `state.guests + 1` works.
fn cel_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::Int(integer),
            (None, Some(integer)) => Value::UInt(integer),
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(list) => Value::List(Arc::new(list.iter().map(cel_value).collect())),
        serde_json::Value::Object(object) => {
            map_of(object.iter().map(|(key, value)| (Key::from(key.clone()), cel_value(value))))
        }
    }
}

fn syntax_problems(source: &str, errors: &cel::ParseErrors) -> Vec<ExpressionProblem> {
    let problem = |error: &cel::ParseError| ExpressionProblem {
        message: format!("the expression is no CEL: {}", error.msg.trim_start_matches("Syntax error: ")),
        help: "for example: state.intent == \"book\" && input.text != \"\"".to_owned(),
        at: offset(source, error.pos),
    };
    // One mistake makes the parser stumble several times; the first place is the one to look at.
    errors.errors.first().map(problem).into_iter().collect()
}

fn offset(source: &str, (line, column): (isize, isize)) -> Option<Range<usize>> {
    let line_index = usize::try_from(line).ok()?.checked_sub(1)?;
    let column_index = usize::try_from(column).ok()?.checked_sub(1)?;
    let before: usize = source.split_inclusive('\n').take(line_index).map(str::len).sum();
    let rest = source.get(before..)?;
    let within = rest.char_indices().nth(column_index).map_or(rest.len(), |(index, _)| index);
    Some(before + within..before + within)
}

/// One pass over the tree of an expression.
struct Walk<'p> {
    source: &'p str,
    program: &'p Program,
    channels: BTreeSet<String>,
    reads_input: bool,
    loops: bool,
    problems: Vec<ExpressionProblem>,
}

impl<'p> Walk<'p> {
    fn new(source: &'p str, program: &'p Program) -> Self {
        let channels = BTreeSet::new();
        Self { source, program, channels, reads_input: false, loops: false, problems: Vec::new() }
    }

    fn visit(&mut self, node: &'p IdedExpr, bound: &mut Vec<&'p str>, in_loop: bool) {
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.variable(node, name, bound),
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(name) if name == "state" && !bound.contains(&"state") => {
                    self.channels.insert(select.field.clone());
                }
                Expr::Ident(name) if name == "input" && !bound.contains(&"input") => {
                    self.reads_input = true;
                    if !INPUT_FIELDS.contains(&select.field.as_str()) {
                        let help = suggestion(&select.field, "fields of `input`", INPUT_FIELDS);
                        self.problem(node, format!("`input` has no field `{}`", select.field), help, &select.field);
                    }
                }
                _ => self.visit(&select.operand, bound, in_loop),
            },
            Expr::Call(call) => self.call(node, call, bound, in_loop),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element, bound, in_loop)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, bound, in_loop)),
            Expr::Struct(found) => {
                let help = "use a map: {\"key\": value}".to_owned();
                self.problem(node, format!("there is no type `{}`", found.type_name), help, &found.type_name);
            }
            Expr::Comprehension(inner) => {
                if in_loop {
                    let help = "let a node compute it into a channel".to_owned();
                    self.problem(node, "a loop inside a loop may take too long".to_owned(), help, "");
                }
                self.loops = true;
                self.visit(&inner.iter_range, bound, in_loop);
                self.visit(&inner.accu_init, bound, in_loop);
                let depth = bound.len();
                bound.extend([inner.iter_var.as_str(), inner.accu_var.as_str()]);
                bound.extend(inner.iter_var2.as_deref());
                for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.visit(part, bound, true);
                }
                bound.truncate(depth);
            }
        }
    }

    fn entry(&mut self, entry: &'p EntryExpr, bound: &mut Vec<&'p str>, in_loop: bool) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, bound, in_loop),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, bound, in_loop);
                self.visit(&entry.value, bound, in_loop);
            }
        }
    }

    fn call(
        &mut self,
        node: &'p IdedExpr,
        call: &'p cel::common::ast::CallExpr,
        bound: &mut Vec<&'p str>,
        in_loop: bool,
    ) {
        let name = call.func_name.as_str();
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !operator && !FUNCTIONS.contains(&name) {
            let help = suggestion(name, "functions", FUNCTIONS.into_iter().chain(MACROS));
            self.problem(node, format!("there is no function `{name}`"), help, name);
        }
        // `state["my-channel"]` is the only way to write a channel whose name has a dash.
        if name == "_[_]"
            && let [IdedExpr { expr: Expr::Ident(root), .. }, IdedExpr { expr: Expr::Literal(literal), .. }] =
                call.args.as_slice()
            && root == "state"
            && let LiteralValue::String(channel) = literal
        {
            self.channels.insert(channel.inner().to_owned());
            return;
        }
        for part in call.target.iter().map(Box::as_ref).chain(&call.args) {
            self.visit(part, bound, in_loop);
        }
    }

    fn variable(&mut self, node: &'p IdedExpr, name: &'p str, bound: &[&'p str]) {
        if name.starts_with('@') || bound.contains(&name) {
            return;
        }
        match name {
            "state" => {
                let help = "write `state.` and its name, or `state[\"its-name\"]`".to_owned();
                self.problem(node, "`state` must be followed by the name of a channel".to_owned(), help, name);
            }
            "input" => {
                let help = format!("write `input.` and a field: {}", listed(INPUT_FIELDS));
                self.problem(node, "`input` must be followed by the name of a field".to_owned(), help, name);
            }
            "permissions" => {}
            _ => {
                let help = suggestion(name, "variables", VARIABLES);
                let help = format!("{help} (a channel is `state.{name}`)");
                self.problem(node, format!("there is no variable `{name}`"), help, name);
            }
        }
    }

    fn problem(&mut self, node: &IdedExpr, message: String, help: String, written: &str) {
        let at = (!written.is_empty()).then(|| self.source.find(written).map(|start| start..start + written.len()));
        let at = at.flatten().or_else(|| {
            let (start, stop) = self.program.source_info().offset_for(node.id)?;
            Some(start as usize..stop as usize + 1)
        });
        self.problems.push(ExpressionProblem { message, help, at });
    }
}
