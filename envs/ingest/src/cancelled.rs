//! A preparation that was asked to end.

use rmtl_envs::Cancel;

use crate::IngestError;

/// Fails once the end was asked for.
pub(crate) fn check(cancel: &Cancel) -> Result<(), IngestError> {
    if cancel.is_asked() { Err(IngestError::Cancelled) } else { Ok(()) }
}

/// Whatever broke after the end was asked for did so on request.
pub(crate) fn on_request<T>(result: Result<T, IngestError>, cancel: &Cancel) -> Result<T, IngestError> {
    result.map_err(|error| if cancel.is_asked() { IngestError::Cancelled } else { error })
}
