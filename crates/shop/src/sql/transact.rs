//! One [`ShopTx`] after the other.

use lingshao_model::Timestamp;

use super::database::Tx;
use super::render::{Param, Params, Statement, key, render};
use super::{Shop, ShopError};
use crate::act::{OrderState, ShopAnswer, ShopTx};
use crate::mapping::{SqlAction, Step};
use crate::{Fen, OrderKey};

/// An order with more lines than this is not one of a small shop.
const EACH_ROWS_MAX: usize = 1_000;

/// Why a transaction was not committed.
enum Stop {
    Lost,
    Mismatch(String),
    NotDone(String),
}

impl From<ShopError> for Stop {
    fn from(error: ShopError) -> Stop {
        Stop::NotDone(error.to_string())
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Stop {
        Stop::NotDone(error.to_string())
    }
}

impl Shop {
    /// Runs one transaction. `now` counts where the database has no clock of its own.
    pub async fn run(&self, call: &ShopTx, now: Timestamp) -> ShopAnswer {
        match call {
            ShopTx::Cancel { order, rehearse } => {
                self.action(self.mapping.cancel.as_ref(), ("id", order.as_str()), Fen::ZERO, *rehearse, now)
                    .await
            }
            ShopTx::Settle { group, ending, rehearse } => {
                let action = self.mapping.groups.as_ref().and_then(|groups| groups.action(*ending));
                self.action(action, ("group", group.as_str()), Fen::ZERO, *rehearse, now).await
            }
            ShopTx::Claim { order } => {
                let action = self.mapping.claim.as_ref();
                self.once(action, OrderState::Refunding, order, Fen::ZERO, now).await
            }
            ShopTx::MarkRefunded { order, amount } => match &self.mapping.mark_refunded {
                Some(action) => self.once(Some(action), OrderState::Refunded, order, *amount, now).await,
                None => ShopAnswer::Done, // The shop learns it from the provider.
            },
            ShopTx::Read { order } => self.read_state(order).await,
        }
    }

    /// How the order stands.
    async fn read_state(&self, order: &OrderKey) -> ShopAnswer {
        match self.state(order).await {
            Ok(state) => ShopAnswer::State(state),
            Err(error) => ShopAnswer::NotDone(error.to_string().into()),
        }
    }

    /// An action that is done, too, when the order is already as it makes it. Without statements for it, only that: what
    /// the shop itself made unshippable can be refunded.
    async fn once(
        &self,
        action: Option<&SqlAction>,
        wanted: OrderState,
        order: &OrderKey,
        amount: Fen,
        now: Timestamp,
    ) -> ShopAnswer {
        let answer = match action {
            Some(_) => self.action(action, ("id", order.as_str()), amount, false, now).await,
            None => ShopAnswer::Lost,
        };
        if answer != ShopAnswer::Lost {
            return answer;
        }
        match self.state(order).await {
            Ok(state) if state == wanted => ShopAnswer::Done,
            Ok(_) => ShopAnswer::Lost,
            Err(error) => ShopAnswer::NotDone(error.to_string().into()),
        }
    }

    async fn action(
        &self,
        action: Option<&SqlAction>,
        key: (&str, &str),
        amount: Fen,
        rehearse: bool,
        now: Timestamp,
    ) -> ShopAnswer {
        let Some(action) = action else {
            return ShopAnswer::NotDone("the mapping has no statements for this".into());
        };
        let tx = match self.database.begin().await {
            Ok(tx) => tx,
            Err(error) => return ShopAnswer::NotDone(error.to_string().into()),
        };
        self.within(tx, action, key, amount, rehearse, now).await
    }

    async fn within(
        &self,
        mut tx: Tx,
        action: &SqlAction,
        key: (&str, &str),
        amount: Fen,
        rehearse: bool,
        now: Timestamp,
    ) -> ShopAnswer {
        let stop = match self.steps(&mut tx, action, key, amount, now).await {
            Ok(()) if !rehearse => return committed(tx.commit().await),
            Ok(()) => None,
            Err(stop) => Some(stop),
        };
        // Where rolling back fails the connection is gone, and the server does it.
        let rolled_back = tx.rollback().await;
        match (stop, rolled_back) {
            (Some(Stop::Lost), _) => ShopAnswer::Lost,
            (Some(Stop::Mismatch(why)), _) => ShopAnswer::Mismatch(why.into()),
            (Some(Stop::NotDone(why)), _) => ShopAnswer::NotDone(why.into()),
            (None, Ok(())) => ShopAnswer::Done,
            (None, Err(error)) => ShopAnswer::NotDone(error.to_string().into()),
        }
    }

    async fn steps(
        &self,
        tx: &mut Tx,
        action: &SqlAction,
        (name, text): (&str, &str),
        amount: Fen,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let now = match self.dialect().now() {
            Some(sql) => first_integer(&tx.rows(Statement::plain(sql.to_owned())).await?).map(Timestamp),
            None => Some(now),
        };
        let now = now.ok_or_else(|| Stop::NotDone("the database did not tell its time".to_owned()))?;
        let params = Params::from([
            (name.to_owned(), key(text)),
            ("now".to_owned(), Param::Sql(self.instant(now))),
            ("amount".to_owned(), self.money(amount)),
        ]);
        for (index, step) in action.steps.iter().enumerate() {
            self.step(tx, index, step, &params).await?;
        }
        if let Some(verify) = &action.verify {
            let rows = tx.rows(render(self.dialect(), verify, &params)?).await?;
            let holds = rows.len() == 1 && rows[0].first().is_some_and(|(_, value)| value.is_true());
            if !holds {
                return Err(Stop::Mismatch("the order is not as `verify` wants it".to_owned()));
            }
        }
        Ok(())
    }

    async fn step(&self, tx: &mut Tx, index: usize, step: &Step, params: &Params) -> Result<(), Stop> {
        let Some(each) = &step.each else {
            return self.exec(tx, index, step, params).await;
        };
        let rows = tx.rows(render(self.dialect(), each, params)?).await?;
        if rows.len() > EACH_ROWS_MAX {
            return Err(Stop::Mismatch(format!("step {index}: `each` found more than {EACH_ROWS_MAX} rows")));
        }
        for row in rows {
            let mut params = params.clone();
            params
                .extend(row.into_iter().map(|(column, value)| (column.to_lowercase(), Param::Value(value))));
            self.exec(tx, index, step, &params).await?;
        }
        Ok(())
    }

    async fn exec(&self, tx: &mut Tx, index: usize, step: &Step, params: &Params) -> Result<(), Stop> {
        let changed = tx.execute(render(self.dialect(), &step.exec, params)?).await?;
        if step.rows.min <= changed && changed <= step.rows.max {
            return Ok(());
        }
        if index == 0 && changed == 0 {
            return Err(Stop::Lost);
        }
        let (min, max) = (step.rows.min, step.rows.max);
        Err(Stop::Mismatch(format!("step {index} changed {changed} rows; it may change {min} to {max}")))
    }
}

/// A server that answers "no" has rolled back; a connection that breaks says nothing.
fn committed(result: Result<(), sqlx::Error>) -> ShopAnswer {
    match result {
        Ok(()) => ShopAnswer::Done,
        Err(sqlx::Error::Database(error)) => ShopAnswer::NotDone(error.to_string().into()),
        Err(_) => ShopAnswer::Doubt,
    }
}

pub(super) fn first_integer(rows: &[super::database::ValueRow]) -> Option<i64> {
    rows.first()?.first()?.1.integer()
}
