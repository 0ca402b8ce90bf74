//! The token of an application, kept until shortly before its end.

use std::fmt;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{ProviderError, Token};

/// How long before its end a token is renewed: a question that is under way still has a good one.
const MARGIN: Duration = Duration::from_secs(300);
/// The longest that a token is kept, whatever its provider says.
const KEPT_MAX: Duration = Duration::from_secs(7200);

/// What a question with a token went wrong by.
pub(super) enum Trouble {
    /// The token: with a new one it may be good.
    Token,
    /// Anything else.
    Other(ProviderError),
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        Self::Other(error)
    }
}

impl From<Trouble> for ProviderError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Token => Self::Refused("no trust in its own token".to_owned()),
            Trouble::Other(error) => error,
        }
    }
}

/// Where a token is kept. Whoever comes while it is fetched waits for the same one.
#[derive(Default)]
pub(super) struct AppToken(Mutex<Option<(Token, Instant)>>);

impl fmt::Debug for AppToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppToken(..)")
    }
}

impl AppToken {
    /// The token, fetched if there is none. `fetch` answers with a token and how many seconds it is good.
    pub(super) async fn get<F>(&self, fetch: F) -> Result<Token, ProviderError>
    where
        F: Future<Output = Result<(Token, u64), ProviderError>>,
    {
        let mut kept = self.0.lock().await;
        if let Some((token, end)) = &*kept
            && Instant::now() < *end
        {
            return Ok(token.clone());
        }
        *kept = None;
        let (token, seconds) = fetch.await?;
        let good = Duration::from_secs(seconds).saturating_sub(MARGIN).min(KEPT_MAX);
        *kept = Some((token.clone(), Instant::now() + good));
        Ok(token)
    }

    /// Drops a token that the provider refused, unless there is another by now.
    pub(super) async fn drop_if(&self, refused: &Token) {
        let mut kept = self.0.lock().await;
        if kept.as_ref().is_some_and(|(token, _)| token.0 == refused.0) {
            *kept = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(kept: &AppToken, name: &str, seconds: u64) -> String {
        kept.get(async { Ok((Token(name.to_owned()), seconds)) }).await.unwrap().0.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_until_shortly_before_its_end() {
        let kept = AppToken::default();
        assert_eq!(get(&kept, "one", 7200).await, "one");
        tokio::time::advance(Duration::from_secs(7200) - MARGIN - Duration::from_secs(1)).await;
        assert_eq!(get(&kept, "two", 7200).await, "one");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(get(&kept, "two", u64::MAX).await, "two");
        tokio::time::advance(KEPT_MAX).await;
        assert_eq!(get(&kept, "three", 0).await, "three");
        assert_eq!(get(&kept, "four", 0).await, "four", "good for no time is used once");
    }

    #[tokio::test]
    async fn a_refused_token_is_dropped_and_its_successor_is_not() {
        let kept = AppToken::default();
        get(&kept, "one", 7200).await;
        kept.drop_if(&Token("one".into())).await;
        assert_eq!(get(&kept, "two", 7200).await, "two");
        kept.drop_if(&Token("one".into())).await;
        assert_eq!(get(&kept, "three", 7200).await, "two");
        let failed = AppToken::default();
        assert!(failed.get(async { Err(ProviderError::Code) }).await.is_err());
        assert_eq!(get(&failed, "one", 7200).await, "one", "a failure is not kept");
    }
}
