//! The kinds of values that operators and functions take and return.

use cel::common::ast::operators;

use super::kinds::ValueKinds;

/// Functions that cost no more than reading their arguments, each with its spelling. `join`, `replace` and `format` may
/// return a multiple of their arguments and are left out.
pub(super) const FUNCTIONS: [(&str, &str); 23] = [
    ("bool", "bool(text)"),
    ("bytes", "bytes(text)"),
    ("charAt", "text.charAt(0)"),
    ("contains", "text.contains(\"part\")"),
    ("double", "double(number)` or `double(text)"),
    ("dyn", "dyn(value)"),
    ("endsWith", "text.endsWith(\"end\")"),
    ("has", "has(state.name)"),
    ("indexOf", "text.indexOf(\"part\")` or `text.indexOf(\"part\", 3)"),
    ("int", "int(number)` or `int(text)"),
    ("lastIndexOf", "text.lastIndexOf(\"part\")` or `text.lastIndexOf(\"part\", 3)"),
    ("lowerAscii", "text.lowerAscii()"),
    ("matches", "text.matches(\"pattern\")"),
    ("reverse", "text.reverse()"),
    ("size", "size(value)` of a string, a list, a map or bytes, or `value.size()"),
    ("split", "text.split(\",\")` or `text.split(\",\", 2)"),
    ("startsWith", "text.startsWith(\"start\")"),
    ("string", "string(value)` of a number, a string, bytes, `true` or `false"),
    ("substring", "text.substring(1)` or `text.substring(1, 3)"),
    ("trim", "text.trim()"),
    ("type", "type(value)"),
    ("uint", "uint(number)` or `uint(text)"),
    ("upperAscii", "text.upperAscii()"),
];

/// The macros that expand to loops, each with its spelling.
pub(super) const MACROS: [(&str, &str); 5] = [
    ("all", "list.all(x, x > 0)"),
    ("exists", "list.exists(x, x > 0)"),
    ("exists_one", "list.exists_one(x, x > 0)"),
    ("filter", "list.filter(x, x > 0)"),
    ("map", "list.map(x, x + 1)"),
];

/// The names of the functions.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.into_iter().map(|(name, _)| name)
}

/// The spelling of an operator.
pub(super) fn sign(operator: &str) -> String {
    operator.trim_matches(['_', '@']).replace("[_]", "[…]").replace("[?_]", "[?…]").replace("?_:", "? :")
}

/// The spelling of a function or an operator with its arguments, for help texts.
pub(super) fn form(function: &str) -> String {
    let listed = FUNCTIONS.into_iter().chain(MACROS).find(|(name, _)| *name == function);
    match function {
        _ if listed.is_some() => listed.map(|(_, form)| format!("write `{form}`")).unwrap_or_default(),
        operators::ADD => "`+` adds two numbers of one kind, or joins two strings or two lists: `string(…)`, `int(…)` \
                           and `double(…)` convert"
            .to_owned(),
        operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO | operators::NEGATE => {
            format!("`{}` takes numbers of one kind: `int(…)` and `double(…)` convert", sign(function))
        }
        operators::LOGICAL_NOT => {
            "`!` takes true or false: compare first, for example `!(state.name == \"\")`".to_owned()
        }
        operators::INDEX | operators::OPT_INDEX => {
            "a list takes the number of an element, `list[0]`, and a map a key, `map[\"key\"]`".to_owned()
        }
        operators::IN => {
            "a list or a map stands right of `in`; `text.contains(\"part\")` looks into a string".to_owned()
        }
        _ => "compare two numbers, or two strings: `string(…)`, `int(…)` and `double(…)` convert".to_owned(),
    }
}

/// The kinds that a function or an operator may return for arguments of these kinds, the receiver first; none when it
/// does not take such arguments.
pub(super) fn gives(function: &str, member: bool, arguments: &[ValueKinds]) -> ValueKinds {
    fn combine(function: &str, member: bool, chosen: &mut Vec<ValueKinds>, rest: &[ValueKinds]) -> ValueKinds {
        let Some((next, rest)) = rest.split_first() else { return gives_exactly(function, member, chosen) };
        let mut all = ValueKinds::NONE;
        for kind in next.each() {
            chosen.push(kind);
            all = all.or(combine(function, member, chosen, rest));
            chosen.pop();
        }
        all
    }
    if arguments.len() > 3 {
        return ValueKinds::NONE;
    }
    combine(function, member, &mut Vec::new(), arguments)
}

/// The result for arguments that each have exactly one kind.
fn gives_exactly(function: &str, member: bool, arguments: &[ValueKinds]) -> ValueKinds {
    const INTEGER: ValueKinds = ValueKinds::INT.or(ValueKinds::UINT);
    const ORDERED: ValueKinds = ValueKinds::NUMBER.or(ValueKinds::STRING).or(ValueKinds::BYTES).or(ValueKinds::BOOL);
    const SIZED: ValueKinds = ValueKinds::STRING.or(ValueKinds::BYTES).or(ValueKinds::LIST).or(ValueKinds::MAP);
    let when = |fits: bool, kinds: ValueKinds| if fits { kinds } else { ValueKinds::NONE };
    match (function, member, arguments) {
        // The library adds the keys of a map to a list.
        (operators::ADD, false, [ValueKinds::LIST, ValueKinds::MAP]) => ValueKinds::LIST,
        (operators::ADD, false, [one, other]) => {
            let sum = ValueKinds::NUMBER.or(ValueKinds::STRING).or(ValueKinds::BYTES).or(ValueKinds::LIST);
            when(one == other && one.is_only(sum), *one)
        }
        (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, false, [one, other]) => {
            when(one == other && one.is_only(ValueKinds::NUMBER), *one)
        }
        (operators::MODULO, false, [one, other]) => when(one == other && one.is_only(INTEGER), *one),
        (operators::NEGATE, false, [one]) => when(one.is_only(ValueKinds::INT.or(ValueKinds::DOUBLE)), *one),
        (operators::LOGICAL_NOT, false, [ValueKinds::BOOL]) => ValueKinds::BOOL,
        (operators::LOGICAL_AND | operators::LOGICAL_OR, false, [ValueKinds::BOOL, ValueKinds::BOOL]) => {
            ValueKinds::BOOL
        }
        (operators::EQUALS | operators::NOT_EQUALS, false, [_, _]) => ValueKinds::BOOL,
        (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            false,
            [one, other],
        ) => when(one.can_equal(*other) && one.is_only(ORDERED), ValueKinds::BOOL),
        (operators::IN, false, [_, ValueKinds::LIST]) => ValueKinds::BOOL,
        (operators::IN, false, [key, ValueKinds::MAP]) => {
            when(key.is_only(ValueKinds::KEY.or(ValueKinds::DOUBLE)), ValueKinds::BOOL)
        }
        (operators::INDEX, false, [ValueKinds::OPTIONAL, _]) => ValueKinds::OPTIONAL,
        (operators::INDEX, false, [ValueKinds::LIST, index]) => {
            when(index.is_only(ValueKinds::NUMBER), ValueKinds::ANY)
        }
        (operators::INDEX, false, [ValueKinds::MAP, key]) => {
            when(key.is_only(ValueKinds::KEY.or(ValueKinds::DOUBLE)), ValueKinds::ANY)
        }
        (operators::OPT_INDEX | operators::OPT_SELECT, false, _) => ValueKinds::OPTIONAL,
        ("bool", false, [one]) => when(one.is_only(ValueKinds::BOOL.or(ValueKinds::STRING)), ValueKinds::BOOL),
        ("bytes", false, [one]) => when(one.is_only(ValueKinds::BYTES.or(ValueKinds::STRING)), ValueKinds::BYTES),
        ("double", false, [one]) => when(one.is_only(ValueKinds::NUMBER.or(ValueKinds::STRING)), ValueKinds::DOUBLE),
        ("int", false, [one]) => when(one.is_only(ValueKinds::NUMBER.or(ValueKinds::STRING)), ValueKinds::INT),
        ("uint", false, [one]) => when(one.is_only(ValueKinds::NUMBER.or(ValueKinds::STRING)), ValueKinds::UINT),
        ("string", false, [one]) => when(one.is_only(ORDERED), ValueKinds::STRING),
        ("dyn", false, [one]) => *one,
        ("type", false, [_]) => ValueKinds::TYPE,
        ("size", _, [one]) => when(one.is_only(SIZED), ValueKinds::INT),
        ("contains" | "endsWith" | "startsWith", true, [ValueKinds::STRING, ValueKinds::STRING])
        | ("matches", _, [ValueKinds::STRING, ValueKinds::STRING]) => ValueKinds::BOOL,
        (
            "indexOf" | "lastIndexOf",
            true,
            [ValueKinds::STRING, ValueKinds::STRING] | [ValueKinds::STRING, ValueKinds::STRING, ValueKinds::INT],
        ) => ValueKinds::INT,
        (
            "split",
            true,
            [ValueKinds::STRING, ValueKinds::STRING] | [ValueKinds::STRING, ValueKinds::STRING, ValueKinds::INT],
        ) => ValueKinds::LIST,
        ("lowerAscii" | "upperAscii" | "trim" | "reverse", true, [ValueKinds::STRING])
        | ("charAt", true, [ValueKinds::STRING, ValueKinds::INT])
        | (
            "substring",
            true,
            [ValueKinds::STRING, ValueKinds::INT] | [ValueKinds::STRING, ValueKinds::INT, ValueKinds::INT],
        ) => ValueKinds::STRING,
        _ => ValueKinds::NONE,
    }
}

#[cfg(test)]
mod tests;
