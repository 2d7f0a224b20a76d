//! Rust values as cells of Arrow columns, both ways.

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, BooleanArray, BooleanBuilder, Float32Builder, Float64Builder,
    ListArray, ListBuilder, PrimitiveArray, StringArray, StringBuilder, UInt8Builder,
    UInt16Builder, UInt32Array, UInt32Builder, UInt64Builder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::schema::{BadCell, ELEMENT, Kind};

/// A Rust type whose values are cells of a column.
#[doc(hidden)]
pub trait Cell: Sized {
    const KIND: Kind;
    const NULLABLE: bool = false;
    type Builder: ArrayBuilder;
    /// The column, ready to be read at a row.
    type View;

    fn builder() -> Self::Builder;
    fn append(&self, builder: &mut Self::Builder);
    fn append_null(builder: &mut Self::Builder);
    /// `None` where the array is of another type.
    fn view(array: &dyn Array) -> Option<Self::View>;
    /// Where the cell is no value of the type: what was found.
    fn get(view: &Self::View, row: usize) -> Result<Self, String>;
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
    type Builder = T::Builder;
    type View = (T::View, Option<NullBuffer>);

    fn builder() -> Self::Builder {
        T::builder()
    }

    fn append(&self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => T::append_null(builder),
        }
    }

    fn append_null(builder: &mut Self::Builder) {
        T::append_null(builder);
    }

    fn view(array: &dyn Array) -> Option<Self::View> {
        Some((T::view(array)?, array.logical_nulls()))
    }

    fn get((view, nulls): &Self::View, row: usize) -> Result<Self, String> {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(None);
        }
        T::get(view, row).map(Some)
    }
}

macro_rules! number_cells {
    ($( $type:ty, $kind:ident, $builder:ident, $arrow:ident; )+) => {
        $( impl Cell for $type {
            const KIND: Kind = Kind::$kind;
            type Builder = $builder;
            type View = PrimitiveArray<$arrow>;

            fn builder() -> $builder {
                $builder::new()
            }

            fn append(&self, builder: &mut $builder) {
                builder.append_value(*self);
            }

            fn append_null(builder: &mut $builder) {
                builder.append_null();
            }

            fn view(array: &dyn Array) -> Option<Self::View> {
                array.as_any().downcast_ref().cloned()
            }

            fn get(view: &Self::View, row: usize) -> Result<Self, String> {
                Ok(view.value(row))
            }
        } )+
    };
}

number_cells! {
    u8, U8, UInt8Builder, UInt8Type;
    u16, U16, UInt16Builder, UInt16Type;
    u32, U32, UInt32Builder, UInt32Type;
    u64, U64, UInt64Builder, UInt64Type;
    f32, F32, Float32Builder, Float32Type;
    f64, F64, Float64Builder, Float64Type;
}

impl Cell for bool {
    const KIND: Kind = Kind::Bool;
    type Builder = BooleanBuilder;
    type View = BooleanArray;

    fn builder() -> BooleanBuilder {
        BooleanBuilder::new()
    }

    fn append(&self, builder: &mut BooleanBuilder) {
        builder.append_value(*self);
    }

    fn append_null(builder: &mut BooleanBuilder) {
        builder.append_null();
    }

    fn view(array: &dyn Array) -> Option<BooleanArray> {
        array.as_any().downcast_ref().cloned()
    }

    fn get(view: &BooleanArray, row: usize) -> Result<bool, String> {
        Ok(view.value(row))
    }
}

impl Cell for String {
    const KIND: Kind = Kind::Text;
    type Builder = StringBuilder;
    type View = StringArray;

    fn builder() -> StringBuilder {
        StringBuilder::new()
    }

    fn append(&self, builder: &mut StringBuilder) {
        builder.append_value(self);
    }

    fn append_null(builder: &mut StringBuilder) {
        builder.append_null();
    }

    fn view(array: &dyn Array) -> Option<StringArray> {
        array.as_any().downcast_ref().cloned()
    }

    fn get(view: &StringArray, row: usize) -> Result<String, String> {
        Ok(view.value(row).to_owned())
    }
}

/// A list column: the range of each row within the elements.
#[doc(hidden)]
pub struct ListView<A> {
    offsets: OffsetBuffer<i32>,
    elements: A,
}

impl<A: Array + Clone + 'static> ListView<A> {
    fn of(array: &dyn Array) -> Option<Self> {
        let list: &ListArray = array.as_any().downcast_ref()?;
        let elements: A = list.values().as_any().downcast_ref::<A>()?.clone();
        Some(ListView {
            offsets: list.offsets().clone(),
            elements,
        })
    }

    /// Element numbers of one row.
    fn range(&self, row: usize) -> Result<std::ops::Range<usize>, String> {
        // Offsets are checked to be in order and not negative when the array is made.
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        match range
            .clone()
            .find(|&element| self.elements.is_null(element))
        {
            None => Ok(range),
            Some(_) => Err("found a null inside a list".into()),
        }
    }
}

impl Cell for Vec<String> {
    const KIND: Kind = Kind::TextList;
    type Builder = ListBuilder<StringBuilder>;
    type View = ListView<StringArray>;

    fn builder() -> Self::Builder {
        ListBuilder::new(StringBuilder::new()).with_field(Field::new(
            ELEMENT,
            DataType::Utf8,
            false,
        ))
    }

    fn append(&self, builder: &mut Self::Builder) {
        for value in self {
            builder.values().append_value(value);
        }
        builder.append(true);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append(false);
    }

    fn view(array: &dyn Array) -> Option<Self::View> {
        ListView::of(array)
    }

    fn get(view: &Self::View, row: usize) -> Result<Self, String> {
        Ok(view
            .range(row)?
            .map(|element| view.elements.value(element).to_owned())
            .collect())
    }
}

impl Cell for Vec<u32> {
    const KIND: Kind = Kind::U32List;
    type Builder = ListBuilder<UInt32Builder>;
    type View = ListView<UInt32Array>;

    fn builder() -> Self::Builder {
        ListBuilder::new(UInt32Builder::new()).with_field(Field::new(
            ELEMENT,
            DataType::UInt32,
            false,
        ))
    }

    fn append(&self, builder: &mut Self::Builder) {
        builder.values().append_slice(self);
        builder.append(true);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append(false);
    }

    fn view(array: &dyn Array) -> Option<Self::View> {
        ListView::of(array)
    }

    fn get(view: &Self::View, row: usize) -> Result<Self, String> {
        Ok(view.elements.values()[view.range(row)?].to_vec())
    }
}

/// One column of a batch, read as cells of type `T`.
#[doc(hidden)]
pub struct Cells<T: Cell> {
    column: &'static str,
    view: T::View,
    len: usize,
}

impl<T: Cell> Cells<T> {
    /// Brings the array to the type in which `T` is written, if it is another encoding of it.
    pub fn new(column: &'static str, array: Option<ArrayRef>) -> Result<Self, BadCell> {
        let bad = |problem: String| BadCell { column, problem };
        let array = array.ok_or_else(|| bad("expected a column, found none".into()))?;
        let found = array.data_type().clone();
        let mistyped = || bad(format!("expected {}, found {found}", T::KIND));
        if !T::KIND.accepts(&found) {
            return Err(mistyped());
        }
        let array = canonical(&array, T::KIND).map_err(|error| bad(error.to_string()))?;
        if !T::NULLABLE && array.logical_null_count() > 0 {
            return Err(bad("expected a value in every row, found a null".into()));
        }
        let view = T::view(&array).ok_or_else(mistyped)?;
        Ok(Cells {
            column,
            view,
            len: array.len(),
        })
    }

    /// Rows of the batch.
    #[allow(
        clippy::len_without_is_empty,
        reason = "no caller asks whether a batch is empty"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The cell at `row < len`.
    pub fn get(&self, row: usize) -> Result<T, BadCell> {
        T::get(&self.view, row).map_err(|problem| BadCell {
            column: self.column,
            problem,
        })
    }
}

/// The same values in the Arrow type that this crate writes.
pub(crate) fn canonical(
    array: &ArrayRef,
    kind: Kind,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    let wanted = match (kind.data_type(), array.data_type()) {
        // Only the offsets and the element's text encoding matter for a view, not the element's name.
        (DataType::List(wanted), DataType::List(found))
            if wanted.data_type() == found.data_type() =>
        {
            return Ok(array.clone());
        }
        (DataType::List(wanted), DataType::List(found) | DataType::LargeList(found)) => {
            DataType::List(
                found
                    .as_ref()
                    .clone()
                    .with_data_type(wanted.data_type().clone())
                    .into(),
            )
        }
        (wanted, found) if wanted == *found => return Ok(array.clone()),
        (wanted, _) => wanted,
    };
    cast_with_options(
        array,
        &wanted,
        &CastOptions {
            safe: false,
            ..CastOptions::default()
        },
    )
}
