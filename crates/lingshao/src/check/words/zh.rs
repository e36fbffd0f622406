//! 中文。

use lingshao_promql::lint::{Contradiction, Fault, Mismatch, Missing, Unrouted, WindowReason};
use lingshao_wire::grafana::BoardProblem;

use super::{Say, number};

pub(super) fn say(what: Say<'_>) -> String {
    match what {
        Say::CannotParse(error) => format!("表达式无法解析：{error}"),
        Say::UnknownKind => "既不是规则文件，也不是 Grafana 面板或表达式".to_owned(),
        Say::TooMany(max) => format!("问题超过 {max} 个，其余不再列出"),
        Say::OutOfTime => "检查用时过长，后面的内容没有检查".to_owned(),
        Say::Corrected => "改为".to_owned(),
    }
}

pub(super) fn of_board(problem: &BoardProblem) -> (String, String) {
    match problem {
        BoardProblem::Json(error) => {
            (format!("JSON 无法读取：{error}"), "请在 Grafana 里重新导出，或手工改正".to_owned())
        }
        BoardProblem::NoPanels => (
            "这个 JSON 里没有 `panels`，不是面板".to_owned(),
            "请指定 Grafana 导出的文件：`panels` 在最外层，或在 `dashboard`、`spec` 之下".to_owned(),
        ),
        BoardProblem::Elements => (
            "这是 v2 格式（`elements`）的面板，这里不支持".to_owned(),
            "请用经典格式（Classic）重新导出".to_owned(),
        ),
    }
}

/// 错在哪里，怎么改。
pub(super) fn of_fault(fault: &Fault) -> (String, String) {
    match fault {
        Fault::RatioWithoutDenominator { metric, threshold } => (
            format!(
                "文字说的是比例，表达式算的却是 `{metric}` 每秒的次数：每秒 {} 次就会触发，与总量多少无关",
                number(*threshold)
            ),
            "除以全部请求的速率，两边都先求和；再要求有一定流量，否则两次里失败一次就是 50%".to_owned(),
        ),
        Fault::PerSeriesThreshold { metric } => (
            format!(
                "`{metric}` 的每条序列（每个接口、状态码、实例）各自与阈值比较：错误分散在几条序列上就永远达不到阈值"
            ),
            "先求和；想按什么分别告警，就 by 什么".to_owned(),
        ),
        Fault::QuantileNeedsBuckets { metric, missing } => quantile(metric, *missing),
        Fault::QuantileOutOfRange { quantile } => (
            format!(
                "分位数要写 0 到 1 之间的小数；写 {} 的话，不论测到什么，结果都是无穷大",
                number(*quantile)
            ),
            "P95 写 0.95，P99 写 0.99".to_owned(),
        ),
        Fault::AbsentBlind { job, dependency, is_unguarded } => absent(job, *dependency, *is_unguarded),
        Fault::VectorMismatch(mismatch) => mismatched(mismatch),
        Fault::FanOut { metric } => (
            format!("`{metric}` 每条序列一条告警，每个实例再来一遍：一来就是几十条"),
            "按标识商品的标签聚合，用 `group_by: [alertname]` 合成一条消息，并排除已下架的".to_owned(),
        ),
        Fault::StateEnumGauge { metric, state, better } => (
            format!(
                "{0} 是 `{metric}` 的状态编号：已经结束的会一直停在这个状态，告警永远不会恢复；也没人知道 {0} 是什么意思",
                number(*state)
            ),
            match better {
                Some(better) => format!("对“还没处理完的数量”告警，处理完会回到 0：`{better}`"),
                None => "只对刚进入这个状态的告警；更好的做法是用一个统计未完成数量的指标".to_owned(),
            },
        ),
        Fault::NotSummed { metric, by } => not_summed(metric, by),
        Fault::SelfDivision { metric } => (
            format!("`{metric}` 的每条序列都在除以它自己：结果永远是 1（100%），没有流量时则为空"),
            "两边都先求和，去掉筛选用的标签".to_owned(),
        ),
        Fault::TotalNotRated { metric, better, is_gauge } => total(metric, *better, *is_gauge),
        Fault::TextContradicts(what) => contradiction(what),
        Fault::StaticText { labels, is_ratio } => static_text(labels, *is_ratio),
        Fault::UnroutedSeverity(what) => unrouted(what),
        Fault::ShortWindow { window, reason } => short_window(window, *reason),
        Fault::UnknownMetric { metric, nearest } => (
            format!("服务器上没有 `{metric}` 这个指标：表达式的结果是空的"),
            match nearest {
                Some(nearest) => format!("是不是 `{nearest}`？"),
                None => "请采集导出它的程序，或让程序启动时先把它置为 0".to_owned(),
            },
        ),
        Fault::UnsafeBucketBound { metric, threshold, below, above } => {
            bucket_bound(metric, *threshold, *below, *above)
        }
        Fault::Flood { count } => (
            format!("现在就会一次触发 {count} 条告警"),
            "减少 by 的标签，或者只数个数：一条告警说明有多少".to_owned(),
        ),
    }
}

fn quantile(metric: &str, missing: Missing) -> (String, String) {
    let message = match missing {
        Missing::Buckets => format!(
            "直方图只有 `{0}_bucket`、`_sum`、`_count` 这几个序列；`{metric}` 没有分桶，结果永远为空，也不会报错",
            metric.trim_end_matches("_count").trim_end_matches("_sum")
        ),
        Missing::Rate => format!("没有 `rate`，算的是 `{metric}` 自进程启动以来的分位数，不是最近的"),
        Missing::Le => format!("`{metric}` 求和时丢掉了 `le` 标签，算不出分位数"),
    };
    (message, "对分桶求 rate，聚合时保留 `le`".to_owned())
}

fn absent(job: &str, dependency: Option<&str>, is_unguarded: bool) -> (String, String) {
    let gone = format!("如果没有采集任务 `{job}`，就没有序列，也就没有告警");
    match (dependency, is_unguarded) {
        (Some(metric), true) => (
            format!("`up` 只说明 exporter 有没有响应：exporter 正常而 {job} 挂了，不会告警；{gone}"),
            format!("三种情况都要查：`{metric}`、exporter 本身、以及有没有在采集"),
        ),
        (Some(metric), false) => (
            format!("`up` 只说明 exporter 有没有响应：exporter 正常而 {job} 挂了，不会告警"),
            format!("再加上 `{metric}`"),
        ),
        (None, _) => (gone, "同时检查它是否缺失".to_owned()),
    }
}

fn mismatched(mismatch: &Mismatch) -> (String, String) {
    match mismatch {
        Mismatch::Never { op, left, right } => (
            format!("`{op}` 左右两边的序列不可能匹配：左边{}，右边{}", kept(left), kept(right)),
            "两边保留相同的标签，或用 `on (…)` 说明按哪些标签匹配".to_owned(),
        ),
        Mismatch::Fragile { numerator, denominator, differing } if differing.is_empty() => (
            format!(
                "`{numerator}` 与 `{denominator}` 逐条序列相除：只要一边多一个标签（原因、渠道），就什么都匹配不上，而且没有提示；每个实例又只凭寥寥几次判断"
            ),
            "两边先求和再相除，并要求有足够的请求".to_owned(),
        ),
        Mismatch::Fragile { numerator, denominator, differing } => (
            format!("`{numerator}` 与 `{denominator}` 永远匹配不上：只有一边有标签 {}", list(differing)),
            "两边先按共有的标签求和，再相除".to_owned(),
        ),
    }
}

fn kept(labels: &Option<Vec<String>>) -> String {
    match labels {
        None => "保留全部标签".to_owned(),
        Some(labels) if labels.is_empty() => "没有标签".to_owned(),
        Some(labels) => format!("只有 {}", list(labels)),
    }
}

fn list(labels: &[String]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join("、")
}

fn not_summed(metric: &str, by: &str) -> (String, String) {
    match by {
        "sum" => (
            format!("`{metric}` 每个接口、状态码、实例各有一条序列：这里画的是每条各自的值，不是总数"),
            "求和；如果就是要分开看，请写上图例，如 {{endpoint}}".to_owned(),
        ),
        _ => (
            format!("`{metric}` 每个进程各有一个值：面板会显示好几个，或者随便一个"),
            "各进程的值相同（来自数据库）用 `max`，各自只算一部分用 `sum`".to_owned(),
        ),
    }
}

fn total(metric: &str, better: Option<&str>, is_gauge: bool) -> (String, String) {
    let message = match is_gauge {
        true => format!("`{metric}` 名字像计数器，其实是 gauge：它的值是有史以来的总数，每个进程一个"),
        false => format!("`{metric}` 只增不减，进程重启又从零开始：它本身的值说明不了今天或现在"),
    };
    let remedy = match better {
        Some(better) => format!("用计数器 `{better}` 的增量；今天的准确数字以数据库为准"),
        None if is_gauge => "改名去掉 `_total`，或改成真正的计数器".to_owned(),
        None => "用 `rate`，或用 `increase` 求一段时间内的增量".to_owned(),
    };
    (message, remedy)
}

fn contradiction(what: &Contradiction) -> (String, String) {
    match what {
        Contradiction::Percentile { percent } => (
            format!(
                "P{0} 超过阈值，说明最慢的 {1}% 请求更慢，而不是 {0}% 的请求",
                number(*percent),
                number(100.0 - percent)
            ),
            format!("改写成“P{} 超过……（最慢的 {}% 请求）”", number(*percent), number(100.0 - percent)),
        ),
        Contradiction::Threshold { said, threshold } => (
            format!("文字写的是“{said}”，表达式比较的是 {}", number(*threshold)),
            "两处写成一样；`{{ $value }}` 会写出实际的值".to_owned(),
        ),
        Contradiction::Direction { said, op } => {
            (format!("文字写的是“{said}”，表达式判断的却是 `{op}`"), "把其中一处的方向改过来".to_owned())
        }
    }
}

fn static_text(labels: &[String], is_ratio: bool) -> (String, String) {
    let value = if is_ratio { "{{ $value | humanizePercentage }}" } else { "{{ $value }}" };
    let labels = labels.iter().map(|label| format!("{{{{ $labels.{label} }}}}"));
    let parts: Vec<String> = labels.chain([value.to_owned()]).collect();
    (
        "不管发生什么，告警文字都一样：看不出是哪一个、到了多少".to_owned(),
        format!("在文字里写上：{}", parts.join(" ")),
    )
}

fn unrouted(what: &Unrouted) -> (String, String) {
    match what {
        Unrouted::Nobody { severity: Some(severity), receiver } => (
            format!("没有路由接收 severity `{severity}`，最后的接收人 `{receiver}` 又不通知任何人"),
            "为它加一条路由，或给根路由换一个会通知人的接收人".to_owned(),
        ),
        Unrouted::Nobody { severity: None, receiver } => (
            format!("没有 `severity` 的告警没有路由接收，最后的接收人 `{receiver}` 又不通知任何人"),
            "加上 `severity` 标签，值要与某条路由一致".to_owned(),
        ),
        Unrouted::Misspelt { severity, known } => (
            format!("severity `{severity}` 与路由里的写法（`{known}`）不同"),
            format!("写成 `severity: {known}`"),
        ),
    }
}

fn short_window(window: &str, reason: WindowReason) -> (String, String) {
    match reason {
        WindowReason::Scrape(millis) => (
            format!(
                "采集间隔 {} 秒时，[{window}] 里不足四个样本：曲线会断，甚至为空",
                number(millis as f64 / 1000.0)
            ),
            "窗口至少取采集间隔的四倍".to_owned(),
        ),
        WindowReason::Panel => (
            format!(
                "采集间隔超过 15 秒，[{window}] 就会断续，超过 30 秒则为空；面板时间范围一长还会漏掉数据"
            ),
            "用 `$__rate_interval`，两种情况都合适".to_owned(),
        ),
        WindowReason::PanelInterval => (
            "`$__interval` 可能比两次采集的间隔还短，这时 rate 为空".to_owned(),
            "用 `$__rate_interval`，它至少有四次采集那么长".to_owned(),
        ),
    }
}

fn bucket_bound(metric: &str, threshold: f64, below: Option<f64>, above: Option<f64>) -> (String, String) {
    let threshold = number(threshold);
    match (below, above) {
        (Some(below), Some(above)) => (
            format!(
                "`{metric}` 没有以 {threshold} 为上界的分桶：{} 和 {} 之间的分位数是估算出来的",
                number(below),
                number(above)
            ),
            format!("给直方图加一个上界 {threshold}，或改用已有的上界"),
        ),
        (Some(below), None) => (
            format!(
                "`{metric}` 最高的分桶到 {} 为止：分位数不会超过它，永远达不到 {threshold}",
                number(below)
            ),
            format!("给直方图加上高于 {threshold} 的分桶"),
        ),
        (None, above) => (
            format!(
                "`{metric}` 最低的分桶到 {}：比它更小的分位数是估算的",
                number(above.unwrap_or_default())
            ),
            format!("给直方图加一个上界 {threshold}"),
        ),
    }
}
