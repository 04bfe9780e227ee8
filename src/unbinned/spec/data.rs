//! Where a channel's events are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{ChannelSpec, Context};
use super::{Version, selection};
use crate::error::Result;
use crate::spec::fields::{fields, string, word};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::unbinned::events::{Channel, OutOfBounds, Range, ReadOptions, parquet_columns};
use crate::unbinned::{EventTable, Observable};

/// The column of channels' names.
const CHANNEL: &str = "_channel";
/// The column of weights where none is named; files need not have it.
const WEIGHT: &str = "_weight";

/// A file of events and which of them are meant: the key `data` of a channel, or `source` of a density.
#[derive(Debug, Clone)]
pub(super) struct Source {
    file: PathBuf,
    channel: Option<String>,
    weight: Option<String>,
    ranges: Vec<Range>,
    out_of_bounds: OutOfBounds,
}

impl Source {
    pub(super) fn new(value: &Value, place: &Place, context: &Context) -> Result<Self> {
        let optional = ["format", "tree", "channel", "selection", "weight", "out_of_bounds"];
        let known = optional.len() - usize::from(context.version == Version::NextstatV0);
        let object = fields(value, place, &["file"], &optional[..known])?;
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        let file = string(&object["file"], &place.key("file"))?;
        if file.is_empty() {
            return Err(place.key("file").error("this file's name is empty"));
        }
        let format = given("format").map(|format| string(format, &place.key("format")));
        let format = format.transpose()?;
        if let Some(other) = format.filter(|f| !matches!(*f, "parquet" | "root")) {
            let message = format!("{} is not known; \"parquet\" is", quoted(other));
            return Err(place.key("format").error(message));
        }
        let root_key = if format == Some("root") {
            Some("format")
        } else if given("tree").is_some() {
            Some("tree")
        } else {
            (format.is_none() && file.ends_with(".root")).then_some("file")
        };
        if let Some(key) = root_key {
            let message = "ROOT files are not supported yet: convert the tree to Parquet (uproot and pyarrow do)";
            return Err(place.key(key).error(message));
        }
        let text = |key: &str| -> Result<Option<String>> {
            let text = given(key).map(|value| string(value, &place.key(key)));
            Ok(text.transpose()?.map(str::to_owned))
        };
        let out_of_bounds = match given("out_of_bounds") {
            Some(policy) => word(policy, &place.key("out_of_bounds"), &["error", "drop"])?,
            None => 0,
        };
        let weight = given("weight").map(|w| selection::column(w, &place.key("weight")));
        let ranges = given("selection").map(|s| selection::read(s, &place.key("selection")));
        Ok(Self {
            file: file.into(),
            channel: text("channel")?,
            weight: weight.transpose()?,
            ranges: ranges.transpose()?.unwrap_or_default(),
            out_of_bounds: [OutOfBounds::Error, OutOfBounds::Drop][out_of_bounds],
        })
    }

    /// The events and the file that they come from; `at` are the places that name the observables.
    pub(super) fn read(
        &self,
        base: &Path,
        place: &Place,
        observables: &[Observable],
        at: &[Place],
    ) -> Result<(PathBuf, EventTable)> {
        let Self { file, channel: name, weight, ranges, out_of_bounds } = self;
        let file = base.join(file);
        let columns = parquet_columns(&file)?;
        let has = |name: &str| columns.iter().any(|c| c == name);
        let check = |name: &str, at: &Place| {
            if has(name) {
                return Ok(());
            }
            let names = || columns.iter().map(String::as_str);
            let near = suggestion(name, names());
            let near =
                if near.is_empty() { format!("; there are {}", list(names())) } else { near };
            Err(at.error(format!("{} has no column {}{near}", file.display(), quoted(name))))
        };
        observables.iter().zip(at).try_for_each(|(o, at)| check(o.name(), at))?;
        ranges.iter().try_for_each(|range| check(&range.column, &place.key("selection")))?;
        if let Some(weight) = weight {
            check(weight, &place.key("weight"))?;
        }
        if name.is_some() {
            check(CHANNEL, &place.key("channel"))?;
        }
        let options = ReadOptions {
            ranges: ranges.clone(),
            channel: name.clone().map(|name| Channel { column: CHANNEL.into(), name }),
            weight: weight.clone().or_else(|| has(WEIGHT).then(|| WEIGHT.into())),
            out_of_bounds: *out_of_bounds,
        };
        let events = EventTable::from_parquet(&file, observables, &options)?;
        Ok((file, events))
    }
}

/// Events of a channel, and the file that they come from.
pub(super) fn read(
    base: &Path,
    place: &Place,
    channel: &ChannelSpec,
) -> Result<(PathBuf, EventTable)> {
    let own = place.key("observables");
    let at: Vec<Place> = (0..channel.observables.len()).map(|i| own.index(i)).collect();
    let observables: Vec<Observable> =
        channel.observables.iter().map(|(_, observable)| observable.clone()).collect();
    channel.source.read(base, &place.key("data"), &observables, &at)
}
