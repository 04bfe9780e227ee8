//! The parameter sets that the modifiers ask for, and whether they may be shared as they are.

use std::collections::BTreeMap;
use std::fmt;

use super::text::{count, quoted};
use super::{ModifierKind, Warning, Workspace};
use crate::{Error, Result};

/// What kind of parameters a modifier asks for. One name, one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    /// normfactor
    Factor,
    /// shapefactor
    FactorPerBin,
    /// normsys and histosys, which may share
    Alpha,
    /// lumi
    Lumi,
    /// staterror
    StatError,
    /// shapesys
    ShapeSys,
}

impl SetKind {
    fn of(kind: &ModifierKind) -> Self {
        match kind {
            ModifierKind::NormFactor => Self::Factor,
            ModifierKind::ShapeFactor => Self::FactorPerBin,
            ModifierKind::NormSys { .. } | ModifierKind::HistoSys { .. } => Self::Alpha,
            ModifierKind::Lumi => Self::Lumi,
            ModifierKind::StatError(_) => Self::StatError,
            ModifierKind::ShapeSys(_) => Self::ShapeSys,
        }
    }

    /// One parameter printed without an index, whatever the number of bins.
    pub(crate) fn is_scalar(self) -> bool {
        matches!(self, Self::Factor | Self::Alpha | Self::Lumi)
    }

    pub(crate) fn is_constrained(self) -> bool {
        !matches!(self, Self::Factor | Self::FactorPerBin)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Factor => "normfactor",
            Self::FactorPerBin => "shapefactor",
            Self::Alpha => "normsys or histosys",
            Self::Lumi => "lumi",
            Self::StatError => "staterror",
            Self::ShapeSys => "shapesys",
        }
    }

    fn constraint(self) -> &'static str {
        match self {
            Self::Factor | Self::FactorPerBin => "unconstrained",
            Self::Alpha | Self::Lumi | Self::StatError => "constrained by a Gaussian",
            Self::ShapeSys => "constrained by a Poisson distribution",
        }
    }

    /// pyhf's initial value and bounds of one component; lumi has none.
    pub(crate) fn defaults(self) -> Option<(f64, (f64, f64))> {
        match self {
            Self::Factor | Self::FactorPerBin => Some((1.0, (0.0, 10.0))),
            Self::Alpha => Some((0.0, (-5.0, 5.0))),
            Self::StatError | Self::ShapeSys => Some((1.0, (1e-10, 10.0))),
            Self::Lumi => None,
        }
    }
}

/// Indices of a modifier; prints as its JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    channel: usize,
    sample: usize,
    modifier: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, sample, modifier } = self;
        write!(f, "/channels/{channel}/samples/{sample}/modifiers/{modifier}")
    }
}

/// The parameters of one name.
#[derive(Debug, Clone)]
pub(crate) struct ParameterSet {
    pub(crate) kind: SetKind,
    /// Components.
    pub(crate) size: usize,
    /// First use in the file.
    pub(crate) first: Position,
    /// First use in another channel.
    elsewhere: Option<Position>,
    last_channel: usize,
    uses: usize,
}

/// All parameter sets by name.
pub(crate) struct ParameterSets<'w>(BTreeMap<&'w str, ParameterSet>);

impl<'w> ParameterSets<'w> {
    /// Collects the sets; an error where one name means two things.
    pub(crate) fn of(workspace: &'w Workspace) -> Result<Self> {
        // uses of a name by kind: one entry unless there is a clash
        let mut uses: BTreeMap<&str, Vec<ParameterSet>> = BTreeMap::new();
        for (c, channel) in workspace.channels.iter().enumerate() {
            for (s, sample) in channel.samples.iter().enumerate() {
                for (m, modifier) in sample.modifiers.iter().enumerate() {
                    let position = Position { channel: c, sample: s, modifier: m };
                    let kind = SetKind::of(&modifier.kind);
                    let sets = uses.entry(&modifier.name).or_default();
                    match sets.iter_mut().find(|set| set.kind == kind) {
                        Some(set) => set.join(&modifier.name, position, channel.n_bins())?,
                        None => sets.push(ParameterSet::new(kind, position, channel.n_bins())),
                    }
                }
            }
        }
        let sets = uses.into_iter().map(|(name, sets)| Ok((name, only(name, sets)?)));
        Ok(Self(sets.collect::<Result<_>>()?))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ParameterSet> {
        self.0.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'w str> {
        self.0.keys().copied()
    }

    /// Legal, but rarely meant.
    pub(super) fn warn(&self, warnings: &mut Vec<Warning>) {
        for (name, set) in &self.0 {
            if let (SetKind::StatError, Some(elsewhere)) = (set.kind, set.elsewhere) {
                let message = format!(
                    "staterror {} is also in another channel ({elsewhere}): as in pyhf, each bin of \
                     each channel has its own parameter, nothing is correlated",
                    quoted(name)
                );
                warnings.push(Warning { path: set.first.to_string(), message });
            }
            if let Some((base, component)) = self.component(name) {
                let message = format!(
                    "parameter {} prints like component {component} of {}: rename one",
                    quoted(name),
                    quoted(base)
                );
                warnings.push(Warning { path: format!("{}/name", set.first), message });
            }
        }
    }

    /// `unc[0]` where a set `unc` has such a component.
    fn component<'n>(&self, name: &'n str) -> Option<(&'n str, usize)> {
        let (base, component) = name.strip_suffix(']')?.rsplit_once('[')?;
        let component: usize = component.parse().ok()?;
        let set = self.get(base)?;
        (!set.kind.is_scalar() && component < set.size).then_some((base, component))
    }
}

impl ParameterSet {
    fn new(kind: SetKind, first: Position, bins: usize) -> Self {
        let size = if kind.is_scalar() { 1 } else { bins };
        let last_channel = first.channel;
        Self { kind, size, first, elsewhere: None, last_channel, uses: 1 }
    }

    fn join(&mut self, name: &str, position: Position, bins: usize) -> Result<()> {
        self.uses += 1;
        match self.kind {
            SetKind::ShapeSys => {
                let message = format!(
                    "shapesys {} serves one sample of one channel only, but is also used at \
                     {position}: give each its own name",
                    quoted(name)
                );
                return Err(Error::specification(self.first.to_string(), message));
            }
            SetKind::FactorPerBin if bins != self.size => {
                let message = format!(
                    "shapefactor {} has {} here but {} at {}: a name can only be shared by channels \
                     of equal binning",
                    quoted(name),
                    count(bins, "bin"),
                    self.size,
                    self.first
                );
                return Err(Error::specification(position.to_string(), message));
            }
            // pyhf appends the bins of each channel
            SetKind::StatError if position.channel != self.last_channel => self.size += bins,
            _ => {}
        }
        if position.channel != self.first.channel {
            self.elsewhere.get_or_insert(position);
        }
        self.last_channel = position.channel;
        Ok(())
    }
}

/// The one kind of a name, or an error at the odd use out.
fn only(name: &str, mut sets: Vec<ParameterSet>) -> Result<ParameterSet> {
    sets.sort_by_key(|set| std::cmp::Reverse(set.uses));
    let [main, others @ ..] = sets.as_slice() else {
        unreachable!("every entry is made with its first use")
    };
    let Some(odd) = others.last() else {
        return Ok(main.clone());
    };
    let message = format!(
        "{} is a {} here ({}) but a {} at {} ({}): only normsys and histosys may share a name, \
         rename one",
        quoted(name),
        odd.kind.name(),
        odd.kind.constraint(),
        main.kind.name(),
        main.first,
        main.kind.constraint(),
    );
    Err(Error::specification(odd.first.to_string(), message))
}
