"""A receiver in FastAPI.

To deploy: uvicorn fastapi_receiver:app
"""

import os

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from standardwebhooks import Webhook, WebhookVerificationError

from work import accept, start

# Twice the limit of a payload, 2 MiB. By default, FastAPI refuses a field over 1 MiB.
MAX_FIELD_BYTES = 4 * 1024 * 1024

app = FastAPI()
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
start()


@app.api_route("/webhooks", methods=["GET", "POST", "PATCH", "PUT"])
async def receive(request: Request):
    if request.method == "GET":
        fields = request.query_params
    else:
        fields = await request.form(max_part_size=MAX_FIELD_BYTES)
    try:
        # What is signed is the field's value, not the request's body.
        payload = webhook.verify(fields.get("payload", ""), dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: a header that is no signature at all
        return Response(status_code=401)
    # From the payload, because the field `event` is not signed. In a thread, because the disk may be slow.
    await run_in_threadpool(accept, request.headers["webhook-id"], payload["event"], payload["conversation_id"])
    return Response(status_code=204)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        ssl_certfile=os.environ.get("TLS_CERT"),
        ssl_keyfile=os.environ.get("TLS_KEY"),
    )
