//! A study from its first run to its table: search, halving, choice, and the runs that confirm it.

use std::path::Path;

use crate::compare::On;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::launch;
use crate::log::Console;
use crate::study::bench::{Bench, Found, Wanted};
use crate::study::contest::Contest;
use crate::study::file::{Cell, Rung};
use crate::study::outcome::{Choice, Failure, Outcome, Purpose, Record};
use crate::study::plan::Study;
use crate::study::pool::Limits;
use crate::study::progress::Progress;
use crate::study::runner::Runner;
use crate::tables::{ArmRuns, SeedRun, TaskScores};

/// Runs a study with run folders in `runs`; what lies there whole is not trained again.
///
/// # Errors
/// The data cannot be had, a run file has no such key, a folder cannot be written, or somebody asked for the end. A run
/// that fails is no error: the outcome names it.
pub fn conduct(
    study: &Study,
    runs: &Path,
    runner: &dyn Runner,
    limits: Limits,
    console: Console,
    interrupt: &Interrupt,
) -> launch::Result<Outcome> {
    check(study)?;
    let cells = study.file.cells();
    let contests = contests(study, &cells)?;
    let progress = Progress::new(console, n_runs(study, &contests)?);
    let chosen_by = study.file.metric.task().filter(|_| contests.iter().any(Contest::searches));
    let bench = Bench::new(runs.to_owned(), runner, limits, interrupt, chosen_by, progress);
    let mut conduct = Conduct { study, contests, bench, records: Vec::new(), failures: Vec::new() };
    conduct.search()?;
    conduct.halve()?;
    conduct.finish()
}

/// Every arm in every cell.
fn contests<'a>(study: &'a Study, cells: &'a [Cell]) -> Result<Vec<Contest<'a>>> {
    let pairs =
        cells.iter().flat_map(|cell| study.file.arms.iter().map(move |(name, arm)| (cell, name, arm)));
    pairs.map(|(cell, name, arm)| Contest::new(&study.file, cell, name, arm)).collect()
}

/// Refuses misspelt keys before hours of runs.
pub(super) fn check(study: &Study) -> Result<()> {
    for mut contest in contests(study, &study.file.cells())? {
        contest.ask();
        let arm = (contest.name, contest.arm);
        for rung in study.file.halving.iter().map(Some).chain([None]) {
            study.run_file(contest.cell, arm, &contest.tried[0].point, rung, study.file.seeds[0])?;
        }
    }
    Ok(())
}

/// Runs of the whole study: each setting with each seed, what halving leaves, and the table's.
fn n_runs(study: &Study, contests: &[Contest<'_>]) -> launch::Result<usize> {
    let file = &study.file;
    let mut n_runs = contests.len() * file.table_seeds().len();
    for contest in contests {
        let Some(search) = &contest.arm.search else { continue };
        let mut n_settings = file.trials(contest.name, search)?;
        n_runs += n_settings * file.seeds.len();
        for rung in &file.halving {
            n_settings = (rung.keep * n_settings as f64).ceil().max(1.0) as usize;
            n_runs += n_settings * file.seeds.len();
        }
    }
    Ok(n_runs)
}

struct Conduct<'a> {
    study: &'a Study,
    contests: Vec<Contest<'a>>,
    bench: Bench<'a>,
    records: Vec<Record>,
    failures: Vec<Failure>,
}

/// A setting of a contest.
type Place = (usize, usize);

impl Conduct<'_> {
    /// All contests go on together, so that there is always enough to run side by side.
    fn search(&mut self) -> launch::Result<()> {
        let rung = self.study.file.halving.first();
        loop {
            let asked = |(index, contest): (usize, &mut Contest<'_>)| {
                contest.ask().into_iter().map(move |place| (index, place)).collect::<Vec<Place>>()
            };
            let places: Vec<Place> = self.contests.iter_mut().enumerate().flat_map(asked).collect();
            if places.is_empty() {
                return Ok(());
            }
            self.score(&places, 0, rung)?;
        }
    }

    fn halve(&mut self) -> launch::Result<()> {
        let file = &self.study.file;
        let next = file.halving.iter().skip(1).map(Some).chain([None]);
        for (index, (rung, next)) in file.halving.iter().zip(next).enumerate() {
            let searching = self.contests.iter().enumerate().filter(|(_, contest)| contest.searches());
            let survivors = |(at, contest): (usize, &Contest<'_>)| {
                contest.survivors(rung.keep).into_iter().map(move |place| (at, place)).collect::<Vec<Place>>()
            };
            let places: Vec<Place> = searching.flat_map(survivors).collect();
            self.score(&places, index + 1, next)?;
        }
        Ok(())
    }

    /// Runs settings with the seeds of choices and tells the contests how they did on validation.
    fn score(&mut self, places: &[Place], rung: usize, shorter: Option<&Rung>) -> launch::Result<()> {
        let seeds = &self.study.file.seeds;
        let found = self.run(places, seeds, shorter, &|place| Purpose::Trial { trial: place + 1, rung })?;
        let metric = &self.study.file.metric;
        for (&(contest, place), found) in places.iter().zip(found.chunks(seeds.len())) {
            let contest = &mut self.contests[contest];
            let values: Vec<Option<f64>> =
                found.iter().map(|found| metric.value(&contest.validation(found)?)).collect();
            contest.tell(place, metric.score(&values), rung);
        }
        Ok(())
    }

    /// The runs of settings with seeds, the seeds changing fastest.
    fn run(
        &mut self,
        places: &[Place],
        seeds: &[u64],
        rung: Option<&Rung>,
        purpose: &dyn Fn(usize) -> Purpose,
    ) -> launch::Result<Vec<Found>> {
        let mut wanted = Vec::new();
        for &(contest, place) in places {
            let contest = &self.contests[contest];
            let point = &contest.tried[place].point;
            for &seed in seeds {
                let arm = (contest.name, contest.arm);
                let config = self.study.run_file(contest.cell, arm, point, rung, seed)?;
                wanted.push(Wanted { name: format!("{}, seed {seed}", contest.title()), config });
            }
        }
        let found = self.bench.run(wanted)?;
        let of_seeds = found.chunks(seeds.len().max(1));
        for (&(contest, place), found) in places.iter().zip(of_seeds) {
            for (&seed, found) in seeds.iter().zip(found) {
                let contest = &self.contests[contest];
                let purpose = purpose(place);
                match Record::of(contest, place, purpose, seed, found, &self.study.file.metric) {
                    Ok(record) => self.records.push(record),
                    Err(failure) => self.failures.push(failure),
                }
            }
        }
        Ok(found)
    }

    /// The chosen setting of every contest with the table's seeds.
    fn finish(mut self) -> launch::Result<Outcome> {
        let chosen = |(index, contest): (usize, &Contest<'_>)| Some((index, contest.chosen()?));
        let places: Vec<Place> = self.contests.iter().enumerate().filter_map(chosen).collect();
        let seeds = self.study.file.table_seeds();
        let found = self.run(&places, seeds, None, &|_| Purpose::Table)?;
        let runs_of = |index: usize| {
            let at = places.iter().position(|(contest, _)| *contest == index)?;
            found.chunks(seeds.len()).nth(at)
        };
        let arms = self.contests.iter().enumerate();
        let arms = arms.map(|(index, contest)| arm_runs(contest, seeds, runs_of(index).unwrap_or_default()));
        let arms = arms.collect();
        let searching = self.contests.iter().filter(|contest| contest.searches());
        let choices = searching
            .map(|contest| Choice {
                arm: contest.name.to_owned(),
                cell: contest.cell.place.clone(),
                chosen: contest.chosen(),
                tried: contest.tried.clone(),
            })
            .collect();
        self.bench.progress.end();
        let (records, failures, n_trained) = (self.records, self.failures, self.bench.n_trained);
        Ok(Outcome { arms, choices, records, failures, n_trained })
    }
}

fn arm_runs(contest: &Contest<'_>, seeds: &[u64], found: &[Found]) -> ArmRuns {
    let actor = contest.arm.actor;
    let seed_run = |(&seed, found): (&u64, &Found)| {
        let run = found.as_ref().ok()?;
        let scores = |on| actor.block(&run.report, on).map(TaskScores::of);
        Some(SeedRun {
            seed,
            folder: run.folder.clone(),
            seconds: run.report.phases.values().map(|phase| phase.seconds).sum(),
            test: scores(On::Test)?,
            validation: scores(On::Validation)?,
        })
    };
    let trained = found.iter().flatten().next().map(|run| actor.trained_as(&run.report));
    let chosen = contest.chosen().map(|place| contest.tried[place].setting.clone());
    ArmRuns {
        name: contest.name.to_owned(),
        cell: contest.cell.place.clone(),
        actor: trained.unwrap_or(actor).name().to_owned(),
        chosen: chosen.unwrap_or_default(),
        trials: if contest.searches() { contest.tried.len() } else { 0 },
        seeds: seeds.iter().zip(found).filter_map(seed_run).collect(),
    }
}
