//! When a failed request is tried again.

use std::time::Duration;

/// How often, and after which pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub retries: u32,
    /// Pause before the first of them; each further one is twice as long, up to 30 seconds.
    pub first_pause: Duration,
}

impl Default for RetryPolicy {
    /// Five more attempts within about 15 seconds.
    fn default() -> Self {
        Self {
            retries: 5,
            first_pause: Duration::from_millis(500),
        }
    }
}

impl RetryPolicy {
    /// The pause before attempt number `attempt`, the first repetition being 0; none where there is no further attempt.
    pub(super) fn pause(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.retries {
            return None;
        }
        let doubled = self
            .first_pause
            .saturating_mul(2u32.saturating_pow(attempt));
        Some(doubled.min(Duration::from_secs(30)))
    }
}

/// Whether the same request may succeed later: the server is busy or broken, or the connection was.
pub(super) fn may_pass(error: &ureq::Error) -> bool {
    use ureq::Error;
    match error {
        Error::StatusCode(status) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
        Error::Io(_) | Error::Timeout(_) | Error::ConnectionFailed | Error::Protocol(_) => true,
        _ => false,
    }
}
