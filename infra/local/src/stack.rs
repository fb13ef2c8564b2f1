//! The whole system on one machine.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use adapters::aws::Clients;
use adapters::function::Error;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::certificates::Authority;
use crate::clock::Clock;
use crate::endpoints::Endpoints;
use crate::functions::{Launcher, RunMode};
use crate::kms::{KEY_FILE, Kms};
use crate::lambda::front;
use crate::lambda::function::{Deployed, Functions};
use crate::lambda::invoke_api;
use crate::lambda::mapping::Mapping;
use crate::lambda::schedule::Schedule;
use crate::private;
use crate::provision::{Resources, provision};
use crate::receiver::Receiver;
use crate::template::{Parameters, Template, TemplateError};
use crate::{guard, sockets};

/// How to start the stack.
pub struct Options {
    /// The directory that keeps tables, queues, keys and certificates; `None` keeps them in memory.
    pub data: Option<PathBuf>,
    /// The ports of the API, of the receiver and of Lambda's own API; 0 takes any free port.
    pub ports: [u16; 3],
    /// The clock of everything in the stack.
    pub clock: Clock,
    /// How functions run.
    pub run_mode: RunMode,
    /// How the SDK clients of this process call the endpoints.
    pub calls: Calls,
    /// Parameters of the template that differ from their defaults. `PublicUrl` defaults to the API's own address.
    pub parameters: Parameters,
    /// Whether queues and schedules invoke functions. If not, messages wait until a test receives them.
    pub invokes: bool,
}

/// How functions in this process, and what invokes them, call queues, tables and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Over sockets, as other processes do.
    OverSockets,
    /// Without a socket, which is faster.
    Directly,
}

/// A running stack. Everything stops when it is dropped; [`Stack::stop`] lets running invocations end first.
pub struct Stack {
    /// The API's address.
    pub api: SocketAddr,
    /// The address of Lambda's own API, which invokes functions directly. Not the API's, which a tunnel may make public.
    pub lambda: SocketAddr,
    /// The example receiver.
    pub receiver: Receiver,
    /// The queues, tables and keys.
    pub resources: Resources,
    /// SDK clients for the endpoints.
    pub clients: Clients,
    /// The variables of all functions, and those that point an AWS SDK at the endpoints.
    pub environment: BTreeMap<String, String>,
    /// The KMS endpoint, which decrypts secrets.
    pub kms: Kms,
    /// The certificate authority that the functions trust.
    pub authority: Authority,
    functions: Functions,
    /// Held because the endpoints stop when dropped.
    _endpoints: Endpoints,
    /// The tasks of mappings and schedules, which invoke functions.
    invokers: Vec<JoinHandle<()>>,
    servers: [JoinHandle<()>; 2],
    stop: watch::Sender<bool>,
}

/// The maximum number of concurrent invocations for one queue if functions are processes, whatever the template allows:
/// more would share the same few cores, and each would be too slow for its time limits. In this process, an invocation
/// that waits for a destination is a task that costs nothing.
const MAX_CONCURRENT_PROCESSES: usize = 50;

/// Parameters that nothing on one machine obeys.
const ONLY_ON_AWS: [&str; 13] = [
    "AlarmTopicArn",
    "Architecture",
    "BatchingSeconds",
    "CertificateArn",
    "DispatchMemory",
    "DomainName",
    "EventBusName",
    "KmsKeyArn",
    "LogLevel",
    "LogRetentionDays",
    "SecurityGroupIds",
    "Stage",
    "SubnetIds",
];

/// A port that the stack cannot listen on, mostly because another program uses it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on port {port}: {cause}")]
pub struct PortUnavailable {
    port: u16,
    cause: io::Error,
}

impl Stack {
    /// Starts everything, and returns once the API accepts requests.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let Options { data, ports, clock, run_mode, calls, parameters, invokes } = options;
        let [api_port, receiver_port, lambda_port] = ports;
        let api = listen(api_port).await?;
        let receiver = listen(receiver_port).await?;
        let lambda = listen(lambda_port).await?;
        let authority = match &data {
            Some(directory) => {
                private::create_directory(directory, KEY_FILE)
                    .map_err(|cause| in_directory(directory, &cause))?;
                Authority::load_or_create(directory).map_err(|cause| in_directory(directory, &cause))?
            }
            None => Authority::new()?,
        };
        let receiver = Receiver::start(receiver, authority.server_config()?, clock.clone())?;
        let endpoints = Endpoints::start(data.as_deref(), &clock).await;
        let endpoints = match &data {
            Some(directory) => endpoints.map_err(|cause| in_directory(directory, &cause))?,
            None => endpoints?,
        };
        let clients = match calls {
            Calls::OverSockets => endpoints.clients()?,
            Calls::Directly => endpoints.direct_clients()?,
        };
        let address = api.local_addr()?;
        let own = Parameters::from([("PublicUrl".to_owned(), format!("http://{address}"))]);
        let template = Template::read_with(&parameters, &own)?;
        check(&parameters, &run_mode)?;
        let resources = provision(&template, &clients.sqs, &clients.dynamodb).await?;
        let mut environment = endpoints.variables();
        for function in &template.functions {
            environment.extend(function.environment(&resources)?);
        }
        let functions = Launcher {
            template: &template,
            resources: &resources,
            clients: &clients,
            endpoints: endpoints.variables(),
            authority: &authority,
            clock: &clock,
        }
        .launch(&run_mode)?;
        let (stop, stopped) = watch::channel(false);
        let mut invokers = Vec::new();
        if invokes {
            for mut mapping in mappings(&template, &resources, &functions, &clients)? {
                if let RunMode::AsProcesses { .. } = run_mode {
                    mapping.maximum_concurrency = mapping.maximum_concurrency.min(MAX_CONCURRENT_PROCESSES);
                }
                invokers.push(tokio::spawn(mapping.run(stopped.clone())));
            }
            for schedule in schedules(&template, &functions)? {
                invokers.push(tokio::spawn(schedule.run(stopped.clone())));
            }
        }
        let public_url = environment.get("PUBLIC_URL").map_or("", String::as_str);
        let router = guard::api(front::router(&template.routes, &functions)?, address, public_url);
        let lambda_address = lambda.local_addr()?;
        let invoke_api = guard::programs_only(invoke_api::router(functions.clone()), lambda_address);
        let servers = [
            tokio::spawn(serve(api, router, stopped.clone())),
            tokio::spawn(serve(lambda, invoke_api, stopped)),
        ];
        Ok(Self {
            api: address,
            lambda: lambda_address,
            receiver,
            resources,
            clients,
            environment,
            kms: endpoints.kms.clone(),
            authority,
            functions,
            _endpoints: endpoints,
            invokers,
            servers,
            stop,
        })
    }

    /// The URL of a path of the API.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    /// The URL of a function at Lambda's own API.
    #[must_use]
    pub fn invoke_url(&self, function: &str) -> String {
        format!("http://{}/2015-03-31/functions/{function}/invocations", self.lambda)
    }

    /// Invokes a function directly, as a caller that IAM allows could.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, Error> {
        let function = self::function(&self.functions, function)?;
        let answer = function.invoke(Bytes::from(event.to_string())).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Whether no function runs: what they hide, send or have done with is hidden, sent or deleted.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.functions.values().all(|function| function.running.is_none())
    }

    /// Creates an account with one API key that has every scope. Returns the account's id and the key.
    pub async fn create_account(&self, name: &str) -> Result<(String, String), Error> {
        let account = self.invoke("Destinations", &json!({"create_account": {"name": name}})).await?;
        let id = text(&account, "account_id")?;
        let key = json!({"create_api_key": {"account_id": id, "name": name}});
        let key = self.invoke("Destinations", &key).await?;
        Ok((id, text(&key, "api_key")?))
    }

    /// Stops taking work, and returns once running invocations have ended.
    pub async fn stop(self) {
        let _ = self.stop.send(true); // fails only if every receiver has stopped already
        for invoker in self.invokers {
            let _ = invoker.await; // an error means that it panicked, so it has ended too
        }
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

fn text(value: &Value, field: &str) -> Result<String, Error> {
    Ok(value[field].as_str().ok_or_else(|| format!("{field} is missing in {value}"))?.to_owned())
}

/// Says which directory the data cannot be kept in.
fn in_directory(directory: &Path, cause: &dyn std::error::Error) -> Error {
    format!("cannot keep data in {}: {cause}", directory.display()).into()
}

/// Refuses parameters that this machine cannot obey, so that none is given in vain.
fn check(parameters: &Parameters, run_mode: &RunMode) -> Result<(), TemplateError> {
    if let Some(name) = parameters.keys().find(|name| ONLY_ON_AWS.contains(&name.as_str())) {
        return Err(TemplateError::of(name, "has no effect on one machine; only a deployment obeys it"));
    }
    let concurrency = parameters.get("MaximumConcurrency").and_then(|given| given.parse::<usize>().ok());
    if matches!(run_mode, RunMode::AsProcesses { .. })
        && concurrency.is_some_and(|given| given > MAX_CONCURRENT_PROCESSES)
    {
        let rule = format!("must be at most {MAX_CONCURRENT_PROCESSES} if functions are processes");
        return Err(TemplateError::of("MaximumConcurrency", rule));
    }
    Ok(())
}

async fn listen(port: u16) -> Result<TcpListener, PortUnavailable> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|cause| PortUnavailable { port, cause })
}

async fn serve(listener: TcpListener, router: axum::Router, mut stopped: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        ended = axum::serve(sockets::prompt(listener), service) => {
            if let Err(error) = ended {
                tracing::error!(%error, "api.not_served");
            }
        }
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

/// The template's mappings, connected to their queues and functions.
pub fn mappings(
    template: &Template,
    resources: &Resources,
    functions: &Functions,
    clients: &Clients,
) -> Result<Vec<Mapping>, Error> {
    let mapping = |mapping: &crate::template::Mapping| {
        let queue = resources
            .queues
            .get(&mapping.queue)
            .ok_or_else(|| format!("there is no queue {}", mapping.queue))?;
        let function = function(functions, &mapping.function)?;
        Ok(Mapping {
            id: mapping.id.clone(),
            queue_url: queue.url.clone(),
            queue_arn: queue.arn.clone(),
            region: crate::endpoints::REGION.to_owned(),
            batch_size: i32::try_from(mapping.batch_size)?,
            maximum_concurrency: usize::try_from(mapping.maximum_concurrency)?,
            reports_failures: mapping.reports_failures,
            function: function.clone(),
            sqs: clients.sqs.clone(),
        })
    };
    template.mappings.iter().map(mapping).collect()
}

fn schedules(template: &Template, functions: &Functions) -> Result<Vec<Schedule>, Error> {
    let schedule = |schedule: &crate::template::Schedule| {
        Ok(Schedule {
            every: schedule.every,
            input: Bytes::from(schedule.input.clone()),
            function: function(functions, &schedule.function)?.clone(),
        })
    };
    template.schedules.iter().map(schedule).collect()
}

fn function<'a>(functions: &'a Functions, id: &str) -> Result<&'a Deployed, Error> {
    functions.get(id).ok_or_else(|| format!("there is no function {id}").into())
}

#[cfg(test)]
mod tests;
