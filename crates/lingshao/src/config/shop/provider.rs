//! Who takes the money.

use std::path::Path;

use lingshao_shop::safety::Mode;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};

use super::{OrderTimeout, Provider, Refunds, Wechatpay};
use crate::shop::provider;

/// The outer `None`: it is there and cannot be used; the inner one: nothing is said.
pub(super) fn read_provider(
    node: &Node,
    folder: &Path,
    findings: &mut Diagnostics,
) -> Option<Option<Provider>> {
    if let Value::Scalar { text, .. } = &node.value {
        if text == "none" {
            return Some(Some(Provider::None));
        }
        let remedy = "write `none`, or `wechatpay: {mchid: …}`";
        findings.error(node.at, format!("`provider`: `{text}` is not known"), remedy);
        return None;
    }
    let mut keys = Keys::new(node, "shop.provider", findings);
    let wechatpay = keys.node("wechatpay");
    keys.finish(findings);
    let Some(node) = wechatpay else {
        findings.error(
            node.at,
            "`provider` names none",
            "add `wechatpay: {mchid: …}`, or write `provider: none`",
        );
        return None;
    };
    read_wechatpay(node, folder, findings).map(|found| Some(Provider::Wechatpay(Box::new(found))))
}

fn read_wechatpay(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<Wechatpay> {
    let mut keys = Keys::new(node, "shop.provider.wechatpay", findings);
    let mut text = |key: &'static str, findings: &mut Diagnostics| {
        let text = keys.text(key, findings);
        if text.is_none() {
            findings.error(node.at, format!("`wechatpay` needs `{key}`"), format!("add `{key}: …`"));
        }
        text
    };
    let (mchid, serial, key) =
        (text("mchid", findings), text("serial", findings), text("private_key_file", findings));
    let endpoint = keys.text("endpoint", findings);
    let public_key = keys.text("public_key_id", findings).zip(keys.text("public_key_file", findings));
    let certificates = keys.texts("certificate_files", findings);
    let api_v3_key = keys.text("api_v3_key_file", findings);
    let notify_url = keys.text("notify_url", findings);
    let notify_at = keys.key_at("notify_url");
    keys.finish(findings);
    if let Some(url) = &notify_url {
        check_notify_url(url, api_v3_key.is_some(), notify_at, findings);
    }
    if public_key.is_none() && certificates.is_empty() {
        let remedy =
            "add `public_key_id` and `public_key_file` from the merchant's pages, or `certificate_files`";
        findings.error(node.at, "no answer of WeChat Pay could be believed without one of its keys", remedy);
        return None;
    }
    let wechatpay = Wechatpay {
        endpoint: endpoint.unwrap_or_else(|| provider::ENDPOINT.to_owned()),
        mchid: mchid?,
        serial: serial?,
        private_key_file: folder.join(key?),
        public_key: public_key.map(|(id, file)| (id, folder.join(file))),
        certificate_files: certificates.into_iter().map(|(file, _)| folder.join(file)).collect(),
        api_v3_key_file: api_v3_key.map(|file| folder.join(file)),
        notify_url,
    };
    if let Err(error) = provider::check(&wechatpay) {
        findings.error(node.at, format!("`wechatpay`: {error}"), "check the file, and the text in it");
        return None;
    }
    Some(wechatpay)
}

fn check_notify_url(url: &str, has_key: bool, at: Position, findings: &mut Diagnostics) {
    if !provider::is_notify_url(url) {
        let remedy =
            format!("write https://HOST{}, as WeChat Pay reaches it from outside", provider::NOTIFY_PATH);
        findings.error(at, format!("`notify_url`: `{url}` is no address that WeChat Pay would call"), remedy);
    }
    if !has_key {
        let remedy = "add `api_v3_key_file`, a file with the APIv3 key of the merchant's pages";
        findings.error(at, "`notify_url`: without the APIv3 key no callback can be read", remedy);
    }
}

/// Who switches acting on says whom to ask, even if nobody.
pub(super) fn check_provider(
    provider: Option<&Provider>,
    timeout: &OrderTimeout,
    refunds: &Refunds,
    at: Position,
    findings: &mut Diagnostics,
) {
    if provider.is_none() && timeout.mode == Mode::Act {
        let remedy =
            "add `provider: {wechatpay: …}`; or `provider: none`, if customers pay where nobody can be asked";
        let message = "`order_timeout` is to act, and no `provider` can be asked whether an order was paid";
        findings.error(at, message, remedy);
    }
    if !matches!(provider, Some(Provider::Wechatpay(_))) && refunds.mode != Mode::Observe {
        let message = "`refunds` is switched on, and there is no `provider` that could give money back";
        findings.error(at, message, "add `provider: {wechatpay: …}`, or leave `refunds.mode` at observe");
    }
}
