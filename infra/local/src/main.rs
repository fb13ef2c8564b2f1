//! `cargo run`: Ringback on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use adapters::function::Error;
use clap::{Parser, Subcommand};
use local::clock::Clock;
use local::functions::{self, Reach, Runs};
use local::stack::{Options, Stack};

mod demo;
mod screen;
mod ticker;

/// Ringback on this machine: the API, the queues, the tables, the functions and an example receiver in one process.
#[derive(Parser)]
#[command(name = "ringback", version)]
struct Arguments {
    /// Keep tables, queues and certificates in this directory; without it, all is gone with the process
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Port of the API; the example receiver listens on the next one; 0 for any two that are free
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u16).range(..=65534))]
    port: u16,

    /// Do not print a line for each attempt and each deferred delivery
    #[arg(long)]
    quiet: bool,

    /// Run the functions as processes of their own, as Lambda does (first: cargo build --workspace)
    #[arg(long)]
    processes: bool,

    /// Write the functions' variables to this file, for `cargo lambda watch --env-file`
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Give a parameter of infra/template.yaml another value than its default; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<(String, String)>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// One function as a process, for `--processes`
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
            // Boxed, because a function is a deep nest of futures, and the compiler gives up on its layout.
            Box::pin(functions::bootstrap(&function, &authority_pem)).await
        }
        None => Box::pin(serve(arguments)).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen::error(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Error> {
    ticker::start(arguments.quiet);
    let runs = if arguments.processes {
        Runs::AsProcesses { directory: binaries()?, reach: Reach::ThisMachine }
    } else {
        Runs::InProcess
    };
    let ports = if arguments.port == 0 { [0, 0] } else { [arguments.port, arguments.port + 1] };
    let options = Options {
        data: arguments.data.clone(),
        ports,
        clock: Clock::system(),
        runs,
        parameters: arguments.parameter.iter().cloned().collect(),
        invokes: true,
    };
    let stack = Stack::start(options).await?;
    if let Some(file) = &arguments.env_file {
        write_environment(file, &stack.environment)?;
    }
    let demo = demo::set_up(&stack, arguments.data.as_deref()).await?;
    screen::welcome(&stack, &demo);
    demo.send_sample(&stack).await?;
    stopped().await?;
    screen::goodbye();
    stack.stop().await;
    Ok(())
}

/// `NAME=VALUE`.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("has to be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `NAME=value` a line.
fn write_environment(file: &Path, environment: &BTreeMap<String, String>) -> Result<(), Error> {
    let lines: String = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    std::fs::write(file, lines).map_err(|error| format!("cannot write {}: {error}", file.display()).into())
}

/// Where cargo puts this program, it puts the functions.
fn binaries() -> Result<PathBuf, Error> {
    let program = std::env::current_exe()?;
    Ok(program.parent().map(PathBuf::from).unwrap_or_default())
}

/// Ctrl-C, or a polite kill.
async fn stopped() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
