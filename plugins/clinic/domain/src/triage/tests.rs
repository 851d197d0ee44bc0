use super::*;

fn triage(text: &str) -> Triage {
    let weights: Vec<Weight> = symptoms::read(text).iter().map(|symptom| weigh(symptom, text)).collect();
    together(&weights)
}

#[test]
fn urgency_follows_red_flags_duration_and_strength() {
    let cases = [
        ("Mă doare puțin gâtul de ieri", Urgency::Routine),
        ("I have had a cough for three weeks", Urgency::Soon),
        ("Am febră 38 de ieri", Urgency::Soon),
        ("Am febră 39,5 de trei zile", Urgency::Urgent),
        ("fever of 40", Urgency::Urgent),
        ("copilul are febră 38", Urgency::Urgent),
        ("Tușesc cu sânge", Urgency::Urgent),
        ("Mă doare genunchiul insuportabil", Urgency::Urgent),
        ("Mă doare capul brusc și văd dublu", Urgency::Emergency),
        ("mă doare pieptul", Urgency::Emergency),
        ("my father fainted", Urgency::Emergency),
        ("vreau să mor", Urgency::Emergency),
    ];
    for (text, expected) in cases {
        assert_eq!(triage(text).urgency, expected, "{text}: {}", triage(text).reasoning);
    }
}

#[test]
fn the_worst_symptom_decides_and_says_whose_field_it_is() {
    let both = triage("Mă doare gâtul și mă doare pieptul");
    assert_eq!((both.urgency, both.speciality), (Urgency::Emergency, Speciality::Cardiology));
    let equals = triage("am o erupție și mă doare genunchiul");
    assert_eq!(equals.speciality, Speciality::Dermatology, "what is named first");
}

#[test]
fn more_symptoms_never_make_it_less_urgent() {
    let all: Vec<Weight> = symptoms::known()
        .map(|known| weigh(&Symptom { code: known.code.to_owned(), said: String::new() }, ""))
        .collect();
    for count in 1..all.len() {
        assert!(together(&all[..count]).urgency <= together(&all[..=count]).urgency);
    }
}

#[test]
fn what_nobody_knows_is_looked_at_soon_and_with_doubt() {
    let nothing = together(&[]);
    assert_eq!(nothing.urgency, Urgency::Soon);
    assert!(nothing.confidence < 0.5);
    let unheard = weigh(&Symptom { code: "hiccups".to_owned(), said: "sughit".to_owned() }, "sughit");
    assert_eq!(unheard.urgency, Urgency::Soon);
}

/// Messages that a triage nurse would treat as emergencies.
const EMERGENCIES: &[&str] = &[
    // Chest.
    "mă doare pieptul",
    "m-a durut pieptul toată noaptea",
    "am o apăsare puternică în piept",
    "mă strânge în piept și transpir",
    "cred că fac infarct",
    "tata a avut un infarct",
    "atac de cord",
    "my chest feels tight",
    "crushing pressure on my chest",
    "I think I'm having a heart attack",
    // Breath.
    "copilul nu mai respiră",
    "nu poate să respire",
    "abia mai respir",
    "respiră foarte greu",
    "se sufocă",
    "nu am aer",
    "he has stopped breathing",
    "my son is choking",
    "I'm struggling to breathe",
    // Stroke.
    "nu-mi simt brațul",
    "nu îmi mai simt mâna",
    "nu mi-am mai simțit piciorul de azi dimineață",
    "nu-și simte jumătate din față",
    "are gura strâmbă",
    "i s-a strâmbat gura",
    "nu mai poate vorbi",
    "nu-și poate mișca mâna dreaptă",
    "mama a făcut AVC",
    "I can't feel my left arm",
    "I can't move",
    "her face is drooping and her speech is slurred",
    "he's having a stroke",
    // Consciousness.
    "a leșinat și nu se mai trezește",
    "și-a pierdut cunoștința",
    "nu răspunde când îl strig",
    "she won't wake up",
    "he passed out",
    "face convulsii",
    "a avut o criză de epilepsie",
    "my daughter is having a seizure",
    // Allergy.
    "mi s-a umflat limba",
    "i s-au umflat buzele după o albină",
    "reacție alergică, respir greu",
    "my throat is closing up",
    "allergic reaction, my lips are swollen",
    // Poison.
    "am luat prea multe pastile",
    "a luat toate medicamentele din casă",
    "am înghițit o cutie de somnifere",
    "copilul a înghițit o baterie",
    "a băut detergent",
    "supradoză",
    "I took too many pills",
    "she swallowed a whole bottle of tablets",
    "my toddler drank bleach",
    "took an overdose",
    // Self-harm.
    "vreau să mor",
    "nu mai vreau să trăiesc",
    "nu mai are rost să trăiesc",
    "mă gândesc să mă sinucid",
    "mi-am făcut rău",
    "îmi vine să-mi iau viața",
    "mă spînzur",
    "I want to die",
    "I've been harming myself",
    "thinking of ending my life",
    "better off dead",
    // Blood.
    "vărs sânge",
    "am vomitat sânge",
    "a vomitat mult cu sânge",
    "vărsături cu sânge",
    "I'm throwing up blood",
    "I vomited blood",
    "nu se oprește sângerarea",
    "nu se mai oprește sângele din nas, curge sânge mult",
    "sângerez abundent",
    "the bleeding won't stop",
    "it doesn't stop bleeding",
    "I can't stop the bleeding",
    "sunt gravidă și sângerez",
    "I'm pregnant and bleeding",
    "tușesc cu mult sânge",
    // Children.
    "bebelușul de 2 luni are febră 38",
    "my newborn has a fever",
    "febră la un nou-născut",
    "my 6 weeks old baby has a fever",
    // Injuries.
    "a fost înjunghiat",
    "m-a mușcat o viperă",
    "he hit his head and keeps vomiting",
    "I was stabbed",
];

/// Messages of patients who must be seen today.
const URGENT: &[&str] = &[
    "am tușit sânge",
    "am tușit cu sânge",
    "am tușit azi-dimineață cu sânge",
    "tușesc sânge",
    "tușește cu sânge",
    "scuip sânge",
    "am scuipat sânge",
    "mi-a ieșit sânge când am tușit",
    "I'm coughing up blood",
    "I coughed up some blood",
    "he is spitting blood",
    "am sânge în urină",
    "am văzut sânge în scaun",
    "there's blood in my urine",
    "sângerez",
    "îmi curge sânge din nas",
    "my nose bleeds",
    "am înghițit o monedă",
    "my son swallowed a coin",
    "m-am lovit la cap",
    "m-am ars la mână",
    "mi-a amorțit brațul",
    "am palpitații",
    "nu pot urina",
    "copilul are febră 38",
    "sunt gravidă și am contracții",
    "am avut o reacție alergică",
];

#[test]
fn what_cannot_wait_is_heard_in_every_tense_and_both_languages() {
    for (texts, expected) in [(EMERGENCIES, Urgency::Emergency), (URGENT, Urgency::Urgent)] {
        for text in texts {
            assert_eq!(triage(text).urgency, expected, "{text}: {}", triage(text).reasoning);
        }
    }
}

#[test]
fn every_spelling_of_what_cannot_wait_is_as_urgent() {
    for text in EMERGENCIES.iter().chain(URGENT) {
        let expected = triage(text);
        for (name, spelling) in everyday::spellings::of(text) {
            assert_eq!(triage(&spelling).urgency, expected.urgency, "{name}: {spelling}");
        }
    }
}

#[test]
fn what_is_denied_is_not_urgent() {
    for text in [
        "nu am sânge în urină",
        "N-am tușit cu sânge",
        "tușesc, dar fără sânge",
        "tușesc, dar nu am sânge",
        "nu mă doare pieptul",
        "nu am avut dureri în piept",
        "nu am tuse sau febră sau dureri în piept",
        "nu am leșinat",
        "n-am vomitat cu sânge, doar mă doare burta",
        "nu sângerez",
        "nu vreau să mor",
        "Mă doare capul, dar nu am amorțit și nici nu am căzut, fără sânge",
        "I have a cough without blood",
        "no chest pain or bleeding",
        "I don't have chest pain",
        "I haven't fainted, I just have a cough",
        "mă doare gâtul la înghițit",
        "I can't move my appointment",
        "sunt single and a singer",
    ] {
        let found = triage(text);
        assert!(found.urgency < Urgency::Urgent, "{text}: {}", found.reasoning);
    }
}

#[test]
fn a_negation_that_belongs_to_something_else_denies_nothing() {
    for text in [
        "nu doar tușesc, scuip sânge",
        "nu mai scap de durerea din piept",
        "nu am mai avut așa durere în piept",
        "nu e prima dată când mă doare pieptul",
        "nu știu dacă e infarct",
        "nu pot dormi de durere în piept",
        "nu trece durerea din piept",
        "I have no doubt it's a heart attack",
        "no wonder my chest hurts",
        "No my chest hurts",
        "I have never felt such chest pain",
        "nu tuse seacă, ci tuse cu sânge",
    ] {
        let found = triage(text);
        assert!(found.urgency >= Urgency::Urgent, "{text}: {}", found.reasoning);
    }
}

#[test]
fn what_was_long_ago_is_no_emergency_and_goes_to_a_doctor_all_the_same() {
    for text in [
        "bunica a avut un infarct acum 10 ani",
        "am avut un AVC anul trecut",
        "tata a murit de infarct acum 20 de ani",
        "I had a stroke five years ago",
        "my father had a heart attack 10 years ago",
        "history of seizures",
        "am vomitat sânge în copilărie",
    ] {
        let found = triage(text);
        assert_eq!(found.urgency, Urgency::Soon, "{text}: {}", found.reasoning);
    }
    for text in [
        "am avut un infarct acum 10 ani și acum mă doare pieptul",
        "am avut un infarct acum 10 ani și mă doare din nou",
        "bunica a avut un infarct",
        "mă doare pieptul de 10 ani",
        "I had a heart attack two years ago, it feels the same",
        "my chest hurts since the heart attack 3 years ago",
        "am vrut să mă sinucid acum doi ani",
    ] {
        let found = triage(text);
        assert_eq!(found.urgency, Urgency::Emergency, "{text}: {}", found.reasoning);
    }
}
