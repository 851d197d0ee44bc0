use signalbox_sessions::ClientFrame;

/// The longest text of an error, in characters, with all that it quotes of the frame.
const WORDS: usize = 1_024;

/// A text from a client. Either it is a frame that means the same after it is written and read again, or it is refused
/// with an error text of limited length.
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
