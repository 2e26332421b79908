use super::*;

fn write(path: PathBuf, size: u32, level: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), size, size);
    encoder.set_color(png::ColorType::Rgb);
    let content = [level, 0, 255].repeat((size * size) as usize);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&content)
        .unwrap();
}

#[test]
fn classes_are_the_folders_of_both_splits() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    write(at("train/dog/b.png"), 4, 2);
    write(at("train/dog/a.png"), 4, 1);
    write(at("train/cat/c.PNG"), 4, 3);
    write(at("val/owl/d.png"), 4, 4);
    fs::write(at("train/dog/.hidden.png"), "no image").unwrap();
    fs::write(at("train/dog/notes.txt"), "no image").unwrap();
    let splits = read(directory.path(), None).unwrap();
    assert_eq!(splits.train.classes(), ["cat", "dog", "owl"]);
    assert_eq!(splits.train.labels(), [0, 1, 1]);
    assert_eq!(splits.test.labels(), [2]);
    let levels: Vec<_> = (0..3).map(|image| splits.train.pixels(image)[0]).collect();
    assert_eq!(levels, [3, 1, 2]);
    // Red, green, blue planes of 16 pixels.
    let pixels = splits.train.pixels(1);
    assert_eq!([pixels[0], pixels[16], pixels[32]], [1, 0, 255]);
}

#[test]
fn another_size_is_refused_or_resized() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    write(at("dog/a.png"), 4, 1);
    write(at("dog/b.png"), 6, 9);
    let message = read(directory.path(), None).unwrap_err().to_string();
    assert!(
        message.contains("b.png") && message.contains("4 x 4"),
        "{message}"
    );
    let splits = read(directory.path(), Some([2, 3])).unwrap();
    assert_eq!(splits.train.size(), [3, 2, 3]);
    assert!(splits.train.pixels(1)[..6].iter().all(|&level| level == 9));
}

#[test]
fn what_is_no_image_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    write(at("dog/a.png"), 4, 1);
    let mut cut = fs::read(at("dog/a.png")).unwrap();
    cut.truncate(cut.len() / 2);
    // The header of an image of 100,000 x 100,000 pixels: a bomb.
    let mut bomb = fs::read(at("dog/a.png")).unwrap();
    bomb[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    let checksum = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    for content in [&cut[..], b"", b"GIF89a", &bomb] {
        fs::write(at("dog/b.png"), content).unwrap();
        let message = read(directory.path(), None).unwrap_err().to_string();
        assert!(message.contains("b.png"), "{message}");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A smooth grey ramp survives JPEG within a few levels.
#[test]
fn jpeg_is_decoded() {
    let path = [env!("CARGO_MANIFEST_DIR"), "tests/golden/images/smooth.jpg"]
        .iter()
        .collect::<PathBuf>();
    let picture = Picture::read(path).unwrap();
    assert_eq!(picture.size(), [32, 32]);
    let pixels = picture.pixels();
    for (y, x) in [(0, 0), (3, 20), (31, 31)] {
        let expected = 4 * y as i32 + 3 * x as i32;
        for channel in 0..3 {
            let found = i32::from(pixels[(channel * 32 + y) * 32 + x]);
            assert!((found - expected).abs() <= 6, "{found} at {y}, {x}");
        }
    }
}
