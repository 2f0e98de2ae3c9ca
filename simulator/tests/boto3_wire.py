"""Drives the simulator with botocore's own client, and holds it against botocore's own service model.

    python boto3_wire.py http://127.0.0.1:4580

Prints a line for each check that failed and `N passed, M failed`; exits with 1 if one failed.
"""

import json
import random
import re
import sys
import urllib.request
from datetime import datetime

try:
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    sys.exit("boto3 is missing: this needs botocore's pinpoint-sms-voice-v2 client (pip install boto3)")

PHONE = "+18663448034"
DEFAULTS = {"parts_per_second": None, "receipt_delay_ms": 0}
OPERATIONS = {
    "SendTextMessage": {"DestinationPhoneNumber": "+12025550101", "MessageBody": "Hello"},
    "PutMessageFeedback": {"MessageId": "m-1", "MessageFeedbackStatus": "RECEIVED"},
    "PutOptedOutNumber": {"OptOutListName": "Default", "OptedOutNumber": "+12025550199"},
    "DeleteOptedOutNumber": {"OptOutListName": "Default", "OptedOutNumber": "+12025550198"},
    "DescribeOptedOutNumbers": {"OptOutListName": "Default"},
    "DescribeSpendLimits": {},
    "DescribePhoneNumbers": {},
}


class Run:
    def __init__(self, endpoint):
        session = botocore.session.get_session()
        session.set_credentials("test", "test")
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, proxies={})
        self.endpoint = endpoint.rstrip("/")
        self.client = session.create_client("pinpoint-sms-voice-v2", "us-east-1", endpoint_url=endpoint, config=config)
        self.model = session.get_service_model("pinpoint-sms-voice-v2")
        self.passed, self.failed, self.phones = 0, 0, 0

    def check(self, is_right, what):
        if is_right:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}")

    def http(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def faults(self, **faults):
        self.http("PUT", "/faults", {**DEFAULTS, **faults})

    def call(self, operation, **request):
        """(output, None) or (None, the error as botocore parsed it)."""
        try:
            return getattr(self.client, snake(operation))(**request), None
        except ClientError as error:
            return None, error.response

    def send(self, **request):
        return self.call("SendTextMessage", **{"DestinationPhoneNumber": self.phone(), "MessageBody": "Hello", **request})

    def phone(self):
        """One that had no text within the last second."""
        self.phones += 1
        return f"+1312557{self.phones:04}"


def snake(name):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


# ---- Constraints of the service model


def texts(shape, length):
    """A string of `length` that fits the shape's pattern, or None."""
    for alphabet in ("1", "a", "A", "a:", "12.34567"):
        text = (alphabet * length)[:length]
        if not shape.metadata.get("pattern") or re.fullmatch(shape._shape_model["pattern"], text):
            return text
    return None


def valid(shape):
    """Something the shape allows."""
    pattern = shape._shape_model.get("pattern")
    if shape.type_name == "string" and shape.enum:
        return shape.enum[0]
    if shape.type_name == "string":
        fitting = (text for text in ("1.5", "12025550101", "abc", "true") if not pattern or re.fullmatch(pattern, text))
        return next(fitting)
    if shape.type_name in ("integer", "long"):
        return shape.metadata.get("min", 1)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "map":
        return {valid(shape.key): valid(shape.value)}
    if shape.type_name == "list":
        return [valid(shape.member)]
    return {name: valid(member) for name, member in shape.members.items() if name in shape.required_members}


def inside(shape):
    """Values just within the shape's bounds."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "string" and not shape.enum:
        yield from (text for text in (texts(shape, length) for length in (least, most) if length) if text)
    elif shape.type_name in ("integer", "long"):
        yield from (bound for bound in (least, most) if bound is not None)
    elif shape.type_name == "map" and not shape.key.enum:
        yield {f"key-{n}": valid(shape.value) for n in range(most)}
        yield from ({valid(shape.key): value} for value in inside(shape.value))
        yield from ({key: valid(shape.value)} for key in inside(shape.key))
    elif shape.type_name == "map":
        yield from ({key: valid(shape.value)} for key in shape.key.enum)
    elif shape.type_name == "list":
        yield [valid(shape.member)] * most
    for choice in getattr(shape, "enum", None) or []:
        yield choice


def outside(shape):
    """Values just beyond the shape's bounds."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    pattern = shape._shape_model.get("pattern")
    if shape.type_name == "string" and shape.enum:
        yield from ("", "NO_SUCH_CHOICE", shape.enum[0].swapcase())
    elif shape.type_name == "string":
        yield ""
        yield "1" * (most + 1)
        candidates = (" ", "\n", "a b", " a", "a ", "é", "a!", "+0123", "12345678901234567890", "1.2.3", "1234", "a\u0000")
        yield from (text for text in candidates if pattern and not re.fullmatch(pattern, text))
    elif shape.type_name in ("integer", "long"):
        yield from (least - 1, most + 1)
    elif shape.type_name == "map":
        yield from ({key: valid(shape.value)} for key in outside(shape.key))
        yield from ({valid(shape.key): value} for value in outside(shape.value))
        if not shape.key.enum:
            yield {f"key-{n}": valid(shape.value) for n in range(most + 1)}
    elif shape.type_name == "list":
        yield [valid(shape.member)] * (most + 1)
        if least:
            yield []
        yield from ([value] for value in outside(shape.member))
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            whole = valid(shape)
            yield from ({**whole, name: value} for value in outside(member))
            if name in shape.required_members:
                yield {other: value for other, value in whole.items() if other != name}


def refused_fields(error):
    """The members that a validation error names; None if it is no such error."""
    if error is None or error["Error"]["Code"] != "ValidationException" or error.get("Reason") != "FIELD_VALIDATION_FAILED":
        return None
    return {re.split(r"[.\[]", field["Name"])[0] for field in error["Fields"]}


def constraints(run):
    for operation, request in OPERATIONS.items():
        shape = run.model.operation_model(operation).input_shape
        for name, member in shape.members.items():
            for value in outside(member):
                _, error = run.call(operation, **{**fresh(run, operation, request), name: value})
                run.check(refused_fields(error) == {name}, f"{operation}.{name}={value!r:.60} should be refused by name: {said(error)}")
            for value in inside(member):
                _, error = run.call(operation, **{**fresh(run, operation, request), name: value})
                run.check(name not in (refused_fields(error) or ()), f"{operation}.{name}={value!r:.60} is within bounds: {said(error)}")
        for name in shape.required_members:
            _, error = run.call(operation, **{other: value for other, value in request.items() if other != name})
            run.check(refused_fields(error) == {name}, f"{operation} without {name}: {said(error)}")


def fresh(run, operation, request):
    return {**request, "DestinationPhoneNumber": run.phone()} if operation == "SendTextMessage" else request


def said(error):
    return {key: value for key, value in (error or {}).items() if key != "ResponseMetadata"}


# ---- Answers


def matches(shape, value):
    """Whether `value`, as botocore parsed it, is what the model says, whole and with nothing else."""
    if shape.type_name == "structure":
        required = all(name in value for name in shape.required_members)
        return required and all(name in shape.members and matches(shape.members[name], each) for name, each in value.items())
    if shape.type_name == "list":
        return all(matches(shape.member, each) for each in value)
    if shape.type_name == "string":
        pattern = shape._shape_model.get("pattern")
        return isinstance(value, str) and (not shape.enum or value in shape.enum) and (not pattern or re.fullmatch(pattern, value))
    return isinstance(value, {"timestamp": datetime, "boolean": bool, "integer": int, "long": int}[shape.type_name])


def succeeds(run, operation, **request):
    output, error = run.call(operation, **request)
    run.check(error is None, f"{operation} {request}: {said(error)}")
    if error is None:
        metadata = output.pop("ResponseMetadata")
        run.check(metadata["HTTPStatusCode"] == 200 and bool(metadata["RequestId"]), f"{operation}: metadata {metadata}")
        run.check(matches(run.model.operation_model(operation).output_shape, output), f"{operation}: not the model's output: {output}")
    return output or {}


def fails(run, output_and_error, exception, status=400, **members):
    output, error = output_and_error
    if error is None:
        return run.check(False, f"{exception} {members} was expected, not {output}")
    expected = {"Code": exception, "HTTPStatusCode": status, **members}
    got = {"Code": error["Error"]["Code"], "HTTPStatusCode": error["ResponseMetadata"]["HTTPStatusCode"], **{name: error.get(name) for name in members}}
    run.check(got == expected, f"expected {expected}, got {got}")
    run.check(bool(error["Error"]["Message"]) and bool(error["ResponseMetadata"]["RequestId"]), f"{exception}: no message or request id")
    shape = run.model.shape_for(exception) if exception in run.model.shape_names else None
    parsed = {name: value for name, value in error.items() if shape and name in shape.members}
    run.check(shape is None or members.get("Reason") == "REASON_OF_NEXT_YEAR" or matches(shape, parsed), f"{exception}: not the model's: {parsed}")


def sending(run):
    to = run.phone()
    sent = succeeds(run, "SendTextMessage", DestinationPhoneNumber=to, OriginationIdentity=PHONE, MessageBody="Hello", MessageType="TRANSACTIONAL",
                    ConfigurationSetName="allthrive-sms", MaxPrice="0.05", TimeToLive=600, Context={"message_id": "m"})
    texts = run.http("GET", f"/phones/{to}/messages")
    run.check([text["messageId"] for text in texts] == [sent.get("MessageId")], f"the phone has {texts}")
    encoded = run.http("GET", f"/phones/{to.replace('+', '%2B')}/messages")
    run.check([text["messageId"] for text in encoded] == [sent.get("MessageId")], "a plus sign may be encoded in a path")
    succeeds(run, "PutMessageFeedback", MessageId=sent.get("MessageId"), MessageFeedbackStatus="RECEIVED")
    fails(run, run.call("PutMessageFeedback", MessageId="no-such", MessageFeedbackStatus="FAILED"), "ResourceNotFoundException", ResourceType="message")
    dry = run.phone()
    succeeds(run, "SendTextMessage", DestinationPhoneNumber=dry, MessageBody="Hello", DryRun=True)
    run.check(run.http("GET", f"/phones/{dry}/messages") == [], "a dry run is not sent")


def send_time_refusals(run):
    fails(run, run.send(OriginationIdentity="+18005550100"), "ResourceNotFoundException", ResourceType="phone-number")
    fails(run, run.send(ConfigurationSetName="other"), "ResourceNotFoundException", ResourceType="configuration-set")
    fails(run, run.send(ProtectConfigurationId="other"), "ResourceNotFoundException", ResourceType="protect-configuration")
    fails(run, run.send(MessageBody="a" * 1531), "ValidationException", Reason="MAXIMUM_SIZE_EXCEEDED")
    fails(run, run.send(MessageBody="字" * 631), "ValidationException", Reason="MAXIMUM_SIZE_EXCEEDED")
    fails(run, run.send(DestinationPhoneNumber="+447860019066"), "ConflictException", Reason="DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
          ResourceType="protect-configuration")
    fails(run, run.send(DestinationPhoneNumber="+14165550123"), "ConflictException", Reason="DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION")
    fails(run, run.send(MaxPrice="0.0088"), "ValidationException", Reason="PRICE_OVER_THRESHOLD")
    run.check(run.send(MaxPrice="0.00883")[1] is None, "MaxPrice may be the very price")
    fails(run, run.call("SendTextMessage", DestinationPhoneNumber=run.phone()), "ValidationException", Reason="MISSING_PARAMETER")
    same = run.phone()
    run.check(run.send(DestinationPhoneNumber=same)[1] is None, "the first text to a recipient")
    fails(run, run.send(DestinationPhoneNumber=same), "ThrottlingException")


def faults(run):
    run.faults(parts_per_second=1)
    run.check(run.send()[1] is None, "the first part of a second")
    fails(run, run.send(), "ThrottlingException")
    run.faults(requests_per_second=0)
    fails(run, run.send(), "ThrottlingException")
    run.faults(spend_limit_usd=0)
    fails(run, run.send(), "ServiceQuotaExceededException", Reason="MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT")
    run.faults(error_rate=1)
    fails(run, run.send(), "InternalServerException", 500)
    run.faults()


def magic_numbers(run):
    for phone, exception, status, reason in [
        ("+15005550400", "ThrottlingException", 400, None),
        ("+15005550401", "ConflictException", 400, "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
        ("+15005550402", "ConflictException", 400, "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"),
        ("+15005550419", "ConflictException", 400, "REASON_OF_NEXT_YEAR"),
        ("+15005550420", "ValidationException", 400, "PRICE_OVER_THRESHOLD"),
        ("+15005550430", "ServiceQuotaExceededException", 400, "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"),
        ("+15005550440", "AccessDeniedException", 400, "ACCOUNT_DISABLED"),
        ("+15005550442", "AccessDeniedException", 400, None),
        ("+15005550450", "ResourceNotFoundException", 400, None),
        ("+15005550500", "InternalServerException", 500, None),
        ("+15005550503", "ServiceUnavailable", 503, None),
    ]:
        fails(run, run.send(DestinationPhoneNumber=phone), exception, status, **({"Reason": reason} if reason else {}))


def opt_outs(run):
    # One that no earlier run against the same simulator took off the list.
    phones = [f"+1972556{random.randrange(10_000):04}" for _ in range(3)]
    for phone in phones:
        put = succeeds(run, "PutOptedOutNumber", OptOutListName="Default", OptedOutNumber=phone)
        run.check(put.get("EndUserOptedOut") is False and put.get("OptedOutNumber") == phone, f"PutOptedOutNumber: {put}")
    fails(run, run.send(DestinationPhoneNumber=phones[0]), "ConflictException", Reason="DESTINATION_PHONE_NUMBER_OPTED_OUT")
    described = succeeds(run, "DescribeOptedOutNumbers", OptOutListName="Default", OptedOutNumbers=phones)
    run.check({each["OptedOutNumber"] for each in described.get("OptedOutNumbers", [])} == set(phones), "the numbers asked for")
    first = succeeds(run, "DescribeOptedOutNumbers", OptOutListName="Default", MaxResults=1)
    second = succeeds(run, "DescribeOptedOutNumbers", OptOutListName="Default", MaxResults=1, NextToken=first.get("NextToken"))
    run.check(first.get("OptedOutNumbers") != second.get("OptedOutNumbers"), "pages differ")
    for value, found in (("true", False), ("false", True)):
        filters = [{"Name": "end-user-opted-out", "Values": [value]}]
        answer = succeeds(run, "DescribeOptedOutNumbers", OptOutListName="Default", OptedOutNumbers=phones[:1], Filters=filters)
        run.check(bool(answer.get("OptedOutNumbers")) == found, f"end-user-opted-out={value}: {answer}")
    fails(run, run.call("DescribeOptedOutNumbers", OptOutListName="Default", NextToken="nonsense"), "ValidationException", Reason="INVALID_NEXT_TOKEN")
    fails(run, run.call("DescribeOptedOutNumbers", OptOutListName="Default", OptedOutNumbers=["+12025559999"]), "ResourceNotFoundException",
          ResourceType="opted-out-number")
    succeeds(run, "DeleteOptedOutNumber", OptOutListName="Default", OptedOutNumber=phones[0])
    fails(run, run.call("DeleteOptedOutNumber", OptOutListName="Default", OptedOutNumber=phones[0]), "ResourceNotFoundException", ResourceType="opted-out-number")
    succeeds(run, "PutOptedOutNumber", OptOutListName="Default", OptedOutNumber=phones[0])
    fails(run, run.call("DeleteOptedOutNumber", OptOutListName="Default", OptedOutNumber=phones[0]), "ValidationException",
          Reason="PHONE_NUMBER_CANNOT_BE_OPTED_IN")
    fails(run, run.call("PutOptedOutNumber", OptOutListName="Other", OptedOutNumber=phones[0]), "ResourceNotFoundException", ResourceType="opt-out-list")


def descriptions(run):
    limits = succeeds(run, "DescribeSpendLimits")
    run.check("TEXT_MESSAGE_MONTHLY_SPEND_LIMIT" in {limit["Name"] for limit in limits.get("SpendLimits", [])}, f"{limits}")
    page = succeeds(run, "DescribeSpendLimits", MaxResults=1)
    run.check(len(page.get("SpendLimits", [])) == 1 and "NextToken" in page, f"{page}")
    numbers = succeeds(run, "DescribePhoneNumbers").get("PhoneNumbers", [])
    run.check([number["PhoneNumber"] for number in numbers] == [PHONE], f"{numbers}")
    by_id = succeeds(run, "DescribePhoneNumbers", PhoneNumberIds=[numbers[0]["PhoneNumberId"]], Filters=[{"Name": "number-type", "Values": ["TOLL_FREE"]}])
    run.check(by_id.get("PhoneNumbers") == numbers, f"{by_id}")
    none = succeeds(run, "DescribePhoneNumbers", Filters=[{"Name": "number-type", "Values": ["SHORT_CODE"]}])
    run.check(none.get("PhoneNumbers") == [], f"{none}")
    fails(run, run.call("DescribePhoneNumbers", PhoneNumberIds=["phone-0"]), "ResourceNotFoundException", ResourceType="phone-number")
    run.check(run.send(OriginationIdentity=numbers[0]["PhoneNumberArn"])[1] is None, "the number by its ARN")
    fails(run, run.call("DescribePools"), "UnknownOperationException", 404)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = Run(sys.argv[1])
    before = run.http("GET", "/faults")
    try:
        run.faults()
        for part in (constraints, sending, send_time_refusals, faults, magic_numbers, opt_outs, descriptions):
            part(run)
    finally:
        run.http("PUT", "/faults", before)
    print(f"{run.passed} passed, {run.failed} failed")
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
