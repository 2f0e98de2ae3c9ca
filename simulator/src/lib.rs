//! AWS End User Messaging SMS (`pinpoint-sms-voice-v2`) and the phones behind it, for development and tests; never deployed.
//!
//! A test starts one in its own process and points the real SDK at it:
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let (events, mut receipts) = tokio::sync::mpsc::unbounded_channel();
//! let config = simulator::Config { receipts: simulator::Sink::Channel(events), ..Default::default() };
//! let running = simulator::Running::start(config).await?;
//! let endpoint = running.url();                       // AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2
//! let delivery_event = receipts.recv().await;         // the SNS `Message`
//! # Ok(()) }
//! ```
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may panic"))]

pub mod account;
pub mod console;
pub mod demo;
pub mod faults;
mod guard;
pub mod line;
mod live;
mod opt_outs;
pub mod outcomes;
mod pacing;
pub mod people;
mod phones;
mod problem;
pub mod receipts;
pub mod refusal;
pub mod requests;
mod shapes;
mod simulator;
mod sink;
pub mod state;
pub mod status;
mod wire;

use std::{io, net::SocketAddr};

use axum::{Router, middleware, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};

pub use crate::{
    faults::Faults,
    simulator::{Clock, Config, Live, Simulator},
    sink::Sink,
};

/// All routes. To drop connections in the middle of a call they must be served by [`serve`].
pub fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/", get(console::page).post(wire::answer))
        .merge(phones::routes())
        .merge(console::routes())
        .merge(demo::routes())
        .merge(status::routes())
        .layer(middleware::from_fn(guard::only_from_here))
        .with_state(simulator)
}

/// Serves the simulator until the future is dropped.
pub async fn serve(listener: TcpListener, simulator: Simulator) -> io::Result<()> {
    let service = router(simulator).into_make_service_with_connect_info::<line::Scissors>();
    axum::serve(line::Exchange(listener), service).await
}

/// A simulator that runs in this process, on a free port of 127.0.0.1, until it is dropped.
#[derive(Debug)]
pub struct Running {
    /// The simulator, to look at and to give faults to.
    pub simulator: Simulator,
    address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Starts one.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (simulator, address) = (Simulator::new(config), listener.local_addr()?);
        let task = tokio::spawn(serve(listener, simulator.clone()));
        Ok(Self { simulator, address, task })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
