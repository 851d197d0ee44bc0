//! Node `lookup`: looks up the restaurant's facts that the message asks for. Runs beside `extract`.

use jiff::Span;
use restaurant::channels::{DishFacts, Facts, HoursFacts, MenuFacts};
use restaurant::hours::Now;
use restaurant::intent::Intent;
use restaurant::language::Language;
use restaurant::{calendar, menu, place};
use signalbox_sdk::prelude::*;

/// The most dishes that one answer lists.
const MOST_DISHES: usize = 12;

/// The channels that the node reads.
#[derive(Deserialize)]
pub struct State {
    intent: Intent,
    language: Language,
}

/// Looks up hours, menu and contact.
#[decision_node]
pub fn lookup(context: &Context, state: State) -> Result<Step, Failure> {
    let mut facts = Facts {
        address: business::get_setting("address")?,
        phone: business::get_setting("phone")?,
        ..Facts::default()
    };
    match state.intent {
        Intent::Hours => facts.hours = Some(hours(context, state.language)?),
        Intent::Menu => facts.menu = Some(dishes(context, state.language)?),
        _ => {}
    }
    Ok(Step::new().update("facts", &facts)?)
}

fn hours(context: &Context, language: Language) -> Result<HoursFacts, Failure> {
    let (now, hours) = (place::now(context)?, place::hours(context)?);
    let day = calendar::read(context.text()?, now).date;
    let week = (0..7).filter_map(|days| now.date().checked_add(Span::new().days(days)).ok());
    let (open_now, changes_at) = match hours.at(now) {
        Now::OpenUntil(time) => (true, Some(time)),
        Now::OpensAt(time) => (false, Some(time)),
        Now::Closed => (false, None),
    };
    Ok(HoursFacts {
        day: day.map(|day| place::day_facts(day, hours.on(day), language)),
        week: week.map(|day| place::day_facts(day, hours.on(day), language)).collect(),
        open_now,
        changes_at: changes_at.map(|time| time.strftime("%H:%M").to_string()),
    })
}

fn dishes(context: &Context, language: Language) -> Result<MenuFacts, Failure> {
    let menu = place::menu(context)?;
    let currency = context.setting::<String>("currency")?.unwrap_or_default();
    let query = menu::read(context.text()?, &menu);
    let found = menu::search(&menu, &query);
    let dishes = found.iter().take(MOST_DISHES).map(|dish| DishFacts {
        name: dish.name.in_language(language).to_owned(),
        price: format!("{} {currency}", dish.price).trim_end().to_owned(),
        vegetarian: dish.vegetarian || dish.vegan,
        allergens: dish.allergens.iter().map(|allergen| menu::allergen_name(allergen, language).to_owned()).collect(),
    });
    Ok(MenuFacts { dishes: dishes.collect(), total: found.len(), restricted: !query.is_broad() })
}

#[cfg(test)]
mod tests;
