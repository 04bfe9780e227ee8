//! A session, or one like it with other bounds.

use std::ops::Deref;
use std::sync::Arc;

use super::Session;
use crate::Result;

/// The session itself, or one with other bounds.
#[derive(Clone)]
pub(super) enum Place<'a> {
    Here(&'a Session),
    Own(Arc<Session>),
}

impl Deref for Place<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        match self {
            Self::Here(session) => session,
            Self::Own(session) => session,
        }
    }
}

impl Session {
    /// Where parameter `index` has these bounds: here, or in a session that is opened for it.
    pub(super) fn bounded(&self, index: usize, bounds: (f64, f64)) -> Result<Place<'_>> {
        Ok(match bounds == self.model.parameters()[index].bounds {
            true => Place::Here(self),
            false => Place::Own(Arc::new(self.with_bounds(index, bounds)?)),
        })
    }
}
