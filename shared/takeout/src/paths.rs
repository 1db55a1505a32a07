//! Where the objects of exports are.

use kernel::AthleteId;
use object_store::path::Path;
use uuid::Uuid;

/// Prefix of the objects of every export of an athlete.
pub fn exports_prefix(athlete: AthleteId) -> Path {
    Path::from(format!("athletes/{athlete}/exports"))
}

/// Prefix of the objects of one export.
pub fn export_prefix(athlete: AthleteId, export: Uuid) -> Path {
    Path::from(format!("athletes/{athlete}/exports/{export}"))
}

/// Path of a file of a part: `athletes/<athlete>/exports/<id>/<service>/<name>`.
pub fn file_path(export: &Path, service: &str, name: &str) -> Path {
    export.clone().join(service).join(name)
}
