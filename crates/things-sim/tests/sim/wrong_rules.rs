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

#[test]
fn every_error_marks_a_part_of_the_rule() {
    let rules = [
        "downlinks@3-5=status:503,Retry-After:2,body:é",
        "any@5%=latency:20ms",
        "token@every-10=refuse:oauth,200",
        "devices=rate-limit:5/min",
        "every-10=rename-device:u-1,Café",
        "envelope:paged-model",
    ];
    let mut errors = 0;
    for rule in rules {
        for (place, letter) in rule.char_indices() {
            let (before, after) = (&rule[..place], &rule[place..]);
            let without = &after[letter.len_utf8()..];
            for wrong in
                [format!("{before}{without}"), format!("{before},{after}"), format!("{before}\\é{without}")]
            {
                let faults = wrong.parse::<FaultRule>().err();
                let changes = wrong.parse::<ChangeRule>().err();
                let quirks = wrong.parse::<Quirk>().err();
                for error in [faults, changes, quirks].into_iter().flatten() {
                    assert_eq!(error.rule(), wrong);
                    assert!(wrong.get(error.span()).is_some(), "{error:?}");
                    assert_eq!(error.to_string().lines().count(), 4, "{error}");
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 1000, "{errors}");
}
