//! Text commands, names, environment, clock.

use std::time::Duration;

use skynet_abi as abi;

use crate::{Buffer, CommandError, Context, Handle, host};

impl Context {
    /// Carries out a text command (`STAT`, `MONITOR`, `SIGNAL`, …; see the ABI reference). *Own turn.*
    ///
    /// # Errors
    /// The command is unknown or was not carried out.
    pub fn command(&self, command: &str, parameter: &str) -> Result<Option<String>, CommandError> {
        let (status, result) = host::command(self.token(), command, parameter);
        let text = result.map(into_text);
        if status == abi::STATUS_OK {
            return Ok(text);
        }
        let separator = if parameter.is_empty() { "" } else { " " };
        Err(CommandError {
            command: format!("{command}{separator}{parameter}"),
            status,
            text: text.unwrap_or_default(),
        })
    }

    /// Gives this service a local name (`.name`). *Own turn.*
    ///
    /// # Errors
    /// The name is taken or not a local one.
    pub fn register(&self, name: &str) -> Result<(), CommandError> {
        self.wanted("REG", name, "the name is taken or not of the form .name")
            .map(|_| ())
    }

    /// Gives another service a local name (`.name`). *Own turn.*
    ///
    /// # Errors
    /// The name is taken or not a local one.
    pub fn name(&self, name: &str, handle: Handle) -> Result<(), CommandError> {
        let parameter = format!("{name} {handle}");
        self.wanted(
            "NAME",
            &parameter,
            "the name is taken or not of the form .name",
        )
        .map(|_| ())
    }

    /// Finds the service with a local name (`.name`). *Own turn.*
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Handle> {
        self.command("QUERY", name).ok()??.parse().ok()
    }

    /// A value of the node's environment. *Own turn.*
    #[must_use]
    pub fn env(&self, key: &str) -> Option<String> {
        self.command("GETENV", key).ok()?
    }

    /// Adds a value to the node's environment. *Own turn.*
    ///
    /// # Errors
    /// The key is there already, or holds a blank.
    pub fn set_env(&self, key: &str, value: &str) -> Result<(), CommandError> {
        self.command("SETENV", &format!("{key} {value}"))
            .map(|_| ())
    }

    /// A figure of this service (`mqlen`, `cpu`, `time`, `message`, …). *Own turn.*
    ///
    /// # Errors
    /// There is no such figure.
    pub fn stat(&self, what: &str) -> Result<String, CommandError> {
        self.wanted("STAT", what, "there is no such figure")
    }

    /// Messages waiting in this service's mailbox. *Own turn.*
    #[must_use]
    pub fn mailbox_length(&self) -> usize {
        self.stat("mqlen")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// Ends a service, by handle. *Own turn.*
    ///
    /// # Errors
    /// The node refuses.
    pub fn kill(&self, handle: Handle) -> Result<(), CommandError> {
        self.command("KILL", &handle.to_string())?;
        if handle == self.handle() {
            self.shared().set_exits();
        }
        Ok(())
    }

    /// Ends every service, and with them the node. *Own turn.*
    ///
    /// # Errors
    /// The node refuses.
    pub fn abort(&self) -> Result<(), CommandError> {
        self.command("ABORT", "").map(|_| ())
    }

    fn wanted(
        &self,
        command: &str,
        parameter: &str,
        missing: &str,
    ) -> Result<String, CommandError> {
        self.command(command, parameter)?
            .ok_or_else(|| CommandError {
                command: format!("{command} {parameter}"),
                status: abi::STATUS_FAILED,
                text: missing.to_owned(),
            })
    }

    /// The node's monotonic clock. *Any thread.*
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(host::now())
    }
}

pub(crate) fn into_text(buffer: Buffer) -> String {
    String::from_utf8_lossy(&buffer).into_owned()
}
