//! Images with their classes: CIFAR-10, CIFAR-100, any folder of images by class.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`images`] | the pixels and labels of a split, their statistics |
//! | [`cifar`] | CIFAR-10 and CIFAR-100, from the original archives or the Hub's Parquet files |
//! | [`folder`] | PNG and JPEG files in a folder for each class |
//! | [`picture`] | one PNG or JPEG file |
//! | [`input`] | what a trained network is given of such a file |
//! | [`augment`] | crops, flips, cutout and mixup, each decided by seed, epoch and sample |
//! | [`rows`] | normalised images as rows for a [`Loader`](crate::loader::Loader), which prepares them ahead on a thread |

pub mod augment;
pub mod cifar;
pub mod folder;
pub mod images;
pub mod input;
pub mod picture;
pub mod rows;

pub use augment::AugmentConfig;
pub use cifar::CifarVariant;
pub use images::{ChannelStatistics, ImageSplits, Images};
pub use input::ImageInput;
pub use picture::Picture;
pub use rows::image_rows;
