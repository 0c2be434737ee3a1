//! A stand-in for the node that does what the harness relies on, and what it must notice.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

/// How to behave.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The configuration; only its file name matters.
    config: PathBuf,
    /// End at once with this code instead of serving.
    #[arg(long)]
    refuse: Option<u8>,
    /// Ignore SIGTERM.
    #[arg(long)]
    stubborn: bool,
}

/// Says that it is ready and echoes lines until SIGTERM.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let name = args
        .config
        .file_stem()
        .context("the configuration has no name")?
        .to_string_lossy();
    if let Some(code) = args.refuse {
        eprintln!("error: {name} refuses to start");
        return Ok(ExitCode::from(code));
    }
    let mut signals = Signals::new([SIGTERM])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    thread::Builder::new()
        .name("accept".into())
        .spawn(move || accept(&listener))?;
    println!("12:00:00.000 INFO :00000000 node {name} is ready");
    for _ in signals.forever() {
        if !args.stubborn {
            break;
        }
        println!("not yet");
    }
    println!("12:00:00.000 INFO :00000000 node {name} has stopped");
    Ok(ExitCode::SUCCESS)
}

fn accept(listener: &TcpListener) {
    for stream in listener.incoming().map_while(Result::ok) {
        let echo = move || {
            // A client that goes away ends its own thread.
            let _ = echo(&stream);
        };
        if thread::Builder::new()
            .name("echo".into())
            .spawn(echo)
            .is_err()
        {
            return;
        }
    }
}

fn echo(mut stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        stream.write_all(format!("{}\n", line?).as_bytes())?;
    }
    Ok(())
}
