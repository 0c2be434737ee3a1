//! What a plugin exports.

use core::ffi::{CStr, c_void};
use core::fmt;

use crate::{Buffer, Context, Host, Message, Prelude, Text};

/// The one symbol of a plugin.
pub const SYMBOL: &str = "skynet_plugin_v1";
/// [`SYMBOL`] for loaders that want a C string.
pub const SYMBOL_C: &CStr = c"skynet_plugin_v1";

/// Bytes of an inline text: UTF-8, zero padded, with at least one zero at the end.
pub const SHORT_TEXT: usize = 32;
/// The most modules one plugin may carry.
pub const MAX_MODULES: usize = 256;

/// Flag: panics unwind in this build, so that they can be caught. A build that aborts on panic is refused. C plugins
/// set it: they do not panic.
pub const PLUGIN_UNWINDS: u64 = 1;
/// Flag: libraries that this plugin loads need its symbols: it is opened `RTLD_GLOBAL`. Otherwise `RTLD_LOCAL`.
pub const PLUGIN_GLOBAL_SYMBOLS: u64 = 2;

/// From `deliver`: the host frees the payload.
pub const DELIVER_RELEASE: i32 = 0;
/// From `deliver`: the service owns the payload now.
pub const DELIVER_KEEP: i32 = 1;
/// From `deliver`: the service failed and must end. The host frees the payload; the service has said why with
/// [`Host::exit`].
pub const DELIVER_FAILED: i32 = 2;

/// Makes an instance. `args` is the text behind the module's name in `LAUNCH`. Runs in the new service's own turn, on
/// the thread that launches it. Writes the instance and returns `STATUS_OK` or `STATUS_PENDING`, or returns an error
/// (after [`Host::exit`] with the reason, if it can say one) and has freed everything.
pub type Create =
    unsafe extern "C" fn(context: Context, args: Text, instance: *mut *mut c_void) -> i32;
/// Handles one message: one of `DELIVER_*`; anything else counts as [`DELIVER_FAILED`]. Never concurrent for one instance, but on any worker thread.
pub type Deliver =
    unsafe extern "C" fn(instance: *mut c_void, context: Context, message: *const Message) -> i32;
/// The text command `SIGNAL`. May run at the same time as `deliver`, on any thread; never during or after `release`.
pub type Signal = unsafe extern "C" fn(instance: *mut c_void, context: Context, signal: i32);
/// Frees the instance, in a last turn of its own.
pub type Release = unsafe extern "C" fn(instance: *mut c_void, context: Context);
/// Reserved for live upgrade: finish what is in the air, start nothing new.
pub type Quiesce = unsafe extern "C" fn(instance: *mut c_void, context: Context) -> i32;
/// Reserved for live upgrade: write the state into a host buffer, which the host then owns.
pub type Save =
    unsafe extern "C" fn(instance: *mut c_void, context: Context, state: *mut Buffer) -> i32;
/// Reserved for live upgrade: like `create`, from the state that `save` of version `state_version` wrote.
pub type Restore = unsafe extern "C" fn(
    context: Context,
    state_version: u32,
    state: Text,
    instance: *mut *mut c_void,
) -> i32;
/// Takes over the host's table. Called once per loaded library, before anything else.
pub type Load = unsafe extern "C" fn(host: *const Host) -> i32;

/// The header of the exported symbol; [`module_count`](Plugin::module_count) modules follow it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Plugin {
    /// Who made this and how long the whole symbol is.
    pub prelude: Prelude,
    /// Any of `PLUGIN_*`.
    pub flags: u64,
    /// The plugin's name.
    pub name: [u8; SHORT_TEXT],
    /// The plugin's version, for people.
    pub version: [u8; SHORT_TEXT],
    /// Required.
    pub load: Option<Load>,
    /// How many modules follow: 1 to [`MAX_MODULES`].
    pub module_count: u32,
    /// Bytes from one module to the next: the size of [`Module`] when the plugin was built.
    pub module_size: u32,
    /// Bytes from the start of the symbol to the first module.
    pub module_offset: u32,
    /// 0.
    pub reserved: u32,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &short_text(&self.name))
            .field("version", &short_text(&self.version))
            .field("modules", &self.module_count)
            .finish_non_exhaustive()
    }
}

/// One kind of service.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Module {
    /// What `LAUNCH` calls it.
    pub name: [u8; SHORT_TEXT],
    /// The version of what `save` writes.
    pub state_version: u32,
    /// 0.
    pub flags: u32,
    /// Required.
    pub create: Option<Create>,
    /// Required.
    pub deliver: Option<Deliver>,
    /// Optional.
    pub signal: Option<Signal>,
    /// Required.
    pub release: Option<Release>,
    /// Optional, reserved.
    pub quiesce: Option<Quiesce>,
    /// Optional, reserved.
    pub save: Option<Save>,
    /// Optional, reserved.
    pub restore: Option<Restore>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &short_text(&self.name))
            .finish_non_exhaustive()
    }
}

/// The text inside a zero-padded array, or `None` when it is empty, not UTF-8 or has no zero at its end.
#[must_use]
pub fn short_text(bytes: &[u8; SHORT_TEXT]) -> Option<&str> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    match core::str::from_utf8(&bytes[..end]) {
        Ok(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

impl Plugin {
    /// The least bytes of a header that can be used: everything version 1.0 has.
    pub const LEAST_SIZE: usize =
        core::mem::offset_of!(Plugin, reserved) + core::mem::size_of::<u32>();
}

impl Module {
    /// The least bytes of a module that can be used: everything version 1.0 has.
    pub const LEAST_SIZE: usize =
        core::mem::offset_of!(Module, restore) + core::mem::size_of::<usize>();
}
