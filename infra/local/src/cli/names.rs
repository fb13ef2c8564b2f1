//! The names of destinations.

use std::collections::HashMap;

use serde_json::Value;

use super::api::Api;

/// Knows the names of destinations by their ids.
#[derive(Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// A destination's name and id; its id alone if the key may not read names, or not of this account.
    pub(crate) async fn of(&mut self, id: &str, api: &Api) -> String {
        if !self.0.contains_key(id)
            && let Ok(list) = api.get("/v1/destinations").await
        {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let destinations = list["destinations"].as_array().into_iter().flatten();
            self.0.extend(destinations.filter_map(|one| Some((text(&one["id"])?, text(&one["name"])?))));
        }
        self.0.get(id).map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
    }
}
