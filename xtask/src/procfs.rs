//! What the kernel knows about a process, from `/proc`. Linux only; elsewhere every answer is an error
//! or empty.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;

/// The state of a listening socket in `/proc/net/tcp`.
const TCP_LISTEN: &str = "0A";

/// Physical memory in use, in bytes.
pub(crate) fn resident(pid: Pid) -> Result<u64> {
    let pages: u64 = field(&read(pid, "statm")?, 1).context("statm has no second field")?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Physical memory in use that belongs to this process alone, in bytes: without files it maps.
pub(crate) fn private(pid: Pid) -> Result<u64> {
    let statm = read(pid, "statm")?;
    let resident: u64 = field(&statm, 1).context("statm has no second field")?;
    let shared: u64 = field(&statm, 2).context("statm has no third field")?;
    Ok(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

/// Processor time used so far, in user and kernel, by all threads. Its unit is the clock tick (10 ms).
pub(crate) fn cpu(pid: Pid) -> Result<Duration> {
    let stat = read(pid, "stat")?;
    let user: u64 = stat_field(&stat, 14).context("stat has no utime")?;
    let system: u64 = stat_field(&stat, 15).context("stat has no stime")?;
    let hertz = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(
        (user + system) as f64 / hertz as f64,
    ))
}

/// The id of its session. 0 for one whose leader lies outside this process namespace, as in many a container: what
/// `getsid` of the safe wrappers takes to be impossible.
pub(crate) fn session(pid: Pid) -> Result<i32> {
    stat_field(&read(pid, "stat")?, 6).context("stat has no session")
}

/// How often a thread of the process that is alive now has left a processor, by itself or not.
pub(crate) fn context_switches(pid: Pid) -> Result<u64> {
    let folder = format!("/proc/{}/task", pid.as_raw_nonzero());
    let mut switches = 0;
    for task in fs::read_dir(&folder).with_context(|| folder.clone())? {
        // A thread may end between the listing and the reading.
        let Ok(status) = fs::read_to_string(task?.path().join("status")) else {
            continue;
        };
        switches += status
            .lines()
            .filter(|line| line.contains("ctxt_switches:"))
            .filter_map(|line| line.rsplit('\t').next()?.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    Ok(switches)
}

/// How many threads the process has.
pub(crate) fn threads(pid: Pid) -> Result<usize> {
    let folder = format!("/proc/{}/task", pid.as_raw_nonzero());
    Ok(fs::read_dir(&folder)
        .with_context(|| folder.clone())?
        .count())
}

/// How many descriptors the process has open.
pub(crate) fn descriptors(pid: Pid) -> Result<usize> {
    let folder = format!("/proc/{}/fd", pid.as_raw_nonzero());
    Ok(fs::read_dir(&folder)
        .with_context(|| folder.clone())?
        .count())
}

/// The TCP addresses on which the process listens, in the order of their ports. Empty when that cannot
/// be found out.
pub(crate) fn listening(pid: Pid) -> Vec<SocketAddr> {
    let Ok(own) = socket_inodes(pid) else {
        return Vec::new();
    };
    let mut addresses = Vec::new();
    for table in ["net/tcp", "net/tcp6"] {
        let Ok(text) = read(pid, table) else { continue };
        let listeners = text.lines().skip(1).filter_map(listener);
        addresses.extend(
            listeners
                .filter(|(_, inode)| own.contains(inode))
                .map(|(at, _)| at),
        );
    }
    addresses.sort_by_key(SocketAddr::port);
    addresses
}

/// Address and inode of a line of `/proc/net/tcp`, if it is about a listener.
fn listener(line: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    (*fields.get(3)? == TCP_LISTEN).then_some(())?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((
        SocketAddr::new(ip(address)?, port),
        fields.get(9)?.parse().ok()?,
    ))
}

/// An address in the kernel's form: 32-bit words in the machine's own byte order, in hexadecimal.
fn ip(text: &str) -> Option<IpAddr> {
    let words: Option<Vec<u32>> = (0..text.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(text.get(at..at + 8)?, 16).ok())
        .collect();
    let bytes: Vec<u8> = words?.into_iter().flat_map(u32::to_ne_bytes).collect();
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

fn socket_inodes(pid: Pid) -> Result<HashSet<u64>> {
    let mut inodes = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()))? {
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        let target = target.to_string_lossy();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        inodes.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
    }
    Ok(inodes)
}

fn read(pid: Pid, file: &str) -> Result<String> {
    let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
    fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
}

/// A field of `stat` after the name, counted from 1 as in proc(5). The name, which is the second field, is in brackets and
/// may hold spaces and brackets itself.
fn stat_field<T: std::str::FromStr>(stat: &str, number: usize) -> Option<T> {
    let (_, rest) = stat.rsplit_once(')')?;
    field(rest, number - 3)
}

fn field<T: std::str::FromStr>(text: &str, index: usize) -> Option<T> {
    text.split_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_from_the_kernels_table() {
        let check = |line: &str, expected: Option<(&str, u64)>| {
            let expected = expected.map(|(address, inode)| (address.parse().unwrap(), inode));
            assert_eq!(listener(line), expected, "{line}");
        };
        let rest = "00000000:00000000 00:00000000 00000000     0        0 4711 1 ffff 100 0 0 10 0";
        if cfg!(target_endian = "little") {
            check(
                &format!("   0: 0100007F:22B8 00000000:0000 0A {rest}"),
                Some(("127.0.0.1:8888", 4711)),
            );
            check(
                &format!("   0: 00000000000000000000000001000000:22B8 00000000:0000 0A {rest}"),
                Some(("[::1]:8888", 4711)),
            );
        }
        check(
            &format!("   0: 0100007F:22B8 00000000:0000 01 {rest}"),
            None,
        );
        check("garbage", None);
        check("   0: XX:YY 0:0 0A", None);
    }

    #[test]
    fn this_process_is_known() {
        let this = rustix::process::getpid();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(listening(this).contains(&listener.local_addr().unwrap()));
        assert!(resident(this).unwrap() >= private(this).unwrap());
        assert!(private(this).unwrap() > 0);
        assert!(threads(this).unwrap() >= 1);
        assert!(descriptors(this).unwrap() >= 3);
        assert!(context_switches(this).unwrap() > 0);
        cpu(this).unwrap();
    }
}
