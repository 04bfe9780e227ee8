//! `neyman plot`: figures of a result document.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use neyman::plot::{self, Figure, Options};

use super::arguments::Plot;
use super::failure::Failure;
use super::{Exit, Outcome, input, output};

/// Pixels of a PNG to a unit of the drawing.
const SCALE: f32 = 2.0;

/// What is written, by the file's suffix.
enum Format {
    Svg,
    Png,
}

pub(crate) fn run(arguments: &Plot) -> Outcome {
    let format = format(&arguments.output)?;
    let document = input::read_json(&arguments.result)?;
    let options = Options {
        what: arguments.what,
        top: arguments.top,
        threshold: arguments.threshold,
        channel: arguments.channel.clone(),
        title: arguments.title.clone(),
        label: arguments.label.clone(),
        size: arguments.size,
    };
    let figures = plot::draw(&document, &options)
        .map_err(|error| Failure::in_file(&arguments.result, error))?;
    for (figure, path) in figures.iter().zip(paths(&figures, &arguments.output)) {
        match format {
            Format::Svg => output::file(&path, figure.svg.as_bytes())?,
            Format::Png => output::file(&path, &plot::to_png(&figure.svg, SCALE)?)?,
        }
        output::text(&format!("{}\n", super::failure::one_line(&path.display().to_string())))?;
    }
    Ok(Exit::Success)
}

fn format(output: &Path) -> Result<Format, Failure> {
    let suffix = output.extension().map(|s| s.to_string_lossy().to_lowercase());
    match suffix.as_deref() {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => {
            let file = output.display();
            Err(Failure::usage(format!("{file}: the file's name is to end in .svg or .png")))
        }
    }
}

/// A file for each figure: the one that was named, or with each figure's own name before the suffix.
fn paths(figures: &[Figure], output: &Path) -> Vec<PathBuf> {
    if figures.len() == 1 {
        return vec![output.to_owned()];
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let suffix = output.extension().unwrap_or_default().to_string_lossy();
    let mut taken = BTreeSet::new();
    let name = |figure: &Figure| {
        let safe = |c: char| if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '_' };
        let word: String = figure.name.chars().map(safe).take(100).collect();
        let mut name = format!("{stem}-{word}");
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{stem}-{word}-{number}");
            number += 1;
        }
        output.with_file_name(format!("{name}.{suffix}"))
    };
    figures.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_figures_have_names_of_their_own() {
        let figure = |name: &str| Figure { name: name.into(), svg: String::new() };
        let two = [figure("a/b"), figure("a b"), figure("c")];
        let names = paths(&two, Path::new("out/fig.png"));
        assert_eq!(
            names,
            ["out/fig-a_b.png", "out/fig-a_b-2.png", "out/fig-c.png"].map(PathBuf::from)
        );
        assert_eq!(paths(&two[..1], Path::new("fig.svg")), [PathBuf::from("fig.svg")]);
    }

    #[test]
    fn suffixes_decide() {
        assert!(matches!(format(Path::new("a.SVG")), Ok(Format::Svg)));
        assert!(format(Path::new("a.pdf")).is_err() && format(Path::new("png")).is_err());
    }
}
