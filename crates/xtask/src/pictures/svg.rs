//! Writes SVG that is legible on a light and on a dark page.

use std::fmt::{Display, Write};

/// The colours by class: of the fill, on a light and on a dark page.
const COLOURS: [(&str, &str, &str); 11] = [
    ("paper", "#ffffff", "#0d1117"),
    ("frame", "#d0d7de", "#30363d"),
    ("panel", "#f6f8fa", "#161b22"),
    ("ink", "#1f2328", "#e6edf3"),
    ("faint", "#59636e", "#9198a1"),
    ("ours", "#1a7f37", "#2ea043"),
    ("others", "#8c959f", "#6e7681"),
    ("red", "#cf222e", "#ff7b72"),
    ("green", "#116329", "#7ee787"),
    ("yellow", "#7d4e00", "#f2cc60"),
    ("blue", "#0550ae", "#79c0ff"),
];

/// A picture under construction.
pub(super) struct Picture {
    width: u32,
    height: u32,
    title: String,
    body: String,
}

impl Picture {
    /// A picture of this size on a panel. The title is for readers who do not see it.
    pub(super) fn new(width: u32, height: u32, title: &str) -> Self {
        let mut picture = Self { width, height, title: escaped(title), body: String::new() };
        picture.outlined(0, 0, width, height);
        picture
    }

    /// A box with a frame.
    pub(super) fn outlined(&mut self, x: u32, y: u32, width: u32, height: u32) {
        self.rectangle("frame", x, y, width, height);
        self.rectangle("panel", x + 1, y + 1, width.saturating_sub(2), height.saturating_sub(2));
    }

    pub(super) fn rectangle(&mut self, class: &str, x: u32, y: u32, width: u32, height: u32) {
        let line = format_args!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>"#
        )
        .to_string();
        self.line(line);
    }

    /// Text that begins at this place.
    pub(super) fn text(&mut self, class: &str, x: u32, y: u32, text: &str) {
        self.line(format_args!(r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escaped(text)));
    }

    /// Text around this place.
    pub(super) fn centred(&mut self, class: &str, x: u32, y: u32, text: &str) {
        let text = escaped(text);
        self.line(format_args!(
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="middle">{text}</text>"#
        ));
    }

    /// Text that ends at this place.
    pub(super) fn right(&mut self, class: &str, x: u32, y: u32, text: &str) {
        let text = escaped(text);
        self.line(format_args!(r#"<text class="{class}" x="{x}" y="{y}" text-anchor="end">{text}</text>"#));
    }

    /// A vertical arrow with its head at the lower end.
    pub(super) fn arrow(&mut self, x: u32, from: u32, to: u32) {
        let (left, right, shoulder) = (x - 5, x + 5, to - 8);
        self.rectangle("faint", x - 1, from, 2, shoulder - from);
        self.line(format_args!(
            r#"<path class="faint" d="M{left} {shoulder} L{right} {shoulder} L{x} {to} Z"/>"#
        ));
    }

    /// Something else, written as SVG.
    pub(super) fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.body, "{line}");
    }

    /// The file. `mono` is for pictures in a typewriter font.
    pub(super) fn finish(self, mono: bool) -> String {
        let Self { width, height, title, body } = self;
        let font = if mono {
            "13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
        } else {
            "14px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
        };
        let colours = |pick: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
            let rules = COLOURS.iter().map(|colour| format!(".{} {{ fill: {} }}", colour.0, pick(colour)));
            rules.collect::<Vec<_>>().join(" ")
        };
        let (light, dark) = (colours(|colour| colour.1), colours(|colour| colour.2));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" xml:space=\"preserve\">\n\
             <title>{title}</title>\n\
             <style>\ntext {{ font: {font} }}\n.bold {{ font-weight: 600 }}\n{light}\n\
             @media (prefers-color-scheme: dark) {{ {dark} }}\n</style>\n\
             {body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
