//! What holds for all rows together.

mod counts;
mod pairing;
mod rows;
mod worlds;
