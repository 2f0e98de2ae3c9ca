"""Runs all of AllThrive SMS on this machine: an emulator of AWS, the real stack deployed to it, and the SMS simulator.

`up` is what `make run` does. `test` brings the same up on free ports, runs a command against it and takes it down. `rig` starts none of it: it
builds the functions, and runs a program that is their cloud itself.
Everything it writes is in .local, .aws-sam and target; everything it starts ends with it.
"""

import argparse
import fcntl
import json
import os
import platform
import shutil
import socket
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cloud
from children import Stopped, finish, last_words, started, stop_on_signals
from cloud import REGION, ROOT, STACK_NAME, STATE, Fault

CLOUD_BIN = ROOT / ".venv" / "cloud" / "bin"
SAM_BIN = ROOT / ".venv" / "sam" / "bin"
LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 60

# Link-time optimisation makes a function a quarter smaller, and its build six times as long after a change. Less optimised it is compiled sooner; `make bench` measures it as it is deployed.
QUICK_BUILD = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16", "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1"}

# As the tests are built, so that nothing is compiled twice.
WORKSPACE_BUILD = ["cargo", "build", "--locked", "--workspace", "--all-features"]

# What stands between functions and their cloud in `make crash`, `make storm` and `make bench`: optimised, so that it is not what is waited for.
RIG_BUILD = ["cargo", "build", "--locked", "--profile=bench-rig", "--package=journeys", "--package=bench", "--bins"]

MONTHLY_BUDGET = 1_000_000_000  # a thousand dollars that nobody pays, in micro-USD

# What is different from production: no AWS::SMSVOICE resources, no TLS and no metric math in the emulator, nothing worth keeping, and play money.
LOCAL_PARAMETERS = [
    "SmsVoice=none",
    "RequireTls=false",
    "MetricMath=false",
    "DeletionProtection=false",
    "LogRetentionDays=1",
    f"MonthlyBudget={MONTHLY_BUDGET}",
]


def main():
    arguments = parse()
    stop_on_signals()
    STATE.mkdir(exist_ok=True)
    try:
        return arguments.action(arguments)
    except Stopped:
        print("stopped", flush=True)
        return 0 if arguments.action is up else 130


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(required=True)
    action = actions.add_parser("up", help="run in the foreground until Ctrl-C; ports: CONSOLE_PORT, AWS_PORT")
    action.set_defaults(action=up)
    action = actions.add_parser("test", help="run a command against a stack on free ports; its exit code is handed on")
    action.add_argument("command", nargs="+", help="after --; STACK_FILE in its environment names the stack's description")
    action.set_defaults(action=test)
    action = actions.add_parser("rig", help="run a program of the test rig, which is the functions' cloud itself; its exit code is handed on")
    action.set_defaults(action=rig)
    action.add_argument("program", choices=["crash", "storm"])
    action.add_argument("arguments", nargs="*", help="after --; the program's own")
    return parser.parse_args()


def up(_):
    console = cloud.console_port()
    with stack(cloud.folder(console), console, cloud.port("AWS_PORT", 4566)) as running:
        known = running.known
        print(f"ready console={known['console']} aws={known['aws']} api={known['outputs']['ApiUrl']}", flush=True)
        parent = os.getppid()
        while os.getppid() == parent:
            running.check()
            time.sleep(0.3)
    return 0


def test(arguments):
    console, aws = free_ports(2)
    # Each journey has people of its own.
    os.environ["SEED_PEOPLE"] = os.environ.get("SEED_PEOPLE") or "50"
    # They wait for nothing but each other.
    os.environ["PARTS_PER_SECOND"] = os.environ.get("PARTS_PER_SECOND") or "1000"
    for old in STATE.glob("test-*"):
        if not (old / "stack.json").exists():
            shutil.rmtree(old)
    with stack(STATE / f"test-{console}", console, aws, whole_workspace=True) as running:
        env = loopback_environment(running.known["aws"]) | {
            "STACK_FILE": str(running.file),
            "CONSOLE_URL": running.known["console"],
        }
        with started(arguments.command[0], arguments.command, env) as command:
            while (code := command.process.poll()) is None:
                running.check()
                time.sleep(0.1)
    return code


def rig(arguments):
    with only_builder():
        build_functions(host_architecture(), STATE / "build.log")
        with step("compile the test rig (minutes the first time)"):
            finish("Compiling the test rig", RIG_BUILD, build_environment())
        # Copies: somebody else may build meanwhile.
        scratch = tempfile.TemporaryDirectory(prefix="functions-", dir=STATE)
        shutil.copytree(ROOT / ".aws-sam" / "build", scratch.name, dirs_exist_ok=True)
    command = [target("bench-rig", arguments.program), *arguments.arguments]
    with scratch, started(arguments.program, command, environment() | {"FUNCTIONS": scratch.name}) as program:
        return program.process.wait()


class Running:
    """A stack that is up."""

    def __init__(self, known, file, children):
        self.known = known
        self.file = file
        self.children = children

    def check(self):
        for child in self.children:
            child.check()


@contextmanager
def stack(folder, console_port, aws_port, whole_workspace=False):
    """The whole system, up and warm inside the `with`, gone after it but for its logs in `folder`."""
    architecture = host_architecture()
    if console_port == aws_port:
        raise Fault(f"CONSOLE_PORT and AWS_PORT are both {aws_port}: give them different ones.")
    for name, number in ("CONSOLE_PORT", console_port), ("AWS_PORT", aws_port):
        ensure_free(name, number)
    console, aws = f"http://{LOOPBACK}:{console_port}", f"http://{LOOPBACK}:{aws_port}"
    folder.mkdir(exist_ok=True)
    logs = {name: folder / f"{name}.log" for name in ("build", "deploy", "emulator", "simulator")}

    with ExitStack() as stays:
        with only_builder():
            build(architecture, logs["build"], whole_workspace)
            with step("start the AWS emulator"):
                emulator = stays.enter_context(emulating(aws_port, aws, console, logs["emulator"]))
            with step("deploy template.yaml to it"):
                outputs = deploy(architecture, aws, logs["deploy"])
        known = {"console": console, "aws": aws, "region": REGION, "outputs": outputs}
        known["logs"] = {name: str(path) for name, path in logs.items()}
        with step("start the SMS simulator and seed its people"):
            simulator = stays.enter_context(
                started("SMS simulator", [target("debug", "simulator")], simulator_environment(known), logs["simulator"])
            )
            wait_for(f"{console}/stats", simulator)
        with step("warm the functions"):
            warm(aws)
            wait_for(f"{outputs['ApiUrl']}/openapi.json", emulator)
        file = folder / "stack.json"
        file.write_text(json.dumps(known, indent=2))
        stays.callback(file.unlink, missing_ok=True)
        yield Running(known, file, [emulator, simulator])


@contextmanager
def only_builder():
    """Two stacks that start at the same time share .aws-sam and target: one after the other."""
    with open(STATE / "build.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another stack is being built here; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def step(what):
    print(f"{what} …", flush=True)
    began = time.monotonic()
    yield
    print(f"  {time.monotonic() - began:.1f} s", flush=True)


def host_architecture():
    machine = platform.machine()
    known = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
    if machine not in known:
        raise Fault(f"Lambda has no functions for this machine ({machine}): x86_64 or arm64 is needed.")
    return known[machine]


def ensure_free(name, number):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError as error:
            raise Fault(
                f"Port {number} is taken: stop what uses it (another `make run`?), or choose another with {name}=…."
            ) from error


def free_ports(count):
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def build(architecture, log, whole_workspace=False):
    """The functions and the simulator. With `whole_workspace` it is compiled from what the tests are compiled from; without, from less."""
    build_functions(architecture, log)
    with step("compile the SMS simulator"):
        cargo = WORKSPACE_BUILD if whole_workspace else ["cargo", "build", "--package=simulator"]
        finish("Compiling the SMS simulator", [*cargo, "--bin=simulator"], build_environment())


def build_functions(architecture, log):
    """Cargo goes first, all functions at once and in the open: `sam build` alone hides its progress and its errors."""
    env = build_environment() | QUICK_BUILD
    functions = sorted(path.parent.name for path in ROOT.glob("functions/*/Cargo.toml"))
    with step("compile the functions, optimised (minutes the first time)"):
        cargo = ["cargo", "lambda", "build", "--release", *(["--arm64"] if architecture == "arm64" else [])]
        finish("Compiling the functions", [*cargo, *(f"--bin={name}" for name in functions)], env)
    with step("sam build"):
        finish("sam build", ["sam", "build", "--parameter-overrides", f"Architecture={architecture}"], env, log)


def build_environment():
    """Cargo may need a proxy; nobody needs an AWS account to build."""
    target_directory = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return environment() | {
        "PATH": f"{SAM_BIN}:{os.environ['PATH']}",
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(STATE / "sam"),
        "CARGO_ZIGBUILD_CACHE_DIR": str(target_directory / "zigbuild"),
        "ZIG_GLOBAL_CACHE_DIR": str(target_directory / "zig"),
    }


def environment():
    """This process's environment without make's and AWS's variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}


def loopback_environment(aws, base=None):
    """`base` for whoever talks to the emulator: its root's keys, and no proxy, which would be asked for loopback too."""
    kept = {name: value for name, value in (base or environment()).items() if not name.lower().endswith("_proxy")}
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def emulating(port, aws, console, log):
    """The functions inherit the emulator's environment, so it gets little of this machine's."""
    scratch = log.parent / "emulator"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = kept | {
        "AUTH": "true",
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "false",
        "SFTP_ENABLED": "false",
        "DOCKER_HOST": "unix:///nowhere",
        "TMPDIR": str(scratch),
        "AWS_ENDPOINT_URL": aws,
        "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2": console,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    try:
        with started("AWS emulator", [CLOUD_BIN / "python", "-m", "ministack"], env, log) as emulator:
            wait_for(f"{aws}/_ministack/health", emulator)
            yield emulator
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def deploy(architecture, aws, log):
    env = loopback_environment(aws, build_environment())
    parameters = [f"Architecture={architecture}", f"QuietHours={quiet_hours()}", *pace(), *LOCAL_PARAMETERS]
    command = ["sam", "deploy", "--config-env", "local", "--no-progressbar", "--parameter-overrides", *parameters]
    with sam_scratch() as scratch:
        finish("sam deploy", command, env | scratch, log)
    formation = cloud.client(cloud.local_session(), "cloudformation", aws)
    outputs = cloud.outputs(formation.describe_stacks(StackName=STACK_NAME)["Stacks"][0])
    # The host in ApiUrl resolves in browsers only; the emulator has the same API at a path that everybody can reach.
    api, _, _ = urllib.parse.urlsplit(outputs["ApiUrl"]).hostname.partition(".")
    return outputs | {"ApiUrl": f"{aws}/_aws/execute-api/{api}/$default"}


@contextmanager
def sam_scratch():
    """The environment in which sam's temporary files end with it: `sam deploy` leaves a folder of each function that it packs."""
    with tempfile.TemporaryDirectory(prefix="sam-", dir=STATE) as folder:
        yield {"TMPDIR": folder}


def pace():
    """As fast as a toll-free number, unless PARTS_PER_SECOND says otherwise."""
    parts = os.environ.get("PARTS_PER_SECOND") or "3"
    if not parts.isdigit() or parts == "0":
        raise Fault(f"PARTS_PER_SECOND={parts} is no pace: give a whole number from 1 on.")
    return [f"PartsPerSecond={parts}", f"RequestsPerSecond={parts}"]


def quiet_hours():
    """Off, so that everything works at any time of day, unless somebody wants to see texts wait for the morning."""
    wanted = os.environ.get("QUIET_HOURS") or "off"
    if wanted not in ("on", "off"):
        raise Fault(f"QUIET_HOURS={wanted} is neither on nor off.")
    return wanted


def simulator_environment(known):
    outputs = known["outputs"]
    people = os.environ.get("SEED_PEOPLE") or "0"
    if not people.isdigit():
        raise Fault(f"SEED_PEOPLE={people} is no number of people: give one, such as 1000.")
    return loopback_environment(known["aws"]) | {
        "CONSOLE_PORT": known["console"].rpartition(":")[2],
        "SEED_PEOPLE": people,
        "API_URL": outputs["ApiUrl"],
        "EVENTS_QUEUE_URL": outputs["EventsQueueUrl"],
        "RECEIPTS_TOPIC_ARN": outputs["ReceiptsTopicArn"],
        "INBOUND_TOPIC_ARN": outputs["InboundTopicArn"],
        "RECIPIENTS_TABLE": outputs["RecipientsTable"],
        "OPT_OUTS_TABLE": outputs["OptOutsTable"],
        "CONSENTS_TABLE": outputs["ConsentsTable"],
        "MESSAGES_TABLE": outputs["MessagesTable"],
        "VERIFICATIONS_TABLE": outputs["VerificationsTable"],
        "REPLIES_TABLE": outputs["RepliesTable"],
        "LIMITS_TABLE": outputs["LimitsTable"],
        "URGENT_QUEUE_URL": outputs["UrgentQueueUrl"],
        "BULK_QUEUE_URL": outputs["BulkQueueUrl"],
        "DEAD_LETTER_QUEUE_URL": outputs["DeadLetterQueueUrl"],
        "MONTHLY_BUDGET": str(MONTHLY_BUDGET),
    }


def target(profile, binary):
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / profile / binary


def wait_for(url, child):
    """Waits until `url` answers 200 OK."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        child.check()
        try:
            opener.open(url, timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise Fault(
                    f"The {child.name} does not answer at {url} after {PATIENCE_SECONDS} s ({error}). {last_words(child.log)}"
                ) from error
        time.sleep(0.1)


def warm(aws):
    """Calls every function that a queue feeds, with nothing to do, and the reconciler, so that the first text need not wait for their start."""
    functions = cloud.client(cloud.local_session(), "lambda", aws)
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    fed = {mapping["FunctionArn"] for mapping in mappings}
    for name in sorted(fed | {f"{STACK_NAME}-reconciler:live"}):
        answer = functions.invoke(FunctionName=name, Payload=b'{"Records":[]}')
        if "FunctionError" in answer:
            reason = json.loads(answer["Payload"].read()).get("errorMessage", "no reason given")
            raise Fault(f"Function {name} does not start: {reason}")


if __name__ == "__main__":
    cloud.run(main)
