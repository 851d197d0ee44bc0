use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::Sha256;
use signalbox_graph::VerifyScheme;
use signalbox_trigger_webhook::{SigningKey, verify};

/// The time at which deliveries are verified.
const NOW: i64 = 1_800_000_000;
const KEY: &[u8] = b"a key of thirty-two bytes, no less";
/// The marks in a header's value that are replaced by the signature of a prefix and the body, in hexadecimal or Base64.
const SIGNATURES: [(&str, bool); 2] = [("<hex:", false), ("<base64:", true)];

/// Headers, a line of three dashes, and the body. `<hex:PREFIX>` and `<base64:PREFIX>` in a header stand for the right
/// signature of the prefix and the body. A delivery that is accepted is refused with another body or another key.
pub fn webhook(data: &[u8]) {
    let at = data.windows(5).position(|window| window == b"\n---\n");
    let (head, body) =
        at.map_or((data, &[][..]), |at| (data.get(..at).unwrap_or(data), data.get(at + 5..).unwrap_or(&[])));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let headers = headers(head, body);
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    for scheme in [VerifyScheme::StandardWebhooks, VerifyScheme::Github, VerifyScheme::Stripe] {
        // Stripe and GitHub use a secret as it is written.
        let text = if scheme == VerifyScheme::StandardWebhooks { secret.clone() } else { text_key() };
        let keys = [SigningKey::new(SecretString::from(text))];
        let now = Timestamp::from_second(NOW).unwrap_or_default();
        let Ok(id) = verify(scheme, &keys, &headers, body, now) else { continue };
        assert!((1..=256).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id:?} is an id");
        let longer = [body, b" "].concat();
        assert!(verify(scheme, &keys, &headers, &longer, now).is_err(), "another body is believed");
        let stranger = [SigningKey::new(SecretString::from("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))];
        assert!(verify(scheme, &stranger, &headers, body, now).is_err(), "another key is believed");
        assert!(verify(scheme, &[], &headers, body, now).is_err(), "no key is needed");
    }
}

fn text_key() -> String {
    String::from_utf8_lossy(KEY).into_owned()
}

/// The lines that are valid headers.
fn headers(head: &str, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // A request with more headers is refused before it gets here.
    for line in head.lines().take(64) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.trim()), HeaderValue::try_from(signed(value.trim(), body)))
        else {
            continue;
        };
        headers.append(name, value);
    }
    headers
}

/// Replaces the mark in the value by the signature.
fn signed(value: &str, body: &[u8]) -> String {
    for (mark, base64) in SIGNATURES {
        if let Some((before, rest)) = value.split_once(mark)
            && let Some((prefix, after)) = rest.split_once('>')
        {
            let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("a key of any length will do");
            mac.update(prefix.as_bytes());
            mac.update(body);
            let code = mac.finalize().into_bytes();
            let code = if base64 { STANDARD.encode(code) } else { hex::encode(code) };
            return format!("{before}{code}{after}");
        }
    }
    value.to_owned()
}
