//! The figures as they are measured, and the file that a later run is compared with.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

/// The figures of this run and of an earlier one, each by what it measures, with its unit.
pub(super) struct Report {
    figures: BTreeMap<String, f64>,
    earlier: BTreeMap<String, f64>,
}

impl Report {
    /// Compares with the figures of this file, if it is given.
    pub(super) fn new(earlier: Option<&str>) -> Self {
        let read = |file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        Self { figures: BTreeMap::new(), earlier: earlier.map(read).unwrap_or_default() }
    }

    /// Prints a figure, beside the earlier one and with their ratio if there is one.
    pub(super) fn add(&mut self, what: impl Into<String>, figure: f64) {
        let what = what.into();
        match self.earlier.get(&what) {
            Some(before) => {
                let ratio = figure / before;
                println!("{what:<60} {figure:>9.1}   before {before:>9.1}   ratio {ratio:>5.2}");
            }
            None => println!("{what:<60} {figure:>9.1}"),
        }
        self.figures.insert(what, figure);
    }

    /// Keeps the figures for a later run.
    pub(super) fn end(&self) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deliveries.json");
        std::fs::write(&file, json!(self.figures).to_string()).unwrap();
        println!("to compare a later run with this one: --compare {}", file.display());
    }
}
