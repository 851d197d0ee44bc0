use std::fmt::Write as _;

use signalbox_model::ResponseContent;
use signalbox_sessions::{AckState, ServerFrame};

use super::output;

/// Shows a person, or a program, the frames that come from the host.
pub struct Story {
    /// For a program: frames are printed unchanged.
    pub json: bool,
}

impl Story {
    /// Shows one frame.
    pub fn tell(&mut self, frame: &ServerFrame, text: &str) -> anyhow::Result<()> {
        if self.json {
            return output::line(&signalbox_model::visible_json(text));
        }
        match sentence(frame) {
            Some(sentence) => output::line(&output::printable(&sentence)),
            None => Ok(()),
        }
    }
}

/// The text of a content, else its data.
fn words(content: &ResponseContent) -> Option<String> {
    let data = || content.data.clone().map(|data| serde_json::Value::Object(data).to_string());
    content.text.clone().or_else(data)
}

fn sentence(frame: &ServerFrame) -> Option<String> {
    let text = match frame {
        ServerFrame::Welcome { user_id, businesses, .. } => {
            format!("connected as {user_id} ({})", businesses.join(", "))
        }
        ServerFrame::Ack { decision_id, others, state, reply, .. } => {
            let others = others.iter().map(|other| other.decision_id.as_str());
            let ids: Vec<&str> = decision_id.as_deref().into_iter().chain(others).collect();
            let ids = ids.join(", ");
            let told = match state {
                AckState::Accepted => format!("  stored; {ids} is being decided"),
                AckState::Decided => format!("  stored and decided as {ids}"),
                AckState::Duplicate => format!("  decided before as {ids}"),
                AckState::Handled => "  taken; there is nothing to decide".to_owned(),
            };
            match reply.as_ref().and_then(words) {
                Some(words) => format!("{told}\n\n{words}\n"),
                None => told,
            }
        }
        ServerFrame::Progress { node, phase, attempt, .. } => match phase.as_str() {
            "started" => return None,
            "failed" => format!("  · {node} failed (attempt {attempt})"),
            _ => format!("  · {node}"),
        },
        ServerFrame::Response { content, decision, .. } => {
            let mut text = String::new();
            if let Some(words) = words(content) {
                let _ = writeln!(text, "\n{words}\n");
            }
            let review = if decision.requires_human_review { ", waits for review" } else { "" };
            let _ = write!(text, "  {} ({:.2}{review})", decision.code, decision.confidence);
            text
        }
        ServerFrame::Notification { content, business_id, .. } => {
            let words = content.get("text").and_then(|text| text.as_str()).map(str::to_owned);
            format!(
                "! {business_id}: {}",
                words.unwrap_or_else(|| serde_json::Value::Object(content.clone()).to_string())
            )
        }
        ServerFrame::Review(review) => match &review.resolution {
            Some(end) => {
                format!("! {}: the review of {} was ended by {}", review.business_id, review.decision_id, end.by)
            }
            None => format!("! {}: {} waits for review ({})", review.business_id, review.decision_id, review.code),
        },
        ServerFrame::Reconnect { reason, .. } => format!("! the host goes away: {reason}"),
        ServerFrame::TokenExpiring { expires_at } => {
            format!("! the token expires at {}", output::moment_utc(*expires_at))
        }
        ServerFrame::Error(error) => {
            let under = error.correlation_id.as_deref().map(|id| format!(" [{id}]")).unwrap_or_default();
            format!("error ({}): {}{under}", error.error_type.as_str(), error.message)
        }
        ServerFrame::Refreshed { .. } | ServerFrame::Resumed { .. } | ServerFrame::Pong { .. } => return None,
    };
    Some(text)
}
