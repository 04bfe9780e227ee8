//! Where a channel's events are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::ChannelSpec;
use super::selection;
use crate::error::Result;
use crate::spec::fields::{fields, string};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::unbinned::EventTable;
use crate::unbinned::events::{Channel, OutOfBounds, Range, ReadOptions, parquet_columns};

/// The column of channels' names.
const CHANNEL: &str = "_channel";
/// The column of weights where none is named; files need not have it.
const WEIGHT: &str = "_weight";

/// The key `data` of a channel.
#[derive(Debug, Clone)]
pub(super) struct Source {
    file: PathBuf,
    channel: Option<String>,
    weight: Option<String>,
    ranges: Vec<Range>,
}

impl Source {
    pub(super) fn new(value: &Value, place: &Place) -> Result<Self> {
        let optional = ["format", "tree", "channel", "selection", "weight"];
        let object = fields(value, place, &["file"], &optional)?;
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
        let weight = given("weight").map(|w| selection::column(w, &place.key("weight")));
        let ranges = given("selection").map(|s| selection::read(s, &place.key("selection")));
        Ok(Self {
            file: file.into(),
            channel: text("channel")?,
            weight: weight.transpose()?,
            ranges: ranges.transpose()?.unwrap_or_default(),
        })
    }
}

/// Events of the channel at `index`, and the file that they come from.
pub(super) fn read(
    base: &Path,
    index: usize,
    channel: &ChannelSpec,
) -> Result<(PathBuf, EventTable)> {
    let channels = Place::ROOT.key("channels");
    let place = channels.index(index);
    let Source { file, channel: name, weight, ranges } = &channel.source;
    let file = base.join(file);
    let columns = parquet_columns(&file)?;
    let has = |name: &str| columns.iter().any(|c| c == name);
    let check = |name: &str, at: Place| {
        if has(name) {
            return Ok(());
        }
        let names = || columns.iter().map(String::as_str);
        let near = suggestion(name, names());
        let near = if near.is_empty() { format!("; there are {}", list(names())) } else { near };
        Err(at.error(format!("{} has no column {}{near}", file.display(), quoted(name))))
    };
    let data = place.key("data");
    for (i, observable) in channel.observables.iter().enumerate() {
        check(observable.name(), place.key("observables").index(i))?;
    }
    for range in ranges {
        check(&range.column, data.key("selection"))?;
    }
    if let Some(weight) = weight {
        check(weight, data.key("weight"))?;
    }
    if name.is_some() {
        check(CHANNEL, data.key("channel"))?;
    }
    let options = ReadOptions {
        ranges: ranges.clone(),
        channel: name.clone().map(|name| Channel { column: CHANNEL.into(), name }),
        weight: weight.clone().or_else(|| has(WEIGHT).then(|| WEIGHT.into())),
        out_of_bounds: OutOfBounds::Error,
    };
    let events = EventTable::from_parquet(&file, &channel.observables, &options)?;
    Ok((file, events))
}
