//! What tests need.

pub mod fakes;
#[cfg(test)]
mod fuzz;
