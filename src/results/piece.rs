//! One finished chunk in a file of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::atomic;
use super::layout::Layout;
use crate::session::ToyChunk;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"NEYTOYS2";
/// Magic, run digest, first toy, number of toys.
const HEADER: usize = 8 + 32 + 8 + 8;
const CHECKSUM: usize = 4;

/// What a chunk file turned out to be.
pub(super) enum Piece {
    /// Whole and of this run.
    Good(Box<ToyChunk>),
    /// Cut short or changed: its toys are to be done again.
    Damaged,
    /// Whole, but of another run.
    Foreign,
}

pub(super) fn write(path: &Path, run: &[u8; 32], layout: &Layout, chunk: &ToyChunk) -> Result<()> {
    let n = chunk.fits.len();
    let mut bytes = Vec::with_capacity(HEADER + n * layout.row() + CHECKSUM);
    bytes.extend(MAGIC);
    bytes.extend(run);
    bytes.extend(chunk.first.to_le_bytes());
    bytes.extend((n as u64).to_le_bytes());
    layout.encode(chunk, &mut bytes)?;
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    atomic::write(path, |file| io::Write::write_all(file, &bytes))
}

pub(super) fn read(path: &Path, run: &[u8; 32], layout: &Layout) -> Result<Piece> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    Ok(parse(&bytes, run, layout))
}

fn parse(bytes: &[u8], run: &[u8; 32], layout: &Layout) -> Piece {
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
        return Piece::Damaged;
    };
    if content.len() < HEADER || crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Piece::Damaged;
    }
    if content[..8] != *MAGIC || content[8..40] != *run {
        return Piece::Foreign;
    }
    let number = |at: usize| content[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    let (first, n) = (number(40), number(48));
    let size = usize::try_from(n).ok().and_then(|n| n.checked_mul(layout.row()));
    if size != Some(content.len() - HEADER) {
        return Piece::Damaged;
    }
    layout
        .decode(first, n as usize, &content[HEADER..])
        .map_or(Piece::Damaged, |c| Piece::Good(Box::new(c)))
}

/// Streams column `column` of a chunk of `n` toys into `sink`.
pub(super) fn copy_column(
    path: &Path,
    layout: &Layout,
    n: u64,
    column: usize,
    buffer: &mut Vec<u8>,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let before: usize = layout.columns[..column].iter().map(|c| c.row()).sum();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(HEADER as u64 + n * before as u64))?;
    let mut remaining = n * layout.columns[column].row() as u64;
    buffer.resize(1 << 18, 0);
    while remaining > 0 {
        let take = remaining.min(buffer.len() as u64) as usize;
        file.read_exact(&mut buffer[..take])?;
        sink(&buffer[..take])?;
        remaining -= take as u64;
    }
    Ok(())
}
