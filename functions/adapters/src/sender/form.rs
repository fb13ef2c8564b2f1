//! The body of a request, in parts.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The size of a part: a TLS record.
const PART_BYTES: usize = 16 * 1024;

/// A body that lets the client look for an answer between its parts. A server may answer before it has read everything,
/// and close: the answer is lost if the client is still writing when it learns of that.
pub(super) struct Form {
    rest: Bytes,
    /// Whether the next part has to wait until the client has looked.
    pauses: bool,
}

impl Form {
    pub(super) fn new(body: Bytes) -> Self {
        Self { rest: body, pauses: false }
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if std::mem::take(&mut self.pauses) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.pauses = true;
        let size = self.rest.len().min(PART_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::poll_fn;

    use super::*;

    #[test]
    fn every_byte_is_sent_with_a_pause_after_each_part() {
        let body: Bytes = (0..=u8::MAX).cycle().take(2 * PART_BYTES + 1).collect();
        let mut form = Form::new(body.clone());
        let (mut sent, mut pauses) = (Vec::new(), 0);
        while !form.is_end_stream() {
            assert_eq!(form.size_hint().exact(), Some((body.len() - sent.len()) as u64));
            match poll_fn(|context| Pin::new(&mut form).poll_frame(context)).now_or_never() {
                Some(frame) => sent.extend(frame.unwrap().unwrap().into_data().unwrap()),
                None => pauses += 1,
            }
        }
        assert_eq!((sent, pauses), (body.to_vec(), 2));
    }
}
