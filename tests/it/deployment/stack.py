"""Deploys Ringback to an AWS emulator, and does there what an operator would do with the AWS command line.

    stack.py deploy NAME CODE PARAMETER=VALUE…   prints the stack's outputs as JSON
    stack.py invoke FUNCTION EVENT               prints the answer
    stack.py put-event DETAIL
    stack.py messages QUEUE_URL                  prints the number of messages
    stack.py overdue NAME ACCOUNT CONVERSATION   lets the schedule end a conversation now
    stack.py smoke NAME RECEIVER_URL             runs infra/smoke
    stack.py delete NAME

boto3 finds region, credentials and AWS_ENDPOINT_URL. `deploy` reads the expanded template from standard input.
"""

import io
import json
import pathlib
import runpy
import socket
import sys
import time
import zipfile

import boto3

PATIENCE_SECONDS = 60


def eventually(what, look):
    start = time.monotonic()
    while (seen := look()) is None:
        if time.monotonic() - start > PATIENCE_SECONDS:
            sys.exit(f"timed out waiting for {what}")
        time.sleep(0.2)
    return seen


def deploy(name, code, *parameters):
    template = remove_unsupported(json.load(sys.stdin))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="code")
    for binary in pathlib.Path(code).glob("*/bootstrap"):
        bundle = io.BytesIO()
        with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(binary, binary.name)
        s3.put_object(Bucket="code", Key=f"{binary.parent.name.lower()}.zip", Body=bundle.getvalue())
    # The template is too large for an argument.
    s3.put_object(Bucket="code", Key="template.json", Body=json.dumps(template))
    cloudformation = boto3.client("cloudformation")
    values = [parameter.split("=", 1) for parameter in parameters]
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"{s3.meta.endpoint_url}/code/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values],
    )

    def created():
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"].endswith("IN_PROGRESS"):
            return None
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            failed = [event for event in events if "FAILED" in event["ResourceStatus"]]
            sys.exit("\n".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed))
        return stack

    stack = eventually("the stack", created)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    physical = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    }
    make_by_hand(template["Resources"], physical)
    print(json.dumps(outputs))


def remove_unsupported(template):
    """Removes what does not work on ministack 1.5."""
    resources = template["Resources"]
    dashboard = resources["Dashboard"]["Properties"]["DashboardBody"]
    for identifier, resource in list(resources.items()):
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            # It supports alarms over one metric only.
            del resources[identifier]
            dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace(f"${{{identifier}.Arn}}", identifier)
        elif resource["Type"] == "AWS::SQS::QueuePolicy":
            # It enforces these policies, which refuse plain HTTP, but speaks nothing else.
            del resources[identifier]
        elif resource["Type"] == "AWS::IAM::Role":
            allow_batches(resource["Properties"].get("Policies", []))
    return template


# IAM checks a batch call under the name of the single call; ministack 1.5 checks it under the batch call's name, and
# PartiQL statements without their table.
BATCHES = {
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "dynamodb:PartiQLInsert": "dynamodb:BatchExecuteStatement",
}


def allow_batches(policies):
    for policy in policies:
        statements = policy["PolicyDocument"]["Statement"]
        for statement in list(statements):
            # It evaluates conditions without the request's context.
            statement.get("Condition", {}).pop("Null", None)
            for single, batch in BATCHES.items():
                if single in statement.get("Action", []):
                    resource = "*" if batch == "dynamodb:BatchExecuteStatement" else statement["Resource"]
                    statements.append({"Effect": "Allow", "Action": batch, "Resource": resource})


def make_by_hand(resources, physical):
    """Does what CloudFormation does and ministack 1.5 does not: deviations of the emulator, not of the template."""
    api = boto3.client("apigatewayv2")
    functions = boto3.client("lambda")
    tables = boto3.client("dynamodb")
    for identifier, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            # ministack does not import the routes in `Body`.
            make_routes(api, functions, physical[identifier], properties["Body"]["paths"], physical)
        elif resource["Type"] == "AWS::Lambda::EventSourceMapping":
            # ministack keeps a number from a parameter as text, which its poller cannot compare.
            mapping = functions.get_event_source_mapping(UUID=physical[identifier])
            limit = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(
                UUID=physical[identifier], ScalingConfig={"MaximumConcurrency": limit}
            )
        elif resource["Type"] == "AWS::DynamoDB::Table" and "TimeToLiveSpecification" in properties:
            # ministack does not apply TimeToLiveSpecification.
            described = tables.describe_time_to_live(TableName=physical[identifier])
            if described["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED":
                tables.update_time_to_live(
                    TableName=physical[identifier],
                    TimeToLiveSpecification=properties["TimeToLiveSpecification"],
                )


def make_routes(api, functions, api_id, paths, physical):
    integrations = {}
    for path, methods in paths.items():
        for method, operation in methods.items():
            # arn:…:functions/${Ingest.Arn}/invocations
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            function = uri.split("functions/${")[1].split(".Arn}")[0]
            if function not in integrations:
                arn = functions.get_function(FunctionName=physical[function])["Configuration"]["FunctionArn"]
                integrations[function] = api.create_integration(
                    ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
                )["IntegrationId"]
            api.create_route(
                ApiId=api_id, RouteKey=f"{method.upper()} {path}", Target=f"integrations/{integrations[function]}"
            )


def invoke(function, event):
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=event)
    print(answer["Payload"].read().decode())


def put_event(detail):
    entry = {"Source": "voice.platform", "DetailType": "conversation.ended", "Detail": detail}
    answer = boto3.client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        sys.exit(str(answer["Entries"]))


def messages(queue_url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    print(sum(int(count) for count in counts.values()))


def overdue(name, account, conversation):
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    table = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}["ConversationsTable"]
    boto3.client("dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": f"{account}#{conversation}"}, "sk": {"S": "record"}},
        UpdateExpression="SET overdue_at = :long_ago",
        ConditionExpression="attribute_exists(overdue_at)",
        ExpressionAttributeValues={":long_ago": {"S": "1".zfill(15)}},
    )


def smoke(*arguments):
    resolve = socket.getaddrinfo
    # Only the emulator knows the API's host.
    socket.getaddrinfo = lambda host, *rest, **more: resolve(
        "127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more
    )
    sys.argv[1:] = arguments
    runpy.run_path(str(pathlib.Path(__file__).parents[3] / "infra" / "smoke"), run_name="__main__")


def delete(name):
    cloudformation = boto3.client("cloudformation")
    identifier = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)

    def deleted():
        status = cloudformation.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"]
        return None if status.endswith("IN_PROGRESS") else status

    status = eventually("the stack's deletion", deleted)
    if status != "DELETE_COMPLETE":
        sys.exit(status)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    commands = {"put-event": put_event} | {run.__name__: run for run in (deploy, invoke, messages, overdue, smoke, delete)}
    commands[command](*arguments)
