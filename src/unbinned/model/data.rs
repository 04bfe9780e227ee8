//! The same model with other data or other bounds; what does not change is shared.

use std::sync::Arc;

use super::channel::Compiled;
use super::{Channel, Gaussian, Parameter, UnbinnedModel, check_parameter};
use crate::error::{Error, Result};
use crate::spec::text::count;
use crate::unbinned::events::EventTable;
use crate::unbinned::yields::Base;

impl UnbinnedModel {
    /// With other events: one table a channel, in their order; a binned part keeps its counts.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for another number of tables, or as for [`UnbinnedModel::new`] where events do not fit
    /// the densities.
    pub fn with_events(&self, events: Vec<EventTable>) -> Result<Self> {
        if events.len() != self.channels.len() {
            let channels = count(self.channels.len(), "channel");
            let message = format!("{} of events for {channels}", count(events.len(), "table"));
            return Err(Error::Argument(message));
        }
        let replaced = |(channel, events): (&Arc<Compiled>, EventTable)| {
            let Channel { name, processes, .. } = channel.channel();
            let channel = Channel { name: name.clone(), events, processes: processes.clone() };
            Compiled::new(channel, self.parameters.len()).map(Arc::new)
        };
        let channels = self.channels.iter().zip(events).map(replaced).collect::<Result<_>>()?;
        let (parameters, binned) = (self.parameters.clone(), self.binned.clone());
        Ok(Self { parameters, channels, binned })
    }

    /// With other auxiliary measurements, `[n_parameters]`; those of parameters without a constraint are not looked
    /// at.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for another number of values, or one that is not finite.
    pub fn with_centers(&self, centers: &[f64]) -> Result<Self> {
        if centers.len() != self.parameters.len() {
            let parameters = count(self.parameters.len(), "parameter");
            let message =
                format!("{} for {parameters}", count(centers.len(), "auxiliary measurement"));
            return Err(Error::Argument(message));
        }
        let moved = |(parameter, center): (&Parameter, &f64)| {
            let constraint = parameter.constraint.map(|c| Gaussian { center: *center, ..c });
            let parameter = Parameter { constraint, ..parameter.clone() };
            check_parameter(&parameter).map(|()| parameter)
        };
        let parameters = self.parameters.iter().zip(centers).map(moved).collect::<Result<_>>()?;
        let (channels, binned) = (self.channels.clone(), self.binned.clone());
        Ok(Self { parameters, channels, binned })
    }

    /// With other bounds of a parameter; its initial value is moved between them.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] where there is no such parameter, or the bounds are NaN or in the wrong order.
    pub fn with_bounds(&self, parameter: usize, bounds: (f64, f64)) -> Result<Self> {
        let mut new = self.clone();
        let n = new.parameters.len();
        let Some(changed) = new.parameters.get_mut(parameter) else {
            let message = format!("there is no parameter {parameter}, but {n}");
            return Err(Error::Argument(message));
        };
        changed.bounds = bounds;
        // of bounds in the wrong order the check tells
        changed.init = changed.init.max(bounds.0).min(bounds.1);
        check_parameter(changed)?;
        Ok(new)
    }

    /// With the data of another model that differs in data and bounds alone.
    pub(crate) fn with_data_of(&self, data: &Self) -> Self {
        let constrained = |(parameter, other): (&Parameter, &Parameter)| Parameter {
            constraint: other.constraint,
            ..parameter.clone()
        };
        let parameters = self.parameters.iter().zip(&data.parameters).map(constrained).collect();
        Self { parameters, channels: data.channels.clone(), binned: data.binned.clone() }
    }

    /// Where yields that are proportional to a parameter are not negative.
    pub(crate) fn domain(&self, parameter: usize) -> (f64, f64) {
        let processes = self.channels().flat_map(|c| &c.processes);
        let sign = |base: Base| match base {
            Base::Parameter(p) if p == parameter => 1.0,
            Base::Scaled { base, parameter: p } if p == parameter => base,
            _ => 0.0,
        };
        let mut domain = (f64::NEG_INFINITY, f64::INFINITY);
        for sign in processes.map(|p| sign(p.expected.base)) {
            if sign > 0.0 {
                domain.0 = 0.0;
            } else if sign < 0.0 {
                domain.1 = 0.0;
            }
        }
        domain
    }
}
