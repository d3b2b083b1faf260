//! OpenMetrics 1.0 text from gathered families: the `prometheus` crate writes only the older format.
//!
//! The differences: a counter's family is named without `_total`, `le` is a canonical float, and the text ends in `# EOF`.

use std::fmt::Write as _;

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// The suffix of every counter's sample.
const TOTAL: &str = "_total";

/// Renders families in the order given.
pub(super) fn render(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        write_family(&mut text, family);
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, family: &MetricFamily) {
    let (name, kind) = name_and_type(family);
    line(text, format_args!("# TYPE {name} {kind}"));
    line(text, format_args!("# HELP {name} {}", escape(family.help())));
    for metric in family.get_metric() {
        match family.get_field_type() {
            MetricType::COUNTER => sample(text, family.name(), metric, None, metric.get_counter().get_value()),
            MetricType::GAUGE => sample(text, name, metric, None, metric.get_gauge().get_value()),
            MetricType::HISTOGRAM => write_histogram(text, name, metric, metric.get_histogram()),
            // The gateway registers neither summaries nor untyped values.
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }
}

/// A counter that does not end in `_total` cannot be a counter in OpenMetrics.
fn name_and_type(family: &MetricFamily) -> (&str, &'static str) {
    match family.get_field_type() {
        MetricType::COUNTER => match family.name().strip_suffix(TOTAL) {
            Some(name) => (name, "counter"),
            None => (family.name(), "unknown"),
        },
        MetricType::GAUGE => (family.name(), "gauge"),
        MetricType::HISTOGRAM => (family.name(), "histogram"),
        MetricType::SUMMARY | MetricType::UNTYPED => (family.name(), "unknown"),
    }
}

fn write_histogram(text: &mut String, name: &str, metric: &Metric, histogram: &Histogram) {
    let bucket = format!("{name}_bucket");
    for step in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite()) {
        let bound = canonical(step.upper_bound());
        count(text, &bucket, metric, Some(&bound), step.cumulative_count());
    }
    count(text, &bucket, metric, Some("+Inf"), histogram.get_sample_count());
    count(text, &format!("{name}_count"), metric, None, histogram.get_sample_count());
    sample(text, &format!("{name}_sum"), metric, None, histogram.get_sample_sum());
}

fn sample(text: &mut String, name: &str, metric: &Metric, le: Option<&str>, value: f64) {
    line(text, format_args!("{name}{} {}", labels(metric.get_label(), le), canonical(value)));
}

fn count(text: &mut String, name: &str, metric: &Metric, le: Option<&str>, value: u64) {
    line(text, format_args!("{name}{} {value}", labels(metric.get_label(), le)));
}

fn labels(pairs: &[LabelPair], le: Option<&str>) -> String {
    let own = pairs.iter().map(|pair| format!("{}=\"{}\"", pair.name(), escape(pair.value())));
    let all: Vec<String> = own.chain(le.map(|bound| format!("le=\"{bound}\""))).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

/// A float as OpenMetrics wants it: `1.0` and not `1`.
fn canonical(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value:?}")
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n").replace('"', "\\\"")
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _ = writeln!(text, "{content}");
}
