//! Rules that are written wrongly are explained.

use things_sim::{ChangeRule, FaultRule, Quirk};

/// Parses the rule after the word, and shows the error.
fn shown(kind_and_rule: &str) -> String {
    let (kind, rule) = kind_and_rule.split_once(' ').unwrap();
    let error = match kind {
        "fault" => rule.parse::<FaultRule>().unwrap_err(),
        "change" => rule.parse::<ChangeRule>().unwrap_err(),
        _ => rule.parse::<Quirk>().unwrap_err(),
    };
    error.to_string()
}

#[test]
fn the_wrong_part_is_marked_and_explained() {
    let wrong = include_str!("wrong_rules.txt");
    let cases: Vec<_> = wrong.trim_end().split("\n\n").collect();
    assert!(cases.len() >= 15);
    for case in cases {
        let (rule, expected) = case.split_once('\n').unwrap();
        assert_eq!(shown(rule), expected, "{rule}");
    }
}

#[test]
fn the_caret_is_in_the_column_of_the_part() {
    for (rule, caret) in [
        ("fault devices=status:503,X:a\r\nY", "                     ^^^^^^^^"),
        ("change 1=rename-device:u-1,日本,x", "                  ^^^^^^^^^^"),
        ("quirk ", "  ^"),
    ] {
        let shown = shown(rule);
        assert_eq!(shown.lines().nth(2), Some(caret), "{shown}");
    }
}
