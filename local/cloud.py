"""Which stack a command talks to: the local one, or a deployed one that STACK= (and AWS_PROFILE=) name."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
STACK_NAME = "allthrive-sms"
REGION = "us-east-1"


class Fault(Exception):
    """What went wrong and what to do about it, in a sentence for people."""


@dataclass
class Stack:
    name: str
    where: str
    outputs: dict
    session: boto3.Session
    endpoint: str | None = None
    console: str | None = None

    @property
    def is_local(self):
        return self.endpoint is not None

    def client(self, service):
        return client(self.session, service, self.endpoint)

    def table(self, output):
        return self.session.resource("dynamodb", endpoint_url=self.endpoint, config=_config(self.endpoint)).Table(
            self.outputs[output]
        )


def client(session, service, endpoint=None):
    return session.client(service, endpoint_url=endpoint, config=_config(endpoint))


def _config(endpoint):
    # A proxy of the environment would be asked for loopback addresses too.
    return Config(proxies={}) if endpoint else Config()


def local_session():
    """The emulator's root account. Whatever the environment says of AWS accounts is forgotten for it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


def port(name, default):
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise Fault(f"{name}={text} is no port: give a number from 1024 to 65535.")
    return int(text)


def console_port():
    return port("CONSOLE_PORT", 4580)


def folder(console):
    """Where the local stack of that port keeps its logs and, while it runs, `stack.json`, which says what it is."""
    return STATE / str(console)


def find():
    """The stack that the environment asks for."""
    name = os.environ.get("STACK")
    return deployed(name) if name else local()


def local():
    path = Path(os.environ.get("STACK_FILE") or folder(console_port()) / "stack.json")
    if not path.exists():
        raise Fault(
            f"No local stack runs on port {console_port()}: start it with `make run` in another terminal, "
            "or name a deployed one with STACK=… AWS_PROFILE=…."
        )
    known = json.loads(path.read_text())
    return Stack(STACK_NAME, f"this machine ({known['aws']})", known["outputs"], local_session(), known["aws"], known.get("console"))


def deployed(name):
    try:
        session = boto3.Session()
        account = session.client("sts").get_caller_identity()["Account"]
        described = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (NoCredentialsError, NoRegionError, ProfileNotFound) as error:
        raise Fault(f"AWS cannot be reached ({str(error).rstrip('.')}): name a profile with AWS_PROFILE=….") from error
    except ClientError as error:
        raise Fault(f"Stack {name} cannot be read: {error.response['Error']['Message']}") from error
    return Stack(name, f"account {account}, {session.region_name}", outputs(described), session)


def outputs(described):
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def flag(name):
    """Whether `NAME=1` was given to make."""
    return os.environ.get(name, "") not in ("", "0", "no", "false")


def run(main):
    """Runs a command's `main`; people get sentences, not traces."""
    try:
        sys.exit(main())
    except Fault as fault:
        sys.exit(f"error: {fault}")
    except EndpointConnectionError as error:
        sys.exit(f"error: {error} Is `make run` still up?")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"error: AWS answered: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
