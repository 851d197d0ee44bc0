//! A short run of every fuzz target, without instrumentation: its corpus, and mutations of it that are the same every
//! time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use mutatis::Session;
use signalbox_capabilities::JournalEntry;
use signalbox_store::{AcceptedInput, DecisionRecord, ScheduleDefinition, decompressed};
use signalbox_tests_fuzz::TARGETS;

/// Longer inputs are cut, as libFuzzer does.
const LONGEST: usize = 16 * 1024;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The words of the corpus, which include a grammar's keywords.
fn words(corpus: &[Vec<u8>]) -> Vec<&[u8]> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let words = corpus.iter().flat_map(|seed| seed.split(move |byte| !is_word(byte)));
    let mut words: Vec<&[u8]> = words.filter(|word| (2..40).contains(&word.len())).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below `limit`, by SplitMix64.
    fn roll(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }
}

/// Mutates an input in one of the ways that find most: bytes, a word, a piece of another input, a piece of its own.
fn change(data: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]], bytes: &mut Session, dice: &mut Dice) {
    let at = dice.roll(data.len() + 1);
    match dice.roll(8) {
        0 | 1 => {
            let word = words.get(dice.roll(words.len())).copied().unwrap_or_default();
            let until = (at + dice.roll(word.len() + 1)).min(data.len());
            drop(data.splice(at..until, word.iter().copied()));
        }
        2 => {
            let other = &corpus[dice.roll(corpus.len())];
            let from = dice.roll(other.len() + 1);
            let until = from + dice.roll(other.len() - from + 1);
            drop(data.splice(at..at, other[from..until].iter().copied()));
        }
        3 => {
            let piece = data[at..(at + dice.roll(64)).min(data.len())].repeat(1 + dice.roll(40));
            drop(data.splice(at..at, piece));
        }
        4 => drop(data.drain(at..(at + dice.roll(64)).min(data.len()))),
        // An input that cannot be mutated is used as it is.
        _ => drop(bytes.mutate(data)),
    }
    data.truncate(LONGEST);
}

/// Runs a target on its corpus and on `changes` mutations of it.
fn run(name: &str, changes: usize) {
    let (_, target) = TARGETS.into_iter().find(|(own, _)| *own == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() >= 5, "{name} has a corpus of {}", corpus.len());
    let give = |data: &[u8]| {
        if catch_unwind(|| target(data)).is_err() {
            panic!("the target {name} does not bear {:?}", String::from_utf8_lossy(data));
        }
    };
    corpus.iter().for_each(|seed| give(seed));
    let (words, mut bytes, mut dice) = (words(&corpus), Session::new().seed(7), Dice(7));
    for _ in 0..changes {
        let mut data = corpus[dice.roll(corpus.len())].clone();
        for _ in 0..=dice.roll(4) {
            change(&mut data, &corpus, &words, &mut bytes, &mut dice);
        }
        give(&data);
    }
}

/// Seeds that are read and not refused show that a target reaches the code that it is about.
#[test]
fn the_corpus_of_items_holds_one_of_each() {
    let seed = |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/items").join(name));
    serde_json::from_slice::<DecisionRecord>(&seed("decision.json").unwrap()).unwrap();
    serde_json::from_slice::<AcceptedInput>(&seed("input.json").unwrap()).unwrap();
    serde_json::from_slice::<ScheduleDefinition>(&seed("schedule.json").unwrap()).unwrap();
    serde_json::from_slice::<Vec<JournalEntry>>(&seed("journal.json").unwrap()).unwrap();
    serde_json::from_slice::<DecisionRecord>(&decompressed(&seed("packed.zst").unwrap()).unwrap()).unwrap();
    assert!(decompressed(&seed("bomb.zst").unwrap()).is_err(), "it unpacks to more than a document may have");
}

#[test]
fn whatever_a_client_sends_is_a_frame_or_refused_in_words() {
    run("frames", 5_000);
}

#[test]
fn whatever_a_webhook_says_only_the_right_key_and_body_are_believed() {
    run("webhook", 5_000);
}

#[test]
fn whatever_a_manifest_says_it_is_read_or_its_mistakes_are_placed() {
    run("manifest", 300);
}

#[test]
fn whatever_an_expression_says_it_is_refused_or_ends_the_same_every_time() {
    run("expression", 1_000);
}

#[test]
fn whatever_a_template_says_it_is_refused_or_renders_within_its_work_to_the_same_message() {
    run("template", 1_000);
}

#[test]
fn whatever_an_item_holds_it_is_read_within_limits_and_kept_as_it_was() {
    run("items", 1_000);
}

#[test]
fn whatever_a_configuration_says_it_is_shown_as_it_is_read_or_refused_in_words() {
    run("configuration", 500);
}
