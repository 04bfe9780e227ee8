//! A run on disk: `FILE.npz.part/` while it lasts, `FILE.npz` at its end.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::atomic;
use super::digest::hexadecimal;
use super::layout::Layout;
use super::npz::NpzWriter;
use super::piece::{self, Piece};
use super::run::ToyRun;
use crate::session::ToyChunk;
use crate::{Error, Result};

/// Finished toys wait this long at most before they are put on disk.
const EVERY: Duration = Duration::from_secs(1);
/// Or until they are this many bytes.
const LARGE: usize = 32 << 20;

/// The finished chunks of a run.
pub struct ToyStore {
    output: PathBuf,
    directory: PathBuf,
    run: ToyRun,
    digest: [u8; 32],
    layout: Layout,
    /// First toy to number of toys.
    pieces: BTreeMap<u64, u64>,
    damaged: usize,
    /// Consecutive chunks that are not on disk yet.
    pending: Option<ToyChunk>,
    written: Instant,
    /// Held as long as the store lives.
    _lock: File,
}

impl ToyStore {
    /// Begins a run that ends in `output`. Refused where chunks of an earlier run lie.
    pub fn create(output: &Path, run: ToyRun) -> Result<Self> {
        let store = Self::open(output, run)?;
        if let Some(path) = store.files()?.first() {
            return Err(Error::Results {
                path: store.directory.clone(),
                message: format!(
                    "holds chunks of an interrupted run ({}): continue it with --resume, or remove \
                     the directory",
                    path.file_name().unwrap_or_default().display()
                ),
            });
        }
        store.begin()?;
        Ok(store)
    }

    /// Continues the run that ends in `output`, or begins it. `seen` gets every chunk that is
    /// already there. Chunks cut short or damaged are dropped and thus done again.
    pub fn resume(output: &Path, run: ToyRun, seen: &mut dyn FnMut(&ToyChunk)) -> Result<Self> {
        if output.exists() && !Self::directory_of(output).exists() {
            return Err(Error::Results {
                path: output.to_owned(),
                message: "is there already: nothing to resume; remove it to run again".into(),
            });
        }
        let mut store = Self::open(output, run)?;
        let files = store.files()?;
        if files.is_empty() {
            store.begin()?;
            return Ok(store);
        }
        store.compare()?;
        let mut covered = store.run.first;
        for path in files {
            match piece::read(&path, &store.digest, &store.layout)? {
                Piece::Good(chunk) => {
                    let n = chunk.fits.len() as u64;
                    if chunk.first < covered || n == 0 || chunk.first + n > store.run.end {
                        let message = "overlaps other chunks of the run, or lies outside of it";
                        return Err(Error::Results { path, message: message.into() });
                    }
                    covered = chunk.first + n;
                    store.pieces.insert(chunk.first, n);
                    seen(&chunk);
                }
                Piece::Damaged => {
                    fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
                    store.damaged += 1;
                }
                Piece::Foreign => {
                    let message =
                        "is a chunk of another run (model, truth, seed, range or settings)";
                    return Err(Error::Results { path, message: message.into() });
                }
            }
        }
        store.begin()?;
        Ok(store)
    }

    /// The run whose chunks wait for the one that ends in `output`, where it can be read.
    pub fn begun(output: &Path) -> Option<ToyRun> {
        let text = fs::read(Self::directory_of(output).join("run.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn open(output: &Path, run: ToyRun) -> Result<Self> {
        let directory = Self::directory_of(output);
        if output.is_dir() {
            let message = "is a directory".into();
            return Err(Error::Results { path: output.to_owned(), message });
        }
        let io_error = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        // only this one: a mistyped path is an error, not a new tree
        if !directory.is_dir() {
            fs::create_dir(&directory).map_err(io_error(&directory))?;
        }
        let lock_path = directory.join("lock");
        let lock = File::create(&lock_path).map_err(io_error(&lock_path))?;
        // file systems without locks are trusted
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let message = "another process is at work there".into();
            return Err(Error::Results { path: directory, message });
        }
        let digest = run.digest()?;
        let layout = Layout::new(&run);
        let output = output.to_owned();
        Ok(Self {
            output,
            directory,
            run,
            digest,
            layout,
            pieces: BTreeMap::new(),
            damaged: 0,
            pending: None,
            written: Instant::now(),
            _lock: lock,
        })
    }

    /// Leaves the run's identity beside its chunks, for people and for [`Self::compare`].
    fn begin(&self) -> Result<()> {
        let json = self.run.to_json()?;
        atomic::write(&self.directory.join("run.json"), |f| {
            io::Write::write_all(f, json.as_bytes())
        })
    }

    fn compare(&self) -> Result<()> {
        // the chunks carry the digest: the readable copy only makes for a better message
        let Ok(text) = fs::read(self.directory.join("run.json")) else {
            return Ok(());
        };
        let Ok(there) = serde_json::from_slice::<ToyRun>(&text) else {
            return Ok(());
        };
        let differences = self.run.differences(&there);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::Results {
            path: self.directory.clone(),
            message: format!("holds another run: {}", differences.join("; ")),
        })
    }

    /// Chunk files in order of toy number; what an interrupted write left behind is removed.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let error = |source| Error::Io { path: self.directory.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(error)? {
            let path = entry.map_err(error)?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some("toys") => files.push(path),
                Some("tmp") => fs::remove_file(&path).map_err(error)?,
                _ => {}
            }
        }
        files.sort();
        Ok(files)
    }

    fn piece_path(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}.toys"))
    }

    /// Number of toys on disk.
    pub fn finished(&self) -> u64 {
        self.pieces.values().sum()
    }

    /// Chunks that were damaged and are missing again.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// Where the chunks of a run that ends in `output` lie: `FILE.npz.part` beside `FILE.npz`.
    pub fn directory_of(output: &Path) -> PathBuf {
        let mut name = output.as_os_str().to_owned();
        name.push(".part");
        PathBuf::from(name)
    }

    /// Where the chunks lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Toys still to be done, in order.
    pub fn missing(&self) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut next = self.run.first;
        let ends = self.pieces.iter().map(|(&first, &n)| (first, first + n));
        for (first, end) in ends.chain([(self.run.end, self.run.end)]) {
            if next < first {
                missing.push(next..first);
            }
            next = end;
        }
        missing
    }

    /// Takes in a finished chunk. It is on disk within about a second, or after
    /// [`Self::flush`]: syncing a file takes longer than many a chunk.
    pub fn put(&mut self, chunk: ToyChunk) -> Result<()> {
        match &mut self.pending {
            Some(pending) if pending.end() == chunk.first => pending.append(chunk),
            Some(_) => {
                self.flush()?;
                self.pending = Some(chunk);
            }
            None => self.pending = Some(chunk),
        }
        let bytes = self.pending.as_ref().map_or(0, |c| c.fits.len() * self.layout.row());
        if bytes >= LARGE || self.written.elapsed() >= EVERY { self.flush() } else { Ok(()) }
    }

    /// Puts all finished chunks on disk; when this returns they are there to stay.
    pub fn flush(&mut self) -> Result<()> {
        if let Some(chunk) = self.pending.take().filter(|c| !c.fits.is_empty()) {
            piece::write(&self.piece_path(chunk.first), &self.digest, &self.layout, &chunk)?;
            self.pieces.insert(chunk.first, chunk.fits.len() as u64);
        }
        self.written = Instant::now();
        Ok(())
    }

    /// Joins all chunks into the final file and removes them. Where that fails they stay.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        if let Some(range) = self.missing().first() {
            let message = format!("toys {}:{} are missing", range.start, range.end);
            return Err(Error::Results { path: self.directory, message });
        }
        let json = self.run.to_json()?;
        atomic::write(&self.output, |file| {
            let mut npz = NpzWriter::new(file);
            self.write_columns(&mut npz)?;
            write_run(&self.run, &json, &mut npz)?;
            npz.finish().map(|_| ())
        })?;
        fs::remove_dir_all(&self.directory)
            .map_err(|source| Error::Io { path: self.directory.clone(), source })
    }

    fn write_columns<W: io::Write + io::Seek>(&self, npz: &mut NpzWriter<W>) -> io::Result<()> {
        let toys = self.run.end - self.run.first;
        let mut buffer = Vec::new();
        for (c, column) in self.layout.columns.iter().enumerate() {
            let shape: Vec<u64> =
                [toys].into_iter().chain(column.width.map(|w| w as u64)).collect();
            npz.begin(column.name, column.dtype, &shape)?;
            for (&first, &n) in &self.pieces {
                let path = self.piece_path(first);
                piece::copy_column(&path, &self.layout, n, c, &mut buffer, &mut |bytes| {
                    npz.bytes(bytes)
                })?;
            }
        }
        Ok(())
    }
}

/// What the run is: in arrays for people and scripts, and whole, as `run`, for [`super::merge`].
pub(super) fn write_run<W: io::Write + io::Seek>(
    run: &ToyRun,
    json: &str,
    npz: &mut NpzWriter<W>,
) -> io::Result<()> {
    let p = run.names.len() as u64;
    let (held, values): (Vec<_>, Vec<_>) = run.held.iter().cloned().unzip();
    npz.array_text("names", &[p], &run.names)?;
    npz.array_f64("truth", &[p], &run.truth)?;
    npz.array_text("poi", &[], &[run.poi.as_deref().unwrap_or("")])?;
    npz.array_text("held_names", &[held.len() as u64], &held)?;
    npz.array_f64("held_values", &[values.len() as u64], &values)?;
    npz.array_u64("seed", &[], &[run.seed])?;
    npz.array_u64("range", &[2], &[run.first, run.end])?;
    npz.array_f64("tolerance", &[], &[run.edm])?;
    npz.array_text("model_digest", &[], &[&run.model])?;
    npz.array_text("run_digest", &[], &[hexadecimal(&Sha256::digest(json))])?;
    npz.array_text("device", &[], &[&run.device])?;
    npz.array_text("precision", &[], &[&run.precision])?;
    npz.array_text("version", &[], &[&run.version])?;
    npz.array_text("run", &[], &[json])
}
