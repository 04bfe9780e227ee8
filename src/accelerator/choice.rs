//! What a user may ask for: a device, an arithmetic. Plain data; nothing here looks at the machine.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// Which device to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeviceChoice {
    /// The fastest one for the work: the processor for fits, whatever is faster for many toys.
    #[default]
    Auto,
    /// The processor, f64.
    Cpu,
    /// A graphics processor through wgpu.
    Gpu {
        /// Vulkan, Metal or DX12; any of them where not said.
        backend: Option<Backend>,
        /// Its number in the list of devices: among those of `backend`, or among all.
        index: Option<usize>,
    },
    /// An NVIDIA graphics processor through CUDA.
    Cuda {
        /// Its number in the list of devices.
        index: Option<usize>,
    },
    /// Several NVIDIA graphics processors, among which the fits of a batch are shared out.
    CudaSeveral {
        /// Which; all of them where not said.
        cards: Option<Cards>,
    },
}

/// Numbers of two cards or more, none twice: a set, so `cuda:1,0` is `cuda:0,1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cards(u64);

/// Interfaces to graphics processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// Linux, Windows, Android.
    Vulkan,
    /// Apple.
    Metal,
    /// Windows.
    Dx12,
}

/// Which arithmetic graphics processors use. The processor has f64 alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PrecisionChoice {
    /// f64 where it is fast, else df64.
    #[default]
    Auto,
    /// Double precision in hardware.
    F64,
    /// Pairs of f32.
    Df64,
    /// Single precision.
    F32,
}

/// All that is asked of a device.
///
/// ```
/// use neyman::accelerator::{DeviceChoice, DeviceRequest, PrecisionChoice};
///
/// assert_eq!(DeviceRequest::default(), DeviceRequest::from(DeviceChoice::Auto));
/// let request = DeviceRequest { precision: PrecisionChoice::Df64, ..DeviceChoice::Cpu.into() };
/// assert!(request.host_fallback);
/// assert!("vulkan:0".parse::<DeviceChoice>().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceRequest {
    /// Where to run.
    pub device: DeviceChoice,
    /// Arithmetic there. With [`DeviceChoice::Auto`] that of a graphics processor, should one be
    /// taken; the processor stays with f64.
    pub precision: PrecisionChoice,
    /// What a device cannot finish is finished on the processor, and said. Without it such fits
    /// keep the status that the device gave them.
    pub host_fallback: bool,
}

impl Default for DeviceRequest {
    fn default() -> Self {
        Self {
            device: DeviceChoice::default(),
            precision: PrecisionChoice::default(),
            host_fallback: true,
        }
    }
}

impl DeviceRequest {
    /// Whether a single likelihood runs on the processor then.
    pub fn is_processor(&self) -> bool {
        matches!(self.device, DeviceChoice::Auto | DeviceChoice::Cpu)
    }
}

impl From<DeviceChoice> for DeviceRequest {
    fn from(device: DeviceChoice) -> Self {
        Self { device, ..Self::default() }
    }
}

impl From<&DeviceChoice> for DeviceRequest {
    fn from(device: &DeviceChoice) -> Self {
        (*device).into()
    }
}

impl From<&Self> for DeviceRequest {
    fn from(request: &Self) -> Self {
        *request
    }
}

/// The words for devices; all but the first two may carry a number, as in `gpu:0`, the last several.
const DEVICES: [&str; 7] = ["auto", "cpu", "gpu", "vulkan", "metal", "dx12", "cuda"];
const PRECISIONS: [&str; 4] = ["auto", "f64", "df64", "f32"];

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let error = |message: String| {
            let device = shorten(text);
            Err(Error::Device { device, message })
        };
        let lower = text.trim().to_ascii_lowercase();
        let (word, number) = match lower.split_once(':') {
            Some((word, number)) => (word, Some(number)),
            None => (&*lower, None),
        };
        let number = match number {
            None => None,
            Some(_) if word == "auto" || word == "cpu" => {
                return error(format!("{word} has no number"));
            }
            Some("all") if word == "cuda" => return Ok(Self::CudaSeveral { cards: None }),
            Some(list) if word == "cuda" && list.contains(',') => match several(list) {
                Ok(cards) => return Ok(Self::CudaSeveral { cards: Some(cards) }),
                Err(message) => return error(message),
            },
            Some(list) if DEVICES.contains(&word) && list.contains(',') => {
                return error("several work together through CUDA alone, as in cuda:0,1".into());
            }
            Some(n) if DEVICES.contains(&word) => match number_of(n) {
                Some(i) => Some(i),
                None => return error(format!("a number must follow the colon, as in {word}:0")),
            },
            Some(_) => None,
        };
        let gpu = |backend| Self::Gpu { backend, index: number };
        Ok(match word {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => gpu(None),
            "vulkan" => gpu(Some(Backend::Vulkan)),
            "metal" => gpu(Some(Backend::Metal)),
            "dx12" => gpu(Some(Backend::Dx12)),
            "cuda" => Self::Cuda { index: number },
            _ => {
                return error(format!(
                    "there is none of that name{}; devices are {}, and gpu:0, vulkan:1 and so on",
                    did_you_mean(word, &DEVICES),
                    DEVICES.join(", ")
                ));
            }
        })
    }
}

/// Digits alone.
fn number_of(text: &str) -> Option<usize> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `0,1`, or what is wrong with it.
fn several(list: &str) -> Result<Cards, String> {
    let numbers: Option<Vec<usize>> = list.split(',').map(number_of).collect();
    let Some(numbers) = numbers else {
        return Err("numbers of cards must follow the colon, as in cuda:0,1".into());
    };
    Cards::of(&numbers)
}

impl Cards {
    /// More are in no machine.
    const MOST: usize = 64;

    /// A set of cards.
    ///
    /// # Errors
    /// Where it holds fewer than two, one twice, or a number of 64 or more.
    pub fn new(numbers: &[usize]) -> Result<Self> {
        let device = "cuda".into();
        Self::of(numbers).map_err(|message| Error::Device { device, message })
    }

    fn of(numbers: &[usize]) -> Result<Self, String> {
        let mut set = 0u64;
        for &number in numbers {
            if number >= Self::MOST {
                return Err(format!("there is no card of number {number}"));
            }
            if set >> number & 1 == 1 {
                return Err(format!("card {number} is named twice"));
            }
            set |= 1 << number;
        }
        if set.count_ones() < 2 {
            return Err("several cards are two at least, as in cuda:0,1".into());
        }
        Ok(Self(set))
    }

    /// The numbers, rising.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        (0..Self::MOST).filter(move |number| self.0 >> number & 1 == 1)
    }
}

/// `0,1`.
impl fmt::Display for Cards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, number) in self.numbers().enumerate() {
            write!(f, "{}{number}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, index) = match self {
            Self::CudaSeveral { cards: Some(cards) } => return write!(f, "cuda:{cards}"),
            Self::CudaSeveral { cards: None } => return f.write_str("cuda:all"),
            Self::Auto => ("auto", None),
            Self::Cpu => ("cpu", None),
            Self::Gpu { backend: None, index } => ("gpu", *index),
            Self::Gpu { backend: Some(backend), index } => (backend.as_str(), *index),
            Self::Cuda { index } => ("cuda", *index),
        };
        match index {
            Some(index) => write!(f, "{word}:{index}"),
            None => f.write_str(word),
        }
    }
}

impl Backend {
    /// One word, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Dx12 => "dx12",
        }
    }

    /// As its makers write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Vulkan => "Vulkan",
            Self::Metal => "Metal",
            Self::Dx12 => "DX12",
        }
    }
}

impl PrecisionChoice {
    /// One word, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F64 => "f64",
            Self::Df64 => "df64",
            Self::F32 => "f32",
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PrecisionChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = text.trim().to_ascii_lowercase();
        let all = [Self::Auto, Self::F64, Self::Df64, Self::F32];
        let found = all.into_iter().find(|p| p.as_str() == word);
        found.ok_or_else(|| Error::Device {
            device: format!("with precision {}", shorten(text)),
            message: format!(
                "there is none{}; precisions are {}",
                did_you_mean(&word, &PRECISIONS),
                PRECISIONS.join(", ")
            ),
        })
    }
}

/// `: did you mean gpu?`, where one of `words` is near.
fn did_you_mean(word: &str, words: &[&str]) -> String {
    // a guess at anything longer is no help, and costs
    if word.chars().count() > 16 {
        return String::new();
    }
    let near = words.iter().map(|w| (strsim::damerau_levenshtein(word, w), w)).min();
    match near {
        Some((distance, w)) if distance <= 1 + w.len() / 4 && distance < w.len() => {
            format!(": did you mean {w}?")
        }
        _ => String::new(),
    }
}

/// What was typed, for a message.
fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    if text.is_empty() {
        return "\"\"".into();
    }
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_choices_and_back() {
        let gpu = |backend, index| DeviceChoice::Gpu { backend, index };
        let cards = |numbers: &[usize]| DeviceChoice::CudaSeveral {
            cards: Some(Cards::new(numbers).unwrap()),
        };
        assert_eq!("cuda:1,0".parse::<DeviceChoice>().unwrap(), cards(&[0, 1]));
        let cases = [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("gpu", gpu(None, None)),
            ("gpu:3", gpu(None, Some(3))),
            ("vulkan", gpu(Some(Backend::Vulkan), None)),
            ("vulkan:0", gpu(Some(Backend::Vulkan), Some(0))),
            ("metal:1", gpu(Some(Backend::Metal), Some(1))),
            ("dx12", gpu(Some(Backend::Dx12), None)),
            ("cuda", DeviceChoice::Cuda { index: None }),
            ("cuda:7", DeviceChoice::Cuda { index: Some(7) }),
            ("cuda:all", DeviceChoice::CudaSeveral { cards: None }),
            ("cuda:0,1", cards(&[1, 0])),
            ("cuda:2,13,63", cards(&[2, 63, 13])),
        ];
        for (text, choice) in cases {
            assert_eq!(text.parse::<DeviceChoice>().unwrap(), choice);
            assert_eq!(text.to_ascii_uppercase().parse::<DeviceChoice>().unwrap(), choice);
            assert_eq!(choice.to_string(), text);
        }
        for text in PRECISIONS {
            assert_eq!(text.parse::<PrecisionChoice>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_words_are_told_what_there_is() {
        let cases = [
            ("", "device \"\": there is none of that name; devices are auto, cpu, gpu, vulkan"),
            ("gup", "device gup: there is none of that name: did you mean gpu?; devices are"),
            ("vulcan:1", "device vulcan:1: there is none of that name: did you mean vulkan?"),
            ("tpu", "did you mean"),
            ("quantum", "device quantum: there is none of that name; devices are"),
            ("gpu:", "device gpu:: a number must follow the colon, as in gpu:0"),
            ("gpu:x", "a number must follow the colon, as in gpu:0"),
            ("metal:-1", "a number must follow the colon, as in metal:0"),
            ("cuda:+1", "a number must follow the colon, as in cuda:0"),
            ("gpu:99999999999999999999999", "a number must follow the colon"),
            ("gpu:0:1", "a number must follow the colon"),
            ("cpu:0", "device cpu:0: cpu has no number"),
            ("gpu:0,1", "device gpu:0,1: several work together through CUDA alone, as in cuda:0,1"),
            ("gpu:0,cuda:1", "several work together through CUDA alone"),
            ("cuda:0,gpu:1", "numbers of cards must follow the colon, as in cuda:0,1"),
            ("cuda:0,", "numbers of cards must follow the colon"),
            ("cuda:0,all", "numbers of cards must follow the colon"),
            ("cuda:1,0,1", "device cuda:1,0,1: card 1 is named twice"),
            ("cuda:0,64", "there is no card of number 64"),
            ("gpu:all", "a number must follow the colon, as in gpu:0"),
            ("a\u{1b}b", "device a\\u{1b}b: there is none"),
        ];
        for (text, told) in cases {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert!(error.is_device() && error.to_string().contains(told), "{text}: {error}");
        }
        let long = "x".repeat(100_000).parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(long.len() < 250, "{long}");
        let error = "f46".parse::<PrecisionChoice>().unwrap_err();
        let told = "device with precision f46: there is none: did you mean f64?; precisions are \
                    auto, f64, df64, f32";
        assert!(error.is_device());
        assert_eq!(error.to_string(), told);
    }
}
