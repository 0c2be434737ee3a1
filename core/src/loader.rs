//! Finds modules in plugin files and brings them into memory.
//!
//! `LAUNCH echo` asks [`Loader::module`] for `echo`. The loader looks for a file named like the module, then for any
//! file on the search path whose list of modules has the name. Everything it must know for that is read from the file's
//! bytes ([`PluginFile`]): no code of a file runs before the file was found to be in order.
//!
//! Then the node maps *a private copy* of the file, compares what is mapped with what the file said, hands over its
//! table of functions, and keeps the plugin for as long as the process lives.
//!
//! ```text
//!   cpath ──► file ──► bytes ──► PluginFile ──► copy ──► map ──► load(host) ──► LoadedModule
//!            cpath.rs identity.rs elf.rs,file.rs copies.rs  library.rs             plugin.rs
//! ```
//!
//! * **Invariant:** a file of the search path is never mapped. Overwriting it harms nothing.
//! * **Invariant:** a library is never closed. Each content is loaded once; a changed file is loaded beside the old
//!   version, which its instances go on using. Loading many versions costs their memory.
//! * **Invariant:** no lock of ours is held while code of a plugin runs: one that hangs in its `load` hangs only those who
//!   want that very plugin. (Constructors of libraries run under a lock of the system's loader.)

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use skynet_abi::Host;

mod copies;
mod cpath;
mod elf;
mod error;
mod file;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod identity;
mod image;
mod library;
mod near;
mod plugin;
mod refuse;
#[cfg(test)]
mod tests;

pub use error::{LoadError, SetupError};
pub use file::{ModuleInfo, PluginFile};
pub use plugin::{LoadedModule, LoadedPlugin, PluginInfo};
pub use refuse::{RefuseReason, Refused};

use copies::{Copies, Draft};
use cpath::Cpath;
use identity::{Content, Identity};
use library::HostTable;

/// How many files that cannot be used are told of when a module is not found.
const OTHERS_TOLD: usize = 4;

/// Finds and loads modules. May be shared between threads.
#[derive(Debug)]
pub struct Loader {
    cpath: Cpath,
    copies: Copies,
    host: HostTable,
    shelf: Mutex<Shelf>,
}

/// What was learnt so far.
#[derive(Debug, Default)]
struct Shelf {
    files: HashMap<PathBuf, Known>,
    versions: HashMap<Content, Arc<Version>>,
    answers: HashMap<String, Arc<Answer>>,
    plugins: Vec<&'static LoadedPlugin>,
}

/// A file as it was at `identity`.
#[derive(Clone, Debug)]
struct Known {
    identity: Identity,
    file: Result<Arc<PluginFile>, RefuseReason>,
    /// Once it was loaded.
    content: Option<Content>,
}

/// One content of a plugin file in memory, or why not.
#[derive(Debug, Default)]
struct Version {
    outcome: OnceLock<Result<&'static LoadedPlugin, RefuseReason>>,
}

/// For so long an answer is given again without a look at the files.
const BURST: Duration = Duration::from_millis(2);

/// A name's module, and all that must be as it was for the answer to hold.
#[derive(Debug)]
struct Answer {
    module: &'static LoadedModule,
    /// When the files were last looked at.
    checked: Mutex<Instant>,
    absent: Vec<PathBuf>,
    seen: Vec<(PathBuf, Identity)>,
}

impl Loader {
    /// A loader that searches `cpath`, patterns such as `cservice/?.so;cservice/lib?.so`, keeps its copies in
    /// `private_folder` and gives `host` to plugins.
    ///
    /// The folder is made if need be, for the owner only. It must belong to this node alone: copies of a former life
    /// are removed from it.
    ///
    /// # Errors
    /// A pattern without `?`, or a folder that cannot be used.
    pub fn new(
        cpath: &str,
        private_folder: PathBuf,
        host: &'static Host,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            cpath: Cpath::parse(cpath)?,
            copies: Copies::open(private_folder)?,
            host: HostTable::new(host),
            shelf: Mutex::default(),
        })
    }

    /// The module of that name in the newest version of its file, loaded if need be.
    ///
    /// First come files named like the module, in the order of the search path; then every file that matches with
    /// anything for `?`, in the same order and then by name. Where two files have the same module, the first counts.
    /// (An answer is kept until a folder of the path or the module's own file changes.) Blocks on the file system and in
    /// the plugin's constructors and `load`. *Any thread.*
    ///
    /// # Errors
    /// No file has such a module, or the file that is named like it cannot be used.
    pub fn module(&self, name: &str) -> Result<&'static LoadedModule, LoadError> {
        if !file::is_name(name) {
            return Err(LoadError::BadName {
                name: name.to_owned(),
            });
        }
        let known = self.shelf().answers.get(name).cloned();
        if let Some(answer) = known.filter(|answer| answer.holds()) {
            return Ok(answer.module);
        }
        let mut search = Search::new(name);
        let module = self.search(name, &mut search)?;
        search.remember(self, module);
        Ok(module)
    }

    /// What the file at `path` says about itself. Read again only when it has changed. *Any thread.*
    ///
    /// # Errors
    /// The file is not there, or is no plugin that can be loaded.
    pub fn inspect(&self, path: &Path) -> Result<Arc<PluginFile>, Refused> {
        self.known(path)
            .and_then(|known| known.file)
            .map_err(|reason| reason.of(path))
    }

    /// The newest version of the plugin at `path`, loaded if need be. *Any thread.*
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub fn load(&self, path: &Path) -> Result<&'static LoadedPlugin, Refused> {
        self.load_newest(path).map_err(|reason| reason.of(path))
    }

    /// All plugins in memory, in the order in which they were loaded.
    #[must_use]
    pub fn plugins(&self) -> Vec<&'static LoadedPlugin> {
        self.shelf().plugins.clone()
    }

    /// Removes the private copies from the disk. What is loaded stays usable; for the end of the process.
    pub fn remove_copies(&self) {
        self.copies.clear();
    }

    fn search(&self, name: &str, search: &mut Search) -> Result<&'static LoadedModule, LoadError> {
        for path in self.cpath.direct(name) {
            let Some(known) = self.known_if_present(&path)? else {
                search.absent.push(path);
                continue;
            };
            let file = known.file.map_err(|reason| reason.of(&path))?;
            if file.has_module(name) {
                search.seen.push((path.clone(), known.identity));
                return self.take(&path, name);
            }
            let others: Vec<_> = file.module_names().collect();
            let others = others.join(", ");
            search
                .others
                .push(format!("{} (has {others})", path.display()));
            search.seen.push((path, known.identity));
        }

        let found = self.cpath.scan();
        for folder in found.folders {
            match identity::look(&folder) {
                Ok(Some(identity)) => search.seen.push((folder, identity)),
                _ => search.absent.push(folder),
            }
        }
        let mut names = Vec::new();
        for path in found.files {
            let Ok(Some(known)) = self.known_if_present(&path) else {
                continue;
            };
            match known.file {
                Ok(file) if file.has_module(name) => {
                    search.seen.push((path.clone(), known.identity));
                    return self.take(&path, name);
                }
                Ok(file) => names.extend(file.module_names().map(str::to_owned)),
                Err(reason) => search.others.push(reason.of(path).to_string()),
            }
        }
        Err(LoadError::NotFound {
            name: name.to_owned(),
            near: near::near(name, names.iter().map(String::as_str)),
            tried: search.tried(self.cpath.patterns()),
        })
    }

    /// The module in the file that was found to have it.
    fn take(&self, path: &Path, name: &str) -> Result<&'static LoadedModule, LoadError> {
        let plugin = self.load(path)?;
        // Another version may have come since the file was read.
        let module = plugin.module(name).ok_or_else(|| LoadError::NotFound {
            name: name.to_owned(),
            tried: vec![format!("{} (just replaced)", path.display())],
            near: Vec::new(),
        })?;
        Ok(module)
    }

    fn known_if_present(&self, path: &Path) -> Result<Option<Known>, Refused> {
        match self.known(path) {
            Ok(known) => Ok(Some(known)),
            Err(RefuseReason::Io(error)) if is_absence(&error) => Ok(None),
            Err(reason) => Err(reason.of(path)),
        }
    }

    /// What is known of the file as it is now.
    fn known(&self, path: &Path) -> Result<Known, RefuseReason> {
        if let Some(now) = identity::look(path)?
            && let Some(known) = self.shelf().files.get(path)
            && known.identity.holds_at(&now)
        {
            return Ok(known.clone());
        }
        let (file, identity) = identity::open(path)?;
        let known = Known {
            identity,
            file: PluginFile::from_file(path, file).map(Arc::new),
            content: None,
        };
        self.shelf().files.insert(path.to_owned(), known.clone());
        Ok(known)
    }

    fn load_newest(&self, path: &Path) -> Result<&'static LoadedPlugin, RefuseReason> {
        let known = self.known(path)?;
        if let Some(content) = known.content {
            let version = self.shelf().versions.get(&content).cloned();
            if let Some(Some(Ok(plugin))) = version.as_ref().map(|v| v.outcome.get()) {
                return Ok(plugin);
            }
        }
        // What is no plugin is not copied.
        known.file?;
        let mut draft = self.copies.draft()?;
        let (content, identity) = identity::read(path, |part| draft.write(part))?;
        let file = PluginFile::from_file(path, draft.file()?)?;
        let version = Arc::clone(self.shelf().versions.entry(content).or_default());
        let outcome = version
            .outcome
            .get_or_init(|| self.load_draft(&file, draft))
            .clone();
        let mut shelf = self.shelf();
        if let Err(reason) = &outcome
            && !reason.is_final()
        {
            shelf.versions.remove(&content);
        }
        let known = Known {
            identity,
            file: Ok(Arc::new(file)),
            content: Some(content),
        };
        shelf.files.insert(path.to_owned(), known);
        drop(shelf);
        outcome
    }

    /// Maps and starts one content, which was found to be in order.
    fn load_draft(
        &self,
        file: &PluginFile,
        draft: Draft<'_>,
    ) -> Result<&'static LoadedPlugin, RefuseReason> {
        let path = &file.path;
        let (serial, copy) = draft.keep(path)?;
        // A file that is open for writing may not be mapped as code everywhere.
        drop(draft);
        let tables = library::map(&copy, file).inspect_err(|_| self.copies.remove(&copy))?;
        let plugin = LoadedPlugin::keep(file, &copy, serial, &tables)?;
        library::load(&tables, self.host)?;
        let names: Vec<_> = file.module_names().collect();
        log::info!(
            "loaded plugin {} {} from {} ({})",
            file.name,
            file.version,
            path.display(),
            names.join(", ")
        );
        self.shelf().plugins.push(plugin);
        Ok(plugin)
    }

    /// Nothing that runs under the lock can leave the shelf half changed.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_absence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

impl Answer {
    /// Whether a search would find the same. A burst of launches looks at the files once.
    fn holds(&self) -> bool {
        let now = Instant::now();
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(*checked) < BURST {
            return true;
        }
        let holds = self.is_unchanged();
        if holds {
            *checked = now;
        }
        holds
    }

    fn is_unchanged(&self) -> bool {
        let seen = self.seen.iter().all(|(path, then)| {
            let now = identity::look(path);
            now.is_ok_and(|now| now.is_some_and(|now| then.holds_at(&now)))
        });
        seen && self
            .absent
            .iter()
            .all(|path| identity::look(path).is_ok_and(|now| now.is_none()))
    }
}

/// The traces of one search.
#[derive(Debug)]
struct Search {
    name: String,
    absent: Vec<PathBuf>,
    seen: Vec<(PathBuf, Identity)>,
    others: Vec<String>,
}

impl Search {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            absent: Vec::new(),
            seen: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Keeps the answer if later looks can tell whether it still holds.
    fn remember(self, loader: &Loader, module: &'static LoadedModule) {
        if self.seen.iter().all(|(_, identity)| identity.is_settled()) {
            let answer = Answer {
                module,
                checked: Mutex::new(Instant::now()),
                absent: self.absent,
                seen: self.seen,
            };
            loader.shelf().answers.insert(self.name, Arc::new(answer));
        }
    }

    fn tried(&self, patterns: &[String]) -> Vec<String> {
        let absent = self.absent.iter().map(|path| path.display().to_string());
        let modules_of = patterns
            .iter()
            .map(|pattern| format!("the modules of {}", pattern.replace('?', "*")));
        let more = self.others.len().saturating_sub(OTHERS_TOLD);
        absent
            .chain(modules_of)
            .chain(self.others.iter().take(OTHERS_TOLD).cloned())
            .chain((more > 0).then(|| format!("{more} more files that cannot be used")))
            .collect()
    }
}
