//! The documents' tables match the code.

use std::collections::BTreeSet;

use tokio::process::Command;

use super::{Document, files, names, read, root};
use crate::described;
use crate::tools::is_available;

const OPERATE: &str = "infra/README.md";

/// The names in backticks in a column of the tables below a heading.
fn column(page: &Document, heading: &str, index: usize) -> BTreeSet<String> {
    let rows = page.rows(heading);
    rows.iter().flat_map(|row| names(row[index])).map(ToOwned::to_owned).collect()
}

/// The names of the template's entries whose next line starts with `next`.
fn in_template(next: &str) -> BTreeSet<String> {
    let template = read("infra/template.yaml");
    let lines: Vec<_> = template.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[1].starts_with(next));
    pairs.map(|pair| pair[0].trim().trim_end_matches(':').to_owned()).collect()
}

#[test]
fn the_alarms_are_those_of_the_template() {
    let described = column(&Document::read(OPERATE), "## When an alarm goes off", 0);
    assert_eq!(described, in_template("    Type: AWS::CloudWatch::Alarm"));
}

#[test]
fn the_parameters_are_those_of_the_template() {
    let operate = Document::read(OPERATE);
    let template = read("infra/template.yaml");
    for name in column(&operate, "## Deploy", 0) {
        let name = name.split('=').next().unwrap();
        assert!(template.contains(&format!("\n  {name}:\n    Type: ")), "{name} is not a parameter");
    }
}

/// `/// …` and `#[arg(long…` stand above each option of the local stack.
#[test]
fn the_options_are_those_of_the_local_stack() {
    let described: BTreeSet<_> = column(&Document::read(OPERATE), "## Run it locally", 0)
        .iter()
        .map(|option| option.split(' ').next().unwrap().to_owned())
        .collect();
    let program = read("infra/local/src/main.rs");
    let lines: Vec<_> = program.lines().map(str::trim).collect();
    let options = lines.windows(2).filter(|pair| pair[0].starts_with("#[arg(long"));
    let options = options.map(|pair| format!("--{}", pair[1].split(':').next().unwrap().replace('_', "-")));
    assert_eq!(described, options.collect());
}

/// One line of `cli/mod.rs` names each subcommand with its file: `Listen(listen::Listen),`.
#[test]
fn the_subcommands_are_those_of_the_program() {
    let described = column(&Document::read(OPERATE), "## The command line", 0);
    let described: BTreeSet<_> =
        described.iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect();
    let program = read("infra/local/src/cli/mod.rs");
    let (_, subcommands) = program.split_once("enum Command {").unwrap();
    let (subcommands, _) = subcommands.split_once("\n}").unwrap();
    let names = subcommands.lines().filter_map(|line| Some(line.split_once('(')?.0.trim().to_lowercase()));
    assert_eq!(described, names.collect());
}

#[test]
fn the_metrics_are_those_that_are_counted() {
    let operate = Document::read(OPERATE);
    let metrics: BTreeSet<_> = adapters::telemetry::metric_names().map(|(name, _)| name.to_owned()).collect();
    let described: BTreeSet<_> =
        column(&operate, "## Operate", 0).into_iter().filter(|name| !name.contains('.')).collect();
    let template = read("infra/template.yaml");
    let filters = template.split("Type: AWS::Logs::MetricFilter").skip(1);
    let filters = filters.filter_map(|filter| filter.split("MetricName: ").nth(1)?.lines().next());
    // Those of Dispatch and Ingest; that of the API's access log belongs to an alarm.
    let filters = filters.filter(|name| *name != "ProviderRequestsLimited").map(str::to_owned);
    let metrics: BTreeSet<_> = metrics.into_iter().chain(filters).collect();
    // The only log line without a dot.
    assert_eq!(&described - &BTreeSet::from(["unavailable".to_owned()]), metrics);
}

#[tokio::test]
async fn the_prices_are_those_that_the_script_prints() {
    if !is_available(Command::new("python3").arg("--version"), "python3").await {
        return;
    }
    let printed = Command::new("python3").arg(root().join("infra/price")).output().await.unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("a million deliveries"), "{printed}");
    assert!(
        read(OPERATE).contains(&printed),
        "the table in {OPERATE} is not the output of infra/price:\n{printed}"
    );
    let total = printed.lines().find(|line| line.contains("**a million deliveries**")).unwrap();
    let total: Vec<_> = total.split("**").filter(|cell| cell.starts_with('$')).collect();
    let range = format!("[{} to {}]", total[1], total[0]);
    assert!(read("README.md").contains(&range), "README.md does not say {range}");
}

#[test]
fn the_statuses_and_outcomes_are_those_of_deliveries() {
    let guide = Document::read("tests/receivers/README.md");
    let described = column(&guide, "## Statuses and outcomes", 0);
    let api: serde_json::Value = serde_json::from_str(&read("functions/query/openapi.json")).unwrap();
    let names = |schema: &str| -> BTreeSet<String> {
        serde_json::from_value(api["components"]["schemas"][schema]["enum"].clone()).unwrap()
    };
    assert_eq!(described, &names("DeliveryStatus") | &names("Outcome"));
}

/// First words of log lines' names.
const KINDS: [&str; 17] = [
    "attempt",
    "batch",
    "best_effort",
    "bus_event",
    "callback",
    "circuit_breaker",
    "claim",
    "dead_letter",
    "deliveries",
    "delivery",
    "event",
    "message",
    "private_certificate",
    "private_networks",
    "rate_limit",
    "request",
    "visibility",
];

/// Whether a text is the name of a log line, such as `delivery.attempted`.
fn is_log_line(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c));
    let is_file = name.ends_with(".js") || name.ends_with(".rs");
    is_plain && !is_file && name.split_once('.').is_some_and(|(kind, _)| KINDS.contains(&kind))
}

#[test]
fn every_log_line_has_its_row() {
    let described = column(&Document::read(OPERATE), "## Operate", 0);
    for file in files().iter().filter(|file| file.starts_with("functions/") && file.ends_with(".rs")) {
        for line in read(file).split('"').filter(|text| is_log_line(text)) {
            assert!(described.contains(line), "{file}: {line} has no row");
        }
    }
}

#[test]
fn the_log_lines_are_those_that_are_written() {
    let sources: String = files()
        .iter()
        .filter(|file| file.contains("/src/") && file.ends_with(".rs"))
        .map(|file| read(file))
        .collect();
    for page in Document::all() {
        let lines = page.names().filter(|name| is_log_line(name));
        // The changelog may name former lines.
        for line in lines.filter(|_| !page.path.ends_with("CHANGELOG.md")) {
            assert!(sources.contains(&format!("\"{line}\"")), "{}: no code writes {line}", page.path);
        }
    }
}

/// A route without its parameters' names: `GET /v1/deliveries/{}`.
fn route(method: &str, path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}

#[test]
fn every_route_of_the_api_has_its_row() {
    let customers = Document::read("tests/receivers/README.md");
    let platforms = Document::read("functions/ingest/README.md");
    let rows = column(&customers, "## The API", 0).into_iter().chain(column(
        &platforms,
        "# The flows and providers",
        0,
    ));
    let rows: BTreeSet<_> =
        rows.filter_map(|row| row.split_once(' ').map(|(method, path)| route(method, path))).collect();
    let described = described::paths().iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(|method| route(&method.to_uppercase(), path)).collect::<Vec<_>>()
    });
    // The page names this route in its text.
    assert_eq!(rows, described.filter(|route| route != "GET /openapi.json").collect());
}

/// Whether a test of this name exists: in its module if the name has one, otherwise anywhere.
fn is_test(name: &str, files: &[String]) -> bool {
    let (module, function) = name.rsplit_once("::").unwrap_or(("", name));
    let module = module.replace("::", "/");
    let places = [format!("tests/it/{module}.rs"), format!("tests/it/{module}/mod.rs")];
    let is_place = |file: &&String| module.is_empty() || places.contains(file);
    files.iter().filter(is_place).any(|file| {
        let definition = match file.rsplit_once('.') {
            Some((_, "rs")) => format!("fn {function}()"),
            Some((_, "py")) => format!("def {function}("),
            _ => return false,
        };
        read(file).contains(&definition)
    })
}

#[test]
fn every_promise_is_held_by_tests_that_exist() {
    let tests = Document::read("tests/README.md");
    let files = files();
    let rows = tests.rows("## Promises");
    assert!(rows.len() > 40, "{} rows", rows.len());
    for row in rows {
        let [promise, held_by] = row[..] else { panic!("{row:?}") };
        assert!(names(held_by).count() > 0, "no test holds: {promise}");
        for name in names(held_by) {
            assert!(is_test(name, &files), "no test is named {name}");
        }
    }
    assert!(!is_test("wire::a_test_that_is_not_there", &files));
}
