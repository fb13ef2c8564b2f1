<?php
// A receiver in PHP that only verifies.
//
//   composer require standard-webhooks/standard-webhooks

require __DIR__ . '/vendor/autoload.php';

use StandardWebhooks\Exception\WebhookVerificationException;
use StandardWebhooks\Webhook;

$fields = match ($_SERVER['REQUEST_METHOD']) {
    'GET' => $_GET,
    'POST' => $_POST,
    // PHP 8.4. Older ones read no form of a PATCH or PUT: let the destination be of type POST.
    'PATCH', 'PUT' => request_parse_body()[0],
};

try {
    // What is signed is the field's value, not the request's body.
    $payload = (new Webhook(getenv('WEBHOOK_SECRET')))
        ->verify($fields['payload'] ?? '', array_change_key_case(getallheaders()));
} catch (WebhookVerificationException) {
    http_response_code(401);
    exit;
}

// Store the event here, once by its webhook-id. Process it after the answer.
error_log("{$_SERVER['HTTP_WEBHOOK_ID']}: {$payload['event']} of {$payload['conversation_id']}");
http_response_code(204);
