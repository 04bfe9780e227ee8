//! Streams NumPy `.npz` files: uncompressed zip archives of `.npy` arrays.
//!
//! Nothing in a file depends on when or where it was written. Arrays and archives beyond 4 GiB use
//! zip64, as NumPy does.

use std::io::{self, Seek, SeekFrom, Write};

/// 1980-01-01, the zip format's zero.
const DATE: u16 = 0x21;
const LIMIT_32: u64 = u32::MAX as u64;

/// A NumPy element type as little-endian bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// `<f8`
    F64,
    /// `<u8`
    U64,
    /// `<u4`
    U32,
    /// `<i4`
    I32,
    /// `|u1`
    U8,
    /// `<U{n}`: text of at most `n` characters.
    Text(usize),
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::U64 => 8,
            Self::U32 | Self::I32 => 4,
            Self::U8 => 1,
            Self::Text(n) => 4 * n,
        }
    }

    pub(super) fn descriptor(self) -> String {
        match self {
            Self::F64 => "<f8".into(),
            Self::U64 => "<u8".into(),
            Self::U32 => "<u4".into(),
            Self::I32 => "<i4".into(),
            Self::U8 => "|u1".into(),
            Self::Text(n) => format!("<U{n}"),
        }
    }
}

struct Entry {
    name: String,
    crc: u32,
    size: u64,
    offset: u64,
}

/// Writes one archive.
pub struct NpzWriter<W: Write + Seek> {
    out: W,
    position: u64,
    entries: Vec<Entry>,
    crc: crc32fast::Hasher,
    /// Bytes still to come for the array in work.
    remaining: u64,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// An archive at the start of `out`.
    pub fn new(out: W) -> Self {
        let crc = crc32fast::Hasher::new();
        Self { out, position: 0, entries: Vec::new(), crc, remaining: 0 }
    }

    /// Begins the array `name`; its bytes follow with [`Self::bytes`].
    pub fn begin(&mut self, name: &str, dtype: Dtype, shape: &[u64]) -> io::Result<()> {
        self.end()?;
        let header = npy_header(dtype, shape);
        let data = shape.iter().product::<u64>() * dtype.size() as u64;
        let entry = Entry {
            name: format!("{name}.npy"),
            crc: 0,
            size: header.len() as u64 + data,
            offset: self.position,
        };
        let local = local_header(&entry);
        self.out.write_all(&local)?;
        self.position += local.len() as u64;
        self.remaining = entry.size;
        self.entries.push(entry);
        self.bytes(&header)
    }

    /// The next bytes of the array in work.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let n = bytes.len() as u64;
        self.remaining = self.remaining.checked_sub(n).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "more bytes than the array's shape has")
        })?;
        self.crc.update(bytes);
        self.position += n;
        self.out.write_all(bytes)
    }

    /// A whole array of numbers.
    pub fn array_f64(&mut self, name: &str, shape: &[u64], values: &[f64]) -> io::Result<()> {
        self.begin(name, Dtype::F64, shape)?;
        values.iter().try_for_each(|v| self.bytes(&v.to_le_bytes()))
    }

    /// A whole array of whole numbers.
    pub fn array_u64(&mut self, name: &str, shape: &[u64], values: &[u64]) -> io::Result<()> {
        self.begin(name, Dtype::U64, shape)?;
        values.iter().try_for_each(|v| self.bytes(&v.to_le_bytes()))
    }

    /// A list of texts, or with an empty `shape` a single one.
    pub fn array_text<S: AsRef<str>>(
        &mut self,
        name: &str,
        shape: &[u64],
        values: &[S],
    ) -> io::Result<()> {
        let width = values.iter().map(|v| v.as_ref().chars().count()).max().unwrap_or(0).max(1);
        self.begin(name, Dtype::Text(width), shape)?;
        for value in values {
            let padded = value.as_ref().chars().map(u32::from).chain(std::iter::repeat(0));
            let bytes: Vec<u8> = padded.take(width).flat_map(u32::to_le_bytes).collect();
            self.bytes(&bytes)?;
        }
        Ok(())
    }

    /// The checksum is known only now: it goes back into the array's header.
    fn end(&mut self) -> io::Result<()> {
        if self.remaining > 0 {
            let message = "fewer bytes than the array's shape has";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let Some(entry) = self.entries.last_mut() else {
            return Ok(());
        };
        entry.crc = std::mem::take(&mut self.crc).finalize();
        self.out.seek(SeekFrom::Start(entry.offset + 14))?;
        self.out.write_all(&entry.crc.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(self.position))?;
        Ok(())
    }

    /// Writes the directory of the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        let directory: Vec<u8> = self.entries.iter().flat_map(central_header).collect();
        self.out.write_all(&directory)?;
        let tail = end_of_archive(self.entries.len() as u64, directory.len() as u64, self.position);
        self.out.write_all(&tail)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

fn npy_header(dtype: Dtype, shape: &[u64]) -> Vec<u8> {
    let shape = match shape {
        [] => "()".to_owned(),
        [n] => format!("({n},)"),
        _ => format!("({})", shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    };
    let descriptor = dtype.descriptor();
    let mut text =
        format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
    // data begin at a multiple of 64 bytes after 10 bytes of preamble
    let padding = 64 - (10 + text.len() + 1) % 64;
    text.extend(std::iter::repeat_n(' ', padding % 64));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

fn clamp_32(value: u64) -> u32 {
    value.min(LIMIT_32) as u32
}

/// Fields common to both headers: version needed, flags, stored, time, date, crc, sizes, lengths.
fn common(entry: &Entry, zip64: bool, extra: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((if zip64 { 45u16 } else { 20 }).to_le_bytes());
    bytes.extend([0; 6]);
    bytes.extend(DATE.to_le_bytes());
    bytes.extend(entry.crc.to_le_bytes());
    bytes.extend(clamp_32(entry.size).to_le_bytes());
    bytes.extend(clamp_32(entry.size).to_le_bytes());
    bytes.extend((entry.name.len() as u16).to_le_bytes());
    bytes.extend(extra.to_le_bytes());
    bytes
}

fn local_header(entry: &Entry) -> Vec<u8> {
    let zip64 = entry.size >= LIMIT_32;
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(common(entry, zip64, if zip64 { 20 } else { 0 }));
    bytes.extend(entry.name.as_bytes());
    if zip64 {
        bytes.extend([1, 0, 16, 0]);
        bytes.extend(entry.size.to_le_bytes());
        bytes.extend(entry.size.to_le_bytes());
    }
    bytes
}

fn central_header(entry: &Entry) -> Vec<u8> {
    // the extra field holds only what does not fit
    let mut extra: Vec<u8> = Vec::new();
    if entry.size >= LIMIT_32 {
        extra.extend(entry.size.to_le_bytes());
        extra.extend(entry.size.to_le_bytes());
    }
    if entry.offset >= LIMIT_32 {
        extra.extend(entry.offset.to_le_bytes());
    }
    let zip64 = !extra.is_empty();
    let length = if zip64 { extra.len() as u16 + 4 } else { 0 };
    let mut bytes = b"PK\x01\x02".to_vec();
    bytes.extend([45, 0]);
    bytes.extend(common(entry, zip64, length));
    // no comment, disk 0, no attributes
    bytes.extend([0; 10]);
    bytes.extend(clamp_32(entry.offset).to_le_bytes());
    bytes.extend(entry.name.as_bytes());
    if zip64 {
        bytes.extend([1, 0]);
        bytes.extend((extra.len() as u16).to_le_bytes());
        bytes.extend(extra);
    }
    bytes
}

fn end_of_archive(entries: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if offset >= LIMIT_32 {
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0]);
        bytes.extend([0; 8]);
        for value in [entries, entries, size, offset] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(b"PK\x06\x07");
        bytes.extend([0; 4]);
        bytes.extend((offset + size).to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
    }
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0; 4]);
    bytes.extend((entries as u16).to_le_bytes());
    bytes.extend((entries as u16).to_le_bytes());
    bytes.extend(clamp_32(size).to_le_bytes());
    bytes.extend(clamp_32(offset).to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
