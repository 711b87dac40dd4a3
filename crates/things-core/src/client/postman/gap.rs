//! Why a variable of a Postman environment file has no value.

use std::fmt;

/// A variable without a value in a Postman environment file, and why. `Display` explains it.
///
/// It is `tenantId`, `keyId` or `keySecret`, or another of KPN's variables that is disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostmanGap {
    pub(super) file: String,
    pub(super) variable: &'static str,
    pub(super) reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Absent { similar: Option<String> },
    Disabled,
    Empty,
    Reference(String),
}

impl PostmanGap {
    /// The path of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The name of the variable.
    pub fn variable(&self) -> &str {
        self.variable
    }

    /// Whether the variable is in the file and disabled.
    pub fn is_disabled(&self) -> bool {
        self.reason == Reason::Disabled
    }
}

impl fmt::Display for PostmanGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = self.variable;
        match &self.reason {
            Reason::Absent { similar: None } => write!(f, "it has no {variable}"),
            Reason::Absent { similar: Some(name) } => {
                write!(f, "it has no {variable}, but {name}: rename it")
            }
            Reason::Disabled => write!(f, "{variable} is disabled there: enable it"),
            Reason::Empty => write!(
                f,
                "{variable} is empty there (Postman does not export values that it keeps on your machine only)"
            ),
            Reason::Reference(reference) if reference.starts_with("{{vault:") => write!(
                f,
                "the value of {variable} is the reference {reference} into Postman's vault, which the export does not contain"
            ),
            Reason::Reference(reference) => {
                write!(f, "the value of {variable} is a reference {reference}, which only Postman replaces")
            }
        }
    }
}
