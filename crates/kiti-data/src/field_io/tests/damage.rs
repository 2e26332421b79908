use super::*;

#[test]
fn lying_and_broken_headers_are_refused() {
    let directory = Directory::new();
    let refused = |bytes: &[u8], word: &str| {
        let path = directory.file("x.npy", bytes);
        let message = message(read(&path));
        assert!(
            message.contains(word) && message.contains("x.npy"),
            "{message}"
        );
    };
    let with = |text: &str| npy_bytes(text, &[1, 2, 3]);
    refused(b"", "0 bytes");
    refused(b"\x93NUMPX\x01\x00\x00\x00", "NUMPY");
    refused(b"\x93NUMPY\x07\x00\x00\x00", "version 7");
    refused(b"\x93NUMPY\x01\x00\xff\xff{", "end of the file");
    refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "4294967295");
    refused(&with(&header("|u1", "False", "(4,)")), "4 bytes of data");
    refused(&with(&header("|u1", "False", "(2,)")), "2 bytes of data");
    refused(
        &with(&header("<f8", "False", "(1000000000000,)")),
        "8000000000000 bytes",
    );
    refused(
        &with(&header("<f8", "False", "(9223372036854775807, 4)")),
        "product",
    );
    refused(
        &with(&header("<f8", "False", "(0, 9223372036854775807, 4)")),
        "product",
    );
    refused(
        &with(&header("|u1", "False", "(99999999999999999999,)")),
        "extents",
    );
    refused(&with(&header("|u1", "False", "(-1,)")), "extents");
    refused(&with(&header("|u1", "Maybe", "(3,)")), "True or False");
    refused(&with("{'descr': '|u1', 'shape': (3,)}"), "keys");
    refused(
        &with("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), 'x': 1}"),
        "keys",
    );
    refused(&with("{'descr': '|u1"), "quoted");
    refused(&with("{"), "quoted");
    refused(&with(""), "brace");
    refused(&with(&"(".repeat(60_000)), "brace");
    refused(
        &with(&header("|u1", "False", &format!("({})", "1,".repeat(65)))),
        "64 axes",
    );
    refused(&with(&header("<c16", "False", "(3,)")), "<c16");
    refused(&with(&header("|O", "False", "(3,)")), "|O");
    refused(&with(&header("é1", "False", "(3,)")), "é1");
    refused(
        &with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}"),
        "structured",
    );
}

/// Every truncation and many corruptions of every format: an error or values, never a panic.
#[test]
fn damaged_files_do_not_panic() {
    let directory = Directory::new();
    let one = BTreeMap::from([("x".to_owned(), example()["single"].clone())]);
    for name in ["x.npy", "x.npz", "x.safetensors"] {
        let path = directory.0.path().join(name);
        write(&path, &one).unwrap();
        let intact = std::fs::read(&path).unwrap();
        for length in 0..intact.len() {
            let path = directory.file(name, &intact[..length]);
            assert!(read(&path).is_err(), "{name} cut to {length} bytes");
        }
        for position in 0..intact.len() {
            for change in [0x01, 0xff] {
                let mut damaged = intact.clone();
                damaged[position] ^= change;
                let _ = read(directory.file(name, &damaged));
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_an_archive_is_noticed() {
    let directory = Directory::new();
    let path = directory.0.path().join("x.npz");
    write(
        &path,
        &BTreeMap::from([("x".to_owned(), example()["single"].clone())]),
    )
    .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let value = 1.1_f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == value).unwrap();
    bytes[at] ^= 1;
    let message = message(read(directory.file("x.npz", &bytes)));
    assert!(
        message.contains("checksum") && message.contains("\"x\""),
        "{message}"
    );
}

#[test]
fn lying_safetensors_headers_are_refused() {
    let directory = Directory::new();
    let refused = |header: &str, data: usize, word: &str| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        let message = message(read(directory.file("x.safetensors", &bytes)));
        assert!(message.contains(word), "{message}");
    };
    let one = |dtype: &str, shape: &str, end: u64| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    refused(&one("F32", "[2]", 8), 7, "8 bytes of data");
    refused(&one("F32", "[2]", 8), 9, "8 bytes of data");
    refused(&one("F32", "[3]", 8), 8, "one after the other");
    refused(
        &one("F32", "[4611686018427387904, 16]", 8),
        8,
        "one after the other",
    );
    refused(&one("C64", "[1]", 8), 8, "C64");
    refused("{", 0, "one after the other");
    let huge = directory.file("x.safetensors", &u64::MAX.to_le_bytes());
    assert!(message(read(&huge)).contains("18446744073709551615"));
}

/// A disk with room for so many bytes.
struct SmallDisk(std::io::Cursor<Vec<u8>>, usize);

impl std::io::Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.position() as usize + bytes.len() > self.1 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Seek for SmallDisk {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_disk_that_fills_at_any_byte_is_reported_as_full() {
    let mut whole = SmallDisk(std::io::Cursor::default(), usize::MAX);
    npz::write(&example(), &mut whole).unwrap();
    let size = whole.0.into_inner().len();
    for room in 0..size {
        let mut disk = SmallDisk(std::io::Cursor::default(), room);
        for result in [
            npz::write(&example(), &mut disk),
            safetensors::write(
                &example(),
                &mut SmallDisk(std::io::Cursor::default(), room.min(300)),
            ),
        ] {
            assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        }
    }
}
