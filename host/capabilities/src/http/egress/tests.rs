use std::sync::Mutex;

use wiremock::matchers::{header, header_exists, method as is_method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Gives the next list of addresses for each question, and the last one from then on.
struct Answers(Mutex<Vec<Vec<IpAddr>>>);

#[async_trait::async_trait]
impl Lookup for Answers {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { Ok(answers.remove(0)) } else { Ok(answers[0].clone()) }
    }
}

fn answers(lists: &[&[&str]]) -> Arc<Answers> {
    let parse = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
    Arc::new(Answers(Mutex::new(lists.iter().map(parse).collect())))
}

fn open(config: EgressRules, lookup: Arc<dyn Lookup>) -> Egress {
    Egress::new(EgressRules { allow_plain_http: true, ..config }, lookup).unwrap()
}

fn loopback_open() -> EgressRules {
    EgressRules { private_networks: vec!["127.0.0.0/8".parse().unwrap()], ..EgressRules::default() }
}

fn get(url: &str) -> Request {
    Request { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None, timeout: None }
}

fn grants(lines: &[&str]) -> Vec<HttpGrant> {
    lines.iter().map(|line| HttpGrant::parse(line).unwrap()).collect()
}

#[tokio::test]
async fn no_spelling_of_a_private_address_gets_out() {
    let egress = open(EgressRules::default(), answers(&[&["127.0.0.1"]]));
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "[fe80::1]",
        "[fc00::1]",
        "localhost",
        "LOCALHOST",
        "127.0.0.1%2f",
        "①②⑦.0.0.1",
        "127。0。0。1",
    ] {
        let url = format!("http://{host}/");
        let Ok(parsed) = Url::parse(&url) else { continue };
        let grant = HttpGrant::parse(&format!("http://{}/", parsed.host_str().unwrap())).unwrap();
        let answer = egress.send("alpha", "p", &[grant], get(&url), "k").await;
        assert!(matches!(answer, Err(Error::Denied(_))), "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn a_name_with_one_private_address_is_refused_whole() {
    let egress = open(EgressRules::default(), answers(&[&["1.1.1.1", "10.0.0.7"]]));
    let answer = egress.send("alpha", "p", &grants(&["http://half.example"]), get("http://half.example/"), "k").await;
    assert!(matches!(&answer, Err(Error::Denied(why)) if why.contains("10.0.0.7")), "{answer:?}");
}

#[tokio::test]
async fn a_name_that_turns_private_is_refused_when_it_does() {
    let server = MockServer::start().await;
    Mock::given(is_method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let config = EgressRules { private_networks: vec!["127.0.0.1".parse().unwrap()], ..EgressRules::default() };
    let egress = open(config, answers(&[&["127.0.0.1"], &["169.254.169.254"]]));
    let port = server.address().port();
    let (grant, url) = (grants(&[&format!("http://flip.example:{port}")]), format!("http://flip.example:{port}/"));
    let mut request = get(&url);
    request.headers.push(("x-close".to_owned(), "1".to_owned()));
    assert_eq!(egress.send("alpha", "p", &grant, request, "k").await.unwrap().status, 200);
    // Another port, so that the pooled connection is not reused and the name is resolved again.
    let other = grants(&["http://flip.example:9"]);
    let answer = egress.send("alpha", "p", &other, get("http://flip.example:9/"), "k").await;
    assert!(matches!(&answer, Err(Error::Denied(why)) if why.contains("169.254")), "{answer:?}");
}

#[tokio::test]
async fn redirects_are_answered_and_not_followed() {
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/latest/meta-data");
    Mock::given(path("/go")).respond_with(redirect).mount(&server).await;
    let egress = open(loopback_open(), Arc::new(SystemLookup));
    let answer =
        egress.send("alpha", "p", &grants(&[&server.uri()]), get(&format!("{}/go", server.uri())), "k").await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(answer.headers.iter().any(|(name, value)| name == "location" && value.contains("169.254")));
}

#[tokio::test]
async fn what_acts_carries_the_idempotency_key_and_what_reads_does_not() {
    let server = MockServer::start().await;
    Mock::given(is_method("POST"))
        .and(header("idempotency-key", "dec_1/book/3"))
        .respond_with(ResponseTemplate::new(201))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(is_method("GET"))
        .and(header_exists("idempotency-key"))
        .respond_with(ResponseTemplate::new(500))
        .expect(0)
        .mount(&server)
        .await;
    Mock::given(is_method("GET")).respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    let egress = open(loopback_open(), Arc::new(SystemLookup));
    let grant = grants(&[&server.uri(), &format!("POST {}", server.uri())]);
    let post = Request { method: Method::Post, body: Some(b"{}".to_vec()), ..get(&server.uri()) };
    assert_eq!(egress.send("alpha", "p", &grant, post, "dec_1/book/3").await.unwrap().status, 201);
    assert_eq!(egress.send("alpha", "p", &grant, get(&server.uri()), "dec_1/book/4").await.unwrap().status, 200);
}

#[tokio::test]
async fn reserved_and_malformed_headers_are_refused_before_anything_leaves() {
    let egress = open(loopback_open(), Arc::new(SystemLookup));
    let grant = grants(&["http://127.0.0.1:9"]);
    for (name, value) in [
        ("Host", "evil.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("upgrade", "h2c"),
        ("idempotency-key", "mine"),
        ("x", "a\r\nHost: evil"),
        ("x\r\ny", "a"),
        ("", "a"),
        ("x", "a\0b"),
    ] {
        let mut request = get("http://127.0.0.1:9/");
        request.headers.push((name.to_owned(), value.to_owned()));
        let answer = egress.send("alpha", "p", &grant, request, "k").await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{name:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_secret_goes_only_to_its_hosts() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer s3cret")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let secret = |hosts: &[&str]| EgressSecret {
        value: SecretString::from("s3cret".to_owned()),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    };
    let mut request = get(&server.uri());
    request.headers.push(("authorization".to_owned(), "Bearer {{secret:API}}".to_owned()));
    for (hosts, reaches) in [(&["127.0.0.1"][..], true), (&["api.example.com"][..], false)] {
        let config = EgressRules { secrets: BTreeMap::from([("API".to_owned(), secret(hosts))]), ..loopback_open() };
        let answer = open(config, Arc::new(SystemLookup))
            .send("alpha", "p", &grants(&[&server.uri()]), request.clone(), "k")
            .await;
        assert_eq!(matches!(answer, Ok(Response { status: 200, .. })), reaches, "{answer:?}");
    }
}

#[tokio::test]
async fn a_businesss_own_secret_leaves_for_that_business_and_no_other() {
    let server = MockServer::start().await;
    for (secret, status) in [("Bearer shared", 201), ("Bearer alphas", 202)] {
        Mock::given(header("authorization", secret)).respond_with(ResponseTemplate::new(status)).mount(&server).await;
    }
    let secret = |value: &str| EgressSecret { value: SecretString::from(value), hosts: vec!["127.0.0.1".to_owned()] };
    let of = |value: &str| BTreeMap::from([("API".to_owned(), secret(value))]);
    let business_secrets = BTreeMap::from([("alpha".to_owned(), of("alphas"))]);
    let config = EgressRules { secrets: of("shared"), business_secrets: business_secrets.clone(), ..loopback_open() };
    let mut request = get(&server.uri());
    request.headers.push(("authorization".to_owned(), "Bearer {{secret:API}}".to_owned()));
    let grants = grants(&[&server.uri()]);
    let egress = open(config, Arc::new(SystemLookup));
    for (business, status) in [("alpha", 202), ("beta", 201)] {
        let answer = egress.send(business, "p", &grants, request.clone(), "k").await.unwrap();
        assert_eq!(answer.status, status, "{business}");
    }
    let egress = open(EgressRules { business_secrets, ..loopback_open() }, Arc::new(SystemLookup));
    let answer = egress.send("beta", "p", &grants, request, "k").await;
    assert!(matches!(answer, Err(Error::Denied(_))), "{answer:?}");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_cut_off() {
    let server = MockServer::start().await;
    let huge = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; LARGEST_BODY + 1]);
    Mock::given(is_method("GET")).respond_with(huge).mount(&server).await;
    let egress = open(loopback_open(), Arc::new(SystemLookup));
    let answer = egress.send("alpha", "p", &grants(&[&server.uri()]), get(&server.uri()), "k").await;
    assert_eq!(answer.unwrap_err(), Error::TooLarge);
}

#[tokio::test]
async fn what_is_not_granted_or_plain_is_denied_by_name() {
    let strict = Egress::new(EgressRules::default(), answers(&[&["1.1.1.1"]])).unwrap();
    let plain = strict.send("alpha", "p", &grants(&["http://a.example"]), get("http://a.example/"), "k").await;
    assert!(matches!(&plain, Err(Error::Denied(why)) if why.contains("allow-plain-http")), "{plain:?}");
    let other = strict.send("alpha", "menu", &grants(&["https://a.example"]), get("https://b.example/"), "k").await;
    assert!(
        matches!(&other, Err(Error::Denied(why)) if why.contains("menu") && why.contains("b.example")),
        "{other:?}"
    );
    let odd = strict.send("alpha", "p", &[], get("file:///etc/passwd"), "k").await;
    assert!(matches!(odd, Err(Error::Invalid(_))), "{odd:?}");
}

#[test]
fn a_business_that_holds_its_requests_is_refused_and_another_is_not() {
    let config = EgressRules { requests: 3, requests_per_business: 2, ..EgressRules::default() };
    let egress = open(config, answers(&[&["192.0.2.1"]]));
    let reason = |business| match egress.permit(business) {
        Err(Error::Unavailable(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let held = [egress.permit("one").unwrap(), egress.permit("one").unwrap()];
    assert!(reason("one").contains("business one has 2 requests under way"));
    let other = egress.permit("other").unwrap();
    assert!(reason("third").contains("3 requests are under way"));
    drop((held, other));
    egress.permit("one").unwrap();
}
