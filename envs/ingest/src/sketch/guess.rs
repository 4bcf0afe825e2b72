//! What columns are taken for.

use rmtl_files::{nearest, suggestion};

use super::gap;
use super::name;
use super::profile::Profile;
use super::role::{other, session_role, task_role};
use super::{Guess, Role, Wishes};

/// The uses of all columns, in their order, and the columns of the tasks, in theirs; an error says what to name.
pub(super) fn guesses(profiles: &[Profile], wishes: &Wishes<'_>) -> Result<(Vec<Guess>, Vec<usize>), String> {
    let time = time(profiles, wishes.time)?;
    let tasks = tasks(profiles, wishes.tasks)?;
    let session = session(profiles, wishes.session, time, &tasks)?;
    let labels: Vec<(String, Vec<u8>)> =
        tasks.iter().map(|&task| (profiles[task].name.clone(), profiles[task].labels())).collect();
    let mut found: Vec<Guess> = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        let (role, why) = match tasks.iter().position(|&task| task == index) {
            _ if index == time => (Role::Time, time_reason(profile)),
            _ if index == session => session_role(profile, &profiles[time]),
            Some(place) => task_role(&labels, place),
            None => other(profile, &labels),
        };
        found.push(Guess { column: profile.name.clone(), name: unique(&profile.name, &found), role, why });
    }
    let has_feature = found.iter().any(|guess| match guess.role {
        Role::Session { is_feature, .. } => is_feature,
        Role::Id | Role::Number | Role::List { .. } => true,
        _ => false,
    });
    if has_feature { Ok((found, tasks)) } else { Err("no column is left that could be a feature".into()) }
}

fn position(profiles: &[Profile], key: &str, name: &str) -> Result<usize, String> {
    profiles.iter().position(|profile| profile.name == name).ok_or_else(|| {
        let names = || profiles.iter().map(|profile| profile.name.as_str());
        let likely = suggestion(nearest(name, names()));
        format!("no column `{name}` for {key}{likely}; there are {}", names().collect::<Vec<_>>().join(", "))
    })
}

fn time(profiles: &[Profile], wish: Option<&str>) -> Result<usize, String> {
    if let Some(name) = wish {
        return position(profiles, "--time", name);
    }
    let rank = |profile: &Profile| -> u8 {
        if profile.times.is_none() || profile.n_missing() > 0 || profile.distinct < 2 {
            return 0;
        }
        let is_instant = gap::unit(profile).is_some();
        match (is_instant, name::is_time(&profile.name)) {
            (true, true) => 3,
            (true, false) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    };
    // The first of those that look alike.
    let best = profiles.iter().enumerate().rev().max_by_key(|(_, profile)| rank(profile));
    match best.filter(|(_, profile)| rank(profile) > 0) {
        Some((index, _)) => Ok(index),
        None => Err("no column looks like the time of a row (timestamps, or whole numbers since 1970, in every row); name it with \
                     --time COLUMN"
            .into()),
    }
}

fn time_reason(time: &Profile) -> String {
    match gap::unit(time) {
        Some(_) if !time.data_type.is_integer() => "timestamps".into(),
        Some((_, unit)) => format!("{unit} since 1970"),
        None => "a time by its name; its unit is not known".into(),
    }
}

/// The label columns: those that are wished for, in that order, or those that look like labels, the most frequent first.
fn tasks(profiles: &[Profile], wishes: &[String]) -> Result<Vec<usize>, String> {
    let positives = |index: &usize| profiles[*index].labels().iter().filter(|label| **label == 1).count();
    if !wishes.is_empty() {
        let mut tasks = Vec::new();
        for name in wishes {
            let index = position(profiles, "--task", name)?;
            if !profiles[index].is_zero_one() || profiles[index].n_missing() > 0 {
                return Err(format!("--task {name}: expected 0 and 1 in every row, found other values"));
            }
            if !tasks.contains(&index) {
                tasks.push(index);
            }
        }
        return Ok(tasks);
    }
    let zero_one = |index: &usize| profiles[*index].is_zero_one() && profiles[*index].n_missing() == 0;
    let candidates: Vec<usize> = (0..profiles.len()).filter(zero_one).collect();
    let mut tasks: Vec<usize> =
        candidates.iter().copied().filter(|index| name::is_label(&profiles[*index].name)).collect();
    tasks.sort_by_key(|index| std::cmp::Reverse(positives(index)));
    if tasks.is_empty() {
        let names: Vec<&str> = candidates.iter().map(|index| profiles[*index].name.as_str()).collect();
        let there = if names.is_empty() { "no column does".to_owned() } else { names.join(", ") };
        return Err(format!(
            "no column is a label by its name and holds 0 and 1; of those with 0 and 1 ({there}) name one or more with --task COLUMN"
        ));
    }
    Ok(tasks)
}

fn session(profiles: &[Profile], wish: Option<&str>, time: usize, tasks: &[usize]) -> Result<usize, String> {
    if let Some(name) = wish {
        return position(profiles, "--session", name);
    }
    let rank = |index: usize| -> u8 {
        let profile = &profiles[index];
        let is_free = index != time && !tasks.contains(&index) && profile.n_missing() == 0;
        let is_key = profile.texts.is_some() && !profile.data_type.is_floating() && profile.distinct > 1;
        if is_free && is_key { name::session_rank(&profile.name) } else { 0 }
    };
    let best = (0..profiles.len()).rev().max_by_key(|index| rank(*index));
    best.filter(|index| rank(*index) > 0).ok_or_else(|| {
        "no column is the key of a session by its name (user_id, visitor, session, ..); name it with --session COLUMN".into()
    })
}

/// The column's name as dataset files take it, unlike those before.
fn unique(column: &str, before: &[Guess]) -> String {
    let plain = name::plain(column);
    let plain = if plain.is_empty() { "column".to_owned() } else { plain };
    let numbered = (2..).map(|n| format!("{plain}_{n}"));
    let is_free = |name: &String| before.iter().all(|guess| guess.name != *name);
    std::iter::once(plain.clone()).chain(numbered).find(is_free).expect("there are more numbers than columns")
}
