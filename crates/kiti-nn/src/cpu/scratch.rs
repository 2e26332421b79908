//! Working memory that threads keep between operations: fresh pages from the system cost more than the
//! arithmetic done in them.

use std::any::Any;
use std::cell::RefCell;

use super::Element;

thread_local! {
    static FREE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Buffers kept by each thread.
const KEPT: usize = 8;

/// Calls `f` with buffers of these lengths, whose contents are left over from earlier uses.
pub(crate) fn with_scratch<T: Element, R, const N: usize>(
    lengths: [usize; N],
    f: impl FnOnce([&mut [T]; N]) -> R,
) -> R {
    let mut buffer = take::<T>();
    let total = lengths.iter().sum();
    if buffer.len() < total {
        buffer.resize(total, T::default());
    }
    let mut rest = buffer.as_mut_slice();
    let parts = lengths.map(|length| {
        let (part, tail) = std::mem::take(&mut rest).split_at_mut(length);
        rest = tail;
        part
    });
    let result = f(parts);
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
    result
}

/// The buffer used last of this element type, or an empty one; boxed as it is kept, so that giving it back
/// allocates nothing.
#[allow(clippy::box_collection)]
fn take<T: Element>() -> Box<Vec<T>> {
    FREE.with_borrow_mut(|free| {
        let last = free.iter().rposition(|buffer| buffer.is::<Vec<T>>())?;
        free.swap_remove(last).downcast().ok()
    })
    .unwrap_or_default()
}
