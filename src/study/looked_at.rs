//! What a choice has looked at, in sentences: how many settings, which split, which seeds.

use crate::study::file::StudyFile;
use crate::study::outcome::{Choice, Outcome};

/// The sentences below a study's tables.
pub(super) fn looked_at(file: &StudyFile, outcome: &Outcome) -> Vec<String> {
    let searching = file.arms.iter().filter(|(_, arm)| arm.search.is_some());
    let mut sentences = Vec::new();
    let numbers: Vec<String> = searching
        .filter_map(|(name, _)| {
            let trials = outcome.arms.iter().find(|arm| arm.name == *name)?.trials;
            Some(format!("{name} {trials}"))
        })
        .collect();
    let metric = file.metric.name();
    if numbers.is_empty() {
        sentences.push("Nothing was chosen: every arm is one setting.".to_owned());
    } else {
        let halved = if file.halving.is_empty() { "" } else { ", after shorter runs had halved them" };
        sentences.push(format!(
            "Settings were chosen by the {metric} on the validation split with {}{halved}, from so many tried: {}{}.",
            seeds(&file.seeds),
            numbers.join(", "),
            if file.cells().len() > 1 { ", in every cell" } else { "" }
        ));
    }
    sentences.push(match (file.confirm_seeds.is_empty(), numbers.is_empty()) {
        (false, _) => format!(
            "The table is of the test split, which no choice has looked at, with {}, which no choice has seen.",
            seeds(&file.confirm_seeds)
        ),
        (true, true) => format!("The table is of the test split, with {}.", seeds(&file.seeds)),
        (true, false) => format!(
            "The table is of the test split, which no choice has looked at, but with {}, the same that settings were chosen \
             by: nothing was confirmed with other seeds (`confirm_seeds`).",
            seeds(&file.seeds)
        ),
    });
    let without: Vec<String> =
        outcome.choices.iter().filter(|choice| choice.chosen.is_none()).map(name).collect();
    if !without.is_empty() {
        let reason = "no setting has a value of it with every seed";
        sentences.push(format!("Nothing was chosen by the {metric} for {}: {reason}.", without.join("; ")));
    }
    let n_failed = outcome.failures.len();
    if n_failed > 0 {
        sentences.push(format!(
            "{n_failed} runs failed and are left out; a setting of which one failed is not chosen."
        ));
    }
    sentences
}

fn name(choice: &Choice) -> String {
    let place: String = choice.cell.iter().map(|(axis, value)| format!("{axis} {value}, ")).collect();
    format!("{place}{}", choice.arm)
}

fn seeds(seeds: &[u64]) -> String {
    let names: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!("{} {}", if seeds.len() == 1 { "seed" } else { "seeds" }, names.join(", "))
}
