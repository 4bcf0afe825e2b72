//! What cannot work in a study file, whatever the runs.

use rmtl_files::{nearest, suggestion};

use crate::config::{ConfigError, Override};
use crate::error::Result;
use crate::study::file::{Arm, Axis, SearchConfig, StudyFile, wrong};
use crate::study::search::{Method, grid};
use crate::study::template::{fill, placeholders};

impl StudyFile {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<()> {
        self.check_seeds()?;
        if self.arms.is_empty() {
            return Err(wrong("arms", "a study needs an arm; add `[arms.equal]`".into()));
        }
        if let Some((axis, _)) = self.axes.iter().find(|(_, Axis(values))| values.is_empty()) {
            return Err(wrong(&format!("axes.{axis}"), "it has no values".into()));
        }
        if let Some(base) = self.base.as_ref().filter(|base| !self.arms.contains_key(*base)) {
            let likely = suggestion(nearest(base, self.arms.keys().map(String::as_str)));
            return Err(wrong("base", format!("no arm is called `{base}`{likely}")));
        }
        for (key, value) in [("jobs", self.jobs), ("threads", Some(self.threads)), ("trials", self.trials)] {
            if value == Some(0) {
                return Err(wrong(key, "must be at least 1; found 0".into()));
            }
        }
        if let Some(rung) = self.halving.iter().find(|rung| !(rung.keep > 0.0 && rung.keep < 1.0)) {
            return Err(wrong("halving", format!("`keep` is a share between 0 and 1; found {}", rung.keep)));
        }
        for (name, arm) in &self.arms {
            self.check_arm(name, arm)?;
        }
        self.check_trials()
    }

    fn check_seeds(&self) -> Result<()> {
        if self.seeds.is_empty() {
            return Err(wrong("seeds", "a study needs a seed".into()));
        }
        for (key, seeds) in [("seeds", &self.seeds), ("confirm_seeds", &self.confirm_seeds)] {
            let twice = |(index, seed): (usize, &u64)| seeds[..index].contains(seed).then_some(*seed);
            if let Some(seed) = seeds.iter().enumerate().find_map(twice) {
                return Err(wrong(key, format!("{seed} stands there twice")));
            }
        }
        match self.confirm_seeds.iter().find(|seed| self.seeds.contains(seed)) {
            Some(seed) => Err(wrong(
                "confirm_seeds",
                format!("{seed} is one of `seeds`: what a choice was made by confirms nothing; take others"),
            )),
            None => Ok(()),
        }
    }

    fn check_arm(&self, name: &str, arm: &Arm) -> Result<()> {
        let section = format!("arms.{name}");
        let mut example = Vec::new();
        if let Some(search) = &arm.search {
            let section = format!("{section}.search");
            if search.space.is_empty() {
                return Err(wrong(&section, "it has nothing to search; add `[….search.space]`".into()));
            }
            for (key, space) in &search.space {
                let within = |message| wrong(&format!("{section}.space.{key}"), message);
                space.check().map_err(within)?;
                example.push((key.clone(), space.text(space.bounds().0)));
            }
        }
        for cell in self.cells() {
            let sets = || self.set.iter().chain(&cell.set).chain(&arm.set);
            for text in sets() {
                let filled = fill(text, &example).map_err(|message| wrong(&section, message))?;
                check_override(&section, &filled)?;
            }
            let used = |key: &&String| sets().any(|text| placeholders(text).contains(&key.as_str()));
            let idle = arm.search.iter().flat_map(|search| search.space.keys()).find(|key| !used(key));
            if let Some(key) = idle {
                let message = format!("`{{{key}}}` stands in none of the arm's overrides");
                return Err(wrong(&format!("{section}.search.space.{key}"), message));
            }
        }
        self.halving.iter().flat_map(|rung| &rung.set).try_for_each(|text| check_override("halving", text))
    }

    /// The number of settings that a search tries.
    ///
    /// # Errors
    /// Nobody says how many, or the grid has another number.
    pub(super) fn trials(&self, name: &str, search: &SearchConfig) -> Result<usize> {
        let wrong = |message: String| wrong(&format!("arms.{name}.search"), message);
        let asked = search.trials.or(self.trials);
        if search.method != Method::Grid {
            return match asked {
                Some(0) => Err(wrong("`trials` must be at least 1; found 0".into())),
                Some(asked) => Ok(asked),
                None => Err(wrong("how many settings? Add `trials` here, or at the top for all arms".into())),
            };
        }
        let Some(grid) = grid(search.space.values()) else {
            return Err(wrong("a grid needs `values`, or `steps` beside `low` and `high`".into()));
        };
        match asked.filter(|asked| *asked != grid.len() && (self.same_trials || search.trials.is_some())) {
            Some(asked) => Err(wrong(format!(
                "the grid has {} settings, and `trials` asks for {asked}; make it as large, or set `same_trials = false` \
                 and leave its own `trials` out",
                grid.len()
            ))),
            None => Ok(grid.len()),
        }
    }

    /// Every arm that searches tries as many settings as any other, unless the study says otherwise.
    fn check_trials(&self) -> Result<()> {
        let mut first = self.trials.map(|trials| ("the study".to_owned(), trials));
        for (name, arm) in &self.arms {
            let Some(search) = &arm.search else { continue };
            let trials = self.trials(name, search)?;
            let (other, expected) = first.get_or_insert_with(|| (format!("arm `{name}`"), trials));
            if self.same_trials && trials != *expected {
                return Err(wrong(
                    &format!("arms.{name}.search"),
                    format!(
                        "it tries {trials} settings and {other} {expected}: who tries more finds better ones by luck; \
                         give both the same `trials`, or say `same_trials = false`"
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn check_override(section: &str, text: &str) -> Result<()> {
    let item: Override = text.parse().map_err(ConfigError::from)?;
    match item.key() {
        "seed" => Err(wrong(section, format!("`{text}`: seeds are the study's; name them in `seeds`"))),
        _ => Ok(()),
    }
}
