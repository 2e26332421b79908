//! Distances between all particles of a sample.

use candle::Tensor;

/// Values of one chunk's differences `(chunk, D, n, n)`: 64 MiB of `f32`.
const CHUNK_VALUES: usize = 1 << 24;

/// `|p_i - p_j|`, `(B, D, n)` to `(B, n, n)`, from the differences themselves (a Gram matrix loses
/// the digits of near particles). Constant: no gradient passes.
pub fn distances(points: &Tensor) -> candle::Result<Tensor> {
    let points = points.detach();
    let (samples, dims, n) = points.dims3()?;
    let chunk = (CHUNK_VALUES / (dims * n * n).max(1)).clamp(1, samples.max(1));
    let parts = (0..samples)
        .step_by(chunk)
        .map(|start| {
            let part = points.narrow(0, start, chunk.min(samples - start))?;
            part.unsqueeze(3)?
                .broadcast_sub(&part.unsqueeze(2)?)?
                .sqr()?
                .sum(1)?
                .sqrt()
        })
        .collect::<candle::Result<Vec<_>>>()?;
    Tensor::cat(&parts, 0)
}

/// Points relative to their mean: differences stay, squares lose no digits to a common offset.
pub fn centred(points: &Tensor) -> candle::Result<Tensor> {
    points.broadcast_sub(&points.mean_keepdim(2)?)
}

/// The values of `distances` with a gradient by `points` that is 0, not NaN, where a distance is 0.
pub fn differentiable(points: &Tensor, distances: &Tensor) -> candle::Result<Tensor> {
    let centred = centred(points)?;
    let gram = centred.transpose(1, 2)?.contiguous()?.matmul(&centred)?;
    let squares = centred.sqr()?.sum(1)?;
    let squares = squares
        .unsqueeze(2)?
        .broadcast_add(&squares.unsqueeze(1)?)?;
    with_values(&(squares - (gram * 2.0)?)?, distances)
}

/// `sqrt(squares)` whose values are `roots`, exactly: only the derivative `1 / (2 root)` is taken from
/// `squares`, and it is 0 where the root is.
pub fn with_values(squares: &Tensor, roots: &Tensor) -> candle::Result<Tensor> {
    let (divisor, zero) = without_zeros(roots)?;
    let slope = (squares * ((1.0 - zero)? * 0.5)?.div(&divisor)?)?;
    roots + (&slope - slope.detach())?
}

/// The tensor with 1 in place of 0, and a mask that is 1 there.
pub fn without_zeros(tensor: &Tensor) -> candle::Result<(Tensor, Tensor)> {
    let zero = tensor.eq(0.0)?.to_dtype(tensor.dtype())?;
    Ok(((tensor + &zero)?, zero))
}
