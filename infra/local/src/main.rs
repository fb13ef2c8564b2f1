//! The program of `cargo run`: Ringback on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use adapters::function::Error;
use clap::{Parser, Subcommand};
use cli::api::Api;
use cli::running::RunningStack;
use local::clock::Clock;
use local::functions::{self, Egress, RunMode};
use local::stack::{Calls, Options, Stack};
use tokio::signal::unix::{SignalKind, signal};

mod cli;
mod demo;
mod screen;
mod ticker;

/// Runs Ringback on this machine: the API, the queues, the tables, the functions and an example receiver.
#[derive(Parser)]
#[command(name = "ringback", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Keep tables, queues, keys and certificates in this directory; without it, they are lost at exit
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Port of the API; the example receiver and Lambda's own API take the next two; 0 takes any three free ports
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u16).range(..=65533))]
    port: u16,

    /// Print nothing but warnings and errors; with --processes, nothing of what the functions log
    #[arg(long)]
    quiet: bool,

    /// Run the functions as separate processes, as Lambda does (first: cargo build --workspace)
    #[arg(long)]
    processes: bool,

    /// Write the functions' variables to this file, for `cargo lambda watch --env-file`
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Set a parameter of infra/template.yaml; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<(String, String)>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    ForPeople(cli::Command),

    /// Run one function as a process, for `--processes`
    #[command(hide = true)]
    Bootstrap {
        function: String,
        /// A PEM starts with hyphens.
        #[arg(allow_hyphen_values = true)]
        authority_pem: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Bootstrap { function, authority_pem }) => {
            // Boxed, because the compiler cannot compute the layout of futures nested this deeply.
            Box::pin(functions::bootstrap(&function, &authority_pem)).await
        }
        Some(Command::ForPeople(command)) => Box::pin(command.run()).await,
        None => Box::pin(serve(arguments)).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has seen enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            screen::error(&*error);
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

async fn serve(arguments: Arguments) -> Result<(), Error> {
    let lines = ticker::start(arguments.quiet);
    let run_mode = if arguments.processes {
        let log = arguments.quiet.then(|| PathBuf::from("/dev/null"));
        RunMode::AsProcesses { directory: binaries()?, egress: Egress::PublicAndLoopback, log }
    } else {
        RunMode::InProcess
    };
    let ports = if arguments.port == 0 { [0; 3] } else { [0, 1, 2].map(|next| arguments.port + next) };
    let options = Options {
        data: arguments.data.clone(),
        ports,
        clock: Clock::system(),
        run_mode,
        calls: if arguments.env_file.is_some() { Calls::OverSockets } else { Calls::Directly },
        parameters: arguments.parameter.iter().cloned().collect(),
        invokes: true,
    };
    let stack = Stack::start(options).await?;
    if let Some(file) = &arguments.env_file {
        write_environment(file, &stack.environment)?;
    }
    let demo = demo::set_up(&stack, arguments.data.as_deref()).await?;
    let lines = lines.print(Api::new(&stack.url(""), &demo.api_key)?);
    let running =
        RunningStack { api: stack.url(""), key: demo.api_key.clone(), identity: stack.authority.identity()? };
    if let Err(error) = running.write() {
        tracing::warn!(%error, "subcommands need --api and --key: this folder cannot be written to");
    }
    if !arguments.quiet {
        screen::welcome(&stack, &demo, arguments.data.as_deref());
    }
    demo.send_sample(&stack).await?;
    shutdown_signal()?.await;
    if !arguments.quiet {
        screen::goodbye();
    }
    stack.stop().await;
    lines.stop().await;
    running.remove()
}

/// Parses `NAME=VALUE`.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Writes one `NAME=value` line for each variable.
fn write_environment(file: &Path, environment: &BTreeMap<String, String>) -> Result<(), Error> {
    let lines: String = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    local::private::write(file, lines.as_bytes())
        .map_err(|error| format!("cannot write {}: {error}", file.display()).into())
}

/// The directory of this program, where cargo also puts the functions.
fn binaries() -> Result<PathBuf, Error> {
    let program = std::env::current_exe()?;
    Ok(program.parent().map(PathBuf::from).unwrap_or_default())
}

/// Notices Ctrl-C and SIGTERM from now on; the future waits for one of them.
fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    let [mut interrupt, mut terminate] = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
