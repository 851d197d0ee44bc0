mod known_values;
mod sound;

use super::super::Expression;
use super::*;

/// The kinds of the channels in these tests: `list`, `map` and `number` have the kind of their name, the others may be
/// anything.
fn channel(name: &str) -> ValueKinds {
    match name {
        "list" => ValueKinds::LIST,
        "map" => ValueKinds::MAP,
        "number" => ValueKinds::NUMBER,
        _ => ValueKinds::ANY,
    }
}

/// The problems of an expression: the text under the caret, the message, and the help.
fn told(source: &str, wanted: ExpressionPurpose) -> Vec<(String, String, String)> {
    let permissions = ["message", "review", "decisions", "menu"];
    let surroundings = Surroundings { wanted, channels: &channel, permissions: &permissions };
    let (Ok((_, problems)) | Err(problems)) = Expression::compile(source, &surroundings);
    let caret =
        |problem: &ExpressionProblem| source.get(problem.at.clone().unwrap_or_default()).unwrap_or("?").to_owned();
    problems.iter().map(|problem| (caret(problem), problem.message.clone(), problem.help.clone())).collect()
}

/// Checks that each expression has exactly one problem, by the text under the caret, the message and a part of the
/// help.
#[track_caller]
fn check(wanted: ExpressionPurpose, cases: &[(&str, &str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (source, caret, message, help) in cases {
        let found = told(source, wanted);
        let fits =
            matches!(found.as_slice(), [(at, said, way)] if at == caret && said == message && way.contains(help));
        if !fits {
            wrong.push(format!("{source}\n  expected {caret:?} {message:?} {help:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_condition_that_never_gives_true_or_false_is_told() {
    let gives = |what: &str| format!("the condition gives {what}, and must give true or false");
    let (number, string, list, map) = (gives("a whole number"), gives("a string"), gives("a list"), gives("a map"));
    check(
        ExpressionPurpose::Condition,
        &[
            ("1 + 1", "1 + 1", &number, "`1 + 1 > 0`"),
            ("\"yes\"", "\"yes\"", &string, "compare it"),
            ("input.text", "input.text", &string, "`input.text != \"\"`"),
            ("input.text.size()", "input.text.size()", &number, "`input.text.size() > 0`"),
            ("size(permissions)", "size(permissions)", &number, "> 0"),
            ("state.list", "state.list", &list, "`size(state.list) > 0`"),
            ("state['map']", "state['map']", &map, "size("),
            ("state.number", "state.number", &gives("a number"), "> 0"),
            ("state.number * state.number", "state.number * state.number", &gives("a number"), "> 0"),
            ("[1]", "[1]", &list, "size("),
            ("{'a': 1}", "{'a': 1}", &map, "size("),
            ("{'a': true}.a ? 'x' : 'y'", "{'a': true}.a ? 'x' : 'y'", &string, "compare it"),
            ("state.x ? 1 : 'y'", "state.x ? 1 : 'y'", &gives("a whole number or a string"), "compare it"),
            ("permissions", "permissions", &list, "size(permissions)"),
            ("permissions[0]", "permissions[0]", &string, "!="),
            ("permissions.filter(p, p == 'menu')", "permissions.filter(p, p == 'menu')", &list, "size("),
            ("input.data", "input.data", &map, "size("),
            ("null", "null", &gives("null"), "compare"),
            ("b'a'", "b'a'", &gives("bytes"), "compare"),
            ("type(1)", "type(1)", &gives("a type"), "compare"),
            ("input.data.?x", "input.data.?x", &gives("an optional value"), "compare"),
            ("-1", "-1", &number, "> 0"),
            ("input.text.split(' ')[0]", "input.text.split(' ')[0]", &string, "!="),
            ("[1, 2].map(x, x + 1)[0]", "[1, 2].map(x, x + 1)[0]", &number, "> 0"),
            ("string(true)", "string(true)", &string, "!="),
            ("int(state.x)", "int(state.x)", &number, "> 0"),
            ("(1 + 2) * 3", "(1 + 2) * 3", &number, "> 0"),
        ],
    );
}

#[test]
fn a_for_each_that_never_gives_a_list_is_told() {
    let gives = |what: &str| format!("the `for-each` gives {what}, and must give a list");
    check(
        ExpressionPurpose::List,
        &[
            ("'1'", "'1'", &gives("a string"), "split"),
            ("input.text", "input.text", &gives("a string"), "`input.text.split(\",\")`"),
            ("true", "true", &gives("true or false"), "name a list"),
            ("input.data", "input.data", &gives("a map"), "`input.data.items`"),
            ("{'a': 1}", "{'a': 1}", &gives("a map"), "name a list"),
            ("state.map", "state.map", &gives("a map"), "name a list"),
            ("state.number", "state.number", &gives("a number"), "name a list"),
            ("size(state.x)", "size(state.x)", &gives("a whole number"), "name a list"),
            ("state.x.exists(y, y > 1)", "state.x.exists(y, y > 1)", &gives("true or false"), "name a list"),
            ("state.x ? 'a' : 'b'", "state.x ? 'a' : 'b'", &gives("a string"), "split"),
            ("permissions[0]", "permissions[0]", &gives("a string"), "split"),
        ],
    );
}

#[test]
fn an_operator_or_a_function_that_takes_no_such_values_is_told() {
    check(
        ExpressionPurpose::Condition,
        &[
            (
                "input.text + 1 == 'a'",
                "input.text + 1",
                "`+` cannot be used with a string and a whole number",
                "convert",
            ),
            ("!input.text", "!input.text", "`!` cannot be used with a string", "compare first"),
            ("\"a\" > 1", "\"a\" > 1", "`>` cannot be used with a string and a whole number", "convert"),
            ("state.list > 1", "state.list > 1", "`>` cannot be used with a list and a whole number", "compare two"),
            ("1.5 + 1 > 2.0", "1.5 + 1", "`+` cannot be used with a decimal number and a whole number", "double"),
            ("-input.text == 'a'", "-input.text", "`-` cannot be used with a string", "numbers"),
            ("1.0 % 2.0 == 1.0", "1.0 % 2.0", "`%` cannot be used with a decimal number and a decimal number", "int("),
            ("'a' in input.text", "'a' in input.text", "`in` cannot be used with a string and a string", "contains"),
            (
                "input.text[0] == 'a'",
                "input.text[0]",
                "`[…]` cannot be used with a string and a whole number",
                "list[0]",
            ),
            ("permissions['a'] == 'b'", "permissions['a']", "`[…]` cannot be used with a list and a string", "list[0]"),
            ("size(1) == 1", "size(1)", "`size` cannot be called with a whole number", "size(value)"),
            (
                "state.number.size() > 1",
                "state.number.size()",
                "`size` cannot be called on a number with nothing in its brackets",
                "size(value)",
            ),
            (
                "input.text.contains(1)",
                "input.text.contains(1)",
                "`contains` cannot be called on a string with a whole number",
                "text.contains",
            ),
            (
                "input.text.contains()",
                "input.text.contains()",
                "`contains` cannot be called on a string with nothing in its brackets",
                "text.contains",
            ),
            (
                "contains(input.text, 'a')",
                "contains(input.text, 'a')",
                "`contains` cannot be called with a string, a string",
                "text.contains",
            ),
            (
                "input.text.startsWith('a', 'b')",
                "input.text.startsWith('a', 'b')",
                "`startsWith` cannot be called on a string with a string, a string",
                "text.startsWith",
            ),
            (
                "state.list.startsWith('a')",
                "state.list.startsWith('a')",
                "`startsWith` cannot be called on a list with a string",
                "text.startsWith",
            ),
            (
                "state.x.lowerAscii('a') == 'b'",
                "state.x.lowerAscii('a')",
                "`lowerAscii` cannot be called on a value of some kind with a string",
                "text.lowerAscii()",
            ),
            (
                "size(state.x, 1) == 1",
                "size(state.x, 1)",
                "`size` cannot be called with a value of some kind, a whole number",
                "size(value)",
            ),
            (
                "state.list.contains('menu')",
                "state.list.contains('menu')",
                "`contains` cannot be called on a list with a string",
                "`'menu' in state.list`",
            ),
            (
                "state.number.matches('a')",
                "state.number.matches('a')",
                "`matches` cannot be called on a number with a string",
                "text.matches",
            ),
            ("int([1]) == 1", "int([1])", "`int` cannot be called with a list", "int(number)"),
            ("bool(1)", "bool(1)", "`bool` cannot be called with a whole number", "bool(text)"),
            (
                "has(state.x, 1)",
                "has(state.x, 1)",
                "`has` cannot be called with a value of some kind, a whole number",
                "has(state.name)",
            ),
            ("input.text && true", "input.text", "`input.text` is a string where true or false is needed", "!= \"\""),
            ("state.x || 1", "1", "`1` is a whole number where true or false is needed", "> 0"),
            (
                "input.text ? true : false",
                "input.text",
                "`input.text` is a string where true or false is needed",
                "!= \"\"",
            ),
            ("permissions.exists(p, p)", "p", "`p` is a string where true or false is needed", "!= \"\""),
            (
                "permissions.filter(p, size(p)) != []",
                "size(p)",
                "`size(p)` is a whole number where true or false is needed",
                "> 0",
            ),
            (
                "permissions.all(p, p > 1)",
                "p > 1",
                "`>` cannot be used with a string and a whole number",
                "compare two",
            ),
            (
                "input.text.exists(c, c == 'a')",
                "input.text",
                "a loop goes through `input.text`, which is a string",
                "split",
            ),
            (
                "state.number.all(x, x > 1)",
                "state.number",
                "a loop goes through `state.number`, which is a number",
                "name a list",
            ),
            (
                "input.text.size > 1",
                "input.text.size",
                "`input.text` is a string, which has no field `size`",
                "size(value)",
            ),
            ("{[1]: 2}.size() > 0", "[1]", "a list is no key of a map", "a key is"),
            ("'ăîș' + 1 == state.x", "'ăîș' + 1", "`+` cannot be used with a string and a whole number", "convert"),
            (
                "state.x == 'ăîș' && size(1) > 0",
                "size(1)",
                "`size` cannot be called with a whole number",
                "size(value)",
            ),
        ],
    );
}

#[test]
fn values_that_can_never_be_equal_are_told() {
    check(
        ExpressionPurpose::Condition,
        &[
            (
                "input.text == 1",
                "input.text == 1",
                "`input.text` is a string and `1` is a whole number: they are never equal",
                "convert",
            ),
            (
                "input.text == null",
                "input.text == null",
                "`input.text` is a string and `null` is null: they are never equal",
                "missing",
            ),
            (
                "input.data != ''",
                "input.data != ''",
                "`input.data` is a map and `''` is a string: they are never equal",
                "convert",
            ),
            (
                "state.list == 'a'",
                "state.list == 'a'",
                "`state.list` is a list and `'a'` is a string: they are never equal",
                "`'a' in state.list`",
            ),
            (
                "state.number == '1'",
                "state.number == '1'",
                "`state.number` is a number and `'1'` is a string: they are never equal",
                "convert",
            ),
            (
                "size(state.x) == '1'",
                "size(state.x) == '1'",
                "`size(state.x)` is a whole number and `'1'` is a string: they are never equal",
                "convert",
            ),
            (
                "1 in permissions",
                "1 in permissions",
                "`1` is a whole number, and `permissions` holds a string: it is never in it",
                "convert",
            ),
            (
                "input.text in [1, 2]",
                "input.text in [1, 2]",
                "`input.text` is a string, and `[1, 2]` holds a whole number: it is never in it",
                "convert",
            ),
            (
                "{'a': true}[1]",
                "{'a': true}[1]",
                "`1` is a whole number, and the keys of `{'a': true}` are a string",
                "convert",
            ),
        ],
    );
}
