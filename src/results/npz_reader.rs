//! Reads back what [`NpzWriter`](super::npz::NpzWriter) wrote: stored zip archives of `.npy` arrays,
//! little-endian, beyond 4 GiB too. Anything else is an error, never a panic.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// End of the archive with the longest comment a zip file may have.
const TAIL: u64 = 22 + 65_535;
/// Longest `.npy` header and directory that are looked at: ours are far shorter.
const MOST_BYTES: u64 = 1 << 24;
const LIMIT_32: u64 = u32::MAX as u64;

/// One array of an archive.
#[derive(Debug, Clone)]
pub(super) struct Array {
    name: String,
    /// NumPy's word for the type of its elements, such as `<f8`.
    pub(super) descriptor: String,
    /// Shape.
    pub(super) shape: Vec<u64>,
    /// Where its elements begin in the file, and their bytes.
    start: u64,
    bytes: u64,
    /// Where the entry begins, and its checksum.
    entry: u64,
    crc: u32,
}

/// An open archive.
pub(super) struct NpzReader {
    path: PathBuf,
    file: File,
    arrays: Vec<Array>,
}

/// Little-endian numbers out of bytes that may be too short.
fn u16_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl NpzReader {
    /// Opens `path` and reads which arrays there are.
    ///
    /// # Errors
    /// Where it cannot be read, or is no such archive.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut reader = Self { path: path.to_owned(), file, arrays: Vec::new() };
        let tail_at = length.saturating_sub(TAIL);
        let tail = reader.read(tail_at, length - tail_at)?;
        let entries = match directory(&tail, tail_at) {
            Some((at, size)) if size <= MOST_BYTES && at.saturating_add(size) <= length => {
                entries(&reader.read(at, size)?)
            }
            _ => None,
        };
        let entries =
            entries.ok_or_else(|| reader.damaged("is no .npz archive, or is cut short"))?;
        for entry in entries {
            let array = reader.array(entry, length)?;
            reader.arrays.push(array);
        }
        Ok(reader)
    }

    /// An error about this file.
    pub(super) fn damaged(&self, message: impl Into<String>) -> Error {
        Error::Results { path: self.path.clone(), message: message.into() }
    }

    fn read(&mut self, at: u64, bytes: u64) -> Result<Vec<u8>> {
        let mut buffer = vec![0; bytes as usize];
        self.read_into(at, &mut buffer)?;
        Ok(buffer)
    }

    fn read_into(&mut self, at: u64, buffer: &mut [u8]) -> Result<()> {
        let mut read = |file: &mut File| {
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(buffer)
        };
        read(&mut self.file).map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    /// Looks up where the array of an entry lies, its type and shape.
    fn array(&mut self, entry: Entry, length: u64) -> Result<Array> {
        let bad = |reader: &Self| reader.damaged(format!("{}: damaged", entry.name.escape_debug()));
        if entry.offset.saturating_add(30) > length {
            return Err(bad(self));
        }
        let local = self.read(entry.offset, 30)?;
        let (Some(name), Some(extra)) = (u16_at(&local, 26), u16_at(&local, 28)) else {
            return Err(bad(self));
        };
        let start = entry.offset + 30 + name + extra;
        if !local.starts_with(b"PK\x03\x04") || start.saturating_add(entry.size) > length {
            return Err(bad(self));
        }
        let head = self.read(start, entry.size.min(10))?;
        let header = match (head.get(..8) == Some(b"\x93NUMPY\x01\x00"), u16_at(&head, 8)) {
            (true, Some(n)) if 10 + n <= entry.size => self.read(start + 10, n)?,
            _ => return Err(bad(self)),
        };
        let Some((descriptor, shape)) = parse_header(&header) else { return Err(bad(self)) };
        let bytes = entry.size - 10 - header.len() as u64;
        let name = entry.name.trim_end_matches(".npy").to_owned();
        let (entry, crc, start) = (start, entry.crc, start + 10 + header.len() as u64);
        Ok(Array { name, descriptor, shape, start, bytes, entry, crc })
    }

    /// The array of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|a| a.name == name)
    }

    /// A single text.
    pub(super) fn text(&mut self, name: &str) -> Result<String> {
        let array = self.get(name).cloned();
        let array = array.ok_or_else(|| self.damaged(format!("has no array {name}")))?;
        let is_text = array.descriptor.starts_with("<U") && array.shape.is_empty();
        if !is_text || array.bytes > MOST_BYTES {
            return Err(self.damaged(format!("{name} is no single text")));
        }
        let bytes = self.read(array.start, array.bytes)?;
        let points = bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
        let text: Option<String> = points.take_while(|c| *c != 0).map(char::from_u32).collect();
        text.ok_or_else(|| self.damaged(format!("{name} is no text")))
    }

    /// Bytes `from..` of the elements of array `name`, as many as `buffer` holds.
    pub(super) fn elements(&mut self, name: &str, from: u64, buffer: &mut [u8]) -> Result<()> {
        let array = self.get(name).map(|a| (a.start, a.bytes));
        match array {
            Some((start, bytes)) if from.saturating_add(buffer.len() as u64) <= bytes => {
                self.read_into(start + from, buffer)
            }
            _ => Err(self.damaged(format!("{name} is missing or too short"))),
        }
    }

    /// Reads all of it and compares checksums.
    ///
    /// # Errors
    /// Where one differs.
    pub(super) fn verify(&mut self) -> Result<()> {
        let mut buffer = vec![0; 1 << 18];
        for i in 0..self.arrays.len() {
            let Array { entry, start, bytes, crc, .. } = self.arrays[i];
            let (mut at, end, mut hash) = (entry, start + bytes, crc32fast::Hasher::new());
            while at < end {
                let n = (end - at).min(buffer.len() as u64) as usize;
                self.read_into(at, &mut buffer[..n])?;
                hash.update(&buffer[..n]);
                at += n as u64;
            }
            if hash.finalize() != crc {
                let name = self.arrays[i].name.escape_debug().to_string();
                return Err(self.damaged(format!("{name}: damaged (its checksum differs)")));
            }
        }
        Ok(())
    }
}

struct Entry {
    name: String,
    crc: u32,
    size: u64,
    offset: u64,
}

/// Where the directory of the archive begins, and its bytes.
fn directory(tail: &[u8], tail_at: u64) -> Option<(u64, u64)> {
    let end =
        (0..=tail.len().checked_sub(22)?).rev().find(|&i| tail[i..].starts_with(b"PK\x05\x06"))?;
    let (size, at) = (u32_at(tail, end + 12)?, u32_at(tail, end + 16)?);
    if size < LIMIT_32 && at < LIMIT_32 {
        return Some((at, size));
    }
    // zip64: its end of the directory lies where the locator before ours says
    let locator = end.checked_sub(20)?;
    if !tail[locator..].starts_with(b"PK\x06\x07") {
        return None;
    }
    let there = usize::try_from(u64_at(tail, locator + 8)?.checked_sub(tail_at)?).ok()?;
    tail.get(there..)?.starts_with(b"PK\x06\x06").then_some(())?;
    Some((u64_at(tail, there + 48)?, u64_at(tail, there + 40)?))
}

fn entries(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let stored = u16_at(bytes, 10)? == 0;
        if !bytes.starts_with(b"PK\x01\x02") || !stored {
            return None;
        }
        let length = |at: usize| u16_at(bytes, at).map(|n| n as usize);
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let extra_bytes = bytes.get(46 + name..46 + name + extra)?;
        // what does not fit into 32 bits follows, in order, in the extra field 1
        let mut wide = 4;
        let is_wide = u16_at(extra_bytes, 0) == Some(1);
        let mut full = |value: u64| -> Option<u64> {
            if value < LIMIT_32 {
                return Some(value);
            }
            let value = if is_wide { u64_at(extra_bytes, wide)? } else { return None };
            wide += 8;
            Some(value)
        };
        let (size, packed) = (full(u32_at(bytes, 24)?)?, full(u32_at(bytes, 20)?)?);
        if size != packed {
            return None;
        }
        found.push(Entry {
            name: String::from_utf8(bytes.get(46..46 + name)?.to_vec()).ok()?,
            crc: u32_at(bytes, 16)? as u32,
            size,
            offset: full(u32_at(bytes, 42)?)?,
        });
        bytes = bytes.get(46 + name + extra + comment..)?;
    }
    Some(found)
}

/// Type and shape from the text of a `.npy` header.
fn parse_header(header: &[u8]) -> Option<(String, Vec<u64>)> {
    let text = std::str::from_utf8(header).ok()?;
    let descriptor = text.split("'descr': '").nth(1)?.split('\'').next()?;
    if !text.contains("'fortran_order': False") {
        return None;
    }
    let shape = text.split("'shape': (").nth(1)?.split(')').next()?;
    let numbers = shape.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape: Option<Vec<u64>> = numbers.map(|n| n.parse().ok()).collect();
    Some((descriptor.to_owned(), shape?))
}
