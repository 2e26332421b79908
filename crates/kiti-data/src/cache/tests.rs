use std::cell::Cell;

use super::*;

fn arrays(value: f32) -> BTreeMap<String, Field> {
    let field = Field::from_f32(vec![2, 3], vec![value; 6]).unwrap();
    BTreeMap::from([("u".to_owned(), field)])
}

fn get(cache: &Cache, config: &impl Serialize) -> Entry {
    cache
        .get_or_generate("test", config, || Ok(arrays(1.)))
        .unwrap()
}

#[test]
fn settings_decide_the_entry_and_their_order_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::new(directory.path().join("made/when/needed"));
    let made = Cell::new(0);
    let mut outcomes = Vec::new();
    for config in [
        r#"{"a": 1, "b": {"c": 2, "d": 3}}"#,
        r#"{"b": {"d": 3, "c": 2}, "a": 1}"#,
        r#"{"a": 1, "b": {"c": 2, "d": 4}}"#,
    ] {
        let config: Value = serde_json::from_str(config).unwrap();
        let entry = cache.get_or_generate("test", &config, || {
            made.set(made.get() + 1);
            Ok(arrays(made.get() as f32))
        });
        outcomes.push(entry.unwrap().outcome);
    }
    assert_eq!(
        outcomes,
        [Outcome::Generated, Outcome::Found, Outcome::Generated]
    );
    assert_eq!(made.get(), 2);
    assert_ne!(
        entry_stem("test", &1).unwrap().0,
        entry_stem("other", &1).unwrap().0[..].replace("other", "test")
    );
}

#[test]
fn damage_is_noticed_told_and_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::new(directory.path());
    let intact = get(&cache, &"config");
    let manifest = intact.path.with_extension("json");
    let content = fs::read(&intact.path).unwrap();
    let mut flipped = content.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let damages: [(&str, &dyn Fn()); 6] = [
        ("SHA-256", &|| fs::write(&intact.path, &flipped).unwrap()),
        ("bytes", &|| {
            fs::write(&intact.path, &content[..content.len() - 5]).unwrap()
        }),
        ("missing", &|| fs::remove_file(&intact.path).unwrap()),
        ("manifest", &|| fs::write(&manifest, "{}").unwrap()),
        ("manifest", &|| fs::write(&manifest, "").unwrap()),
        ("not text", &|| fs::write(&manifest, [0xff, 0xfe]).unwrap()),
    ];
    for (word, damage) in damages {
        damage();
        let entry = get(&cache, &"config");
        match &entry.outcome {
            Outcome::Rebuilt { reason } => assert!(reason.contains(word), "{reason}"),
            other => panic!("{word}: {other:?}"),
        }
        assert_eq!(entry.arrays, intact.arrays);
        assert_eq!(get(&cache, &"config").outcome, Outcome::Found);
    }
    // Data without a manifest is what an interrupted first run leaves.
    fs::remove_file(&manifest).unwrap();
    assert_eq!(get(&cache, &"config").outcome, Outcome::Generated);
}

#[test]
fn a_failed_generation_leaves_no_entry() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::new(directory.path());
    let failed = cache.get_or_generate("test", &1, || Err(Error::NoCacheDirectory));
    assert!(matches!(failed, Err(Error::NoCacheDirectory)));
    let left: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "lock"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(get(&cache, &1).outcome, Outcome::Generated);
}

#[test]
fn many_at_once_make_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                // Locks belong to open files, so that threads meet as processes do.
                let cache = Cache::new(directory.path());
                scope.spawn(move || {
                    let entry = cache.get_or_generate("test", &"shared", || {
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        Ok(arrays(1.))
                    });
                    let entry = entry.unwrap();
                    assert_eq!(entry.arrays, arrays(1.));
                    entry.outcome
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let count = |wanted| outcomes.iter().filter(|&one| *one == wanted).count();
    assert_eq!((count(Outcome::Generated), count(Outcome::Found)), (1, 7));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Cache::new(file.path().join("below-a-file"));
    let error = cache
        .get_or_generate("test", &1, || Ok(arrays(1.)))
        .unwrap_err();
    assert!(error.to_string().contains("below-a-file"), "{error}");
}

#[test]
fn names_that_are_paths_are_refused() {
    for name in ["", "../up", "a/b", "A"] {
        assert!(
            matches!(entry_stem(name, &1), Err(Error::Setting { .. })),
            "{name}"
        );
    }
}
