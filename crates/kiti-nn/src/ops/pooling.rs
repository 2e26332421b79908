//! Pooling as one operation.

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use super::batch_channels_sites;
use crate::backward::hand_over;
pub(crate) use crate::cpu::pooling::{Kind, Pool};
use crate::cpu::storage::{filled, for_element, read_all, slice, tensor};

/// Pools each plane of `xs` `(batch, channels, ..)`, in the shape `shape`.
pub(crate) fn pool(xs: &Tensor, pool: Pool, shape: Vec<usize>) -> Result<Tensor> {
    let [batch, channels, _] = batch_channels_sites(xs)?;
    let planes = batch * channels;
    xs.contiguous()?.apply_op1(PoolOp {
        planes,
        pool,
        shape,
    })
}

struct PoolOp {
    planes: usize,
    pool: Pool,
    /// Of the output.
    shape: Vec<usize>,
}

impl PoolOp {
    /// Elements of a plane of the input, and of the output.
    fn lengths(&self) -> [usize; 2] {
        [self.pool.size, self.pool.output()].map(|[rows, columns]| rows * columns)
    }
}

impl CustomOp1 for PoolOp {
    fn name(&self) -> &'static str {
        "kiti-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [from, to] = self.lengths();
        for_element!(candle::backend::BackendStorage::dtype(storage), T => {
            let x: &[T] = slice(storage, layout)?;
            let [y] = filled(self.planes, [to], |index, [y]| {
                self.pool.forward(&x[index * from..][..from], y);
            });
            Ok((T::to_cpu_storage_owned(y), Shape::from(self.shape.clone())))
        })
    }

    fn bwd(&self, xs: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [from, to] = self.lengths();
        for_element!(xs.dtype(), T => read_all::<T, _, 2>([xs, grad], |[x, g]| {
            let [x_gradient] = filled(self.planes, [from], |index, [x_gradient]| {
                let (x, g) = (&x[index * from..][..from], &g[index * to..][..to]);
                self.pool.backward(x, g, x_gradient);
            });
            hand_over(xs, tensor(x_gradient, xs.shape())?)
        }))
    }
}
