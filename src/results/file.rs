//! A finished file of toys, read back; and several of them joined.

use std::path::{Path, PathBuf};

use super::atomic;
use super::digest::hexadecimal;
use super::layout::Layout;
use super::npz::NpzWriter;
use super::npz_reader::NpzReader;
use super::run::ToyRun;
use super::store::write_run;
use crate::session::ToyChunk;
use crate::{Error, Result};

/// Bytes copied at once.
const COPY: usize = 1 << 18;

/// The file that a run of toys ended in.
pub struct ToyFile {
    reader: NpzReader,
    run: ToyRun,
    layout: Layout,
}

impl ToyFile {
    /// Opens `path` and compares all checksums.
    ///
    /// # Errors
    /// Where it cannot be read, is damaged, or holds no run of toys.
    pub fn open(path: &Path) -> Result<Self> {
        let mut reader = NpzReader::open(path)?;
        reader.verify()?;
        if reader.get("run").is_none() {
            return Err(reader.damaged("does not say which run it is of (no array run)"));
        }
        let json = reader.text("run")?;
        let run: ToyRun = serde_json::from_str(&json)
            .map_err(|e| reader.damaged(format!("holds a run of another version ({e})")))?;
        if reader.text("run_digest")? != hexadecimal(&run.digest()?) || run.end < run.first {
            return Err(reader.damaged("was changed: its run is not the one that it was made in"));
        }
        let layout = Layout::new(&run);
        for column in &layout.columns {
            let toys = run.end - run.first;
            let shape: Vec<u64> =
                [toys].into_iter().chain(column.width.map(|w| w as u64)).collect();
            let fits = reader
                .get(column.name)
                .is_some_and(|a| a.shape == shape && a.descriptor == column.dtype.descriptor());
            if !fits {
                return Err(
                    reader.damaged(format!("{} does not have the run's shape", column.name))
                );
            }
        }
        Ok(Self { reader, run, layout })
    }

    /// The run.
    pub fn run(&self) -> &ToyRun {
        &self.run
    }

    /// All toys in order, in chunks of at most `chunk`.
    ///
    /// # Errors
    /// Where the file cannot be read, or what `sink` returns.
    pub fn chunks(
        &mut self,
        chunk: usize,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<()> {
        let mut first = self.run.first;
        while first < self.run.end {
            let n = (self.run.end - first).min(chunk.max(1) as u64) as usize;
            let mut bytes = vec![0; n * self.layout.row()];
            let mut rest = &mut bytes[..];
            for column in &self.layout.columns {
                let (here, after) = rest.split_at_mut(n * column.row());
                let from = (first - self.run.first) * column.row() as u64;
                self.reader.elements(column.name, from, here)?;
                rest = after;
            }
            let toys = self.layout.decode(first, n, &bytes);
            sink(toys.ok_or_else(|| self.reader.damaged("has a status that is none"))?)?;
            first += n as u64;
        }
        Ok(())
    }
}

/// Joins the files of a run that was divided: what comes out is the same to the bit as the file of the
/// whole run. `parts` may come in any order. Returns the whole run.
///
/// # Errors
/// Where a part cannot be read, is of another run than the first one (model, truth, seed, settings,
/// version), where ranges overlap or leave a gap, or where `output` is there already.
pub fn merge(output: &Path, parts: &[PathBuf]) -> Result<ToyRun> {
    let refuse = |path: &Path, message: String| Error::Results { path: path.to_owned(), message };
    if output.exists() {
        return Err(refuse(output, "is there already: name another file for the whole".into()));
    }
    let mut files = Vec::new();
    for path in parts {
        files.push((path, ToyFile::open(path)?));
    }
    files.sort_by_key(|(_, file)| (file.run.first, file.run.end));
    let Some((leader, first)) = files.first() else {
        return Err(Error::Argument("there are no files to join".into()));
    };
    let mut run = first.run.clone();
    for pair in files.windows(2) {
        let [(before, a), (path, b)] = pair else { continue };
        let same = ToyRun { first: run.first, end: run.end, ..b.run.clone() };
        let differences = run.differences(&same);
        if !differences.is_empty() || same != run {
            let message = match differences.is_empty() {
                true => "another run".into(),
                false => differences.join("; "),
            };
            let message = format!("not of the run of {}: {message}", leader.display());
            return Err(refuse(path, message));
        }
        if b.run.first != a.run.end {
            let (end, next) = (a.run.end, b.run.first);
            let message = match next < end {
                true => {
                    format!("toys {next}:{} are in {}, too", end.min(b.run.end), before.display())
                }
                false => format!("toys {end}:{next} are missing before it"),
            };
            return Err(refuse(path, message));
        }
        run.end = b.run.end;
    }
    write(output, &run, &mut files)?;
    Ok(run)
}

fn write(output: &Path, run: &ToyRun, files: &mut [(&PathBuf, ToyFile)]) -> Result<()> {
    let json = run.to_json()?;
    let layout = Layout::new(run);
    // an error about a part, which the output's writer has no words for
    let mut of_part = None;
    let written = atomic::write(output, |file| {
        let mut npz = NpzWriter::new(file);
        let mut buffer = vec![0; COPY];
        for column in &layout.columns {
            let shape: Vec<u64> =
                [run.end - run.first].into_iter().chain(column.width.map(|w| w as u64)).collect();
            npz.begin(column.name, column.dtype, &shape)?;
            for (_, part) in files.iter_mut() {
                let bytes = (part.run.end - part.run.first) * column.row() as u64;
                let mut at = 0;
                while at < bytes {
                    let n = (bytes - at).min(COPY as u64) as usize;
                    let read = part.reader.elements(column.name, at, &mut buffer[..n]);
                    if let Err(error) = read {
                        of_part = Some(error);
                        return Err(std::io::Error::other("a part cannot be read"));
                    }
                    npz.bytes(&buffer[..n])?;
                    at += n as u64;
                }
            }
        }
        write_run(run, &json, &mut npz)?;
        npz.finish().map(|_| ())
    });
    of_part.map_or(written, Err)
}
