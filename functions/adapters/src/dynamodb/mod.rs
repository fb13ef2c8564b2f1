//! The DynamoDB tables. Start at [`ledger`], which records attempts; [`item`] converts rows to items.
//!
//! | table | partition key | sort key |
//! | --- | --- | --- |
//! | destinations | account | `account`, `destination#<id>`, `key#<id>`, `provider#<name>`, `session#<id>` |
//! | destinations | `key#<id>` | `key` |
//! | destinations | `accounts`, `purges` | account |
//! | destinations | `health#`account | destination |
//! | conversations | account`#`conversation | `record` |
//! | conversations | account`#`provider`#`reference | `link`, `callback#<digest>` |
//! | delivery-log | account`#`event | `event`, `event#`delivery, delivery`#`number, `unwanted` |
//! | delivery-log | `rate#`account`#`window, `rate#`account`#`destination`#`window | `counter` |
//! | delivery-log | `rate#`account`#`destination`#probes#`window | `counter` |
//! | delivery-log | `answer#`account`#`digest of an idempotency key | `answer` |
//! | delivery-log | `recovery#`account`#<id>` | `recovery`, `page#`number |
//!
//! Every key but an API key's own and the lists of accounts and purges contains the account, so another account's id finds nothing. All records of an event
//! share a partition: one query reads its deliveries. A delivery's id contains the event's, so it finds the partition.

mod accounts;
pub(crate) mod answers;
mod batch;
mod by_time;
mod context;
mod conversations;
mod delivery_log;
mod destinations;
mod events;
mod expression;
mod forgotten;
mod health;
mod health_store;
mod history;
mod item;
mod ledger;
mod overdue;
mod providers;
mod purges;
mod rates;
mod record;
mod recoveries;
mod references;
mod sessions;
mod statement;
mod table;
mod transaction;
mod unwanted;

pub use accounts::AccountTable;
pub use context::ContextTables;
pub use conversations::ConversationTable;
pub use delivery_log::DeliveryLogTable;
pub use destinations::DestinationTable;
pub use events::EventTable;
pub use ledger::LedgerTable;
pub use overdue::OverdueIndex;
pub use providers::ProviderTable;
pub use purges::PurgeTables;
pub use rates::RateTable;
pub use recoveries::RecoveryTable;
pub use references::ReferenceTable;
