//! The state of an alarm for given samples, as CloudWatch evaluates it: for the functions that our alarms use, and no others.

use std::collections::BTreeMap;

use serde_json::Value;

use super::number;

/// Samples by the query's id, or by the metric's name where an alarm has only one: one for each period, the latest last, and
/// none where CloudWatch has none.
pub(super) type Samples = BTreeMap<&'static str, Vec<Option<f64>>>;

/// Whether the alarm goes off: so many of the last periods are above its threshold. Missing ones are not.
pub(super) fn goes_off(alarm: &Value, samples: &Samples) -> bool {
    let (periods, needed) = (number(&alarm["EvaluationPeriods"]), number(&alarm["DatapointsToAlarm"]));
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold");
    assert_eq!(alarm["TreatMissingData"], "notBreaching");
    let threshold = alarm["Threshold"].as_f64().unwrap();
    let length = samples.values().map(Vec::len).max().unwrap();
    let last = length.saturating_sub(periods.try_into().unwrap())..length;
    let breaching = last.filter(|period| {
        let queries = alarm["Metrics"].as_array().map_or(&[][..], Vec::as_slice);
        let value = match queries.iter().find(|query| query["ReturnData"] != false) {
            Some(query) => Evaluation { queries, samples, period: *period }.query(query),
            None => samples[alarm["MetricName"].as_str().unwrap()][*period],
        };
        value.is_some_and(|value| value > threshold)
    });
    breaching.count() as u64 >= needed
}

/// One period.
struct Evaluation<'a> {
    queries: &'a [Value],
    samples: &'a Samples,
    period: usize,
}

impl Evaluation<'_> {
    fn query(&self, query: &Value) -> Option<f64> {
        let Some(expression) = query["Expression"].as_str() else {
            return self.samples.get(query["Id"].as_str().unwrap())?[self.period];
        };
        self.value(&expression.replace(' ', ""))
    }

    /// An operation on a series that has no sample has none; `SUM` leaves such series out.
    fn value(&self, text: &str) -> Option<f64> {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        if text == "SUM(METRICS())" {
            let metrics = self.queries.iter().filter(|query| query["MetricStat"].is_object());
            return metrics.filter_map(|query| self.query(query)).reduce(|sum, value| sum + value);
        }
        if let Some(list) = text.strip_prefix("SUM([").and_then(|rest| rest.strip_suffix("])")) {
            return list.split(',').filter_map(|term| self.value(term)).reduce(|sum, value| sum + value);
        }
        if let Some(terms) = text.strip_prefix("IF(").and_then(|rest| rest.strip_suffix(')')) {
            let [otherwise, then, condition] = terms.rsplitn(3, ',').collect::<Vec<_>>()[..] else {
                panic!("{text} has three terms")
            };
            return self.value(if self.value(condition)? == 0.0 { otherwise } else { then });
        }
        for (operator, apply) in [
            ("AND", (|a, b| a != 0.0 && b != 0.0) as fn(f64, f64) -> bool),
            ("==", |a, b| a == b),
            (">", |a, b| a > b),
        ] {
            if let Some((left, right)) = text.split_once(operator) {
                return Some(truth(apply(self.value(left)?, self.value(right)?)));
            }
        }
        if let Some((left, right)) = text.split_once('*') {
            return Some(self.value(left)? * self.value(right)?);
        }
        let query = self.queries.iter().find(|query| query["Id"] == text);
        query.map_or_else(
            || Some(text.parse().unwrap_or_else(|_| panic!("{text}?"))),
            |query| self.query(query),
        )
    }
}
