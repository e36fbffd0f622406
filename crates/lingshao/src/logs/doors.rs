//! The addresses where log records come in, besides the web's: opened before anything works, served afterwards.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Logs, grpc, kibana, lines, syslog};
use crate::app::App;
use crate::config::Listeners;
use crate::failure::Failure;
use crate::server::routes::Door;
use crate::server::{self, listen};

/// Open addresses that nobody serves yet.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    elasticsearch: Option<TcpListener>,
    logstash: Option<TcpListener>,
    otlp: Option<TcpListener>,
    syslog: Option<(TcpListener, UdpSocket)>,
    kibana: Option<TcpListener>,
}

/// What to do about a port that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// It was asked for: fail.
    Fail,
    /// Take any free one.
    TakeAnother,
}

impl Doors {
    /// Opens what the config names.
    pub(crate) async fn open(
        listeners: &Listeners,
        has_users: bool,
        insecure: bool,
        busy: Busy,
    ) -> Result<Doors, Failure> {
        let open = async |name: &str, address: &Option<String>| match address {
            None => Ok(None),
            Some(address) => {
                let address = listen::parse(address)?;
                listen::check_reach(address, has_users, insecure)?;
                bind(name, address, busy).await.map(Some)
            }
        };
        Ok(Doors {
            elasticsearch: open("elasticsearch", &listeners.elasticsearch).await?,
            logstash: open("logstash", &listeners.logstash).await?,
            otlp: open("otlp", &listeners.otlp).await?,
            syslog: match open("syslog", &listeners.syslog).await? {
                None => None,
                Some(listener) => Some(with_datagrams(listener).await?),
            },
            kibana: open("kibana", &listeners.kibana).await?,
        })
    }

    /// Names and addresses, with the ports that were really taken.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let doors = [
            ("elasticsearch", self.elasticsearch.as_ref()),
            ("logstash", self.logstash.as_ref()),
            ("otlp", self.otlp.as_ref()),
            ("syslog", self.syslog.as_ref().map(|(listener, _)| listener)),
            ("kibana", self.kibana.as_ref()),
        ];
        let address = |listener: &TcpListener| listener.local_addr().ok();
        doors.into_iter().filter_map(|(name, listener)| Some((name, listener.and_then(address)?))).collect()
    }

    /// Lets the senders in; the tasks end after `stop` has turned true.
    pub(crate) fn serve(
        self,
        app: &Arc<App>,
        logs: &Arc<Logs>,
        page: String,
        stop: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        if let Some(listener) = self.elasticsearch {
            tasks.spawn(server::serve(listener, Door::Elasticsearch, app.clone(), stop.clone()));
        }
        if let Some(listener) = self.logstash {
            tasks.spawn(lines::serve(listener, logs.clone(), stop.clone()));
        }
        if let Some(listener) = self.otlp {
            tasks.spawn(grpc::serve(listener, app.clone(), stop.clone()));
        }
        if let Some((listener, socket)) = self.syslog {
            tasks.spawn(syslog::serve(listener, logs.clone(), stop.clone()));
            tasks.spawn(syslog::serve_datagrams(socket, logs.clone(), stop.clone()));
        }
        if let Some(listener) = self.kibana {
            tasks.spawn(kibana::serve(listener, page, stop.clone()));
        }
        tasks
    }
}

async fn bind(name: &str, address: SocketAddr, busy: Busy) -> Result<TcpListener, Failure> {
    if busy == Busy::TakeAnother
        && let Err(error) = TcpListener::bind(address).await.map(drop)
        && error.kind() == std::io::ErrorKind::AddrInUse
    {
        return listen::bind(SocketAddr::new(address.ip(), 0)).await;
    }
    let remedy = |failure: Failure| {
        let free = format!("choose another address in `listeners.{name}`, or write `off`");
        failure.remedy(if address.port() < 1024 {
            format!("{free}; ports below 1024 need the capability CAP_NET_BIND_SERVICE")
        } else {
            free
        })
    };
    listen::bind(address).await.map_err(remedy)
}

/// Syslog comes as datagrams to the same number.
async fn with_datagrams(listener: TcpListener) -> Result<(TcpListener, UdpSocket), Failure> {
    let address = listener.local_addr().context("cannot read the address").map_err(Failure::environment)?;
    let socket = UdpSocket::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for datagrams"))
        .map_err(|error| {
            Failure::environment(error).remedy("choose another address in `listeners.syslog`")
        })?;
    Ok((listener, socket))
}
