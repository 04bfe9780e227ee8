//! Automatic choice: large batches of toys go to the device that is faster at them, by timing.

use std::cell::RefCell;
use std::path::Path;

use super::cache::Rates;
use super::{Session, ToyPlan};
use crate::Result;
use crate::accelerator::{self, Accelerator, Candidate, DeviceChoice, DeviceInfo};

/// Fits below which other devices are not looked at: they are done before a device is open.
const LARGE: u64 = 2000;
/// Times that another device must be faster than the processor. Timings are noisy, and the processor
/// has f64.
const CLEARLY: f64 = 1.1;

/// Where large batches go.
pub(super) struct Choice {
    /// `None`: the processor.
    device: Option<Box<dyn Accelerator>>,
    info: DeviceInfo,
    notes: Vec<String>,
}

impl Session {
    /// Where the toys of `plan` run, and why. With [`DeviceChoice::Auto`] the first plan of 2000 fits
    /// or more finds that out: it times every graphics processor against the processor, or asks the
    /// cache for earlier times. Later plans of the session go to the same device, smaller ones to
    /// the processor.
    ///
    /// # Errors
    /// Where no toys can be thrown as planned.
    pub fn toy_device(&self, plan: &ToyPlan) -> Result<DeviceInfo> {
        Ok(match self.large_batches(plan)? {
            Some(choice) => choice.info.clone(),
            None => self.device().clone(),
        })
    }

    /// What happened while a device was chosen and nobody need know: a damaged cache.
    pub fn notes(&self) -> &[String] {
        self.large.get().map_or(&[], |choice| &choice.notes)
    }

    /// The device itself.
    pub(super) fn device_of(&self, plan: &ToyPlan) -> Result<&dyn Accelerator> {
        let choice = self.large_batches(plan)?;
        let device = choice.and_then(|choice| choice.device.as_deref());
        Ok(device.unwrap_or_else(|| self.main_device()))
    }

    fn large_batches(&self, plan: &ToyPlan) -> Result<Option<&Choice>> {
        if self.request.device != DeviceChoice::Auto || plan.n_fits() < LARGE {
            return Ok(None);
        }
        if let Some(choice) = self.large.get() {
            return Ok(Some(choice));
        }
        // one thread chooses, others wait for it
        let _choosing = self.choosing.lock().unwrap_or_else(|e| e.into_inner());
        if self.large.get().is_none() {
            let choice = self.choose(plan, accelerator::candidates(&self.request))?;
            // nobody else sets it meanwhile
            let _ = self.large.set(choice);
        }
        Ok(self.large.get())
    }

    fn choose(&self, plan: &ToyPlan, candidates: Vec<Candidate>) -> Result<Choice> {
        let mut info = self.host.info().clone();
        if candidates.is_empty() {
            info.reason = "auto: there is no hardware graphics processor to compare with".into();
            return Ok(Choice { device: None, info, notes: Vec::new() });
        }
        let opened: Vec<RefCell<Option<Box<dyn Accelerator>>>> =
            candidates.iter().map(|_| RefCell::default()).collect();
        let open =
            |candidate: &Candidate| accelerator::open(&candidate.request, self.program.clone());
        let host = Contestant {
            title: "cpu".into(),
            key: format!("cpu, {}", info.description),
            rate: Box::new(|| self.rate(&*self.host, plan)),
        };
        let others = candidates.iter().zip(&opened).map(|(candidate, slot)| Contestant {
            title: candidate.title.clone(),
            key: candidate.key.clone(),
            rate: Box::new(move || {
                let device = open(candidate)?;
                let rate = self.rate(&*device, plan)?;
                *slot.borrow_mut() = Some(device);
                Ok(rate)
            }),
        });
        let mut contest: Vec<_> = std::iter::once(host).chain(others).collect();
        let mut outcome = compare(&mut contest, self.options.cache.as_deref(), &self.shape());
        drop(contest);
        let mut device = None;
        if let Some(i) = outcome.best.checked_sub(1) {
            let ready = opened[i].borrow_mut().take();
            match ready.map_or_else(|| open(&candidates[i]), Ok) {
                Ok(ready) => {
                    info = ready.info().clone();
                    device = Some(ready);
                }
                // timed by an earlier process, and lost since
                Err(e) => outcome.reason.push_str(&format!("; cpu all the same: {e}")),
            }
        }
        info.reason = format!("auto: {}", outcome.reason);
        Ok(Choice { device, info, notes: outcome.notes })
    }

    /// All that the speed of a fit depends on, the numbers in the model left aside.
    fn shape(&self) -> String {
        let p = &*self.program;
        format!(
            "{} parameters, {} bins, {} auxiliary data, {} rates, {} factors, {} shapes",
            self.model.n_parameters(),
            self.model.n_bins(),
            self.model.n_auxiliary(),
            p.nominal.len(),
            p.linear.len() + p.normsys.len() + p.bin_factors.len(),
            p.shape_symmetric.len(),
        )
    }
}

/// A device that may be chosen.
struct Contestant<'a> {
    title: String,
    /// By which its rate is kept.
    key: String,
    /// Times it: fits per second.
    rate: Box<dyn FnMut() -> Result<f64> + 'a>,
}

struct Outcome {
    best: usize,
    /// All rates, in words.
    reason: String,
    notes: Vec<String>,
}

/// The fastest; the first of `contest` unless another one is clearly faster. Who fails is out.
fn compare(contest: &mut [Contestant<'_>], cache: Option<&Path>, model: &str) -> Outcome {
    let mut notes = Vec::new();
    let (mut kept, note) = cache.map_or_else(Default::default, Rates::read);
    notes.extend(note);
    // rates of one occasion are compared, not those of different ones
    let earlier: Option<Vec<f64>> = contest.iter().map(|c| kept.get(model, &c.key)).collect();
    let from_cache = earlier.is_some();
    let rates: Vec<Result<f64>> = match earlier {
        Some(rates) => rates.into_iter().map(Ok).collect(),
        None => contest.iter_mut().map(|c| (c.rate)()).collect(),
    };
    let of = |i: usize| match &rates[i] {
        Ok(rate) if rate.is_finite() => *rate,
        _ => 0.0,
    };
    let mut best = 0;
    for i in 1..contest.len() {
        let needed = if best == 0 { CLEARLY } else { 1.0 };
        if of(i) > needed * of(best) {
            best = i;
        }
    }
    let said = contest.iter().zip(&rates).map(|(c, rate)| match rate {
        Ok(rate) => format!("{}: {} fits/s", c.title, thousands(*rate)),
        Err(e) => format!("{}: left out: {e}", c.title),
    });
    let mut reason = said.collect::<Vec<_>>().join(", ");
    if from_cache {
        reason.push_str(" (timed earlier)");
    } else if let Some(folder) = cache {
        let timed = contest.iter().zip(&rates).filter_map(|(c, r)| Some((c, *r.as_ref().ok()?)));
        timed.filter(|(_, r)| r.is_finite()).for_each(|(c, r)| kept.set(model, &c.key, r));
        notes.extend(kept.write(folder).err());
    }
    Outcome { best, reason, notes }
}

/// 12 800, to three digits: timings have no more.
fn thousands(rate: f64) -> String {
    if !rate.is_finite() || rate <= 0.0 {
        return "0".into();
    }
    let unit = 10f64.powi((rate.log10().floor() as i32 - 2).max(0));
    let digits = format!("{:.0}", (rate / unit).round() * unit);
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
