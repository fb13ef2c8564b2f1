//! The four functions of the template: in this process, or as processes of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::aws::Clients;
use adapters::config::{ConfigError, Environment, Vars};
use adapters::function::Error;
use adapters::sender::CertificateDer;
use adapters::system::{SystemClock, SystemRandomness};
use destinations::Manage;
use dispatch::Dispatch;
use domain::destination::egress::EgressPolicy;
use ingest::Ingest;
use lambda_runtime::{LambdaEvent, service_fn};
use query::Query;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::certificates::{Authority, read_certificate};
use crate::clock::Clock;
use crate::lambda::function::{Asynchronous, Deployed, Function, Functions};
use crate::lambda::in_process::InProcess;
use crate::lambda::process::{Bootstrap, Processes};
use crate::provision::Resources;
use crate::template::{self, Template};

/// Invocations of one function at a time, where they are processes.
const MAX_PROCESSES: usize = 10;

/// The program of the local stack.
const PROGRAM: &str = "ringback";

/// Here, destinations may be on this machine. No binary that Lambda runs can be told so.
pub const ADDRESSES: EgressPolicy = EgressPolicy::PublicAndLoopback;

/// How functions run.
pub enum Runs {
    /// In this process.
    InProcess,
    /// As processes of their own, from the programs in this directory.
    AsProcesses {
        /// Where `cargo build --workspace` puts them.
        directory: PathBuf,
        /// Which destinations they can reach.
        reach: Reach,
    },
}

/// Which destinations functions can reach that run as processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What they reach in the cloud: every function is the binary that Lambda runs.
    Public,
    /// This machine besides. No binary that Lambda runs can be told so; where addresses matter, the program of the
    /// local stack takes its place, with the same code and the one other value.
    ThisMachine,
}

/// What the functions are given.
pub struct Launch<'a> {
    /// Which functions there are.
    pub template: &'a Template,
    /// The queues and tables that their variables name.
    pub resources: &'a Resources,
    /// The clients of those in this process.
    pub clients: &'a Clients,
    /// The variables that point those in other processes at the endpoints.
    pub endpoints: BTreeMap<String, String>,
    /// The certificate authority of destinations on this machine.
    pub authority: &'a Authority,
    /// Their time.
    pub clock: &'a Clock,
}

impl Launch<'_> {
    /// All functions, ready to be invoked.
    pub fn run(&self, how: &Runs) -> Result<Functions, Error> {
        let mut functions = Functions::new();
        for function in &self.template.functions {
            let variables = function.environment(self.resources)?;
            let running = match how {
                Runs::InProcess => self.in_process(function, &variables)?,
                Runs::AsProcesses { directory, reach } => {
                    let (binary, arguments) = self.program(&function.binary, directory, *reach)?;
                    Arc::new(self.processes(function, &variables, binary, arguments))
                }
            };
            let deployed = Deployed {
                name: function.id.clone(),
                allows_loops: function.allows_loops,
                function: running,
                timeout: function.timeout,
                clock: self.clock.clone(),
                asynchronous: self.asynchronous(function)?,
            };
            functions.insert(function.id.clone(), deployed);
        }
        Ok(functions)
    }

    fn asynchronous(&self, function: &template::Function) -> Result<Option<Asynchronous>, Error> {
        let Some(settings) = &function.asynchronous else { return Ok(None) };
        let queue = self.resources.queues.get(&settings.on_failure);
        let queue = queue.ok_or_else(|| format!("no queue {}", settings.on_failure))?;
        let sqs = self.clients.sqs.clone();
        Ok(Some(Asynchronous { retries: settings.retries, on_failure: queue.url.clone(), sqs }))
    }

    fn in_process(
        &self,
        function: &template::Function,
        variables: &BTreeMap<String, String>,
    ) -> Result<Arc<dyn Function>, Error> {
        let clients = self.clients.clone();
        let clock: Arc<dyn domain::shared::clock::Clock> = Arc::new(self.clock.clone());
        match function.binary.as_str() {
            "ingest" => {
                let config = ingest::Config::read(variables)?;
                let function = Ingest::new(config, clients, clock, Arc::new(SystemRandomness));
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            "query" => {
                let function = Query::new(query::Config::read(variables)?, clients, clock);
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            "destinations" => {
                let function =
                    Manage::new(destinations_config(variables)?, clients, clock, Arc::new(SystemRandomness));
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            "dispatch" => {
                let config = dispatch_config(variables, self.authority.certificate()?)?;
                let function = Dispatch::new(config, clients, clock)?;
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            other => Err(format!("the template names a function {other:?} that is not built here").into()),
        }
    }

    fn wrap<T, E, O, F>(&self, function: T, handle: fn(Arc<T>, LambdaEvent<E>) -> F) -> Arc<dyn Function>
    where
        T: Send + Sync + 'static,
        E: DeserializeOwned + Send + 'static,
        O: Serialize + Send + 'static,
        F: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let function = Arc::new(function);
        let handler = move |event| handle(Arc::clone(&function), event);
        Arc::new(InProcess::new(handler, self.clock.clone()))
    }

    /// What runs a function as a process, and its arguments.
    fn program(&self, name: &str, directory: &Path, reach: Reach) -> Result<(PathBuf, Vec<String>), Error> {
        let (program, arguments) = match (name, reach) {
            ("destinations" | "dispatch", Reach::ThisMachine) => {
                let arguments = ["bootstrap".to_owned(), name.to_owned(), self.authority.pem().to_owned()];
                (directory.join(PROGRAM), arguments.to_vec())
            }
            _ => (directory.join(name), Vec::new()),
        };
        if !program.try_exists()? {
            let program = program.display();
            return Err(
                format!("there is no {program}; build the functions first: cargo build --workspace").into()
            );
        }
        Ok((program, arguments))
    }

    fn processes(
        &self,
        function: &template::Function,
        variables: &BTreeMap<String, String>,
        binary: PathBuf,
        arguments: Vec<String>,
    ) -> Processes {
        let mut environment = variables.clone();
        environment.extend(self.endpoints.clone());
        let bootstrap = Bootstrap {
            name: function.id.clone(),
            arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{}", function.id),
            binary,
            arguments,
            memory_mib: function.memory_mib,
            environment,
            log: None,
        };
        Processes::new(bootstrap, MAX_PROCESSES, self.clock.clone())
    }
}

/// The environment's, but for destinations on this machine.
fn destinations_config(vars: &impl Vars) -> Result<destinations::Config, ConfigError> {
    let mut config = destinations::Config::read(vars)?;
    config.addresses = ADDRESSES;
    Ok(config)
}

/// The same, for destinations whose certificates are this machine's own authority's.
fn dispatch_config(
    vars: &impl Vars,
    authority: CertificateDer<'static>,
) -> Result<dispatch::Config, ConfigError> {
    let mut config = dispatch::Config::read(vars)?;
    config.addresses = ADDRESSES;
    config.trusted_certificates = vec![authority];
    Ok(config)
}

/// The function of that name as a process of its own, for as long as the Runtime API has work for it.
pub async fn bootstrap(name: &str, authority_pem: &str) -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let clients = Clients::from_environment().await;
    let clock = Arc::new(SystemClock);
    match name {
        "destinations" => {
            let function =
                Manage::new(destinations_config(&Environment)?, clients, clock, Arc::new(SystemRandomness));
            lambda_runtime::run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
        }
        "dispatch" => {
            let config = dispatch_config(&Environment, read_certificate(authority_pem)?)?;
            let function = Dispatch::new(config, clients, clock)?;
            lambda_runtime::run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
        }
        other => Err(format!("{other:?} is not run this way").into()),
    }
}
