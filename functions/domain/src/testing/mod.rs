//! What the tests of all crates share: in-memory ports, a captured log, inputs for fuzzing.

pub mod fakes;
#[cfg(test)]
mod fuzz;
