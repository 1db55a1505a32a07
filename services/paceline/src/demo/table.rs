//! Tables of totals, aligned and with units.

use serde_json::Value;

/// One athlete's totals: a row for each year, then the sum.
pub(super) fn totals(name: &str, summary: &Value) -> String {
    let mut lines = vec![
        format!("{name}"),
        format!(
            "  {:<8} {:>10} {:>13} {:>12} {:>10}",
            "year", "activities", "distance", "moving", "climbed"
        ),
    ];
    let mut years: Vec<(String, [f64; 4])> = Vec::new();
    for item in summary["items"].as_array().into_iter().flatten() {
        let period = item["period"].as_str().unwrap_or("?").to_owned();
        let values = numbers(item);
        match years.iter_mut().find(|(year, _)| *year == period) {
            Some((_, sums)) => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
            None => years.push((period, values)),
        }
    }
    years.sort_by(|a, b| a.0.cmp(&b.0));
    for (year, values) in &years {
        lines.push(row(year, values));
    }
    lines.push(row("all", &numbers(&summary["total"])));
    lines.join("\n")
}

fn numbers(of: &Value) -> [f64; 4] {
    ["count", "distance_m", "moving_time_s", "elevation_gain_m"]
        .map(|name| of[name].as_f64().unwrap_or(0.0))
}

fn row(label: &str, [count, distance, moving, climbed]: &[f64; 4]) -> String {
    let hours = moving / 3600.0;
    format!(
        "  {label:<8} {count:>10.0} {:>10.1} km {hours:>10.1} h {climbed:>8.0} m",
        distance / 1000.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sports_of_one_year_are_one_row() {
        let summary = json!({
            "items": [
                {"period": "2025", "sport": "Run", "count": 2, "distance_m": 10000.0, "moving_time_s": 3600, "elevation_gain_m": 10.0},
                {"period": "2025", "sport": "Ride", "count": 1, "distance_m": 30000.0, "moving_time_s": 3600, "elevation_gain_m": 90.0}
            ],
            "total": {"count": 3, "distance_m": 40000.0, "moving_time_s": 7200, "elevation_gain_m": 100.0}
        });

        let table = totals("Ana", &summary);

        assert_eq!(table.lines().count(), 4);
        assert!(
            table
                .lines()
                .nth(2)
                .is_some_and(|row| row.contains("40.0 km") && row.contains("2.0 h"))
        );
    }
}
