//! Plugins in memory.

use std::fmt;
use std::path::Path;

use skynet_abi::{
    Create, Deliver, Module, Plugin, Quiesce, Release, Restore, Save, Signal, short_text,
};

use super::file::PluginFile;
use super::library::Tables;
use super::refuse::RefuseReason;

/// One version of a plugin in memory. Never freed, so its texts may be read from a signal handler.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadedPlugin {
    /// What its modules know of it too.
    pub info: &'static PluginInfo,
    /// Its modules, in its own order.
    pub modules: &'static [LoadedModule],
}

/// Where a module comes from.
#[derive(Debug)]
#[non_exhaustive]
pub struct PluginInfo {
    /// The plugin's name.
    pub name: &'static str,
    /// The plugin's version, for people; may be empty.
    pub version: &'static str,
    /// The file it was found in.
    pub path: &'static str,
    /// The private copy that is mapped; empty for one that is no file.
    pub copy: &'static str,
    /// `PLUGIN_*`.
    pub flags: u64,
    /// The version of the ABI it was built with.
    pub abi: (u16, u16),
    /// Grows with each library that is loaded: of two versions of a plugin the later has the greater.
    pub serial: u32,
}

/// One kind of service: the functions are those of the module table, and required ones are there.
#[non_exhaustive]
pub struct LoadedModule {
    /// What `LAUNCH` calls it.
    pub name: &'static str,
    /// The plugin that carries it.
    pub plugin: &'static PluginInfo,
    /// The version of what `save` writes.
    pub state_version: u32,
    /// See [`Module::create`].
    pub create: Create,
    /// See [`Module::deliver`].
    pub deliver: Deliver,
    /// See [`Module::signal`].
    pub signal: Option<Signal>,
    /// See [`Module::release`].
    pub release: Release,
    /// See [`Module::quiesce`].
    pub quiesce: Option<Quiesce>,
    /// See [`Module::save`].
    pub save: Option<Save>,
    /// See [`Module::restore`].
    pub restore: Option<Restore>,
}

impl fmt::Debug for LoadedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModule")
            .field("name", &self.name)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

impl LoadedPlugin {
    /// A plugin that is part of the program itself: for tests of the runtime. Its memory is never freed.
    ///
    /// # Errors
    /// A module without a name or a required function.
    pub fn builtin(name: &str, modules: &[Module]) -> Result<&'static Self, RefuseReason> {
        let info = PluginInfo {
            name: leak(name),
            version: "",
            path: "(built in)",
            copy: "",
            flags: skynet_abi::PLUGIN_UNWINDS,
            abi: (skynet_abi::MAJOR, skynet_abi::MINOR),
            serial: 0,
        };
        Self::assemble(info, modules)
    }

    /// Keeps what was mapped from `copy`, provided that it is what `file` says.
    pub(super) fn keep(
        file: &PluginFile,
        copy: &Path,
        serial: u32,
        tables: &Tables,
    ) -> Result<&'static Self, RefuseReason> {
        compare(file, tables)?;
        let info = PluginInfo {
            name: leak(&file.name),
            version: leak(&file.version),
            path: leak(&file.path.to_string_lossy()),
            copy: leak(&copy.to_string_lossy()),
            flags: file.flags,
            abi: file.abi,
            serial,
        };
        Self::assemble(info, &tables.modules)
    }

    /// Its module of that name.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&'static LoadedModule> {
        self.modules.iter().find(|module| module.name == name)
    }

    fn assemble(info: PluginInfo, modules: &[Module]) -> Result<&'static Self, RefuseReason> {
        let info: &'static PluginInfo = Box::leak(Box::new(info));
        let modules = modules.iter().enumerate();
        let modules: Result<Vec<_>, _> = modules
            .map(|(index, module)| LoadedModule::adopt(info, index, module))
            .collect();
        Ok(Box::leak(Box::new(Self {
            info,
            modules: Vec::leak(modules?),
        })))
    }
}

impl LoadedModule {
    fn adopt(
        plugin: &'static PluginInfo,
        index: usize,
        table: &Module,
    ) -> Result<Self, RefuseReason> {
        let name = short_text(&table.name).ok_or_else(|| RefuseReason::BadText {
            what: format!("name of module {}", index + 1),
            found: "no text".to_owned(),
        })?;
        let missing = |function| RefuseReason::MissingFunction {
            owner: format!("module `{name}`"),
            function,
        };
        Ok(Self {
            name: leak(name),
            plugin,
            state_version: table.state_version,
            create: table.create.ok_or_else(|| missing("create"))?,
            deliver: table.deliver.ok_or_else(|| missing("deliver"))?,
            signal: table.signal,
            release: table.release.ok_or_else(|| missing("release"))?,
            quiesce: table.quiesce,
            save: table.save,
            restore: table.restore,
        })
    }
}

/// The library in memory must be what the file said: a constructor, or another library that the system's loader had
/// at hand, may have changed it.
fn compare(file: &PluginFile, tables: &Tables) -> Result<(), RefuseReason> {
    let Plugin {
        prelude,
        flags,
        name,
        ..
    } = &tables.plugin;
    let differs = |what| Err(RefuseReason::Differs { what });
    if (prelude.major, prelude.minor) != file.abi || prelude.size != file.size {
        return differs("the prelude");
    }
    if *flags != file.flags {
        return differs("the flags");
    }
    if short_text(name) != Some(&file.name) {
        return differs("the plugin's name");
    }
    let names = tables.modules.iter().map(|module| short_text(&module.name));
    if !names.eq(file.module_names().map(Some)) {
        return differs("the list of modules");
    }
    Ok(())
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
