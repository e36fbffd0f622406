//! What answers each route: the Prometheus and Alertmanager APIs, remote write, lifecycle.

mod alertmanager;
mod answer;
mod check;
mod index;
mod lifecycle;
pub(crate) mod query;
mod rules;
mod scraped;
mod series;
mod status;
mod syntax_tree;
pub(crate) mod write;

use std::sync::Arc;

use crate::app::App;
use crate::server::reply::Reply;
use crate::server::request::{Call, Parameters};
use crate::server::routes::Endpoint;

use answer::{ApiError, render};

/// Runs the handler of an endpoint. The caller has the right to call it.
pub(crate) async fn dispatch(app: &Arc<App>, endpoint: Endpoint, mut call: Call) -> Reply {
    use Endpoint as E;
    match endpoint {
        E::Check => check::check(app, call).await.unwrap_or_else(|error| render(&error)),
        E::Healthy => lifecycle::healthy(),
        E::Ready => lifecycle::ready(app),
        E::Reload => lifecycle::reload(app).await,
        E::OwnMetrics => lifecycle::own_metrics(app),
        E::Write => write::write(app, call).await,
        E::PostAlerts => either(alertmanager::post_alerts(app, call).await),
        E::SetSilence => either(alertmanager::set_silence(app, call).await),
        E::GetSilence => either(alertmanager::get_silence(app, &call.name.unwrap_or_default()).await),
        E::ExpireSilence => either(alertmanager::expire(app, &call.name.unwrap_or_default()).await),
        _ => {
            let name = call.name.take();
            let outcome = match Parameters::read(call, &app.forms).await {
                Ok(parameters) => answer(app, endpoint, &parameters, name.as_deref()).await,
                Err(error) => Err(ApiError::from(error)),
            };
            outcome.unwrap_or_else(|error| render(&error))
        }
    }
}

/// Alertmanager's handlers render their refusals themselves.
fn either(outcome: Result<Reply, Box<Reply>>) -> Reply {
    outcome.unwrap_or_else(|refusal| *refusal)
}

async fn answer(
    app: &Arc<App>,
    endpoint: Endpoint,
    parameters: &Parameters,
    name: Option<&str>,
) -> Result<Reply, ApiError> {
    use Endpoint as E;
    match endpoint {
        E::Index => index::page(app, parameters).await,
        E::Query => query::instant(app, parameters).await,
        E::QueryRange => query::range(app, parameters).await,
        E::QueryExemplars => query::exemplars(app, parameters).await,
        E::FormatQuery => query::format(app, parameters).await,
        E::ParseQuery => query::parse(app, parameters).await,
        E::Labels => series::names(app, parameters).await,
        E::LabelValues => series::values(app, parameters, name.unwrap_or("")).await,
        E::Series => series::series(app, parameters).await,
        E::Metadata => scraped::metadata(app, parameters),
        E::Targets => scraped::targets(app, parameters),
        E::TargetsMetadata => scraped::targets_metadata(app, parameters),
        E::ScrapePools => scraped::pools(app),
        E::Rules => rules::rules(app, parameters),
        E::Alerts => Ok(rules::alerts(app)),
        E::Alertmanagers => status::alertmanagers(app),
        E::StatusBuildInfo => status::build_info(),
        E::StatusConfig => status::config(app),
        E::StatusFlags => status::flags(app),
        E::StatusRuntimeInfo => status::runtime_info(app),
        E::StatusTsdb => status::tsdb(app, parameters),
        E::StatusWalReplay => status::wal_replay(),
        E::AlertmanagerStatus => Ok(either(alertmanager::status(app).await)),
        E::Receivers => Ok(alertmanager::receivers(app)),
        E::ListSilences => Ok(either(alertmanager::list_silences(app, parameters).await)),
        E::ListAlerts => Ok(either(alertmanager::list_alerts(app, parameters).await)),
        E::AlertGroups => Ok(either(alertmanager::groups(app, parameters).await)),
        E::Findings => check::findings(app).await,
        E::Notifications => Ok(either(alertmanager::notifications(app, parameters).await)),
        E::Healthy
        | E::Ready
        | E::Reload
        | E::OwnMetrics
        | E::Write
        | E::PostAlerts
        | E::SetSilence
        | E::GetSilence
        | E::ExpireSilence
        | E::Check => {
            unreachable!("dispatched before parameters are read")
        }
    }
}
