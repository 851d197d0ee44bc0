use anyhow::Result;

use super::world::World;

/// The bundle is refused: the host sees the import before any code runs.
#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let Err(error) = World::start("sockets").await else { panic!("a guest with sockets was loaded") };
    let told = format!("{error:#}");
    for part in ["`probe`", "wasi:sockets", "bundle.toml:8"] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    Ok(())
}

#[tokio::test]
async fn an_import_without_a_grant_is_refused_with_plugin_interface_and_grant() -> Result<()> {
    let without = |options: &mut super::world::Options| {
        options.replace = Some(("grants = { llm = [\"default\"] }".to_owned(), String::new()));
    };
    let Err(error) = World::with("llm", without).await else { panic!("a guest without its grant was loaded") };
    let told = format!("{error:#}");
    for part in ["`probe`", "signalbox:llm/llm", "grants = { llm ="] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    Ok(())
}
