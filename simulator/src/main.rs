//! The simulator as a program: `simulator --help` says how to set it up.

use std::{env, io::Write, net::Ipv4Addr, process::ExitCode};

use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use jiff::Timestamp;
use simulator::{
    Config, Simulator, Sink,
    console::{Console, Table},
    demo::MainApp,
    people,
    status::Queues,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

const HELP: &str = "\
AWS End User Messaging SMS and the phones behind it, for development. Never deployed.

    simulator           serves until Ctrl-C
    simulator --help    says this

Environment:
    CONSOLE_PORT        port on 127.0.0.1 for the API and the page (4580)
    RECEIPTS_TOPIC_ARN  SNS topic of the delivery events; without it there are none
    INBOUND_TOPIC_ARN   SNS topic of the texts that people send; without it they go nowhere
    EVENTS_QUEUE_URL    SQS queue that the page publishes events to
    MESSAGES_TABLE      DynamoDB table of the rows that the page shows
    RECIPIENTS_TABLE    DynamoDB table of the people that the page shows
    LIMITS_TABLE        DynamoDB table of the month's books, for the status page
    VERIFICATIONS_TABLE DynamoDB table of the codes, for the status page
    MONTHLY_BUDGET      what a month may cost, in micro-USD, for the status page
    URGENT_QUEUE_URL, BULK_QUEUE_URL, DEAD_LETTER_QUEUE_URL   the other queues of the status page
    CONSENTS_TABLE, OPT_OUTS_TABLE   with them, the people of the README are written at the start
    SEED_PEOPLE         how many more of them (0)
    API_URL             HTTP API of the stack, for the demo page; plain HTTP only
    EVENTS_DIR          directory of the sample events (events)
    AWS_ENDPOINT_URL    the local cloud; plain HTTP only
    AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY   as for any AWS SDK
    RUST_LOG            what to log (info)
";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve().await,
        ["--help" | "-h" | "help"] => Ok(std::io::stdout().write_all(HELP.as_bytes())?),
        _ => anyhow::bail!("no such command: {}. `simulator --help` says what there is.", arguments.join(" ")),
    }
}

async fn serve() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    let port = port()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = listener.await.with_context(|| format!("port {port} cannot be used: choose another one with CONSOLE_PORT"))?;
    let sdk = sdk().await;
    let simulator = Simulator::new(config(&sdk)?);
    seed(&sdk, &simulator).await?;
    info!("console http://127.0.0.1:{port}");
    tokio::select! {
        served = simulator::serve(listener, simulator) => Ok(served?),
        stopped = told_to_stop() => stopped,
    }
}

/// Sees to it that the people of the README exist, if the tables are named in which they live.
async fn seed(sdk: &SdkConfig, simulator: &Simulator) -> anyhow::Result<()> {
    let (Some(recipients), Some(consents), Some(opt_outs)) = (setting("RECIPIENTS_TABLE"), setting("CONSENTS_TABLE"), setting("OPT_OUTS_TABLE"))
    else {
        return Ok(());
    };
    let extra = setting("SEED_PEOPLE").unwrap_or_else(|| "0".into());
    let extra = extra.parse().with_context(|| format!("SEED_PEOPLE is {extra:?}: expected a number of people, such as 1000"))?;
    let people = people::people(extra, Timestamp::now())?;
    let new = people::seed(&aws_sdk_dynamodb::Client::new(sdk), &people::Tables { recipients, consents, opt_outs }, &people).await?;
    // Who texted STOP is on AWS's list too.
    for opt_out in people.iter().filter_map(|person| person.opt_out.as_ref()) {
        simulator.opt_out(&opt_out.phone);
    }
    info!("{new} people are new, {} were there", people.len() - new);
    Ok(())
}

fn port() -> anyhow::Result<u16> {
    let port = setting("CONSOLE_PORT").unwrap_or_else(|| "4580".into());
    port.parse()
        .ok()
        .filter(|port| *port > 0)
        .with_context(|| format!("CONSOLE_PORT is {port:?}, which is no port: expected a number from 1 to 65535"))
}

fn config(sdk: &SdkConfig) -> anyhow::Result<Config> {
    let sns = aws_sdk_sns::Client::new(sdk);
    let topic = |variable| {
        if let Some(arn) = setting(variable) {
            return Sink::Topic { client: sns.clone(), arn };
        }
        warn!("{variable} is not set: what would go there goes nowhere");
        Sink::Nowhere
    };
    let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
    let table = |variable| setting(variable).map(|name| Table { client: dynamodb.clone(), name });
    Ok(Config {
        receipts: topic("RECEIPTS_TOPIC_ARN"),
        inbound: topic("INBOUND_TOPIC_ARN"),
        console: Console {
            events_dir: setting("EVENTS_DIR").unwrap_or_else(|| "events".into()).into(),
            events_queue: setting("EVENTS_QUEUE_URL").map(|url| (aws_sdk_sqs::Client::new(sdk), url)),
            recipients: table("RECIPIENTS_TABLE"),
            messages: table("MESSAGES_TABLE"),
            limits: table("LIMITS_TABLE"),
            verifications: table("VERIFICATIONS_TABLE"),
            queues: queues(sdk),
            monthly_budget: monthly_budget()?,
            main_app: setting("API_URL").map(|url| MainApp::new(sdk, &url)).transpose()?,
        },
        ..Config::default()
    })
}

/// Those that are named, if the lanes are.
fn queues(sdk: &SdkConfig) -> Option<Queues> {
    let named = [("events", "EVENTS_QUEUE_URL"), ("urgent", "URGENT_QUEUE_URL"), ("bulk", "BULK_QUEUE_URL"), ("dead", "DEAD_LETTER_QUEUE_URL")];
    let urls = named.into_iter().filter_map(|(name, variable)| Some((name, setting(variable)?)));
    setting("URGENT_QUEUE_URL").map(|_| Queues { client: aws_sdk_sqs::Client::new(sdk), urls: urls.collect() })
}

fn monthly_budget() -> anyhow::Result<Option<i64>> {
    let parse = |budget: String| budget.parse().with_context(|| format!("MONTHLY_BUDGET is {budget:?}: expected whole micro-USD, such as 50000000"));
    setting("MONTHLY_BUDGET").map(parse).transpose()
}

fn setting(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// Without TLS: a simulator that is pointed at the real AWS by mistake cannot reach it.
async fn sdk() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let region = setting("AWS_REGION").or_else(|| setting("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".into());
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).region(Region::new(region)).load().await
}

async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}
