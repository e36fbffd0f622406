//! What answers each route: the page, the Prometheus and Alertmanager APIs, Grafana's of boards, our own, remote write,
//! lifecycle.

mod alertmanager;
mod answer;
mod boards;
mod check;
mod demo;
mod lifecycle;
mod logs;
mod own;
mod page;
mod plain;
mod queries;
pub(crate) mod query;
mod rules;
mod scraped;
mod series;
mod session;
mod shop;
mod status;
mod syntax_tree;
pub(crate) mod write;

use std::sync::Arc;

use crate::app::App;
use crate::elasticsearch;
use crate::logs::otlp;
use crate::server::reply::Reply;
use crate::server::request::{Call, Parameters};
use crate::server::routes::Endpoint;

use answer::{ApiError, render};

/// Runs the handler of an endpoint. The caller has the right to call it.
pub(crate) async fn dispatch(app: &Arc<App>, endpoint: Endpoint, mut call: Call) -> Reply {
    use Endpoint as E;
    match endpoint {
        E::Page => page::page(app, &call).await,
        E::PageFile => page::file(app, &call).await,
        E::Session => session::look(app, &call).await,
        E::SignIn => session::sign_in(app, call).await,
        E::SignOut => session::sign_out(app, &call).await,
        E::QueryBatch => queries::batch(app, call).await.unwrap_or_else(|error| render(&error)),
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
        E::GetBoard => boards::get(app, &call).await,
        E::SaveBoard => boards::save(app, call).await,
        E::DeleteBoard => boards::delete(app, &call).await,
        E::BoardVersions => boards::versions(app, &call).await,
        E::BoardVersion => boards::version(app, &call).await,
        E::RestoreBoard => boards::restore(app, call).await,
        E::BoardProblems => boards::problems(app).await,
        E::DemoState => demo::state(app),
        E::DemoInbox => demo::inbox(app),
        E::BeginIncident => demo::begin(app, &call),
        E::SearchLogs => logs::search(app, call).await,
        E::LogFields => logs::fields(app, call).await,
        E::LogIndices => logs::indices(app),
        E::LogValues => logs::values(app, call).await,
        E::LogContext => logs::context(app, call).await,
        E::ExportLogs => logs::export(app, call).await,
        E::Shop => shop::look(app).await,
        E::ShopPreview => shop::preview(app).await,
        E::ExportShopAudit => shop::export(app),
        E::VerifyShopAudit => shop::verify(app).await,
        E::StopShop
        | E::StartShop
        | E::AgreeToShopTables
        | E::PauseMonitor
        | E::ResumeMonitor
        | E::RunMonitor
        | E::RetryRefund
        | E::SettleRefund => shop::command(app, endpoint, call).await,
        E::WechatpayRefund => shop::wechatpay(app, call).await,
        E::LokiPush => otlp::loki(app, call).await,
        E::OtlpLogs => otlp::otlp(app, call).await,
        E::Elasticsearch(endpoint) => elasticsearch::answer(app, endpoint, call).await,
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
        E::PlainPage => plain::page(app, parameters).await,
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
        E::SearchBoards => Ok(boards::search(app, parameters).await),
        E::About => Ok(own::about(app)),
        E::Troubles => Ok(own::troubles(app)),
        E::ReceiverDetails => Ok(own::receivers(app)),
        E::ShopRefunds => Ok(shop::refunds(app, parameters).await),
        E::ShopAudit => Ok(shop::audit(app, parameters).await),
        E::Page
        | E::PageFile
        | E::Session
        | E::SignIn
        | E::SignOut
        | E::QueryBatch
        | E::Healthy
        | E::Ready
        | E::Reload
        | E::OwnMetrics
        | E::Write
        | E::PostAlerts
        | E::SetSilence
        | E::GetSilence
        | E::ExpireSilence
        | E::GetBoard
        | E::SaveBoard
        | E::DeleteBoard
        | E::BoardVersions
        | E::BoardVersion
        | E::RestoreBoard
        | E::BoardProblems
        | E::DemoState
        | E::DemoInbox
        | E::BeginIncident
        | E::Check
        | E::SearchLogs
        | E::LogFields
        | E::LogIndices
        | E::LogValues
        | E::LogContext
        | E::ExportLogs
        | E::LokiPush
        | E::OtlpLogs
        | E::Shop
        | E::ShopPreview
        | E::ExportShopAudit
        | E::VerifyShopAudit
        | E::StopShop
        | E::StartShop
        | E::AgreeToShopTables
        | E::PauseMonitor
        | E::ResumeMonitor
        | E::RunMonitor
        | E::RetryRefund
        | E::SettleRefund
        | E::WechatpayRefund
        | E::Elasticsearch(_) => {
            unreachable!("dispatched before parameters are read")
        }
    }
}
