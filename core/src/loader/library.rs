//! Maps a library and reads its tables: the unsafe part of loading.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::{self, MaybeUninit};
use std::path::Path;
use std::ptr;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};
use skynet_abi::{Host, Module, Plugin, SYMBOL_C};

use super::file::PluginFile;
use super::refuse::RefuseReason;

/// The node's table, which plugins get.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostTable(&'static Host);

// SAFETY: the table never changes; what its only data pointer (`log_level`) points to is an atomic of the node.
unsafe impl Send for HostTable {}
// SAFETY: as above.
unsafe impl Sync for HostTable {}

impl HostTable {
    pub(super) const fn new(host: &'static Host) -> Self {
        Self(host)
    }
}

/// Copies of a mapped plugin's tables: as much as both sides know.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) plugin: Plugin,
    pub(super) modules: Vec<Module>,
}

/// Maps the library at `copy`, which `file` describes, for the rest of the process' life, and reads its tables.
///
/// The library's constructors run here; `load` does not.
pub(super) fn map(copy: &Path, file: &PluginFile) -> Result<Tables, RefuseReason> {
    let scope = if file.wants_global_symbols() {
        RTLD_GLOBAL
    } else {
        RTLD_LOCAL
    };
    // SAFETY: constructors are the plugin author's; the copy is whole and nobody else writes to it.
    let library = unsafe { Library::open(Some(copy), RTLD_NOW | scope) };
    let library = library.map_err(|error| RefuseReason::Open(with_advice(told(&error))))?;
    let found = symbol(&library, file);
    // Never closed: destructors of thread-local values and copied function pointers outlive any count of instances.
    mem::forget(library);
    let start = found?;

    let header = file.module_offset as usize;
    let plugin = adopt(start.cast::<Plugin>(), header);
    let modules = (0..file.modules.len()).map(|index| {
        let at = header + index * file.module_size as usize;
        adopt(
            start.wrapping_add(at).cast::<Module>(),
            file.module_size as usize,
        )
    });
    Ok(Tables {
        plugin,
        modules: modules.collect(),
    })
}

/// Hands the node's table to the plugin.
pub(super) fn load(tables: &Tables, host: HostTable) -> Result<(), RefuseReason> {
    let Some(load) = tables.plugin.load else {
        return Err(RefuseReason::MissingFunction {
            owner: "the plugin".to_owned(),
            function: "load",
        });
    };
    // SAFETY: the table lives as long as the process; the plugin vouches for its function.
    match unsafe { load(host.0) } {
        skynet_abi::STATUS_OK => Ok(()),
        status => Err(RefuseReason::LoadFailed { status }),
    }
}

/// The address of the plugin symbol; it has the bytes that `file` says.
fn symbol(library: &Library, file: &PluginFile) -> Result<*const u8, RefuseReason> {
    // SAFETY: a data symbol is asked for as a pointer; it is not read before it was checked.
    let symbol = unsafe { library.get::<*const c_void>(SYMBOL_C.to_bytes_with_nul()) };
    let symbol = symbol.map_err(|error| RefuseReason::Open(told(&error)))?;
    let start = symbol.as_raw_ptr().cast::<u8>().cast_const();

    // The system's loader also searches the libraries that a library needs: only the place that the file itself
    // names has as many bytes as was checked.
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked for; `info` is writable.
    let known = unsafe { libc::dladdr(start.cast(), info.as_mut_ptr()) };
    // SAFETY: raw pointers, for which zeroes are values.
    let info = unsafe { info.assume_init() };
    let distance = (start as u64).wrapping_sub(info.dli_fbase as u64);
    if known == 0 || distance != file.offset {
        return Err(RefuseReason::Differs {
            what: "the place of the plugin symbol",
        });
    }
    Ok(start)
}

/// The user whose rights this process has.
pub(super) fn effective_user() -> u32 {
    // SAFETY: always succeeds and touches no memory.
    unsafe { libc::geteuid() }
}

/// A plain-data table of the ABI.
trait Table: Copy {}
impl Table for Plugin {}
impl Table for Module {}

/// Copies the table at `from`, of which `len` bytes are there: as much as this side knows, and nulls behind them.
fn adopt<T: Table>(from: *const T, len: usize) -> T {
    let mut table = MaybeUninit::<T>::zeroed();
    let len = len.min(size_of::<T>());
    // SAFETY: `symbol` found `len` readable bytes, by the size of the symbol that the file was checked for.
    unsafe { ptr::copy_nonoverlapping(from.cast::<u8>(), table.as_mut_ptr().cast(), len) };
    // SAFETY: integers, byte arrays and optional functions, for which zeroes are values.
    unsafe { table.assume_init() }
}

/// The system's own words.
fn told(error: &libloading::Error) -> String {
    use std::error::Error;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// The commonest cause of a message that does not say so.
fn with_advice(text: String) -> String {
    if text.contains("failed to map segment") {
        text + " (is the file system mounted noexec?)"
    } else {
        text
    }
}
