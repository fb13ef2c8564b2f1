//! Reads `infra/template.yaml`, so that this machine runs exactly what is deployed, without a second list.
//!
//! Start at [`Template::read`]. yaml.rs turns CloudFormation's short forms into long ones, parameters.rs substitutes
//! values, conditions.rs applies the conditions, and resource.rs distinguishes the kinds of resources; each kind has a
//! file. Whatever is not understood is an error that names it.

mod conditions;
mod error;
mod event;
mod expression;
mod function;
mod mapping;
mod parameters;
mod queue;
mod resource;
mod route;
mod schedule;
mod table;
mod yaml;

use serde_json::Value;

pub use error::TemplateError;
pub use expression::{Expression, Resolve};
pub use function::{AsyncInvokeConfig, Function};
pub use mapping::Mapping;
pub use parameters::Parameters;
pub use queue::{Queue, Redrive};
pub use route::Route;
pub use schedule::Schedule;
pub use table::{Index, Key, Projection, Table};

use event::Event;
use parameters::section;
use resource::{Kind, Resource};

/// The template as it was when this program was built.
const EMBEDDED: &str = include_str!("../../../template.yaml");

/// The part of the template that exists on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Queues, including dead-letter queues.
    pub queues: Vec<Queue>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Logical ids of KMS keys.
    pub keys: Vec<String>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Which queue invokes which function, and how.
    pub mappings: Vec<Mapping>,
    /// Which HTTP request invokes which function.
    pub routes: Vec<Route>,
    /// Which function is invoked at which rate.
    pub schedules: Vec<Schedule>,
}

impl Template {
    /// Reads the template that this program was built with; a parameter that is not given has its default.
    pub fn read(given: &Parameters) -> Result<Self, TemplateError> {
        Self::read_with(given, &Parameters::new())
    }

    /// The same with other defaults than the template's, which need not keep its rules.
    pub fn read_with(given: &Parameters, defaults: &Parameters) -> Result<Self, TemplateError> {
        Self::parse(EMBEDDED, given, defaults)
    }

    fn parse(text: &str, given: &Parameters, defaults: &Parameters) -> Result<Self, TemplateError> {
        let mut root = yaml::parse(text)?;
        parameters::substitute(&mut root, given, defaults)?;
        conditions::apply(&mut root)?;
        let globals = root.pointer("/Globals/Function").cloned().unwrap_or(Value::Null);
        let mut template = Self {
            queues: Vec::new(),
            tables: Vec::new(),
            keys: Vec::new(),
            functions: Vec::new(),
            mappings: Vec::new(),
            routes: Vec::new(),
            schedules: Vec::new(),
        };
        for (id, value) in section(&root, "Resources")? {
            template.add(Resource::read(id, value)?, &globals)?;
        }
        Ok(template)
    }

    fn add(&mut self, resource: Resource<'_>, globals: &Value) -> Result<(), TemplateError> {
        match resource.kind {
            Kind::Queue => self.queues.push(Queue::read(&resource)?),
            Kind::Table => self.tables.push(Table::read(&resource)?),
            Kind::Key => self.keys.push(resource.id.to_owned()),
            Kind::Mapping => self.mappings.push(Mapping::read(&resource)?),
            Kind::Function => {
                let resource = resource.with_globals(globals);
                self.functions.push(Function::read(&resource)?);
                for (name, event) in Event::read_all(&resource)? {
                    match event {
                        Event::HttpApi(event) => self.routes.push(Route::read(resource.id, event)?),
                        Event::ScheduleV2(event) => {
                            self.schedules.push(Schedule::read(name, resource.id, event)?);
                        }
                        Event::BusRule(_) => {}
                    }
                }
            }
            Kind::CloudOnly => {}
        }
        Ok(())
    }

    /// The function with this logical id.
    pub fn function(&self, id: &str) -> Result<&Function, TemplateError> {
        self.functions
            .iter()
            .find(|function| function.id == id)
            .ok_or_else(|| TemplateError::of(id, "is not a function of the template"))
    }
}

#[cfg(test)]
mod tests;
