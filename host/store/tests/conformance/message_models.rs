use signalbox_store::{ModelName, Put, Store, StoreError};

use crate::samples::{at, message_model, minute, unique};

pub async fn a_message_model_is_created_once_and_replaced_when_it_changes(store: &Store) {
    let code = unique("code");
    let first = message_model(&code, "1.0", "Bună, {{ name }}!");
    assert_eq!(store.put_message_model(&first).await.unwrap(), Put::Created);
    let mut again = first.clone();
    (again.created_at, again.updated_at) = (minute(5), minute(5));
    assert_eq!(store.put_message_model(&again).await.unwrap(), Put::Unchanged);
    assert_eq!(store.message_models(&code).await.unwrap(), std::slice::from_ref(&first));
    again.message_template = "Salut, {{ name }}!".to_owned();
    assert_eq!(store.put_message_model(&again).await.unwrap(), Put::Replaced);
    again.created_at = first.created_at;
    assert_eq!(store.message_models(&code).await.unwrap(), [again]);
}

pub async fn usage_is_counted_and_survives_a_replacement(store: &Store) {
    let code = unique("code");
    let mut model = message_model(&code, "1.0", "one");
    store.put_message_model(&model).await.unwrap();
    let counting = (0..8).map(|_| {
        let (store, model) = (store.clone(), model.clone());
        tokio::spawn(async move { store.count_usage(&model, 3, at("2026-11-23T18:00:00.5Z")).await.unwrap() })
    });
    for counted in counting.collect::<Vec<_>>() {
        counted.await.unwrap();
    }
    model.message_template = "two".to_owned();
    assert_eq!(store.put_message_model(&model).await.unwrap(), Put::Replaced);
    model.usage_count = 24;
    model.last_used = Some(at("2026-11-23T18:00:00.5Z"));
    assert_eq!(store.message_models(&code).await.unwrap(), [model]);
}

pub async fn variants_of_one_code_stay_apart(store: &Store) {
    let code = unique("code");
    let mut models = Vec::new();
    let some = |text: &str| Some(text.to_owned());
    for (version, business_type, location, locale) in [
        ("1", None, None, None),
        ("1", some(""), None, None),
        ("1", some("a#b"), None, None),
        ("1", some("a"), some("b"), None),
        ("1", None, some("a"), None),
        ("1", None, None, some("a")),
        ("1#a", None, None, None),
        ("1", some("a"), some("b"), some("ro")),
    ] {
        let mut model = message_model(&code, version, "text");
        (model.business_type, model.location_context, model.locale) = (business_type, location, locale);
        assert_eq!(store.put_message_model(&model).await.unwrap(), Put::Created, "{model:?}");
        models.push(model);
    }
    let found = store.message_models(&code).await.unwrap();
    assert_eq!(found.len(), models.len());
    assert!(models.iter().all(|model| found.contains(model)));
    assert!(store.message_models(&unique("code")).await.unwrap().is_empty());
}

pub async fn models_of_all_codes_are_listed_once_page_by_page(store: &Store) {
    let prefix = unique("code");
    let mut codes: Vec<String> = (0..7).map(|n| format!("{prefix}-{n}")).collect();
    for code in codes.iter().rev() {
        store.put_message_model(&message_model(code, "1.0", "text")).await.unwrap();
        store.put_message_model(&message_model(code, "1.1", "text")).await.unwrap();
    }
    store.put_message_model(&message_model(&codes[0], "1.0", "another text")).await.unwrap();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.all_message_models(cursor.as_deref(), 3).await.unwrap();
        found.extend(page.items.into_iter().filter(|model| model.decision_code.starts_with(&prefix)));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let listed: Vec<_> = found.iter().map(|model| (model.decision_code.clone(), model.version.as_str())).collect();
    codes.sort();
    let expected: Vec<_> = codes.into_iter().flat_map(|code| [(code.clone(), "1.0"), (code, "1.1")]).collect();
    assert_eq!(listed, expected);
    assert_eq!(found[0].message_template, "another text");
    assert!(matches!(store.all_message_models(Some("AAAA"), 3).await, Err(StoreError::Invalid(_))));
}

pub async fn a_model_whose_names_are_too_long_is_refused_by_name(store: &Store) {
    let error = store.put_message_model(&message_model(&"c".repeat(1_100), "7.1", "text")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Invalid(problem) if problem.contains("7.1")), "{error}");
}

pub async fn counting_a_missing_model_names_it(store: &Store) {
    let model = message_model(&unique("code"), "7.1", "text");
    let error = store.count_usage(&model, 1, minute(1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("7.1")), "{error}");
    assert!(store.message_models(&model.decision_code).await.unwrap().is_empty());
}

pub async fn of_a_codes_models_the_first_that_are_wanted_are_given_in_order(store: &Store) {
    let code = unique("code");
    for (version, business_type) in [("1", "a"), ("2", "a"), ("3", "b"), ("10", "a"), ("1:1", "a")] {
        let mut model = message_model(&code, version, "text");
        model.business_type = Some(business_type.to_owned());
        store.put_message_model(&model).await.unwrap();
    }
    let removed = store.message_models(&code).await.unwrap().into_iter().find(|model| model.version == "10").unwrap();
    store.remove_message_model(&removed).await.unwrap();
    let versions = async |version: Option<&str>, most: usize| {
        let wants = |name: &ModelName| name.business_type.as_deref() == Some("a") && name.locale.is_none();
        let order = |one: &ModelName, other: &ModelName| other.version.cmp(&one.version);
        let found = store.first_message_models(&code, version, most, wants, order).await.unwrap();
        found.into_iter().map(|model| model.version).collect::<Vec<_>>()
    };
    assert_eq!(versions(None, 9).await, ["2", "1:1", "1"]);
    assert_eq!(versions(None, 2).await, ["2", "1:1"]);
    assert_eq!(versions(Some("1"), 9).await, ["1"], "no version that only begins so");
    assert_eq!(versions(Some("3"), 9).await, Vec::<String>::new());
}
