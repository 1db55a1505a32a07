//! What a service contributes to an export.

use std::future::Future;

use kernel::AthleteId;

use crate::part::Part;

/// The data of a service that an athlete can take out.
pub trait TakeoutData: Clone + Send + Sync + 'static {
    /// Name of the service.
    const SERVICE: &'static str;

    /// Writes everything the service holds of the athlete.
    fn write_part(
        &self,
        athlete: AthleteId,
        part: &mut Part,
    ) -> impl Future<Output = Result<(), anyhow::Error>> + Send;
}
