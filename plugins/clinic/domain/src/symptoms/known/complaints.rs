//! The most frequent complaints, most of which can wait for a day.

use super::Known;
use super::Speciality::{Cardiology, Dermatology, Ent, Neurology, Orthopaedics};
use crate::triage::Urgency::{Emergency, Routine, Soon, Urgent};

const BLOOD: &[&str] = &["sange*", "blood*"];

pub(super) const KNOWN: &[Known] = &[
    Known::new("headache", Routine, &["cefalee", "migren*", "headache*", "migraine*"])
        .hurting(&["cap", "capul", "head"])
        .flagged(
            Emergency,
            &[
                "brusc*",
                "dintr o data",
                "sudden*",
                "ceafa",
                "stiff neck",
                "vad*",
                "vedere*",
                "vision",
                "worst",
                "cea mai rea|puternica",
                "lovit*",
                "confuz*|confused",
            ],
        )
        .of(Neurology),
    Known::new("fever", Soon, &["febra", "febril*", "temperatura", "fever*", "temperature"]).flagged(
        Urgent,
        &[
            "convuls*",
            "copil*",
            "bebe*",
            "baby",
            "infant",
            "child",
            "seizure*",
            "gravid*",
            "pregnant",
            "ceafa",
            "stiff neck",
            "sugar*|nou nascut*",
            "newborn*|toddler*",
            "pete|petesii",
            "confuz*|confused",
        ],
    ),
    Known::new("abdominal-pain", Soon, &["crampe*", "stomach ache", "stomachache", "cramps"])
        .hurting(&["burta", "abdomen*", "stomac*", "belly", "stomach", "tummy"])
        .flagged(Urgent, &["brusc*", "sudden*", "sange*", "blood*", "gravid*", "pregnant"]),
    Known::new("vomiting", Soon, &["vomit*", "vomez*", "voma*", "vars", "varsa*|varsatur*", "throwing up", "threw up"])
        .flagged(Emergency, BLOOD),
    Known::new("cough", Routine, &["tuse*|tusi*", "cough*"]).flagged(Urgent, BLOOD),
    Known::new("throat", Routine, &["sore throat", "amigdal*", "tonsil*"])
        .hurting(&["gat", "gatul", "throat"])
        .flagged(Urgent, &["nu .. pot|poate .. inghit*", "can|cannot .. swallow*", "nu .. deschid* gura"])
        .of(Ent),
    Known::new("ear", Routine, &["otita", "earache"])
        .hurting(&["ureche*", "urechi*", "ear", "ears"])
        .flagged(Urgent, BLOOD)
        .of(Ent),
    Known::new(
        "rash",
        Routine,
        &["eruptie", "eruptii", "bubite", "mancarim*", "urticar*", "rash*", "itch*", "alunit*", "mole"],
    )
    .hurting(&["pielea", "skin"])
    .flagged(Urgent, &["fata umflata", "swollen face", "febra", "fever"])
    .of(Dermatology),
    Known::new("dizziness", Soon, &["ametesc|ameteste", "ameteala|ameteli", "ametit*", "vertij", "dizz*", "vertigo"])
        .flagged(Urgent, &["brusc*", "sudden*"])
        .of(Neurology),
    Known::new("back-pain", Routine, &["lumbago", "sciatic*"])
        .hurting(&["spate*", "sale", "back"])
        .flagged(
            Urgent,
            &["nu .. pot|poate .. urin*", "amort*", "can|cannot|unable .. urinate|pee", "numb*", "picioarele"],
        )
        .of(Orthopaedics),
    Known::new("joint", Routine, &["entors*", "sprain*"])
        .hurting(&[
            "genunchi*",
            "umar*",
            "glezna",
            "incheietur*",
            "sold*",
            "knee*",
            "shoulder*",
            "ankle*",
            "hip",
            "wrist",
        ])
        .flagged(Urgent, &["rupt*", "fractur*", "broken", "umflat*", "swollen"])
        .of(Orthopaedics),
    Known::new("numbness", Urgent, &["amort*", "furnic*", "numb*", "tingl*", "pins and needles"])
        .flagged(
            Emergency,
            &["brusc*", "dintr o data", "sudden*", "fata|face", "vorb*|speech|speak*", "parte|partea|side"],
        )
        .of(Neurology),
    Known::new(
        "vision",
        Urgent,
        &[
            "nu mai vad|vede",
            "vad|vede dublu|neclar",
            "orbit",
            "pierd* .. vederea",
            "can t see",
            "cannot see",
            "lost .. sight|vision",
            "double|blurred|blurry vision",
        ],
    )
    .flagged(Emergency, &["brusc*", "dintr o data", "sudden*"])
    .of(Neurology),
    Known::new(
        "palpitations",
        Urgent,
        &[
            "palpitat*",
            "inima .. bate .. tare|repede|neregulat*",
            "bate .. inima .. tare|repede|neregulat*",
            "heart .. racing|pounding|fluttering",
        ],
    )
    .flagged(Emergency, &["lesin*|faint*", "respir*|breath*", "ametes*|ametit*|dizz*"])
    .of(Cardiology),
    Known::new("urinary-retention", Urgent, &["nu .. pot|poate .. urin*|pipi", "can|cannot .. urinate|pee"]),
    Known::new(
        "blood-sugar",
        Urgent,
        &[
            "hipoglicem*|hiperglicem*",
            "glicemia .. mica|mare|scazuta|crescuta",
            "hypoglyc*|hyperglyc*",
            "blood sugar .. low|high",
        ],
    ),
];
