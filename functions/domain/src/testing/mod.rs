//! Support shared by the tests of all crates: in-memory ports, a captured log, inputs for fuzzing.

pub mod fakes;
#[cfg(test)]
mod fuzz;
