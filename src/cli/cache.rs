//! Where the system wants things kept that can be made again, by the environment.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Our folder there, or nothing where the environment names no place.
pub(crate) fn folder() -> Option<PathBuf> {
    place(|name| env::var_os(name))
}

fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // relative ones are to be ignored (XDG Base Directory Specification)
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let place = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|home| home.join("Library/Caches"))
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
    };
    place.map(|place| place.join("neyman"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_place_follows_the_specification() {
        let with = |cache: &str, home: &str| {
            place(|name| match name {
                "XDG_CACHE_HOME" => Some(cache.into()),
                "HOME" => Some(home.into()),
                _ => None,
            })
        };
        assert_eq!(with("/cache", "/home/me"), Some("/cache/neyman".into()));
        assert_eq!(with("cache", "/home/me"), Some("/home/me/.cache/neyman".into()));
        assert_eq!(with("", ""), None);
        assert_eq!(place(|_| None), None);
    }
}
