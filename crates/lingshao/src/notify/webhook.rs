//! Alertmanager's webhook.

use lingshao_model::Delivery;
use lingshao_wire::alertmanager_config::WebhookConfig;
use lingshao_wire::notify::{Verdict, webhook};

use super::http::{Http, Secrets};
use super::integration::Source;

/// A URL that takes Alertmanager's JSON.
#[derive(Debug)]
pub(super) struct Webhook {
    config: WebhookConfig,
    url: Source,
    http: Http,
}

impl Webhook {
    /// Builds its client.
    pub(super) fn new(config: &WebhookConfig) -> Result<Webhook, String> {
        let url = Source::of(config.url.as_ref(), config.url_file.as_ref()).ok_or("it has no `url`")?;
        let http = Http::new(&config.http_config, config.timeout)?;
        Ok(Webhook { config: config.clone(), url, http })
    }

    /// Sends a delivery.
    pub(super) async fn send(&self, delivery: &Delivery, external_url: &str) -> Verdict {
        let url = match self.url.read().await {
            Ok(url) => url,
            Err(verdict) => return verdict,
        };
        let mut secrets = Secrets::default();
        secrets.add_url(&url);
        secrets.add_client(&self.config.http_config);
        let request = webhook::request(&url, delivery, external_url, self.config.max_alerts);
        let verdict = match self.http.exchange(request).await {
            Ok(received) => webhook::judge(&received.answer()),
            Err(verdict) => verdict,
        };
        secrets.mask_verdict(verdict)
    }
}
