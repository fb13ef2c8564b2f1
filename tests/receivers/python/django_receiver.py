"""A receiver in Django, in one file. Your project needs `receive` and its URL.

To deploy: uvicorn django_receiver:app
"""

import os

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from standardwebhooks import Webhook, WebhookVerificationError

from work import accept, start

settings.configure(
    ALLOWED_HOSTS=os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1").split(","),
    ROOT_URLCONF=__name__,
)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


@csrf_exempt  # the signature says who sent it
@require_http_methods(["GET", "POST", "PATCH", "PUT"])
def receive(request):
    try:
        # What is signed is the field's value, not the request's body.
        payload = webhook.verify(fields_of(request).get("payload", ""), dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: a header that is no signature at all
        return HttpResponse(status=401)
    # From the payload, because the field `event` is not signed.
    accept(request.headers["webhook-id"], payload["event"], payload["conversation_id"])
    return HttpResponse(status=204)


def fields_of(request):
    if request.method == "GET":
        return request.GET
    # Django fills request.POST for POST alone.
    fields, _files = request.parse_file_upload(request.META, request)
    return fields


urlpatterns = [path("webhooks", receive)]
app = get_asgi_application()
start()

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        ssl_certfile=os.environ.get("TLS_CERT"),
        ssl_keyfile=os.environ.get("TLS_KEY"),
    )
