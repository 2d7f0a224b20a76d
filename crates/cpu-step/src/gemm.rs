//! Matrix products, the only part of the step that differs by precision.
//!
//! Two products make the whole step. `multiply` is activations times a packed matrix (a linear layer
//! forward, and its gradient of the input); `outer` is the sum over rows of outer products (the
//! gradient of a weight). A matrix is packed once and read many times, panel by panel of
//! [`PANEL`] columns.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod bfloat;
#[cfg(target_arch = "x86_64")]
pub(crate) mod dot;
pub(crate) mod float;

#[cfg(doc)]
use crate::buffer::PANEL;
use crate::buffer::{Buffer, Plain, Rows, RowsMut};
use crate::lanes::Lanes;

/// Where element (k, n) of a matrix to be packed lies.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// Row k, column n.
    Inner(Rows<'a>),
    /// Row n, column k: the matrix is the transpose of what lies in memory.
    Outer(Rows<'a>),
}

/// The sizes of a product: C is `[rows, columns]`, summed over `inner`.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub rows: usize,
    pub inner: usize,
    pub columns: usize,
}

/// What becomes of the numbers that C held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Replace,
    Add,
}

/// The products of one precision on one set of instructions.
pub(crate) trait Engine: Send + Sync + 'static {
    /// The lanes of everything that is not a product.
    type Lanes: Lanes;
    /// The element of packed matrices.
    type Packed: Plain;

    /// Prepares the calling thread, which then may call the products.
    fn begin_thread() {}
    /// Undoes [`Engine::begin_thread`].
    fn end_thread() {}

    /// Elements of a packed `[inner, columns]` matrix.
    fn packed_len(inner: usize, columns: usize) -> usize;
    fn pack(source: Source<'_>, inner: usize, columns: usize, packed: &mut [Self::Packed]);

    /// C (+)= A · B with A `[rows, inner]` and B packed with `packed_inner ≥ inner` rows, of which the
    /// first `inner` are used. Each element of C is summed in the order of `inner`, whatever the other
    /// rows and columns are.
    fn multiply(
        c: RowsMut<'_>,
        write: Write,
        a: Rows<'_>,
        b: &[Self::Packed],
        packed_inner: usize,
        shape: Shape,
        scratch: &mut Scratch<Self::Packed>,
    );

    /// C (+)= Aᵀ · B with A `[inner, rows]` and B `[inner, columns]`. B's buffer goes on for a panel
    /// after its last row begins.
    fn outer(
        c: RowsMut<'_>,
        write: Write,
        a: Rows<'_>,
        b: Rows<'_>,
        shape: Shape,
        scratch: &mut Scratch<Self::Packed>,
    );
}

/// Memory for operands that an engine converts on the way.
pub(crate) struct Scratch<T> {
    pub a: Buffer<T>,
    pub b: Buffer<T>,
}

impl<T: Plain> Scratch<T> {
    pub fn new() -> Self {
        Scratch {
            a: Buffer::new(0),
            b: Buffer::new(0),
        }
    }
}
