//! What a reader of a model's uncertainties must know.

use super::UnbinnedModel;
use crate::spec::text::display_name;

impl UnbinnedModel {
    /// What to keep in mind about fits, limits and whatever else stands on this likelihood: nothing, that events are
    /// weighted, and where, or which densities another library calculates, on what and how precisely.
    pub fn notes(&self) -> Vec<String> {
        let weighted = self.channels().filter(|c| c.events.weights().is_some());
        let names: Vec<_> = weighted.map(|c| display_name(&c.name)).collect();
        let mut notes = Vec::new();
        if !names.is_empty() {
            notes.push(format!(
                "events are weighted in {}: uncertainties are those of the weighted likelihood as it stands, right \
                 only where a weight counts equal events",
                names.join(", ")
            ));
        }
        for channel in self.channels() {
            for process in &channel.processes {
                let (process_name, channel) =
                    (display_name(&process.name), display_name(&channel.name));
                let of = process.pdf.provenance();
                notes.extend(
                    of.iter()
                        .map(|by| format!("{process_name} of {channel} is calculated by {by}")),
                );
            }
        }
        notes
    }
}
