//! An unmodified slave in a process of its own, for networks in which a scenario is not.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;

use super::{Hello, StockSlave};

/// Which network it joins.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where the master is.
    master: SocketAddr,
    /// Its id.
    id: u8,
}

/// Joins, says `ready`, and takes whatever comes until its input ends. It answers nothing.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let joined = StockSlave::join(args.master, args.id, Hello::Maybe)?;
    println!("ready");
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(joined);
    Ok(ExitCode::SUCCESS)
}
