//! Files that are either the old ones or the new ones, never half of either.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Writes `path` through a temporary file beside it, which is synced and then renamed. On failure
/// `path` is as it was. Anything but a regular file (`/dev/null`, a pipe) is written directly.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    // a symbolic link stays one: its target is replaced
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return fill_file(OpenOptions::new().write(true).open(path), false, fill)
            .map_err(|source| Error::Io { path: path.clone(), source });
    }
    let temporary = temporary_name(path)?;
    let written = fill_file(File::create(&temporary), true, fill)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_directory(path));
    written.map_err(|source| {
        // the first error is the one to tell
        let _ = fs::remove_file(&temporary);
        Error::Io { path: path.clone(), source }
    })
}

fn fill_file(
    file: io::Result<File>,
    sync: bool,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 18, file?);
    fill(&mut writer)?;
    writer.flush()?;
    if sync { writer.get_ref().sync_all() } else { Ok(()) }
}

/// `.NAME.PID.tmp` beside `path`.
fn temporary_name(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| Error::Io {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"),
    })?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(temporary))
}

/// The rename itself must survive a power cut. Not every file system can sync a directory, and
/// the data are safe without it: errors are not passed on.
fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let _ = File::open(directory).and_then(|d| d.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
