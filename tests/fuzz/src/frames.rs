use signalbox_sessions::ClientFrame;

/// What an error may say, in characters, with all that it quotes of the frame.
const WORDS: usize = 1_024;

/// A text from a client: it is a frame that means the same when it is written and read again, or it is refused in words
/// that are no flood themselves.
pub fn frames(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match ClientFrame::parse(text) {
        Ok(frame) => {
            let written = serde_json::to_string(&frame).expect("a frame that was read can be written");
            assert_eq!(ClientFrame::parse(&written).as_ref(), Ok(&frame), "{written} means something else");
        }
        Err(error) => {
            let said = error.to_string();
            let characters = said.chars().count();
            assert!(characters <= WORDS, "{} bytes are answered with {characters} characters", text.len());
            assert!(!error.to_string().is_empty());
        }
    }
}
