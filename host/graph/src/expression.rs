//! Conditions and lists in CEL. They are checked when a bundle is loaded, their cost is estimated before each
//! evaluation, and they are evaluated over the few values that they name.

mod cost;
mod fact;
mod facts;
mod kinds;
mod known_values;
mod meter;
mod pattern;
mod place;
mod signatures;
mod surroundings;
mod value;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cel::extractors::This;
use cel::{Context, Env, ExecutionError, Program, Value};
use serde_json::Value as JsonValue;
use signalbox_model::AgentInput;

use crate::json::{Json, count_nodes};
use cost::{Measure, Sizes};
use pattern::Pattern;
use value::{cel_map, cel_texts, cel_value};
use walk::Walk;

pub(crate) use kinds::ValueKinds;
pub(crate) use meter::CostMeter;
pub(crate) use surroundings::{ExpressionProblem, ExpressionPurpose, Surroundings};

pub use meter::{EVALUATION_LIMIT, RUN_LIMIT, STEP_LIMIT};

/// The longest expression in bytes, which bounds the cost of parsing it.
const MAX_SOURCE_BYTES: usize = 1024;

/// The most brackets, `?`, comparisons and sums of an expression. These can nest, and both parser and evaluation
/// recurse, so without a limit an overflow of the stack would end the host.
const MAX_NESTING: usize = 32;

/// The stack of the thread that parses. Only the part that is used occupies memory.
const PARSER_STACK_BYTES: usize = 32 << 20;

/// The most values, on all levels, in a `for-each` list that is a channel alone.
const MAX_LIST_NODES: usize = 50_000;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // The extension's function names differ from those of the standard library, so adding it cannot fail; a test calls
    // each of them.
    let _ = environment.add_extension(cel::extensions::strings);
    Arc::new(environment)
});

/// Building a context costs fifty times more than an evaluation, so it is built once, and each evaluation opens a scope
/// in it.
static CONTEXT: LazyLock<Context<'static, 'static>> = LazyLock::new(|| Context::with_env(Arc::clone(&ENVIRONMENT)));

/// What an edge may read besides the channels: the input and the sender's permissions. Every field of the input always
/// has its type: a missing text or location is `""`, missing data is `{}`.
#[derive(Clone, Debug)]
pub struct Scope {
    input: BTreeMap<&'static str, JsonValue>,
    input_sizes: BTreeMap<&'static str, Measure>,
    permissions: Vec<String>,
}

impl Scope {
    /// The part of this input that edges can read.
    pub fn new(input: &AgentInput, permissions: &[String]) -> Self {
        let of = |value: serde_json::Result<JsonValue>| value.unwrap_or_default();
        Self::of(
            BTreeMap::from([
                ("text", input.content.text.clone().unwrap_or_default().into()),
                ("type", of(serde_json::to_value(input.input_type))),
                ("source", of(serde_json::to_value(input.source))),
                ("data", JsonValue::Object(input.content.data.clone().unwrap_or_default())),
                ("locationId", input.location_id.clone().unwrap_or_default().into()),
            ]),
            permissions,
        )
    }

    fn of(input: BTreeMap<&'static str, JsonValue>, permissions: &[String]) -> Self {
        let input_sizes = input.iter().map(|(name, value)| (*name, measure(value))).collect();
        Self { input, input_sizes, permissions: permissions.to_vec() }
    }
}

/// An expression with its warnings, or the problems that prevent compiling it.
pub(crate) type Compiled = Result<(Expression, Vec<ExpressionProblem>), Vec<ExpressionProblem>>;

/// A compiled expression and the values it reads.
pub(crate) struct Expression {
    source: String,
    program: Program,
    channels: Vec<String>,
    /// Channels that the expression tests for a value with `has(…)`.
    asked: Vec<String>,
    input_fields: BTreeSet<String>,
    reads_permissions: bool,
    patterns: Arc<BTreeMap<String, Pattern>>,
    /// A context with `matches`, when the expression uses that function.
    context: Option<Context<'static, 'static>>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Expression {
    /// Compiles and checks a source. The caller checks the names of channels.
    pub fn compile(source: &str, surroundings: &Surroundings<'_>) -> Compiled {
        if let Some(message) = too_much(source) {
            let help = "let a node compute it into a channel".to_owned();
            return Err(vec![ExpressionProblem::new(message, help)]);
        }
        // The parser recurses deeply, above all in debug builds, and a valid expression may need more stack than a
        // worker has.
        let thread = std::thread::Builder::new().name("cel".to_owned()).stack_size(PARSER_STACK_BYTES);
        std::thread::scope(|scope| {
            let parsing =
                thread.spawn_scoped(scope, || Self::parse(source, surroundings)).map_err(|error| error.to_string());
            parsing.and_then(|parsing| parsing.join().map_err(|_| "the parser gave up".to_owned()))
        })
        .unwrap_or_else(|why| {
            let (message, help) = (format!("the expression cannot be read: {why}"), "try a simpler one".to_owned());
            Err(vec![ExpressionProblem::new(message, help)])
        })
    }

    fn parse(source: &str, surroundings: &Surroundings<'_>) -> Compiled {
        let program = ENVIRONMENT.compile(source).map_err(|errors| syntax_problems(source, &errors))?;
        let mut walk = Walk::new(source, &program);
        walk.visit(program.expression(), &mut Vec::new(), false);
        let Walk { channels, asked, input_fields, reads_permissions, patterns, problems, .. } = walk;
        if !problems.is_empty() {
            return Err(problems);
        }
        let problems = facts::problems(source, &program, surroundings, &patterns);
        if problems.iter().any(|problem| !problem.is_warning) {
            return Err(problems);
        }
        let (channels, patterns) = (channels.into_iter().collect(), Arc::new(patterns));
        let asked = asked.into_iter().collect();
        let context = context_with(&patterns);
        let source = source.to_owned();
        let expression = Self { source, program, channels, asked, input_fields, reads_permissions, patterns, context };
        Ok((expression, problems))
    }

    /// A condition that is always false.
    pub fn never() -> Option<Self> {
        let surroundings =
            Surroundings { wanted: ExpressionPurpose::Condition, channels: &|_| ValueKinds::ANY, permissions: &[] };
        Self::compile("false", &surroundings).ok().map(|(never, _)| never)
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

    /// Where in the source a channel is named, for a caret.
    pub fn place_of(&self, channel: &str) -> Option<Range<usize>> {
        [format!("state.{channel}"), format!("state[\"{channel}\"]"), format!("state['{channel}']")]
            .iter()
            .find_map(|written| self.source.find(written.as_str()).map(|start| start..start + written.len()))
    }

    /// Evaluates a condition.
    pub fn condition<'j>(
        &self,
        read: impl Fn(&str) -> Option<&'j Json>,
        scope: &Scope,
        meter: &mut CostMeter,
    ) -> Result<bool, String> {
        match self.evaluate(read, scope, meter)? {
            Value::Bool(answer) => Ok(answer),
            other => Err(format!("it gives {}, not true or false", kind(&other))),
        }
    }

    /// Evaluates a list of items.
    pub fn items<'j>(
        &self,
        read: impl Fn(&str) -> Option<&'j Json>,
        scope: &Scope,
        meter: &mut CostMeter,
    ) -> Result<Vec<JsonValue>, String> {
        // A channel alone is used as it is, so that no number changes its type by a conversion to CEL and back.
        if let [channel] = self.channels.as_slice()
            && self.source.trim().strip_prefix("state.") == Some(channel.as_str())
        {
            let Some(json) = read(channel) else { return Err(missing(channel)) };
            if json.nodes() > MAX_LIST_NODES {
                return Err(format!(
                    "`state.{channel}` holds {} values, more than the {MAX_LIST_NODES} of a list; let a node cut it into parts",
                    json.nodes()
                ));
            }
            meter.pay_copy(json.nodes(), json.text().len())?;
            return match json.value() {
                JsonValue::Array(items) => Ok(items.clone()),
                other => Err(format!("`state.{channel}` is no list but {other:.60}")),
            };
        }
        match self.evaluate(read, scope, meter)? {
            Value::List(items) => {
                items.iter().map(|item| item.json().map_err(|_| "an item has no form in JSON".to_owned())).collect()
            }
            other => Err(format!("it gives {}, not a list", kind(&other))),
        }
    }

    fn evaluate<'j>(
        &self,
        read: impl Fn(&str) -> Option<&'j Json>,
        scope: &Scope,
        meter: &mut CostMeter,
    ) -> Result<Value, String> {
        let found: Vec<(&str, &Json)> =
            self.channels.iter().filter_map(|channel| Some((channel.as_str(), read(channel)?))).collect();
        let size = |name: &&String| scope.input_sizes.get_key_value(name.as_str()).map(|(name, size)| (*name, *size));
        let input: BTreeMap<&str, Measure> = self.input_fields.iter().filter_map(|name| size(&name)).collect();
        let permissions = if self.reads_permissions { of_texts(&scope.permissions) } else { Measure::default() };
        // The cost is estimated before a value is parsed, and again when its shape is known.
        let of_text = |json: &Json| Measure { nodes: json.nodes() as u64, bytes: json.text().len() as u64, items: 0 };
        let reading = found.iter().map(|(_, json)| of_text(json).work()).chain(input.values().map(|size| size.work()));
        let reading = reading.fold(permissions.work(), u64::saturating_add);
        meter.check(reading)?;
        let channels = found.iter().map(|(name, json)| {
            let items = match json.value() {
                JsonValue::Array(list) => list.len(),
                JsonValue::Object(object) => object.len(),
                _ => 0,
            };
            (*name, Measure { items: items as u64, ..of_text(json) })
        });
        let sizes = Sizes { channels: channels.collect(), input, permissions, patterns: &self.patterns };
        meter.pay(reading.saturating_add(cost::work(self.program.expression(), &sizes)))?;

        let mut inner = self.context.as_ref().unwrap_or(&CONTEXT).new_inner_scope();
        inner.add_variable_as_val("state", cel_map(found.iter().map(|(name, json)| (*name, cel_value(json.value())))));
        let fields = scope.input.iter().filter(|(name, _)| self.input_fields.contains(**name));
        inner.add_variable_as_val("input", cel_map(fields.map(|(name, value)| (*name, cel_value(value)))));
        if self.reads_permissions {
            inner.add_variable_as_val("permissions", cel_texts(&scope.permissions));
        }
        self.program.execute(&inner).map_err(|error| match error {
            ExecutionError::NoSuchKey(key) if self.channels.contains(&key) => missing(&key),
            ExecutionError::NoSuchKey(key) => format!("there is no `{key}`; ask with `has(...)` first"),
            other => cut(&other.to_string()),
        })
    }
}

/// A context for an expression with patterns. Its `matches` looks up compiled patterns and compiles none.
fn context_with(patterns: &Arc<BTreeMap<String, Pattern>>) -> Option<Context<'static, 'static>> {
    if patterns.is_empty() {
        return None;
    }
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    let patterns = Arc::clone(patterns);
    let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| match patterns.get(pattern.as_str()) {
        Some(pattern) => Ok(pattern.is_match(&text)),
        None => Err(ExecutionError::function_error("matches", "the pattern was not written as a string")),
    };
    // Adding cannot fail: the environment has no function of this name, because `cel` is built without its own regular
    // expressions.
    let _ = context.add_function("matches", matches);
    Some(context)
}

/// How large a value is.
fn measure(value: &JsonValue) -> Measure {
    let (nodes, bytes) = count_nodes(value);
    let items = match value {
        JsonValue::Array(list) => list.len(),
        JsonValue::Object(object) => object.len(),
        _ => 0,
    };
    Measure { nodes: nodes as u64, bytes: bytes as u64, items: items as u64 }
}

fn of_texts(texts: &[String]) -> Measure {
    let bytes = texts.iter().map(String::len).sum::<usize>() as u64;
    Measure { nodes: texts.len() as u64 + 1, bytes, items: texts.len() as u64 }
}

/// Shortens an error of CEL, which may repeat whole values.
fn cut(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Brackets inside strings are counted too, because a counter that had to recognise strings could be deceived.
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
    match ask_for(channel) {
        Some(ask) => format!("channel `{channel}` has no value yet; give it an `initial`, or ask with `{ask}` first"),
        None => format!("channel `{channel}` has no value yet; give it an `initial`"),
    }
}

/// How an expression asks whether a channel has a value; none for a name with a dash, because `has` needs a field after
/// a dot and such a name cannot follow a dot.
pub(crate) fn ask_for(channel: &str) -> Option<String> {
    let is_name = !channel.contains('-') && !channel.starts_with(|c: char| c.is_ascii_digit());
    is_name.then(|| format!("has(state.{channel})"))
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

fn syntax_problems(source: &str, errors: &cel::ParseErrors) -> Vec<ExpressionProblem> {
    let problem = |error: &cel::ParseError| ExpressionProblem {
        at: offset(source, error.pos),
        ..ExpressionProblem::new(
            format!("the expression is no CEL: {}", error.msg.trim_start_matches("Syntax error: ")),
            match error.msg.contains("has() macro") {
                true => "write `has(state.name)`: what it asks for is a name that follows a dot".to_owned(),
                false => "for example: state.intent == \"book\" && input.text != \"\"".to_owned(),
            },
        )
    };
    // One mistake causes several errors of the parser; the first one has the place to look at.
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
mod tests;
