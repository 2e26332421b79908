//! HDF5 files as h5py writes them: `tests/golden/make_files.py`.

use super::*;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden", name]
        .iter()
        .collect()
}

#[test]
fn matlab_files_of_both_versions_hold_the_same_arrays() {
    let (mut old, mut new) = (
        ArrayFile::open(golden("v5.mat")).unwrap(),
        ArrayFile::open(golden("v73.mat")).unwrap(),
    );
    assert_eq!(new.names(), ["single", "u"]);
    assert!(new.reads_slices());
    for name in new.names() {
        assert_eq!(new.shape(&name).unwrap(), old.shape(&name).unwrap());
        assert_eq!(new.read(&name).unwrap(), old.read(&name).unwrap());
    }
    let slices = [
        AxisSlice::range(1, 1),
        AxisSlice {
            start: 0,
            count: 2,
            step: 2,
        },
        AxisSlice::range(1, 3),
    ];
    assert_eq!(
        new.read_slice("u", &slices).unwrap(),
        old.read_slice("u", &slices).unwrap()
    );
}

#[test]
fn an_empty_header_makes_no_difference() {
    let mut bytes = std::fs::read(golden("v73.mat")).unwrap();
    bytes[..512].fill(0);
    let directory = Directory::new();
    let hollow = read(directory.file("x.mat", &bytes)).unwrap();
    assert_eq!(hollow, read(golden("v73.mat")).unwrap());
}

#[test]
fn groups_types_and_filters_are_read() {
    let mut file = ArrayFile::open(golden("groups.hdf5")).unwrap();
    let names = [
        "grown",
        "t0_fields/density",
        "t0_fields/flag",
        "t0_fields/half",
        "t0_fields/name",
        "t0_fields/steps",
        "t0_fields/unlimited",
        "tensor",
    ];
    assert_eq!(file.names(), names);
    let ramp = |count: u16| (0..count).map(f32::from).collect::<Vec<_>>();
    assert_eq!(
        file.read("tensor").unwrap(),
        Field::from_f32(vec![3, 5, 7], ramp(105)).unwrap()
    );
    assert_eq!(
        file.read("grown").unwrap().into_f64(),
        [1., -2., 3., -4., 5.]
    );
    let density = Field::from_f64(vec![2, 3], vec![0., 1., 2., 3., 4., 5.]).unwrap();
    assert_eq!(file.read("t0_fields/density").unwrap(), density);
    assert_eq!(
        file.read("t0_fields/half").unwrap().into_f32(),
        [0.5, -2., 65504.]
    );
    assert_eq!(file.read("t0_fields/flag").unwrap().into_f32(), [1., 0.]);
    assert_eq!(
        file.read("t0_fields/steps").unwrap().into_f32(),
        [1., 2., 3., 65535.]
    );
    assert_eq!(file.read("t0_fields/unlimited").unwrap().shape(), [0]);
    let message = message(file.read("t0_fields/name"));
    assert!(
        message.contains("text") && message.contains("t0_fields/name"),
        "{message}"
    );
    let latest = read_array(golden("latest.h5"), None).unwrap();
    assert_eq!(
        latest,
        Field::from_f64(vec![4, 5], (0..20).map(f64::from).collect()).unwrap()
    );
}

#[test]
fn slices_of_chunks_are_those_of_the_whole() {
    let mut file = ArrayFile::open(golden("groups.hdf5")).unwrap();
    let whole = file.read("tensor").unwrap();
    for (start, count, step) in [(0, 3, 1), (1, 2, 1), (0, 2, 2), (2, 1, 5), (3, 0, 1)] {
        let slices = [
            AxisSlice { start, count, step },
            AxisSlice {
                start: 1,
                count: 2,
                step: 3,
            },
            AxisSlice {
                start: 0,
                count: 3,
                step: 3,
            },
        ];
        let part = file.read_slice("tensor", &slices).unwrap();
        assert_eq!(part, slice::cut(&whole, &slices).unwrap());
    }
    for wrong in [
        vec![AxisSlice::all(3)],
        vec![AxisSlice::all(3), AxisSlice::all(6), AxisSlice::all(7)],
        vec![
            AxisSlice::all(3),
            AxisSlice {
                start: 1,
                count: 2,
                step: usize::MAX,
            },
            AxisSlice::all(7),
        ],
    ] {
        let message = message(file.read_slice("tensor", &wrong));
        assert!(message.contains("[3, 5, 7]"), "{message}");
    }
}

#[test]
fn other_files_are_refused() {
    let directory = Directory::new();
    let message_of = |name: &str, bytes: &[u8]| message(read(directory.file(name, bytes)));
    let text = message_of("notes.h5", b"not HDF5 at all");
    assert!(
        text.contains("signature") && text.contains("notes.h5"),
        "{text}"
    );
    let intact = std::fs::read(golden("groups.hdf5")).unwrap();
    let cut = message_of("cut.hdf5", &intact[..intact.len() / 2]);
    assert!(cut.contains("cut.hdf5") && cut.contains("damaged"), "{cut}");
    // A header of version 7.3 before something else.
    let mut hollow = std::fs::read(golden("v73.mat")).unwrap();
    hollow.truncate(300);
    let hollow = message_of("hollow.mat", &hollow);
    assert!(hollow.contains("signature"), "{hollow}");
    let missing = message(read_array(golden("groups.hdf5"), Some("density")));
    assert!(missing.contains("\"t0_fields/density\""), "{missing}");
}

/// `h5py.File("x", "w").create_dataset("x", (1 << 40,), "f4", chunks=(1 << 20,))`: 4 TiB of zeros,
/// none of which is stored.
#[test]
fn arrays_larger_than_their_file_can_hold_are_refused() {
    let message = message(read(golden("hollow.h5")));
    assert!(
        message.contains("hollow.h5") && message.contains("limit"),
        "{message}"
    );
    let mut file = ArrayFile::open(golden("hollow.h5")).unwrap();
    assert_eq!(file.shape("x").unwrap(), [1 << 40]);
    let few = file
        .read_slice("x", &[AxisSlice::range(1 << 30, 3)])
        .unwrap();
    assert_eq!(few.into_f32(), [0.; 3]);
}

#[test]
fn damaged_files_do_not_panic() {
    let directory = Directory::new();
    for name in ["groups.hdf5", "latest.h5"] {
        let intact = std::fs::read(golden(name)).unwrap();
        let attempt = |bytes: &[u8]| {
            let mut file = ArrayFile::open(directory.file(name, bytes))?;
            for name in file.names() {
                let _ = file.read(&name);
            }
            Ok::<(), Error>(())
        };
        assert!(attempt(&intact).is_ok());
        for length in (0..intact.len()).step_by(97) {
            let _ = attempt(&intact[..length]);
        }
        for position in (0..intact.len()).step_by(31) {
            for change in [0x01, 0xff] {
                let mut damaged = intact.clone();
                damaged[position] ^= change;
                let _ = attempt(&damaged);
            }
        }
    }
}
