//! Events on a device: sums over them are worked out there, everything else here.

use std::sync::Arc;

use super::UnbinnedModel;
use super::channel::Compiled;
use crate::accelerator::{DeviceInfo, DeviceRequest, cpu, events_here};
use crate::error::Result;

impl UnbinnedModel {
    /// With the events of every channel on the device asked for, and what runs. NLL, gradient and Hessian are then
    /// sums of that device: in f64 and df64 those of the processor within rounding, in f32 good to 5e-4 in the NLL
    /// up to 10^5 events, with flows to 1e-7 an event (`docs/parity.md`). Densities without free parameters are evaluated
    /// here once, whatever they are; flows of layers whose context is free are worked out there, with all derivatives. Points where a number is beyond a device's formulas are left to the processor; so are
    /// the part of the events that a fit begins with, toys, Asimov data and a binned part.
    /// [`Auto`](crate::accelerator::DeviceChoice::Auto) is the processor, whose fit takes less time than opening a device.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`](crate::Error::Unsupported) names a density with free parameters that devices have no
    /// formula for; [`Error::Device`](crate::Error::Device) where there is no such device, not in this precision, or
    /// no memory on it.
    pub fn on_device(&self, request: &DeviceRequest) -> Result<(Self, DeviceInfo)> {
        let open = |channel: &Arc<Compiled>| channel.on_device(request).map(Arc::new);
        let channels: Vec<_> = self.channels.iter().map(open).collect::<Result<_>>()?;
        let (parameters, binned) = (self.parameters.clone(), self.binned.clone());
        let model = Self { parameters, channels, binned };
        let info = model.opened().unwrap_or_else(|| events_here(request));
        Ok((model, info))
    }

    /// Where sums over events are worked out.
    pub fn device(&self) -> DeviceInfo {
        self.opened().unwrap_or_else(|| cpu::describe(cpu::lanes(), "asked for"))
    }

    fn opened(&self) -> Option<DeviceInfo> {
        self.channels.iter().find_map(|channel| channel.device()).map(|d| d.info().clone())
    }

    /// How far an NLL may be off for the arithmetic of a device, as its differences near a minimum are.
    pub(in crate::unbinned) fn noise(&self) -> f64 {
        // f32: some 3e-7 of each event's logarithm, as likely up as down
        const EACH: f64 = 1e-6;
        // what networks make of the context alone is rounded alike for all events
        const ALIKE: f64 = 1e-7;
        let single = |c: &&Arc<Compiled>| c.device().is_some_and(|d| d.held().frame.split);
        let noise = |c: &Arc<Compiled>| {
            let events = &c.channel().events;
            // the root of the sum of squared weights
            let random = EACH * (events.sum_w() / events.n_eff().max(1.0).sqrt()).max(1.0);
            random + if c.has_flows() { ALIKE * events.sum_w() } else { 0.0 }
        };
        self.channels.iter().filter(single).map(noise).sum()
    }
}
