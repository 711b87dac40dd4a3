//! The bytes of a file that is read twice, and their text.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::{input, prompt};

/// What the file is, in messages.
pub(super) const WHAT: &str = "the downlinks";

/// A file that can be read again from its start.
pub(super) struct Source {
    /// The path, or `-`.
    pub(super) path: String,
    file: File,
}

impl Source {
    /// Opens a file; `-` is stdin. What can be read only once is kept in a temporary file, which nobody else can open.
    pub(super) fn open(path: &str) -> Result<Self, Failure> {
        let is_file = path != "-" && fs::metadata(path).map_or(true, |metadata| metadata.is_file());
        let file = if is_file {
            File::open(path).map_err(|error| input::unreadable(WHAT, path, &error))?
        } else {
            spool(path)?
        };
        Ok(Self { path: path.to_owned(), file })
    }

    /// Reads the text from the start.
    pub(super) fn text(&mut self) -> io::Result<Text<'_>> {
        self.file.seek(SeekFrom::Start(0))?;
        Text::new(&self.file)
    }
}

/// Copies a stream to a temporary file without a name.
fn spool(path: &str) -> Result<File, Failure> {
    if path != "-" && fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Failure::Usage(format!("{WHAT} cannot be read from {path}: it is a folder")));
    }
    if path == "-" && prompt::is_possible() {
        prompt::say_how_to_end(WHAT);
    }
    let mut stream = input::open(WHAT, path)?;
    let mut file = tempfile::tempfile().map_err(|error| unkept(&error))?;
    loop {
        let bytes = stream.fill_buf().map_err(|error| input::unreadable(WHAT, path, &error))?;
        if bytes.is_empty() {
            return Ok(file);
        }
        io::Write::write_all(&mut file, bytes).map_err(|error| unkept(&error))?;
        let count = bytes.len();
        stream.consume(count);
    }
}

fn unkept(error: &io::Error) -> Failure {
    Failure::Local(format!(
        "{WHAT} cannot be kept in a temporary file while they are checked: {error}\n\
         hint: save them to a file, and name that file"
    ))
}

/// The text of a file in UTF-8, without its byte order mark. UTF-16 with a mark is read too, because Excel's "Unicode
/// Text" is written so. Whether the bytes are UTF-8 is not checked.
pub(super) struct Text<'a> {
    bytes: BufReader<Hashed<'a>>,
    utf_16: Option<Utf16>,
}

/// A file whose digest is computed while it is read.
struct Hashed<'a> {
    file: &'a File,
    digest: Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The decoder of UTF-16.
struct Utf16 {
    read: fn([u8; 2]) -> u16,
    text: Vec<u8>,
    /// The number of bytes of the text that were taken.
    taken: usize,
}

impl<'a> Text<'a> {
    fn new(file: &'a File) -> io::Result<Self> {
        let hashed = Hashed { file, digest: Sha256::new() };
        let mut bytes = BufReader::with_capacity(64 * 1024, hashed);
        let utf_16 = |read| Some(Utf16 { read, text: Vec::new(), taken: 0 });
        let (mark, utf_16) = match bytes.fill_buf()? {
            [0xEF, 0xBB, 0xBF, ..] => (3, None),
            [0xFF, 0xFE, ..] => (2, utf_16(u16::from_le_bytes)),
            [0xFE, 0xFF, ..] => (2, utf_16(u16::from_be_bytes)),
            [0, _, ..] | [_, 0, ..] => {
                return Err(refused("it is UTF-16 without a byte order mark: save it as UTF-8"));
            }
            [b'P', b'K', 3, 4, ..] | [0xD0, 0xCF, 0x11, 0xE0, ..] => {
                return Err(refused(
                    "it is a workbook: in the spreadsheet program, save it as \"CSV UTF-8\"",
                ));
            }
            [0x1F, 0x8B, ..] => return Err(refused("it is compressed: unpack it first")),
            _ => (0, None),
        };
        bytes.consume(mark);
        Ok(Self { bytes, utf_16 })
    }

    /// Reads the rest, and returns the SHA-256 of the whole file in hex.
    pub(super) fn digest(mut self) -> io::Result<String> {
        io::copy(&mut self.bytes, &mut io::sink())?;
        Ok(hex::encode(self.bytes.into_inner().digest.finalize()))
    }
}

impl BufRead for Text<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let Some(utf_16) = &mut self.utf_16 else { return self.bytes.fill_buf() };
        if utf_16.taken == utf_16.text.len() {
            utf_16.decode(&mut self.bytes)?;
        }
        Ok(utf_16.text.get(utf_16.taken..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        match &mut self.utf_16 {
            Some(utf_16) => utf_16.taken += count,
            None => self.bytes.consume(count),
        }
    }
}

impl Read for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Utf16 {
    /// Replaces the text by that of the next bytes. It is empty at the end of the file.
    fn decode(&mut self, bytes: &mut impl Read) -> io::Result<()> {
        const BYTES: u64 = 16 * 1024;
        let mut chunk = Vec::new();
        bytes.take(BYTES).read_to_end(&mut chunk)?;
        // The first half of a pair at the end of the chunk needs its second half.
        if chunk.last_chunk().is_some_and(|unit| (0xD800..0xDC00).contains(&(self.read)(*unit))) {
            bytes.take(2).read_to_end(&mut chunk)?;
        }
        let wrong = || refused("it begins like UTF-16 and is not: save it as UTF-8");
        let (units, rest) = chunk.as_chunks();
        if !rest.is_empty() {
            return Err(wrong());
        }
        let text = char::decode_utf16(units.iter().map(|unit| (self.read)(*unit)));
        let text: String = text.collect::<Result<_, _>>().map_err(|_| wrong())?;
        (self.text, self.taken) = (text.into_bytes(), 0);
        Ok(())
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
