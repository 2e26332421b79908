//! Numbers as people read them: few digits, units, no noise.

/// `value` with `digits` significant digits; very large and very small values in scientific notation.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".into()
        } else {
            format!("{value}")
        };
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return scientific;
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// `value` with its sign always written, for differences.
pub fn signed(value: f64, digits: usize) -> String {
    let text = significant(value, digits);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text.replace('-', "\u{2212}")
    }
}

/// A whole number with thin spaces between groups of three digits.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// A count with a decimal prefix: `12.3 M`, `4.56 G`.
pub fn prefixed(value: f64) -> String {
    let prefixes = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    for (scale, prefix) in prefixes {
        if value.abs() >= scale {
            return format!("{} {prefix}", significant(value / scale, 3));
        }
    }
    significant(value, 3)
}

/// A duration of `seconds`: `840 us`, `12.3 ms`, `4.2 s`, `3 min 07 s`, `2 h 05 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    if seconds < 1e-3 {
        return format!("{} \u{b5}s", significant(seconds * 1e6, 3));
    }
    if seconds < 0.9995 {
        return format!("{} ms", significant(seconds * 1e3, 3));
    }
    if seconds < 59.5 {
        return format!("{} s", significant(seconds, 2));
    }
    let whole = seconds.round() as u64;
    if whole < 3600 {
        return format!("{} min {:02} s", whole / 60, whole % 60);
    }
    let minutes = (seconds / 60.0).round() as u64;
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

/// A size in memory of `bytes`, in binary units.
pub fn bytes(bytes: u64) -> String {
    let units = [
        (1u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    for (scale, unit) in units {
        if bytes >= scale {
            return format!("{} {unit}", significant(bytes as f64 / scale as f64, 3));
        }
    }
    format!("{bytes} B")
}

/// `mean ± deviation` with digits chosen so that the deviation shows two of its own.
pub fn mean_deviation(mean: f64, deviation: f64) -> String {
    if !mean.is_finite() || !deviation.is_finite() {
        return significant(mean, 3);
    }
    let smallest = if deviation > 0.0 {
        deviation
    } else {
        mean.abs() / 100.0
    };
    if smallest <= 0.0 || mean.abs() >= 1e6 {
        return format!(
            "{} \u{b1} {}",
            significant(mean, 3),
            significant(deviation, 2)
        );
    }
    let decimals = (1 - smallest.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{mean:.decimals$} \u{b1} {deviation:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits_survive_any_magnitude() {
        assert_eq!(significant(0.033_456, 3), "0.0335");
        assert_eq!(significant(1234.5, 3), "1234");
        assert_eq!(significant(1.0, 3), "1.00");
        assert_eq!(significant(0.999_6, 3), "1.00");
        assert_eq!(significant(1.5e-7, 2), "1.5e-7");
        assert_eq!(significant(f64::NAN, 2), "NaN");
    }

    #[test]
    fn durations_change_their_unit_without_gaps() {
        assert_eq!(duration(0.000_84), "840 \u{b5}s");
        assert_eq!(duration(0.0123), "12.3 ms");
        assert_eq!(duration(4.2), "4.2 s");
        assert_eq!(duration(59.7), "1 min 00 s");
        assert_eq!(duration(187.0), "3 min 07 s");
        assert_eq!(duration(3599.9), "1 h 00 min");
        assert_eq!(duration(f64::NAN), "unknown");
    }

    #[test]
    fn sizes_counts_and_differences_carry_units_and_signs() {
        assert_eq!(bytes(700 * 1024 * 1024), "700 MiB");
        assert_eq!(bytes(12), "12 B");
        assert_eq!(prefixed(926_357.0), "926 k");
        assert_eq!(grouped(926_357), "926\u{2009}357");
        assert_eq!(signed(0.012, 2), "+0.012");
        assert_eq!(signed(-0.012, 2), "\u{2212}0.012");
        assert_eq!(mean_deviation(0.0334, 0.0012), "0.0334 \u{b1} 0.0012");
    }
}
