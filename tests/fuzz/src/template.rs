use signalbox_capabilities::rag::{RenderSteps, Template, TemplateError};
use signalbox_model::{JsonObject, MessageModel, Timestamp};

/// The longest message.
const LONGEST: usize = 16 * 1024;

/// A template, a line of three dashes, and its parameters as a JSON object. Either it is refused with a line number, or
/// it renders the same message twice within its work limit; with less work it renders that message or none.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (source, data) = super::parts(text);
    let data: JsonObject = serde_json::from_str(data).unwrap_or_default();
    let model = MessageModel {
        decision_code: "a".to_owned(),
        version: "1".to_owned(),
        message_template: source.to_owned(),
        parameters: data.keys().cloned().collect(),
        business_type: None,
        location_context: None,
        locale: None,
        usage_count: 0,
        last_used: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    };
    let template = match Template::read(&model) {
        Ok(template) => template,
        Err(errors) => {
            let lines = source.lines().count().max(1) + 1;
            assert!(!errors.is_empty(), "refused without a reason");
            assert!(errors.iter().all(|error| error.line().is_none_or(|line| line <= lines)), "{errors:?}");
            return;
        }
    };
    let rendered = template.render(&data, RenderSteps::FULL);
    assert_eq!(rendered, template.render(&data, RenderSteps::FULL), "the same message says something else");
    assert!(rendered.as_ref().is_ok_and(|text| text.len() <= LONGEST) || rendered.is_err());
    match template.render(&data, RenderSteps::BRIEF) {
        Err(TemplateError::TooMuch) => {}
        brief => assert_eq!(brief, rendered, "less work gives something else"),
    }
}
