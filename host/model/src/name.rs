//! Names that operators choose, in the spelling of environment variables: in capitals, and without `-`.

use std::collections::BTreeMap;

/// A name in the form in which all its spellings in variables are equal: in lower case, and with `-` for `_`.
pub fn folded_name(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// The entry of a name in a map of operators' names, with the name as the map spells it: the exact name, or else the
/// only name that a variable would spell in the same way.
pub fn find_named<'a, T>(map: &'a BTreeMap<String, T>, name: &str) -> Option<(&'a str, &'a T)> {
    if let Some((own, value)) = map.get_key_value(name) {
        return Some((own, value));
    }
    let wanted = folded_name(name);
    let mut alike = map.iter().filter(|(own, _)| folded_name(own) == wanted);
    match (alike.next(), alike.next()) {
        (Some((own, value)), None) => Some((own, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_a_variable_spells_it_and_never_one_of_two() {
        let map = BTreeMap::from([("default", 1), ("RESERVATIONS_WEBHOOK", 2), ("two-keys", 3), ("TWO_KEYS", 4)]);
        let map: BTreeMap<String, i32> = map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(find_named(&map, "default"), Some(("default", &1)));
        assert_eq!(find_named(&map, "DEFAULT"), Some(("default", &1)));
        assert_eq!(find_named(&map, "reservations-webhook"), Some(("RESERVATIONS_WEBHOOK", &2)));
        assert_eq!(find_named(&map, "two-keys"), Some(("two-keys", &3)));
        assert_eq!(find_named(&map, "Two-Keys"), None);
        assert_eq!(find_named(&map, "none"), None);
    }
}
