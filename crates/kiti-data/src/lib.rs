//! Data for KITINet experiments: generate, verify, cache, read and write, batch.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`pde`] | generators: heat, Burgers, Navier-Stokes, Darcy, checked against exact solutions |
//! | [`cache`] | generated data on disk, addressed by the settings that made it, checked by SHA-256 |
//! | [`vision`] | images with their classes: CIFAR-10, CIFAR-100, folders; augmentation |
//! | [`text`] | texts with their classes: IMDb, SNLI, tables; plain text for language models |
//! | [`loader`] | seeded, resumable batches, gathered ahead on a thread |
//! | [`field_io`] | arrays from `.npy`, `.npz`, `.safetensors`, `.mat` and HDF5 files, and to the first three |
//! | [`field_set`] | data sets in such files: a manifest says which array is what |
//! | [`transform`] | normalisation |
//! | [`metrics`] | relative norms and the spectrum of an error |
//! | [`fetch`] | files over HTTP and from the Hugging Face Hub: resumed, verified, kept |
//! | [`manifest`] | what a data set's files must be |
//!
//! Every random choice is keyed by a seed: the same settings give the same bits for any number
//! of threads on one machine.
//!
//! ```
//! use kiti_data::loader::{Dataset, Loader, LoaderSettings};
//! use kiti_data::pde::heat::{self, HeatConfig};
//!
//! let config = HeatConfig { resolution: 32, samples: 4, ..HeatConfig::default() };
//! let data = heat::generate(&config)?;
//! assert_eq!(data.fields().shape(), [4, 32, 32, 20]);
//!
//! let (inputs, targets) = data.split_time(10, 10)?;
//! let settings = LoaderSettings { batch_size: 2, seed: 7, ..LoaderSettings::default() };
//! let loader = Loader::new(Dataset::new(inputs, targets)?, settings, &candle::Device::Cpu)?;
//! for batch in loader.epoch(0) {
//!     let batch = batch?;
//!     assert_eq!(batch.inputs.dims(), [2, 32, 32, 10]);
//! }
//! # Ok::<(), kiti_data::Error>(())
//! ```

mod archive;
pub mod atomic_file;
pub mod cache;
mod checksum;
pub mod error;
pub mod fetch;
pub mod field_io;
pub mod field_set;
pub mod loader;
pub mod manifest;
pub mod metrics;
mod parquet_table;
pub mod pde;
pub mod text;
pub mod transform;
pub mod vision;

pub use error::{Error, Result};
pub use field_io::Field;
