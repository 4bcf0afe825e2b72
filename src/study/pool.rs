//! Jobs side by side, within cores and memory.

use std::sync::{Condvar, Mutex, PoisonError};

use rmtl_envs::available_memory;

use crate::study::file::StudyFile;

/// What jobs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Jobs at once.
    pub jobs: usize,
    /// Threads of a job.
    pub threads: usize,
    /// Bytes for all of them at once; nothing where the system does not tell.
    pub memory: Option<u64>,
}

/// The share of this machine's memory that a study takes: what a run needs is estimated as what it needs at least.
const MEMORY_SHARE: f64 = 0.6;

impl Limits {
    /// Those of this machine; `jobs` instead of the study's where given.
    pub fn of(file: &StudyFile, jobs: Option<usize>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = file.threads.min(cores);
        // Never more threads than cores: runs that take turns on a core are slower than runs in turn.
        let most = (cores / threads).max(1);
        let memory = available_memory().map(|bytes| (bytes as f64 * MEMORY_SHARE) as u64);
        Self { jobs: jobs.or(file.jobs).unwrap_or(most).clamp(1, most), threads, memory }
    }
}

/// Jobs that wait, and the memory of those that do not.
struct State {
    /// Their places, in their order.
    waiting: Vec<usize>,
    running: usize,
    memory: u64,
}

/// `work` of every job, in the order of the jobs. `memory` tells what each needs; one that needs more than there is for
/// all goes alone.
pub(super) fn side_by_side<J: Sync, T: Send>(
    jobs: &[J],
    limits: &Limits,
    memory: impl Fn(&J) -> u64 + Sync,
    work: impl Fn(&J) -> T + Sync,
) -> Vec<T> {
    let state = Mutex::new(State { waiting: (0..jobs.len()).collect(), running: 0, memory: 0 });
    let changed = Condvar::new();
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |state: &State, index: usize| {
        let free = limits.memory.unwrap_or(u64::MAX).saturating_sub(state.memory);
        state.running == 0 || memory(&jobs[index]) <= free
    };
    let next = || {
        let mut state = lock();
        loop {
            if state.waiting.is_empty() {
                return None;
            }
            let place = state.waiting.iter().position(|&index| fits(&state, index));
            if let Some(place) = place {
                let index = state.waiting.remove(place);
                state.running += 1;
                state.memory = state.memory.saturating_add(memory(&jobs[index]));
                return Some(index);
            }
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    };
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..limits.jobs.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(index) = next() {
                    let result = work(&jobs[index]);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                    let mut state = lock();
                    state.running -= 1;
                    state.memory = state.memory.saturating_sub(memory(&jobs[index]));
                    changed.notify_all();
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    /// The most memory that was in use at once by jobs of these sizes, and their results.
    fn most(sizes: &[u64], limits: &Limits) -> (u64, Vec<u64>) {
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let work = |size: &u64| {
            let used = now.fetch_add(*size, Ordering::SeqCst) + size;
            most.fetch_max(used, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            now.fetch_sub(*size, Ordering::SeqCst);
            10 * size
        };
        let results = side_by_side(sizes, limits, |size| *size, work);
        (most.into_inner(), results)
    }

    #[test]
    fn jobs_together_need_no_more_than_there_is_and_keep_their_order() {
        let limits = Limits { jobs: 3, threads: 1, memory: Some(10) };
        let (used, results) = most(&[6, 6, 3, 1, 6, 4], &limits);
        assert!(used <= 10, "{used}");
        assert_eq!(results, [60, 60, 30, 10, 60, 40]);
    }

    #[test]
    fn one_that_needs_more_than_there_is_goes_alone() {
        let limits = Limits { jobs: 2, threads: 1, memory: Some(10) };
        let (used, results) = most(&[20, 1, 20], &limits);
        assert_eq!((used, results.len()), (20, 3));
    }

    #[test]
    fn no_jobs_are_no_work() {
        let limits = Limits { jobs: 2, threads: 1, memory: None };
        assert_eq!(most(&[], &limits), (0, vec![]));
    }
}
