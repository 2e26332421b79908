//! The variables of a model: named, ordered, reproducibly initialised, strictly loaded.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::init;
use crate::norm::is_buffer;

/// Owns the variables that layers create through its [`builder`](VarStore::builder).
///
/// Listed by name. The initial value of each is drawn from a stream keyed by `(seed, name)`
/// ([`init::tensor`]), so the order in which layers are built doesn't matter. Clones share the variables.
///
/// # Example
///
/// ```
/// use kiti_nn::{PointwiseConv, VarStore};
///
/// # fn main() -> candle::Result<()> {
/// let store = VarStore::new(7, candle::DType::F32, &candle::Device::Cpu);
/// let _lift = PointwiseConv::new(3, 8, 0, store.builder().pp("lift"))?;
/// let names: Vec<String> = store.variables().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["lift.bias", "lift.weight"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VarStore {
    variables: Arc<Mutex<BTreeMap<String, Var>>>,
    seed: u64,
    dtype: DType,
    device: Device,
}

impl fmt::Debug for VarStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VarStore")
            .field("seed", &self.seed)
            .field("dtype", &self.dtype)
            .field("variables", &self.lock().keys().collect::<Vec<_>>())
            .finish()
    }
}

impl VarStore {
    /// An empty store; variables will have the element type `dtype` and live on `device`.
    pub fn new(seed: u64, dtype: DType, device: &Device) -> Self {
        Self {
            variables: Arc::default(),
            seed,
            dtype,
            device: device.clone(),
        }
    }

    /// A builder that creates variables in this store, or returns those that exist.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), self.dtype, self.device.clone())
    }

    /// Every variable with its name, sorted by name.
    pub fn variables(&self) -> Vec<(String, Var)> {
        self.lock()
            .iter()
            .map(|(name, var)| (name.clone(), var.clone()))
            .collect()
    }

    /// Every variable's present value by name. The tensors share the variables' memory: training
    /// on changes them. They are detached from any graph.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.lock()
            .iter()
            .map(|(name, var)| (name.clone(), var.as_detached_tensor()))
            .collect()
    }

    /// Every variable that an optimiser changes, sorted by name: all but the [buffers](crate::norm::is_buffer).
    pub fn trainable(&self) -> Vec<(String, Var)> {
        let mut variables = self.variables();
        variables.retain(|(name, _)| !is_buffer(name));
        variables
    }

    /// Number of trainable numbers.
    pub fn parameter_count(&self) -> usize {
        let trainable = self.trainable();
        trainable.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Overwrites every variable with the tensor of the same name, converted to the variable's
    /// element type and device.
    ///
    /// # Errors
    ///
    /// [`LoadError::Mismatch`] with every missing, unexpected and mis-shaped name; no variable has changed then.
    pub fn load_strict(
        &self,
        tensors: &HashMap<String, Tensor>,
    ) -> std::result::Result<(), LoadError> {
        let variables = self.lock();
        let mut problems = Vec::new();
        for (name, var) in variables.iter() {
            match tensors.get(name) {
                None => problems.push(LoadProblem::Missing {
                    name: name.clone(),
                    expected: var.dims().to_vec(),
                }),
                Some(tensor) if tensor.dims() != var.dims() => problems.push(LoadProblem::Shape {
                    name: name.clone(),
                    expected: var.dims().to_vec(),
                    found: tensor.dims().to_vec(),
                }),
                Some(_) => {}
            }
        }
        let mut unexpected: Vec<_> = tensors
            .keys()
            .filter(|name| !variables.contains_key(*name))
            .cloned()
            .collect();
        unexpected.sort();
        problems.extend(
            unexpected
                .into_iter()
                .map(|name| LoadProblem::Unexpected { name }),
        );
        if !problems.is_empty() {
            return Err(LoadError::Mismatch { problems });
        }
        let tensor = |name: &str, source| LoadError::Tensor {
            name: name.to_owned(),
            source,
        };
        let mut converted = Vec::with_capacity(variables.len());
        for (name, var) in variables.iter() {
            let value = tensors[name]
                .to_device(var.device())
                .and_then(|value| value.to_dtype(var.dtype()))
                .and_then(|value| value.copy())
                .map_err(|source| tensor(name, source))?;
            converted.push((name, var, value));
        }
        for (name, var, value) in converted {
            var.set(&value).map_err(|source| tensor(name, source))?;
        }
        Ok(())
    }

    /// Element type of the variables.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the variables live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimpleBackend for VarStore {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        hint: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut variables = self.lock();
        if let Some(var) = variables.get(name) {
            if var.shape() != &shape {
                return Err(candle::Error::UnexpectedShape {
                    msg: format!("variable {name} exists with another shape"),
                    expected: shape,
                    got: var.shape().clone(),
                });
            }
            return Ok(var.as_tensor().clone());
        }
        let var = Var::from_tensor(&init::tensor(hint, &shape, dtype, device, self.seed, name)?)?;
        let tensor = var.as_tensor().clone();
        variables.insert(name.to_owned(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        match self.lock().get(name) {
            Some(var) => Ok(var.as_tensor().clone()),
            None => Err(candle::Error::CannotFindTensor {
                path: name.to_owned(),
            }),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }
}

/// Why a set of tensors cannot become a store's variables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Names or shapes differ; nothing was changed.
    #[error(
        "the tensors do not fit the model, nothing was loaded:{}\n\
         build the model with the configuration it was saved with",
        problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>()
    )]
    Mismatch {
        /// Every difference: first by the model's names, then the unexpected ones.
        problems: Vec<LoadProblem>,
    },
    /// A tensor could not be converted or copied.
    #[error("{name}: {source}")]
    Tensor {
        /// The variable.
        name: String,
        /// Candle's error.
        source: candle::Error,
    },
}

/// One difference between a model's variables and the tensors it should load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadProblem {
    /// The model has a variable that the tensors lack.
    #[error("missing {name}, expected shape {expected:?}")]
    Missing {
        /// The variable.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// The tensors have a name that the model lacks.
    #[error("unexpected {name}")]
    Unexpected {
        /// The tensor.
        name: String,
    },
    /// The shapes differ.
    #[error("{name}: expected shape {expected:?}, found {found:?}")]
    Shape {
        /// The variable.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },
}
