//! `histosys`: an additive shape, interpolated between the counts at alpha = -1 and +1.

use super::{Requirement, Use};
use crate::error::{Error, Result};
use crate::model::{Sample, Shape};
use crate::spec::{Modifier, ModifierKind};

pub(super) fn requirement(uses: &[Use<'_>]) -> Result<Requirement> {
    for used in uses {
        if let ModifierKind::HistoSys { hi_data, lo_data } = &used.modifier.kind {
            for (key, data) in [("hi_data", hi_data), ("lo_data", lo_data)] {
                super::check_length(used, &format!("/data/{key}"), data.len())?;
                if let Some(bin) = data.iter().position(|count| !count.is_finite()) {
                    return Err(Error::specification(
                        format!("{}/data/{key}/{bin}", used.path()),
                        "a count must be a finite number",
                    ));
                }
            }
        }
    }
    Ok(Requirement::alpha())
}

pub(super) fn apply(modifier: &Modifier, parameter: usize, sample: &mut Sample) {
    if let ModifierKind::HistoSys { hi_data, lo_data } = &modifier.kind {
        sample.shapes.push(Shape {
            parameter,
            lo: lo_data.clone(),
            hi: hi_data.clone(),
        });
    }
}
