//! Rolling an operator out in time: each predicted snapshot becomes an input of the next one.

use candle::Tensor;
use kiti_nn::context::Context;
use kiti_nn::loss::{Reduction, relative_l2};

use crate::operator::Operator;
use crate::{Error, Result};

/// Predicts `steps` snapshots, each `(batch, d1 .. dN, out_channels)`, in the model's own way.
///
/// `history` is `(batch, d1 .. dN, in_channels)`, snapshots in the order of time. Gradients flow through all of it where
/// the model has variables.
///
/// # Errors
///
/// Those of [`Operator::roll_out`].
pub fn roll_out(
    model: &dyn Operator,
    history: &Tensor,
    steps: usize,
    ctx: &Context,
) -> Result<Vec<Tensor>> {
    model.roll_out(history, steps, ctx)
}

/// Rolls a model out by its own predictions: prediction k is made from the last `in_channels` of history and earlier
/// predictions, as application k of each residual.
///
/// # Errors
///
/// Those of [`Operator::forward_t`].
pub fn feed_back<O: Operator + ?Sized>(
    model: &O,
    history: &Tensor,
    steps: usize,
    ctx: &Context,
) -> Result<Vec<Tensor>> {
    let mut predictions: Vec<Tensor> = Vec::with_capacity(steps);
    for step in 0..steps {
        let window = window(model, history, &predictions)?;
        predictions.push(model.forward_t(&window, &ctx.clone().with_pass(step as u32))?);
    }
    Ok(predictions)
}

/// The training loss: `sum_k sum_b |p_kb - t_kb| / |t_kb|` over the `K` steps of the roll-out and the samples of the
/// batch, a scalar.
///
/// `targets` is `(batch, d1 .. dN, K out_channels)`, step by step.
///
/// # Errors
///
/// Those of [`roll_out`].
pub fn roll_out_loss(
    model: &dyn Operator,
    history: &Tensor,
    targets: &Tensor,
    ctx: &Context,
) -> Result<Tensor> {
    let last = targets.rank() - 1;
    let channels = model.out_channels();
    let steps = targets.dim(last)? / channels;
    let mut total: Option<Tensor> = None;
    for (step, prediction) in roll_out(model, history, steps, ctx)?.iter().enumerate() {
        let target = targets.narrow(last, step * channels, channels)?;
        let loss = relative_l2(prediction, &target, Reduction::Sum)?;
        total = Some(match total {
            None => loss,
            Some(sum) => (sum + loss)?,
        });
    }
    total.ok_or_else(|| Error::Shape {
        name: "targets".to_owned(),
        expected: format!("at least {channels} channels on the last axis"),
        found: targets.dims().to_vec(),
    })
}

/// Where a roll-out first leaves the finite numbers, as `PLACE (roll-out step K)`; none if it never does.
///
/// # Errors
///
/// Those of [`roll_out`].
pub fn first_not_finite(
    model: &dyn Operator,
    history: &Tensor,
    steps: usize,
    ctx: &Context,
) -> Result<Option<String>> {
    model.first_not_finite(history, steps, ctx)
}

/// The last `in_channels` channels of history and predictions.
pub(crate) fn window<O: Operator + ?Sized>(
    model: &O,
    history: &Tensor,
    predictions: &[Tensor],
) -> Result<Tensor> {
    if predictions.is_empty() {
        return Ok(history.clone());
    }
    let (last, size, each) = (
        history.rank() - 1,
        model.in_channels(),
        model.out_channels(),
    );
    let seen = predictions.len().min(size.div_ceil(each));
    let mut parts = Vec::with_capacity(size);
    if seen * each < size {
        let old = size - seen * each;
        parts.push(history.narrow(last, size - old, old)?.contiguous()?);
    }
    parts.extend_from_slice(&predictions[predictions.len() - seen..]);
    let joined = Tensor::cat(&parts, last)?;
    let surplus = joined.dim(last)? - size;
    if surplus == 0 {
        return Ok(joined);
    }
    Ok(joined.narrow(last, surplus, size)?.contiguous()?)
}
