use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

#[test]
fn a_path_finds_what_is_there_and_none_otherwise() {
    let json = Json::from_text(r#"{"hours":{"monday":["12:00",{"until":"23:00"}],"sunday":null},"n":7}"#);
    assert_eq!(json.get::<u8>("n"), Ok(Some(7)));
    assert_eq!(json.get::<String>("hours.sunday"), Ok(None));
    assert_eq!(json.get::<String>("hours.friday"), Ok(None));
    assert_eq!(json.get::<String>("n.deeper"), Ok(None));
    assert!(json.get::<Vec<Value>>("hours.monday").unwrap().is_some());
}

#[test]
fn a_wrong_type_names_the_path() {
    let json = Json::from_text(r#"{"hours":{"monday":"closed"}}"#);
    let error = json.get::<u8>("hours.monday").unwrap_err();
    assert_eq!(
        (error.place(), error.reason()),
        ("hours.monday", "expected a whole number from 0 to 255, found the string \"closed\"")
    );
}

#[test]
fn text_that_is_no_json_is_an_error_not_a_panic() {
    assert!(Json::from_text("{").get::<u8>("a").is_err());
    assert!(Json::from_text("").read::<u8>().is_err());
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "only how it is refused matters")]
struct Order {
    order_id: String,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    paid: Option<Payment>,
    #[serde(default)]
    notes: BTreeMap<u32, bool>,
    #[serde(default)]
    pair: Option<(u8, i8)>,
    #[serde(default)]
    pieces: Option<std::num::NonZeroU32>,
    #[serde(default)]
    anything: Value,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only how it is refused matters")]
struct Line {
    count: i64,
    price: f64,
    gift: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only how it is refused matters")]
enum Payment {
    Cash,
    Card(u16),
    Transfer { iban: String },
}

fn refused(text: &str) -> String {
    decode_bytes::<Order>("body", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_json_with_its_place_and_what_was_found() {
    let cases = [
        ("[]", "`body`: expected an object, found an array"),
        ("null", "`body`: expected an object, found `null`"),
        ("7", "`body`: expected an object, found the number 7"),
        ("{}", "`body`: the key `orderId` is missing"),
        (r#"{"orderId":4}"#, "`body.orderId`: expected a string, found the number 4"),
        (r#"{"orderId":null}"#, "`body.orderId`: expected a string, found `null`"),
        (r#"{"lines":{}}"#, "`body.lines`: expected an array, found an object"),
        (r#"{"lines":[[1,2,true]]}"#, "`body.lines[0]`: expected an object, found an array"),
        (
            r#"{"lines":[{"count":1,"price":1,"gift":true},{"count":1.5}]}"#,
            "`body.lines[1].count`: expected a whole number, found the number 1.5",
        ),
        (r#"{"lines":[{"price":"9"}]}"#, "`body.lines[0].price`: expected a number, found the string \"9\""),
        (r#"{"lines":[{"gift":"yes"}]}"#, "`body.lines[0].gift`: expected `true` or `false`, found the string \"yes\""),
        (r#"{"lines":[{"count":1}]}"#, "`body.lines[0]`: the key `price` is missing"),
        (r#"{"paid":"gold"}"#, "`body.paid`: expected one of `cash`, `card`, `transfer`, found the string \"gold\""),
        (r#"{"paid":5}"#, "`body.paid`: expected one of `cash`, `card`, `transfer`, found the number 5"),
        (
            r#"{"paid":{"card":70000}}"#,
            "`body.paid.card`: expected a whole number from 0 to 65535, found the number 70000",
        ),
        (r#"{"paid":{"transfer":["x"]}}"#, "`body.paid.transfer`: expected an object, found an array"),
        (r#"{"paid":"card"}"#, "`body.paid`: expected an object with the key `card`, found the string `card`"),
        (
            r#"{"notes":{"x":true}}"#,
            "`body.notes`: expected a whole number from 0 to 4294967295, found the string \"x\"",
        ),
        (r#"{"pair":[1]}"#, "`body.pair`: expected an array of 2, found 1 elements"),
        (r#"{"pair":[1,200]}"#, "`body.pair[1]`: expected a whole number from -128 to 127, found the number 200"),
        (r#"{"pieces":0}"#, "`body.pieces`: expected a whole number from 1 to 4294967295, found the number 0"),
        (r#"{"pieces":-3}"#, "`body.pieces`: expected a whole number from 1 to 4294967295, found the number -3"),
        (
            r#"{"colour":1}"#,
            "`body`: the key `colour` is not known; expected one of `orderId`, `lines`, `paid`, `notes`, `pair`, `pieces`, `anything`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn no_name_of_a_type_of_rust_reaches_who_sent_the_json() {
    let texts = [
        "[]",
        "7",
        "true",
        r#""x""#,
        r#"{"orderId":[]}"#,
        r#"{"lines":7}"#,
        r#"{"lines":[7]}"#,
        r#"{"lines":[{"count":[]}]}"#,
        r#"{"paid":[]}"#,
        r#"{"paid":{"card":{}}}"#,
        r#"{"paid":{"cash":1}}"#,
        r#"{"paid":{}}"#,
        r#"{"notes":[]}"#,
        r#"{"notes":{"1":7}}"#,
        r#"{"pair":{}}"#,
        r#"{"pair":["a",1]}"#,
        r#"{"pair":[1,2,3]}"#,
        r#"{"pieces":{}}"#,
    ];
    for text in texts {
        let told = refused(text);
        for name in [
            "struct", "enum", "u8", "u16", "u32", "i64", "f64", "tuple", "sequence", "map", "unit", "Order", "Line",
            "Payment",
        ] {
            let whole_word = told.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == name);
            assert!(!whole_word, "{text}: {told}");
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_wherever_it_stands() {
    let cases = [
        (r#"{"orderId":"a","orderId":"b"}"#, "`body`: the key `orderId` stands twice"),
        (
            r#"{"orderId":"a","lines":[{"unknown":{"x":1,"y":2,"x":3}}]}"#,
            "`body.lines[0].unknown`: the key `x` stands twice",
        ),
        (r#"{"orderId":"a","anything":[{"k":1,"\u006b":2}]}"#, "`body.anything[0]`: the key `k` stands twice"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected);
    }
    let values = decode::<Value>("body", r#"{"a":{"x":1},"b":{"x":1}}"#).unwrap();
    assert_eq!(values["b"]["x"], 1, "the same key in two objects");
    let many = (0..5_000).map(|number| format!("\"k{number}\":0")).collect::<Vec<_>>().join(",");
    assert!(refused(&format!("{{{many},\"k17\":1}}")).ends_with("the key `k17` stands twice"));
}

#[test]
fn bytes_that_are_no_json_in_utf_8_are_told_as_what_they_are() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "`body`: it is empty; expected JSON"),
        (b" \r\n", "`body`: it is empty; expected JSON"),
        (b"\xef\xbb\xbf{}", "`body`: it begins with a byte order mark, which JSON has not; send it without"),
        (b"\xff\xfe{\0}\0", "`body`: it is UTF-16; send JSON in UTF-8"),
        (b"{\"a\":\"\xff\"}", "`body`: it is no UTF-8 from its byte 7 on; send JSON in UTF-8"),
        (b"{\"a\":1", "`body`: the JSON breaks off at line 1 column 6"),
        (b"{\"a\" 1}", "`body`: this is no JSON: expected `:` at line 1 column 6"),
        (b"{} {}", "`body`: this is no JSON: trailing characters at line 1 column 4"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode_bytes::<Value>("body", bytes).unwrap_err().to_string(), expected);
    }
    let deep = "[".repeat(100_000);
    assert!(decode::<Value>("body", &deep).unwrap_err().to_string().contains("nested too deeply"));
}

#[test]
fn an_error_repeats_no_more_of_what_was_sent_than_a_person_reads_and_nothing_that_a_terminal_obeys() {
    let long = "é".repeat(5_000);
    for text in
        [format!(r#"{{"paid":"{long}"}}"#), format!(r#"{{"{long}":1}}"#), format!(r#"{{"{long}":1,"{long}":2}}"#)]
    {
        let told = refused(&text);
        assert!(told.len() < 250 && told.contains('…'), "{told}");
    }
    let told = refused("{\"paid\":\"\\u001b[2J\\u202egold\\n\"}");
    assert!(told.contains("found the string \"\\u{1b}[2J\\u{202e}gold\\n\"") && !told.contains('\u{1b}'), "{told}");
}

#[test]
fn what_reads_itself_out_of_a_string_is_told_with_the_string() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only how it is refused matters")]
    struct Call {
        from: std::net::Ipv4Addr,
    }
    let told = decode::<Call>("body", r#"{"from":"300.1.1.1"}"#).unwrap_err().to_string();
    assert!(told.starts_with("`body.from`: ") && told.contains("\"300.1.1.1\""), "{told}");
}

#[test]
fn what_is_right_is_read_as_serde_reads_it() {
    let order: Order = decode(
        "body",
        r#"{"orderId":"a","lines":[{"count":-2,"price":3,"gift":false,"more":[]}],"paid":{"card":7},"notes":{"3":true},
            "pair":[1,-1],"pieces":1,"anything":{"x":[null,1.5,"é"]}}"#,
    )
    .unwrap();
    assert_eq!((order.lines[0].count, order.lines[0].price), (-2, 3.0));
    assert!(matches!(order.paid, Some(Payment::Card(7))));
    assert_eq!((order.notes.get(&3), order.pair), (Some(&true), Some((1, -1))));
    assert_eq!(order.anything, serde_json::json!({ "x": [null, 1.5, "é"] }));
    assert!(matches!(decode("body", r#""cash""#), Ok(Payment::Cash)));
    assert!(matches!(decode("body", r#"{"transfer":{"iban":"x"}}"#), Ok(Payment::Transfer { .. })));
    assert_eq!(decode::<Option<u8>>("body", "null"), Ok(None));
    assert_eq!(decode::<BTreeMap<bool, i8>>("body", r#"{"true":-1}"#).unwrap()[&true], -1);
    let raw: Box<RawValue> = decode("body", r#"{"a": [1, 2]}"#).unwrap();
    assert_eq!(raw.get(), r#"{"a":[1,2]}"#);
}
