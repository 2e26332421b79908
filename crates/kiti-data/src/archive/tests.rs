use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// A tar archive of `(name, content)`, whose headers say what `change` makes of them.
fn tar_with(
    files: &[(&str, &[u8])],
    change: impl Fn(&mut tar::Header),
) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.tar.gz");
    let mut builder = tar::Builder::new(GzEncoder::new(
        File::create(&path).unwrap(),
        Compression::fast(),
    ));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Written as bytes: the builder itself would refuse a name that climbs out.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        change(&mut header);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
    (directory, path)
}

fn contents(path: &Path, largest: u64) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    visit_files(
        path,
        largest,
        |name| name.ends_with(".bin"),
        |name, content| {
            found.push((name.to_owned(), content));
            Ok(())
        },
    )?;
    Ok(found)
}

#[test]
fn tar_zip_and_folder_hold_the_same_files() {
    let files: [(&str, &[u8]); 4] = [
        ("set/a.bin", b"one"),
        ("set/b.bin", b""),
        ("set/._a.bin", b"of macOS"),
        ("set/read.me", b"not wanted"),
    ];
    let expected = [
        ("set/a.bin".to_owned(), b"one".to_vec()),
        ("set/b.bin".to_owned(), Vec::new()),
    ];
    let (directory, path) = tar_with(&files, |_| {});
    assert_eq!(contents(&path, 10).unwrap(), expected);

    let path = directory.path().join("data.zip");
    let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
    let folder = directory.path().join("folder");
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name, options).unwrap();
        writer.write_all(content).unwrap();
        fs::create_dir_all(folder.join("set")).unwrap();
        fs::write(folder.join(name), content).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(contents(&path, 10).unwrap(), expected);
    assert_eq!(contents(&folder, 10).unwrap(), expected);
}

#[test]
fn entries_that_lead_out_and_links_are_refused() {
    for name in ["../../up.bin", "/etc/root.bin", "a/../../up.bin"] {
        let (_directory, path) = tar_with(&[(name, b"x")], |_| {});
        let message = contents(&path, 10).unwrap_err().to_string();
        assert!(
            message.contains(name) && message.contains("leads out"),
            "{message}"
        );
    }
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let (_directory, path) = tar_with(&[("link.bin", b"")], |header| {
            header.set_entry_type(kind);
            header.as_old_mut().linkname[..4].copy_from_slice(b"/etc");
        });
        let message = contents(&path, 10).unwrap_err().to_string();
        assert!(message.contains("link.bin"), "{message}");
    }
}

#[test]
fn more_than_a_file_may_hold_is_refused_while_reading() {
    let bomb = vec![0; 4 << 20];
    let (_directory, path) = tar_with(&[("big.bin", &bomb)], |_| {});
    assert!(fs::metadata(&path).unwrap().len() < 50_000);
    let message = contents(&path, 1 << 20).unwrap_err().to_string();
    assert!(message.contains("at most 1048576 bytes"), "{message}");
    let mut bounded = Bounded {
        inner: io::repeat(0),
        left: 100,
    };
    let mut buffer = [0; 64];
    assert_eq!(bounded.read(&mut buffer).unwrap(), 64);
    assert!(bounded.read(&mut buffer).is_err());
}

#[test]
fn a_length_that_lies_is_refused() {
    let (_directory, path) = tar_with(&[("a.bin", b"short")], |header| {
        header.set_size(1 << 40);
    });
    let message = contents(&path, 1 << 20).unwrap_err().to_string();
    assert!(message.contains("data.tar.gz"), "{message}");
}

/// Cut anywhere, or a bit turned over anywhere: an error or the right content, nothing else.
#[test]
fn a_damaged_archive_never_gives_other_content() {
    let (directory, path) = tar_with(&[("a.bin", &[7; 900]), ("b.bin", b"two")], |_| {});
    let expected = contents(&path, 1000).unwrap();
    let bytes = fs::read(&path).unwrap();
    let damaged = directory.path().join("damaged.tar.gz");
    for length in 0..bytes.len() - 1 {
        fs::write(&damaged, &bytes[..length]).unwrap();
        if let Ok(found) = contents(&damaged, 1000) {
            // The trailer of zeros may be missing, the checksum of everything not.
            assert_eq!(found, expected, "cut after {length} bytes");
        }
    }
}
