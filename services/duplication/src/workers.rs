//! What runs beside the consumers.

pub(crate) mod books;
pub(crate) mod copier;
