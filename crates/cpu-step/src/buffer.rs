//! Memory of the step: cache-line-aligned buffers and strided views of matrices in them.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::lanes::LANES;

/// Columns that every product computes at once.
pub(crate) const PANEL: usize = 2 * LANES;

/// Elements of which every bit pattern is a value.
pub(crate) trait Plain: Copy + Default + Send + Sync + 'static {}
impl Plain for f32 {}
impl Plain for u16 {}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A vector of numbers that starts on a cache line, zero at first.
pub(crate) struct Buffer<T> {
    lines: Vec<Line>,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    pub fn new(len: usize) -> Self {
        let lines = vec![Line([0; 64]); (len * size_of::<T>()).div_ceil(64)];
        Buffer {
            lines,
            len,
            element: PhantomData,
        }
    }

    /// At least `len` elements from now on; what it held is not kept when it grows.
    pub fn reserve(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            *self = Buffer::new(len);
        }
        self
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // The lines hold at least `len` elements, and any bits are a `Plain` value.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Distance between rows of an activation matrix: at least `columns` rounded up to a panel, and an odd
/// number of cache lines, so that a column of panels spreads over all sets of the cache.
pub(crate) fn stride(columns: usize) -> usize {
    columns.next_multiple_of(PANEL) + LANES
}

/// A matrix of activations. Columns after the last are zero or finite and never read as values.
pub(crate) struct Activations {
    data: Buffer<f32>,
    pub stride: usize,
}

impl Activations {
    pub fn new(rows: usize, columns: usize) -> Self {
        let stride = stride(columns);
        Activations {
            data: Buffer::new(rows * stride + PANEL),
            stride,
        }
    }

    pub fn view(&self) -> Rows<'_> {
        Rows {
            data: &self.data,
            stride: self.stride,
        }
    }

    pub fn view_mut(&mut self) -> RowsMut<'_> {
        RowsMut {
            stride: self.stride,
            data: &mut self.data,
        }
    }
}

/// Rows of a matrix at a fixed distance.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

impl<'a> Rows<'a> {
    pub fn new(data: &'a [f32], stride: usize) -> Self {
        Rows { data, stride }
    }

    /// The part that starts at a row and column.
    #[inline(always)]
    pub fn at(self, row: usize, column: usize) -> Rows<'a> {
        Rows {
            data: &self.data[row * self.stride + column..],
            stride: self.stride,
        }
    }

    #[inline(always)]
    pub fn row(&self, row: usize, columns: usize) -> &'a [f32] {
        &self.data[row * self.stride..][..columns]
    }

    /// Whether `rows` rows of `columns` columns are inside.
    pub fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || (rows - 1) * self.stride + columns <= self.data.len()
    }
}

/// Rows of a matrix at a fixed distance, to be written.
pub(crate) struct RowsMut<'a> {
    pub data: &'a mut [f32],
    pub stride: usize,
}

impl<'a> RowsMut<'a> {
    pub fn new(data: &'a mut [f32], stride: usize) -> Self {
        RowsMut { data, stride }
    }

    pub fn at(&mut self, row: usize, column: usize) -> RowsMut<'_> {
        RowsMut {
            data: &mut self.data[row * self.stride + column..],
            stride: self.stride,
        }
    }

    #[inline(always)]
    pub fn row(&mut self, row: usize, columns: usize) -> &mut [f32] {
        &mut self.data[row * self.stride..][..columns]
    }

    pub fn view(&self) -> Rows<'_> {
        Rows {
            data: self.data,
            stride: self.stride,
        }
    }

    pub fn holds(&self, rows: usize, columns: usize) -> bool {
        self.view().holds(rows, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_odd_numbers_of_cache_lines() {
        for columns in 1..500 {
            assert!(stride(columns) >= columns.next_multiple_of(PANEL));
            assert_eq!(stride(columns) / LANES % 2, 1);
            assert_eq!(stride(columns) % LANES, 0);
        }
    }

    #[test]
    fn buffers_start_on_a_cache_line() {
        let buffer = Buffer::<u16>::new(33);
        assert_eq!((buffer.len(), buffer.as_ptr() as usize % 64), (33, 0));
        assert!(buffer.iter().all(|value| *value == 0));
    }
}
