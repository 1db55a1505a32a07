//! Conversion between the integers used inside and the floats of APIs: sums of floats drift, sums of integers do not.

/// Converts metres to whole decimetres; zero if not a number or beyond 10^9 m.
pub fn to_decimetres(metres: f64) -> i64 {
    if !metres.is_finite() || metres.abs() > 1e9 {
        return 0;
    }
    (metres * 10.0).round() as i64
}

/// Converts decimetres to metres.
pub fn to_metres(decimetres: i64) -> f64 {
    decimetres as f64 / 10.0
}

/// Converts metres per second to whole millimetres per second; zero if not a number or beyond 10^6 m/s.
pub fn to_millimetres_per_second(speed: f64) -> i64 {
    if !speed.is_finite() || speed.abs() > 1e6 {
        return 0;
    }
    (speed * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_tenth_of_a_metre_survives_the_way_in_and_out(dm in -1_000_000_000_i64..1_000_000_000) {
            proptest::prop_assert_eq!(to_decimetres(to_metres(dm)), dm);
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_becomes_zero() {
        assert_eq!((to_decimetres(f64::NAN), to_decimetres(f64::INFINITY)), (0, 0));
    }
}
