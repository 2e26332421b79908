use std::fs::{self, File};
use std::sync::Arc;

use flate2::read::GzDecoder;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/images", name]
        .iter()
        .collect()
}

const BOTH: [(CifarVariant, &str, &str); 2] = [
    (CifarVariant::Cifar10, "cifar10", "cifar-10-binary.tar.gz"),
    (
        CifarVariant::Cifar100,
        "cifar100",
        "cifar-100-binary.tar.gz",
    ),
];

/// Archive, unpacked archive, one Parquet file and a folder of them.
#[test]
fn every_source_gives_the_same_images() {
    for (variant, name, archive) in BOTH {
        let images = variant.read(golden(archive)).unwrap();
        let expected = if name == "cifar10" { (10, 2) } else { (2, 2) };
        assert_eq!((images.train.len(), images.test.len()), expected);

        let train = variant
            .read(golden(&format!("{name}-train.parquet")))
            .unwrap();
        assert_eq!(train.train, images.train);
        assert!(train.test.is_empty());
        let test = variant
            .read(golden(&format!("{name}-test.parquet")))
            .unwrap();
        assert_eq!(test.test, images.test);

        let directory = tempfile::tempdir().unwrap();
        let file = File::open(golden(archive)).unwrap();
        tar::Archive::new(GzDecoder::new(file))
            .unpack(directory.path())
            .unwrap();
        assert_eq!(variant.read(directory.path()).unwrap(), images);

        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("plain_text");
        fs::create_dir(&data).unwrap();
        for split in ["train", "test"] {
            let from = golden(&format!("{name}-{split}.parquet"));
            fs::copy(from, data.join(format!("{split}-00000-of-00001.parquet"))).unwrap();
        }
        assert_eq!(variant.read(directory.path()).unwrap(), images);
    }
}

/// Values that Python reads at the beginning of data_batch_1.bin.
#[test]
fn pixels_are_where_the_format_puts_them() {
    let images = CifarVariant::Cifar10
        .read(golden("cifar-10-binary.tar.gz"))
        .unwrap();
    let bytes = unpacked(&golden("cifar-10-binary.tar.gz"), "data_batch_1.bin");
    assert_eq!(images.train.labels()[0], u32::from(bytes[0]));
    assert_eq!(images.train.pixels(0), &bytes[1..3073]);
    assert_eq!(images.train.size(), [3, 32, 32]);
    assert_eq!(images.train.classes()[3], "cat");
    let fine = CifarVariant::Cifar100.class_names();
    assert_eq!((fine.len(), fine[99].as_str()), (100, "worm"));
}

fn unpacked(archive: &Path, file: &str) -> Vec<u8> {
    let mut found = Vec::new();
    let wanted = |name: &str| name.ends_with(file);
    visit_files(archive, 1 << 20, wanted, |_, content| {
        found = content;
        Ok(())
    })
    .unwrap();
    found
}

/// A folder with the binary files of CIFAR-10, `change`d.
fn folder(change: impl Fn(&str, &mut Vec<u8>)) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    visit_files(
        &golden("cifar-10-binary.tar.gz"),
        1 << 20,
        |_| true,
        |name, mut content| {
            let name = name.rsplit('/').next().unwrap();
            change(name, &mut content);
            if !content.is_empty() {
                fs::write(directory.path().join(name), content).unwrap();
            }
            Ok(())
        },
    )
    .unwrap();
    directory
}

#[test]
fn bad_batches_are_refused_by_name() {
    let refused = |change: &dyn Fn(&str, &mut Vec<u8>), words: &[&str]| {
        let directory = folder(change);
        let message = CifarVariant::Cifar10
            .read(directory.path())
            .unwrap_err()
            .to_string();
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    let only = |wanted: &'static str, change: fn(&mut Vec<u8>)| {
        move |name: &str, content: &mut Vec<u8>| {
            if name == wanted {
                change(content);
            }
        }
    };
    let label = only("data_batch_2.bin", |content| content[3073] = 10);
    refused(
        &label,
        &["data_batch_2.bin", "record 1", "below 10", "[10]"],
    );
    let short = only("test_batch.bin", |content| {
        content.pop();
    });
    refused(&short, &["test_batch.bin", "3073", "6145"]);
    let missing = only("data_batch_4.bin", Vec::clear);
    refused(&missing, &["data_batch_4.bin", "4 of them"]);
    refused(
        &|_, content: &mut Vec<u8>| content.clear(),
        &["none of its files", "parquet"],
    );
}

/// A Parquet file in the Hub's form.
fn write_parquet(path: &Path, image: &[u8], label: i64) {
    let schema = parse_message_type(
        "message schema { required group img { required binary bytes; } required int64 label; }",
    );
    let properties = Arc::new(WriterProperties::builder().build());
    let file = File::create(path).unwrap();
    let schema = Arc::new(schema.unwrap());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut images = group.next_column().unwrap().unwrap();
    images
        .typed::<ByteArrayType>()
        .write_batch(&[ByteArray::from(image.to_vec())], None, None)
        .unwrap();
    images.close().unwrap();
    let mut labels = group.next_column().unwrap().unwrap();
    labels
        .typed::<Int64Type>()
        .write_batch(&[label], None, None)
        .unwrap();
    labels.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn images_of_another_size_and_labels_out_of_range_are_refused_by_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("train.parquet");
    let png = |edge: u32| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, edge, edge);
        encoder.set_color(png::ColorType::Rgb);
        let pixels = vec![9; (edge * edge * 3) as usize];
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        bytes
    };
    write_parquet(&path, &png(32), 3);
    let images = CifarVariant::Cifar10.read(&path).unwrap().train;
    assert_eq!((images.labels(), images.pixels(0)[0]), (&[3][..], 9));
    for (image, label, word) in [
        (png(33), 3, "one of 33 x 33"),
        (b"no image".to_vec(), 3, "another format"),
        (png(32), 10, "below 10"),
        (png(32), -1, "below 10"),
    ] {
        write_parquet(&path, &image, label);
        let message = CifarVariant::Cifar10.read(&path).unwrap_err().to_string();
        assert!(
            message.contains("row 0") && message.contains(word),
            "{message}"
        );
    }
}

#[test]
fn an_absent_path_and_another_file_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent.tar.gz");
    let message = CifarVariant::Cifar10.read(&absent).unwrap_err().to_string();
    assert!(message.contains("absent.tar.gz"), "{message}");
    let message = CifarVariant::Cifar10
        .read(golden("smooth.jpg"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("cifar-10-binary.tar.gz"), "{message}");
    let message = CifarVariant::Cifar100
        .read(golden("cifar10-test.parquet"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("fine_label"), "{message}");
}
