use super::*;

#[test]
fn a_misspelt_value_of_the_input_is_told_in_whatever_shape_it_is_compared() {
    let (never, source) = ("`input.type` is never `webhok`", "`input.source` is never `crn`");
    let (meant, cron) = ("did you mean `webhook`?", "did you mean `cron`?");
    check(
        ExpressionPurpose::Condition,
        &[
            ("input.type == 'webhok'", "'webhok'", never, meant),
            ("'webhok' != input.type", "'webhok'", never, meant),
            ("input.source == 'crn'", "'crn'", source, cron),
            ("input.text == 'webhok' && input.type == 'webhok'", "'webhok'", never, meant),
            ("input.type == (state.x ? 'webhok' : 'review')", "'webhok'", never, meant),
            ("(state.x ? 'webhok' : input.text) == input.type", "'webhok'", never, meant),
            ("input.type == 'web' + 'hok'", "input.type == 'web' + 'hok'", never, meant),
            (
                "input.type == 'web' + (state.x ? 'hok' : 'hook')",
                "input.type == 'web' + (state.x ? 'hok' : 'hook')",
                never,
                meant,
            ),
            ("input.type in ['webhok', 'review']", "'webhok'", never, meant),
            ("input.type in {'webhok': 1}", "'webhok'", never, meant),
            ("{'webhok': true, 'review': false}[input.type]", "'webhok'", never, meant),
            ("['webhok', 'review'].exists(t, t == input.type)", "'webhok'", never, meant),
            ("['webhok'].exists(t, input.type == t)", "'webhok'", never, meant),
            ("['webhok'].map(t, t).exists(t, input.type == t)", "'webhok'", never, meant),
            ("[input.type] == ['webhok']", "'webhok'", "`input.type` is never `webhok`", meant),
            ("input.type in (['review'] + ['webhok'])", "'webhok'", never, meant),
            ("input.type.lowerAscii() == 'Webhook'", "'Webhook'", "`input.type` is never `Webhook`", meant),
            (
                "input.type.upperAscii() == 'WEBHOK'",
                "'WEBHOK'",
                "`input.type.upperAscii()` is never `WEBHOK`",
                "`WEBHOOK`",
            ),
            ("input.type + '!' == 'webhok!'", "'webhok!'", "`input.type + '!'` is never `webhok!`", "`webhook!`"),
            (
                "input.type.startsWith('webhok')",
                "'webhok'",
                "no value of `input.type` starts with `webhok`",
                "did you mean `webhook`?",
            ),
            (
                "input.type.endsWith('_mesage')",
                "'_mesage'",
                "no value of `input.type` ends with `_mesage`",
                "`_message`",
            ),
            ("input.type.contains('kafak')", "'kafak'", "no value of `input.type` contains `kafak`", "`kafka`"),
            (
                "input.type.matches('^webhok$')",
                "'^webhok$'",
                "no value of `input.type` matches `^webhok$`",
                "did you mean",
            ),
            ("matches(input.type, 'webhok')", "'webhok'", "no value of `input.type` matches `webhok`", "did you mean"),
            (
                "'webhok,crn'.contains(input.source)",
                "'webhok,crn'",
                "`webhok,crn` contains no value of `input.source`",
                "values of",
            ),
            (
                "input.type == input.source",
                "input.type == input.source",
                "`input.type` and `input.source` never have the same value",
                "compare each",
            ),
            (
                "input.type > 'review'",
                "input.type > 'review'",
                "`input.type` has a few known values, which have no order",
                "`==`",
            ),
            (
                "'cron' <= input.source",
                "'cron' <= input.source",
                "`input.source` has a few known values, which have no order",
                "`==`",
            ),
            (
                "(state.x ? input.type : input.source) == 'webhok'",
                "'webhok'",
                "`state.x ? input.type : input.source` is never `webhok`",
                meant,
            ),
        ],
    );
}

#[test]
fn a_misspelt_permission_is_told_in_whatever_shape_it_is_looked_for() {
    let unknown = "neither the host nor the bundle knows permission `reviw`";
    let review = "did you mean `review`?";
    check(
        ExpressionPurpose::Condition,
        &[
            ("'reviw' in permissions", "'reviw'", unknown, review),
            ("permissions == ['reviw']", "'reviw'", unknown, review),
            ("['menu', 'reviw'] != permissions", "'reviw'", unknown, review),
            ("permissions[0] == 'reviw'", "'reviw'", unknown, review),
            ("permissions[0] in ['reviw', 'menu']", "'reviw'", unknown, review),
            ("permissions.exists(p, p == 'reviw')", "'reviw'", unknown, review),
            ("permissions.exists_one(p, p != 'reviw')", "'reviw'", unknown, review),
            ("permissions.exists(p, p in ['reviw'])", "'reviw'", unknown, review),
            ("permissions.filter(p, p == 'reviw') != []", "'reviw'", unknown, review),
            ("permissions.map(p, p)[0] == 'reviw'", "'reviw'", unknown, review),
            ("['reviw', 'menu'].all(p, p in permissions)", "'reviw'", unknown, review),
            ("(state.x ? 'reviw' : 'menu') in permissions", "'reviw'", unknown, review),
            ("'rev' + 'iw' in permissions", "'rev' + 'iw' in permissions", unknown, review),
            (
                "permissions.exists(p, p.startsWith('reviw'))",
                "'reviw'",
                "no permission that the host or the bundle knows starts with `reviw`",
                "did you mean `review`?",
            ),
            (
                "permissions.exists(p, p.matches('reviw'))",
                "'reviw'",
                "no permission that the host or the bundle knows matches `reviw`",
                "did you mean",
            ),
            (
                "permissions.exists(p, p.upperAscii() == 'REVIW')",
                "'REVIW'",
                "neither the host nor the bundle knows permission `REVIW`",
                "`REVIEW`",
            ),
            (
                "'guests' in permissions",
                "'guests'",
                "neither the host nor the bundle knows permission `guests`",
                "declare others",
            ),
        ],
    );
    let mistaken = told("permissions.contains('reviw')", ExpressionPurpose::Condition);
    let said: Vec<(&str, &str)> = mistaken.iter().map(|(_, message, help)| (message.as_str(), help.as_str())).collect();
    let called = "`contains` cannot be called on a list with a string";
    assert_eq!(said, [(unknown, review), (called, "write `'reviw' in permissions`")]);
    let mistaken = told("permissions == 'reviw'", ExpressionPurpose::Condition);
    assert_eq!(mistaken.first().map(|(_, message, help)| (message.as_str(), help.as_str())), Some((unknown, review)));
}
