//! The symptoms that the rules know, by their words in both languages. Where a word is missing a symptom is missed, and the
//! message goes to a person all the same.

use serde::{Deserialize, Serialize};

use crate::triage::Urgency;

use Speciality::{Cardiology, Dermatology, Ent, General, Neurology, Orthopaedics};
use Urgency::{Emergency, Routine, Soon, Urgent};

/// A field of medicine, as practitioners and requests name it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speciality {
    /// Who sees everyone first.
    #[default]
    General,
    /// Heart.
    Cardiology,
    /// Skin.
    Dermatology,
    /// Ear, nose and throat.
    Ent,
    /// Nerves.
    Neurology,
    /// Bones and joints.
    Orthopaedics,
    /// Children.
    Paediatrics,
}

/// A symptom that the rules know.
#[derive(Debug)]
pub struct Known {
    /// Its code.
    pub code: &'static str,
    /// Folded signs that name it by themselves.
    pub signs: &'static [&'static str],
    /// Folded parts of the body that name it when something hurts.
    pub parts: &'static [&'static str],
    /// Folded signs that make it worse.
    pub red_flags: &'static [&'static str],
    /// How soon a person must look.
    pub urgency: Urgency,
    /// The same with a red flag.
    pub flagged: Urgency,
    /// Whose field it is.
    pub speciality: Speciality,
}

/// All of them.
pub fn known() -> &'static [Known] {
    KNOWN
}

const BLOOD: &[&str] = &["sange*", "blood*"];

const KNOWN: &[Known] = &[
    Known {
        code: "chest-pain",
        signs: &["presiune in piept", "apasare in piept", "gheara in piept", "chest pain*", "chest pressure"],
        parts: &["piept*", "inima", "chest", "heart"],
        red_flags: &["brat*", "maxilar*", "transpir*", "arm", "jaw", "sweat*"],
        urgency: Emergency,
        flagged: Emergency,
        speciality: Cardiology,
    },
    Known {
        code: "breathing",
        signs: &[
            "nu pot respira",
            "nu mai pot respira",
            "nu pot sa respir",
            "nu mai pot sa respir",
            "nu respira",
            "nu mai respir*",
            "abia respir*",
            "nu poate respira",
            "respir greu",
            "respira greu",
            "lipsa de aer",
            "sufoc*",
            "can't breathe",
            "cannot breathe",
            "short of breath",
            "shortness of breath",
            "hard to breathe",
        ],
        parts: &[],
        red_flags: &[],
        urgency: Emergency,
        flagged: Emergency,
        speciality: General,
    },
    Known {
        code: "stroke-sign",
        signs: &[
            "gura stramba",
            "fata cazuta",
            "nu pot vorbi",
            "vorbeste neclar",
            "vorbesc neclar",
            "paraliz*",
            "slurred*",
            "face drooping",
            "drooping face",
            "can't speak",
            "can't move",
        ],
        parts: &[],
        red_flags: &[],
        urgency: Emergency,
        flagged: Emergency,
        speciality: Neurology,
    },
    Known {
        code: "fainting",
        signs: &["lesin*", "pierdut cunostinta", "inconstient*", "fainted", "fainting", "passed out", "unconscious"],
        parts: &[],
        red_flags: &[],
        urgency: Emergency,
        flagged: Emergency,
        speciality: General,
    },
    Known {
        code: "allergic-shock",
        signs: &["umflat limba", "umflat gatul", "umflat buzele", "anafil*", "swollen tongue", "swollen lips"],
        parts: &[],
        red_flags: &[],
        urgency: Emergency,
        flagged: Emergency,
        speciality: General,
    },
    Known {
        code: "self-harm",
        signs: &[
            "sinucid*",
            "vreau sa mor",
            "nu mai vreau sa traiesc",
            "imi fac rau",
            "suicid*",
            "kill myself",
            "hurt myself",
            "want to die",
        ],
        parts: &[],
        red_flags: &[],
        urgency: Emergency,
        flagged: Emergency,
        speciality: General,
    },
    Known {
        code: "bleeding",
        signs: &["sanger*", "hemoragi*", "bleeding", "bleeds", "bleed"],
        parts: &[],
        red_flags: &["nu se opreste", "mult sange", "won't stop", "doesn't stop", "heavily", "a lot"],
        urgency: Urgent,
        flagged: Emergency,
        speciality: General,
    },
    Known {
        code: "headache",
        signs: &["cefalee", "migren*", "headache*", "migraine*"],
        parts: &["cap", "capul", "head"],
        red_flags: &["brusc*", "sudden*", "ceafa", "stiff neck", "vad*", "vedere*", "vision", "worst"],
        urgency: Routine,
        flagged: Emergency,
        speciality: Neurology,
    },
    Known {
        code: "fever",
        signs: &["febra", "febril*", "temperatura", "fever*", "temperature"],
        parts: &[],
        red_flags: &["convuls*", "copil*", "bebe*", "baby", "infant", "child", "seizure*", "gravid*", "pregnant"],
        urgency: Soon,
        flagged: Urgent,
        speciality: General,
    },
    Known {
        code: "abdominal-pain",
        signs: &["crampe*", "stomach ache", "stomachache", "cramps"],
        parts: &["burta", "abdomen*", "stomac*", "belly", "stomach", "tummy"],
        red_flags: &["brusc*", "sudden*", "sange*", "blood*", "gravid*", "pregnant"],
        urgency: Soon,
        flagged: Urgent,
        speciality: General,
    },
    Known {
        code: "vomiting",
        signs: &["vomit*", "vomez*", "voma*", "throwing up", "threw up"],
        parts: &[],
        red_flags: BLOOD,
        urgency: Soon,
        flagged: Emergency,
        speciality: General,
    },
    Known {
        code: "cough",
        signs: &["tuse", "tusesc", "tuseste", "cough*"],
        parts: &[],
        red_flags: BLOOD,
        urgency: Routine,
        flagged: Urgent,
        speciality: General,
    },
    Known {
        code: "throat",
        signs: &["sore throat", "amigdal*", "tonsil*"],
        parts: &["gat", "gatul", "throat"],
        red_flags: &["nu pot inghiti", "can't swallow"],
        urgency: Routine,
        flagged: Urgent,
        speciality: Ent,
    },
    Known {
        code: "ear",
        signs: &["otita", "earache"],
        parts: &["ureche*", "urechi*", "ear", "ears"],
        red_flags: BLOOD,
        urgency: Routine,
        flagged: Urgent,
        speciality: Ent,
    },
    Known {
        code: "rash",
        signs: &["eruptie", "eruptii", "bubite", "mancarim*", "urticar*", "rash*", "itch*", "alunit*", "mole"],
        parts: &["pielea", "skin"],
        red_flags: &["fata umflata", "swollen face", "febra", "fever"],
        urgency: Routine,
        flagged: Urgent,
        speciality: Dermatology,
    },
    Known {
        code: "dizziness",
        signs: &["ametesc", "ameteala", "ameteli", "ametit*", "vertij", "dizz*", "vertigo"],
        parts: &[],
        red_flags: &["brusc*", "sudden*"],
        urgency: Soon,
        flagged: Urgent,
        speciality: Neurology,
    },
    Known {
        code: "back-pain",
        signs: &["lumbago", "sciatic*"],
        parts: &["spate*", "sale", "back"],
        red_flags: &["nu pot urina", "amort*", "can't urinate", "numb*"],
        urgency: Routine,
        flagged: Urgent,
        speciality: Orthopaedics,
    },
    Known {
        code: "joint",
        signs: &["entors*", "sprain*"],
        parts: &[
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
        ],
        red_flags: &["rupt*", "fractur*", "broken", "umflat*", "swollen"],
        urgency: Routine,
        flagged: Urgent,
        speciality: Orthopaedics,
    },
];

impl Speciality {
    /// Its name on the wire and in templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Cardiology => "cardiology",
            Self::Dermatology => "dermatology",
            Self::Ent => "ent",
            Self::Neurology => "neurology",
            Self::Orthopaedics => "orthopaedics",
            Self::Paediatrics => "paediatrics",
        }
    }
}
