//! The configuration of a node that a scenario or a benchmark starts.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Value};

/// The run folder, below the node's own.
pub(super) const RUNDIR: &str = "run";

/// What to start. Plugins are loaded from the one folder given, and nothing from the machine's own.
#[derive(Clone, Debug)]
pub(crate) struct NodeSpec {
    name: String,
    prefix: Vec<String>,
    document: DocumentMut,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    file_limit: Option<u64>,
}

impl NodeSpec {
    /// A node with two workers that loads plugins from `cservice` and starts nothing.
    pub(crate) fn new(name: &str, cservice: &Path) -> Self {
        let spec = Self {
            name: name.to_owned(),
            prefix: Vec::new(),
            document: DocumentMut::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            file_limit: None,
        };
        let folder = cservice.display();
        spec.set("name", name)
            .set("rundir", RUNDIR)
            .set("cpath", format!("{folder}/?.so;{folder}/lib?.so"))
            .set("thread", 2)
    }

    /// Sets a key of the configuration; `table.key` sets a key in a table.
    pub(crate) fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = Item::Value(value.into());
        match key.split_once('.') {
            Some((table, key)) => {
                let table = self.document.entry(table).or_insert(toml_edit::table());
                table[key] = value;
            }
            None => self.document[key] = value,
        }
        self
    }

    /// Adds a service to start: the module and its arguments.
    pub(crate) fn start(mut self, service: impl Into<String>) -> Self {
        let list = self
            .document
            .entry("start")
            .or_insert(Item::Value(Array::new().into()));
        if let Some(list) = list.as_array_mut() {
            list.push(service.into());
        }
        self
    }

    /// Starts it by another command, whose words these are. It must become the node.
    pub(crate) fn inside(mut self, prefix: Vec<String>) -> Self {
        self.prefix = prefix;
        self
    }

    /// Adds a command line argument, before the configuration file.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits how many files and sockets the node may have open. Set just after it was started.
    pub(crate) fn files(mut self, limit: u64) -> Self {
        self.file_limit = Some(limit);
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn prefix(&self) -> &[String] {
        &self.prefix
    }

    pub(super) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    pub(super) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn file_limit(&self) -> Option<u64> {
        self.file_limit
    }

    /// The configuration file.
    pub(super) fn text(&self) -> String {
        self.document.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_toml() {
        let spec = NodeSpec::new("a", Path::new("/c"))
            .set("thread", 1)
            .set("gate.port", 0)
            .start("control")
            .start("echo \"quoted\"");
        let expected = "name = \"a\"\nrundir = \"run\"\ncpath = \"/c/?.so;/c/lib?.so\"\nthread = 1\n\
                        start = [\"control\", 'echo \"quoted\"']\n\n[gate]\nport = 0\n";
        assert_eq!(spec.text(), expected);
    }
}
