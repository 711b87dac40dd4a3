//! Text in a terminal: how wide it is, and how it is cut.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The text in one line, with a space for each character that would steer the terminal or change the order in which
/// other text is shown.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|char| if steers(char) { ' ' } else { char }).collect()
}

/// Control characters, line ends, direction marks and invisible marks. The joiners that emoji and some scripts need are
/// not among them.
fn steers(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
        )
}

/// The number of columns that the text takes.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The text, or its beginning and `…` if it is wider than this.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let (mut taken, mut end) = (0, 0);
    for (start, grapheme) in text.grapheme_indices(true) {
        taken += grapheme.width();
        if taken > columns {
            let mark = if columns == 0 { "" } else { "…" };
            return text.get(..end).unwrap_or_default().to_owned() + mark;
        }
        // The mark needs a column too.
        if taken < columns {
            end = start + grapheme.len();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: &str = "👩\u{200D}👩\u{200D}👧\u{200D}👦";

    #[test]
    fn what_a_reader_sees_as_one_character_is_measured_and_cut_as_one() {
        assert_eq!((width("é"), width("e\u{301}"), width("日本"), width(FAMILY)), (1, 1, 4, 2));
        let text = format!("{FAMILY}{FAMILY}ab");
        assert_eq!(cut(&text, 6), text);
        assert_eq!(cut(&text, 5), format!("{FAMILY}{FAMILY}…"));
        assert_eq!(cut(&text, 4), format!("{FAMILY}…"));
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
    }

    #[test]
    fn a_wide_character_that_does_not_fit_is_left_out() {
        assert_eq!(
            (cut("日本", 4), cut("日本", 3), cut("日本", 2)),
            ("日本".into(), "日…".into(), "…".into())
        );
        assert_eq!((cut("ab", 1), cut("ab", 0), cut("", 0)), ("…".into(), String::new(), String::new()));
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}d"), "a [2Jb c d");
        assert_eq!(plain("a\u{202E}b\u{2066}c\u{200F}d\u{2028}e\u{FEFF}f"), "a b c d e f");
        assert_eq!(plain(FAMILY), FAMILY);
    }
}
