use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::program::Program;

const DEVELOPMENT: &str =
    "[auth]\ndevelopment = true\nkeys = [{ algorithm = 'HS256', kid = 'dev', key = { file = 'secret' } }]\n";

#[test]
fn a_token_says_who_may_do_what_for_how_long() {
    let program = Program::new(DEVELOPMENT);
    let ran = program.run(&["token", "--user", "ana", "--business", "roma:coordinator,owner@centru", "--json"]);
    let token = ran.json()["token"].as_str().unwrap().to_owned();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["signalbox"]);
    validation.set_issuer(&["signalbox"]);
    let key = DecodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
    let read = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
    assert_eq!(read.header.kid.as_deref(), Some("dev"));
    assert_eq!(read.claims["sub"], "ana");
    assert_eq!(read.claims["businesses"]["roma"]["roles"], serde_json::json!(["coordinator", "owner"]));
    assert_eq!(read.claims["businesses"]["roma"]["locations"], serde_json::json!(["centru"]));
    let seconds = read.claims["exp"].as_i64().unwrap() - read.claims["iat"].as_i64().unwrap();
    assert_eq!(seconds, 3_600);
}

#[test]
fn outside_development_no_token_is_minted() {
    let program = Program::new(&DEVELOPMENT.replace("true", "false"));
    program.run(&["token", "--user", "ana", "--business", "roma"]).refused(&["not for development", "your issuer"]);
}

#[test]
fn with_public_keys_no_token_is_minted() {
    let asymmetric = Program::new(&DEVELOPMENT.replace("HS256", "RS256"));
    let ran = asymmetric.run(&["token", "--user", "ana", "--business", "roma"]);
    ran.refused(&["public key in file", "whoever has the private one"]);
    let published = "[auth]\ndevelopment = true\njwks = { url = 'https://issuer.example/keys' }\n";
    let ran = Program::new(published).run(&["token", "--user", "ana", "--business", "roma"]);
    ran.refused(&["https://issuer.example/keys", "only that issuer"]);
}

#[test]
fn a_secret_that_is_missing_is_named() {
    let program = Program::new(&DEVELOPMENT.replace("{ file = 'secret' }", "{ env = 'NO_SUCH_SECRET' }"));
    program.run(&["token", "--user", "ana", "--business", "roma"]).refused(&["auth.keys", "NO_SUCH_SECRET"]);
}

#[test]
fn no_token_is_minted_that_no_host_would_take() {
    let program = Program::new(DEVELOPMENT);
    for user in ["", "ana\nadmin", "ana\u{202e}nimda", "ana\u{200b}", "ana\u{a0}pop", &"x".repeat(129)] {
        program.run(&["token", "--user", user, "--business", "roma"]).refused(&["--user ", "the user"]);
    }
}

#[test]
fn what_a_token_names_and_no_business_has_is_told_with_what_there_is() {
    let program = Program::new(DEVELOPMENT);
    program.write(
        "business/roma.toml",
        "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\n[[locations]]\nid = \"centru\"\nname = \"Centru\"\n\
         [permissions]\ncoordinator = [\"message\"]\n",
    );
    let said = |business: &str| {
        let ran = program.run(&["token", "--user", "ana", "--business", business]);
        assert!(ran.code == 0 && ran.out.split('.').count() == 3, "{}", ran.err);
        ran.err
    };
    assert_eq!(said("roma:coordinator@centru"), "");
    for (business, told) in [
        ("rona", "there is no business `rona` in the directory; did you mean `roma`?"),
        ("lisbon", "there is no business `lisbon` in the directory; its businesses are `roma`"),
        ("roma:cordinator", "business `roma` has no role `cordinator`; did you mean `coordinator`?"),
        ("roma@port", "business `roma` has no location `port`; its locations are `centru`"),
    ] {
        let said = said(business);
        assert!(said.contains(told), "{business}: {said}");
    }
    program.write("business/port.toml", "businessId = \"port\"\ncolour = 1\n");
    assert!(said("port").contains("`port` may be in a business file that cannot be loaded"));
}
