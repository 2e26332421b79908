//! KITINet layers for [candle](https://github.com/huggingface/candle): residuals that are one time step of
//! colliding particles, and what is needed to train and study networks built of them.
//!
//! - [`residual`]: the one switch between `x + f(x)` and everything that is compared with it; [`kinetic`]: the
//!   kinetic residual itself; [`dropout`]
//! - [`spectral`], [`pointwise`], [`activation`]: layers of Fourier neural operators; [`loss`]
//! - [`linear`](mod@linear), [`embedding`](mod@embedding), [`attention`](mod@attention), [`softmax`](mod@softmax),
//!   [`norm`], [`conv`], [`pool`]: layers of transformers and convolutional networks
//! - [`var_store`], [`init`]: seeded variables under names; [`optim`], [`schedule`]: optimisers; [`backward()`]: gradients
//! - [`condensation`]: have a layer's neurons gathered in few directions? [`flops`]: what a model costs
//!
//! Every random number is a function of a seed and of what it is for ([`Context`]), never of the order in
//! which things run. Features are `(batch, channels, d1 … dN)` for grids and `(…, width)` for tokens.
//!
//! # A kinetic residual in a model of one's own
//!
//! ```
//! use candle::{DType, Device, Module, Result, Tensor};
//! use candle_nn::{Conv2d, Conv2dConfig, VarBuilder, conv2d};
//! use kiti_nn::{Context, KineticResidual, KineticResidualConfig, VarStore};
//!
//! struct Block(Conv2d, KineticResidual);
//!
//! impl Block {
//!     fn new(layer: u32, vb: VarBuilder) -> Result<Self> {
//!         let same_size = Conv2dConfig { padding: 1, ..Default::default() };
//!         let kinetic = KineticResidual::new(KineticResidualConfig::default(), layer)?;
//!         Ok(Self(conv2d(4, 4, 3, same_size, vb)?, kinetic))
//!     }
//!     fn forward(&self, x: &Tensor, ctx: &Context) -> Result<Tensor> {
//!         self.1.forward(x, &self.0.forward(x)?, ctx) // instead of x + self.0.forward(x)?
//!     }
//! }
//!
//! let store = VarStore::new(42, DType::F32, &Device::Cpu);
//! let block = Block::new(0, store.builder().pp("block"))?;
//! let x = Tensor::ones((2, 4, 8, 8), DType::F32, &Device::Cpu)?;
//! let trained = block.forward(&x, &Context::train(42, 0))?; // training step 0 of seed 42
//! assert_eq!(trained.dims(), block.forward(&x, &Context::evaluate())?.dims());
//! # Ok::<(), candle::Error>(())
//! ```

pub mod activation;
pub mod attention;
mod backward;
pub mod condensation;
pub mod context;
pub mod conv;
mod cpu;
pub mod dropout;
pub mod embedding;
pub mod error;
pub mod flops;
pub mod init;
pub mod kinetic;
pub mod linear;
pub mod loss;
pub mod norm;
mod ops;
pub mod optim;
pub mod pointwise;
pub mod pool;
pub mod residual;
mod scaling;
pub mod schedule;
pub mod softmax;
pub mod spectral;
pub mod var_store;

pub use activation::Activation;
pub use attention::{Attention, AttentionConfig, attention, self_attention};
pub use backward::backward;
pub use context::{Context, LayerDiagnostics, Mode};
pub use conv::{Conv1d, Conv1dConfig, Conv2d, Conv2dConfig};
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingConfig};
pub use error::Error;
pub use flops::Flops;
pub use kinetic::{KineticResidual, KineticResidualConfig};
pub use linear::{Linear, LinearConfig, WeightOrder};
pub use loss::{Reduction, cross_entropy, linear_cross_entropy, relative_l2};
pub use norm::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig};
pub use optim::{Optimizer, OptimizerConfig, clip_grad_norm};
pub use pointwise::{PointwiseConv, pointwise_head};
pub use pool::{PoolConfig, avg_pool2d, global_avg_pool, max_pool2d};
pub use residual::{Residual, ResidualConfig, Variant, VariantSettings};
pub use schedule::LearningRateSchedule;
pub use softmax::softmax;
pub use spectral::{SpectralConv1d, SpectralConv1dConfig, SpectralConv2d, SpectralConv2dConfig};
pub use var_store::{LoadError, VarStore};
