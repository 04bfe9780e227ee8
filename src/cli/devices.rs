//! `neyman devices`: where this build can compute.

use neyman::accelerator::{self, DeviceRequest, cpu};
use serde_json::{Value, json};

use super::arguments::{Devices, Global};
use super::failure::one_line;
use super::table::Table;
use super::{Exit, Outcome, load, output};

/// A line of the list.
struct Row {
    /// `gpu:0`.
    device: String,
    /// `vulkan:0`, where it has a second name.
    also: Option<String>,
    name: String,
    backend: String,
    driver: String,
    kind: &'static str,
    /// Bytes.
    largest_buffer: Option<u64>,
    precisions: Vec<&'static str>,
    test: Option<Test>,
}

struct Test {
    precision: &'static str,
    passed: bool,
    /// What was found, or why the device is refused.
    message: String,
}

pub(crate) fn run(global: &Global, arguments: &Devices) -> Outcome {
    let request = load::request(global)?;
    let mut rows = vec![processor()];
    rows.extend(graphics(&request, arguments.no_test));
    rows.extend(nvidia(&request, arguments.no_test));
    let auto = auto(&request, &rows);
    if arguments.json {
        let devices: Vec<Value> = rows.iter().map(Row::json).collect();
        output::json(&json!({"devices": devices, "auto": auto}))?;
    } else {
        output::text(&format!("{}\n{auto}\n", table(&rows, arguments.no_test)))?;
    }
    Ok(Exit::Success)
}

fn processor() -> Row {
    let info = cpu::describe(cpu::lanes(), "");
    Row {
        device: info.name,
        also: None,
        name: info.description,
        backend: info.backend,
        driver: info.driver,
        kind: "processor",
        largest_buffer: None,
        precisions: vec!["f64"],
        test: None,
    }
}

#[cfg(feature = "gpu")]
fn graphics(request: &DeviceRequest, no_test: bool) -> Vec<Row> {
    use neyman::accelerator::DeviceChoice;
    use neyman::accelerator::gpu::adapters;
    use neyman::session::self_test;

    let row = |adapter: adapters::Adapter| {
        let info = &adapter.info;
        let test = || {
            let device = DeviceChoice::Gpu { backend: None, index: Some(info.index) };
            let (precision, result) = match adapters::precision_for(request.precision, info) {
                Ok(precision) => {
                    let precision = precision.into();
                    let request = DeviceRequest { device, precision, ..*request };
                    (precision.as_str(), self_test(&request).map_err(|e| e.to_string()))
                }
                Err(_) => (request.precision.as_str(), Err("it has none".into())),
            };
            let passed = result.is_ok();
            let (Ok(message) | Err(message)) = result;
            Test { precision, passed, message }
        };
        Row {
            device: info.device(),
            also: Some(info.backend_device()),
            name: info.name.clone(),
            backend: info.backend.as_str().into(),
            driver: info.driver.clone(),
            kind: info.kind.as_str(),
            largest_buffer: Some(info.largest_buffer),
            precisions: info.precisions().into_iter().map(|p| p.as_str()).collect(),
            test: (!no_test).then(test),
        }
    };
    adapters::list().into_iter().map(row).collect()
}

#[cfg(not(feature = "gpu"))]
fn graphics(_: &DeviceRequest, _: bool) -> Vec<Row> {
    Vec::new()
}

fn nvidia(request: &DeviceRequest, no_test: bool) -> Vec<Row> {
    use neyman::accelerator::cuda::{self, CudaDevice};
    use neyman::accelerator::{DeviceChoice, DeviceInfo, PrecisionChoice};
    use neyman::session::self_test;

    let row = |device: DeviceChoice, also: Option<&str>, info: DeviceInfo, memory: Option<u64>| {
        let test = || {
            let precision = PrecisionChoice::F64;
            let result = self_test(&DeviceRequest { device, precision, ..*request });
            let result = result.map_err(|e| e.to_string());
            let passed = result.is_ok();
            let (Ok(message) | Err(message)) = result;
            Test { precision: precision.as_str(), passed, message }
        };
        Row {
            device: info.name,
            also: also.map(str::to_owned),
            name: info.description.trim_end_matches(", CUDA").to_owned(),
            backend: info.backend,
            driver: info.driver,
            kind: "discrete",
            largest_buffer: memory,
            precisions: vec!["f64"],
            test: (!no_test).then(test),
        }
    };
    let one = |card: CudaDevice| {
        let device = DeviceChoice::Cuda { index: Some(card.index) };
        row(device, None, card.device_info(""), Some(card.memory))
    };
    // without CUDA there is nothing to list
    let mut rows: Vec<Row> = cuda::list().unwrap_or_default().into_iter().map(one).collect();
    let together = cuda::candidates(PrecisionChoice::F64);
    if together.len() > 1 {
        let device = DeviceChoice::CudaSeveral { cards: None };
        rows.push(row(device, Some("cuda:all"), cuda::several_info(&together, ""), None));
    }
    rows
}

impl Row {
    fn json(&self) -> Value {
        let test =
            |t: &Test| json!({"precision": t.precision, "passed": t.passed, "message": t.message});
        json!({
            "device": self.device,
            "also": self.also,
            "name": self.name,
            "backend": self.backend,
            "driver": self.driver,
            "type": self.kind,
            "largest_buffer": self.largest_buffer,
            "precisions": self.precisions,
            "self_test": self.test.as_ref().map(test),
        })
    }
}

fn table(rows: &[Row], no_test: bool) -> String {
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
fn auto(request: &DeviceRequest, rows: &[Row]) -> String {
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
