//! The Markdown documents of the repository: their code blocks, headings and links.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// A fenced block of code. `console account` has the language `console` and the mark `account`.
pub(crate) struct Block {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) mark: String,
    pub(crate) text: String,
}

impl Block {
    /// The lines after a prompt, each with the output that is shown below it.
    pub(crate) fn commands(&self) -> Vec<(&str, Vec<&str>)> {
        let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in self.text.lines().filter(|line| !line.is_empty()) {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command, Vec::new())),
                (None, Some((_, output))) => output.push(line),
                (None, None) => panic!("{self} begins without a prompt: {line}"),
            }
        }
        commands
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A document, by its path from the root of the repository.
pub(crate) struct Document {
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Document {
    pub(crate) fn read(file: &str) -> Self {
        let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self { file: file.to_owned(), text }
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (index, line) in self.text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(_) if open => open = false,
                Some(words) => {
                    open = true;
                    let (language, mark) = words.split_once(' ').unwrap_or((words, ""));
                    blocks.push(Block {
                        file: self.file.clone(),
                        line: index + 1,
                        language: language.to_owned(),
                        mark: mark.to_owned(),
                        text: String::new(),
                    });
                }
                None if open => {
                    let text = &mut blocks.last_mut().expect("a block is open").text;
                    text.push_str(line);
                    text.push('\n');
                }
                None => {}
            }
        }
        assert!(!open, "{} has a block without an end", self.file);
        blocks
    }

    /// The lines outside of blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut open = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            open ^= fence;
            !open && !fence
        })
    }

    /// The targets of the links, in the order of the text.
    pub(crate) fn links(&self) -> Vec<&str> {
        let parts = self.prose().flat_map(|line| line.split("](").skip(1));
        parts.filter_map(|rest| rest.split(')').next()).collect()
    }

    /// What a link can name: the headings as GitHub writes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || "-_ ".contains(*char));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// All documents of the repository.
pub(crate) fn documents() -> Vec<Document> {
    let mut files = Vec::new();
    collect(&root(), &mut files);
    files.sort();
    assert!(files.len() > 15, "{files:?}");
    files.iter().map(|file| Document::read(file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.')
                && !["target", "node_modules", "corpus", "artifacts"].contains(&name.as_str())
            {
                collect(&path, files);
            }
        } else if name.ends_with(".md") {
            files.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
        }
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the package is in crates").to_path_buf()
}
