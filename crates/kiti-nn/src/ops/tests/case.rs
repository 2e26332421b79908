//! A layer under test, and what is demanded of it.

use candle::backprop::GradStore;
use candle::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::Init;

use crate::cpu::instruction_set::InstructionSet;
use crate::{VarStore, init};

pub(super) fn random(shape: impl Into<Shape>, dtype: DType, name: &str) -> Result<Tensor> {
    let init = Init::Randn {
        mean: 0.0,
        stdev: 1.0,
    };
    init::tensor(init, &shape.into(), dtype, &Device::Cpu, 11, name)
}

pub(super) type Operation<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + Sync + 'a>;

/// A layer under test: its variables, input and two ways to apply it.
pub(super) struct Case<'a> {
    pub(super) store: VarStore,
    pub(super) input: Var,
    pub(super) fast: Operation<'a>,
    pub(super) composed: Operation<'a>,
}

impl Case<'_> {
    /// The output's inner product with fixed numbers.
    pub(super) fn loss(&self, output: &Tensor) -> Result<Tensor> {
        (output * random(output.shape(), output.dtype(), "upstream")?)?.sum_all()
    }

    pub(super) fn leaves(&self) -> Vec<(String, Var)> {
        let mut leaves = self.store.trainable();
        leaves.push(("input".to_owned(), self.input.clone()));
        leaves
    }

    /// Output and gradients, one way and the other, relative to the larger norm; with every instruction set.
    pub(super) fn compare(&self, tolerance: f64) -> Result<()> {
        let composed = (self.composed)(&self.input)?;
        let expected = self.loss(&composed)?.backward()?;
        self.compare_with(&composed, &expected, tolerance)?;
        for set in InstructionSet::ALL {
            set.run(|| self.compare_with(&composed, &expected, tolerance))?;
        }
        Ok(())
    }

    fn compare_with(&self, composed: &Tensor, expected: &GradStore, tolerance: f64) -> Result<()> {
        let fast = (self.fast)(&self.input)?;
        assert_eq!(fast.dims(), composed.dims());
        assert_close("output", &fast, composed, tolerance)?;
        let found = self.loss(&fast)?.backward()?;
        for (name, leaf) in self.leaves() {
            let found = found.get(&leaf).expect("every leaf has a gradient");
            let expected = expected.get(&leaf).expect("as above");
            // The gradient of a bias is a sum of upstream ones, normal numbers that may cancel; their rounding does not.
            let least = if name.ends_with("bias") { 1.0 } else { 0.0 };
            let size = norm(expected)?.max(least);
            assert_difference(&name, [found, expected], size, tolerance)?;
        }
        Ok(())
    }

    /// Gradients against central differences at a few elements of every leaf.
    pub(super) fn differences(&self) -> Result<()> {
        let gradients = crate::backward(&self.loss(&(self.fast)(&self.input)?)?)?;
        for (name, leaf) in self.leaves() {
            let gradient = gradients.get(&leaf).expect("every leaf has a gradient");
            let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
            let original = leaf.flatten_all()?.to_vec1::<f64>()?;
            for at in (0..original.len()).step_by(original.len().div_ceil(7)) {
                let value = |shift: f64| -> Result<f64> {
                    let mut moved = original.clone();
                    moved[at] += shift;
                    leaf.set(&Tensor::from_vec(moved, leaf.shape(), &Device::Cpu)?)?;
                    self.loss(&(self.fast)(&self.input)?)?.to_scalar()
                };
                let step = 1e-5;
                let difference = (value(step)? - value(-step)?) / (2.0 * step);
                value(0.0)?;
                // Truncation is of order step^2, rounding of order 1e-16 |loss| / step.
                let error = (difference - gradient[at]).abs();
                assert!(
                    error < 1e-6 * (1.0 + difference.abs()),
                    "{name}[{at}]: {difference} {}",
                    gradient[at]
                );
            }
        }
        Ok(())
    }

    /// Output and gradients on one, two and five threads.
    pub(super) fn threads(&self) -> Result<()> {
        let bits = |threads: usize| -> Result<Vec<Vec<u8>>> {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            pool.install(|| {
                let output = (self.fast)(&self.input)?;
                let gradients = crate::backward(&self.loss(&output)?)?;
                let mut all = vec![bytes(&output)?];
                for (_, leaf) in self.leaves() {
                    all.push(bytes(gradients.get(&leaf).expect("a gradient"))?);
                }
                Ok(all)
            })
        };
        let one = bits(1)?;
        assert!(one == bits(2)? && one == bits(5)?);
        Ok(())
    }

    pub(super) fn check(&self) -> Result<()> {
        self.compare(1e-12)?;
        self.differences()?;
        self.threads()
    }
}

pub(super) fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    tensor.write_bytes(&mut bytes)?;
    Ok(bytes)
}

/// Compares by the norm of the difference, relative to that of `b`.
pub(super) fn assert_close(name: &str, a: &Tensor, b: &Tensor, tolerance: f64) -> Result<()> {
    assert_difference(name, [a, b], norm(b)?, tolerance)
}

fn norm(t: &Tensor) -> Result<f64> {
    let square = t.to_dtype(DType::F64)?.sqr()?.sum_all()?;
    Ok(square.to_scalar::<f64>()?.sqrt())
}

fn assert_difference(name: &str, [a, b]: [&Tensor; 2], size: f64, tolerance: f64) -> Result<()> {
    let difference = norm(&(a - b)?)?;
    assert!(
        difference <= tolerance * size,
        "{name}: difference {difference} of {size}"
    );
    Ok(())
}

pub(super) fn input(shape: impl Into<Shape>, dtype: DType) -> Result<Var> {
    Var::from_tensor(&random(shape, dtype, "input")?)
}
