//! Records of comma- or tab-separated values.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The fields of one record and the line that it begins on.
pub(super) struct Record {
    pub(super) fields: Vec<Vec<u8>>,
    pub(super) line: u64,
}

/// The records of a table, its header among them, quoted as RFC 4180 says.
pub(super) struct Records<'a> {
    reader: Reader,
    input: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) fn new(input: &'a [u8], separator: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(separator).build(),
            input,
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (mut content, mut length) = (vec![0; 1024], 0);
        let (mut ends, mut count) = (vec![0; 8], 0);
        let line = self.reader.line();
        loop {
            let (result, read, written, ended) =
                self.reader
                    .read_record(self.input, &mut content[length..], &mut ends[count..]);
            self.input = &self.input[read..];
            length += written;
            count += ended;
            match result {
                // The next call is given no input any more, which ends a last record without a line's end.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => content.resize(2 * content.len(), 0),
                ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
                ReadRecordResult::End => return None,
                ReadRecordResult::Record => break,
            }
        }
        let mut start = 0;
        let fields = ends[..count].iter().map(|&end| {
            let field = content[start..end].to_vec();
            start = end;
            field
        });
        Some(Record {
            fields: fields.collect(),
            line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(input: &str, separator: u8) -> Vec<Vec<String>> {
        Records::new(input.as_bytes(), separator)
            .map(|record| {
                let texts = record.fields.into_iter().map(String::from_utf8);
                texts.collect::<Result<_, _>>().unwrap()
            })
            .collect()
    }

    #[test]
    fn quotes_lines_and_long_fields() {
        let table = "a,b\r\n\"x, \"\"y\"\"\nz\",\n,last";
        assert_eq!(
            fields(table, b','),
            [["a", "b"], ["x, \"y\"\nz", ""], ["", "last"]]
        );
        assert_eq!(fields("\u{feff}a\tb\n", b'\t'), [["a", "b"]]);
        let (long, many) = ("x".repeat(10_000), "y,".repeat(100));
        assert_eq!(fields(&long, b','), [[long.as_str()]]);
        assert_eq!(fields(&many, b',')[0].len(), 101);
        assert!(fields("", b',').is_empty());
    }

    #[test]
    fn records_know_their_lines() {
        let lines: Vec<_> = Records::new(b"a\n\"b\nc\"\nd\n", b',')
            .map(|record| record.line)
            .collect();
        assert_eq!(lines, [1, 2, 4]);
    }
}
