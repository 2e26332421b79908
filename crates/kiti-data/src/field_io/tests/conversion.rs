use super::*;

#[test]
fn what_is_written_is_read() {
    let directory = Directory::new();
    for name in ["a.npz", "a.safetensors", "A.NPZ"] {
        let path = directory.0.path().join(name);
        write(&path, &example()).unwrap();
        assert_eq!(read(&path).unwrap(), example(), "{name}");
        assert_eq!(
            names(&path).unwrap(),
            ["double", "empty", "scalar", "single"]
        );
    }
    for (name, field) in example() {
        let path = directory.0.path().join(format!("{name}.npy"));
        write(&path, &BTreeMap::from([(name.clone(), field.clone())])).unwrap();
        assert_eq!(read_array(&path, None).unwrap(), field);
        assert_eq!(read_array(&path, Some(&name)).unwrap(), field);
    }
}

#[test]
fn equal_arrays_give_equal_bytes() {
    let directory = Directory::new();
    for extension in ["npz", "safetensors"] {
        let bytes = ["a", "b"].map(|stem| {
            let path = directory.0.path().join(format!("{stem}.{extension}"));
            write(&path, &example()).unwrap();
            std::fs::read(path).unwrap()
        });
        assert_eq!(bytes[0], bytes[1]);
    }
}

#[test]
fn every_element_type_and_byte_order_is_converted() {
    let directory = Directory::new();
    let single = |values: [f32; 2]| FieldData::F32(values.into());
    let double = |values: [f64; 2]| FieldData::F64(values.into());
    let cases: Vec<(&str, Vec<u8>, FieldData)> = vec![
        ("|b1", vec![0, 1], single([0., 1.])),
        ("|i1", vec![0xff, 5], single([-1., 5.])),
        ("|u1", vec![0xff, 5], single([255., 5.])),
        ("<i2", vec![0xfe, 0xff, 1, 0], single([-2., 1.])),
        (">i2", vec![0xff, 0xfe, 0, 1], single([-2., 1.])),
        ("<u2", vec![0xfe, 0xff, 1, 0], single([65534., 1.])),
        ("<f2", vec![0x00, 0x3c, 0x00, 0xc0], single([1., -2.])),
        (
            ">f4",
            [1.5_f32.to_be_bytes(), (-3_f32).to_be_bytes()].concat(),
            single([1.5, -3.]),
        ),
        (
            "<i4",
            [(-7_i32).to_le_bytes(), i32::MAX.to_le_bytes()].concat(),
            double([-7., 2147483647.]),
        ),
        (
            ">u4",
            [7_u32.to_be_bytes(), u32::MAX.to_be_bytes()].concat(),
            double([7., 4294967295.]),
        ),
        (
            "<i8",
            [(-7_i64).to_le_bytes(), (1_i64 << 53).to_le_bytes()].concat(),
            double([-7., 9007199254740992.]),
        ),
        (
            ">u8",
            [7_u64.to_be_bytes(), 0_u64.to_be_bytes()].concat(),
            double([7., 0.]),
        ),
        (
            "<f8",
            [0.1_f64.to_le_bytes(), f64::MAX.to_le_bytes()].concat(),
            double([0.1, f64::MAX]),
        ),
        (
            ">f8",
            [0.1_f64.to_be_bytes(), f64::MIN.to_be_bytes()].concat(),
            double([0.1, f64::MIN]),
        ),
    ];
    for (descr, data, expected) in cases {
        let path = directory.file("x.npy", &npy_bytes(&header(descr, "False", "(2,)"), &data));
        assert_eq!(
            read_array(&path, None).unwrap().data(),
            &expected,
            "{descr}"
        );
    }
}

#[test]
fn first_axis_fastest_is_rearranged() {
    let directory = Directory::new();
    // Element [i, j, k] of shape (2, 3, 2) is 100 i + 10 j + k.
    let mut data = Vec::new();
    for k in 0..2_u8 {
        for j in 0..3_u8 {
            for i in 0..2_u8 {
                data.push(100 * i + 10 * j + k);
            }
        }
    }
    let path = directory.file(
        "x.npy",
        &npy_bytes(&header("|u1", "True", "(2, 3, 2)"), &data),
    );
    let field = read_array(&path, None).unwrap();
    assert_eq!(field.shape(), [2, 3, 2]);
    let expected = [
        0., 1., 10., 11., 20., 21., 100., 101., 110., 111., 120., 121.,
    ];
    assert_eq!(field.into_f64(), expected);
    let path = directory.file("x.npy", &npy_bytes(&header("|u1", "True", "(0, 3)"), &[]));
    assert!(read_array(&path, None).unwrap().data().is_empty());
}

#[test]
fn headers_of_other_writers_are_understood() {
    let directory = Directory::new();
    for text in [
        "{'shape': (2L,), 'fortran_order': False, 'descr': '|u1'}",
        "{\"descr\":\"|u1\",\"fortran_order\":False,\"shape\":(2,)}   \n",
        "{ 'descr' : '|u1' , 'fortran_order' : True , 'shape' : ( 2 , ) , }",
    ] {
        let path = directory.file("x.npy", &npy_bytes(text, &[3, 4]));
        assert_eq!(
            read_array(&path, None).unwrap().into_f64(),
            [3., 4.],
            "{text}"
        );
    }
    let text = header("|u1", "False", "(2,)");
    let mut second = b"\x93NUMPY\x02\x00".to_vec();
    second.extend((text.len() as u32).to_le_bytes());
    second.extend(text.as_bytes());
    second.extend([3, 4]);
    let path = directory.file("x.npy", &second);
    assert_eq!(read_array(&path, None).unwrap().into_f64(), [3., 4.]);
}

#[test]
fn a_wrong_name_lists_what_there_is() {
    let directory = Directory::new();
    for name in ["x.npz", "x.safetensors"] {
        let path = directory.0.path().join(name);
        write(&path, &example()).unwrap();
        for message in [
            message(read_array(&path, Some("u"))),
            message(read_array(&path, None)),
        ] {
            assert!(
                message.contains(r#""double", "empty", "scalar", "single""#),
                "{message}"
            );
        }
    }
    let path = directory.file("x.npy", &npy_bytes(&header("|u1", "False", "(1,)"), &[1]));
    assert!(message(read_array(&path, Some("u"))).contains("holds \"x\""));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let directory = Directory::new();
    let path = |name: &str| directory.0.path().join(name);
    assert!(message(write(path("a.npy"), &example())).contains("found 4"));
    assert!(message(write(path("a.txt"), &example())).contains("\"txt\""));
    assert!(message(read(path("a"))).contains("found \"\""));
    assert!(message(read(path("absent.npy"))).contains("absent.npy"));
    let named = |name: &str| BTreeMap::from([(name.to_owned(), example()["scalar"].clone())]);
    assert!(message(write(path("a.npz"), &named("a\0b"))).contains("zero byte"));
    assert!(message(write(path("a.safetensors"), &named("__metadata__"))).contains("reserves"));
    assert_eq!(std::fs::read_dir(directory.0.path()).unwrap().count(), 0);
}

#[test]
fn summaries_tell_type_range_sum_and_bad_elements() {
    let directory = Directory::new();
    let path = directory.file(
        "x.npy",
        &npy_bytes(
            &header("<i4", "False", "(1, 2)"),
            &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        ),
    );
    let expected = ArraySummary {
        name: "x".to_owned(),
        shape: vec![1, 2],
        dtype: "int32".to_owned(),
        min: -1.,
        max: 3.,
        sum: 2.,
        not_finite: 0,
    };
    assert_eq!(describe(&path).unwrap(), [expected]);
    let values = vec![1., f32::NAN, f32::INFINITY, 2.];
    let field = Field::from_f32(vec![4], values).unwrap();
    write(&path, &BTreeMap::from([("x".to_owned(), field.clone())])).unwrap();
    let summary = &describe(&path).unwrap()[0];
    assert_eq!(
        (summary.min, summary.max, summary.sum, summary.not_finite),
        (1., 2., 3., 2)
    );
    assert!(matches!(
        field.check_finite("x"),
        Err(Error::NotFinite { index, .. }) if index == [1]
    ));
}

#[test]
fn tensors_and_fields_carry_the_same_values() {
    for field in example().into_values() {
        let tensor = field.to_tensor(&candle::Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), field.shape());
        assert_eq!(Field::from_tensor(&tensor).unwrap(), field);
    }
}
