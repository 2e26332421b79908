//! Rolling an operator out in time: each predicted snapshot becomes an input of the next one.

use candle::Tensor;
use kiti_nn::context::Context;
use kiti_nn::loss::{Reduction, relative_l2};

use crate::fno::Fno;
use crate::{Error, Result};

/// Predicts `steps` snapshots, each `(batch, d1 .. dN, 1)`.
///
/// `history` is `(batch, d1 .. dN, in_channels)`, the last `in_channels` snapshots in the order of time; prediction k is made
/// from the last `in_channels` of history and earlier predictions, as application k of each residual.
/// Gradients flow through all of it where the model has variables.
///
/// # Errors
///
/// Those of [`Fno::forward_t`]; [`Error::Shape`] for a model with other than one output channel.
pub fn roll_out(model: &Fno, history: &Tensor, steps: usize, ctx: &Context) -> Result<Vec<Tensor>> {
    let mut predictions: Vec<Tensor> = Vec::with_capacity(steps);
    for step in 0..steps {
        let window = window(model, history, &predictions)?;
        predictions.push(model.forward_t(&window, &ctx.clone().with_pass(step as u32))?);
    }
    Ok(predictions)
}

/// The training loss: `sum_k sum_b |p_kb - t_kb| / |t_kb|` over the `K` snapshots of the roll-out and the samples of the
/// batch, a scalar.
///
/// `targets` is `(batch, d1 .. dN, K)`.
///
/// # Errors
///
/// Those of [`roll_out`].
pub fn roll_out_loss(
    model: &Fno,
    history: &Tensor,
    targets: &Tensor,
    ctx: &Context,
) -> Result<Tensor> {
    let last = targets.rank() - 1;
    let steps = targets.dim(last)?;
    let mut total: Option<Tensor> = None;
    for (step, prediction) in roll_out(model, history, steps, ctx)?.iter().enumerate() {
        let loss = relative_l2(prediction, &targets.narrow(last, step, 1)?, Reduction::Sum)?;
        total = Some(match total {
            None => loss,
            Some(sum) => (sum + loss)?,
        });
    }
    total.ok_or_else(|| Error::Shape {
        name: "targets".to_owned(),
        expected: "at least one snapshot on the last axis".to_owned(),
        found: targets.dims().to_vec(),
    })
}

/// Where a roll-out first leaves the finite numbers, as `roll-out step K, PLACE`; none if it never does.
///
/// # Errors
///
/// Those of [`roll_out`].
pub fn first_not_finite(
    model: &Fno,
    history: &Tensor,
    steps: usize,
    ctx: &Context,
) -> Result<Option<String>> {
    let mut predictions: Vec<Tensor> = Vec::with_capacity(steps);
    for step in 0..steps {
        let window = window(model, history, &predictions)?;
        let ctx = ctx.clone().with_pass(step as u32);
        if let Some(place) = model.first_not_finite(&window, &ctx)? {
            return Ok(Some(format!("{place} (roll-out step {})", step + 1)));
        }
        predictions.push(model.forward_t(&window, &ctx)?);
    }
    Ok(None)
}

fn window(model: &Fno, history: &Tensor, predictions: &[Tensor]) -> Result<Tensor> {
    let config = model.config();
    if config.out_channels != 1 {
        return Err(Error::Shape {
            name: "model output".to_owned(),
            expected: "1 channel, the next snapshot".to_owned(),
            found: vec![config.out_channels],
        });
    }
    if predictions.is_empty() {
        return Ok(history.clone());
    }
    let (last, size) = (history.rank() - 1, config.in_channels);
    let seen = predictions.len().min(size);
    let mut parts = Vec::with_capacity(size);
    if seen < size {
        parts.push(history.narrow(last, seen, size - seen)?.contiguous()?);
    }
    parts.extend_from_slice(&predictions[predictions.len() - seen..]);
    Ok(Tensor::cat(&parts, last)?)
}
