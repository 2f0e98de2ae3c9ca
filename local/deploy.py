"""Builds the functions for AWS and deploys the stack with the settings of samconfig.toml's `production`."""

import argparse
import os

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import cloud
from cloud import ROOT, STATE, Fault
from stack import build_environment, only_builder, sam_scratch


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    ensure_account()
    STATE.mkdir(exist_ok=True)
    env = build_environment() | {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with only_builder(), sam_scratch() as scratch:
        for action in "build", "deploy":
            # On this terminal: `sam deploy` shows its change set and asks.
            command = ["sam", action, "--config-env", "production"]
            code = os.spawnvpe(os.P_WAIT, command[0], command, env | scratch)
            if code != 0:
                return code
    return 0


def ensure_account():
    try:
        caller = boto3.client("sts", region_name=os.environ.get("AWS_REGION", cloud.REGION)).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise Fault(f"No AWS account to deploy to ({str(error).rstrip('.')}): name a profile with AWS_PROFILE=….") from error
    print(f"deploying to account {caller['Account']} as {caller['Arn']}")


if __name__ == "__main__":
    os.chdir(ROOT)
    cloud.run(main)
