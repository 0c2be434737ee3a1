//! The id that a node with `harbor = "auto"` was leased, kept in its run folder so that it asks for the same again.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use skynet_service::Context;

use crate::settings;

/// The file in the run folder: a number and a line end.
const FILE: &str = "harbor.id";

fn path(cx: &Context) -> Option<PathBuf> {
    settings::text(cx, "rundir").map(|folder| Path::new(&folder).join(FILE))
}

/// The id that the node had; 0 if none is known.
pub(crate) fn read(cx: &Context) -> u8 {
    let text = path(cx).and_then(|path| cx.blocking(|| fs::read_to_string(path).ok()));
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Keeps the id. The file is there with all of it or as it was.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(cx: &Context, id: u8) -> io::Result<()> {
    let Some(path) = path(cx) else {
        return Ok(());
    };
    cx.blocking(|| {
        let new = path.with_extension("id.new");
        let mut file = fs::File::create(&new)?;
        writeln!(file, "{id}")?;
        file.sync_all()?;
        fs::rename(&new, &path)
    })
}
