//! Data: events, and numbers that were measured of parameters.

use serde_json::Value;

use super::document::Item;
use super::parameters::Parameters;
use crate::error::Result;
use crate::spec::fields::{elements, fields, kind, number, numbers, string};
use crate::spec::place::Place;
use crate::spec::text::{count, quoted};
use crate::unbinned::Observable;
use crate::unbinned::spec::GivenEvents;

/// What a distribution of a likelihood is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Datum<'v> {
    Events(Item<'v>),
    Number(f64),
}

/// The one that `item` is.
pub(super) fn of(item: Item<'_>) -> Result<Datum<'_>> {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    match item.kind() {
        "unbinned" => Ok(Datum::Events(item)),
        "point" => {
            let object = fields(item.value, &place, &["name", "type", "value"], &["axes"])?;
            Ok(Datum::Number(number(&object["value"], &place.key("value"))?))
        }
        other => Err(place.key("type").error(format!(
            "data of type {} are not covered in unbinned likelihoods; unbinned and point are",
            quoted(other)
        ))),
    }
}

/// The windows that a data set's axes say, in which densities are normalised.
pub(super) fn axes(item: Item<'_>) -> Result<Vec<Observable>> {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    let required = ["name", "type", "entries", "axes"];
    let object = fields(item.value, &place, &required, &["weights", "entries_uncertainties"])?;
    if object.get("entries_uncertainties").is_some_and(|value| !value.is_null()) {
        let message = "uncertainties of entries are not covered: no likelihood here has them";
        return Err(place.key("entries_uncertainties").error(message));
    }
    let at = place.key("axes");
    let axes = elements(&object["axes"], &at, |value, place| {
        let axis = fields(value, place, &["name", "min", "max"], &[])?;
        let name = string(&axis["name"], &place.key("name"))?;
        let (lo, hi) =
            (number(&axis["min"], &place.key("min"))?, number(&axis["max"], &place.key("max"))?);
        crate::unbinned::spec::told(place, Observable::new(name, lo, hi))
    })?;
    for (i, axis) in axes.iter().enumerate() {
        if axes[..i].iter().any(|other| other.name() == axis.name()) {
            let message = format!("axis {} is there twice", quoted(axis.name()));
            return Err(at.index(i).key("name").error(message));
        }
    }
    match axes.is_empty() {
        true => Err(at.error("this array must not be empty")),
        false => Ok(axes),
    }
}

/// The domain may have the observables, too, with the same ranges.
pub(super) fn agree(
    item: Item<'_>,
    axes: &[Observable],
    parameters: &Parameters<'_, '_>,
) -> Result<()> {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    let at = place.key("axes");
    for (i, axis) in axes.iter().enumerate() {
        let range = parameters.range(axis.name());
        if let Some(range) = range.filter(|r| (r.lo, r.hi) != (axis.lo(), axis.hi())) {
            return Err(at.index(i).error(format!(
                "this axis goes from {} to {}, the domain from {} to {} ({}): in which are densities normalised? \
                 Make them the same",
                axis.lo(),
                axis.hi(),
                range.lo,
                range.hi,
                range.pointer
            )));
        }
    }
    Ok(())
}

/// The events, each within the axes.
pub(super) fn events(item: Item<'_>, axes: &[Observable]) -> Result<GivenEvents> {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    let at = place.key("entries");
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); axes.len()];
    elements(&item.object()["entries"], &at, |entry, place| {
        let Value::Array(values) = entry else {
            let message = format!("expected an array of numbers, found {}", kind(entry));
            return Err(place.error(message));
        };
        if values.len() != axes.len() {
            let given = count(values.len(), "number");
            let message = format!("{given}; one an axis is needed, {}", axes.len());
            return Err(place.error(message));
        }
        for (i, (value, axis)) in values.iter().zip(axes).enumerate() {
            let x = number(value, &place.index(i))?;
            if !axis.contains(x) {
                let message = format!("{x} lies outside {}", axis.describe());
                return Err(place.index(i).error(message));
            }
            columns[i].push(x);
        }
        Ok(())
    })?;
    let n = columns[0].len();
    let weights = item.object().get("weights").filter(|value| !value.is_null());
    let weights = weights.map(|value| -> Result<Vec<f64>> {
        let at = place.key("weights");
        let weights = if n == 0 { elements(value, &at, number) } else { numbers(value, &at) }?;
        if weights.len() != n {
            let message = format!("{} for {}", count(weights.len(), "weight"), count(n, "event"));
            return Err(at.error(message));
        }
        if let Some(i) = weights.iter().position(|w| *w < 0.0) {
            let message = format!("the weight {} is negative; 0 or more can be", weights[i]);
            return Err(at.index(i).error(message));
        }
        Ok(weights)
    });
    let columns = axes.iter().map(|axis| axis.name().to_owned()).zip(columns).collect();
    Ok(GivenEvents { columns, weights: weights.transpose()? })
}
