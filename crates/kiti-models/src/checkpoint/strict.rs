//! A model's tensors from a file, every difference collected before anything is refused.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use candle::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use kiti_nn::var_store::{LoadError, LoadProblem};

/// Tensors that a model is built from; remembers what the model asked for.
#[derive(Clone)]
pub(crate) struct StrictTensors(Arc<Inner>);

struct Inner {
    tensors: HashMap<String, Tensor>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    problems: Vec<LoadProblem>,
}

impl StrictTensors {
    pub(crate) fn new(tensors: HashMap<String, Tensor>) -> Self {
        Self(Arc::new(Inner {
            tensors,
            asked: Mutex::default(),
        }))
    }

    /// A builder that takes single-precision tensors from here.
    pub(crate) fn builder(&self, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, device.clone())
    }

    /// Names that the model did not ask for and that are `no_loss`, which are then no longer unexpected.
    pub(crate) fn forget(&self, no_loss: impl Fn(&str) -> bool) -> Vec<String> {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let names = self.0.tensors.keys();
        let forgotten: Vec<String> = names
            .filter(|name| no_loss(name) && !asked.names.contains(*name))
            .cloned()
            .collect();
        asked.names.extend(forgotten.iter().cloned());
        forgotten
    }

    /// What was missing, mis-shaped or never asked for while the model was built.
    ///
    /// # Errors
    ///
    /// [`LoadError::Mismatch`] with all of it.
    pub(crate) fn finish(&self) -> Result<(), LoadError> {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problems = std::mem::take(&mut asked.problems);
        let mut unexpected: Vec<&String> = self
            .0
            .tensors
            .keys()
            .filter(|name| !asked.names.contains(*name))
            .collect();
        unexpected.sort();
        problems.extend(
            unexpected
                .into_iter()
                .map(|name| LoadProblem::Unexpected { name: name.clone() }),
        );
        if problems.is_empty() {
            Ok(())
        } else {
            Err(LoadError::Mismatch { problems })
        }
    }
}

impl SimpleBackend for StrictTensors {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _hint: Init,
        dtype: DType,
        device: &Device,
    ) -> candle::Result<Tensor> {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.names.insert(name.to_owned());
        let expected = || shape.dims().to_vec();
        let name = name.to_owned();
        match self.0.tensors.get(&name) {
            Some(tensor) if tensor.shape() == &shape => {
                return tensor.to_device(device)?.to_dtype(dtype);
            }
            Some(tensor) => {
                let found = tensor.dims().to_vec();
                asked.problems.push(LoadProblem::Shape {
                    name,
                    expected: expected(),
                    found,
                });
            }
            None => asked.problems.push(LoadProblem::Missing {
                name,
                expected: expected(),
            }),
        }
        // Stands in until `finish` refuses the model.
        Tensor::zeros(1, dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle::Result<Tensor> {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.names.insert(name.to_owned());
        match self.0.tensors.get(name) {
            Some(tensor) => tensor.to_device(device)?.to_dtype(dtype),
            None => Err(candle::Error::CannotFindTensor {
                path: name.to_owned(),
            }),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.tensors.contains_key(name)
    }
}
