//! Alarms and the dashboard: they name existing metrics, and every alarm notifies somebody.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Template, keeps};

const OPERATE: &str = include_str!("../../../infra/README.md");

/// The prefix of the namespace of the metrics that the functions log.
const OURS: &str = "Ringback/";

fn alarms(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    template.resources("AWS::CloudWatch::Alarm")
}

fn every_alarm_notifies_and_explains(template: &Template) -> Vec<String> {
    let actions = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
    let mut breaches = Vec::new();
    for (id, alarm) in alarms(template) {
        if alarm["AlarmActions"] != actions || alarm["OKActions"] != actions {
            breaches.push(format!("{id} notifies nobody"));
        }
        if alarm["AlarmDescription"].as_str().is_none_or(str::is_empty) || alarm["TreatMissingData"].is_null()
        {
            breaches.push(format!("{id} does not say what it means"));
        }
        if !OPERATE.contains(&format!("`{id}`")) {
            breaches.push(format!("infra/README.md does not say what to do when {id} goes off"));
        }
    }
    breaches
}

#[tokio::test]
async fn every_alarm_reaches_somebody_who_can_read_what_to_do() {
    keeps(
        every_alarm_notifies_and_explains,
        &[
            ("/DeadLettersRemain/Properties/AlarmActions", Value::Null),
            ("/FunctionErrors/Properties/OKActions", json!([])),
            ("/EventsDelayed/Properties/AlarmDescription", json!("")),
            ("/NeverDescribed", json!({"Type": "AWS::CloudWatch::Alarm", "Properties": {}})),
        ],
    )
    .await;
}

/// The dashboard's body with a placeholder for each reference.
fn dashboard(template: &Template) -> Result<Value, String> {
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let parts = body.split("${").enumerate().map(|(index, part)| match part.split_once('}') {
        Some((name, rest)) if index > 0 => format!("<{name}>{rest}"),
        _ => part.to_owned(),
    });
    serde_json::from_str(&parts.collect::<String>())
        .map_err(|error| format!("the dashboard is not JSON: {error}"))
}

/// Our metrics that widgets and alarms name, each with its dimension.
fn shown(template: &Template) -> Result<BTreeSet<(String, Option<String>)>, String> {
    let mut shown = BTreeSet::new();
    for (_, alarm) in alarms(template) {
        if alarm["Namespace"]["Fn::Sub"].as_str().is_some_and(|namespace| namespace.starts_with(OURS)) {
            let name = alarm["MetricName"].as_str().unwrap_or_default();
            shown.insert((name.to_owned(), None));
        }
    }
    for widget in dashboard(template)?["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let text = |index: usize| metric[index].as_str().map(ToOwned::to_owned);
            match metric[0].as_str() {
                Some(namespace) if namespace.starts_with(OURS) => {
                    shown.insert((text(1).unwrap_or_default(), text(2)));
                }
                Some(_) => {}
                None => {
                    // SEARCH('{"NAMESPACE",DIMENSION} MetricName="NAME"', …)
                    let search = metric[0]["expression"].as_str().unwrap_or_default();
                    let between = |from: &str, to: &str| {
                        let (_, rest) = search.split_once(from)?;
                        Some(rest.split_once(to)?.0.to_owned())
                    };
                    shown.insert((between("MetricName=\"", "\"").unwrap_or_default(), between("\",", "}")));
                }
            }
        }
    }
    Ok(shown)
}

fn what_is_shown_is_what_is_counted(template: &Template) -> Vec<String> {
    let mut counted: BTreeSet<(String, Option<String>)> = adapters::telemetry::metric_names()
        .map(|(name, by)| (name.to_owned(), by.map(ToOwned::to_owned)))
        .collect();
    for (_, filter) in template.resources("AWS::Logs::MetricFilter") {
        let name = filter["MetricTransformations"][0]["MetricName"].as_str().unwrap_or_default();
        let by = filter["MetricTransformations"][0]["Dimensions"][0]["Key"].as_str();
        counted.insert((name.to_owned(), by.map(ToOwned::to_owned)));
    }
    match shown(template) {
        Err(error) => vec![error],
        Ok(shown) => {
            let unknown = shown.difference(&counted).map(|metric| format!("{metric:?} is counted nowhere"));
            // Failed bus events: their queue has an alarm.
            let unseen = counted.difference(&shown).filter(|(name, _)| name != "BusEventsFailed");
            unknown.chain(unseen.map(|metric| format!("{metric:?} is shown nowhere"))).collect()
        }
    }
}

fn change_dashboard(template: &Template, from: &str, to: &str) -> Template {
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    assert!(body.contains(from), "{from}");
    template.with("/Dashboard/Properties/DashboardBody/Fn::Sub", body.replace(from, to).into())
}

#[tokio::test]
async fn the_metrics_that_are_shown_are_those_that_are_counted() {
    let contract = what_is_shown_is_what_is_counted;
    keeps(contract, &[("/CallbacksLost/Properties/MetricName", json!("CallbackLost"))]).await;
    let Some(template) = Template::expanded().await else { return };
    for (from, to) in [
        ("\"FirstAttemptDelay\"", "\"Wait\""),
        ("\",outcome}", "\",result}"),
        ("\"ReceivesWithoutAttempt\"", "\"Failures\""),
        ("]}", "]"),
    ] {
        assert_ne!(contract(&change_dashboard(template, from, to)), Vec::<String>::new(), "{from} → {to}");
    }
}

fn the_dashboard_shows_every_alarm(template: &Template) -> Vec<String> {
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    alarms(template)
        .filter(|(id, _)| !body.contains(&format!("${{{id}.Arn}}")))
        .map(|(id, _)| format!("{id} is not on the dashboard"))
        .collect()
}

#[tokio::test]
async fn every_alarm_is_on_the_dashboard() {
    let unseen = json!({"Type": "AWS::CloudWatch::Alarm", "Properties": {}});
    keeps(the_dashboard_shows_every_alarm, &[("/Unseen", unseen)]).await;
}
