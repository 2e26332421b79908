//! Where the data sets that have a card come from.

use super::RemoteFile;
use crate::manifest::DatasetManifest;

const MANIFESTS: [&str; 5] = [
    include_str!("../../../../datasets/cifar10/manifest.toml"),
    include_str!("../../../../datasets/cifar100/manifest.toml"),
    include_str!("../../../../datasets/imdb/manifest.toml"),
    include_str!("../../../../datasets/snli/manifest.toml"),
    include_str!("../../../../datasets/tinyshakespeare/manifest.toml"),
];

/// The original files of the data sets that can be fetched, by name: `cifar10`, `cifar100`, `imdb`, `snli`,
/// `tinyshakespeare`.
///
/// ```
/// let known = kiti_data::fetch::catalogue();
/// let (name, file) = &known[0];
/// assert_eq!((name.as_str(), file.name.as_str()), ("cifar10", "cifar-10-binary.tar.gz"));
/// ```
pub fn catalogue() -> Vec<(String, RemoteFile)> {
    let manifests = MANIFESTS
        .iter()
        .filter_map(|text| toml::from_str::<DatasetManifest>(text).ok());
    manifests
        .filter_map(|manifest| {
            let file = manifest.files.first()?;
            let remote = RemoteFile {
                url: manifest.source.clone(),
                name: file.path.to_string_lossy().into_owned(),
                bytes: file.bytes,
                sha256: file.sha256.clone(),
            };
            Some((manifest.name.clone(), remote))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_manifest_names_one_file_at_its_address() {
        let known = super::catalogue();
        assert_eq!(known.len(), super::MANIFESTS.len());
        for (name, file) in known {
            assert!(file.url.ends_with(&file.name), "{name}");
            assert!(file.url.starts_with("https://"), "{name}");
            assert_eq!(file.sha256.len(), 64, "{name}");
        }
    }
}
