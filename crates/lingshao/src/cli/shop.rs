//! `lingshao shop`: the mapping against the shop's database, and what the monitors would do there. Nothing is changed.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use jiff::tz::TimeZone;
use lingshao_shop::sql::check::Known;
use lingshao_shop::sql::{Database, Shop};
use serde_json::json;

use super::{Outcome, config_default, print};
use crate::clock::now;
use crate::config::shop::{Provider, Shop as Config};
use crate::failure::Failure;
use crate::shop::{Preview, preview};

/// What is wanted.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Compares the mapping with the shop's database: what is wrong, which rights are enough, which indexes would help
    ///
    /// Statements are explained, never run. Exits with 1 when a monitor would refuse to act.
    Check(Arguments),
    /// Shows what the monitors would do at this moment
    Preview(Arguments),
}

/// Where the shop is configured.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Config file with a `shop` section
    #[arg(long, env = "LINGSHAO_CONFIG", value_name = "FILE", default_value_os_t = config_default())]
    config: PathBuf,
    /// text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs it.
pub(super) fn run(command: &Command) -> Result<Outcome, Failure> {
    crate::security::tls::install_provider();
    let runtime = crate::run::runtime()?;
    match command {
        Command::Check(arguments) => runtime.block_on(check(arguments)),
        Command::Preview(arguments) => runtime.block_on(look(arguments)).map(|()| Outcome::Done),
    }
}

fn open(arguments: &Arguments) -> Result<(Config, Shop), Failure> {
    let file = &arguments.config;
    let config = crate::run::load(file)?.shop.ok_or_else(|| {
        Failure::input(anyhow!("`{}` has no `shop` section", file.display()))
            .remedy("add `shop: {database: {url_file: shop.url}, preset: litemall}`")
    })?;
    let database =
        Database::new(config.database.reveal()).context("the shop's database").map_err(Failure::input)?;
    let shop = Shop::new(database, config.mapping.clone()).map_err(|findings| {
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        Failure::input(anyhow!("{}", findings.join("\n")))
    })?;
    Ok((config, shop))
}

fn unreachable(error: lingshao_shop::sql::ShopError) -> Failure {
    Failure::environment(anyhow::Error::new(error))
        .remedy("check `shop.database`, and whether the server runs")
}

async fn check(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (config, shop) = open(arguments)?;
    let report = shop.check(Known::default(), now()).await.map_err(unreachable)?;
    let errors = report.findings.iter().filter(|finding| finding.is_error).count();
    if arguments.format == Format::Json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|finding| {
                json!({"severity": finding.severity(), "place": finding.place, "message": finding.problem.to_string()})
            })
            .collect();
        let all = json!({
            "database": shop.dialect().name(),
            "fingerprint": report.fingerprint,
            "findings": findings,
            "grants": report.grants,
            "indexes": report.indexes,
        });
        print(&format!("{all:#}\n"))?;
    } else {
        print(&report_text(&config, &shop, &report))?;
    }
    Ok(if errors == 0 { Outcome::Done } else { Outcome::Wrong })
}

fn report_text(config: &Config, shop: &Shop, report: &lingshao_shop::sql::check::Report) -> String {
    let preset = config.preset.as_deref().unwrap_or("mapped by hand");
    let mut text = format!("shop `{}`: {} ({preset})\n", config.name, shop.dialect().name());
    let provider = match config.provider {
        Provider::None => "nobody can be asked whether an order was paid",
        Provider::Wechatpay(_) => "WeChat Pay is asked before anything is cancelled",
    };
    let modes = [
        ("order_timeout", config.order_timeout.mode),
        ("group_settle", config.group_settle.mode),
        ("refunds", config.refunds.mode),
    ];
    let modes: Vec<String> = modes.iter().map(|(name, mode)| format!("{name}: {}", mode.name())).collect();
    text.push_str(&format!("{}; {provider}\n\n", modes.join(", ")));
    for finding in &report.findings {
        text.push_str(&format!("{finding}\n"));
    }
    if report.findings.is_empty() {
        text.push_str("nothing is wrong\n");
    }
    let mut section = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    };
    section("rights that are enough:", &report.grants);
    section("indexes that would make it cheaper (none is made by us):", &report.indexes);
    text
}

async fn look(arguments: &Arguments) -> Result<(), Failure> {
    let (config, shop) = open(arguments)?;
    let found = preview(&config, &shop, now()).await;
    if found.clock.is_none() && found.errors.len() > 1 {
        return Err(Failure::environment(anyhow!("{}", found.errors.join("; ")))
            .remedy("`lingshao shop check` tells what is wrong, and which rights are enough"));
    }
    if arguments.format == Format::Json {
        let text = serde_json::to_string_pretty(&found)
            .context("a preview is JSON")
            .map_err(Failure::environment)?;
        return print(&format!("{text}\n"));
    }
    print(&preview_text(&config, &found))
}

fn preview_text(config: &Config, found: &Preview) -> String {
    let at = |millis: i64| {
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        let zone = TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC);
        instant.to_zoned(zone).strftime("%m-%d %H:%M:%S").to_string()
    };
    let yuan = |fen: i64| lingshao_shop::Fen(fen).yuan();
    let mut text = format!(
        "order_timeout ({}): {} of {} pending orders are late\n",
        config.order_timeout.mode.name(),
        found.orders.len(),
        found.pending
    );
    for order in &found.orders {
        let note =
            if order.cancellable || config.order_timeout.http.is_some() { "" } else { "  reported only" };
        let (created, yuan) = (at(order.created), yuan(order.fen));
        text.push_str(&format!("  {}  {}  {created}  {yuan} yuan{note}\n", order.order, order.number));
    }
    text.push_str(&format!(
        "group_settle ({}): {} groups end\n",
        config.group_settle.mode.name(),
        found.groups.len()
    ));
    for group in &found.groups {
        let ends = at(group.expires_at);
        let how = match &group.order {
            Some(number) => format!("{number}  paid {ends}, after its group had failed"),
            None => format!("{} of {} paid, until {ends}", group.paid, group.required),
        };
        text.push_str(&format!("  {}  {}  {how}\n", group.group, group.verdict));
    }
    text.push_str(&format!(
        "refunds ({}): {} orders of failed groups\n",
        config.refunds.mode.name(),
        found.refunds.len()
    ));
    for order in &found.refunds {
        text.push_str(&format!("  {}  {}  {} yuan\n", order.order, order.number, yuan(order.fen)));
    }
    for error in &found.errors {
        text.push_str(&format!("not looked at: {error}\n"));
    }
    text
}
