//! `kvstore serve`.

use kvstore::server::{Options, Server};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;

use super::Problem;

pub(super) fn run(options: &Options) -> Result<(), Problem> {
    let settings = options.settings().map_err(Problem::Usage)?;
    let filter = EnvFilter::builder()
        .with_env_var("KVSTORE_LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env()
        .map_err(|error| Problem::Usage(format!("KVSTORE_LOG: {error}")))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Problem::Failed(format!("cannot start a runtime: {error}")))?;
    runtime.block_on(async {
        let failed = |error: std::io::Error| Problem::Failed(format!("signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let server = Server::start(settings).await.map_err(Problem::Failed)?;
        tokio::select! {
            ended = server.ended() => return ended.map_err(Problem::Failed),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        server.stop().await;
        server.ended().await.map_err(Problem::Failed)
    })
}
