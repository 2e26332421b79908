//! Files of MATLAB's format, version 5, as scipy writes them: `tests/golden/make_files.py`.

use super::*;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden", name]
        .iter()
        .collect()
}

#[test]
fn every_numeric_type_is_read_plain_and_compressed() {
    for name in ["v5.mat", "v5_compressed.mat"] {
        let mut file = ArrayFile::open(golden(name)).unwrap();
        assert_eq!(
            file.names(),
            ["count", "mask", "note", "single", "u", "wave"]
        );
        let expected: Vec<_> = (0..24).map(|value| (f64::from(value) - 7.) / 4.).collect();
        let u = Field::from_f64(vec![2, 3, 4], expected).unwrap();
        assert_eq!(file.shape("u").unwrap(), [2, 3, 4]);
        assert_eq!(file.read("u").unwrap(), u);
        let count = Field::from_f64(vec![2, 3], (0..6).map(|i| f64::from(i) * 1000.).collect());
        assert_eq!(file.read("count").unwrap(), count.unwrap());
        let single = Field::from_f32(vec![1, 3], vec![0.1, 0.2, 0.3]).unwrap();
        assert_eq!(file.read("single").unwrap(), single);
        let mask = Field::from_f32(vec![1, 3], vec![1., 0., 1.]).unwrap();
        assert_eq!(file.read("mask").unwrap(), mask);
        // Real and imaginary parts on a last axis.
        let wave = Field::from_f64(vec![1, 2, 2], vec![1., 2., 3., -4.]).unwrap();
        assert_eq!(file.read("wave").unwrap(), wave);
        let error = file.read("note").unwrap_err().to_string();
        assert!(
            error.contains("\"note\"") && error.contains("char"),
            "{error}"
        );
    }
}

#[test]
fn text_is_listed_by_its_type() {
    let summaries = describe(golden("v5.mat")).unwrap();
    let of = |name: &str| summaries.iter().find(|one| one.name == name).unwrap();
    assert_eq!(
        (of("note").dtype.as_str(), of("note").min.is_nan()),
        ("char", true)
    );
    assert_eq!(
        (of("u").dtype.as_str(), of("u").sum),
        ("float64", (276. - 7. * 24.) / 4.)
    );
    assert_eq!(of("mask").dtype, "bool");
    assert_eq!(
        (of("count").dtype.as_str(), of("count").max),
        ("int32", 5000.)
    );
}

#[test]
fn slices_are_cut_in_matlabs_order_of_axes() {
    let mut file = ArrayFile::open(golden("v5.mat")).unwrap();
    let slices = [
        AxisSlice::range(1, 1),
        AxisSlice {
            start: 0,
            count: 2,
            step: 2,
        },
        AxisSlice::range(3, 1),
    ];
    // u[1, 0, 3] and u[1, 2, 3].
    let part = file.read_slice("u", &slices).unwrap();
    assert_eq!(part, Field::from_f64(vec![1, 2, 1], vec![2., 4.]).unwrap());
    let message = message(file.read_slice("u", &slices[..2]));
    assert!(message.contains("found shape [2, 3, 4]"), "{message}");
}

#[test]
fn other_versions_are_named() {
    let message_of = |path: PathBuf| message(read(path));
    let version_4 = message_of(golden("v4.mat"));
    assert!(
        version_4.contains("version 4") && version_4.contains("-v7"),
        "{version_4}"
    );
    let directory = Directory::new();
    let text = message_of(directory.file("notes.mat", &[b'x'; 300]));
    assert!(text.contains("IM or MI"), "{text}");
    let short = message_of(directory.file("short.mat", b"MATLAB 5.0"));
    assert!(short.contains("10 bytes"), "{short}");
    let wrong = message(read_array(golden("v5.mat"), Some("pressure")));
    assert!(wrong.contains("it holds \"count\", \"mask\""), "{wrong}");
    let unwritable = message(write(directory.0.path().join("x.mat"), &example()));
    assert!(unwritable.contains("read, not written"), "{unwritable}");
}

#[cfg(not(feature = "hdf5"))]
#[test]
fn version_7_3_asks_for_the_feature() {
    let message = message(read(golden("v73.mat")));
    assert!(
        message.contains("7.3") && message.contains("--features hdf5"),
        "{message}"
    );
    assert!(message.contains("-v7 in MATLAB"), "{message}");
}

#[test]
fn lying_sizes_are_refused() {
    let directory = Directory::new();
    let intact = std::fs::read(golden("v5.mat")).unwrap();
    let element = 128;
    // The array's own size, then a count of dimensions, then one of its numbers.
    let with = |at: usize, value: u32| {
        let mut bytes = intact.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        message(read(directory.file("x.mat", &bytes)))
    };
    assert!(with(element + 4, u32::MAX).contains("end of the file"));
    let first_extent = element + 8 + 16 + 8;
    for extent in [i32::MAX as u32, u32::MAX, 0] {
        let message = with(first_extent, extent);
        assert!(message.contains("expected"), "{message}");
    }
    let dimensions = first_extent - 4;
    assert!(with(dimensions, 1 << 30).contains("at most"));
}

#[test]
fn damaged_files_do_not_panic() {
    let directory = Directory::new();
    for name in ["v5.mat", "v5_compressed.mat"] {
        let intact = std::fs::read(golden(name)).unwrap();
        let attempt = |bytes: &[u8]| {
            let mut file = ArrayFile::open(directory.file("x.mat", bytes))?;
            file.names()
                .iter()
                .try_for_each(|name| match file.read(name) {
                    Err(Error::UnsupportedElements { .. }) | Ok(_) => Ok(()),
                    Err(error) => Err(error),
                })
        };
        assert!(attempt(&intact).is_ok());
        for length in (0..intact.len()).step_by(3) {
            // An end between two arrays is no damage that the format could show.
            if let Ok(()) = attempt(&intact[..length]) {
                let whole = ArrayFile::open(directory.file("y.mat", &intact)).unwrap();
                let cut = ArrayFile::open(directory.file("x.mat", &intact[..length])).unwrap();
                assert!(
                    cut.names().len() < whole.names().len(),
                    "{name} cut to {length}"
                );
            }
        }
        for position in 0..intact.len() {
            for change in [0x01, 0xff] {
                let mut damaged = intact.clone();
                damaged[position] ^= change;
                let _ = attempt(&damaged);
            }
        }
    }
}
