//! `neyman devices`: where this build can compute.

use neyman::accelerator::{self, DeviceRequest};
use neyman::session::{DeviceTest, ListedDevice, list_devices};
use serde_json::{Value, json};

use super::arguments::{Devices, Global};
use super::failure::one_line;
use super::table::Table;
use super::{Exit, Outcome, load, output};

pub(crate) fn run(global: &Global, arguments: &Devices) -> Outcome {
    let request = load::request(global)?;
    let rows = list_devices(&request, !arguments.no_test);
    let auto = auto(&request, &rows);
    if arguments.json {
        let devices: Vec<Value> = rows.iter().map(document).collect();
        output::json(&json!({"devices": devices, "auto": auto}))?;
    } else {
        output::text(&format!("{}\n{auto}\n", table(&rows, arguments.no_test)))?;
    }
    Ok(Exit::Success)
}

fn document(of: &ListedDevice) -> Value {
    let test = |t: &DeviceTest| json!({"precision": t.precision, "passed": t.passed, "message": t.message});
    json!({
        "device": of.device,
        "also": of.also,
        "name": of.name,
        "backend": of.backend,
        "driver": of.driver,
        "type": of.kind,
        "largest_buffer": of.largest_buffer,
        "precisions": of.precisions,
        "self_test": of.test.as_ref().map(test),
    })
}

fn table(rows: &[ListedDevice], no_test: bool) -> String {
    let header = [
        "device",
        "also",
        "name",
        "backend",
        "driver",
        "type",
        "buffers",
        "precisions",
        "self-test",
    ];
    let columns = if no_test { header.len() - 1 } else { header.len() };
    let mut table = Table::new(&header[..columns]);
    for left in [1, 2, 3, 4, 5, 7, 8] {
        table = table.left(left);
    }
    for row in rows {
        let test = row.test.as_ref().map(|t| match t.passed {
            true => format!("{} passed", t.precision),
            false => format!("{} refused: {}", t.precision, t.message),
        });
        let cells = [
            row.device.clone(),
            row.also.clone().unwrap_or_default(),
            row.name.clone(),
            row.backend.clone(),
            row.driver.clone(),
            row.kind.to_owned(),
            row.largest_buffer.map(size).unwrap_or_default(),
            row.precisions.join(" "),
            test.unwrap_or_default(),
        ];
        // drivers choose their names
        table.row(cells.into_iter().take(columns).map(|cell| one_line(&cell)));
    }
    table.render()
}

/// 2 GiB.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    format!("{:.3}", bytes as f64 / 1024f64.powi(unit as i32))
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
        + " "
        + units[unit]
}

/// What `--device auto` takes, and why.
fn auto(request: &DeviceRequest, rows: &[ListedDevice]) -> String {
    let candidates = accelerator::candidates(request);
    let titles: Vec<_> = candidates.iter().map(|c| one_line(&c.title)).collect();
    let why = if !titles.is_empty() {
        return format!(
            "auto: cpu for fits; batches of 2000 fits or more where they are faster, on cpu or {}",
            titles.join(", ")
        );
    } else if !cfg!(feature = "gpu") {
        "this build has no graphics processors; build it with the feature gpu to have them"
    } else if rows.len() == 1 {
        "no graphics processor was found; one shows up here once its driver is installed (on Linux \
         a Vulkan driver)"
    } else if rows.iter().skip(1).all(|r| r.kind == "software") {
        "the others are software on the same processor, and slower"
    } else {
        "no graphics processor has the precision asked for"
    };
    format!("auto: cpu; {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1 << 31, "2 GiB"), (128 << 20, "128 MiB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "16 EiB");
        assert_eq!(size((1 << 31) - 1), "2 GiB");
    }
}
