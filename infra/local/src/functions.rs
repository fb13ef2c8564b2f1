//! The functions of the template, in this process or as separate processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::aws::{self, Clients};
use adapters::config::{ConfigError, Environment, Vars};
use adapters::function::Error;
use adapters::sender::CertificateDer;
use adapters::system::{SystemClock, SystemRandomness};
use destinations::Manage;
use dispatch::Dispatch;
use ingest::Ingest;
use lambda_runtime::{LambdaEvent, service_fn};
use query::Query;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::certificates::{Authority, read_certificate};
use crate::clock::Clock;
use crate::lambda::function::{AsyncInvokeConfig, Deployed, Function, Functions, Running};
use crate::lambda::in_process::InProcess;
use crate::lambda::process::{Bootstrap, Processes};
use crate::provision::Resources;
use crate::template::{self, Template};

/// The maximum number of concurrent invocations of one function, if each is a process.
const MAX_PROCESSES: usize = 10;

/// The local stack's own program.
const PROGRAM: &str = "ringback";

/// How functions run.
pub enum RunMode {
    /// In this process.
    InProcess,
    /// As separate processes, from the programs in this directory.
    AsProcesses {
        /// Where `cargo build --workspace` puts the programs.
        directory: PathBuf,
        /// Which destinations the functions can reach.
        egress: Egress,
        /// The file that their log is appended to; `None` for this program's standard error.
        log: Option<PathBuf>,
    },
}

/// Which destinations a function that runs as a process can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Egress {
    /// The same as in the cloud: every function is the binary that Lambda runs.
    PublicOnly,
    /// This machine as well. No binary that Lambda runs can be given this policy, so the local stack's own program runs
    /// the functions that check addresses, with the same code but this policy.
    PublicAndLoopback,
}

/// Starts the template's functions.
pub struct Launcher<'a> {
    /// The template, which lists the functions.
    pub template: &'a Template,
    /// The queues and tables that their variables name.
    pub resources: &'a Resources,
    /// SDK clients for functions in this process.
    pub clients: &'a Clients,
    /// The variables that point functions in other processes at the endpoints.
    pub endpoints: BTreeMap<String, String>,
    /// The certificate authority of destinations on this machine.
    pub authority: &'a Authority,
    /// The functions' clock.
    pub clock: &'a Clock,
}

impl Launcher<'_> {
    /// Makes every function ready to be invoked.
    pub fn launch(&self, run_mode: &RunMode) -> Result<Functions, Error> {
        let mut functions = Functions::new();
        for function in &self.template.functions {
            let variables = function.environment(self.resources)?;
            let running = match run_mode {
                RunMode::InProcess => self.in_process(function, &variables)?,
                RunMode::AsProcesses { directory, egress, log } => {
                    let (binary, arguments) = self.program(&function.binary, directory, *egress)?;
                    Arc::new(self.processes(function, &variables, binary, arguments, log.clone()))
                }
            };
            let deployed = Deployed {
                name: function.id.clone(),
                allows_loops: function.allows_loops,
                function: running,
                timeout: function.timeout,
                clock: self.clock.clone(),
                asynchronous: self.asynchronous(function)?,
                running: Running::default(),
            };
            functions.insert(function.id.clone(), deployed);
        }
        Ok(functions)
    }

    fn asynchronous(&self, function: &template::Function) -> Result<Option<AsyncInvokeConfig>, Error> {
        let Some(settings) = &function.asynchronous else { return Ok(None) };
        let url_of = |id: &String| match self.resources.queues.get(id) {
            Some(queue) => Ok(queue.url.clone()),
            None => Err(format!("there is no queue {id}")),
        };
        let on_failure = settings.on_failure.as_ref().map(url_of).transpose()?;
        let sqs = self.clients.sqs.clone();
        Ok(Some(AsyncInvokeConfig { retries: settings.retries, on_failure, sqs }))
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
                let function = Query::new(query::Config::read(variables)?, clients.dynamodb, clock);
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            "destinations" => {
                let config = destinations_config(variables)?;
                let Clients { dynamodb, kms, .. } = clients;
                let function = Manage::new(config, dynamodb, kms, clock, Arc::new(SystemRandomness));
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            "dispatch" => {
                let config = dispatch_config(variables, self.authority.certificate()?)?;
                let function = Dispatch::new(config, clients, clock)?;
                Ok(self.wrap(function, |function, event| async move { function.handle(event).await }))
            }
            other => Err(format!("the local stack cannot run the template's function {other:?}").into()),
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

    /// The program that runs a function as a process, and its arguments.
    fn program(&self, name: &str, directory: &Path, egress: Egress) -> Result<(PathBuf, Vec<String>), Error> {
        let (program, arguments) = match (name, egress) {
            ("destinations" | "dispatch", Egress::PublicAndLoopback) => {
                let arguments = ["bootstrap".to_owned(), name.to_owned(), self.authority.pem().to_owned()];
                (directory.join(PROGRAM), arguments.to_vec())
            }
            _ => (directory.join(name), Vec::new()),
        };
        if !program.try_exists()? {
            let program = program.display();
            return Err(format!(
                "{program} does not exist; build the functions first: cargo build --workspace"
            )
            .into());
        }
        Ok((program, arguments))
    }

    fn processes(
        &self,
        function: &template::Function,
        variables: &BTreeMap<String, String>,
        binary: PathBuf,
        arguments: Vec<String>,
        log: Option<PathBuf>,
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
            log,
        };
        Processes::new(bootstrap, MAX_PROCESSES, self.clock.clone())
    }
}

/// Reads the configuration and allows destinations on this machine.
fn destinations_config(vars: &impl Vars) -> Result<destinations::Config, ConfigError> {
    let mut config = destinations::Config::read(vars)?;
    config.addresses = config.addresses.and_loopback();
    Ok(config)
}

/// Reads the configuration, allows destinations on this machine and trusts their certificate authority.
fn dispatch_config(
    vars: &impl Vars,
    authority: CertificateDer<'static>,
) -> Result<dispatch::Config, ConfigError> {
    let mut config = dispatch::Config::read(vars)?;
    config.addresses = config.addresses.and_loopback();
    config.trusted_certificates.push(authority);
    Ok(config)
}

/// Runs the function of that name as this process, until the Runtime API has no more work for it.
pub async fn bootstrap(name: &str, authority_pem: &str) -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let clients = Clients::new(&aws::config(Environment)?);
    let clock = Arc::new(SystemClock);
    match name {
        "destinations" => {
            let config = destinations_config(&Environment)?;
            let Clients { dynamodb, kms, .. } = clients;
            let function = Manage::new(config, dynamodb, kms, clock, Arc::new(SystemRandomness));
            lambda_runtime::run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
        }
        "dispatch" => {
            let config = dispatch_config(&Environment, read_certificate(authority_pem)?)?;
            let function = Dispatch::new(config, clients, clock)?;
            lambda_runtime::run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
        }
        other => Err(format!("the local stack's program does not run the function {other:?}").into()),
    }
}
