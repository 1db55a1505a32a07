//! Descriptions of metrics: with them every metric has a HELP text, and exists at zero before anything happens.

use metrics::{Label, Unit};

/// A metric: its name, kind and meaning, and the values of its labels as far as they are known before.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    kind: Kind,
    help: &'static str,
    series: Series,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Clone, Copy, Debug)]
enum Series {
    /// Every combination of these values.
    Closed(&'static [(&'static str, &'static [&'static str])]),
    /// The values are known only when something happens, or when somebody begins to measure.
    Open,
}

impl Metric {
    /// A counter without labels.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help, series: Series::Closed(&[]) }
    }

    /// A gauge without labels.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help, series: Series::Closed(&[]) }
    }

    /// A histogram of durations in seconds, with whatever labels.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, help, series: Series::Open }
    }

    /// The same with a series for each combination of these values.
    #[must_use]
    pub const fn with(
        mut self,
        labels: &'static [(&'static str, &'static [&'static str])],
    ) -> Self {
        self.series = Series::Closed(labels);
        self
    }

    /// The same with series that begin when their labels are known.
    #[must_use]
    pub const fn open(mut self) -> Self {
        self.series = Series::Open;
        self
    }

    /// Describes the metric to the recorder of the process, and begins its series at zero.
    pub fn register(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, Unit::Seconds, self.help),
        }
        let Series::Closed(labels) = self.series else { return };
        for labels in combinations(labels) {
            match self.kind {
                Kind::Counter => metrics::counter!(self.name, labels).increment(0),
                Kind::Gauge => metrics::gauge!(self.name, labels).increment(0.0),
                Kind::Histogram => {}
            }
        }
    }
}

fn combinations(labels: &[(&'static str, &'static [&'static str])]) -> Vec<Vec<Label>> {
    labels.iter().fold(vec![Vec::new()], |series, (name, values)| {
        let longer = series.iter().flat_map(|labels| {
            values.iter().map(move |value| {
                let label = Label::from_static_parts(name, value);
                labels.iter().cloned().chain([label]).collect()
            })
        });
        longer.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_begins_for_each_combination_of_labels() {
        let all =
            combinations(&[("purpose", &["live", "copy"]), ("answer", &["granted", "later"])]);

        let texts: Vec<String> = all
            .iter()
            .map(|labels| labels.iter().map(Label::value).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(texts, ["live granted", "live later", "copy granted", "copy later"]);
        assert_eq!(combinations(&[]), [[]], "without labels there is one series");
    }
}
