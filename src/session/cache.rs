//! How fast devices were: a small JSON file. Nothing in it is needed, so nothing about it is an error.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

const FILE: &str = "devices.json";
/// Entries beyond which the file begins anew.
const MOST: usize = 500;
/// Bytes that are read: a file of `MOST` entries has fewer.
const LARGEST: u64 = 1 << 20;

/// Fits per second by device and shape of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rates {
    /// Version of this program: another one may be faster on one device and not on the other.
    version: String,
    rates: BTreeMap<String, f64>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into(), rates: BTreeMap::new() }
    }
}

impl Rates {
    /// What the folder holds, and what is to be said of it where that is of no use.
    pub(super) fn read(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let mut text = String::new();
        let read = fs::File::open(&path).and_then(|f| f.take(LARGEST).read_to_string(&mut text));
        let ignored = |why: &str| {
            let note = format!("{}: {why}: devices are timed again", path.display());
            (Self::default(), Some(note))
        };
        match read {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Err(e) => return ignored(&e.to_string()),
            Ok(_) => {}
        }
        match serde_json::from_str::<Self>(&text) {
            Err(e) => ignored(&format!("damaged ({e})")),
            Ok(rates) if rates.version != Self::default().version => {
                ignored(&format!("by version {}", rates.version.escape_debug()))
            }
            Ok(mut rates) => {
                rates.rates.retain(|_, rate| rate.is_finite() && *rate > 0.0);
                (rates, None)
            }
        }
    }

    pub(super) fn get(&self, model: &str, device: &str) -> Option<f64> {
        self.rates.get(&key(model, device)).copied()
    }

    pub(super) fn set(&mut self, model: &str, device: &str, rate: f64) {
        if self.rates.len() >= MOST {
            self.rates.clear();
        }
        self.rates.insert(key(model, device), rate);
    }

    /// Written beside its place and moved there: readers see all of it or the one before.
    pub(super) fn write(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(FILE);
        let draft = folder.join(format!("{FILE}.{}", std::process::id()));
        let write = || {
            fs::create_dir_all(folder)?;
            let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
            fs::write(&draft, text)?;
            fs::rename(&draft, &path)
        };
        write().map_err(|e| {
            // a draft may be left of a full disk
            let _ = fs::remove_file(&draft);
            format!("{}: {e}: the speed of devices is not kept", path.display())
        })
    }
}

fn key(model: &str, device: &str) -> String {
    format!("{model}; {device}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("neyman-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn rates_are_kept() {
        let folder = folder("rates").join("deep/er");
        assert_eq!(Rates::read(&folder), (Rates::default(), None));
        let mut rates = Rates::default();
        rates.set("model", "cpu", 1.5);
        rates.set("model", "gpu", 2.5);
        rates.write(&folder).unwrap();
        let (again, note) = Rates::read(&folder);
        assert_eq!((&again, note), (&rates, None));
        assert_eq!(again.get("model", "gpu"), Some(2.5));
        assert_eq!(again.get("other", "gpu"), None);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        for i in 0..2 * MOST {
            rates.set(&i.to_string(), "cpu", 1.0);
        }
        assert!(rates.rates.len() <= MOST);
    }

    #[test]
    fn damage_is_told_and_ignored() {
        let folder = folder("damage");
        fs::create_dir_all(&folder).unwrap();
        let written = |text: &[u8]| {
            fs::write(folder.join(FILE), text).unwrap();
            Rates::read(&folder)
        };
        let deep = "[".repeat(100_000);
        let long = " ".repeat(LARGEST as usize + 1);
        let cases: [&[u8]; 7] =
            [b"", b"{", b"\xff\xfe", b"[1]", br#"{"rates": {}}"#, deep.as_bytes(), long.as_bytes()];
        for text in cases {
            let (rates, note) = written(text);
            assert_eq!(rates, Rates::default());
            assert!(note.unwrap().contains("timed again"));
        }
        let (rates, note) = written(br#"{"version": "0.0.0\u001b", "rates": {"m; d": 1}}"#);
        assert_eq!(rates, Rates::default());
        assert!(note.unwrap().contains("by version 0.0.0\\u{1b}: "));
        let version = env!("CARGO_PKG_VERSION");
        let odd = format!(r#"{{"version": "{version}", "rates": {{"m; a": -1, "m; b": 2}}}}"#);
        let (rates, _) = written(odd.as_bytes());
        assert_eq!((rates.get("m", "a"), rates.get("m", "b")), (None, Some(2.0)));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told() {
        let folder = folder("file");
        fs::write(&folder, "in the way").unwrap();
        assert!(Rates::default().write(&folder).unwrap_err().contains("is not kept"));
        let (rates, _) = Rates::read(&folder);
        assert_eq!(rates, Rates::default());
    }
}
