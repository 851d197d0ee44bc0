use super::program::{MANIFEST, Program};

const AUTH: &str = "[auth]\nkeys = [{ algorithm = 'HS256', key = { file = 'secret' } }]\n";
const SERVER: &str = "[server]\nlisten = '127.0.0.1:0'\n";

#[test]
fn a_bad_bundle_keeps_the_host_from_starting_and_is_reported() {
    let program = Program::new(&format!("{SERVER}{AUTH}[bundles]\npaths = ['bundle']\n"));
    program.write("bundle/bundle.toml", &MANIFEST.replace("to = \"reply\"", "to = \"replay\""));
    let ran = program.run(&["serve"]);
    ran.refused(&["replay", "bundle.toml:", "error[bundle-invalid]"]);
    assert!(ran.out.is_empty(), "a host that is not ready says so: {}", ran.out);
}

#[test]
fn a_host_that_could_verify_no_token_does_not_start() {
    let ran = Program::new(SERVER).run(&["serve"]);
    ran.refused(&["error[auth-keys-invalid]", "neither `keys` nor `jwks`"]);
}

#[test]
fn a_wrong_business_keeps_the_host_from_starting_and_is_named() {
    let program = Program::new(&format!("{SERVER}{AUTH}"));
    program.write("business/roma.toml", "businessId = 'roma'\nnam = 'Roma'\n");
    program.run(&["serve"]).refused(&["error[business-directory-invalid]", "roma.toml", "nam"]);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = Program::new(AUTH).run(&["serve", "--listen", &address]);
    ran.refused(&["error[listen-failed]", &address]);
}
