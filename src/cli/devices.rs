//! `neyman devices`: where this build can compute.

use serde_json::{Value, json};

use super::arguments::Devices;
use super::table::Table;
use super::{Exit, Outcome, load, output};

pub(crate) fn run(arguments: &Devices) -> Outcome {
    let devices = load::devices();
    if arguments.json {
        let device = |d: &neyman::accelerator::DeviceInfo| json!({"name": d.name, "precision": d.precision, "description": d.description});
        let devices: Vec<Value> = devices.iter().map(device).collect();
        output::json(&json!({"devices": devices}))?;
    } else {
        let mut table = Table::new(&["device", "precision", "description"]).left(1).left(2);
        for d in devices {
            table.row([d.name, d.precision, d.description]);
        }
        output::text(&table.render())?;
    }
    Ok(Exit::Success)
}
