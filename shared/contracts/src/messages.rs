//! The messages of `proto/` under short names.

#[expect(
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "generated from proto/ by `cargo xtask codegen`"
)]
mod generated {
    include!("generated/generated.rs");
}

pub use generated::paceline::{
    accounts::v1 as accounts, activities::v1 as activities, athletes::v1 as athletes,
    copies::v1 as copies, envelope::v1 as wire, erasures::v1 as erasures, exports::v1 as exports,
    journal::v1 as journal, replays::v1 as replays, strava::v1 as strava, streams::v1 as streams,
};
