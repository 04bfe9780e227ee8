//! Where a channel's events are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{ChannelSpec, Context};
use super::{Version, selection};
use crate::error::Result;
use crate::spec::fields::{fields, string, word};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::unbinned::events::{
    Channel, NamedColumns, OutOfBounds, Range, ReadOptions, parquet_columns,
};
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
        let file = base.join(&self.file);
        let names = parquet_columns(&file)?;
        let names = names.iter().map(String::as_str).collect();
        let columns = Columns { names, of: format!("{} has", file.display()) };
        let weight = columns.check_all(Some(self), place, observables, at)?;
        if self.channel.is_some() {
            columns.check(CHANNEL, &place.key("channel"))?;
        }
        let options = ReadOptions {
            ranges: self.ranges.clone(),
            channel: self.channel.clone().map(|name| Channel { column: CHANNEL.into(), name }),
            weight,
            out_of_bounds: self.out_of_bounds,
        };
        let events = EventTable::from_parquet(&file, observables, &options)?;
        Ok((file, events))
    }
}

/// Events that the caller has, instead of a file.
#[derive(Debug, Clone, Default)]
pub struct GivenEvents {
    /// Columns by name, of one length.
    pub columns: NamedColumns,
    /// Weights; where there are none, the column that the specification names.
    pub weights: Option<Vec<f64>>,
}

/// What columns there are, and of what.
struct Columns<'a> {
    names: Vec<&'a str>,
    of: String,
}

impl Columns<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    fn check(&self, name: &str, at: &Place) -> Result<()> {
        if self.has(name) {
            return Ok(());
        }
        let names = || self.names.iter().copied();
        let near = suggestion(name, names());
        let near = if near.is_empty() { format!("; there are {}", list(names())) } else { near };
        Err(at.error(format!("{} no column {}{near}", self.of, quoted(name))))
    }

    /// What is asked for is there; `at` are the places that name the observables, `place` that of the source. The
    /// column of weights, where there is one.
    fn check_all(
        &self,
        source: Option<&Source>,
        place: &Place,
        observables: &[Observable],
        at: &[Place],
    ) -> Result<Option<String>> {
        observables.iter().zip(at).try_for_each(|(o, at)| self.check(o.name(), at))?;
        for range in source.map_or(&[][..], |source| &source.ranges) {
            self.check(&range.column, &place.key("selection"))?;
        }
        let weight = source.and_then(|source| source.weight.clone());
        if let Some(weight) = &weight {
            self.check(weight, &place.key("weight"))?;
        }
        Ok(weight.or_else(|| self.has(WEIGHT).then(|| WEIGHT.into())))
    }
}

/// Names of the columns that a channel's events need.
pub(super) fn columns(channel: &ChannelSpec) -> Vec<String> {
    let mut names: Vec<String> =
        channel.observables.iter().map(|(_, o)| o.name().to_owned()).collect();
    if let Some(source) = &channel.source {
        names.extend(source.ranges.iter().map(|range| range.column.clone()));
        names.extend(source.weight.clone());
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Events of a channel from the file that it names, or from those that were given for it; and the file.
pub(super) fn events(
    base: &Path,
    channel: &ChannelSpec,
    place: &Place,
    given: Option<GivenEvents>,
) -> Result<(PathBuf, EventTable)> {
    let own = place.key("observables");
    let at: Vec<Place> = (0..channel.observables.len()).map(|i| own.index(i)).collect();
    let observables: Vec<Observable> =
        channel.observables.iter().map(|(_, observable)| observable.clone()).collect();
    let data = place.key("data");
    let source = channel.source.as_ref();
    let Some(GivenEvents { columns, weights }) = given else {
        return match source {
            Some(source) => source.read(base, &data, &observables, &at),
            None => Err(place.error("this channel has no events")),
        };
    };
    let names = columns.iter().map(|(name, _)| &**name).collect();
    let known = Columns { names, of: "the events given have".into() };
    let named = known.check_all(source, &data, &observables, &at)?;
    let weights = weights.or_else(|| {
        let (_, column) = columns.iter().find(|(name, _)| Some(name) == named.as_ref())?;
        Some(column.clone())
    });
    let ranges = source.map_or(&[][..], |source| &source.ranges);
    let out_of_bounds = source.map_or(OutOfBounds::Error, |source| source.out_of_bounds);
    let events = EventTable::selected(&observables, columns, weights, ranges, out_of_bounds)?;
    Ok((PathBuf::new(), events))
}
