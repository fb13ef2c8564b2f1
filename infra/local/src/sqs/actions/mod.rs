//! The actions of SQS: each reads its request, runs a transaction of the store, and writes the response.

mod batch;
mod delete;
mod queues;
mod receive;
mod request;
mod send;
mod visibility;

use super::error::SqsError;
use request::{read, write};

pub(crate) use request::Call;

/// Performs the action of that name: JSON in, JSON out.
pub(crate) async fn perform(action: &str, body: &[u8], call: &Call<'_>) -> Result<Vec<u8>, SqsError> {
    match action {
        "CreateQueue" => write(&queues::create(call, read(body)?).await?),
        "GetQueueAttributes" => write(&queues::get_attributes(call, read(body)?).await?),
        "SetQueueAttributes" => write(&queues::set_attributes(call, read(body)?).await?),
        "SendMessage" => write(&send::send(call, read(body)?).await?),
        "SendMessageBatch" => write(&send::send_batch(call, read(body)?).await?),
        "ReceiveMessage" => write(&receive::receive(call, read(body)?).await?),
        "DeleteMessage" => write(&delete::delete(call, read(body)?).await?),
        "DeleteMessageBatch" => write(&delete::delete_batch(call, read(body)?).await?),
        "ChangeMessageVisibility" => write(&visibility::change(call, read(body)?).await?),
        unknown => Err(SqsError::unsupported("action", unknown)),
    }
}
