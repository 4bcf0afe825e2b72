//! Line breaks inside quoted values: where a quote is an ordinary character, rows vanish in them.

use std::io::{self, Read};

use rmtl_envs::Warning;

use crate::IngestError;
use crate::dataset_file::FileTable;
use crate::findings::warnings::warning;
use crate::source::{SourceFile, unreadable};

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// Says where lines and rows are not the same number.
pub(super) fn warn(
    table: &str,
    files: &FileTable,
    delimiter: char,
    readable: &[SourceFile],
) -> Result<Option<Warning>, IngestError> {
    let Some(quote) = files.dialect.quote(delimiter == '\t') else { return Ok(None) };
    let delimiter = files.dialect.delimiter.unwrap_or(delimiter) as u8;
    let marks = Marks { delimiter, quote, escape: files.dialect.escape.map(|escape| escape as u8) };
    let mut rows = 0;
    for file in readable {
        let found = quoted_line_breaks(file, marks);
        rows += found.map_err(|error| unreadable(table, &file.path, &error))?;
    }
    let quote = char::from(quote);
    Ok(Some(warning("quoted_line_breaks", rows, |rows| {
        format!(
            "table `{table}`: {rows} line breaks stand inside values quoted with {quote} and are no ends of rows; where {quote} is an \
             ordinary character, rows are lost: set quote = \"\" in its long form"
        )
    })))
}

/// What separates and quotes values, as bytes.
#[derive(Clone, Copy, Debug)]
struct Marks {
    delimiter: u8,
    quote: u8,
    escape: Option<u8>,
}

/// Line breaks of `file` that stand inside quoted values.
fn quoted_line_breaks(file: &SourceFile, marks: Marks) -> io::Result<u64> {
    let mut reader = file.open()?;
    let mut buffer = vec![0; BUFFER];
    let mut scan = Scan { marks, state: State::Start, found: 0 };
    loop {
        let length = reader.read(&mut buffer)?;
        if length == 0 {
            return Ok(scan.found);
        }
        buffer[..length].iter().for_each(|&byte| scan.advance(byte));
    }
}

struct Scan {
    marks: Marks,
    state: State,
    found: u64,
}

#[derive(Clone, Copy)]
enum State {
    /// A value begins; only here does a quote open one.
    Start,
    Plain,
    Quoted,
    Escaped,
    /// A quote inside a quoted value: its end, or the first of two.
    Closing,
}

impl Scan {
    fn advance(&mut self, byte: u8) {
        let Marks { delimiter, quote, escape } = self.marks;
        self.state = match self.state {
            State::Start | State::Closing if byte == quote => State::Quoted,
            State::Quoted if Some(byte) == escape => State::Escaped,
            State::Quoted if byte == quote => State::Closing,
            State::Quoted | State::Escaped => {
                self.found += u64::from(byte == b'\n');
                State::Quoted
            }
            State::Start | State::Plain | State::Closing => match byte {
                b'\n' | b'\r' => State::Start,
                _ if byte == delimiter => State::Start,
                _ => State::Plain,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> u64 {
        let marks = Marks { delimiter: b',', quote: b'"', escape: None };
        let mut scan = Scan { marks, state: State::Start, found: 0 };
        text.bytes().for_each(|byte| scan.advance(byte));
        scan.found
    }

    #[test]
    fn only_breaks_inside_quotes_that_open_a_value_count() {
        assert_eq!(found("a,b\n1,2\n"), 0);
        assert_eq!(found("a,\"two\nlines\"\n1,2\n"), 1);
        assert_eq!(found("a,19\" monitor\n1,2\"\n"), 0, "a quote inside a value is a character");
        assert_eq!(found("a,\"say \"\"so\"\"\nagain\"\nb,c\n"), 1, "two quotes are one character");
        assert_eq!(found("\"\n\n"), 2, "and one that nobody closes takes all that follows");
    }

    #[test]
    fn an_escaped_quote_closes_nothing() {
        let marks = Marks { delimiter: b',', quote: b'"', escape: Some(b'\\') };
        let mut scan = Scan { marks, state: State::Start, found: 0 };
        "\"a \\\" b\nc\"\nd\n".bytes().for_each(|byte| scan.advance(byte));
        assert_eq!(scan.found, 1);
    }
}
