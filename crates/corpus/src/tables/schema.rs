//! What a column is, and the macro that makes a table of a row struct.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema};

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned integer, 8 bits.
    U8,
    /// Unsigned integer, 16 bits.
    U16,
    /// Unsigned integer, 32 bits.
    U32,
    /// Unsigned integer, 64 bits.
    U64,
    /// Float, 32 bits.
    F32,
    /// Float, 64 bits.
    F64,
    /// True or false.
    Bool,
    /// UTF-8 text.
    Text,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// List of texts.
    TextList,
    /// List of unsigned integers, 32 bits.
    U32List,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, as in SQL.
    pub name: &'static str,
    /// The type of its values.
    pub kind: Kind,
    /// Whether values may be missing.
    pub nullable: bool,
    /// What it means, with its unit.
    pub description: &'static str,
}

impl Kind {
    /// The Arrow type in which it is written, and to which readers bring it.
    pub(crate) fn data_type(self) -> DataType {
        let list = |element| DataType::List(Arc::new(Field::new(ELEMENT, element, false)));
        match self {
            Kind::U8 => DataType::UInt8,
            Kind::U16 => DataType::UInt16,
            Kind::U32 => DataType::UInt32,
            Kind::U64 => DataType::UInt64,
            Kind::F32 => DataType::Float32,
            Kind::F64 => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Text | Kind::Choice(_) => DataType::Utf8,
            Kind::TextList => list(DataType::Utf8),
            Kind::U32List => list(DataType::UInt32),
        }
    }

    /// Whether a column of this Arrow type can be read as this kind: the same numbers, any encoding of text or list.
    pub(crate) fn accepts(self, found: &DataType) -> bool {
        match (self, found) {
            (Kind::Text | Kind::Choice(_), found) => is_text(found),
            (Kind::TextList, DataType::List(element) | DataType::LargeList(element)) => {
                is_text(element.data_type())
            }
            (Kind::U32List, DataType::List(element) | DataType::LargeList(element)) => {
                *element.data_type() == DataType::UInt32
            }
            (kind, found) => kind.data_type() == *found,
        }
    }
}

/// Name of a list's element in Parquet's specification.
pub(crate) const ELEMENT: &str = "element";

fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::U8 => f.write_str("u8"),
            Kind::U16 => f.write_str("u16"),
            Kind::U32 => f.write_str("u32"),
            Kind::U64 => f.write_str("u64"),
            Kind::F32 => f.write_str("f32"),
            Kind::F64 => f.write_str("f64"),
            Kind::Bool => f.write_str("bool"),
            Kind::Text => f.write_str("string"),
            Kind::Choice(values) => write!(f, "string ({})", values.join(", ")),
            Kind::TextList => f.write_str("list<string>"),
            Kind::U32List => f.write_str("list<u32>"),
        }
    }
}

/// A row struct and its columns, made by the `table!` macro.
pub trait Table: Sized {
    /// Name of the table's file, or how its files' names begin.
    const FILE: &'static str;
    /// The command that writes it, for error messages.
    const TOOL: &'static str;
    /// Its columns, in order.
    const COLUMNS: &'static [Column];
    /// Columns whose values hardly repeat: written without a dictionary.
    #[doc(hidden)]
    const UNIQUE: &'static [&'static str];

    /// Gathers rows into columns.
    #[doc(hidden)]
    type Builder: Send;
    #[doc(hidden)]
    fn builder() -> Self::Builder;
    #[doc(hidden)]
    fn append(&self, builder: &mut Self::Builder);
    #[doc(hidden)]
    fn finish(builder: &mut Self::Builder) -> Vec<ArrayRef>;
    /// Turns columns, in the order of `COLUMNS` and of equal length, into rows.
    #[doc(hidden)]
    fn decode(columns: &[ArrayRef], rows: &mut Vec<Self>) -> Result<(), BadCell>;
}

/// A value that does not belong into its column.
#[doc(hidden)]
#[derive(Debug)]
pub struct BadCell {
    /// Its column.
    pub column: &'static str,
    /// What was expected and found.
    pub problem: String,
}

/// The Arrow schema of a table.
pub(crate) fn arrow_schema(columns: &[Column]) -> Schema {
    Schema::new(
        columns
            .iter()
            .map(|column| Field::new(column.name, column.kind.data_type(), column.nullable))
            .collect::<Vec<_>>(),
    )
}

/// `r#type` → `type`.
pub(crate) const fn plain_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Makes a row struct and its [`Table`]: `Name, "file", "tool", [columns whose values hardly repeat], { fields }`.
/// A field's documentation is its column's description.
macro_rules! table {
    (
        $(#[doc = $table_doc:literal])+
        $row:ident, $file:literal, $tool:literal, [$($unique:literal),*],
        { $( $(#[doc = $doc:literal])+ $field:ident: $type:ty, )+ }
    ) => {
        $(#[doc = $table_doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $row {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        const _: () = {
            use std::sync::Arc;

            use arrow::array::{ArrayBuilder, ArrayRef};

            use $crate::tables::cell::{Cell, Cells};
            use $crate::tables::schema::{BadCell, Column, Table, plain_name};

            #[doc(hidden)]
            pub struct Builder {
                $( $field: <$type as Cell>::Builder, )+
            }

            impl Table for $row {
                const FILE: &'static str = $file;
                const TOOL: &'static str = $tool;
                const COLUMNS: &'static [Column] = &[
                    $( Column {
                        name: plain_name(stringify!($field)),
                        kind: <$type as Cell>::KIND,
                        nullable: <$type as Cell>::NULLABLE,
                        description: concat!($($doc),+).trim_ascii(),
                    }, )+
                ];
                const UNIQUE: &'static [&'static str] = &[$($unique),*];

                type Builder = Builder;

                fn builder() -> Builder {
                    Builder { $( $field: <$type as Cell>::builder(), )+ }
                }

                fn append(&self, builder: &mut Builder) {
                    $( self.$field.append(&mut builder.$field); )+
                }

                fn finish(builder: &mut Builder) -> Vec<ArrayRef> {
                    vec![ $( ArrayBuilder::finish(&mut builder.$field), )+ ]
                }

                fn decode(columns: &[ArrayRef], rows: &mut Vec<Self>) -> Result<(), BadCell> {
                    let mut columns = columns.iter().map(Arc::clone);
                    $( let $field = Cells::<$type>::new(plain_name(stringify!($field)), columns.next())?; )+
                    let lengths = [ $( $field.len(), )+ ];
                    rows.reserve(lengths[0]);
                    for row in 0..lengths[0] {
                        rows.push($row { $( $field: $field.get(row)?, )+ });
                    }
                    Ok(())
                }
            }
        };

        #[cfg(test)]
        impl $crate::tables::tests::AnyRow for $row {
            fn any() -> proptest::strategy::BoxedStrategy<Self> {
                use $crate::tables::tests::AnyCell;
                use proptest::strategy::Strategy;
                // Each field is drawn on its own, so that the number of columns is not bounded by tuple sizes.
                proptest::prelude::any::<u64>()
                    .prop_map(|seed| {
                        let mut source = $crate::tables::tests::source(seed);
                        $row { $( $field: <$type as AnyCell>::draw(&mut source), )+ }
                    })
                    .boxed()
            }
        }
    };
}
pub(crate) use table;
