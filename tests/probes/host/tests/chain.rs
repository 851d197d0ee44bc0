use anyhow::Result;
use signalbox_model::Outcome;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("chain").await?;
    for (text, code, nodes) in [
        ("a table for four", "chain.book", &["understand", "book", "reply"][..]),
        ("good morning", "chain.talk", &["understand", "reply"][..]),
    ] {
        let record = world.say(text).await?;
        assert_eq!((record.decision.outcome, record.decision.decision_code.as_str()), (Outcome::Decided, code));
        let path: Vec<&str> = record.output.metadata.path.iter().map(|step| step.node.as_str()).collect();
        assert_eq!(path, nodes);
    }
    Ok(())
}
