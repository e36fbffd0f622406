//! What of the demo the rest of the process can reach.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lingshao_demo::{DemoShop, Incident, IncidentError, IncidentState, UnknownIncident};
use lingshao_model::Timestamp;
use lingshao_wire::rfc3339;
use serde_json::{Value, json};

use super::folder::FOR_SECONDS;
use super::inbox;
use super::services::Services;

/// The running demo. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DemoHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Until it is closed.
    shop: Mutex<Option<DemoShop>>,
    services: Services,
    speed: f64,
}

/// Why an incident does not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BeginError {
    /// There is none of that name.
    #[error(transparent)]
    Unknown(#[from] UnknownIncident),
    /// It has not ended yet, or the shop is closing.
    #[error(transparent)]
    UnderWay(#[from] IncidentError),
}

impl DemoHandle {
    pub(super) fn new(shop: DemoShop, services: Services, speed: f64) -> DemoHandle {
        DemoHandle { inner: Arc::new(Inner { shop: Mutex::new(Some(shop)), services, speed }) }
    }

    /// `for` of the corrected rules, how fast the shop lives, and which incidents there are: for the page's head.
    pub(crate) fn about(&self) -> Value {
        let incidents = Incident::ALL.map(Incident::name);
        json!({"for_seconds": FOR_SECONDS, "speed": self.inner.speed, "incidents": incidents})
    }

    /// The same with how far each incident is, and the shop's own figures.
    pub(crate) fn state(&self) -> Value {
        let shop = self.shop();
        let mut state = self.about();
        state["incidents"] =
            shop.iter().flat_map(|shop| shop.incidents()).map(|one| incident(&one)).collect();
        state["shop"] = shop.as_ref().map_or(Value::Null, |shop| {
            let figures = shop.figures();
            json!({"url": format!("http://{}", shop.address()), "orders": figures.orders_total})
        });
        state
    }

    /// The newest messages of the fake services, newest first.
    pub(crate) fn inbox(&self) -> Value {
        json!(inbox::read(&self.inner.services))
    }

    /// Lets an incident begin.
    pub(crate) fn begin(&self, name: &str) -> Result<Value, BeginError> {
        let wanted: Incident = name.parse()?;
        let shop = self.shop();
        let shop = shop.as_ref().ok_or(IncidentError::UnderWay(wanted))?;
        Ok(incident(&shop.begin(wanted)?))
    }

    /// The customers go home.
    pub(super) async fn close_shop(&self) {
        let shop = self.shop().take();
        if let Some(shop) = shop {
            shop.stop().await;
        }
    }

    fn shop(&self) -> MutexGuard<'_, Option<DemoShop>> {
        // It is only put in and taken out.
        self.inner.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn incident(state: &IncidentState) -> Value {
    json!({
        "name": state.incident.name(),
        "state": state.phase.as_str(),
        "started_at": state.started_at.map(time),
        "alert": state.incident.alert(),
        "alert_fired_at": state.alert_fired_at.map(time),
        "ends": state.ends_at.map(time),
    })
}

fn time(at: SystemTime) -> String {
    let millis = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    rfc3339::format(Timestamp(i64::try_from(millis).unwrap_or(i64::MAX)))
}
