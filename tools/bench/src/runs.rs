//! The runs: one a file.

pub(crate) mod bus;
pub(crate) mod history;
pub(crate) mod idle;
pub(crate) mod intake;
pub(crate) mod live;
pub(crate) mod ytd;

use crate::Place;
use crate::report::Report;

/// Every run, with its defaults.
pub(crate) async fn all(place: &Place) -> anyhow::Result<Report> {
    let mut whole = Report::default();
    whole.add(intake::run(&intake::Options::at(place)).await?);
    whole.add(ytd::run(&ytd::Options::at(place)).await?);
    whole.add(live::run(&live::Options::at(place)).await?);
    whole.add(history::run(&history::Options::at(place)).await?);
    whole.add(bus::run(&bus::Options::at(place)).await?);
    whole.add(idle::run(&idle::Options::at(place)).await?);
    Ok(whole)
}
