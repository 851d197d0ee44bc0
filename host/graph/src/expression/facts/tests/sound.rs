use super::super::super::{CostMeter, Expression, Json, Scope};
use super::*;

/// Conditions that may be right: each compiles, and gives true or false for these values.
#[test]
fn a_condition_that_may_be_right_is_let_in_and_gives_true_or_false() {
    let scope = Scope::of(
        BTreeMap::from([
            ("text", serde_json::json!("masă la 8")),
            ("type", serde_json::json!("webhook")),
            ("source", serde_json::json!("external_api")),
            ("data", serde_json::json!({"items": [1, 2], "name": "Ana", "n": 1, "nested": {"paid": true}})),
            ("locationId", serde_json::json!("")),
        ]),
        &["message".to_owned(), "review".to_owned()],
    );
    let values = BTreeMap::from(
        [
            ("list", "[1, \"a\"]"),
            ("map", "{\"free\": true}"),
            ("number", "3"),
            ("x", "true"),
            ("text", "\"book\""),
            ("items", "[{\"id\": \"a\", \"total\": 2.5}]"),
        ]
        .map(|(name, json)| (name, Json::parse_within(json, 1 << 20).unwrap())),
    );
    let mut wrong = Vec::new();
    for source in [
        "true",
        "state.x",
        "state[\"x\"]",
        "!state.x",
        "state.x && state.map.free",
        "state.text == 'book'",
        "state.text == null",
        "state.text != \"\" && input.text != \"\"",
        "state.number == 3 && state.number == 3.0 && state.number == 3u",
        "state.number + 1 > 2",
        "state.number > 2.5",
        "state.x ? state.x : false",
        "has(state.text) && state.text.startsWith('b')",
        "has(input.data.name) && input.data.name == 'Ana'",
        "has(input.text)",
        "input.data.nested.paid",
        "input.data['nested'].paid",
        "input.data.items[0] == 1",
        "input.data.items.exists(i, i > 1)",
        "input.data.items == [1, 2]",
        "input.data == {} || true",
        "'name' in input.data",
        "input.data.exists(key, key == 'name')",
        "size(input.data) > 1 && input.data.size() > 1",
        "size(state.list) == 2 && size(input.text) > 0 && size(permissions) == 2",
        "state.list == []",
        "[] == state.list",
        "state.list[0] == 1 && state.list[1] == 'a'",
        "'a' in state.list && 1 in state.list",
        "state.items.exists(i, i.total > 1.0 && i.id == 'a')",
        "state.items.filter(i, i.total > 1.0).map(i, i.id) == ['a']",
        "state.items.all(i, has(i.id))",
        "state.items.map(i, i.total)[0] > 1.0",
        "[1, 'a'].exists(v, v == 'a')",
        "1 in [1, 'a'] && input.text in ['masă la 8', null]",
        "[].exists(v, v == 1 || v == 'a') || true",
        "permissions == ['message', 'review']",
        "permissions != []",
        "permissions[0] == 'message'",
        "'review' in permissions || 'menu' in permissions",
        "permissions.exists(p, p.startsWith('mess'))",
        "permissions.map(p, size(p)) == [7, 6]",
        "['message', 'review'].all(p, p in permissions)",
        "input.type == 'webhook' && input.source == 'external_api'",
        "input.type in ['webhook', 'review']",
        "input.type in {'webhook': 1, 'review': 2}",
        "{'webhook': true, 'review': false}[input.type]",
        "input.type.startsWith('web') && input.type.endsWith('hook') && input.type.contains('ebh')",
        "input.type.matches('^(webhook|review)$')",
        "input.type.upperAscii() == 'WEBHOOK'",
        "'webhook,review'.contains(input.type)",
        "['webhook', 'review'].exists(t, t == input.type)",
        "(state.x ? 'webhook' : 'review') == input.type",
        "(state.x ? input.type : input.text) == 'anything'",
        "input.type == 'web' + 'hook'",
        "input.type == state.text || input.text == input.type",
        "'x' == 'y' || 'webhok' == input.text",
        "input.text.lowerAscii().split(' ').exists(w, w == 'masă')",
        "input.text.split(' ', 2)[0] == 'masă'",
        "input.text.substring(0, 4) == 'masă' && input.text.charAt(0) == 'm'",
        "input.text.indexOf('la') > 0 && input.text.lastIndexOf('la') > 0",
        "input.text.matches('^m.*8$') && matches(input.text, '8')",
        "input.text < 'n'",
        "input.locationId == ''",
        "int('3') == 3 && double('1.5') > 1.0 && string(3) == '3' && uint(1) == 1u && bool('true')",
        "type(state.text) == string && type(1) == int",
        "dyn(1) == 'a' || dyn('a') == 1 || true",
        "b'a' == bytes('a')",
        "{'a': 1}.a == 1 && {'a': 1, 'b': 'c'}['b'] == 'c'",
        "{1: true}[1]",
        "(state.x ? 1 : 'a') == 1",
        "(state.x ? {'a': true} : null).a",
        "state.list + [1] != []",
        "state.number * 2 - 1 == 5 && state.number / 2 == 1 && state.number % 2 == 1",
        "-state.number == -3",
        "!(state.number > 5)",
        "[[1, 2], [3]].exists(l, size(l) == 1)",
        "[1, 2].exists_one(n, n == 1) && [1, 2].map(n, n > 1, n * 2) == [4]",
    ] {
        let found = told(source, ExpressionPurpose::Condition);
        let surroundings = Surroundings {
            wanted: ExpressionPurpose::Condition,
            channels: &channel,
            permissions: &["message", "review", "decisions", "menu"],
        };
        let given =
            Expression::compile(source, &surroundings).map_err(|_| "refused".to_owned()).and_then(|(expression, _)| {
                expression.condition(|name| values.get(name), &scope, &mut CostMeter::default())
            });
        if !found.is_empty() || given.is_err() {
            wrong.push(format!("{source}: {found:?} {given:?}"));
        }
    }
    for source in [
        "state.list",
        "state.x",
        "state['items']",
        "input.data.items",
        "input.text.split(',')",
        "permissions",
        "[1, 'a']",
        "[]",
        "state.list + [1]",
        "state.list.filter(x, x == 1)",
        "state.items.map(i, i.id)",
        "state.x ? state.list : []",
        "has(state.list) ? state.list : []",
        "input.data.map(key, key)",
    ] {
        let found = told(source, ExpressionPurpose::List);
        if !found.is_empty() {
            wrong.push(format!("{source}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
