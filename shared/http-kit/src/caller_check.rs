//! The order of extractors: who calls is known before a body is read, and before anything else is refused.
//!
//! The extractors of a handler run at the same time. The one that checks the caller begins a check; those after it wait
//! for its end before they read a body or refuse the request. So a stranger learns of a 401 and of nothing else.

use actix_web::{HttpMessage, HttpRequest};
use futures::channel::oneshot::{self, Receiver, Sender};
use futures::future::{FutureExt, Shared};

/// A check of the caller that has begun; it ends when this is dropped.
#[derive(Debug)]
pub struct CallerCheck(#[expect(dead_code, reason = "its drop is the end")] Sender<()>);

/// The end of a check, for those who wait.
#[derive(Clone)]
struct End(Shared<Receiver<()>>);

impl CallerCheck {
    /// Begins the check of a request's caller.
    pub fn begin(request: &HttpRequest) -> Self {
        let (ends, end) = oneshot::channel();
        request.extensions_mut().insert(End(end.shared()));
        Self(ends)
    }

    /// The end of the check, if one has begun.
    pub(crate) fn end(request: &HttpRequest) -> impl Future<Output = ()> + use<> {
        let end = request.extensions().get::<End>().cloned();
        async move {
            if let Some(End(end)) = end {
                // Dropped without a word: that is the end.
                let _ended = end.await;
            }
        }
    }
}
