//! Flows that somebody else works out: their columns come from the host, or from a model that runs on a card, in whose
//! memory they stay.

use std::fmt::Debug;

use super::Size;
use crate::Result;

/// A flow at the events of a channel, worked out by somebody else.
pub trait FlowColumns: Send + Sync + Debug {
    /// Numbers of its context.
    fn context(&self) -> usize;

    /// Free ones of them, in which derivatives are.
    fn directions(&self) -> usize;

    /// What its logarithms are relative to.
    fn middle(&self) -> f64;

    /// That the context is one which it has densities in.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, context: &[f64]) -> Result<()>;

    /// `[components, N]` in a context: the logarithm relative to the middle, `ABSENT` where the density is 0, and the
    /// derivatives.
    ///
    /// # Errors
    /// As [`FlowColumns::check`], and what is wrong with what comes of it, with the event.
    fn columns(&self, context: &[f64], size: Size) -> Result<Vec<f64>>;

    /// Models that run on this card and give the same: one for values, and one for derivatives where the first does not
    /// give them. None where they run elsewhere.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where they cannot be opened.
    fn on_card(&self, card: usize) -> Result<Vec<Box<dyn CardModel>>>;
}

/// A model whose inputs and outputs lie in a card's memory: rows of numbers, a row an event and some to fill up batches,
/// of one type.
pub trait CardModel: Send + Debug {
    /// What lies where.
    fn rows(&self) -> &CardRows;

    /// Takes the places of inputs and outputs, in the order of [`CardRows`]; an output of no numbers has any place.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where the library refuses them.
    ///
    /// # Safety
    /// Each is the card's memory with as many rows as [`CardRows::all`] says, of the right width and type, 256 bytes
    /// aligned, and stays until this is dropped or bound again.
    unsafe fn bind(&mut self, inputs: &[u64], outputs: [u64; 3]) -> Result<()>;

    /// Runs all batches and waits until the outputs are there. Nobody else writes inputs or reads outputs meanwhile.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where the model fails.
    fn run(&mut self) -> Result<()>;

    /// Numbers on both sides of one of the context for a difference of gradients.
    fn step(&self, c: f64) -> [f64; 2];
}

/// Rows of a model on a card. An event's is `event / batch * stride + event % batch`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardRows {
    /// Numbers are f64, not f32.
    pub double: bool,
    /// Numbers of the context.
    pub context: usize,
    /// Events of a batch.
    pub batch: u32,
    /// From one batch to the next.
    pub stride: u32,
    /// Of all batches.
    pub all: u32,
    /// What goes in, the context left 0.
    pub inputs: Vec<CardInput>,
    /// Numbers of a row of the logarithm, its gradient and its Hessian; 0 where the model does not give it.
    pub outputs: [u32; 3],
    /// Places of the free numbers in the context.
    pub free: Vec<u32>,
    /// Of each event: 1 where it lies in the support, and 0.
    pub inside: Vec<u32>,
}

/// An input, `[rows, width]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardInput {
    /// Columns.
    pub width: u32,
    /// Those of the context in it: the first one, and how many.
    pub context: [u32; 2],
    /// All rows.
    pub numbers: Vec<f64>,
}
