//! The session MDP: what a state, an action, a reward and an episode are, and the contract that holds them.

pub(crate) mod block;
pub(crate) mod check;
pub(crate) mod environment;
pub(crate) mod reward;
pub(crate) mod session;
pub(crate) mod trajectory;
