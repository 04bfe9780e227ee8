//! Is a device to be trusted? A small model with every kind of modifier, evaluated and fitted there
//! and on the processor.

use std::sync::atomic::AtomicBool;

use super::{Session, ToyPlan};
use crate::accelerator::{DeviceChoice, DeviceRequest};
use crate::model::{Model, ModelOptions};
use crate::spec::{self, LoadOptions};
use crate::{Error, Result};

/// Toys that are fitted on both.
const TOYS: u64 = 64;

/// Open a device, evaluate and fit there, and compare with the processor: what was found.
///
/// # Errors
/// Why the device is not to be used.
pub fn self_test(request: &DeviceRequest) -> Result<String> {
    let request = DeviceRequest { host_fallback: false, ..*request };
    let device = Session::new(model()?, request)?;
    let processor = Session::new(model()?, DeviceChoice::Cpu)?;
    let found = fits(&device)?;
    let expected = fits(&processor)?;
    let furthest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0f64, f64::max);
    let allowed = match device.device().precision.as_str() {
        "f64" => 1e-8,
        "df64" => 1e-7,
        _ => 5e-3,
    };
    if furthest <= allowed {
        return Ok(format!("{TOYS} fits within {furthest:.0e} of the processor's NLL"));
    }
    Err(Error::Device {
        device: device.device().name.clone(),
        message: format!(
            "the NLL of a fit is off by {furthest:.0e} in {}, where {allowed:.0e} is allowed; \
             choose another precision, or the device cpu",
            device.device().precision
        ),
    })
}

fn model() -> Result<Model> {
    let text = include_bytes!("self_test.json");
    let loaded = spec::load(text, &LoadOptions::default())?;
    Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())
}

/// NLL of every toy's fit.
fn fits(session: &Session) -> Result<Vec<f64>> {
    let plan = ToyPlan {
        truth: session.model().init(),
        seed: 1,
        range: 0..TOYS,
        hold: Vec::new(),
        keep_data: false,
        tolerance: Default::default(),
    };
    let mut all = Vec::new();
    session.toys(&plan, TOYS as usize, &AtomicBool::new(false), &mut |chunk| {
        all.extend(chunk.fits.nll);
        Ok(())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_agrees_with_itself() {
        let told = self_test(&DeviceChoice::Cpu.into()).expect("passes");
        assert_eq!(told, "64 fits within 0e0 of the processor's NLL");
    }
}
