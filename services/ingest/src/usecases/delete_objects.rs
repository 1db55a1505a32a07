//! Deletes objects of the store; one that is gone already is as good as deleted.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _};

use super::ServiceContext;

/// Maximum number of objects that are deleted at once.
const CONCURRENT_DELETES: usize = 16;

/// Deletes the objects under a prefix that `goes` is true of, and returns their number.
///
/// # Errors
///
/// Fails if the store cannot be listed, or an object not be deleted.
pub(crate) async fn delete_objects(
    ctx: &ServiceContext,
    prefix: &Path,
    goes: impl Fn(&ObjectMeta) -> bool + Send,
) -> Result<u64, object_store::Error> {
    let objects = &ctx.objects;
    objects
        .list(Some(prefix))
        .try_filter(|object| std::future::ready(goes(object)))
        .map(|object| async move {
            match objects.delete(&object?.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .buffer_unordered(CONCURRENT_DELETES)
        .try_fold(0, |count, ()| std::future::ready(Ok(count + 1)))
        .await
}
