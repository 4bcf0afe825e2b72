//! What is said of critics that learn, whatever the schedule: from their updates, and from validation sessions.

mod sessions;
mod trend;
mod updates;

use rmtl_agents::critic::CriticStep;

use crate::run::Run;

pub(crate) use sessions::SessionHealth;
use trend::TdTrend;
use updates::UpdateHealth;

/// Watches the updates of critics.
pub(crate) struct CriticHealth {
    updates: UpdateHealth,
    /// The TD loss over the updates.
    pub(crate) trend: TdTrend,
}

impl CriticHealth {
    /// Means of the TD loss are over `window` updates.
    pub(crate) fn new(run: &Run<'_>, window: u64) -> Self {
        Self { updates: UpdateHealth::new(run), trend: TdTrend::new(window) }
    }

    /// Takes in an update; tells people of what is new.
    pub(crate) fn update(&mut self, run: &Run<'_>, step: u64, done: &CriticStep) {
        self.updates.update(run, step, done);
        self.trend.add(done.td_loss());
    }

    /// See [`UpdateHealth::outside_shares`].
    pub(crate) fn outside_shares(&self, done: &CriticStep) -> Vec<f64> {
        self.updates.outside_shares(done)
    }

    /// What is still wrong at the end belongs in the report: a critic may recover before.
    pub(crate) fn finish(&self, run: &mut Run<'_>, sessions: &SessionHealth) {
        run.warnings.extend(self.updates.now().map(str::to_owned));
        self.trend
            .complaint()
            .into_iter()
            .chain(sessions.complaints())
            .for_each(|complaint| run.warn(complaint));
    }
}
