//! Reads `[notifications]` of a business's file, and finds everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use signalbox_diagnostics::{Item, Problems, TomlTable, suggestion};
use signalbox_model::{
    BusinessInfo, NotificationChannel, NotificationRoute, NotificationSettings, Priority, is_channel_name,
    user_id_problem,
};

/// The most channels and the most routes of a business: each notification may become an effect for each channel.
const MOST: usize = 32;

/// The receivers of notifications that the operator has configured.
#[derive(Clone, Debug, Default)]
pub struct NotificationReceivers {
    /// The names in `[delivery.notification-webhooks]`.
    pub webhooks: BTreeSet<String>,
}

/// The settings of a table. Entries that have a problem are left out.
pub(super) fn read(
    mut table: TomlTable<'_>,
    business: &BusinessInfo,
    receivers: Option<&NotificationReceivers>,
    problems: &mut Problems,
) -> NotificationSettings {
    let channels = table.take("channels").and_then(|item| item.table("[notifications.channels]", problems));
    let entries = channels.map_or_else(Vec::new, |channels| channels.entries());
    let names: Vec<&str> = entries.iter().map(|item| item.key).collect();
    let mut channels = BTreeMap::new();
    for item in &entries {
        if let Some(channel) = channel(item, receivers, problems) {
            channels.insert(item.key.to_owned(), channel);
        }
    }
    let routes = table.take("routes");
    let tables = routes.as_ref().map_or_else(Vec::new, |item| item.tables("[[notifications.routes]]", problems));
    for (count, what) in [(entries.len(), "channels"), (tables.len(), "routes")] {
        if count > MOST {
            problems.add(&table.span(), format!("{count} {what} are more than {MOST}"), "join some of them");
        }
    }
    let routes = tables.into_iter().filter_map(|table| route(table, &names, business, problems)).collect();
    table.finish(problems);
    NotificationSettings { channels, routes }
}

fn channel(
    item: &Item<'_>,
    receivers: Option<&NotificationReceivers>,
    problems: &mut Problems,
) -> Option<NotificationChannel> {
    if !is_channel_name(item.key) {
        let message = format!("channel `{}` has to have 1 to 32 letters, digits, `-` or `_`", item.key);
        problems.add(&item.key_span, message, "give it such a name; it becomes a part of idempotency keys");
    }
    let mut table = item.table(format!("channel `{}`", item.key), problems)?;
    let email = table.take("email").and_then(|item| item.text(problems));
    let webhook = table.take("webhook").and_then(|item| item.text(problems));
    let span = table.span();
    table.finish(problems);
    match (email, webhook) {
        (Some(address), None) => {
            if !is_address(&address.value) {
                let message = format!("`{}` is no e-mail address", address.value);
                problems.add(&address.span, message, "write one address, for example `owner@roma.example`");
            }
            Some(NotificationChannel::Email(address.value))
        }
        (None, Some(receiver)) => {
            if let Some(known) = receivers.map(|receivers| &receivers.webhooks)
                && !known.contains(&receiver.value)
            {
                let message = format!("there is no receiver `{}` in [delivery.notification-webhooks]", receiver.value);
                let known = known.iter().map(String::as_str);
                problems.add(&receiver.span, message, suggestion(&receiver.value, "the receivers there", known));
            }
            Some(NotificationChannel::Webhook(receiver.value))
        }
        (Some(_), Some(_)) => {
            problems.add(&span, format!("channel `{}` has two ways", item.key), "make two channels of it");
            None
        }
        (None, None) => {
            let help = "add `email` with an address, or `webhook` with the name of a receiver";
            problems.add(&span, format!("channel `{}` leads nowhere", item.key), help);
            None
        }
    }
}

/// Whether a text looks like one address. The server that takes the e-mail has the last word.
fn is_address(text: &str) -> bool {
    let is_wrong =
        |character: char| character.is_whitespace() || character.is_control() || ",;<>\"()".contains(character);
    text.len() <= 254
        && !text.contains(is_wrong)
        && text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn route(
    mut table: TomlTable<'_>,
    channels: &[&str],
    business: &BusinessInfo,
    problems: &mut Problems,
) -> Option<NotificationRoute> {
    let target = table.require("for", "add `for = \"business\"` or `for = \"user:<id>\"`", problems);
    let target = target.and_then(|item| item.text(problems));
    if let Some(target) = &target {
        let is_target = match target.value.strip_prefix("user:") {
            Some(user_id) => user_id_problem(user_id).is_none(),
            None => target.value == "business",
        };
        if !is_target {
            let message = format!("`{}` is no target of notifications", target.value);
            problems.add(&target.span, message, "write `business`, or `user:` and the id of a user");
        }
    }
    let known = |table: &mut TomlTable<'_>, key, what: &str, known: &[&str], problems: &mut Problems| {
        let texts = table.take(key).map_or_else(Vec::new, |item| item.texts(problems));
        for text in texts.iter().filter(|text| !known.contains(&text.value.as_str())) {
            let message = format!("there is no {what} `{}`", text.value);
            let help = suggestion(&text.value, &format!("those that there are: the {what}s"), known.iter().copied());
            problems.add(&text.span, message, help);
        }
        texts.into_iter().map(|text| text.value).collect::<Vec<String>>()
    };
    let places: Vec<&str> = business.locations.iter().map(|location| location.id.as_str()).collect();
    let own = known(&mut table, "channels", "channel", channels, problems);
    let locations = known(&mut table, "locations", "location", &places, problems);
    let priorities = known(&mut table, "priorities", "priority", &["low", "medium", "high"], problems);
    let decisions = table.take("decisions").map_or_else(Vec::new, |item| item.texts(problems));
    for code in &decisions {
        if code.value.trim_end_matches('*').contains('*') || code.value.ends_with("**") {
            let message = format!("`{}` has a `*` that is not its end", code.value);
            problems.add(&code.span, message, "write the whole code of a decision, or its beginning and one `*`");
        }
    }
    if own.is_empty() {
        problems.add(&table.span(), "the route has no channels", "add `channels` with the names of channels");
    }
    table.finish(problems);
    let priority = |name: &String| match name.as_str() {
        "low" => Some(Priority::Low),
        "medium" => Some(Priority::Medium),
        "high" => Some(Priority::High),
        _ => None,
    };
    Some(NotificationRoute {
        target: target?.value,
        channels: own,
        priorities: priorities.iter().filter_map(priority).collect(),
        decisions: decisions.into_iter().map(|code| code.value).collect(),
        locations,
    })
}

#[cfg(test)]
mod tests {
    use super::super::file::BusinessFile;
    use super::*;

    const BUSINESS: &str = "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\n\
                            [[locations]]\nid = \"centru\"\nname = \"Centru\"\n";

    fn read(settings: &str) -> Result<NotificationSettings, String> {
        let text = format!("{BUSINESS}{settings}");
        let receivers = NotificationReceivers { webhooks: ["roma-kitchen".to_owned(), "ops".to_owned()].into() };
        match BusinessFile::parse(text.clone(), Some(&receivers)).business {
            Ok(business) => Ok((*business.notifications).clone()),
            Err(problems) => Err(signalbox_diagnostics::Report::new("roma.toml", &text, problems).render(false)),
        }
    }

    #[test]
    fn channels_and_routes_are_read_as_they_are_written() {
        let read = read(
            "[notifications.channels]\nowner = { email = \"owner@roma.example\" }\nkitchen = { webhook = \"roma-kitchen\" }\n\
             [[notifications.routes]]\nfor = \"user:ana\"\nchannels = [\"owner\", \"kitchen\"]\npriorities = [\"high\"]\n\
             decisions = [\"booking.*\"]\nlocations = [\"centru\"]\n",
        );
        let expected = serde_json::json!({
            "channels": {"kitchen": {"webhook": "roma-kitchen"}, "owner": {"email": "owner@roma.example"}},
            "routes": [{
                "for": "user:ana", "channels": ["owner", "kitchen"], "priorities": ["high"], "decisions": ["booking.*"],
                "locations": ["centru"],
            }],
        });
        assert_eq!(serde_json::to_value(read.unwrap()).unwrap(), expected);
    }

    #[test]
    fn everything_that_is_wrong_with_notifications_is_told_at_once_with_the_name_that_was_meant() {
        let told = read(
            "[notifications.channels]\n\"my owner\" = { email = \"owner\" }\nkitchen = { webhook = \"roma-kitchn\" }\n\
             nowhere = {}\nboth = { email = \"a@b.example\", webhook = \"ops\" }\ncolour = { emial = \"a@b.example\" }\n\
             [[notifications.routes]]\nfor = \"ana\"\nchannels = [\"kitchem\"]\npriorities = [\"hgih\"]\n\
             decisions = [\"*.made\"]\nlocations = [\"centro\"]\n[[notifications.routes]]\nfor = \"business\"\n",
        )
        .unwrap_err();
        for part in [
            "channel `my owner` has to have 1 to 32 letters",
            "`owner` is no e-mail address",
            "there is no receiver `roma-kitchn` in [delivery.notification-webhooks]",
            "did you mean `roma-kitchen`?",
            "channel `nowhere` leads nowhere",
            "channel `both` has two ways",
            "did you mean `email`?",
            "`ana` is no target of notifications",
            "there is no channel `kitchem`",
            "did you mean `kitchen`?",
            "did you mean `high`?",
            "did you mean `centru`?",
            "`*.made` has a `*` that is not its end",
            "the route has no channels",
            "── here",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
    }
}
