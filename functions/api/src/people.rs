//! Changes of a person's row: read, decide, write if nobody was faster, else all over.

use sms::{consent::Statement, event::UserId, recipient::Recipient, stores::Saved};

use crate::{
    api::Api,
    problem::{Kind, Problem},
};

/// How often a change is begun anew when others are faster.
const TRIES: u32 = 5;

impl Api {
    /// The row of `user`, or the one that everybody has who has none.
    pub async fn person(&self, user: &UserId) -> Result<Recipient, Problem> {
        Ok(self.recipients.get(user).await?.unwrap_or_else(|| Recipient::new(user.clone())))
    }

    /// Lets `change` change the row of `user` and say what goes in the ledger; answers with the row as it is then. Not that of an erased person: an old page or a late job
    /// of a backend brings nobody back.
    pub async fn change(&self, user: &UserId, change: impl Fn(&mut Recipient) -> Result<Option<Statement>, Problem>) -> Result<Recipient, Problem> {
        for _ in 0..TRIES {
            let before = self.person(user).await?;
            if before.erased {
                return Err(Kind::Erased.problem());
            }
            let mut after = before.clone();
            let statement = change(&mut after)?;
            if after == before && statement.is_none() {
                return Ok(before);
            }
            if let Saved::Yes(saved) = self.ledger.save(&self.recipients, &before, &after, statement, None).await? {
                return Ok(*saved);
            }
        }
        Err(Kind::Conflict.problem())
    }
}
