//! The profiles of a user: sets of settings with a name, in `profiles.toml`.
//!
//! The file holds key secrets. It is readable by its owner alone, and it is refused if anybody else can read it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use fs4::FileExt;
use toml_edit::{Document, DocumentMut, Item, Table, Value, value};

use crate::failure::Failure;
use crate::private;
use crate::setting::{SETTINGS, Values};

/// The profile that is used where none is named.
pub(crate) const DEFAULT: &str = "default";

/// The profiles as they are in the file.
pub(crate) struct Profiles {
    path: PathBuf,
    text: String,
    /// Held while the profiles are changed.
    _lock: Option<fs::File>,
}

/// Stores settings under this name, in place of any others, and returns the path of the file.
pub(crate) fn store(name: &str, values: impl Into<Values>) -> Result<PathBuf, Failure> {
    let mut profiles = Profiles::open_to_change()?;
    profiles.put(name, &values.into())?;
    profiles.save()?;
    Ok(profiles.path)
}

/// Checks the name of a profile, so that the file reads well.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    match text.chars().find(|char| !plain(*char)) {
        _ if text.is_empty() => Err("a profile needs a name".to_owned()),
        Some(char) => Err(format!("a name cannot contain {char:?}: use letters, digits, '-' and '_'")),
        None => Ok(text.to_owned()),
    }
}

impl Profiles {
    /// Reads the file to change it. Until this is dropped, another process that does the same waits.
    pub(crate) fn open_to_change() -> Result<Self, Failure> {
        // Where there can be no lock, only changes at the same time are at risk.
        let lock = lock(&path()?).ok();
        Ok(Self { _lock: lock, ..Self::open()? })
    }

    /// Reads the file. A file that does not exist has no profiles.
    pub(crate) fn open() -> Result<Self, Failure> {
        let path = path()?;
        let failed = |why: String| Failure::Usage(format!("the profiles in {} {why}", path.display()));
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| failed("are not UTF-8".into()))?,
            Err(error) if private::is_missing(&error) => String::new(),
            Err(error) => return Err(failed(format!("cannot be read: {error}"))),
        };
        if !text.is_empty() && private::is_open_to_others(&path) {
            return Err(failed(format!("can be read by other users: run chmod 600 {}", path.display())));
        }
        let profiles = Self { path, text, _lock: None };
        profiles.tables()?;
        Ok(profiles)
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all profiles, in the order of the file.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        Ok(self.tables()?.iter().map(|(name, _)| name.to_owned()).collect())
    }

    /// Whether there is a profile of this name.
    pub(crate) fn contains(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.tables()?.contains_key(name))
    }

    /// Returns the settings of a profile. For a name that is not there, the error lists those that are.
    pub(crate) fn get(&self, name: &str) -> Result<Values, Failure> {
        let tables = self.tables()?;
        let Some(profile) = tables.get(name).and_then(Item::as_table_like) else {
            return Err(self.unknown(name)?);
        };
        let mut values = Values::default();
        for (key, item) in profile.iter() {
            let line = || self.line(profile.key(key).and_then(|key| key.span()).or(item.span()));
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
                let meant = nearest(key, SETTINGS.iter().map(|setting| setting.key));
                let meant = meant.map(|key| format!(": did you mean {key}?")).unwrap_or_default();
                return Err(self.wrong(line(), &format!("{key:?} is not a setting{meant}")));
            };
            let text = text(item).ok_or_else(|| {
                self.wrong(line(), &format!("the value of {key} is not a text: put it in quotes"))
            })?;
            if !text.is_empty() {
                (setting.set)(&mut values, text);
            }
        }
        Ok(values)
    }

    /// Replaces the settings of a profile, or adds it.
    pub(crate) fn put(&mut self, name: &str, values: &Values) -> Result<(), Failure> {
        self.change(|document| {
            let item = document.entry(name).or_insert_with(|| Item::Table(Table::new()));
            // A profile keeps its place, and the comments above its name.
            let Some(table) = item.as_table_like_mut() else { return };
            table.clear();
            for setting in SETTINGS {
                if let Some(text) = (setting.get)(values) {
                    table.insert(setting.key, value(text.expose()));
                }
            }
        })
    }

    /// Removes a profile. For a name that is not there, the error lists those that are.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Failure> {
        if !self.contains(name)? {
            return Err(self.unknown(name)?);
        }
        self.change(|document| drop(document.remove(name)))
    }

    /// Replaces the file at once, so that no reader sees a part of it. Only its owner can read it.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let saved = private::create_folder(folder)
            .and_then(|()| private::replace(&self.path, self.text.as_bytes(), true));
        saved.map_err(|error| Failure::Local(format!("{} cannot be written: {error}", self.path.display())))
    }

    fn change(&mut self, change: impl FnOnce(&mut DocumentMut)) -> Result<(), Failure> {
        let mut document = self.parse()?.into_mut();
        change(&mut document);
        self.text = document.to_string();
        Ok(())
    }

    /// Returns the profiles, and nothing else may be in the file.
    fn tables(&self) -> Result<Table, Failure> {
        let table = self.parse()?.into_table();
        for (name, item) in table.iter() {
            if !item.is_table_like() {
                let line = self.line(table.key(name).and_then(|key| key.span()));
                let why = format!("{name:?} belongs to no profile: put it below [{DEFAULT}]");
                return Err(self.wrong(line, &why));
            }
        }
        Ok(table)
    }

    fn parse(&self) -> Result<Document<&str>, Failure> {
        // The error's own text would show the line, which may hold a secret.
        Document::parse(self.text.as_str())
            .map_err(|error| self.wrong(self.line(error.span()), &error.message().replace('\n', ", ")))
    }

    fn unknown(&self, name: &str) -> Result<Failure, Failure> {
        let names = self.names()?;
        let path = self.path.display();
        Ok(Failure::Usage(match names.is_empty() {
            true => format!(
                "there is no profile {name:?}: {path} has none\nhint: run `things auth login --profile {name}`"
            ),
            false => format!("there is no profile {name:?} in {path}: it has {}", names.join(", ")),
        }))
    }

    fn wrong(&self, line: usize, why: &str) -> Failure {
        Failure::Usage(format!("{}, line {line}: {why}", self.path.display()))
    }

    fn line(&self, span: Option<std::ops::Range<usize>>) -> usize {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

fn path() -> Result<PathBuf, Failure> {
    let home = etcetera::choose_base_strategy()
        .map_err(|_| Failure::Usage("there is no home directory for profiles: set HOME".into()))?;
    Ok(home.config_dir().join("kpn-things").join("profiles.toml"))
}

/// Waits for the lock, which is another file next to it, because the file itself is replaced.
fn lock(path: &Path) -> io::Result<fs::File> {
    private::create_folder(path.parent().unwrap_or(path))?;
    let lock = private::open_lock(&path.with_extension("lock"))?;
    FileExt::lock(&lock)?;
    Ok(lock)
}

/// Returns the name that is most like a mistyped one, if any is.
pub(crate) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(typed, name);
    names.filter(|name| likeness(name) > 0.8).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// Returns the text of a value, or of a list of texts.
fn text(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Array(list) => {
            list.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|texts| texts.join(", "))
        }
        _ => None,
    }
}
