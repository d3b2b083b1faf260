//! One bar chart per job, as SVG.

use std::path::Path;

use anyhow::{Context, anyhow};
use plotters::prelude::{
    BLACK, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text, TextStyle, WHITE,
};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::stats::{Spread, short};

/// Of the whole picture.
const WIDTH: i32 = 760;
/// Of one bar with its surroundings.
const ROW: i32 = 30;
/// What stands above the bars.
const TOP: i32 = 44;
/// Where bars begin; names stand left of it.
const LEFT: i32 = 140;
/// What is kept free for the figure behind the longest bar.
const RIGHT: i32 = 170;

const OWN: RGBColor = RGBColor(0, 110, 160);
const OTHER: RGBColor = RGBColor(176, 184, 192);

/// Draws a bar for each peer: the median, with a line from the least to the most.
///
/// # Errors
/// The file cannot be written.
pub(super) fn bars(
    file: &Path,
    title: &str,
    rows: &[(&str, Spread)],
    own: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    let height = TOP + ROW * i32::try_from(rows.len())? + 12;
    let area = SVGBackend::new(file, (u32::try_from(WIDTH)?, u32::try_from(height)?)).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    let largest = rows.iter().map(|(_, spread)| spread.max).fold(f64::MIN_POSITIVE, f64::max);
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a pixel within the picture")]
    let x = |value: f64| LEFT + (value / largest * f64::from(WIDTH - LEFT - RIGHT)).round() as i32;
    let style = |size: i32, at: HPos| {
        TextStyle::from(("sans-serif", size).into_font()).color(&BLACK).pos(Pos::new(at, VPos::Center))
    };
    area.draw(&Text::new(title.to_owned(), (12, TOP / 2), style(16, HPos::Left))).map_err(failed)?;
    let mut middle = TOP + ROW / 2;
    for (name, spread) in rows {
        let colour = if own(name) { OWN } else { OTHER };
        let bar = Rectangle::new([(LEFT, middle - 9), (x(spread.median), middle + 9)], colour.filled());
        let range = PathElement::new(vec![(x(spread.min), middle), (x(spread.max), middle)], BLACK.stroke_width(1));
        let told = Text::new(short(spread.median), (x(spread.max) + 8, middle), style(13, HPos::Left));
        area.draw(&Text::new((*name).to_owned(), (LEFT - 8, middle), style(13, HPos::Right))).map_err(failed)?;
        area.draw(&bar).map_err(failed)?;
        area.draw(&range).map_err(failed)?;
        area.draw(&told).map_err(failed)?;
        middle += ROW;
    }
    area.present().map_err(failed).with_context(|| format!("cannot write {}", file.display()))
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}
