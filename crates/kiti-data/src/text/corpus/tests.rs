use std::io::Write;

use super::*;

#[test]
fn targets_are_the_next_tokens_at_any_shift() {
    let text: String = (0..23u8).map(|at| char::from(b'a' + at)).collect();
    let corpus = Corpus::new(&text, None).unwrap();
    let data = corpus.rows(0.0, 1.0, 5).unwrap();
    assert_eq!(data.len(), 4);
    for epoch in 0..20 {
        let change = Change { seed: 3, epoch };
        let inputs = data
            .inputs()
            .changed_rows(&[0, 3], &change)
            .unwrap()
            .into_f32();
        let targets = data
            .targets()
            .changed_rows(&[0, 3], &change)
            .unwrap()
            .into_f32();
        for (input, target) in inputs.iter().zip(&targets) {
            assert_eq!(*target, input + 1.0);
        }
        assert!(targets[9] <= 22.0);
    }
    assert_eq!(
        data.inputs().rows(&[1]).unwrap().into_f32(),
        [5., 6., 7., 8., 9.]
    );
    let tail = corpus.rows(0.5, 1.0, 5).unwrap();
    assert_eq!(
        (tail.len(), tail.inputs().rows(&[0]).unwrap().into_f32()[0]),
        (2, 12.0)
    );
    assert!(corpus.rows(0.9, 1.0, 5).is_err());
    assert!(corpus.rows(0.0, 1.0, 0).is_err());
}

#[test]
fn characters_are_numbered_in_order_and_back() {
    let characters = Characters::of("hello, wörld");
    let ids = characters.encode("wörld").unwrap();
    assert_eq!(characters.decode(&ids), "wörld");
    let message = characters.encode("x").unwrap_err().to_string();
    assert!(message.contains("'x'"), "{message}");
}

#[test]
fn texts_are_read_plain_and_packed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("a.txt"), "some text").unwrap();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(at("a.zip")).unwrap());
    zip.start_file("a", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"some text").unwrap();
    zip.finish().unwrap();
    for name in ["a.txt", "a.zip"] {
        assert_eq!(read_text(at(name)).unwrap(), "some text");
    }
    std::fs::write(at("b.txt"), b"so\xffme").unwrap();
    let message = read_text(at("b.txt")).unwrap_err().to_string();
    assert!(message.contains("b.txt, byte 2"), "{message}");
    std::fs::write(at("c.txt"), "").unwrap();
    assert!(read_text(at("c.txt")).is_err());
    assert!(read_text(directory.path()).is_err());
}
