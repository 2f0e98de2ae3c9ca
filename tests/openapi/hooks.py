"""Who schemathesis is, when it calls the api of the local stack: a backend that signs its calls, or a person with a token."""

import os
import urllib.parse

import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from schemathesis.generation.meta import CoverageScenario

API = os.environ["API_URL"]
SOMEBODY = "schemathesis"


class Signed(requests.auth.AuthBase):
    """AWS Signature Version 4, with the keys of the local cloud."""

    def __call__(self, request):
        signed = AWSRequest(method=request.method, url=request.url, data=request.body, headers={"Host": urllib.parse.urlsplit(request.url).netloc})
        SigV4Auth(Credentials("test", "test"), "execute-api", "us-east-1").add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


schemathesis.auth.set_from_requests(Signed()).apply_to(path_regex="^/v1/").skip_for(path_regex="^/v1/me/")


@schemathesis.auth(refresh_interval=600).apply_to(path_regex="^/v1/me/")
class Token:
    """A token of one person's, from the api itself."""

    def get(self, case, context):
        answer = requests.post(f"{API}/v1/users/{SOMEBODY}/tokens", json={"expiresIn": 86400}, auth=Signed(), timeout=10)
        answer.raise_for_status()
        return answer.json()["token"]

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def filter_query(context, query):
    """No value that does not get onto the wire: what would be wrong about the request would not be sent."""
    return all(value not in (None, [], {}) for value in (query or {}).values())


@schemathesis.check
def an_unsigned_call_is_forbidden(ctx, response, case):
    """What `missing_required_header` would have as 401."""
    data = case.meta and case.meta.phase.data
    if getattr(data, "parameter", None) != "Authorization" or not case.path.startswith("/v1/") or case.path.startswith("/v1/me/"):
        return
    if getattr(data, "scenario", None) == CoverageScenario.MISSING_PARAMETER:
        assert response.status_code == 403, f"an unsigned call got {response.status_code}"
