"""Calls a function of the local (or, with STACK=, a deployed) stack with its sample from events/invoke/."""

import argparse
import base64
import json

import cloud
from cloud import ROOT, Fault


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", help="its short name, such as producer")
    parser.add_argument("event", nargs="?", help="a file with the event (default: events/invoke/<function>.json)")
    arguments = parser.parse_args()
    path = ROOT / (arguments.event or f"events/invoke/{arguments.function}.json")
    if not path.exists():
        raise Fault(f"{arguments.event or path.relative_to(ROOT)} does not exist: name a file with an event.")
    stack = cloud.find()
    answer = stack.client("lambda").invoke(
        FunctionName=f"{stack.name}-{arguments.function}", Qualifier="live", Payload=path.read_bytes(), LogType="Tail"
    )
    print(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").rstrip())
    print(json.dumps(json.loads(answer["Payload"].read() or "null"), indent=2, ensure_ascii=False))
    return 1 if "FunctionError" in answer else 0


if __name__ == "__main__":
    cloud.run(main)
