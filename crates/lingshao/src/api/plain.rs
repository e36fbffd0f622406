//! The page without scripts: what fires now, and where to ask further. A build without the page proper sends people
//! here, also those who follow a link in a message (`/#/alerts…`, `/graph?g0.expr=…`). Links are relative, for proxies.

use std::fmt::Write as _;

use http::StatusCode;
use lingshao_alerting::router::{AlertFilter, AlertView};
use lingshao_wire::prometheus_api::ErrorKind;

use super::answer::ApiError;
use crate::app::App;
use crate::notify::local_time;
use crate::server::reply::{self, Reply};
use crate::server::request::Parameters;

const HEAD: &str = include_str!("plain_head.html");
const FOOT: &str = include_str!("plain_foot.html");

/// Alerts that are listed one by one: more than a person reads, less than a phone chokes on.
const LISTED_MAX: usize = 200;

/// `/plain`
pub(super) async fn page(app: &App, parameters: &Parameters) -> Result<Reply, ApiError> {
    let look = app.alerts.look(|router, now| router.alerts(&AlertFilter::default(), now));
    let mut alerts =
        look.await.map_err(|stopped| ApiError::new(ErrorKind::Unavailable, stopped.to_string()))?;
    alerts.sort_by_key(|view| (view.is_suppressed(), std::cmp::Reverse(view.alert.starts_at)));
    let mut page = format!("{HEAD}{}", lingshao_ui::notice());
    if let Some(expression) = parameters.get("g0.expr") {
        write_expression(&mut page, expression);
    }
    write_alerts(&mut page, &alerts, &app.live().time_zone);
    page.push_str(FOOT);
    Ok(reply::body(StatusCode::OK, "text/html; charset=utf-8", page))
}

fn write_expression(page: &mut String, expression: &str) {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("query", expression);
    put(
        page,
        format_args!(
            "<h2>表达式 Expression</h2>\n<pre>{}</pre>\n<p><a href=\"api/v1/query?{}\">现在的值 · its value now</a></p>\n",
            escaped(expression),
            escaped(&query.finish()),
        ),
    );
}

fn write_alerts(page: &mut String, alerts: &[AlertView], time_zone: &str) {
    put(page, format_args!("<h2 id=\"alerts\">当前告警 Alerts: {}</h2>\n", alerts.len()));
    if alerts.is_empty() {
        return;
    }
    page.push_str(
        "<table border=\"1\" cellpadding=\"4\">\n<tr><th>告警 Alert</th><th>对象 Where</th><th>数值 Value</th>\
         <th>开始 Since</th><th>说明 What</th></tr>\n",
    );
    alerts.iter().take(LISTED_MAX).for_each(|view| write_alert(page, view, time_zone));
    page.push_str("</table>\n");
    if LISTED_MAX < alerts.len() {
        let more = alerts.len() - LISTED_MAX;
        put(
            page,
            format_args!(
                "<p>另有 {more} 条 · {more} more: <a href=\"api/v2/alerts\">api/v2/alerts</a></p>\n"
            ),
        );
    }
}

fn write_alert(page: &mut String, view: &AlertView, time_zone: &str) {
    let alert = &view.alert;
    let label = |name| alert.labels.get(name).unwrap_or("");
    let elsewhere = alert.labels.iter().filter(|(name, _)| !matches!(*name, "alertname" | "severity"));
    let place: Vec<String> = elsewhere.map(|(name, value)| format!("{name}={value}")).collect();
    let text = |name| alert.annotations.get(name).unwrap_or("");
    let suppressed = if view.is_suppressed() { "（已静默 suppressed）" } else { "" };
    put(
        page,
        format_args!(
            "<tr><td><b>{}</b> {}{suppressed}</td><td>{}</td><td>{}</td><td>{}</td><td>{} {}</td></tr>\n",
            escaped(label("alertname")),
            escaped(label("severity")),
            escaped(&place.join(" ")),
            escaped(&alert.value),
            local_time(alert.starts_at, time_zone, "%Y-%m-%d %H:%M:%S"),
            escaped(text("summary")),
            escaped(text("description")),
        ),
    );
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a String does not fail");
}

/// Text that stays text, also within quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
