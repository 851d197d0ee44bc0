//! Reads the bytes of an answer as text, within limits.

use std::io::Read;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};

/// The largest answer in bytes, also after it is decompressed.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Why an answer could not be read.
#[derive(Debug)]
pub(super) enum UnreadableAnswer {
    /// Reading from the connection failed.
    Broken(reqwest::Error),
    /// The answer is not text, or too large.
    Malformed(String),
}

/// Reads the whole answer.
pub(super) async fn read(mut response: reqwest::Response) -> Result<String, UnreadableAnswer> {
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(UnreadableAnswer::Broken)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let body = unpacked(body, header(&headers, &CONTENT_ENCODING))?;
    Ok(decoded(&body, header(&headers, &CONTENT_TYPE)))
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn too_large() -> UnreadableAnswer {
    UnreadableAnswer::Malformed(format!("the answer is larger than {LARGEST_ANSWER} bytes"))
}

/// Decompresses an answer that a proxy compressed without being asked. The limit applies to the decompressed bytes.
fn unpacked(body: Vec<u8>, encoding: &str) -> Result<Vec<u8>, UnreadableAnswer> {
    let packed: Box<dyn Read + '_> = match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => return Ok(body),
        "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(&*body)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(&*body)),
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(UnreadableAnswer::Malformed(format!(
                "the answer is compressed with `{shown}`, which nobody asked for"
            )));
        }
    };
    let mut plain = Vec::new();
    packed
        .take(LARGEST_ANSWER as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| UnreadableAnswer::Malformed(format!("the compressed answer cannot be unpacked: {error}")))?;
    if plain.len() > LARGEST_ANSWER { Err(too_large()) } else { Ok(plain) }
}

/// Decodes an answer. JSON is UTF-8; another encoding is recognised by its byte order mark or charset. Invalid bytes
/// are replaced, because one broken character is better than no answer.
fn decoded(body: &[u8], content_type: &str) -> String {
    let charset = content_type.to_ascii_lowercase();
    match body {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ if charset.contains("charset=utf-16le") => utf16(body, u16::from_le_bytes),
        _ if charset.contains("charset=utf-16") => utf16(body, u16::from_be_bytes),
        _ => match std::str::from_utf8(body) {
            Ok(text) => text.to_owned(),
            Err(_) if charset.contains("8859-1") || charset.contains("latin1") || charset.contains("1252") => {
                body.iter().map(|byte| char::from(*byte)).collect()
            }
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        },
    }
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = body.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(unit);
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn an_answer_in_any_encoding_is_the_same_text() {
        let json = "{\"a\":\"mâine\"}";
        let marked = [&[0xef, 0xbb, 0xbf], json.as_bytes()].concat();
        let little: Vec<u8> = [0xfeff].into_iter().chain(json.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let latin: Vec<u8> = json.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
        for (body, content_type) in [
            (json.as_bytes(), "application/json"),
            (&marked, "application/json; charset=utf-8"),
            (&little, "application/json"),
            (&big, "application/json; charset=UTF-16BE"),
            (&latin, "application/json; charset=ISO-8859-1"),
        ] {
            assert_eq!(decoded(body, content_type), json, "{content_type}");
        }
    }

    #[test]
    fn what_is_packed_unpacks_within_the_same_bound() {
        assert_eq!(unpacked(gzip(b"{}"), "GZIP").unwrap(), b"{}");
        let bomb = gzip(&vec![b' '; 8 << 20]);
        assert!(bomb.len() < 64 << 10);
        assert!(matches!(unpacked(bomb, "gzip"), Err(UnreadableAnswer::Malformed(why)) if why.contains("larger than")));
        assert!(matches!(unpacked(b"plain".to_vec(), "gzip"), Err(UnreadableAnswer::Malformed(_))));
        assert!(matches!(unpacked(b"x".to_vec(), "br"), Err(UnreadableAnswer::Malformed(why)) if why.contains("`br`")));
    }
}
