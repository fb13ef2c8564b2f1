//! The table of figures, and the file that a later run is compared with.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

/// Figures by what they measure, with their unit.
#[derive(Default)]
pub(super) struct Report(BTreeMap<String, f64>);

impl Report {
    pub(super) fn add(&mut self, what: impl Into<String>, figure: f64) {
        self.0.insert(what.into(), figure);
    }

    /// Prints the figures, beside those of the earlier file and with their ratio if there is one, and keeps them.
    pub(super) fn end(&self, earlier: Option<&str>) {
        let earlier: BTreeMap<String, f64> = earlier
            .map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
            .unwrap_or_default();
        for (what, figure) in &self.0 {
            match earlier.get(what) {
                Some(before) => {
                    println!(
                        "{what:<60} {figure:>9.1}   before {before:>9.1}   ratio {:>5.2}",
                        figure / before
                    );
                }
                None => println!("{what:<60} {figure:>9.1}"),
            }
        }
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deliveries.json");
        std::fs::write(&file, json!(self.0).to_string()).unwrap();
        println!("to compare a later run with this one: --compare {}", file.display());
    }
}
