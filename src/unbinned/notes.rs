//! What a reader of a model's uncertainties must know.

use super::UnbinnedModel;
use crate::spec::text::display_name;

impl UnbinnedModel {
    /// What to keep in mind about uncertainties of fits, limits and whatever else stands on this likelihood: nothing,
    /// or that events are weighted, and where.
    pub fn notes(&self) -> Vec<String> {
        let weighted = self.channels().filter(|c| c.events.weights().is_some());
        let names: Vec<_> = weighted.map(|c| display_name(&c.name)).collect();
        if names.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "events are weighted in {}: uncertainties are those of the weighted likelihood as it stands, right only \
             where a weight counts equal events",
            names.join(", ")
        )]
    }
}
