//! Nothing lost, nothing sent more often than allowed, every attempt recorded: whatever fails.
//!
//! A test is a row of the fault matrix (`tests/rows.txt`), or part of one, and ends with the checker. [`site`] is the system
//! under test, whose messages a test hands out step by step; [`proxy`] stands before its tables and queues and fails as it
//! is told; [`rounds`] has destinations that fail as they are told; [`history`] collects what was seen. [`processes`] has
//! the binaries that are deployed, the others the same code in this process.

mod api;
mod changes;
mod destinations;
mod entries;
mod function;
mod history;
mod later_version;
mod load;
mod mappings;
mod network;
mod processes;
mod proxy;
mod queues;
mod rounds;
mod site;
mod sizes;
mod stop;
mod tables;
mod throttles;
mod worker;
