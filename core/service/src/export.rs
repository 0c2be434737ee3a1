//! What a plugin exports, made from its services.

use skynet_abi::{
    MAX_MODULES, Module, PLUGIN_GLOBAL_SYMBOLS, PLUGIN_UNWINDS, Plugin, Prelude, SHORT_TEXT,
};

use crate::{RawService, Service, entry, executor, runner};

/// The exported symbol: a header and its modules. Made by [`export!`](crate::export).
#[repr(C)]
#[derive(Debug)]
pub struct Exported<const N: usize> {
    header: Plugin,
    modules: [Module; N],
}

/// The symbol of a plugin with these modules.
#[must_use]
pub const fn plugin<const N: usize>(
    name: &str,
    version: &str,
    global_symbols: bool,
    modules: [Module; N],
) -> Exported<N> {
    assert!(N >= 1 && N <= MAX_MODULES, "a plugin has 1 to 256 modules");
    let unwinds = if cfg!(panic = "unwind") {
        PLUGIN_UNWINDS
    } else {
        0
    };
    let global = if global_symbols {
        PLUGIN_GLOBAL_SYMBOLS
    } else {
        0
    };
    Exported {
        header: Plugin {
            prelude: Prelude::new(size_of::<Exported<N>>()),
            flags: unwinds | global,
            name: short_text(name, true),
            version: short_text(version, true),
            load: Some(entry::load),
            module_count: N as u32,
            module_size: size_of::<Module>() as u32,
            module_offset: std::mem::offset_of!(Exported<N>, modules) as u32,
            reserved: 0,
        },
        modules,
    }
}

/// A module whose services are an `S`.
#[must_use]
pub const fn module<S: Service>(name: &str) -> Module {
    Module {
        create: Some(entry::create::<S>),
        deliver: Some(entry::deliver_of(&executor::runner::<S>)),
        ..bare(name)
    }
}

/// A module whose services are a `G`.
#[must_use]
pub const fn raw_module<G: RawService>(name: &str) -> Module {
    Module {
        create: Some(entry::create_raw::<G>),
        deliver: Some(entry::deliver_of(&runner::raw::<G>)),
        ..bare(name)
    }
}

const fn bare(name: &str) -> Module {
    Module {
        name: short_text(name, false),
        state_version: 0,
        flags: 0,
        create: None,
        deliver: None,
        signal: Some(entry::signal),
        release: Some(entry::release),
        quiesce: None,
        save: None,
        restore: None,
    }
}

/// The inline text of a name. Too long, it is cut or refused at compile time.
const fn short_text(text: &str, cut: bool) -> [u8; SHORT_TEXT] {
    let from = text.as_bytes();
    assert!(!from.is_empty(), "a name must not be empty");
    assert!(
        cut || from.len() < SHORT_TEXT,
        "a module's name has at most 31 bytes"
    );
    let mut to = [0; SHORT_TEXT];
    let mut at = 0;
    while at < from.len() && at < SHORT_TEXT - 1 {
        to[at] = from[at];
        at += 1;
    }
    to
}

/// Exports the services of a plugin: `export!(echo: Echo);`, or several: `export! { master: Master, slave: Slave }`. A
/// [`RawService`](crate::RawService) is marked: `export!(raw gate: Gate);`. The plugin's name and version are the
/// crate's. `export! { global; … }` opens the plugin's symbols to libraries that it loads.
///
/// ```
/// # use skynet_service::{Context, Message, Result, Service, export};
/// struct Echo;
/// impl Service for Echo {
///     async fn start(_cx: &Context, _args: &str) -> Result<Self> { Ok(Self) }
///     async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
///         Ok(cx.reply(&message, message.bytes())?)
///     }
/// }
/// export!(echo: Echo);
/// # fn main() {}
/// ```
///
/// A slip is told as one:
///
/// ```compile_fail
/// # use skynet_service::export;
/// export!(my-echo: Echo);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    (global; $($modules:tt)+) => { $crate::export!(@list true, [] $($modules)+ ,); };
    (@list $global:literal, [$($done:expr),*] raw $name:ident : $service:ty, $($rest:tt)*) => {
        $crate::export!(@list $global, [$($done,)* $crate::export::raw_module::<$service>(stringify!($name))] $($rest)*);
    };
    (@list $global:literal, [$($done:expr),*] $name:ident : $service:ty, $($rest:tt)*) => {
        $crate::export!(@list $global, [$($done,)* $crate::export::module::<$service>(stringify!($name))] $($rest)*);
    };
    (@list $global:literal, [$($done:expr),+] $(,)?) => {
        const _: () = {
            const MODULES: usize = [$(stringify!($done)),+].len();
            #[allow(non_upper_case_globals)]
            #[used]
            #[unsafe(no_mangle)]
            static skynet_plugin_v1: $crate::export::Exported<MODULES> = $crate::export::plugin(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                $global,
                [$($done),+],
            );
        };
    };
    (@list $($slip:tt)*) => {
        ::core::compile_error!(
            "wanted `export!(name: Service);`, `export!(raw name: Service);` or a list of these, `export! { one: One, two: Two }`; a name is an identifier"
        );
    };
    ($($modules:tt)+) => { $crate::export!(@list false, [] $($modules)+ ,); };
    () => { ::core::compile_error!("wanted `export!(name: Service);`: a plugin has at least one service"); };
}
