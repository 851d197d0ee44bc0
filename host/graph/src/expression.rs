//! Conditions and lists in CEL: checked when a bundle is loaded, evaluated over the few values they name.

mod known_values;
mod walk;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Program, Value};
use signalbox_model::AgentInput;

use crate::json::Json;
use walk::Walk;

/// The longest expression: evaluation has no fuel, so what it may cost is bounded by what may be written.
const MAX_SOURCE_BYTES: usize = 1024;

/// The most brackets, `?`, comparisons and sums, which are what may nest: parser and evaluation recurse, and an overflow
/// would take the host with it.
const MAX_NESTING: usize = 32;

/// The stack that parsing gets; only what is used of it is ever backed by memory.
const PARSER_STACK_BYTES: usize = 32 << 20;

/// The most text that an expression with `map`, `filter`, `all` or `exists` may read.
const MAX_READ_BYTES: usize = 32 << 10;

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
    /// Channels of which it asks whether they have a value.
    asked: Vec<String>,
    /// Permissions that it looks for.
    permissions: Vec<String>,
    reads_input: bool,
    loops: bool,
}

impl Expression {
    /// Compiles and checks a source; the names of channels are checked by the caller, who knows them.
    pub fn compile(source: &str) -> Result<Self, Vec<ExpressionProblem>> {
        if let Some(message) = too_much(source) {
            let help = "let a node compute it into a channel".to_owned();
            return Err(vec![ExpressionProblem { message, help, at: None }]);
        }
        // The parser recurses deeply, in unoptimised builds above all: what is let in needs more than a worker's stack.
        let thread = std::thread::Builder::new().name("cel".to_owned()).stack_size(PARSER_STACK_BYTES);
        std::thread::scope(|scope| {
            let parsing = thread.spawn_scoped(scope, || Self::parse(source)).map_err(|error| error.to_string());
            parsing.and_then(|parsing| parsing.join().map_err(|_| "the parser gave up".to_owned()))
        })
        .unwrap_or_else(|why| {
            let (message, help) = (format!("the expression cannot be read: {why}"), "try a simpler one".to_owned());
            Err(vec![ExpressionProblem { message, help, at: None }])
        })
    }

    fn parse(source: &str) -> Result<Self, Vec<ExpressionProblem>> {
        let program = ENVIRONMENT.compile(source).map_err(|errors| syntax_problems(source, &errors))?;
        let mut walk = Walk::new(source, &program);
        walk.visit(program.expression(), &mut Vec::new(), false);
        let Walk { channels, asked, permissions, reads_input, loops, problems, .. } = walk;
        if !problems.is_empty() {
            return Err(problems);
        }
        let channels = channels.into_iter().collect();
        let (asked, permissions) = (asked.into_iter().collect(), permissions.into_iter().collect());
        Ok(Self { source: source.to_owned(), program, channels, asked, permissions, reads_input, loops })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The channels it reads, sorted.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Whether it asks if a channel has a value, with `has(…)`.
    pub fn asks_for(&self, channel: &str) -> bool {
        self.asked.iter().any(|asked| asked == channel)
    }

    /// The permissions that it looks for among the sender's, sorted.
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }

    /// Where in the source a text is written, for a caret.
    pub fn place_of_text(&self, text: &str) -> Option<Range<usize>> {
        [format!("\"{text}\""), format!("'{text}'")]
            .iter()
            .find_map(|written| self.source.find(written.as_str()).map(|start| start..start + written.len()))
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

/// Counts in strings too: a count that must tell strings apart could be talked out of it.
fn too_much(source: &str) -> Option<String> {
    if source.len() > MAX_SOURCE_BYTES {
        return Some(format!("the expression has {} bytes, more than {MAX_SOURCE_BYTES}", source.len()));
    }
    let words = source.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| *word == "in").count();
    let signs = ["==", "!=", "<", ">", "+", "-", "*", "/", "%", "?", "(", "[", "{"];
    let nesting = words + signs.iter().map(|sign| source.matches(sign).count()).sum::<usize>();
    (nesting > MAX_NESTING)
        .then(|| format!("the expression has {nesting} brackets and operators, more than {MAX_NESTING}"))
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

#[cfg(test)]
mod tests {
    use super::walk::FUNCTIONS;
    use super::*;

    fn scope() -> Scope {
        let strings = ["message", "review"].map(Value::from).to_vec();
        let input = [(Key::from("text".to_owned()), Value::from("Masă la 8"))];
        Scope { input: map_of(input), input_bytes: 10, permissions: Value::List(Arc::new(strings)) }
    }

    fn evaluate(source: &str, x: &str) -> Result<bool, String> {
        let expression = Expression::compile(source).map_err(|problems| format!("{problems:?}"))?;
        let x = Json::parse(x).unwrap();
        expression.condition(|name| (name == "x").then_some(&x), &scope())
    }

    #[test]
    fn every_function_that_is_let_in_works() {
        for (function, source) in FUNCTIONS.iter().zip([
            "bool('true')",
            "bytes('a') == b'a'",
            "'abc'.charAt(1) == 'b'",
            "input.text.contains('Masă')",
            "double('1.5') > 1.0",
            "dyn(1) == 1",
            "'abc'.endsWith('c')",
            "has(state.x) && !has(state.y)",
            "'abc'.indexOf('c') == 2",
            "int('3') == 3",
            "'abca'.lastIndexOf('a') == 3",
            "input.text.lowerAscii() == 'masă la 8'",
            "'aaa'.matches('^a+$')",
            "'abc'.reverse() == 'cba'",
            "size(permissions) == 2",
            "'a b'.split(' ') == ['a', 'b']",
            "input.text.startsWith('M')",
            "string(1) == '1'",
            "'abc'.substring(1) == 'bc'",
            "' a '.trim() == 'a'",
            "type(1) == int",
            "uint(1) == 1u",
            "'a'.upperAscii() == 'A'",
        ]) {
            assert!(source.contains(function), "{source} is about {function}");
            assert_eq!(evaluate(source, "1"), Ok(true), "{source}");
        }
        for source in [
            "permissions.all(p, size(p) > 2)",
            "permissions.exists(p, p == 'review')",
            "permissions.exists_one(p, p == 'review')",
            "permissions.filter(p, p == 'review') == ['review']",
            "permissions.map(p, size(p)) == [7, 6]",
        ] {
            assert_eq!(evaluate(source, "1"), Ok(true), "{source}");
        }
    }

    #[test]
    fn numbers_compare_as_people_expect() {
        for (source, x) in
            [("state.x == 1", "1"), ("state.x + 1 == 2", "1"), ("state.x > 1", "1.5"), ("state.x == 1", "1.0")]
        {
            assert_eq!(evaluate(source, x), Ok(true), "{source} with {x}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_an_error_that_says_why() {
        let why = |source: &str, x: &str| evaluate(source, x).unwrap_err();
        assert!(why("state.y == 1", "1").contains("channel `y` has no value yet"));
        assert!(why("state.x.kind == 1", "{}").contains("there is no `kind`; ask with `has(...)`"));
        assert!(why("state.x", "3").contains("it gives a number, not true or false"));
        assert!(why("state.x > 1", "\"1\"").contains("no matching overload"));
        assert!(why("1 / state.x == 1", "0").contains("ivision by zero"), "{}", why("1 / state.x == 1", "0"));
        let long = format!("[{}0]", "1,".repeat(20_000));
        assert!(why("state.x.exists(n, n > 3)", &long).contains("it loops over"));
        assert_eq!(evaluate("size(state.x) > 3", &long), Ok(true), "without a loop, size does not matter");
    }

    #[test]
    fn an_expression_nested_too_deep_is_refused_and_overflows_no_stack() {
        for source in [
            format!("{}1{}", "(".repeat(500), ")".repeat(500)),
            format!("{}1{}", "[".repeat(500), "]".repeat(500)),
            format!("1{}", "+1".repeat(500)),
            format!("{}1", "1?2:".repeat(250)),
            format!("1{}", " in 1".repeat(200)),
        ] {
            assert!(evaluate(&source, "1").unwrap_err().contains("more than"), "{source}");
        }
        // The most that is let in.
        let most = MAX_NESTING - 1;
        for source in [
            format!("{}true{}", "(".repeat(most), ")".repeat(most)),
            format!("{}true{} != []", "[".repeat(most - 1), "]".repeat(most - 1)),
            format!("{}true", "false ? false : ".repeat(most)),
            format!("0{} != 3", "+1".repeat(most)),
            format!("{}true", "!".repeat(1_000)),
            format!("true{}", "||true".repeat(150)),
        ] {
            assert_eq!(evaluate(&source, "1"), Ok(true), "{source}");
        }
        let fields = format!("has(state.x{})", ".y".repeat(500));
        assert!(evaluate(&fields, "1").is_err());
    }
}
