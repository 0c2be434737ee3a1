//! What a plugin file says about itself, read without running its code.

use std::collections::HashSet;
use std::fs::File;
use std::mem::offset_of;
use std::path::{Path, PathBuf};

use object::read::{ReadCache, ReadRef};
use skynet_abi::{
    MAX_MODULES, Mismatch, Module, PLUGIN_GLOBAL_SYMBOLS, PLUGIN_UNWINDS, Plugin, Prelude,
    SHORT_TEXT,
};

use super::elf;
use super::identity;
use super::image::Image;
use super::refuse::{RefuseReason, Refused};

/// A plugin file that can be loaded, as far as its bytes tell.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PluginFile {
    /// The file.
    pub path: PathBuf,
    /// The plugin's name.
    pub name: String,
    /// The plugin's version, for people; may be empty.
    pub version: String,
    /// `PLUGIN_*`.
    pub flags: u64,
    /// The version of the ABI it was built with.
    pub abi: (u16, u16),
    /// The oldest minor version of the node that it works with.
    pub needs_minor: u16,
    /// Its modules, in its own order.
    pub modules: Vec<ModuleInfo>,
    /// Bytes of its table.
    pub(super) size: u32,
    /// Bytes from one module to the next.
    pub(super) module_size: u32,
    /// Bytes from the table's start to the first module.
    pub(super) module_offset: u32,
    /// Bytes from the library's first mapped byte to the table.
    pub(super) offset: u64,
}

/// One module of a [`PluginFile`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ModuleInfo {
    /// What `LAUNCH` calls it.
    pub name: String,
    /// The version of the state it saves.
    pub state_version: u32,
    /// Whether it can be interrupted with `SIGNAL`.
    pub has_signal: bool,
}

impl PluginFile {
    /// Reads and checks the file without running any of its code.
    ///
    /// Bytes of any kind lead to a result or an error. A file that passes may still fail to load: the system's loader
    /// has its own say, and the plugin's `load` too.
    ///
    /// # Errors
    /// The first thing that is wrong with the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Refused> {
        let path = path.as_ref();
        identity::open(path)
            .and_then(|(file, _)| Self::from_file(path, file))
            .map_err(|reason| reason.of(path))
    }

    /// The modules' names.
    pub fn module_names(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(|module| module.name.as_str())
    }

    /// Whether it has a module of that name.
    #[must_use]
    pub fn has_module(&self, name: &str) -> bool {
        self.module_names().any(|module| module == name)
    }

    /// Whether libraries that it loads need its symbols.
    #[must_use]
    pub fn wants_global_symbols(&self) -> bool {
        self.flags & PLUGIN_GLOBAL_SYMBOLS != 0
    }

    /// [`read`](Self::read) for a file that is open; `path` is only noted.
    pub(super) fn from_file(path: &Path, file: File) -> Result<Self, RefuseReason> {
        Self::from_data(path, &ReadCache::new(file))
    }

    /// [`read`](Self::read) for bytes that are at hand; `path` is only noted.
    pub(super) fn from_data<'data, R: ReadRef<'data>>(
        path: &Path,
        data: R,
    ) -> Result<Self, RefuseReason> {
        let image = elf::find(data)?;
        let prelude = prelude(&image)?;
        let table = table(&image, &prelude)?;
        let flags = field(&image, image.u64(offset_of!(Plugin, flags)))?;
        if flags & PLUGIN_UNWINDS == 0 {
            return Err(RefuseReason::Aborts);
        }
        let name = field(&image, image.short_text(offset_of!(Plugin, name)))?;
        let version = field(&image, image.short_text(offset_of!(Plugin, version)))?;
        if !image.has_pointer(offset_of!(Plugin, load)) {
            return Err(missing("the plugin", "load"));
        }
        Ok(Self {
            path: path.to_owned(),
            name: checked_name(&name, || "plugin name".to_owned())?,
            version: checked_version(&version)?,
            flags,
            abi: (prelude.major, prelude.minor),
            needs_minor: prelude.needs_minor,
            modules: modules(&image, &table)?,
            size: prelude.size,
            module_size: table.size,
            module_offset: table.offset,
            offset: image.offset,
        })
    }
}

/// Where the modules lie.
struct ModuleTable {
    count: u32,
    size: u32,
    offset: u32,
}

/// A field that was found, or the complaint that the symbol ends before it.
fn field<T>(image: &Image<'_>, found: Option<T>) -> Result<T, RefuseReason> {
    found.ok_or(RefuseReason::Mismatch(Mismatch::TooShort {
        found: u32::try_from(image.bytes.len()).unwrap_or(u32::MAX),
        wanted: Plugin::LEAST_SIZE,
    }))
}

fn prelude(image: &Image<'_>) -> Result<Prelude, RefuseReason> {
    let prelude = Prelude {
        magic: field(image, image.u64(offset_of!(Prelude, magic)))?,
        major: field(image, image.u16(offset_of!(Prelude, major)))?,
        minor: field(image, image.u16(offset_of!(Prelude, minor)))?,
        needs_minor: field(image, image.u16(offset_of!(Prelude, needs_minor)))?,
        reserved: 0,
        size: field(image, image.u32(offset_of!(Prelude, size)))?,
        reserved_2: 0,
    };
    prelude.check(Plugin::LEAST_SIZE)?;
    if u64::from(prelude.size) > image.bytes.len() as u64 {
        return Err(RefuseReason::SymbolTooShort {
            symbol: image.bytes.len() as u64,
            stated: prelude.size,
        });
    }
    Ok(prelude)
}

fn table(image: &Image<'_>, prelude: &Prelude) -> Result<ModuleTable, RefuseReason> {
    let table = ModuleTable {
        count: field(image, image.u32(offset_of!(Plugin, module_count)))?,
        size: field(image, image.u32(offset_of!(Plugin, module_size)))?,
        offset: field(image, image.u32(offset_of!(Plugin, module_offset)))?,
    };
    if table.count == 0 || table.count as usize > MAX_MODULES {
        return Err(RefuseReason::ModuleCount { found: table.count });
    }
    let aligned = |value: u32| (value as usize).is_multiple_of(align_of::<Module>());
    if (table.size as usize) < Module::LEAST_SIZE || !aligned(table.size) {
        return Err(RefuseReason::ModuleSize { found: table.size });
    }
    if (table.offset as usize) < Plugin::LEAST_SIZE || !aligned(table.offset) {
        return Err(RefuseReason::ModuleOffset {
            found: table.offset,
            wanted: Plugin::LEAST_SIZE,
        });
    }
    let end = u64::from(table.offset) + u64::from(table.count) * u64::from(table.size);
    if end > u64::from(prelude.size) {
        return Err(RefuseReason::ModulesTooLong {
            end,
            stated: prelude.size,
        });
    }
    Ok(table)
}

fn modules(image: &Image<'_>, table: &ModuleTable) -> Result<Vec<ModuleInfo>, RefuseReason> {
    let mut seen = HashSet::new();
    let mut modules = Vec::with_capacity(table.count as usize);
    for index in 0..table.count {
        let at = table.offset as usize + index as usize * table.size as usize;
        let name = field(image, image.short_text(at + offset_of!(Module, name)))?;
        let name = checked_name(&name, || format!("name of module {}", index + 1))?;
        if !seen.insert(name.clone()) {
            return Err(RefuseReason::DuplicateModule { name });
        }
        for (function, offset) in [
            ("create", offset_of!(Module, create)),
            ("deliver", offset_of!(Module, deliver)),
            ("release", offset_of!(Module, release)),
        ] {
            if !image.has_pointer(at + offset) {
                return Err(missing(&format!("module `{name}`"), function));
            }
        }
        modules.push(ModuleInfo {
            name,
            state_version: field(image, image.u32(at + offset_of!(Module, state_version)))?,
            has_signal: image.has_pointer(at + offset_of!(Module, signal)),
        });
    }
    Ok(modules)
}

fn missing(owner: &str, function: &'static str) -> RefuseReason {
    RefuseReason::MissingFunction {
        owner: owner.to_owned(),
        function,
    }
}

/// The name inside a zero-padded array.
fn checked_name(
    bytes: &[u8; SHORT_TEXT],
    what: impl Fn() -> String,
) -> Result<String, RefuseReason> {
    let text = skynet_abi::short_text(bytes).filter(|text| is_name(text));
    text.map(str::to_owned)
        .ok_or_else(|| RefuseReason::BadText {
            what: what(),
            found: quoted(bytes),
        })
}

/// Whether a plugin or a module may be called that: names are words of a command line and parts of a file name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() < SHORT_TEXT
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '/')
}

fn checked_version(bytes: &[u8; SHORT_TEXT]) -> Result<String, RefuseReason> {
    if bytes[0] == 0 {
        return Ok(String::new());
    }
    skynet_abi::short_text(bytes)
        .filter(|text| !text.chars().any(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| RefuseReason::BadText {
            what: "plugin version".to_owned(),
            found: quoted(bytes),
        })
}

fn quoted(bytes: &[u8; SHORT_TEXT]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(SHORT_TEXT)]);
    match end {
        Some(_) => format!("{text:?}"),
        None => format!("{text:?} without a zero at its end"),
    }
}
