//! Colours that stay apart for colour-blind readers and in grey.

/// Frames, data, text.
pub(crate) const BLACK: &str = "#000000";
/// Where a figure comes from, and other quiet things.
pub(crate) const GREY: &str = "#5a5a5a";
/// Lines for reference.
pub(crate) const LIGHT: &str = "#b5b5b5";
/// The band of one sigma.
pub(crate) const GREEN: &str = "#78b76f";
/// The band of two sigma.
pub(crate) const YELLOW: &str = "#f8dc7c";
/// What the eye is to find first.
pub(crate) const RED: &str = "#bd1f01";
/// The other hypothesis.
pub(crate) const BLUE: &str = "#2f6fb5";
pub(crate) const DARK_BLUE: &str = "#1c4e85";
pub(crate) const LIGHT_BLUE: &str = "#a9cbea";
/// Samples of a stack (M. A. Petroff, arXiv:2107.02270).
pub(crate) const SAMPLES: [&str; 10] = [
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70",
    "#717581", "#92dadd",
];
/// Levels of a surface, from its deepest place up.
pub(crate) const LEVELS: [&str; 4] = ["#3f7fc1", "#7fb0dd", "#b9d5ee", "#e3eef8"];

/// Between blue (-1), white (0) and red (+1).
pub(crate) fn diverging(x: f64) -> String {
    const ENDS: [[f64; 3]; 2] = [[33.0, 102.0, 172.0], [178.0, 24.0, 43.0]];
    let end = ENDS[usize::from(x > 0.0)];
    let part = if x.is_nan() { 0.0 } else { x.abs().min(1.0) };
    let mix = |c: f64| (255.0 + (c - 255.0) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(end[0]), mix(end[1]), mix(end[2]))
}

/// From light to dark for 0 to 1.
pub(crate) fn sequential(x: f64) -> String {
    const STOPS: [[f64; 3]; 4] =
        [[253.0, 246.0, 214.0], [152.0, 206.0, 178.0], [60.0, 140.0, 172.0], [33.0, 64.0, 122.0]];
    let x = if x.is_nan() { 0.0 } else { x.clamp(0.0, 1.0) } * 3.0;
    let i = (x as usize).min(2);
    let mix = |k: usize| (STOPS[i][k] + (STOPS[i + 1][k] - STOPS[i][k]) * (x - i as f64)) as u8;
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}
