//! Arrays of SIMD registers on cache-line boundaries, so that no load crosses a line.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// `len` values of `V`, zero at first, the first one on a 64-byte boundary.
pub(crate) struct Aligned<V> {
    lines: Vec<Line>,
    len: usize,
    element: PhantomData<V>,
}

impl<V: Pod> Aligned<V> {
    pub(crate) fn new(len: usize) -> Self {
        let lines = (len * size_of::<V>()).div_ceil(size_of::<Line>());
        Self { lines: vec![Line::zeroed(); lines], len, element: PhantomData }
    }
}

impl<V: Pod> Deref for Aligned<V> {
    type Target = [V];
    #[inline(always)]
    fn deref(&self) -> &[V] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl<V: Pod> DerefMut for Aligned<V> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [V] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}
