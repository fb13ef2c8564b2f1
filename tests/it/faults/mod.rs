//! Whatever fails, nothing is lost, nothing is sent more often than allowed, and every attempt is recorded.
//!
//! A test covers a row of the fault matrix (`tests/rows.txt`), or part of one, and ends with the checker. [`site`] is
//! the system under test, whose messages a test delivers step by step; [`proxy`] makes calls to its tables and queues
//! fail as scripted; [`rounds`] has destinations that fail as scripted; [`history`] collects what was observed.
//! [`processes`] runs the deployed binaries, the others run the same code in this process.

mod accounts;
mod api;
mod capacity;
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
mod repeats;
mod rounds;
mod site;
mod sizes;
mod stop;
mod tables;
mod throttles;
mod worker;
