//! Events on a device: sums over them are worked out there, everything else here.

use std::sync::Arc;

use super::UnbinnedModel;
use super::channel::Compiled;
use super::evaluate::Evaluation;
use super::placed::Place;
use crate::accelerator::events::{EventDevice, Events};
use crate::accelerator::{DeviceInfo, DeviceRequest, cpu, events_here, open_events};
use crate::error::Result;
use crate::unbinned::kernel::Order;

impl UnbinnedModel {
    /// With the events of every channel on the device asked for, and what runs. NLL, gradient and Hessian are then
    /// sums of that device: in f64 and df64 those of the processor within rounding, in f32 good to 5e-4 in the NLL
    /// up to 10^5 events, with flows of layers to 1e-7 an event (`docs/parity.md`). Densities without free parameters are
    /// evaluated here once, whatever they are; flows of layers whose context is free are worked out there, with all
    /// derivatives. Flows in ONNX with a free context are run by their own provider, and the device sums over what they give:
    /// copied there from the host for each point, or, where the provider runs on the NVIDIA card that holds the events,
    /// without leaving its memory. Points where a number is beyond a device's formulas are left to the processor; so are
    /// the part of the events that a fit begins with, Asimov data and a binned part. Toys are thrown by the processor,
    /// the same to the bit whatever the device, and fitted on the device, many at a time
    /// ([`UnbinnedModel::fit_toys`]); those of flows with a free context by the processor.
    /// [`Auto`](crate::accelerator::DeviceChoice::Auto) is the processor, whose fit takes less time than opening a device.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`](crate::Error::Unsupported) names a density with free parameters that devices have no
    /// formula for; [`Error::Device`](crate::Error::Device) where there is no such device, not in this precision, or
    /// no memory on it.
    pub fn on_device(&self, request: &DeviceRequest) -> Result<(Self, DeviceInfo)> {
        let open = |events: &[Events<'_>]| open_events(request, events);
        let model = self.placed(request.is_processor(), request.host_fallback, open)?;
        let info = model.opened().unwrap_or_else(|| events_here(request));
        Ok((model, info))
    }

    /// The same on devices of the caller's own: one a channel.
    ///
    /// # Errors
    ///
    /// As there, and as `open`.
    #[doc(hidden)]
    pub fn on_devices_of(
        &self,
        host_fallback: bool,
        open: impl Fn(&[Events<'_>]) -> Result<Arc<dyn EventDevice>>,
    ) -> Result<Self> {
        self.placed(false, host_fallback, |events| open(events).map(Some))
    }

    fn placed(
        &self,
        here: bool,
        help: bool,
        open: impl Fn(&[Events<'_>]) -> Result<Option<Arc<dyn EventDevice>>>,
    ) -> Result<Self> {
        let init = self.init();
        let one =
            |channel: &Arc<Compiled>| channel.on_device(here, help, &init, &open).map(Arc::new);
        let channels = self.channels.iter().map(one).collect::<Result<_>>()?;
        let (parameters, binned) = (self.parameters.clone(), self.binned.clone());
        Ok(Self { parameters, channels, binned })
    }

    /// Other data of this model, their events side by side on its device.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where it has no memory for them.
    pub(in crate::unbinned) fn place_together(&self, data: &mut [Self]) -> Result<()> {
        for (number, channel) in self.channels.iter().enumerate() {
            let Some(place) = &channel.place else { continue };
            let place = place.with(data.iter().map(|model| &*model.channels[number]))?;
            for (model, place) in data.iter_mut().zip(place) {
                Arc::make_mut(&mut model.channels[number]).place = Some(place);
            }
        }
        Ok(())
    }

    /// Whether events lie on a device, and the processor may finish what that cannot.
    pub(in crate::unbinned) fn lies_on_device(&self) -> Option<bool> {
        self.channels.iter().find_map(|channel| channel.place.as_ref()).map(|place| place.help)
    }

    /// A device sums over flows.
    pub(in crate::unbinned) fn has_flows_there(&self) -> bool {
        self.channels.iter().filter_map(|c| c.place.as_ref()).any(Place::has_flows)
    }

    /// The likelihood at `theta` in f64, by the processor.
    pub(in crate::unbinned) fn nll_here(&self, theta: &[f64]) -> Result<Evaluation> {
        let order = Order::Value;
        self.put_together(theta, order, 0.0, |number, yields| {
            let channel = &self.channels[number];
            channel.sums_here(&channel.asked(theta, yields, order)?)
        })
    }

    /// Numbers that a device keeps of each event, of all channels the most.
    pub(in crate::unbinned) fn columns_of_events(&self) -> usize {
        let given = |c: &Arc<Compiled>| 1 + c.columns.iter().flatten().count();
        self.channels.iter().map(given).max().unwrap_or(1)
    }

    /// Where sums over events are worked out.
    pub fn device(&self) -> DeviceInfo {
        self.opened().unwrap_or_else(|| cpu::describe(cpu::lanes(), "asked for"))
    }

    fn opened(&self) -> Option<DeviceInfo> {
        let place = self.channels.iter().find_map(|channel| channel.place.as_ref());
        place.map(|place| place.device.info().clone())
    }

    /// A device computes in f32.
    pub(in crate::unbinned) fn is_single(&self) -> bool {
        self.channels.iter().filter_map(|c| c.place.as_ref()).any(Place::is_single)
    }

    /// How far an NLL may be off for the arithmetic of a device, as its differences near a minimum are.
    pub(in crate::unbinned) fn noise(&self) -> f64 {
        // f32: some 3e-7 of each event's logarithm, as likely up as down
        const EACH: f64 = 1e-6;
        // what networks make of the context alone is rounded alike for all events
        const ALIKE: f64 = 1e-7;
        let single = |c: &&Arc<Compiled>| c.place.as_ref().is_some_and(Place::is_single);
        let noise = |c: &Arc<Compiled>| {
            let events = &c.channel().events;
            // the root of the sum of squared weights
            let random = EACH * (events.sum_w() / events.n_eff().max(1.0).sqrt()).max(1.0);
            random
                + if c.place.as_ref().is_some_and(|place| place.has_layers) {
                    ALIKE * events.sum_w()
                } else {
                    0.0
                }
        };
        self.channels.iter().filter(single).map(noise).sum()
    }
}
