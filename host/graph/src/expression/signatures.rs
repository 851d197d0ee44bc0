//! Which kinds of values operators and functions take, and which they give.

use cel::common::ast::operators;

use super::kinds::Kinds;

/// Functions that cost no more than what they read, each with how it is written; `join`, `replace` and `format` multiply it
/// and are left out.
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

/// What becomes loops, each with how it is written.
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

/// The sign of an operator, as it is written.
pub(super) fn sign(operator: &str) -> String {
    operator.trim_matches(['_', '@']).replace("[_]", "[…]").replace("[?_]", "[?…]").replace("?_:", "? :")
}

/// How a function or an operator is written, for a message that says what to do.
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

/// What a function or an operator may give for arguments of these kinds, a receiver being the first of them; none when it
/// takes no such arguments.
pub(super) fn gives(function: &str, member: bool, arguments: &[Kinds]) -> Kinds {
    fn combine(function: &str, member: bool, chosen: &mut Vec<Kinds>, rest: &[Kinds]) -> Kinds {
        let Some((next, rest)) = rest.split_first() else { return gives_exactly(function, member, chosen) };
        let mut all = Kinds::NONE;
        for kind in next.each() {
            chosen.push(kind);
            all = all.or(combine(function, member, chosen, rest));
            chosen.pop();
        }
        all
    }
    if arguments.len() > 3 {
        return Kinds::NONE;
    }
    combine(function, member, &mut Vec::new(), arguments)
}

/// The same for arguments of which each is of one kind.
fn gives_exactly(function: &str, member: bool, arguments: &[Kinds]) -> Kinds {
    const INTEGER: Kinds = Kinds::INT.or(Kinds::UINT);
    const ORDERED: Kinds = Kinds::NUMBER.or(Kinds::STRING).or(Kinds::BYTES).or(Kinds::BOOL);
    const SIZED: Kinds = Kinds::STRING.or(Kinds::BYTES).or(Kinds::LIST).or(Kinds::MAP);
    let when = |fits: bool, kinds: Kinds| if fits { kinds } else { Kinds::NONE };
    match (function, member, arguments) {
        // The library adds the keys of a map to a list.
        (operators::ADD, false, [Kinds::LIST, Kinds::MAP]) => Kinds::LIST,
        (operators::ADD, false, [one, other]) => {
            let sum = Kinds::NUMBER.or(Kinds::STRING).or(Kinds::BYTES).or(Kinds::LIST);
            when(one == other && one.is_only(sum), *one)
        }
        (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, false, [one, other]) => {
            when(one == other && one.is_only(Kinds::NUMBER), *one)
        }
        (operators::MODULO, false, [one, other]) => when(one == other && one.is_only(INTEGER), *one),
        (operators::NEGATE, false, [one]) => when(one.is_only(Kinds::INT.or(Kinds::DOUBLE)), *one),
        (operators::LOGICAL_NOT, false, [Kinds::BOOL]) => Kinds::BOOL,
        (operators::LOGICAL_AND | operators::LOGICAL_OR, false, [Kinds::BOOL, Kinds::BOOL]) => Kinds::BOOL,
        (operators::EQUALS | operators::NOT_EQUALS, false, [_, _]) => Kinds::BOOL,
        (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            false,
            [one, other],
        ) => when(one.can_equal(*other) && one.is_only(ORDERED), Kinds::BOOL),
        (operators::IN, false, [_, Kinds::LIST]) => Kinds::BOOL,
        (operators::IN, false, [key, Kinds::MAP]) => when(key.is_only(Kinds::KEY.or(Kinds::DOUBLE)), Kinds::BOOL),
        (operators::INDEX, false, [Kinds::OPTIONAL, _]) => Kinds::OPTIONAL,
        (operators::INDEX, false, [Kinds::LIST, index]) => when(index.is_only(Kinds::NUMBER), Kinds::ANY),
        (operators::INDEX, false, [Kinds::MAP, key]) => when(key.is_only(Kinds::KEY.or(Kinds::DOUBLE)), Kinds::ANY),
        (operators::OPT_INDEX | operators::OPT_SELECT, false, _) => Kinds::OPTIONAL,
        ("bool", false, [one]) => when(one.is_only(Kinds::BOOL.or(Kinds::STRING)), Kinds::BOOL),
        ("bytes", false, [one]) => when(one.is_only(Kinds::BYTES.or(Kinds::STRING)), Kinds::BYTES),
        ("double", false, [one]) => when(one.is_only(Kinds::NUMBER.or(Kinds::STRING)), Kinds::DOUBLE),
        ("int", false, [one]) => when(one.is_only(Kinds::NUMBER.or(Kinds::STRING)), Kinds::INT),
        ("uint", false, [one]) => when(one.is_only(Kinds::NUMBER.or(Kinds::STRING)), Kinds::UINT),
        ("string", false, [one]) => when(one.is_only(ORDERED), Kinds::STRING),
        ("dyn", false, [one]) => *one,
        ("type", false, [_]) => Kinds::TYPE,
        ("size", _, [one]) => when(one.is_only(SIZED), Kinds::INT),
        ("contains" | "endsWith" | "startsWith", true, [Kinds::STRING, Kinds::STRING])
        | ("matches", _, [Kinds::STRING, Kinds::STRING]) => Kinds::BOOL,
        (
            "indexOf" | "lastIndexOf",
            true,
            [Kinds::STRING, Kinds::STRING] | [Kinds::STRING, Kinds::STRING, Kinds::INT],
        ) => Kinds::INT,
        ("split", true, [Kinds::STRING, Kinds::STRING] | [Kinds::STRING, Kinds::STRING, Kinds::INT]) => Kinds::LIST,
        ("lowerAscii" | "upperAscii" | "trim" | "reverse", true, [Kinds::STRING])
        | ("charAt", true, [Kinds::STRING, Kinds::INT])
        | ("substring", true, [Kinds::STRING, Kinds::INT] | [Kinds::STRING, Kinds::INT, Kinds::INT]) => Kinds::STRING,
        _ => Kinds::NONE,
    }
}

#[cfg(test)]
mod tests;
